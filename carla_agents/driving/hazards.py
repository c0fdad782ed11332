"""Where other road users are, or will be, in the way: pure functions on arrays."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from carla_agents.driving.surroundings import RoadUsers

_STEP_S = 0.25
_MAX_TURN_RAD = np.pi / 2
_HELD_BRAKING_MPS2 = -4.0
_SAME_DIRECTION_RAD = np.deg2rad(50.0)
_HEAD_ON_RAD = np.deg2rad(160.0)
_STRAIGHTER = (0.0, 0.5)
"""Shares of the present turning that somebody may go on with."""
_CROSSING_MPS = 2.0
_WALKER_MARGIN_M = 0.7
_MERGE_GAP_M = 3.0


@dataclass(frozen=True)
class Path:
    """The stretch of road ahead of the ego vehicle.

    Attributes:
        points_m: (K, 2) float64 world positions, one about every metre.
        yaw_rad: (K,) heading.
        ahead_m: (K,) distance from the vehicle's front; the first may be slightly negative.
    """

    points_m: np.ndarray
    yaw_rad: np.ndarray
    ahead_m: np.ndarray


@dataclass(frozen=True)
class Hazard:
    """Something to slow down for.

    Attributes:
        gap_m: free distance before the vehicle's front.
        speed_mps: its speed along the path; 0 for what crosses or stands.
        actor_id: who.
        crossing: True if it is not in the way yet but will be.
    """

    gap_m: float
    speed_mps: float
    actor_id: int
    crossing: bool


def predict(users: RoadUsers, horizon_s: float) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Constant turn rate and acceleration, no reversing; the turn ends after 90 degrees.

    Returns:
        times (T,) s, centres (T, N, 2) m, headings (T, N) rad.
    """
    times = np.arange(1, round(horizon_s / _STEP_S) + 1) * _STEP_S
    braking = np.where(users.held, _HELD_BRAKING_MPS2, np.clip(users.acceleration_mps2, -4.0, 1.0))
    braking = np.where(users.walker, 0.0, braking)
    speed = np.maximum(users.speed_mps + braking * (times[:, None] - _STEP_S / 2), 0.0)
    turned = np.clip(users.yaw_rate_radps * times[:, None], -_MAX_TURN_RAD, _MAX_TURN_RAD)
    course = users.course_rad + turned - users.yaw_rate_radps * _STEP_S / 2
    steps = np.stack((speed * np.cos(course), speed * np.sin(course)), axis=-1) * _STEP_S
    return times, users.center_m + np.cumsum(steps, axis=0), users.yaw_rad + turned


def overlaps(
    points_m: np.ndarray, center_m: np.ndarray, yaw_rad: np.ndarray, half_m: np.ndarray, radius_m: np.ndarray
) -> np.ndarray:
    """Whether discs at path points touch oriented boxes.

    Args:
        points_m: (K, 2) disc centres.
        center_m: (..., N, 2) box centres.
        yaw_rad: (..., N) box headings.
        half_m: (N, 2) half length and width.
        radius_m: (N,) disc radius to use against each box.

    Returns:
        (..., K, N) bool.
    """
    dx = points_m[:, None, 0] - center_m[..., None, :, 0]
    dy = points_m[:, None, 1] - center_m[..., None, :, 1]
    c, s = np.cos(yaw_rad)[..., None, :], np.sin(yaw_rad)[..., None, :]
    out_x = np.maximum(np.abs(dx * c + dy * s) - half_m[:, 0], 0.0)
    out_y = np.maximum(np.abs(dy * c - dx * s) - half_m[:, 1], 0.0)
    return out_x * out_x + out_y * out_y < radius_m * radius_m


def find_hazards(
    path: Path,
    users: RoadUsers,
    speed_mps: float,
    half_width_m: float,
    length_m: float,
    horizon_s: float,
    side_margin_m: float = 0.3,
    time_margin_s: float = 0.7,
) -> list[Hazard]:
    """Everything that is on the path now or will be there when the ego vehicle is.

    Args:
        path: road ahead.
        users: other road users; those right behind the ego vehicle should be left out.
        speed_mps: ego's speed.
        half_width_m, length_m: ego's size.
        horizon_s: how far ahead others are predicted.
        side_margin_m: free width kept beside vehicles; walkers get 0.7 m.
        time_margin_s: least time between the two passing the same place.
    """
    if not len(users) or not len(path.points_m):
        return []
    half = np.stack((users.half_length_m, users.half_width_m), axis=-1)
    radius = half_width_m + np.where(users.walker, _WALKER_MARGIN_M, side_margin_m)
    now = overlaps(path.points_m, users.center_m, users.yaw_rad, half, radius)
    first = now.argmax(axis=0)
    turn = _angle_between(users.course_rad, path.yaw_rad[first])
    # What crosses the path fast is judged by where it will be, everything else on the path by where it is.
    following = now.any(axis=0) & ((turn < _SAME_DIRECTION_RAD) | (users.speed_mps < _CROSSING_MPS))
    hazards = []
    for j in np.flatnonzero(following):
        along = users.speed_mps[j] * np.cos(turn[j]) if turn[j] < _SAME_DIRECTION_RAD else 0.0
        gap_m = path.ahead_m[first[j]] + half_width_m
        hazards.append(Hazard(float(gap_m), float(along), int(users.ids[j]), False))

    moving = np.flatnonzero(~following & (users.speed_mps > 0.3))
    if not len(moving):
        return hazards
    times, centers, headings = predict(users, horizon_s)
    later = overlaps(path.points_m, centers[:, moving], headings[:, moving], half[moving], radius[moving])
    arrive_s = travel_time_s(path.ahead_m + half_width_m - 0.5, speed_mps)
    leave_s = travel_time_s(path.ahead_m + length_m + 0.5, speed_mps)
    together = (times[:, None] > arrive_s - time_margin_s) & (times[:, None] < leave_s + time_margin_s)
    clash = later & together[:, :, None]
    for position in np.flatnonzero(clash.any(axis=(0, 1))):
        j = moving[position]
        k = int(clash[:, :, position].any(axis=0).argmax())
        t = int(clash[:, k, position].argmax())
        meeting = float(_angle_between(headings[t, j], path.yaw_rad[k]))
        if meeting < _SAME_DIRECTION_RAD and not users.walker[j]:
            along = float(users.speed_mps[j] * np.cos(meeting))
            # Who joins the path is followed if he will be ahead by then; else he is let through.
            ahead_by_m = (float(arrive_s[k]) - float(times[t])) * along
            if abs(ahead_by_m) < users.half_length_m[j] + _MERGE_GAP_M and users.speed_mps[j] > _CROSSING_MPS:
                hazards.append(Hazard(float(path.ahead_m[k]), 0.0, int(users.ids[j]), True))
                continue
            hazards.append(Hazard(float(path.ahead_m[k] + half_width_m), along, int(users.ids[j]), True))
        else:
            if not users.walker[j] and meeting < _HEAD_ON_RAD:
                touched = later[:, :, position].any(axis=0) | _passed_if_straighter(path, users, j, radius, horizon_s)
                k = _entrance(touched, k)
            hazards.append(Hazard(float(path.ahead_m[k]), 0.0, int(users.ids[j]), True))
    return hazards


def _passed_if_straighter(path: Path, users: RoadUsers, j: int, radius_m: np.ndarray, horizon_s: float) -> np.ndarray:
    """(K,) bool: where user j would pass over the path if he turned less than now: bends end."""
    alone = users.kept(np.array([j]))
    half_m = np.stack((alone.half_length_m, alone.half_width_m), axis=-1)
    touched = np.zeros(len(path.points_m), dtype=bool)
    for share in _STRAIGHTER:
        _, center_m, yaw_rad = predict(replace(alone, yaw_rate_radps=share * alone.yaw_rate_radps), horizon_s)
        touched |= overlaps(path.points_m, center_m, yaw_rad, half_m, radius_m[[j]]).any(axis=(0, 2))
    return touched


def _entrance(touched: np.ndarray, k: int) -> int:
    """The first point of the stretch around k that somebody will pass over: behind it one stands in his way."""
    free = np.flatnonzero(~touched[:k])
    return int(free[-1]) + 1 if len(free) else 0


def _angle_between(a_rad: np.ndarray, b_rad: np.ndarray) -> np.ndarray:
    return np.abs(np.angle(np.exp(1j * (a_rad - b_rad))))


def travel_time_s(distance_m: np.ndarray, speed_mps: float, acceleration_mps2: float = 1.5) -> np.ndarray:
    """Time to cover distances with constant acceleration from a speed; 0 for what lies behind."""
    distance = np.maximum(distance_m, 0.0)
    root = np.sqrt(speed_mps * speed_mps + 2.0 * acceleration_mps2 * distance)
    return (root - speed_mps) / acceleration_mps2
