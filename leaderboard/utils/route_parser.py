"""`RouteParser`: routes of a file as the configurations that the Leaderboard's tools pass around."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import carla

from leaderboard.routes_1_0 import NEAR_M, NEAR_YAW_DEG, is_1_0, read_routes_1_0
from scenarios.route_files import RouteFileError, RouteSpec, read_routes

TRIGGER_THRESHOLD = NEAR_M
TRIGGER_ANGLE_THRESHOLD = NEAR_YAW_DEG
_BASE_WEATHER = {"sun_altitude_angle": 70.0, "cloudiness": 50.0}


@dataclass
class RouteScenarioConfiguration:
    """One drive of an evaluation.

    Attributes:
        name: `RouteScenario_<id>`.
        town: map it is made for.
        keypoints: sparse places of the route.
        scenario_configs: what happens on the way.
        weather: (percentage of the route, weather) pairs.
        spec: the route as `scenarios.route_files` read it.
        index, repetition_index: position in the evaluation; set by `RouteIndexer`.
    """

    name: str
    town: str
    keypoints: list[carla.Location]
    scenario_configs: list[Any]
    weather: list[tuple[float, carla.WeatherParameters]]
    spec: RouteSpec
    index: int = 0
    repetition_index: int = 0
    agent: Any = field(default=None, repr=False)


class RouteParser:
    """Functions only, kept in a class because callers expect one."""

    @staticmethod
    def parse_routes_file(
        route_filename: str | Path, routes_subset: str = "", scenarios_filename: str | Path | None = None
    ) -> list[RouteScenarioConfiguration]:
        """The routes of a file in the format of 2.x or 1.0.

        Args:
            routes_subset: e.g. `0-4,7`; empty takes all.
            scenarios_filename: the scenario file that goes with a route file of 1.0.

        Raises:
            RouteFileError: the file cannot be used, or the subset names a route that is not in it.
        """
        path = Path(route_filename)
        if path.suffix.lower() == ".xml" and path.is_file() and is_1_0(path):
            specs = read_routes_1_0(path, Path(scenarios_filename) if scenarios_filename else None)
        else:
            specs = read_routes(path)
        if routes_subset:
            wanted = subset_ids(routes_subset, [spec.route_id for spec in specs])
            specs = tuple(spec for spec in specs if spec.route_id in wanted)
        return [RouteParser.configuration(spec) for spec in specs]

    @staticmethod
    def configuration(spec: RouteSpec) -> RouteScenarioConfiguration:
        """One route as a configuration."""
        return RouteScenarioConfiguration(
            name=f"RouteScenario_{spec.route_id}",
            town=spec.town,
            keypoints=[carla.Location(*point) for point in spec.waypoints_m],
            scenario_configs=list(spec.scenarios),
            weather=weathers_of(spec),
            spec=spec,
        )

    @staticmethod
    def is_scenario_at_route(
        trigger_transform: carla.Transform, route: Sequence[tuple[carla.Transform, Any]]
    ) -> bool:
        """Whether a trigger lies within 2 m and 10 degrees of a point of the route."""
        place, yaw = trigger_transform.location, trigger_transform.rotation.yaw
        return any(
            math.hypot(point.location.x - place.x, point.location.y - place.y) < TRIGGER_THRESHOLD
            and abs(point.location.z - place.z) < TRIGGER_THRESHOLD
            and abs((point.rotation.yaw - yaw + 180.0) % 360.0 - 180.0) < TRIGGER_ANGLE_THRESHOLD
            for point, _ in route
        )


def convert_elem_to_transform(elem: Any) -> carla.Transform:
    """An XML element with x, y, z and yaw as a transform."""
    place = carla.Location(*(float(elem.attrib[axis]) for axis in "xyz"))
    return carla.Transform(place, carla.Rotation(yaw=float(elem.attrib.get("yaw", 0.0))))


def weathers_of(spec: RouteSpec) -> list[tuple[float, carla.WeatherParameters]]:
    """(percentage of the route, weather) pairs in order; a file without weathers has the Leaderboard's one.

    Raises:
        RouteFileError: an attribute that `carla.WeatherParameters` does not have.
    """
    found = []
    for attributes in spec.weathers or ((("route_percentage", 0.0),),):
        weather = carla.WeatherParameters(**_BASE_WEATHER)
        percentage = 0.0
        for name, value in attributes:
            if name == "route_percentage":
                percentage = value
            elif hasattr(weather, name):
                setattr(weather, name, value)
            else:
                raise RouteFileError(f"route {spec.route_id}: carla.WeatherParameters has no {name!r}")
        found.append((percentage, weather))
    return sorted(found, key=lambda pair: pair[0])


def subset_ids(text: str, known: Sequence[int]) -> set[int]:
    """The route ids that a subset such as `0-4,7` names; a range takes the routes of the file between its ends.

    Raises:
        RouteFileError: not a subset, or a route that is not in the file.
    """
    wanted: set[int] = set()
    for part in text.replace(" ", "").split(","):
        first, _, last = part.partition("-")
        if not first.isdigit() or (last and not last.isdigit()):
            raise RouteFileError(f"routes subset {text!r} must look like 0-4,7")
        ends = (int(first), int(last or first))
        absent = sorted(set(ends) - set(known))
        if absent or ends[0] > ends[1]:
            raise RouteFileError(
                f"routes subset {text!r}: the file has no route {absent or ends}; it has {list(known)}"
            )
        wanted |= {route_id for route_id in known if ends[0] <= route_id <= ends[1]}
    return wanted
