"""Height, pitch and roll of vehicles, for numbers and arrays: four wheels on the ground, springs, free fall."""

from __future__ import annotations

import math
from typing import Any

from carla_server.dynamics.arithmetic import Arithmetic
from carla_server.roads.town import Ground

TRAVEL_M = 0.08
"""Height above the resting height up to which the wheels still touch the ground."""

HEAVE_RADPS = 14.0
"""Natural frequency of the body on its springs."""

TILT_RATE_PER_S = 16.0
"""How fast pitch and roll follow the ground."""


def ground_under_wheels(
    arithmetic: Arithmetic,
    ground: Ground,
    x_m: Any,
    y_m: Any,
    cosine: Any,
    sine: Any,
    half_base_m: Any,
    half_track_m: Any,
) -> tuple[Any, Any, Any]:
    """Look up the ground under the four wheels.

    Args:
        arithmetic: of the numbers or arrays that the others are.
        ground: height field.
        x_m, y_m: positions of the vehicles' origins.
        cosine, sine: of yaw.
        half_base_m, half_track_m: half distance between axles and between left and right wheels.

    Returns:
        Mean height, metres; rise per metre forward; rise per metre to the right.
    """
    along_x, along_y = cosine * half_base_m, sine * half_base_m
    across_x, across_y = -sine * half_track_m, cosine * half_track_m
    front_x, front_y, rear_x, rear_y = x_m + along_x, y_m + along_y, x_m - along_x, y_m - along_y
    front_left, front_right, rear_left, rear_right = arithmetic.wheel_heights_m(
        ground,
        (front_x - across_x, front_x + across_x, rear_x - across_x, rear_x + across_x),
        (front_y - across_y, front_y + across_y, rear_y - across_y, rear_y + across_y),
    )
    front, rear = front_left + front_right, rear_left + rear_right
    left, right = front_left + rear_left, front_right + rear_right
    return 0.25 * (front + rear), 0.25 * (front - rear) / half_base_m, 0.25 * (right - left) / half_track_m


def heave(
    arithmetic: Arithmetic,
    height_m: Any,
    climb_mps: Any,
    ground_m: Any,
    ground_climb_mps: Any,
    gravity_mps2: Any,
    delta_s: float,
) -> tuple[Any, Any, Any]:
    """Advance height by one tick: critically damped spring in contact, free fall above.

    Args:
        arithmetic: of the numbers or arrays that the others are.
        height_m, climb_mps: height of the origin and its rate.
        ground_m: resting height after this tick.
        ground_climb_mps: rate at which the resting height changes because the vehicle moves.
        gravity_mps2: 9.81, or 0 where gravity is switched off.
        delta_s: length of the tick.

    Returns:
        New height, new rate, and whether the wheels touch the ground (1.0 or 0.0).
    """
    maximum = arithmetic.maximum
    falling = climb_mps - gravity_mps2 * delta_s
    fallen_m = height_m + falling * delta_s
    rest_m = ground_m - ground_climb_mps * delta_s
    gap_m = height_m - rest_m
    stiffness = HEAVE_RADPS * HEAVE_RADPS * delta_s
    softness = 1.0 / (1.0 + 2.0 * HEAVE_RADPS * delta_s + stiffness * delta_s)
    damped = (climb_mps - ground_climb_mps - stiffness * gap_m) * softness
    sprung = maximum(damped + ground_climb_mps, falling)
    airborne = (gap_m > TRAVEL_M) & (fallen_m > ground_m + 0.5 * TRAVEL_M)
    climb = arithmetic.where(airborne, falling, sprung)
    height = maximum(height_m + climb * delta_s, ground_m - TRAVEL_M)
    return height, climb, 1.0 - airborne


def settle_share(delta_s: float) -> float:
    """Share of the way to the ground's pitch and roll that a body covers in one tick."""
    return 1.0 - math.exp(-TILT_RATE_PER_S * delta_s)
