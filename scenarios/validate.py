"""Checks a route file against its maps without a simulator: the way, the triggers, the scenarios, the weather."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import carla

from carla_agents.driving.road_graph import NoRoute
from carla_agents.driving.route import Route
from carla_agents.driving.route_planner import RoutePlanner
from scenarios.parameters import ScenarioError
from scenarios.rehearsal import rehearse
from scenarios.route_files import RouteSpec, ScenarioSpec, read_routes
from scenarios.running import trigger_distance_m
from scenarios.weather import RouteWeather

_OFF_LANE_M = 2.0
_DETOUR = 3.0

FindMap = Callable[[str], carla.Map | None]
"""The map of a town; None if it is not at hand."""


@dataclass(frozen=True)
class Problem:
    """Something in a route file that will not work.

    Attributes:
        route_id: in which route.
        scenario: name of the scenario; empty if it is the route itself.
        message: what is wrong, and what would do.
    """

    route_id: int
    scenario: str
    message: str

    def __str__(self) -> str:
        where = f"route {self.route_id}" + (f", scenario {self.scenario!r}" if self.scenario else "")
        return f"{where}: {self.message}"


def validate_file(path: Path, find_map: FindMap) -> list[Problem]:
    """Everything that is wrong with a route file.

    Args:
        path: the file.
        find_map: gives the towns' maps.

    Raises:
        RouteFileError: it is no route file at all.
    """
    planners: dict[str, tuple[carla.Map, RoutePlanner] | None] = {}
    problems: list[Problem] = []
    for spec in read_routes(path):
        if spec.town not in planners:
            found = find_map(spec.town)
            planners[spec.town] = None if found is None else (found, RoutePlanner(found))
        known = planners[spec.town]
        if known is None:
            problems.append(Problem(spec.route_id, "", f"the map of town {spec.town!r} is not at hand"))
        else:
            problems += validate_route(spec, *known)
    return problems


def validate_route(spec: RouteSpec, carla_map: carla.Map, planner: RoutePlanner) -> list[Problem]:
    """Everything that is wrong with one route."""
    problems = [Problem(spec.route_id, "", message) for message in _way_problems(spec, carla_map)]
    try:
        RouteWeather(spec.weathers)
    except ValueError as error:
        problems.append(Problem(spec.route_id, "", str(error)))
    try:
        route = planner.plan(spec.waypoints_m)
    except (NoRoute, ValueError) as error:
        return [*problems, Problem(spec.route_id, "", f"the way cannot be planned: {error}")]
    straight_m = sum(_apart_m(a, b) for a, b in zip(spec.waypoints_m, spec.waypoints_m[1:], strict=False))
    if route.length_m > _DETOUR * straight_m + 50.0:
        problems.append(
            Problem(
                spec.route_id,
                "",
                f"the way is {route.length_m:.0f} m long where its positions are {straight_m:.0f} m apart: "
                "a position probably lies on the wrong lane",
            )
        )
    for scenario in spec.scenarios:
        problems += [
            Problem(spec.route_id, scenario.name, message)
            for message in _scenario_problems(scenario, route, carla_map, planner)
        ]
    return problems


def _way_problems(spec: RouteSpec, carla_map: carla.Map) -> list[str]:
    found = []
    for x, y, z in spec.waypoints_m:
        place = carla.Location(x=x, y=y, z=z)
        lane = carla_map.get_waypoint(place)
        away_m = _apart_m((x, y, z), (lane.transform.location.x, lane.transform.location.y, z))
        if away_m > _OFF_LANE_M:
            found.append(f"position ({x:g}, {y:g}) lies {away_m:.1f} m from the nearest driving lane")
    return found


def _scenario_problems(
    scenario: ScenarioSpec, route: Route, carla_map: carla.Map, planner: RoutePlanner
) -> Sequence[str]:
    trigger_m = trigger_distance_m(route, scenario.trigger)
    if trigger_m is None:
        x, y, z, yaw_deg = scenario.trigger
        return [
            f"its trigger ({x:g}, {y:g}, {z:g}, yaw {yaw_deg:g}) does not lie on the route: allowed are 2 m beside, "
            "2 m above or below and 10 degrees"
        ]
    try:
        return rehearse(carla_map, planner, route, trigger_m, scenario).clashes()
    except ScenarioError as error:
        return [str(error)]


def _apart_m(a: Sequence[float], b: Sequence[float]) -> float:
    return float(((a[0] - b[0]) ** 2 + (a[1] - b[1]) ** 2) ** 0.5)
