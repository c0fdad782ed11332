"""Planar motion of one vehicle: a dynamic bicycle whose tyres obey a friction circle; compiled.

Equations: Rajamani, Vehicle Dynamics and Control (2012), section 2.3 (lateral and yaw motion) with the smooth
saturating tyre curve F = D x / sqrt(1 + x^2). Two things make long steps stable:

* The slip angle's denominator never falls below `SLIP_SPEED_MPS`. Near standstill the tyre then acts as a stiff
  damper of sideways motion, which is the kinematic bicycle, so both models blend without a switch.
* Sideways velocity and yaw rate, the stiff pair, advance by a linearly implicit trapezoidal step (Rosenbrock,
  order 2); braking and rolling friction are Coulomb forces that can stop a vehicle but never push it.

All accelerations are per unit of mass. Body frame: x forward, y right; yaw rate positive to the right.
"""

from __future__ import annotations

import math
from typing import NamedTuple

from carla_server.compiled import compiled

SLIP_SPEED_MPS = 1.0
"""Speed below which slip angles are computed as if the vehicle rolled this fast."""

SPIN_RAD = 0.05
"""Turn in a substep from which a vehicle spins rather than drives. A substep turns the velocity by a little more
than its length allows, by a quarter of the squared turn: nothing while driving, but a spin would become speed."""

IMPLICITNESS = 0.5
"""The trapezoidal rule: order 2, stable for any step of a damped system."""


class PlanarForces(NamedTuple):
    """What acts on a vehicle during one tick.

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

    to_front_m: float
    to_rear_m: float
    gyration2_m2: float
    steer_cos: float
    steer_sin: float
    grip_front_mps2: float
    grip_rear_mps2: float
    gain_front: float
    gain_rear: float
    drive_mps2: float
    drive_front_mps2: float
    grade_forward_mps2: float
    grade_right_mps2: float
    friction_mps2: float
    drag_per_m: float


@compiled
def advance(forces, forward, right, yaw_rate, delta_s, substeps):
    """Advance body velocities by one tick.

    Args:
        forces: what acts, constant over the tick.
        forward, right: body velocities of the centre of gravity, m/s.
        yaw_rate: rad/s.
        delta_s: length of the tick.
        substeps: number of equal parts it is integrated in.

    Returns:
        New forward, right, yaw_rate, and the tick's mean forward velocity, right velocity and yaw rate.
    """
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
    theta_h_turn = theta_h * inverse_gyration2
    lever_f, lever_r = theta_h_turn * a * a, theta_h_turn * b * b
    slope_f = grip_f * gain_f * cosine
    slope_r = grip_r * gain_r
    step_x = h * (drive + grade_x)
    half_step_x = 0.5 * step_x
    side_drive = drive_f * sine
    push_y = side_drive + grade_y
    push_turn = side_drive * a
    friction_step = friction * h
    friction_back = -friction_step
    friction_half = 0.5 * friction_step
    friction_half_back = -friction_half
    drag_h = drag * h
    sine_h = h * sine
    sum_forward = sum_right = sum_turn = 0.0
    for _ in range(substeps):
        middle = forward + half_step_x
        middle = middle - min(max(middle, friction_half_back), friction_half)
        inverse_speed = 1.0 / max(abs(middle), SLIP_SPEED_MPS)
        slip_f = ((right + a * yaw_rate) * cosine - middle * sine) * inverse_speed * gain_f
        slip_r = (right - b * yaw_rate) * inverse_speed * gain_r
        soft_f = 1.0 / math.sqrt(1.0 + slip_f * slip_f)
        soft_r = 1.0 / math.sqrt(1.0 + slip_r * slip_r)
        wheel_f = grip_f * slip_f * soft_f
        side_f = wheel_f * cosine
        side_r = grip_r * slip_r * soft_r
        rate_right = push_y - side_f - side_r - middle * yaw_rate
        rate_turn = (b * side_r - a * side_f + push_turn) * inverse_gyration2
        wheel_stiff = slope_f * inverse_speed * soft_f * soft_f * soft_f
        stiff_f = wheel_stiff * cosine
        stiff_r = slope_r * inverse_speed * soft_r * soft_r * soft_r
        moment = a * stiff_f - b * stiff_r
        m11 = 1.0 + theta_h * (stiff_f + stiff_r)
        m12 = theta_h * (moment + middle)
        m21 = theta_h_turn * moment
        m22 = 1.0 + (lever_f * stiff_f + lever_r * stiff_r)
        scale = h / (m11 * m22 - m12 * m21)
        change_right = scale * (m22 * rate_right - m12 * rate_turn)
        change_turn = scale * (m11 * rate_turn - m21 * rate_right)
        mid_right = right + 0.5 * change_right
        mid_turn = yaw_rate + 0.5 * change_turn
        mid_wheel_f = wheel_f + 0.5 * wheel_stiff * (change_right + a * change_turn)
        rolled = forward + (step_x + mid_wheel_f * sine_h + h * (mid_right * mid_turn))
        rolled = rolled / (1.0 + drag_h * abs(rolled))
        rolled = rolled - min(max(rolled, friction_back), friction_step)
        sum_forward = sum_forward + (forward + rolled)
        sum_right = sum_right + mid_right
        sum_turn = sum_turn + mid_turn
        forward = rolled
        right = right + change_right
        yaw_rate = yaw_rate + change_turn
        turned = h * mid_turn
        if abs(turned) > SPIN_RAD:
            shrink = 1.0 / math.sqrt(1.0 + 0.5 * turned * turned)
            forward, right = shrink * forward, shrink * right
    share = 1.0 / substeps
    return forward, right, yaw_rate, sum_forward * (0.5 * share), sum_right * share, sum_turn * share
