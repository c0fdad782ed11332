"""`RoutePlanner`: routes through given places, and random routes of a wanted length."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise

import carla
import numpy as np

from carla_agents.driving.road_graph import Lane, Leg, NoRoute, RoadGraph
from carla_agents.driving.route import Route
from carla_agents.simulator.frame import Command

_TURN_RAD = math.radians(30.0)
_LANE_CHANGE_M = 20


class RoutePlanner:
    """Plans on the lanes of one map.

    Args:
        carla_map: any `carla.Map`.
    """

    def __init__(self, carla_map: carla.Map) -> None:
        self.graph = RoadGraph(carla_map)

    def plan(self, places_m: Sequence[Sequence[float]]) -> Route:
        """The shortest lawful route through places in order.

        Args:
            places_m: at least two (x, y) or (x, y, z) in the world frame; each is moved to the nearest driving lane.

        Raises:
            NoRoute: a place cannot be reached from the one before.
        """
        if len(places_m) < 2:
            raise ValueError(f"a route needs at least 2 places, got {len(places_m)}")
        located = [self.graph.locate(*(float(v) for v in place)) for place in places_m]
        legs: list[Leg] = []
        for origin, target in pairwise(located):
            legs.extend(self.graph.path(origin, target))
        return route_from_legs(legs)

    def random_route(
        self,
        rng: np.random.Generator,
        length_m: float,
        start_m: Sequence[float] | None = None,
        min_turns: int = 0,
        attempts: int = 200,
    ) -> Route:
        """A random walk over lanes, cut to length; lane changes do not occur in it.

        Args:
            rng: decides everything that is open.
            length_m: wanted length; the result is within 2 m of it.
            start_m: (x, y, z) to start from, e.g. a spawn point; None starts on any lane outside junctions.
            min_turns: least number of left and right turns.
            attempts: walks to try.

        Raises:
            NoRoute: no walk of that length with so many turns was found.
        """
        lanes = [lane for lane in self.graph.lanes.values() if not lane.in_junction and len(lane.waypoints) > 10]
        if not lanes:
            raise NoRoute("the map has no driving lane outside junctions")
        for _ in range(attempts):
            if start_m is None:
                lane = lanes[int(rng.integers(len(lanes)))]
                at = int(rng.integers(len(lane.waypoints) // 2))
            else:
                lane, at = self.graph.locate(*(float(v) for v in start_m))
            legs = self._walk(rng, lane, at, length_m)
            if legs is None:
                continue
            route = _cut(route_from_legs(legs), length_m)
            if route.turns >= min_turns and route.junction[-1] < 0:
                return route
        raise NoRoute(f"no random route of {length_m:g} m with {min_turns} turns found in {attempts} attempts")

    def _walk(self, rng: np.random.Generator, lane: Lane, at: int, length_m: float) -> list[Leg] | None:
        legs: list[Leg] = []
        walked_m, visits = 0.0, {lane.key: 1}
        while walked_m < length_m + 5.0:
            legs.append(Leg(lane, at, len(lane.waypoints) - 1, 0))
            walked_m += lane.length_m - at
            onward = [key for key in lane.successors if key in self.graph.lanes]
            if not onward:
                return None
            fewest = min(visits.get(key, 0) for key in onward)
            onward = [key for key in onward if visits.get(key, 0) == fewest]
            lane, at = self.graph.lanes[onward[int(rng.integers(len(onward)))]], 0
            visits[lane.key] = visits.get(lane.key, 0) + 1
        return legs


def route_from_legs(legs: Sequence[Leg]) -> Route:
    """Joins stretches of lanes to a route, with a smooth lane change where the path changes lane."""
    points: list[np.ndarray] = []
    yaws, commands, junctions, lanes, widths = [], [], [], [], []
    turn_of = leg_commands(legs)
    merge_left = merge_count = 0
    merge_from = np.zeros(3)
    for number, leg in enumerate(legs):
        following_change = leg.change
        for offset, waypoint in enumerate(leg.lane.waypoints[leg.first : leg.last + 1]):
            point = leg.lane.points_m[leg.first + offset].copy()
            if merge_left > 0:
                share = merge_left / merge_count
                point += merge_from * (share * share * (3.0 - 2.0 * share))
                merge_left -= 1
            if points and np.linalg.norm(point - points[-1]) < 0.5:
                continue
            points.append(point)
            yaws.append(math.radians(waypoint.transform.rotation.yaw))
            junctions.append(waypoint.junction_id if waypoint.is_junction else -1)
            commands.append(_change_command(legs, number) if merge_left > 0 else turn_of[number])
            lanes.append((waypoint.road_id, waypoint.lane_id))
            widths.append(waypoint.lane_width)
        if following_change and number + 1 < len(legs):
            beside = legs[number + 1]
            still_off = points[-1] - leg.lane.points_m[leg.last]
            merge_from = leg.lane.points_m[leg.last] - beside.lane.points_m[beside.first - 1] + still_off
            merge_left = merge_count = min(_LANE_CHANGE_M, beside.last - beside.first)
    return _with_true_headings(
        Route(
            points_m=np.array(points),
            yaw_rad=np.array(yaws),
            commands=np.array(commands, dtype=np.int8),
            junction=np.array(junctions, dtype=np.int32),
            lanes=np.array(lanes, dtype=np.int32),
            lane_width_m=np.array(widths),
        )
    )


def leg_commands(legs: Sequence[Leg]) -> list[Command]:
    """Command of each leg: consecutive junction lanes form one manoeuvre, judged by the heading change through it."""
    commands = [Command.LANE_FOLLOW] * len(legs)
    first = 0
    while first < len(legs):
        if not legs[first].lane.in_junction:
            first += 1
            continue
        last = first
        junction = legs[first].lane.start.junction_id
        while last + 1 < len(legs) and legs[last + 1].lane.start.junction_id == junction:
            last += 1
        entry = legs[first].lane.waypoints[0].transform.rotation.yaw
        leaving = legs[last].lane.waypoints[-1].transform.rotation.yaw
        turn_rad = math.remainder(math.radians(leaving - entry), math.tau)
        if abs(turn_rad) < _TURN_RAD:
            command = Command.STRAIGHT
        else:
            command = Command.RIGHT if turn_rad > 0 else Command.LEFT
        commands[first : last + 1] = [command] * (last + 1 - first)
        first = last + 1
    return commands


def _change_command(legs: Sequence[Leg], number: int) -> Command:
    return Command.CHANGE_LANE_RIGHT if legs[number - 1].change > 0 else Command.CHANGE_LANE_LEFT


def _with_true_headings(route: Route) -> Route:
    """Where a lane change moves points off their lane, the heading follows the points."""
    changing = np.isin(route.commands, (Command.CHANGE_LANE_LEFT, Command.CHANGE_LANE_RIGHT))
    if changing.any():
        gradient = np.gradient(route.points_m[:, :2], axis=0)
        heading = np.arctan2(gradient[:, 1], gradient[:, 0])
        route.yaw_rad[changing] = heading[changing]
    return route


def _cut(route: Route, length_m: float) -> Route:
    count = int(np.searchsorted(route.distance_m, length_m)) + 1
    return Route(
        route.points_m[:count],
        route.yaw_rad[:count],
        route.commands[:count],
        route.junction[:count],
        route.lanes[:count],
        route.lane_width_m[:count],
    )
