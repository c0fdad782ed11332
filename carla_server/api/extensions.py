"""Procedures that CARLA does not have; our agents use them to tell the embedded server from a real one.

Described for users in docs/server.md. A server started with `--no-extensions` does not know them.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from carla_server.api.simulator import Simulator
from carla_server.api.table import Procedure, Returns
from carla_server.sensors.relighting import RelitCondition
from carla_server.wire.structs import InvalidArgument, read_array, read_id, read_int
from carla_server.world.actors import Sensor
from carla_server.world.weather import read_weather

EXTENSIONS: tuple[str, ...] = ("relight", "count_ids_anew")
"""Names of the optional services of this server: the procedure is `syndiff.<name>`."""


def capabilities(simulator: Simulator) -> dict:
    """Who answers here: `{"server", "version", "extensions", "map", "style"}`."""
    world = simulator.world
    return {
        "server": "carla_server",
        "version": world.layout.version,
        "extensions": list(EXTENSIONS),
        "map": world.town.name,
        "style": simulator.style,
    }


def count_ids_anew(simulator: Simulator) -> None:
    """The next episode numbers its actors as the server's first one did, so that records of equal drives are equal.

    CARLA goes on counting, and so does this server unasked: whoever asks must hold no actor of the present episode.
    """
    simulator.world.count_ids_anew = True


def relight(simulator: Simulator, actor_id: Any, frame: Any, conditions: Any) -> list:
    """The last picture of a colour camera under other conditions, pixel-aligned with what it sent.

    Args:
        actor_id: the camera; it must have sent its picture of that frame, so somebody listens to it.
        frame: number of the frame, the last one that cameras drew.
        conditions: array of `[weather, light states]`; weather as for `set_weather_parameters`, light states
            `[[vehicle id, VehicleLightState bits], ...]` of the vehicles whose lamps differ.

    Returns:
        `[width, height, [bytes, ...]]`, BGRA of each condition.
    """
    sensor = simulator.world.actor(read_id(actor_id))
    if not isinstance(sensor, Sensor):
        raise InvalidArgument(f"actor {actor_id} is {sensor.type_id}; only sensor.camera.rgb can be relit")
    wanted = [_read_condition(entry) for entry in read_array(conditions, "conditions")]
    pictures = simulator.world.sensors.relight(sensor, read_int(frame, "frame"), wanted)
    height_px, width_px = pictures[0].shape[:2]
    return [width_px, height_px, [picture.tobytes() for picture in pictures]]


def _read_condition(value: Any) -> RelitCondition:
    weather, light_states = read_array(value, "condition", 2)[:2]
    lamps = {}
    for entry in read_array(light_states, "light states"):
        vehicle_id, bits = read_array(entry, "light state", 2)[:2]
        lamps[read_id(vehicle_id, "vehicle id")] = read_int(bits, "light state", 0, (1 << 32) - 1)
    return RelitCondition(read_weather(weather), lamps)


PROCEDURES: Mapping[str, Procedure] = MappingProxyType(
    {f"syndiff.{handler.__name__}": Procedure.of(handler, Returns.VALUE) for handler in (capabilities, relight)}
    | {"syndiff.count_ids_anew": Procedure.of(count_ids_anew, Returns.VOID)}
)
