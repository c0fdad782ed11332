"""Height, pitch and roll of a vehicle: four wheels on the ground, springs, free fall; compiled."""

from __future__ import annotations

import math

from carla_server.compiled import compiled
from carla_server.roads.height_field import height_at_m

TRAVEL_M = 0.08
"""Height above the resting height up to which the wheels still touch the ground."""

BUMP_STOP_M = 0.5
"""Springs push no harder than pressed by this much: a vehicle put into the ground comes up and is not thrown."""

BURIED_M = 10.0
"""A vehicle deeper below the ground than any bank is high is under it and falls, as in CARLA; clients hide vehicles
there, and it must not come up between the others."""

HEAVE_RADPS = 14.0
"""Natural frequency of the body on its springs."""

TILT_RATE_PER_S = 16.0
"""How fast pitch and roll follow the ground."""


@compiled
def ground_under_wheels(field, x_m, y_m, z_m, cosine, sine, half_base_m, half_track_m):
    """Look up the ground under the four wheels.

    Args:
        field: `HeightField` of the ground.
        x_m, y_m, z_m: position of the vehicle's origin; z tells on which of several levels it is.
        cosine, sine: of its yaw.
        half_base_m, half_track_m: half distance between axles and between left and right wheels.

    Returns:
        Mean height, metres; rise per metre forward; rise per metre to the right.
    """
    along_x, along_y = cosine * half_base_m, sine * half_base_m
    across_x, across_y = -sine * half_track_m, cosine * half_track_m
    front_x, front_y, rear_x, rear_y = x_m + along_x, y_m + along_y, x_m - along_x, y_m - along_y
    front_left = height_at_m(field, front_x - across_x, front_y - across_y, z_m)
    front_right = height_at_m(field, front_x + across_x, front_y + across_y, z_m)
    rear_left = height_at_m(field, rear_x - across_x, rear_y - across_y, z_m)
    rear_right = height_at_m(field, rear_x + across_x, rear_y + across_y, z_m)
    front, rear = front_left + front_right, rear_left + rear_right
    left, right = front_left + rear_left, front_right + rear_right
    return 0.25 * (front + rear), 0.25 * (front - rear) / half_base_m, 0.25 * (right - left) / half_track_m


@compiled
def heave(height_m, climb_mps, ground_m, ground_climb_mps, gravity_mps2, delta_s):
    """Advance height by one tick: critically damped spring in contact, free fall above.

    Args:
        height_m, climb_mps: height of the origin and its rate.
        ground_m: resting height after this tick.
        ground_climb_mps: rate at which the resting height changes because the vehicle moves.
        gravity_mps2: 9.81, or 0 where gravity is switched off.
        delta_s: length of the tick.

    Returns:
        New height, new rate, and whether the wheels touch the ground (1.0 or 0.0).
    """
    falling = climb_mps - gravity_mps2 * delta_s
    fallen_m = height_m + falling * delta_s
    rest_m = ground_m - ground_climb_mps * delta_s
    gap_m = height_m - rest_m
    stiffness = HEAVE_RADPS * HEAVE_RADPS * delta_s
    softness = 1.0 / (1.0 + 2.0 * HEAVE_RADPS * delta_s + stiffness * delta_s)
    damped = (climb_mps - ground_climb_mps - stiffness * max(gap_m, -BUMP_STOP_M)) * softness
    sprung = max(damped + ground_climb_mps, falling)
    if gap_m < -BURIED_M or (gap_m > TRAVEL_M and fallen_m > ground_m + 0.5 * TRAVEL_M):
        return fallen_m, falling, 0.0
    return max(height_m + sprung * delta_s, ground_m - TRAVEL_M), sprung, 1.0


@compiled
def settle_share(delta_s):
    """Share of the way to the ground's pitch and roll that a body covers in one tick."""
    return 1.0 - math.exp(-TILT_RATE_PER_S * delta_s)
