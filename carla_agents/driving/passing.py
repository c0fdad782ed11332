"""Leaving the lane for a while: around what stands in it, or out of the way of an ambulance; pure functions."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from carla_agents.driving.route import Route
from carla_agents.driving.surroundings import RoadUsers

_GROUP_GAP_M = 16.0
_RAMP_M = 10.0
_BESIDE_M = 0.6
_CLEAR_BEHIND_M, _CLEAR_AHEAD_M = 9.0, 7.0


@dataclass(frozen=True)
class Shift:
    """How far right (negative: left) of the route the path lies: from 0 over `right_m` back to 0.

    Attributes:
        begin_m, full_m: where the path leaves the route, and where it is all the way beside it.
        hold_m, end_m: where it begins to come back, and where it is back.
        right_m: how far.
    """

    begin_m: float
    full_m: float
    hold_m: float
    end_m: float
    right_m: float

    def at(self, distance_m: np.ndarray) -> np.ndarray:
        """Offset at distances along the route."""
        leave = np.clip((distance_m - self.begin_m) / max(self.full_m - self.begin_m, 0.1), 0.0, 1.0)
        back = np.clip((self.end_m - distance_m) / max(self.end_m - self.hold_m, 0.1), 0.0, 1.0)
        share = np.minimum(leave, back)
        return self.right_m * share * share * (3.0 - 2.0 * share)

    def held_until(self, hold_m: float) -> Shift:
        """The same, coming back not before `hold_m`."""
        later_m = max(hold_m - self.hold_m, 0.0)
        return replace(self, hold_m=self.hold_m + later_m, end_m=self.end_m + later_m)

    def over_at(self, hold_m: float) -> Shift:
        """The same, coming back from `hold_m` on."""
        return replace(self, hold_m=hold_m, end_m=hold_m + self.end_m - self.hold_m)


def shifted(route: Route, distance_m: np.ndarray, right_m: np.ndarray) -> np.ndarray:
    """(K, 2) places beside a route."""
    yaw_rad = np.interp(distance_m, route.distance_m, np.unwrap(route.yaw_rad))
    return route.point_at(distance_m) + right_m[:, None] * np.stack((-np.sin(yaw_rad), np.cos(yaw_rad)), axis=-1)


@dataclass(frozen=True)
class AlongRoute:
    """Where N road users are along a route.

    Attributes:
        distance_m: (N,) of the box's centre along the route.
        right_m: (N,) right of it.
        half_along_m, half_across_m: (N,) half sizes of the box in these directions.
        speed_mps: (N,) along the route; negative for oncoming ones.
        near: (N,) bool: whether it is beside the searched stretch at all.
    """

    distance_m: np.ndarray
    right_m: np.ndarray
    half_along_m: np.ndarray
    half_across_m: np.ndarray
    speed_mps: np.ndarray
    near: np.ndarray

    @classmethod
    def of(cls, users: RoadUsers, route: Route, index: int, behind: int = 45, ahead: int = 110) -> AlongRoute:
        """Projects road users onto a stretch of a route around one of its points."""
        low, high = max(0, index - behind), min(len(route.points_m), index + ahead)
        points_m = route.points_m[low:high, :2]
        away = users.center_m[:, None] - points_m[None]
        nearest = (away**2).sum(axis=-1).argmin(axis=1)
        rows = np.arange(len(users))
        yaw_rad = route.yaw_rad[low:high][nearest]
        c, s = np.cos(yaw_rad), np.sin(yaw_rad)
        dx, dy = away[rows, nearest, 0], away[rows, nearest, 1]
        beyond_m = dx * c + dy * s
        turned = users.yaw_rad - yaw_rad
        cos, sin = np.abs(np.cos(turned)), np.abs(np.sin(turned))
        return cls(
            distance_m=route.distance_m[low:high][nearest] + beyond_m,
            right_m=dy * c - dx * s,
            half_along_m=users.half_length_m * cos + users.half_width_m * sin,
            half_across_m=users.half_length_m * sin + users.half_width_m * cos,
            speed_mps=users.speed_mps * np.cos(users.course_rad - yaw_rad),
            # The first and the last point also stand for all that lies before and beyond them.
            near=(np.abs(beyond_m) < 60.0)
            & ((np.abs(beyond_m) < 2.0) | (nearest == 0) | (nearest == high - low - 1)),
        )


@dataclass(frozen=True)
class Blockage:
    """Things in the lane that will not go away by themselves.

    Attributes:
        first_m, last_m: stretch of the route that they take.
        left_m, right_m: how far they reach right of the route's line, on their left and on their right side.
        speed_mps: of the fastest of them.
        members: (N,) bool: which road users.
    """

    first_m: float
    last_m: float
    left_m: float
    right_m: float
    speed_mps: float
    members: np.ndarray


def find_blockage(
    along: AlongRoute, passable: np.ndarray, front_m: float, half_width_m: float, look_ahead_m: float
) -> Blockage | None:
    """The next thing in the ego's way that has to be driven around, with what stands close behind it.

    Args:
        along: road users along the route.
        passable: (N,) bool: which of them may be driven around.
        front_m: the ego's front along the route.
        half_width_m: half the ego's width.
        look_ahead_m: how far ahead to look.
    """
    in_way = np.abs(along.right_m) < half_width_m + along.half_across_m + 0.3
    ahead_m = along.distance_m + along.half_along_m - front_m
    candidates = np.flatnonzero(passable & along.near & in_way & (ahead_m > -1.0) & (ahead_m < look_ahead_m + 40.0))
    order = sorted(candidates.tolist(), key=lambda k: float(along.distance_m[k] - along.half_along_m[k]))
    members: list[int] = []
    last_m = 0.0
    for k in order:
        begins_m = float(along.distance_m[k] - along.half_along_m[k])
        if not members and begins_m - front_m > look_ahead_m:
            return None
        if members and begins_m - last_m > _GROUP_GAP_M:
            break
        members.append(k)
        last_m = max(last_m, float(along.distance_m[k] + along.half_along_m[k]))
    if not members:
        return None
    chosen = np.zeros(len(passable), dtype=bool)
    chosen[members] = True
    return Blockage(
        first_m=float((along.distance_m - along.half_along_m)[members].min()),
        last_m=last_m,
        left_m=float((along.right_m - along.half_across_m)[members].min()),
        right_m=float((along.right_m + along.half_across_m)[members].max()),
        speed_mps=float(np.maximum(along.speed_mps[members], 0.0).max()),
        members=chosen,
    )


def shift_around(blockage: Blockage, right_m: float, ego_m: float, half_length_m: float, pass_mps: float) -> Shift:
    """The path around a blockage.

    Args:
        blockage: what.
        right_m: how far right of the route the path passes; negative is left.
        ego_m: the ego's centre along the route.
        half_length_m: half the ego's length.
        pass_mps: speed of passing.
    """
    full_m = max(blockage.first_m - half_length_m - 1.0, ego_m + 5.0)
    begin_m = max(ego_m, full_m - _RAMP_M)
    relative_mps = max(pass_mps - blockage.speed_mps, 1.0)
    moves_m = blockage.speed_mps * max(blockage.last_m - ego_m, 0.0) / relative_mps
    hold_m = blockage.last_m + moves_m + half_length_m + 1.0
    return Shift(begin_m, full_m, hold_m, hold_m + _RAMP_M, right_m)


def lane_is_free(
    along: AlongRoute,
    ignore: np.ndarray,
    right_m: float,
    half_width_m: float,
    ego_m: float,
    until_m: float,
    ego_mps: float,
    pass_mps: float,
    margin_s: float,
) -> bool:
    """Whether one can drive `right_m` beside the route from here until a distance along it.

    Args:
        along: road users along the route.
        ignore: (N,) bool: users that do not count, e.g. those to be passed.
        right_m: offset of the path.
        half_width_m: half the ego's width.
        ego_m, until_m: from where to where.
        ego_mps: the ego's speed now.
        pass_mps: its speed while passing.
        margin_s: time to spare before somebody comes.
    """
    beside = np.abs(along.right_m - right_m) < half_width_m + along.half_across_m + _BESIDE_M
    others = np.flatnonzero(beside & along.near & ~ignore)
    if not len(others):
        return True
    length_m = until_m - ego_m
    # Speeding up from the present speed costs some time.
    time_s = length_m / pass_mps + max(pass_mps - ego_mps, 0.0) / 3.0 + margin_s
    for k in others:
        ahead_m = float(along.distance_m[k]) - ego_m
        speed_mps = float(along.speed_mps[k])
        clear_m = float(along.half_along_m[k])
        if -_CLEAR_BEHIND_M - clear_m < ahead_m < _CLEAR_AHEAD_M + clear_m and speed_mps > -1.0:
            return False
        if ahead_m < 0.0:
            # From behind: he must not be with us before we have his speed.
            if speed_mps > pass_mps and -ahead_m - clear_m < (speed_mps - ego_mps) * min(time_s, 4.0):
                return False
        elif speed_mps < -0.5:
            if ahead_m - clear_m + speed_mps * time_s < length_m:
                return False
        elif ahead_m - clear_m + speed_mps * time_s < length_m + 4.0:
            return False
    return True
