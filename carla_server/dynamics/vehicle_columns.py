"""What changes while vehicles move: the columns of their state."""

from __future__ import annotations

import numpy as np

THROTTLE, STEER, BRAKE, HAND_BRAKE, REVERSE, MANUAL_GEAR, GEAR = range(7)
"""Columns of `VehicleRows.control`, in the order of CARLA's VehicleControl."""


STATE = (
    "gear",
    "rpm",
    "steer_rad",
    "wheel_turn_rad",
    "steer_input",
    "forward_gear",
    "shift_timer_s",
    "rise_forward",
    "rise_right",
    "contact",
    "heading_x",
    "heading_y",
    "x_before_mps",
    "y_before_mps",
    "z_before_mps",
    "x_m",
    "y_m",
    "z_m",
    "pitch_rad",
    "yaw_rad",
    "roll_rad",
    "velocity_x_mps",
    "velocity_y_mps",
    "velocity_z_mps",
    "rate_x_radps",
    "rate_y_radps",
    "rate_z_radps",
    "acceleration_x_mps2",
    "acceleration_y_mps2",
    "acceleration_z_mps2",
    "throttle",
    "steer",
    "brake",
    "hand_brake",
    "reverse",
    "manual_gear_shift",
    "gear_command",
    "friction_scale",
    "gravity_mps2",
    "frozen",
    "force_x_n",
    "force_y_n",
    "force_z_n",
    "torque_z_nm",
    "holds_velocity",
    "held_forward_mps",
    "held_right_mps",
)
"""Columns of the fleet's state, float64: first what only the step knows, then what the snapshot shows, then what is
commanded. The step writes all but the commands."""

STATE_DTYPE = np.dtype([(name, np.float64) for name in STATE], align=True)
"""One vehicle's row, as compiled code sees it."""

_COLUMN = {name: column for column, name in enumerate(STATE)}
MOVED = slice(0, _COLUMN["throttle"])
"""Columns of `STATE` that the step writes."""

SHOWN = slice(_COLUMN["x_m"], _COLUMN["hand_brake"])
"""Columns of `STATE` that a snapshot shows, in its order: pose, velocities, acceleration, throttle, steer, brake."""


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
