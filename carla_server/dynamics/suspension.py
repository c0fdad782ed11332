"""Height, pitch and roll of many vehicles at once: four wheels on the ground, springs, free fall."""

from __future__ import annotations

import math

import numpy as np

from carla_server.roads.town import Ground

TRAVEL_M = 0.08
"""Height above the resting height up to which the wheels still touch the ground."""

HEAVE_RADPS = 14.0
"""Natural frequency of the body on its springs."""

TILT_RATE_PER_S = 16.0
"""How fast pitch and roll follow the ground."""


def ground_under_wheels(
    ground: Ground,
    x_m: np.ndarray,
    y_m: np.ndarray,
    cosine: np.ndarray,
    sine: np.ndarray,
    half_base_m: np.ndarray,
    half_track_m: np.ndarray,
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Look up the ground under the four wheels.

    Args:
        ground: height field.
        x_m, y_m: (N,) positions of the vehicles' origins.
        cosine, sine: (N,) of yaw.
        half_base_m, half_track_m: (N,) half distance between axles and between left and right wheels.

    Returns:
        Mean height, metres; rise per metre forward; rise per metre to the right; (N,) float64 each.
    """
    count = x_m.shape[0]
    along_x, along_y = cosine * half_base_m, sine * half_base_m
    across_x, across_y = -sine * half_track_m, cosine * half_track_m
    front_x, front_y, rear_x, rear_y = x_m + along_x, y_m + along_y, x_m - along_x, y_m - along_y
    wheel_x = np.concatenate((front_x - across_x, front_x + across_x, rear_x - across_x, rear_x + across_x))
    wheel_y = np.concatenate((front_y - across_y, front_y + across_y, rear_y - across_y, rear_y + across_y))
    heights = ground.height_m(wheel_x, wheel_y)
    front_left, front_right = heights[:count], heights[count : 2 * count]
    rear_left, rear_right = heights[2 * count : 3 * count], heights[3 * count :]
    front, rear = front_left + front_right, rear_left + rear_right
    mean = 0.25 * (front + rear)
    rise_forward = 0.25 * (front - rear) / half_base_m
    rise_right = 0.25 * (front_right - front_left + rear_right - rear_left) / half_track_m
    return mean, rise_forward, rise_right


def heave(
    height_m: np.ndarray,
    climb_mps: np.ndarray,
    ground_m: np.ndarray,
    ground_climb_mps: np.ndarray,
    gravity_mps2: np.ndarray,
    delta_s: float,
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Advance height by one tick: critically damped spring in contact, free fall above.

    Args:
        height_m, climb_mps: (N,) height of the origin and its rate.
        ground_m: (N,) resting height after this tick.
        ground_climb_mps: (N,) rate at which the resting height changes because the vehicle moves.
        gravity_mps2: (N,) 9.81, or 0 where gravity is switched off.
        delta_s: length of the tick.

    Returns:
        New height, new rate, and whether the wheels touch the ground ((N,) float64, 1 or 0).
    """
    falling = climb_mps - gravity_mps2 * delta_s
    fallen_m = height_m + falling * delta_s
    gap_m = height_m + ground_climb_mps * delta_s - ground_m
    stiffness = HEAVE_RADPS * HEAVE_RADPS * delta_s
    relative = climb_mps - ground_climb_mps
    damped = (relative - stiffness * (height_m - (ground_m - ground_climb_mps * delta_s))) / (
        1.0 + 2.0 * HEAVE_RADPS * delta_s + stiffness * delta_s
    )
    sprung = np.maximum(damped + ground_climb_mps, falling)
    airborne = (gap_m > TRAVEL_M) & (fallen_m > ground_m + 0.5 * TRAVEL_M)
    climb = np.where(airborne, falling, sprung)
    height = np.maximum(height_m + climb * delta_s, ground_m - TRAVEL_M)
    return height, climb, 1.0 - airborne


def settle_share(delta_s: float) -> float:
    """Share of the way to the ground's pitch and roll that a body covers in one tick."""
    return 1.0 - math.exp(-TILT_RATE_PER_S * delta_s)
