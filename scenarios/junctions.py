"""Ways through a junction: which approach leads to which exit, and who has which light."""

from __future__ import annotations

import math
from dataclasses import dataclass

import carla

from carla_agents.driving.road_graph import Lane, RoadGraph
from carla_agents.driving.route import Route
from scenarios.parameters import ScenarioError
from scenarios.scene import Scene

_STRAIGHT_RAD = math.radians(30.0)
_FACING_RAD = math.radians(35.0)


@dataclass(frozen=True)
class Movement:
    """One way through a junction.

    Attributes:
        entry, exit: the lanes before and after it.
        entry_yaw_rad, exit_yaw_rad: headings there.
        length_m: of the way inside the junction.
    """

    entry: Lane
    exit: Lane
    entry_yaw_rad: float
    exit_yaw_rad: float
    length_m: float

    @property
    def approach(self) -> tuple[int, bool]:
        """Road and direction that it comes by."""
        return self.entry.key[0], self.entry.key[2] > 0

    @property
    def turn_rad(self) -> float:
        """Positive to the right."""
        return math.remainder(self.exit_yaw_rad - self.entry_yaw_rad, math.tau)

    @property
    def straight(self) -> bool:
        return abs(self.turn_rad) < _STRAIGHT_RAD


def movements(graph: RoadGraph, junction_id: int) -> list[Movement]:
    """Every way through a junction, ordered by its lanes."""
    found = []
    for key in sorted(graph.lanes):
        lane = graph.lanes[key]
        if lane.in_junction:
            continue
        for onward in sorted(lane.successors):
            found += _through(graph, lane, onward, junction_id, 0.0, 0)
    return found


def _through(
    graph: RoadGraph, entry: Lane, key: tuple, junction_id: int, so_far_m: float, depth: int
) -> list[Movement]:
    lane = graph.lanes.get(key)
    if lane is None or depth > 4:
        return []
    if not lane.in_junction:
        if depth == 0:
            return []
        entry_yaw = math.radians(entry.waypoints[-1].transform.rotation.yaw)
        exit_yaw = math.radians(lane.waypoints[0].transform.rotation.yaw)
        return [Movement(entry, lane, entry_yaw, exit_yaw, so_far_m)]
    if lane.start.get_junction().id != junction_id:
        return []
    found = []
    for onward in sorted(lane.successors):
        found += _through(graph, entry, onward, junction_id, so_far_m + lane.length_m, depth + 1)
    return found


@dataclass(frozen=True)
class Crossing:
    """The junction that the ego's route passes next.

    Attributes:
        junction_id: its id.
        entry_m, exit_m: where along the route.
        own: the ego's way through it.
        same_approach: every way of the ego's approach, its own included.
        others: every other approach's ways.
    """

    junction_id: int
    entry_m: float
    exit_m: float
    own: Movement
    same_approach: tuple[Movement, ...]
    others: tuple[Movement, ...]

    @classmethod
    def ahead(cls, scene: Scene, route_m: float) -> Crossing:
        """The next junction of the ego's route.

        Raises:
            ScenarioError: none follows, or the route ends in it.
        """
        entry_m, exit_m = scene.junction_ahead(route_m)
        return cls.on_route(scene.planner.graph, scene.route, entry_m, exit_m)

    @classmethod
    def on_route(cls, graph: RoadGraph, route: Route, entry_m: float, exit_m: float) -> Crossing:
        """The junction between two distances of a route."""
        inside = int(route.distance_m.searchsorted(entry_m + 0.01, side="left"))
        inside = min(inside, len(route.junction) - 1)
        first = int(route.distance_m.searchsorted(entry_m - 0.01, side="left"))
        last = int(route.distance_m.searchsorted(exit_m - 0.01, side="left"))
        junction_id = int(route.junction[first])
        if first == 0 or route.junction[last] == junction_id:
            raise ScenarioError("the route begins or ends inside the junction of the scenario")
        entry_lane, exit_lane = (tuple(route.lanes[k].tolist()) for k in (first - 1, last))
        ways = movements(graph, junction_id)
        own = [
            way
            for way in ways
            if (way.entry.key[0], way.entry.key[2]) == entry_lane and (way.exit.key[0], way.exit.key[2]) == exit_lane
        ]
        if not own:
            raise ScenarioError(f"no way through junction {junction_id} fits the route")
        # Roads that end and begin at a junction have lanes of both directions: an approach is a road and a direction.
        approach = own[0].approach
        return cls(
            junction_id,
            entry_m,
            exit_m,
            own[0],
            tuple(way for way in ways if way.approach == approach),
            tuple(way for way in ways if way.approach != approach),
        )

    def oncoming(self) -> Movement:
        """The way straight on of the approach that faces the ego.

        Raises:
            ScenarioError: there is none.
        """
        return self._pick(self.own.entry_yaw_rad + math.pi, "comes straight towards the ego's approach")

    def from_side(self, side: str) -> Movement:
        """The way straight on of the approach on the ego's left or right.

        Raises:
            ScenarioError: there is none.
        """
        turn = math.pi / 2 if side == "left" else -math.pi / 2
        return self._pick(self.own.entry_yaw_rad + turn, f"comes straight from the {side}")

    def in_front_from_side(self, side: str) -> Movement:
        """A way in front of the ego, which goes straight on, from the approach on its left or right.

        It goes straight on too; from a side road on the left that ends here, it turns left into the ego's way.

        Raises:
            ScenarioError: there is none.
        """
        left = [way for way in self.others if way.exit.key == self.own.exit.key and way.turn_rad < -_STRAIGHT_RAD]
        try:
            return self.from_side(side)
        except ScenarioError:
            if side != "left" or not left:
                raise
            return left[0]

    def into_exit(self) -> Movement:
        """A way, straight if there is one, into the lane by which the ego leaves the junction.

        Raises:
            ScenarioError: there is none.
        """
        into = [way for way in self.others if way.exit.key == self.own.exit.key]
        if not into:
            raise ScenarioError(f"at junction {self.junction_id} nobody else can drive into the ego's lane")
        return min(into, key=lambda way: abs(way.turn_rad))

    def _pick(self, yaw_rad: float, wanted: str) -> Movement:
        fitting = [
            way
            for way in self.others
            if way.straight and abs(math.remainder(way.entry_yaw_rad - yaw_rad, math.tau)) < _FACING_RAD
        ]
        if not fitting:
            raise ScenarioError(f"at junction {self.junction_id} nobody {wanted}")
        return fitting[0]


def way_route(scene: Scene, way: Movement, before_m: float, after_m: float) -> tuple[Route, float]:
    """A route along a way through a junction, and where on it the junction begins.

    Args:
        scene: where.
        way: through the junction.
        before_m: how far before the junction the route begins; less if the road begins there.
        after_m: how far behind it ends; less if the lane ends there.

    Raises:
        ScenarioError: the way cannot be planned.
    """
    start = lane_before(way.entry.waypoints[-1], before_m)
    end = way.exit.waypoints[min(round(after_m), max(len(way.exit.waypoints) - 4, 0))]
    # A place at a junction's very mouth may belong to another lane of it: then the way makes detours.
    route = scene.plan([start, way.entry.waypoints[max(len(way.entry.waypoints) - 4, 0)], end])
    inside = [k for k, junction in enumerate(route.junction.tolist()) if junction >= 0]
    return route, float(route.distance_m[inside[0]]) if inside else before_m


def lane_before(waypoint: carla.Waypoint, distance_m: float) -> carla.Waypoint:
    """The place `distance_m` before a waypoint on its own lane, or as far as that goes back outside junctions."""
    found = waypoint
    for _ in range(int(distance_m / 2.0)):
        before = [w for w in found.previous(2.0) if not w.is_junction and w.lane_id == found.lane_id]
        if not before:
            break
        found = before[0]
    return found


class HeldLights:
    """The lights of a junction, held by a scenario and given back at its end.

    Args:
        scene: where.
        junction_id: whose lights; there may be none.
    """

    def __init__(self, scene: Scene, junction_id: int) -> None:
        self._lights = [
            (light, {w.road_id for w in light.get_stop_waypoints()}) for light in scene.lights_of(junction_id)
        ]
        self._times = [
            (light, light.get_red_time(), light.get_green_time(), light.get_yellow_time())
            for light, _ in self._lights
        ]
        self._held = False

    def __len__(self) -> int:
        return len(self._lights)

    def hold(self, green_roads: set[int]) -> None:
        """Green for the approaches on some roads, red for all others, until `release`."""
        for light, roads in self._lights:
            green = bool(roads & green_roads)
            light.set_state(carla.TrafficLightState.Green if green else carla.TrafficLightState.Red)
            light.set_red_time(1e5)
            light.set_green_time(1e5)
            light.set_yellow_time(1e5)
        self._held = True

    def release(self) -> None:
        """Gives the lights back to their controllers, which begin their turns anew; safe to call twice.

        A light keeps a state that was set until its own controller's turn, also a green one while others cross.
        """
        if not self._held:
            return
        self._held = False
        for light, red_s, green_s, yellow_s in self._times:
            light.set_red_time(red_s)
            light.set_green_time(green_s)
            light.set_yellow_time(yellow_s)
        for light, _ in self._lights[:1]:
            light.reset_group()
