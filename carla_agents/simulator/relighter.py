"""`Relighter`: the picture a camera has sent, under other weathers and lamps, from the embedded server."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from carla_agents.simulator.errors import ExtensionMissing, NotACarlaServer, ServerLost, SimulatorError
from carla_agents.simulator.rpc_connection import RpcConnection
from carla_agents.simulator.session import Session
from carla_server.wire.caller import Refused

EXTENSION = "relight"
_PROCEDURE = "syndiff.relight"
_BYTES_PER_CALL = 32 << 20
_CONDITIONS_PER_CALL = 64


@dataclass(frozen=True)
class RelitCondition:
    """What to show an instant under.

    Attributes:
        weather: 14 numbers in CARLA's order.
        light_states: vehicle id -> bits of `carla.VehicleLightState` that it has in this condition; vehicles that are
            not named keep their lamps. Street lamps and lit windows follow the weather, brake lights the pedal.
    """

    weather: Sequence[float]
    light_states: Mapping[int, int] = field(default_factory=dict)


class Relighter:
    """Asks the embedded server for true variants over a connection of its own.

    The plain protocol is not touched: a session without a relighter works on any CARLA server.

    Args:
        session: on a server with the extension `relight`.

    Raises:
        ExtensionMissing: the server has none, as every real CARLA.

    Example:
        `dark = relighter.relight(camera.id, session.frame_id, [RelitCondition(night)], (256, 144))[0]`
    """

    def __init__(self, session: Session) -> None:
        config = session.config
        if not can_relight(session):
            raise ExtensionMissing(
                f"the server at {config.host}:{config.port} cannot relight: it is "
                f"{'the embedded one of an older version' if session.server_info.is_ours else 'a plain CARLA'} "
                f"{session.server_info.version} with extensions {list(session.server_info.extensions)}; use the "
                "embedded simulator, or make pairs by replaying recorded drives (`syndiff pairs`)"
            )
        self._connection = RpcConnection(config.host, config.port or 0, config.timeout_s)

    def relight(
        self, camera_id: int, frame_id: int, conditions: Sequence[RelitCondition], size_px: tuple[int, int]
    ) -> list[np.ndarray]:
        """The picture that an rgb camera sent at the last tick, under each condition, pixel by pixel the same view.

        Args:
            camera_id: actor id of a camera that is listened to.
            frame_id: the frame of the picture; ask before the next tick.
            conditions: any number; large pictures are asked for in several calls.
            size_px: width and height of the camera.

        Returns:
            One fresh (H, W, 3) uint8 RGB array a condition, bit-equal to what the camera would have sent.

        Raises:
            SimulatorError: the server refused, with its reason.
            ServerLost: it did not answer.
        """
        width_px, height_px = size_px
        at_once = max(1, min(_CONDITIONS_PER_CALL, _BYTES_PER_CALL // (4 * width_px * height_px)))
        pictures: list[np.ndarray] = []
        for first in range(0, len(conditions), at_once):
            wanted = [_to_wire(condition) for condition in conditions[first : first + at_once]]
            width_px, height_px, made = self._call(int(camera_id), int(frame_id), wanted)
            for data in made:
                bgra = np.frombuffer(data, np.uint8).reshape(height_px, width_px, 4)
                pictures.append(bgra[..., 2::-1].copy())
        return pictures

    def close(self) -> None:
        """Closes the connection; safe to repeat."""
        self._connection.close()

    def __enter__(self) -> Relighter:
        return self

    def __exit__(self, *_: Any) -> None:
        self.close()

    def _call(self, *arguments: Any) -> Any:
        try:
            return self._connection.call(_PROCEDURE, *arguments)
        except Refused as error:
            raise SimulatorError(f"the server cannot relight: {error}") from error
        except NotACarlaServer as error:
            raise ServerLost(f"the server was lost while it relit a picture: {error}") from error


def can_relight(session: Session) -> bool:
    """Whether a session's server has the extension."""
    return EXTENSION in session.server_info.extensions


def _to_wire(condition: RelitCondition) -> list:
    lamps = [[int(vehicle), int(bits)] for vehicle, bits in condition.light_states.items()]
    return [[float(value) for value in condition.weather], lamps]
