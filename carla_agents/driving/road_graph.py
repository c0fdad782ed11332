"""`RoadGraph`: the driving lanes of a map as a graph, and the shortest lawful way through it."""

from __future__ import annotations

import heapq
import math
from dataclasses import dataclass, field
from functools import cached_property

import carla
import numpy as np

LaneKey = tuple[int, int, int]
"""(road id, lane section id, lane id): one lane of one section, driven in one direction."""

_LANE_CHANGE_COST_M = 20.0
_MIN_LANE_CHANGE_M = 12.0


class NoRoute(ValueError):
    """No lawful way leads from one place to the other."""


@dataclass
class Lane:
    """One lane of one lane section.

    Attributes:
        key: its identity.
        start: waypoint at its beginning, in driving direction.
        successors: lanes that continue it.
    """

    key: LaneKey
    start: carla.Waypoint
    successors: list[LaneKey] = field(default_factory=list)

    @cached_property
    def waypoints(self) -> list[carla.Waypoint]:
        """About one per metre, first to last; parallel lanes of a section have them at equal stations."""
        following = self.start.next_until_lane_end(1.0)
        return [self.start, *(w for w in following if lane_key(w) == self.key)]

    @cached_property
    def points_m(self) -> np.ndarray:
        """(N, 3) float64 world positions of the waypoints."""
        return np.array([_xyz(w) for w in self.waypoints])

    @cached_property
    def length_m(self) -> float:
        return float(np.linalg.norm(np.diff(self.points_m, axis=0), axis=1).sum()) + 0.5

    @property
    def in_junction(self) -> bool:
        return bool(self.start.is_junction)

    @cached_property
    def neighbours(self) -> list[LaneKey]:
        """Lanes beside it, of equal direction, into which its marking allows to change along its whole length."""
        if self.in_junction or len(self.waypoints) < _MIN_LANE_CHANGE_M:
            return []
        found = []
        for side in ("left", "right"):
            beside = [_allowed_neighbour(w, side) for w in self.waypoints[:: max(1, len(self.waypoints) // 4)]]
            keys = {lane_key(w) if w is not None else None for w in beside}
            if len(keys) == 1 and None not in keys:
                found.append(keys.pop())
        return [key for key in found if key is not None]


@dataclass(frozen=True)
class Leg:
    """A stretch of one lane on a path: waypoints `first` to `last` inclusive.

    Attributes:
        change: -1 or +1 if the path then changes into the lane to the left or right, else 0.
    """

    lane: Lane
    first: int
    last: int
    change: int


class RoadGraph:
    """Lanes and their connections.

    Args:
        carla_map: any `carla.Map`.
    """

    def __init__(self, carla_map: carla.Map) -> None:
        self._map = carla_map
        self.lanes: dict[LaneKey, Lane] = {}
        for start, successor in carla_map.get_topology():
            lane = self.lanes.setdefault(lane_key(start), Lane(lane_key(start), start))
            if lane_key(successor) != lane.key:
                lane.successors.append(lane_key(successor))

    def locate(self, x_m: float, y_m: float, z_m: float = 0.0) -> tuple[Lane, int]:
        """The driving lane nearest to a place, and the index of its nearest waypoint.

        Raises:
            NoRoute: the map has no driving lane.
        """
        waypoint = self._map.get_waypoint(carla.Location(x=x_m, y=y_m, z=z_m))
        if waypoint is None or lane_key(waypoint) not in self.lanes:
            raise NoRoute(f"no driving lane near ({x_m:.1f}, {y_m:.1f})")
        lane = self.lanes[lane_key(waypoint)]
        at = np.array(_xyz(waypoint))
        return lane, int(np.argmin(((lane.points_m - at) ** 2).sum(axis=1)))

    def path(self, origin: tuple[Lane, int], target: tuple[Lane, int]) -> list[Leg]:
        """Shortest lawful path (A* over lanes, straight line as lower bound).

        Args:
            origin, target: places as `locate` gives them.

        Raises:
            NoRoute: the target cannot be reached.
        """
        (start, i), (goal, j) = origin, target
        if start.key == goal.key and j >= i:
            return [Leg(start, i, j, 0)]
        aim = goal.points_m[j]

        def bound_m(lane: Lane) -> float:
            return float(np.linalg.norm(lane.points_m[-1] - aim))

        # State: lane, entered at its beginning (or, for the first lane, at the origin).
        came_from: dict[LaneKey, tuple[LaneKey | None, int]] = {}
        best_m = {start.key: 0.0}
        queue: list[tuple[float, LaneKey]] = [(bound_m(start), start.key)]
        closed: set[LaneKey] = set()
        while queue:
            _, key = heapq.heappop(queue)
            if key in closed:
                continue
            closed.add(key)
            if key == goal.key and key in came_from:
                return self._legs(came_from, start, i, goal, j)
            lane = self.lanes[key]
            steps = [(successor, lane.length_m, 0) for successor in lane.successors]
            if key != start.key or len(lane.waypoints) - i > _MIN_LANE_CHANGE_M:
                steps += [(beside, _LANE_CHANGE_COST_M, _side(key, beside)) for beside in lane.neighbours]
            for following, cost_m, change in steps:
                total_m = best_m[key] + cost_m
                if change and following == goal.key:
                    entered = i if key[:2] == start.key[:2] else 0
                    if j < entered + _LANE_CHANGE_COST_M:
                        continue
                # A loop back into the start lane is a new arrival, needed when the goal lies behind the origin.
                if following not in self.lanes or (following in closed and following != start.key):
                    continue
                if following == start.key:
                    if start.key == goal.key and change == 0:
                        came_from[start.key] = (key, change)
                        return self._legs(came_from, start, i, goal, j)
                    continue
                if total_m < best_m.get(following, math.inf):
                    best_m[following] = total_m
                    came_from[following] = (key, change)
                    heapq.heappush(queue, (total_m + bound_m(self.lanes[following]), following))
        raise NoRoute(f"no lawful way leads from lane {start.key} to lane {goal.key}")

    def _legs(
        self, came_from: dict[LaneKey, tuple[LaneKey | None, int]], start: Lane, i: int, goal: Lane, j: int
    ) -> list[Leg]:
        chain: list[tuple[Lane, int]] = [(goal, 0)]
        key: LaneKey | None = goal.key
        while key is not None:
            previous, change = came_from[key]
            if previous is None:
                break
            chain.append((self.lanes[previous], change))
            key = previous if previous != start.key else None
        chain.reverse()
        legs: list[Leg] = []
        first = i
        for position, (lane, change) in enumerate(chain):
            end = j if position == len(chain) - 1 else len(lane.waypoints) - 1
            if change:
                # Change at once: the rest of the section is driven in the other lane.
                end = min(first + 1, end)
            legs.append(Leg(lane, first, max(first, end), change))
            first = end + 1 if change else 0
        return legs


def lane_key(waypoint: carla.Waypoint) -> LaneKey:
    """Identity of the lane that a waypoint lies on."""
    return waypoint.road_id, waypoint.section_id, waypoint.lane_id


def _allowed_neighbour(waypoint: carla.Waypoint, side: str) -> carla.Waypoint | None:
    allowed = waypoint.lane_change
    wanted = carla.LaneChange.Left if side == "left" else carla.LaneChange.Right
    if allowed not in (wanted, carla.LaneChange.Both):
        return None
    beside = waypoint.get_left_lane() if side == "left" else waypoint.get_right_lane()
    if beside is None or beside.lane_type != carla.LaneType.Driving or beside.lane_id * waypoint.lane_id < 0:
        return None
    return beside


def _side(lane: LaneKey, beside: LaneKey) -> int:
    """+1 if `beside` lies to the right in driving direction: there lane numbers grow away from the centre."""
    return 1 if abs(beside[2]) > abs(lane[2]) else -1


def _xyz(waypoint: carla.Waypoint) -> tuple[float, float, float]:
    location = waypoint.transform.location
    return location.x, location.y, location.z
