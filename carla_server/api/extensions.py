"""Procedures that CARLA does not have; our agents use them to tell the embedded server from a real one."""

from __future__ import annotations

from carla_server.api.simulator import Simulator
from carla_server.api.table import Procedure, Returns

EXTENSIONS: tuple[str, ...] = ()
"""Names of the optional services of this server; none so far."""


def capabilities(simulator: Simulator) -> dict:
    """Who answers here: `{"server", "version", "extensions", "map"}`."""
    world = simulator.world
    return {
        "server": "carla_server",
        "version": world.layout.version,
        "extensions": list(EXTENSIONS),
        "map": world.town.name,
    }


PROCEDURES = {"syndiff.capabilities": Procedure.of(capabilities, Returns.VALUE)}
