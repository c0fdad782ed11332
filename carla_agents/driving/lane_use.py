"""`LaneUse`: where across the road the expert drives, from one tick to the next."""

from __future__ import annotations

import carla
import numpy as np

from carla_agents.driving.passing import (
    AlongRoute,
    Blockage,
    Shift,
    find_blockage,
    lane_is_free,
    shift_around,
    shifted,
)
from carla_agents.driving.pulling_out import OUT_AFTER_M, may_pull_out, way_out
from carla_agents.driving.route import Route, RouteProgress
from carla_agents.driving.surroundings import RoadUsers

_LOOK_AHEAD_M = 30.0
_SIDE_M, _DOOR_M = 0.5, 1.5
"""Distance kept beside what it drives around; a standing car may open a door."""
_GIVING_WAY_MPS = 3.0
_NUDGE_MPS = 0.9
_NUDGE_GAP_M = 0.5
_JUNCTION_NEAR_M = 12.0
_PULLING_OUT_MPS = 3.0
_PARKED_MPS = 0.2
_IMPATIENT_S = 12.0
_BICYCLE_HALF_WIDTH_M = 0.6


class LaneUse:
    """Decides when to leave the route's line: around things in the lane, for an ambulance, for who cuts the curve.

    Who begins beside the lane, in a parking bay, pulls out when nobody comes.

    Args:
        carla_map: for the lanes beside the route.
        route: the route.
        half_length_m, half_width_m: of the ego vehicle.
        passing_mps: speed of passing.
        delta_s: seconds between two calls of `update`.

    Attributes:
        giving_way: whether it makes room for an ambulance.
        parked: whether it is still in the bay where it began, or on its way out of it.
        speed_limit_mps: limit while it is beside the route's line; None on the line.
        in_the_way_ids: what it waits to drive around.
        parked_ids: what stands beside the lane while it pulls out; its path leads past that.
    """

    def __init__(
        self,
        carla_map: carla.Map,
        route: Route,
        half_length_m: float,
        half_width_m: float,
        passing_mps: float,
        delta_s: float,
    ) -> None:
        self.giving_way = False
        self.parked = False
        self.speed_limit_mps: float | None = None
        self.in_the_way_ids: frozenset[int] = frozenset()
        self.parked_ids: frozenset[int] = frozenset()
        self._begun = False
        self._map = carla_map
        self._route = route
        self._half_length_m = half_length_m
        self._half_width_m = half_width_m
        self._passing_mps = passing_mps
        self._delta_s = delta_s
        self._shift: Shift | None = None
        self._nudge_m = 0.0

    def path(self, distance_m: np.ndarray) -> np.ndarray:
        """(K, 2) world places of the path at distances along the route."""
        if self._shift is None and self._nudge_m == 0.0:
            return self._route.point_at(distance_m)
        return shifted(self._route, distance_m, self._offset_m(distance_m))

    def beside(self, along: slice) -> tuple[np.ndarray, np.ndarray]:
        """(K, 2) places and (K,) headings of the path beside some points of the route."""
        route = self._route
        if self._shift is None and self._nudge_m == 0.0:
            return route.points_m[along, :2], route.yaw_rad[along]
        points_m = self.path(route.distance_m[along])
        if len(points_m) < 2:
            return points_m, route.yaw_rad[along]
        heading = np.gradient(points_m, axis=0)
        return points_m, np.arctan2(heading[:, 1], heading[:, 0])

    def update(self, users: RoadUsers, progress: RouteProgress, speed_mps: float, waited_s: float) -> None:
        """Looks around and keeps, begins or ends a manoeuvre.

        Args:
            users: everybody near, those behind included.
            progress: where the ego is.
            speed_mps: its speed.
            waited_s: how long it has stood for others.
        """
        ego_m = progress.distance_m
        if not self._begun:
            self._begun = True
            self.parked = abs(progress.lateral_m) > 0.5 * self._lane_width_m(ego_m) and speed_mps < _PARKED_MPS
        if self._shift is not None and ego_m >= self._shift.end_m - 0.5 and not self.parked:
            self._shift, self.giving_way = None, False
        self.in_the_way_ids = frozenset()
        if self.parked:
            self._pull_out(users, progress, waited_s)
            return
        if len(users):
            along = AlongRoute.of(users, self._route, progress.index)
            self._nudge(along, ego_m)
            if self._shift is None:
                self._begin(users, along, progress, speed_mps, waited_s)
            else:
                self._shift = self._go_on(users, along, ego_m, self._shift)
        else:
            self._nudge_m = 0.0
        self.speed_limit_mps = self._limit_mps(ego_m)

    def _pull_out(self, users: RoadUsers, progress: RouteProgress, waited_s: float) -> None:
        """Waits in the bay until nobody comes, then leaves it slowly."""
        ego_m, lane_m = progress.distance_m, self._lane_width_m(progress.distance_m)
        if self._shift is not None and ego_m > self._shift.hold_m + OUT_AFTER_M:
            self._shift, self.parked, self.parked_ids, self.speed_limit_mps = None, False, frozenset(), None
            return
        along = AlongRoute.of(users, self._route, progress.index)
        standing = (np.abs(along.right_m) > 0.5 * lane_m) & (np.abs(along.speed_mps) < _PARKED_MPS) & ~users.walker
        self.parked_ids = frozenset(int(i) for i in users.ids[standing])
        size_m = self._half_length_m, self._half_width_m
        if self._shift is None and may_pull_out(along, ego_m, *size_m, waited_s > _IMPATIENT_S):
            curvature_1pm = float(self._route.curvature_1pm[progress.index : progress.index + 10].mean())
            self._shift = way_out(along, standing, ego_m, progress.lateral_m, curvature_1pm, *size_m)
        self.speed_limit_mps = 0.0 if self._shift is None else _PULLING_OUT_MPS

    def _offset_m(self, distance_m: np.ndarray) -> np.ndarray:
        offset_m = np.full(len(distance_m), self._nudge_m)
        return offset_m if self._shift is None else offset_m + self._shift.at(distance_m)

    def _limit_mps(self, ego_m: float) -> float | None:
        if self.giving_way:
            return _GIVING_WAY_MPS
        if self._shift is not None and self._shift.begin_m - 8.0 < ego_m:
            return self._passing_mps
        return self._passing_mps if self._nudge_m > 0.1 else None

    def _begin(
        self, users: RoadUsers, along: AlongRoute, progress: RouteProgress, speed_mps: float, waited_s: float
    ) -> None:
        ego_m = progress.distance_m
        if self._make_way(users, along, progress, speed_mps):
            return
        if not users.passable.any():
            return
        blockage = find_blockage(
            along, users.passable, ego_m + self._half_length_m, self._half_width_m, _LOOK_AHEAD_M
        )
        if blockage is None:
            return
        margin_s = 1.2 if waited_s < 12.0 else 0.3
        doors = (blockage.members & ~users.prop & (users.half_width_m > _BICYCLE_HALF_WIDTH_M)).any()
        for right_m in self._ways_around(blockage, _DOOR_M if doors else _SIDE_M):
            planned = shift_around(blockage, right_m, ego_m, self._half_length_m, self._passing_mps)
            in_lane = abs(right_m) + self._half_width_m < 0.5 * self._lane_width_m(blockage.first_m) + 0.1
            if in_lane or lane_is_free(
                along,
                blockage.members,
                right_m,
                self._half_width_m,
                ego_m,
                planned.hold_m + 5.0,
                speed_mps,
                self._passing_mps,
                margin_s,
            ):
                self._shift = planned
                return
        self.in_the_way_ids = frozenset(int(i) for i in users.ids[blockage.members])

    def _ways_around(self, blockage: Blockage, side_m: float) -> list[float]:
        """Offsets that lead past a blockage, the best first: within the lane, a lane of ours, the oncoming lane."""
        lane = self._lane_at(blockage.first_m)
        room_m = 0.5 * lane.lane_width - self._half_width_m
        left_m = blockage.left_m - self._half_width_m - side_m
        right_m = blockage.right_m + self._half_width_m + side_m
        ways = [offset for offset in (left_m, right_m) if abs(offset) <= room_m]
        left, right = lane.get_left_lane(), lane.get_right_lane()
        width_m = lane.lane_width
        for beside, sign, needed_m in ((left, -1.0, left_m), (right, 1.0, right_m)):
            if _is_driving(beside) and beside.lane_id * lane.lane_id > 0 and abs(needed_m) < 1.3 * width_m:
                ways.append(sign * max(width_m, abs(needed_m)))
        if _is_driving(left) and left.lane_id * lane.lane_id < 0 and abs(left_m) < 1.2 * width_m:
            ways.append(left_m)
        return ways

    def _go_on(self, users: RoadUsers, along: AlongRoute, ego_m: float, shift: Shift) -> Shift:
        """The manoeuvre under way, made longer or shorter by what happens beside it."""
        own_lane = np.abs(along.right_m) < self._half_width_m + along.half_across_m + 0.2
        if self.giving_way:
            behind = along.near & (along.distance_m < ego_m + 6.0) & (along.distance_m > ego_m - 60.0)
            if (users.emergency & behind).any():
                return shift.held_until(ego_m + 6.0)
            return shift.over_at(max(ego_m, shift.full_m)) if shift.hold_m > ego_m + 6.0 else shift
        still = along.near & own_lane & users.passable & (along.distance_m < shift.hold_m + 4.0)
        still &= along.distance_m + along.half_along_m > ego_m - self._half_length_m
        if still.any():
            last_m = float((along.distance_m + along.half_along_m)[still].max())
            shift = shift.held_until(last_m + self._half_length_m + 1.0)
        beside = along.near & own_lane & ~users.passable & ~users.walker & (np.abs(along.distance_m - ego_m) < 7.0)
        beside &= along.speed_mps > -0.5
        if shift.full_m < ego_m < shift.hold_m + 1.0 and beside.any():
            shift = shift.held_until(ego_m + 6.0)
        return shift

    def _make_way(self, users: RoadUsers, along: AlongRoute, progress: RouteProgress, speed_mps: float) -> bool:
        ego_m = progress.distance_m
        behind_m = ego_m - along.distance_m
        coming = users.emergency & along.near & (np.abs(along.right_m) < 1.8)
        coming &= (behind_m > 2.0) & (behind_m < 45.0) & (along.speed_mps > 0.3)
        if not coming.any() or self._junction_within(progress.index, _JUNCTION_NEAR_M):
            return False
        lane = self._lane_at(ego_m)
        for beside, sign in ((lane.get_right_lane(), 1.0), (lane.get_left_lane(), -1.0)):
            if not _is_driving(beside) or beside.lane_id * lane.lane_id < 0:
                continue
            right_m = sign * lane.lane_width
            if lane_is_free(
                along,
                users.emergency,
                right_m,
                self._half_width_m,
                ego_m,
                ego_m + 15.0,
                speed_mps,
                speed_mps + 0.1,
                0.5,
            ):
                self._shift = Shift(ego_m, ego_m + 10.0, ego_m + 16.0, ego_m + 26.0, right_m)
                self.giving_way = True
                return True
        return False

    def _nudge(self, along: AlongRoute, ego_m: float) -> None:
        """Moves to the lane's edge for oncoming vehicles that reach into the lane."""
        ahead_m = along.distance_m - ego_m
        oncoming = along.near & (along.speed_mps < -1.5) & (along.half_across_m < 1.5)
        oncoming &= (ahead_m > -5.0) & (ahead_m < 45.0) & (along.right_m < -0.5)
        edge_m = (along.right_m + along.half_across_m)[oncoming]
        wanted_m = 0.0
        if len(edge_m):
            room_m = 0.5 * self._lane_width_m(ego_m) - self._half_width_m
            wanted_m = min(max(float(edge_m.max()) + self._half_width_m + _NUDGE_GAP_M, 0.0), max(room_m, 0.0))
            wanted_m = wanted_m if wanted_m > 0.15 else 0.0
        step_m = _NUDGE_MPS * self._delta_s
        self._nudge_m += min(max(wanted_m - self._nudge_m, -step_m), step_m)
        self._nudge_m = 0.0 if abs(self._nudge_m) < 1e-6 else self._nudge_m

    def _junction_within(self, index: int, distance_m: float) -> bool:
        route = self._route
        last = int(np.searchsorted(route.distance_m, route.distance_m[index] + distance_m))
        return bool((route.junction[index : last + 1] >= 0).any())

    def _lane_at(self, distance_m: float) -> carla.Waypoint:
        index = min(int(np.searchsorted(self._route.distance_m, max(distance_m, 0.0))), len(self._route.points_m) - 1)
        x, y, z = (float(v) for v in self._route.points_m[index])
        return self._map.get_waypoint(carla.Location(x=x, y=y, z=z))

    def _lane_width_m(self, distance_m: float) -> float:
        index = min(int(np.searchsorted(self._route.distance_m, max(distance_m, 0.0))), len(self._route.points_m) - 1)
        return float(self._route.lane_width_m[index])


def _is_driving(lane: carla.Waypoint | None) -> bool:
    return lane is not None and lane.lane_type == carla.LaneType.Driving
