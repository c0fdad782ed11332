"""The one table of all remote procedures."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from carla_server.api import (
    accepted,
    ackermann,
    actors,
    batch,
    bones,
    debug,
    episode,
    extensions,
    files,
    layers,
    level,
    lights,
    queries,
    recorder,
    unsupported,
    vehicles,
    walkers,
)
from carla_server.api.table import Procedure
from carla_server.wire.rpc import Request

PROCEDURES: Mapping[str, Procedure] = MappingProxyType(
    {
        **unsupported.PROCEDURES,
        **accepted.PROCEDURES,
        **episode.PROCEDURES,
        **files.PROCEDURES,
        **actors.PROCEDURES,
        **bones.PROCEDURES,
        **ackermann.PROCEDURES,
        **vehicles.PROCEDURES,
        **walkers.PROCEDURES,
        **lights.PROCEDURES,
        **layers.PROCEDURES,
        **level.PROCEDURES,
        **queries.PROCEDURES,
        **recorder.PROCEDURES,
        **batch.PROCEDURES,
        **debug.PROCEDURES,
        **extensions.PROCEDURES,
    }
)


NOT_AT_ONCE = frozenset(("tick_cue", "apply_batch", "get_episode_settings", "get_sensor_token", "load_new_episode"))
"""Procedures whose calls the loop may park or must remember; it looks at the others no closer."""


def advances_time(request: Request) -> bool:
    """Whether the request asks for a tick."""
    if request.name == "tick_cue":
        return True
    return request.name == "apply_batch" and len(request.arguments) > 1 and request.arguments[1] is True
