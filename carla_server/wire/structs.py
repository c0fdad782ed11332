"""Arguments of remote calls as checked values.

Every `read_*` takes what msgpack made of the bytes and the argument's name, and returns plain Python values or
raises `InvalidArgument` naming the argument and the value. Structs travel as arrays in the order of CARLA's fields.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

Vector = tuple[float, float, float]
Pose = tuple[float, float, float, float, float, float]
"""x, y, z in metres, pitch, yaw, roll in degrees."""


FARTHEST_M = 1e6
"""Largest coordinate of a place: a thousand kilometres from the origin."""

FASTEST_MPS = 1e4
"""Largest speed that a client may give an actor."""


class InvalidArgument(ValueError):
    """A call's argument has the wrong type, length or range; the text goes to the caller."""


class VehicleControl(NamedTuple):
    """carla.VehicleControl: throttle and brake in [0, 1], steer in [-1, 1]."""

    throttle: float = 0.0
    steer: float = 0.0
    brake: float = 0.0
    hand_brake: bool = False
    reverse: bool = False
    manual_gear_shift: bool = False
    gear: int = 0


class WalkerControl(NamedTuple):
    """carla.WalkerControl: direction in the world, speed in m/s."""

    direction: Vector = (1.0, 0.0, 0.0)
    speed_mps: float = 0.0
    jump: bool = False


@dataclass(frozen=True)
class ActorDescription:
    """What a client asks to spawn: blueprint number and name, and its attributes ((id, type, value), ...)."""

    uid: int
    blueprint_id: str
    attributes: tuple[tuple[str, int, str], ...]

    def attribute(self, name: str, default: str) -> str:
        """Value of an attribute, or the default if the client did not send it."""
        return next((value for key, _, value in self.attributes if key == name), default)


@dataclass(frozen=True)
class EpisodeSettings:
    """carla.WorldSettings in the order of the wire."""

    synchronous_mode: bool = False
    no_rendering_mode: bool = False
    fixed_delta_s: float | None = None
    substepping: bool = True
    max_substep_delta_s: float = 0.01
    max_substeps: int = 10
    max_culling_distance_m: float = 0.0
    deterministic_ragdolls: bool = False
    tile_stream_distance_m: float = 3000.0
    actor_active_distance_m: float = 2000.0
    spectator_as_ego: bool = True

    def to_wire(self) -> list:
        """The array a client reads."""
        delta = [False] if self.fixed_delta_s is None else [True, self.fixed_delta_s]
        return [
            self.synchronous_mode,
            self.no_rendering_mode,
            delta,
            self.substepping,
            self.max_substep_delta_s,
            self.max_substeps,
            self.max_culling_distance_m,
            self.deterministic_ragdolls,
            self.tile_stream_distance_m,
            self.actor_active_distance_m,
            self.spectator_as_ego,
        ]


def read_bool(value: Any, name: str) -> bool:
    """A true boolean; nothing else counts as one."""
    if not isinstance(value, bool):
        raise InvalidArgument(f"{name} is {value!r}, it must be true or false")
    return value


def read_int(value: Any, name: str, low: int = 0, high: int = (1 << 64) - 1) -> int:
    """A whole number within `low` .. `high`."""
    if type(value) is not int or not low <= value <= high:
        raise InvalidArgument(f"{name} is {value!r}, it must be a whole number in {low} .. {high}")
    return value


def read_id(value: Any, name: str = "actor id") -> int:
    """An unsigned 32-bit number."""
    return read_int(value, name, 0, (1 << 32) - 1)


def read_float(value: Any, name: str, low: float = -1e30, high: float = 1e30) -> float:
    """A finite number within `low` .. `high`; NaN and infinities are refused."""
    if (type(value) is not float and type(value) is not int) or not low <= value <= high:
        raise InvalidArgument(f"{name} is {value!r}, it must be a finite number in {low:g} .. {high:g}")
    return float(value)


def read_str(value: Any, name: str) -> str:
    """A string."""
    if not isinstance(value, str):
        raise InvalidArgument(f"{name} is {value!r}, it must be a string")
    return value


def read_array(value: Any, name: str, length: int | None = None) -> list:
    """An array of at least `length` elements; later CARLA versions append fields."""
    if not isinstance(value, list) or (length is not None and len(value) < length):
        wanted = "an array" if length is None else f"an array of {length}"
        raise InvalidArgument(f"{name} is {str(value)[:120]}, it must be {wanted}")
    return value


def read_vector(value: Any, name: str, limit: float = 1e9) -> Vector:
    """carla.Vector3D or Location; finite, each part at most `limit` in magnitude."""
    parts = read_array(value, name, 3)
    x, y, z = parts[0], parts[1], parts[2]
    if type(x) is type(y) is type(z) is float and -limit <= x <= limit >= y >= -limit <= z <= limit:
        return x, y, z  # what nearly all calls are like
    return read_float(x, name, -limit, limit), read_float(y, name, -limit, limit), read_float(z, name, -limit, limit)


def read_pose(value: Any, name: str = "transform") -> Pose:
    """carla.Transform `[[x, y, z], [pitch, yaw, roll]]`."""
    location, rotation = read_array(value, name, 2)[:2]
    return read_vector(location, f"{name} location", FARTHEST_M) + read_vector(rotation, f"{name} rotation", 1e6)


def read_vehicle_control(value: Any) -> VehicleControl:
    """carla.VehicleControl, clipped to its ranges as CARLA does."""
    parts = value if type(value) is list and len(value) == 7 else read_array(value, "vehicle control", 7)[:7]
    throttle, steer, brake, hand_brake, reverse, manual_gear_shift, gear = parts
    if (
        type(throttle) is type(steer) is type(brake) is float
        and 0.0 <= throttle <= 1.0 >= brake >= 0.0
        and -1.0 <= steer <= 1.0
        and type(gear) is int
        and -128 <= gear <= 127
    ):  # what nearly all calls are like
        return VehicleControl(throttle, steer, brake, bool(hand_brake), bool(reverse), bool(manual_gear_shift), gear)
    return VehicleControl(
        min(max(read_float(throttle, "throttle"), 0.0), 1.0),
        min(max(read_float(steer, "steer"), -1.0), 1.0),
        min(max(read_float(brake, "brake"), 0.0), 1.0),
        bool(hand_brake),
        bool(reverse),
        bool(manual_gear_shift),
        read_int(gear, "gear", -128, 127),
    )


def read_walker_control(value: Any) -> WalkerControl:
    """carla.WalkerControl."""
    parts = read_array(value, "walker control", 3)
    return WalkerControl(
        read_vector(parts[0], "walker direction"), read_float(parts[1], "walker speed", -50.0, 50.0), bool(parts[2])
    )


def read_description(value: Any) -> ActorDescription:
    """carla.ActorDescription."""
    parts = read_array(value, "actor description", 3)
    attributes = tuple(
        (read_str(item[0], "attribute id"), read_int(item[1], "attribute type"), read_str(item[2], "attribute value"))
        for item in (read_array(entry, "attribute", 3) for entry in read_array(parts[2], "attributes"))
    )
    return ActorDescription(read_id(parts[0], "blueprint uid"), read_str(parts[1], "blueprint id"), attributes)


def read_optional(value: Any, name: str) -> Any:
    """`[false]` -> None, `[true, x]` -> x."""
    parts = read_array(value, name, 1)
    if not parts[0]:
        return None
    return read_array(parts, name, 2)[1]


def read_settings(value: Any) -> EpisodeSettings:
    """carla.WorldSettings.

    Raises:
        InvalidArgument: synchronous or not, a fixed delta must lie in 0 .. 10 s (0 means: none).
    """
    parts = read_array(value, "episode settings", 11)
    delta = read_optional(parts[2], "fixed_delta_seconds")
    if delta is not None:
        delta = read_float(delta, "fixed_delta_seconds", 0.0, 10.0) or None
    return EpisodeSettings(
        read_bool(parts[0], "synchronous_mode"),
        read_bool(parts[1], "no_rendering_mode"),
        delta,
        read_bool(parts[3], "substepping"),
        read_float(parts[4], "max_substep_delta_time"),
        read_int(parts[5], "max_substeps"),
        read_float(parts[6], "max_culling_distance"),
        read_bool(parts[7], "deterministic_ragdolls"),
        read_float(parts[8], "tile_stream_distance"),
        read_float(parts[9], "actor_active_distance"),
        read_bool(parts[10], "spectator_as_ego"),
    )


def pose_to_wire(pose: Pose) -> list:
    """carla.Transform as an array."""
    x, y, z, pitch, yaw, roll = pose
    return [[x, y, z], [pitch, yaw, roll]]
