"""What changes while vehicles move: the columns of their state, and which rare things there are among them."""

from __future__ import annotations

from typing import Any, NamedTuple

THROTTLE, STEER, BRAKE, HAND_BRAKE, REVERSE, MANUAL_GEAR, GEAR = range(7)
"""Columns of `VehicleRows.control`, in the order of CARLA's VehicleControl."""


class State(NamedTuple):
    """What changes while vehicles move: the columns of the fleet's state, float64 arrays of one length or floats.

    First what only the step knows, then what the snapshot shows, then what is commanded. The step writes all but the
    commands.
    """

    gear: Any
    rpm: Any
    steer_rad: Any
    wheel_turn_rad: Any
    steer_input: Any
    forward_gear: Any
    shift_timer_s: Any
    rise_forward: Any
    rise_right: Any
    contact: Any
    heading_x: Any
    heading_y: Any
    x_before_mps: Any
    y_before_mps: Any
    z_before_mps: Any
    x_m: Any
    y_m: Any
    z_m: Any
    pitch_rad: Any
    yaw_rad: Any
    roll_rad: Any
    velocity_x_mps: Any
    velocity_y_mps: Any
    velocity_z_mps: Any
    rate_x_radps: Any
    rate_y_radps: Any
    rate_z_radps: Any
    acceleration_x_mps2: Any
    acceleration_y_mps2: Any
    acceleration_z_mps2: Any
    throttle: Any
    steer: Any
    brake: Any
    hand_brake: Any
    reverse: Any
    manual_gear_shift: Any
    gear_command: Any
    friction_scale: Any
    gravity_mps2: Any
    frozen: Any
    force_x_n: Any
    force_y_n: Any
    force_z_n: Any
    torque_z_nm: Any
    holds_velocity: Any
    held_forward_mps: Any
    held_right_mps: Any


_COLUMN = {name: column for column, name in enumerate(State._fields)}
MOVED = slice(0, _COLUMN["throttle"])
"""Columns of `State` that the step writes."""

SHOWN = slice(_COLUMN["x_m"], _COLUMN["hand_brake"])
"""Columns of `State` that a snapshot shows, in its order: pose, velocities, acceleration, throttle, steer, brake."""


def _columns(first: str, count: int) -> slice:
    return slice(_COLUMN[first], _COLUMN[first] + count)


VECTORS = {
    "position_m": _columns("x_m", 3),
    "rotation_rad": _columns("pitch_rad", 3),
    "velocity_mps": _columns("velocity_x_mps", 3),
    "angular_velocity_radps": _columns("rate_x_radps", 3),
    "acceleration_mps2": _columns("acceleration_x_mps2", 3),
    "control": _columns("throttle", 7),
    "heading": _columns("heading_x", 2),
    "_velocity_before_mps": _columns("x_before_mps", 3),
    "_force_n": _columns("force_x_n", 3),
    "_held_velocity_mps": _columns("held_forward_mps", 2),
}
SCALARS = {
    "gear": _COLUMN["gear"],
    "rpm": _COLUMN["rpm"],
    "steer_rad": _COLUMN["steer_rad"],
    "wheel_turn_rad": _COLUMN["wheel_turn_rad"],
    "friction_scale": _COLUMN["friction_scale"],
    "_forward_gear": _COLUMN["forward_gear"],
    "_rise_forward": _COLUMN["rise_forward"],
    "_rise_right": _COLUMN["rise_right"],
    "_contact": _COLUMN["contact"],
    "_gravity_mps2": _COLUMN["gravity_mps2"],
    "_frozen": _COLUMN["frozen"],
    "_torque_nm": _COLUMN["torque_z_nm"],
    "_holds_velocity": _COLUMN["holds_velocity"],
}
"""Names of parts of the state, which are views of it."""


class Rare(NamedTuple):
    """What most fleets do not have, and for which the step then does nothing.

    Attributes:
        forces: somebody pushes a vehicle in this tick.
        levers: a hand brake, reverse or a manual gear is commanded.
        gearboxes: a vehicle has more than one gear.
        two_wheelers: a vehicle leans into bends.
        held_velocities: a vehicle has a constant velocity.
        frozen: a vehicle moves only by set poses.
    """

    forces: bool
    levers: bool
    gearboxes: bool
    two_wheelers: bool
    held_velocities: bool
    frozen: bool
