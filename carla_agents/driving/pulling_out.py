"""Pulling out of a parking bay: when the lane is free, and by which path; pure functions."""

from __future__ import annotations

import math

import numpy as np

from carla_agents.driving.control import ControllerConfig
from carla_agents.driving.passing import AlongRoute, Shift

OUT_AFTER_M = 10.0
"""After so many metres a vehicle has left the bay behind."""
_RAMPS_M = (14.0, 12.0, 10.0, 8.0, 7.0, 6.0, 5.0, 4.0, 3.0, 2.0)
_CLEAR_OF_PARKED_M = 0.35
_WATCHED_M, _STEP_M, _WHEEL_LAG_M = 14.0, 0.1, 0.5
_WHEELBASE = 1.2
"""Of half a vehicle's length, as `controller_config` assumes it."""
_BESIDE_M = 0.4
_SPEEDING_UP_MPS2 = 2.0
_LOOK_BACK_S, _LOOK_BACK_IMPATIENT_S = 1.2, 0.6
_LETS_IN_MPS2 = 1.5
_BEHIND_M, _AHEAD_M = 3.0, 2.0


def way_out(
    along: AlongRoute,
    standing: np.ndarray,
    ego_m: float,
    right_m: float,
    curvature_1pm: float,
    half_length_m: float,
    half_width_m: float,
) -> Shift:
    """The gentlest path from beside the route onto it on which a vehicle gets past what stands beside the route.

    Args:
        along: N road users along the route.
        standing: (N,) bool: which of them are parked.
        ego_m, right_m: the ego's centre along the route and right of it.
        curvature_1pm: of the route, positive to the right.
        half_length_m, half_width_m: of the ego.
    """
    parked = np.flatnonzero(standing & along.near)
    half = np.stack((along.half_along_m, along.half_across_m), axis=-1)[parked] + _CLEAR_OF_PARKED_M
    center = np.stack((along.distance_m, along.right_m), axis=-1)[parked]
    shift = Shift(ego_m, ego_m, ego_m, ego_m, right_m)
    for ramp_m in _RAMPS_M:
        shift = Shift(ego_m - 2.0, ego_m - 1.0, ego_m, ego_m + ramp_m, right_m)
        poses = _driven(shift, ego_m, right_m, curvature_1pm, _WHEELBASE * half_length_m)
        if not _touches(poses, half_length_m, half_width_m, center, half):
            return shift
    return shift


def _driven(shift: Shift, ego_m: float, right_m: float, curvature_1pm: float, wheelbase_m: float) -> np.ndarray:
    """(K, 3) where a vehicle comes that follows a path as `WaypointController` does: along, right, turned right."""
    along_m, side_m, yaw_rad, bend_1pm = ego_m - 0.5 * wheelbase_m, right_m, 0.0, 0.0
    poses = []
    for _ in range(round(_WATCHED_M / _STEP_M)):
        c, s = math.cos(yaw_rad), math.sin(yaw_rad)
        x_m, y_m = along_m + 0.5 * wheelbase_m * c, side_m + 0.5 * wheelbase_m * s
        poses.append((x_m, y_m, yaw_rad))
        ahead_m = np.arange(0.0, 8.0, 0.25)
        aside_m = shift.at(x_m + ahead_m) - y_m + 0.5 * curvature_1pm * ahead_m**2
        far = int((np.hypot(ahead_m, aside_m) >= ControllerConfig.min_lookahead_m).argmax())
        aim_x = ahead_m[far] * c + aside_m[far] * s + 0.5 * wheelbase_m
        aim_y = aside_m[far] * c - ahead_m[far] * s
        wanted_1pm = 2.0 * aim_y / (aim_x**2 + aim_y**2)
        # The wheel takes about half a metre to follow.
        bend_1pm += (wanted_1pm - bend_1pm) * _STEP_M / _WHEEL_LAG_M
        along_m, side_m = along_m + _STEP_M * c, side_m + _STEP_M * s
        yaw_rad += _STEP_M * (bend_1pm - curvature_1pm)
    return np.array(poses)


def _touches(
    poses: np.ndarray, half_length_m: float, half_width_m: float, center_m: np.ndarray, half_m: np.ndarray
) -> bool:
    """Whether a vehicle in any of K poses overlaps any of M boxes that lie along the route (separating axes)."""
    away_m = center_m[None] - poses[:, None, :2]
    c, s = np.cos(poses[:, 2])[:, None], np.sin(poses[:, 2])[:, None]
    wide, far = np.abs(s), np.abs(c)
    apart = np.abs(away_m[..., 0]) > half_m[:, 0] + half_length_m * far + half_width_m * wide
    apart |= np.abs(away_m[..., 1]) > half_m[:, 1] + half_length_m * wide + half_width_m * far
    lengthwise_m, across_m = away_m[..., 0] * c + away_m[..., 1] * s, away_m[..., 1] * c - away_m[..., 0] * s
    apart |= np.abs(lengthwise_m) > half_length_m + half_m[:, 0] * far + half_m[:, 1] * wide
    apart |= np.abs(across_m) > half_width_m + half_m[:, 0] * wide + half_m[:, 1] * far
    return not bool(apart.all())


def may_pull_out(along: AlongRoute, ego_m: float, half_length_m: float, half_width_m: float, impatient: bool) -> bool:
    """Whether a standing vehicle may pull out into the route's lane now.

    Who comes from behind must not have to brake; an impatient driver counts on being let in.

    Args:
        along: road users along the route.
        ego_m: the ego's centre along the route.
        half_length_m, half_width_m: of the ego.
        impatient: whether it has waited for long.
    """
    in_lane = along.near & (np.abs(along.right_m) < half_width_m + along.half_across_m + _BESIDE_M)
    front_m, rear_m = along.distance_m + along.half_along_m - ego_m, along.distance_m - along.half_along_m - ego_m
    look_back_s = _LOOK_BACK_IMPATIENT_S if impatient else _LOOK_BACK_S
    gain_mps2 = _SPEEDING_UP_MPS2 + (_LETS_IN_MPS2 if impatient else 0.0)
    comes_mps = np.maximum(along.speed_mps, 0.0)
    # Until we have his speed he gains on us by v^2 / 2a, and by what he drives before we move at all.
    gap_m = comes_mps * look_back_s + comes_mps**2 / (2.0 * gain_mps2) + _BEHIND_M
    behind = (rear_m < half_length_m + _AHEAD_M) & (front_m > -half_length_m - gap_m)
    leads_mps = along.speed_mps
    ahead_until_m = OUT_AFTER_M + half_length_m + _BEHIND_M
    blocks = (rear_m >= half_length_m + _AHEAD_M) & (rear_m < ahead_until_m) & (leads_mps < 1.0)
    oncoming = (leads_mps < -0.5) & (rear_m > 0.0) & (rear_m + 4.0 * leads_mps < ahead_until_m)
    return not bool((in_lane & (behind | blocks | oncoming)).any())
