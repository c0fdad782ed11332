"""Routes with scenarios, found on any OpenDRIVE map by rehearsing the scenarios at random places."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import carla
import numpy as np

from carla_agents.driving.road_graph import Lane, NoRoute, lane_key
from carla_agents.driving.route import Route
from carla_agents.driving.route_planner import RoutePlanner
from carla_agents.simulator.frame import Command
from scenarios.generate import keypoints_m
from scenarios.junctions import Movement, movements
from scenarios.parameters import Interval, Number, ScenarioError, Word
from scenarios.rehearsal import rehearse
from scenarios.route_files import RouteSpec, ScenarioSpec
from scenarios.running import trigger_distance_m
from scenarios.scene import same_direction_lane
from scenarios.types import TYPES

_ROAD_START, _ROAD_TRIGGER_M = 2, 8.0
_BAY_START, _BAY_TRIGGER_M = 16, 0.0
_MIN_ROAD_M = 55.0
_IN_LANE_M = 1.5
_ROAD_M = 120
_BEFORE_M = 50.0
_JUNCTION_TRIGGER_M = 35.0
_BEYOND_M = 45.0
_EXIT_BEFORE_M, _EXIT_STRAIGHT_M = 60, 20
_WRITTEN = ("distance", "front_vehicle_distance", "behind_vehicle_distance")
"""Numbers that a route file names even where they have their default."""
_TURNS: dict[str, tuple[Command, ...]] = {
    "left": (Command.LEFT,),
    "right": (Command.RIGHT,),
    "straight": (Command.STRAIGHT,),
    "turn": (Command.LEFT, Command.RIGHT),
}

Place = tuple[float, float, float]


@dataclass(frozen=True)
class FoundRoute:
    """A route with one scenario, and the way that a reader of its key points drives."""

    spec: RouteSpec
    route: Route


def find_scenario_routes(
    carla_map: carla.Map,
    planner: RoutePlanner,
    type_name: str,
    count: int,
    seed: int = 0,
    first_id: int = 0,
    min_length_m: float = 0.0,
) -> list[FoundRoute]:
    """Routes on which a scenario of a type can happen; fewer than `count` if the map has no more places.

    Args:
        carla_map: any map.
        planner: on it.
        type_name: one of `scenarios.types.TYPES`.
        count: how many.
        seed: decides which.
        first_id: id of the first route.
        min_length_m: shorter routes are continued, with turns where there are some.
    """
    found: list[FoundRoute] = []
    town = carla_map.name.split("/")[-1]
    rng = np.random.default_rng(seed)
    starts: list[tuple[float, float]] = []
    for route, trigger_m, places in _candidates(planner, TYPES[type_name].place, rng):
        if len(found) == count:
            break
        here = (float(route.points_m[0, 0]), float(route.points_m[0, 1]))
        if any(math.dist(here, start) < 15.0 for start in starts):
            continue
        if route.length_m < min_length_m and not places:
            longer = _continued(planner, route, min_length_m, rng)
            if longer is None:
                continue
            route = longer
        places = places or keypoints_m(route)
        try:
            again = planner.plan(places)
        except NoRoute:
            continue
        if not np.array_equal(again.points_m, route.points_m):
            continue
        if TYPES[type_name].oncoming_lane_allowed and _has_lane_of_ours(carla_map, route, trigger_m):
            continue
        scenario = _fitting_scenario(carla_map, planner, route, trigger_m, type_name)
        if scenario is None:
            continue
        starts.append(here)
        found.append(FoundRoute(RouteSpec(first_id + len(found), town, places, (), (scenario,)), route))
    return found


def _has_lane_of_ours(carla_map: carla.Map, route: Route, trigger_m: float) -> bool:
    """Whether a second lane of the ego's direction makes the lane of the oncoming traffic needless."""
    index = int(abs(route.distance_m - trigger_m - 30.0).argmin())
    x, y, z = (float(v) for v in route.points_m[index])
    lane = carla_map.get_waypoint(carla.Location(x=x, y=y, z=z))
    return any(same_direction_lane(lane, side) is not None for side in ("left", "right"))


def _fitting_scenario(
    carla_map: carla.Map, planner: RoutePlanner, route: Route, trigger_m: float, type_name: str
) -> ScenarioSpec | None:
    """A scenario that works at a place, trying either side; None if none does."""
    sided = any(isinstance(p, Word) and p.name == "direction" for p in TYPES[type_name].parameters)
    for direction in ("right", "left") if sided else (None,):
        scenario = scenario_at(route, trigger_m, type_name, direction)
        if trigger_distance_m(route, scenario.trigger) is None:
            return None
        try:
            rehearsal = rehearse(carla_map, planner, route, trigger_m, scenario)
        except ScenarioError:
            continue
        places = [wish.pose.location for wish in rehearsal.wishes]
        places_m = np.array([(place.x, place.y) for place in places]).reshape(-1, 1, 2)
        away_m = np.linalg.norm(places_m - route.points_m[None, :, :2], axis=-1).min(axis=1)
        if TYPES[type_name].stands_in_lane and not (away_m < _IN_LANE_M).any():
            continue
        if not rehearsal.clashes():
            return scenario
    return None


def with_places(carla_map: carla.Map, planner: RoutePlanner, found: FoundRoute) -> FoundRoute | None:
    """The same route with what its scenario looks for on the map named in the file, as ScenarioRunner needs it.

    Returns:
        None if the scenario looks for nothing, or does not work with these places.
    """
    (scenario,) = found.spec.scenarios
    trigger_m = trigger_distance_m(found.route, scenario.trigger)
    if trigger_m is None:
        return None
    places = rehearse(carla_map, planner, found.route, trigger_m, scenario).places
    if not places:
        return None
    named = [(name, tuple(zip("xyz", (f"{v:.2f}" for v in at), strict=True))) for name, at in places.items()]
    for parameter in TYPES[scenario.type_name].parameters:
        if isinstance(parameter, Interval):
            low, high = parameter.default
            named.append((parameter.name, (("from", f"{low:g}"), ("to", f"{high:g}"))))
        elif isinstance(parameter, Number) and parameter.name not in dict(scenario.parameters):
            named.append((parameter.name, (("value", f"{parameter.default:g}"),)))
    whole = replace(scenario, parameters=(*scenario.parameters, *named))
    try:
        clashes = rehearse(carla_map, planner, found.route, trigger_m, whole).clashes()
    except (ScenarioError, NoRoute):
        return None
    return None if clashes else replace(found, spec=replace(found.spec, scenarios=(whole,)))


def scenario_at(route: Route, trigger_m: float, type_name: str, direction: str | None = None) -> ScenarioSpec:
    """A scenario of a type with its default parameters, triggered at a distance along a route."""
    index = int(abs(route.distance_m - trigger_m).argmin())
    x, y, z = (round(float(v), 3) for v in route.points_m[index])
    yaw_deg = round(math.degrees(math.remainder(float(route.yaw_rad[index]), math.tau)), 2)
    parameters = tuple(
        (parameter.name, (("value", f"{parameter.default:g}"),))
        for parameter in TYPES[type_name].parameters
        if isinstance(parameter, Number) and parameter.name in _WRITTEN
    )
    if direction is not None:
        parameters += (("direction", (("value", direction),)),)
    return ScenarioSpec(f"{type_name}_1", type_name, (x, y, z, yaw_deg), parameters)


def _candidates(
    planner: RoutePlanner, place: str, rng: np.random.Generator
) -> Iterator[tuple[Route, float, tuple[Place, ...]]]:
    """Routes, where their trigger may lie, and their key points where these cannot be found from the route."""
    if place == "exit":
        yield from _at_exits(planner, rng)
        return
    if place == "bay":
        for route, _ in _on_roads(planner, rng, first=_BAY_START):
            yield route, _BAY_TRIGGER_M, ()
        return
    found = _on_roads(planner, rng) if place == "road" else _at_junctions(planner, _TURNS[place], rng)
    for route, trigger_m in found:
        yield route, trigger_m, ()


def _on_roads(
    planner: RoutePlanner, rng: np.random.Generator, first: int = _ROAD_START
) -> Iterator[tuple[Route, float]]:
    graph = planner.graph
    lanes = [lane for _, lane in sorted(graph.lanes.items()) if not lane.in_junction and lane.length_m > _MIN_ROAD_M]
    for number in rng.permutation(len(lanes)):
        lane = lanes[int(number)]
        for start in range(first, max(first + 1, len(lane.waypoints) - 75), 60):
            if len(lane.waypoints) - start > _ROAD_M:
                route = _planned(planner, [lane.waypoints[start], lane.waypoints[start + _ROAD_M]])
                if route is not None:
                    yield route, _ROAD_TRIGGER_M
                continue
            for onward in _beyond(planner, lane, rng):
                route = _planned(planner, [lane.waypoints[start], lane.waypoints[-1], onward])
                if route is not None:
                    yield route, _ROAD_TRIGGER_M
                    break


def _at_junctions(
    planner: RoutePlanner, turns: Sequence[Command], rng: np.random.Generator
) -> Iterator[tuple[Route, float]]:
    graph = planner.graph
    junctions = sorted({lane.start.junction_id for lane in graph.lanes.values() if lane.in_junction})
    ways = [way for junction_id in junctions for way in movements(graph, junction_id)]
    ways = [way for way in ways if _command(way) in turns and way.entry.length_m > 40.0 and way.exit.length_m > 30.0]
    for number in rng.permutation(len(ways)):
        way = ways[int(number)]
        entry = way.entry.waypoints
        start = entry[max(_ROAD_START, len(entry) - round(_BEFORE_M))]
        end = way.exit.waypoints[min(round(_BEYOND_M), len(way.exit.waypoints) - 2)]
        route = _planned(planner, [start, entry[-1], end])
        if route is None:
            continue
        inside = np.flatnonzero(route.junction >= 0)
        if len(inside):
            yield route, max(float(route.distance_m[inside[0]]) - _JUNCTION_TRIGGER_M, 2.0)


def _at_exits(planner: RoutePlanner, rng: np.random.Generator) -> Iterator[tuple[Route, float, tuple[Place, ...]]]:
    """Ways that change into the lane on the right and turn right at the next junction."""
    graph = planner.graph
    junctions = sorted({lane.start.junction_id for lane in graph.lanes.values() if lane.in_junction})
    ways = [way for junction_id in junctions for way in movements(graph, junction_id)]
    ways = [way for way in ways if _command(way) is Command.RIGHT and way.exit.length_m > 30.0]
    for number in rng.permutation(len(ways)):
        way = ways[int(number)]
        entry = way.entry.waypoints
        left = same_direction_lane(entry[len(entry) // 2], "left")
        if left is None or len(entry) < _EXIT_BEFORE_M:
            continue
        lane = graph.lanes[lane_key(left)].waypoints
        if len(lane) < _EXIT_BEFORE_M:
            continue
        first = max(_ROAD_START, len(lane) - 2 * _EXIT_BEFORE_M)
        change = max(first + _EXIT_STRAIGHT_M, len(lane) - _EXIT_BEFORE_M)
        onward = way.exit.waypoints
        end = onward[min(round(_BEYOND_M), len(onward) - 2)]
        places = tuple(_xyz(place) for place in (lane[first], lane[change], entry[len(entry) - 8], end))
        try:
            route = planner.plan(places)
        except NoRoute:
            continue
        if Command.CHANGE_LANE_RIGHT in route.commands and route.length_m < 420.0:
            yield route, _ROAD_TRIGGER_M + max(change - first - _EXIT_STRAIGHT_M, 0.0), places


def _continued(planner: RoutePlanner, route: Route, length_m: float, rng: np.random.Generator) -> Route | None:
    """A route that goes on, turning where it can, until it is long enough; None if that fails."""
    end = tuple(float(v) for v in route.points_m[-1])
    for turns in (2, 1, 1, 0, 0):
        try:
            onward = planner.random_route(rng, length_m - route.length_m + 10.0, end, min_turns=turns, attempts=15)
            places = [*keypoints_m(route)[:-1], *keypoints_m(onward)]
            again = planner.plan(keypoints_m(planner.plan(places)))
        except NoRoute:
            continue
        same = min(len(route.points_m), len(again.points_m)) - 5
        detour_m = abs(again.length_m - route.length_m - onward.length_m)
        if detour_m < 8.0 and np.allclose(again.points_m[:same], route.points_m[:same], atol=0.6):
            return again
    return None


def _beyond(planner: RoutePlanner, lane: Lane, rng: np.random.Generator) -> Iterator[carla.Waypoint]:
    """Places behind the junction at the end of a lane, or on the lane that continues it."""
    graph = planner.graph
    onward = [key for key in lane.successors if key in graph.lanes]
    for number in rng.permutation(len(onward)):
        following = graph.lanes[onward[int(number)]]
        for key in following.successors if following.in_junction else [following.key]:
            if key in graph.lanes and not graph.lanes[key].in_junction and graph.lanes[key].length_m > 25.0:
                places = graph.lanes[key].waypoints
                yield places[min(round(_BEYOND_M), len(places) - 2)]


def _planned(planner: RoutePlanner, places: Sequence[carla.Waypoint]) -> Route | None:
    """The route through places as a route file gives it back; None if there is none."""
    try:
        rough = planner.plan([_xyz(place) for place in places])
        route = planner.plan(keypoints_m(rough))
    except NoRoute:
        return None
    # A key point at a junction's mouth may belong to another lane of it: then the way makes detours.
    return route if abs(route.length_m - rough.length_m) < 5.0 and route.length_m < 420.0 else None


def _command(way: Movement) -> Command:
    if way.straight:
        return Command.STRAIGHT
    return Command.RIGHT if way.turn_rad > 0.0 else Command.LEFT


def _xyz(place: carla.Waypoint) -> Place:
    location = place.transform.location
    return round(location.x, 3), round(location.y, 3), round(location.z, 3)


def with_scenarios(
    carla_map: carla.Map, planner: RoutePlanner, route: Route, spacing_m: float = 110.0, seed: int = 0
) -> tuple[ScenarioSpec, ...]:
    """Scenarios along a long route, a different type each time, wherever one fits.

    Args:
        carla_map: the map.
        planner: on it.
        route: as a reader of its key points drives it.
        spacing_m: least distance between two triggers.
        seed: decides which types.
    """
    rng = np.random.default_rng(seed)
    # Before an exit the route changes lane, which one without that cannot offer; in a bay a route begins.
    names = sorted(name for name, made in TYPES.items() if made.place not in ("exit", "bay"))
    waiting = [names[int(k)] for k in rng.permutation(len(names))]
    found: list[ScenarioSpec] = []
    trigger_m = 20.0
    while trigger_m < route.length_m - 110.0 and waiting:
        scenario = next(
            (s for name in waiting if (s := _fitting_scenario(carla_map, planner, route, trigger_m, name))), None
        )
        if scenario is None:
            trigger_m += 15.0
            continue
        waiting.remove(scenario.type_name)
        found.append(scenario)
        trigger_m += spacing_m
    return tuple(found)
