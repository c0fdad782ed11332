"""Planar motion of many vehicles at once: a dynamic bicycle whose tyres obey a friction circle.

Equations: Rajamani, Vehicle Dynamics and Control (2012), section 2.3 (lateral and yaw motion) with the smooth
saturating tyre curve F = D x / sqrt(1 + x^2). Two things make long steps stable:

* The slip angle's denominator never falls below `SLIP_SPEED_MPS`. Near standstill the tyre then acts as a stiff
  damper of sideways motion, which is the kinematic bicycle, so both models blend without a switch.
* Sideways velocity and yaw rate, the stiff pair, advance by a linearly implicit trapezoidal step (Rosenbrock,
  order 2); braking and rolling friction are Coulomb forces that can stop a vehicle but never push it.

The kernel is written once for numbers and arrays: a few vehicles are faster one by one as Python floats, many
together as arrays. Both give the same bits, because every operation in it is correctly rounded.

All accelerations are per unit of mass. Body frame: x forward, y right; yaw rate positive to the right.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

SLIP_SPEED_MPS = 1.0
"""Speed below which slip angles are computed as if the vehicle rolled this fast."""

IMPLICITNESS = 0.5
"""The trapezoidal rule: order 2, stable for any step of a damped system."""

FEW_VEHICLES = 4
"""Up to this many vehicles are advanced one by one."""


class _Arithmetic(NamedTuple):
    """The operations that numbers and arrays spell differently."""

    maximum: Callable[..., Any]
    minimum: Callable[..., Any]
    sqrt: Callable[..., Any]


_OF_ARRAYS = _Arithmetic(np.maximum, np.minimum, np.sqrt)
_OF_NUMBERS = _Arithmetic(max, min, math.sqrt)


class PlanarForces(NamedTuple):
    """What acts on the vehicles during one tick; every field is an (N,) float64 array.

    Attributes:
        to_front_m, to_rear_m: distance from the centre of gravity to the axles.
        gyration2_m2: yaw inertia divided by mass.
        steer_cos, steer_sin: of the angle of the front wheels.
        grip_front_mps2, grip_rear_mps2: largest lateral force of each axle.
        gain_front, gain_rear: cornering stiffness divided by that largest force, 1/rad.
        drive_mps2: propulsion along the body, signed.
        drive_front_mps2: the part of it that the steered front wheels carry.
        grade_forward_mps2, grade_right_mps2: gravity along the ground.
        friction_mps2: brakes and rolling resistance, not negative.
        drag_per_m: aerodynamic deceleration divided by speed squared.
    """

    to_front_m: np.ndarray
    to_rear_m: np.ndarray
    gyration2_m2: np.ndarray
    steer_cos: np.ndarray
    steer_sin: np.ndarray
    grip_front_mps2: np.ndarray
    grip_rear_mps2: np.ndarray
    gain_front: np.ndarray
    gain_rear: np.ndarray
    drive_mps2: np.ndarray
    drive_front_mps2: np.ndarray
    grade_forward_mps2: np.ndarray
    grade_right_mps2: np.ndarray
    friction_mps2: np.ndarray
    drag_per_m: np.ndarray


def advance(
    forces: PlanarForces, forward: np.ndarray, right: np.ndarray, yaw_rate: np.ndarray, delta_s: float, substeps: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Advance body velocities by one tick.

    Args:
        forces: what acts, constant over the tick.
        forward, right: (N,) body velocities of the centre of gravity, m/s.
        yaw_rate: (N,) rad/s.
        delta_s: length of the tick.
        substeps: number of equal parts it is integrated in.

    Returns:
        New forward, right, yaw_rate, and the tick's mean forward velocity, right velocity and yaw rate, (N,) each.
    """
    if len(forward) > FEW_VEHICLES:
        return _advance(_OF_ARRAYS, forces, forward, right, yaw_rate, delta_s, substeps)
    rows = zip(*(column.tolist() for column in (*forces, forward, right, yaw_rate)), strict=True)
    each = [_advance(_OF_NUMBERS, row[:-3], row[-3], row[-2], row[-1], delta_s, substeps) for row in rows]
    forward, right, yaw_rate, mean_forward, mean_right, mean_turn = np.array(each).T.copy()
    return forward, right, yaw_rate, mean_forward, mean_right, mean_turn


def _advance(
    arithmetic: _Arithmetic,
    forces: tuple[Any, ...],
    forward: Any,
    right: Any,
    yaw_rate: Any,
    delta_s: float,
    substeps: int,
) -> tuple[Any, Any, Any, Any, Any, Any]:
    """`advance` for one vehicle as numbers or many as arrays."""
    maximum, minimum, sqrt = arithmetic
    (
        a,
        b,
        gyration2,
        cosine,
        sine,
        grip_f,
        grip_r,
        gain_f,
        gain_r,
        drive,
        drive_f,
        grade_x,
        grade_y,
        friction,
        drag,
    ) = forces
    h = delta_s / substeps
    theta_h = IMPLICITNESS * h
    inverse_gyration2 = 1.0 / gyration2
    slope_f = grip_f * gain_f
    slope_r = grip_r * gain_r
    push_x = drive + grade_x
    push_y = drive_f * sine + grade_y
    push_turn = drive_f * sine * a
    friction_step = friction * h
    friction_back = -friction_step
    friction_half = 0.5 * friction_step
    drag_h = drag * h
    sum_forward = sum_right = sum_turn = forward * 0.0
    for _ in range(substeps):
        middle = forward + 0.5 * h * push_x
        middle = middle - minimum(maximum(middle, -friction_half), friction_half)
        inverse_speed = 1.0 / maximum(abs(middle), SLIP_SPEED_MPS)
        slip_f = ((right + a * yaw_rate) * cosine - middle * sine) * inverse_speed * gain_f
        slip_r = (right - b * yaw_rate) * inverse_speed * gain_r
        soft_f = 1.0 / sqrt(1.0 + slip_f * slip_f)
        soft_r = 1.0 / sqrt(1.0 + slip_r * slip_r)
        wheel_f = grip_f * slip_f * soft_f
        side_f = wheel_f * cosine
        side_r = grip_r * slip_r * soft_r
        rate_right = push_y - side_f - side_r - middle * yaw_rate
        rate_turn = (b * side_r - a * side_f + push_turn) * inverse_gyration2
        wheel_stiff = slope_f * inverse_speed * soft_f * soft_f * soft_f * cosine
        stiff_f = wheel_stiff * cosine
        stiff_r = slope_r * inverse_speed * soft_r * soft_r * soft_r
        moment = a * stiff_f - b * stiff_r
        m11 = 1.0 + theta_h * (stiff_f + stiff_r)
        m12 = theta_h * (moment + middle)
        m21 = theta_h * moment * inverse_gyration2
        m22 = 1.0 + theta_h * (a * a * stiff_f + b * b * stiff_r) * inverse_gyration2
        scale = h / (m11 * m22 - m12 * m21)
        change_right = scale * (m22 * rate_right - m12 * rate_turn)
        change_turn = scale * (m11 * rate_turn - m21 * rate_right)
        mid_right = right + 0.5 * change_right
        mid_turn = yaw_rate + 0.5 * change_turn
        mid_wheel_f = wheel_f + 0.5 * wheel_stiff * (change_right + a * change_turn)
        rolled = forward + h * (push_x + mid_wheel_f * sine + mid_right * mid_turn)
        rolled = rolled / (1.0 + drag_h * abs(rolled))
        rolled = rolled - minimum(maximum(rolled, friction_back), friction_step)
        sum_forward = sum_forward + 0.5 * (forward + rolled)
        sum_right = sum_right + mid_right
        sum_turn = sum_turn + mid_turn
        forward = rolled
        right = right + change_right
        yaw_rate = yaw_rate + change_turn
    return forward, right, yaw_rate, sum_forward / substeps, sum_right / substeps, sum_turn / substeps
