"""`Route`: a lawful way through a map, metre by metre, and how far a vehicle has come on it."""

from __future__ import annotations

import math
from bisect import bisect_left
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise

import numpy as np

from carla_agents.simulator.frame import Command

SPARSE_SPACING_M = 30.0
"""Greatest distance between two target points, and how far ahead a manoeuvre is announced."""

TARGET_MIN_AHEAD_M = 7.5
"""A target point nearer than this is passed over (as in the planners of LAV and TransFuser)."""


@dataclass(frozen=True)
class Route:
    """A polyline in driving direction, one point about every metre.

    Attributes:
        points_m: (N, 3) float64 world positions on lane centres.
        yaw_rad: (N,) float64 heading, CARLA's sense.
        commands: (N,) int8 `Command`: LEFT, RIGHT or STRAIGHT inside a junction, CHANGE_LANE_* while changing lane,
            else LANE_FOLLOW.
        junction: (N,) int32 id of the junction a point lies in, -1 outside.
        lanes: (N, 2) int32 OpenDRIVE (road id, lane id).
        lane_width_m: (N,) float64.
    """

    points_m: np.ndarray
    yaw_rad: np.ndarray
    commands: np.ndarray
    junction: np.ndarray
    lanes: np.ndarray
    lane_width_m: np.ndarray

    def __post_init__(self) -> None:
        if len(self.points_m) < 2:
            raise ValueError(f"a route needs at least 2 points, got {len(self.points_m)}")

    @cached_property
    def distance_m(self) -> np.ndarray:
        """(N,) float64 distance from the start along the route."""
        steps = np.linalg.norm(np.diff(self.points_m, axis=0), axis=1)
        return np.concatenate(([0.0], np.cumsum(steps)))

    @property
    def length_m(self) -> float:
        return float(self.distance_m[-1])

    @cached_property
    def turns(self) -> int:
        """Number of left and right turns."""
        turning = np.isin(self.commands, (Command.LEFT, Command.RIGHT))
        return int(np.count_nonzero(turning[1:] & ~turning[:-1])) + int(turning[0])

    @cached_property
    def curvature_1pm(self) -> np.ndarray:
        """(N,) float64 signed curvature, positive to the right, smoothed over about 3 m."""
        yaw = np.unwrap(self.yaw_rad)
        ahead = np.minimum(np.arange(len(yaw)) + 2, len(yaw) - 1)
        behind = np.maximum(np.arange(len(yaw)) - 2, 0)
        return (yaw[ahead] - yaw[behind]) / np.maximum(self.distance_m[ahead] - self.distance_m[behind], 0.5)

    @cached_property
    def sparse_indices(self) -> np.ndarray:
        """Indices of target points: where the command changes, and no two more than `SPARSE_SPACING_M` apart."""
        changes = np.flatnonzero(np.diff(self.commands)) + 1
        anchors = [0, *changes.tolist(), len(self.points_m) - 1]
        chosen: list[int] = []
        for first, last in pairwise(anchors):
            span_m = self.distance_m[last] - self.distance_m[first]
            count = max(1, int(np.ceil(span_m / SPARSE_SPACING_M)))
            aims_m = self.distance_m[first] + span_m * np.arange(count) / count
            chosen.extend(np.searchsorted(self.distance_m, aims_m).tolist())
        return np.unique([*chosen, len(self.points_m) - 1])

    @cached_property
    def sparse_distance_m(self) -> np.ndarray:
        """(M,) float64 distance of the target points along the route."""
        return self.distance_m[self.sparse_indices]

    @cached_property
    def announced(self) -> tuple[Command, ...]:
        """At each point, the manoeuvre under way or beginning within `SPARSE_SPACING_M`; else LANE_FOLLOW."""
        following = np.where(self.commands != Command.LANE_FOLLOW, np.arange(len(self.commands)), len(self.commands))
        following = np.minimum.accumulate(following[::-1])[::-1]
        found = np.minimum(following, len(self.commands) - 1)
        near = self.distance_m[found] - self.distance_m <= SPARSE_SPACING_M
        named = np.where((following < len(self.commands)) & near, self.commands[found], Command.LANE_FOLLOW)
        return tuple(Command(int(value)) for value in named)

    @cached_property
    def _targets(self) -> tuple[list[float], list[tuple[float, float, float]]]:
        places = self.points_m[self.sparse_indices].tolist()
        return self.sparse_distance_m.tolist(), [(x, y, z) for x, y, z in places]

    def point_at(self, distance_m: float | np.ndarray) -> np.ndarray:
        """(..., 2) float64 x, y at a distance from the start, linear between points, clamped to the ends."""
        x = np.interp(distance_m, self.distance_m, self.points_m[:, 0])
        y = np.interp(distance_m, self.distance_m, self.points_m[:, 1])
        return np.stack((x, y), axis=-1)

    def target_at(self, distance_m: float) -> tuple[float, float, float]:
        """World position of the next target point at least `TARGET_MIN_AHEAD_M` ahead, or of the route's end."""
        distances_m, places = self._targets
        return places[min(bisect_left(distances_m, distance_m + TARGET_MIN_AHEAD_M), len(places) - 1)]


class RouteProgress:
    """Follows a vehicle along a route; never jumps back or across a loop.

    It runs in every tick of every environment, so it works on plain lists, which are faster than arrays for a few
    numbers.

    Attributes:
        index: nearest route point.
        distance_m: distance along the route.
        lateral_m: signed distance from the route, positive to its right.
    """

    _BEHIND, _AHEAD = 3, 20

    def __init__(self, route: Route) -> None:
        self.route = route
        self.index = 0
        self.distance_m = 0.0
        self.lateral_m = 0.0
        self._x, self._y = route.points_m[:, 0].tolist(), route.points_m[:, 1].tolist()
        self._cos, self._sin = np.cos(route.yaw_rad).tolist(), np.sin(route.yaw_rad).tolist()
        self._along_m = route.distance_m.tolist()

    def update(self, x_m: float, y_m: float) -> None:
        """Moves on to the vehicle's position."""
        low = max(0, self.index - self._BEHIND)
        high = min(len(self._x), self.index + self._AHEAD)
        index, nearest2 = low, math.inf
        for k in range(low, high):
            dx, dy = self._x[k] - x_m, self._y[k] - y_m
            away2 = dx * dx + dy * dy
            if away2 < nearest2:
                index, nearest2 = k, away2
        c, s = self._cos[index], self._sin[index]
        off_x, off_y = x_m - self._x[index], y_m - self._y[index]
        self.index = max(index, self.index)
        self.lateral_m = off_y * c - off_x * s
        beyond_m = min(max(off_x * c + off_y * s, -1.0), 1.0)
        self.distance_m = min(max(self._along_m[index] + beyond_m, self.distance_m, 0.0), self._along_m[-1])

    @property
    def completion(self) -> float:
        """Share of the route driven, in [0, 1]."""
        return self.distance_m / self._along_m[-1]

    @property
    def remaining_m(self) -> float:
        return self._along_m[-1] - self.distance_m

    @property
    def command(self) -> Command:
        return self.route.announced[self.index]

    @property
    def target_point_in_world_m(self) -> tuple[float, float, float]:
        return self.route.target_at(self.distance_m)
