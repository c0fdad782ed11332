"""The route files of a map: `python -m scenarios.town_route_files [MAP_DIR]` rewrites those in `scenarios/routes`."""

from __future__ import annotations

import contextlib
import re
import sys
from dataclasses import replace
from pathlib import Path

import carla

from carla_agents.driving.road_graph import NoRoute
from carla_agents.driving.route import Route
from carla_agents.driving.route_planner import RoutePlanner
from carla_server.towns import SHIPPED_TOWNS, Split
from scenarios.generate import ROUTES_FOLDER, RouteWish, generate_routes, plan_specs, to_specs
from scenarios.maps import map_finder
from scenarios.parameters import ScenarioError
from scenarios.route_files import RouteSpec, write_routes
from scenarios.scenario_routes import FoundRoute, find_scenario_routes, with_places, with_scenarios
from scenarios.types import TYPES

_PLACES_ID = 400
"""Added to a route's id in the file that names places."""


def town_files(carla_map: carla.Map, first_id: int) -> dict[str, list[RouteSpec]]:
    """Route files of a town.

    Returns:
        `empty`; `scenarios`, three per type; `places`, those of them that look for places on the map, with the places
        named; `long`, several scenarios each.
    """
    planner = RoutePlanner(carla_map)
    town = carla_map.name.split("/")[-1]
    empty: list[Route] = []
    long: list[Route] = []
    with contextlib.suppress(NoRoute):
        empty = generate_routes(planner, RouteWish(3, 150.0, 250.0, min_turns=1, seed=3, max_shared_m=80.0))
    with contextlib.suppress(NoRoute):
        long = generate_routes(planner, RouteWish(2, 600.0, 900.0, min_turns=2, seed=4, max_shared_m=400.0))
    single: list[FoundRoute] = []
    for name in TYPES:
        single += find_scenario_routes(carla_map, planner, name, 3, first_id=first_id + len(single))
    named = [found for route in single if (found := with_places(carla_map, planner, route)) is not None]
    specs = to_specs(long, town, first_id + 900)
    crowded = [
        replace(spec, scenarios=with_scenarios(carla_map, planner, route, seed=spec.route_id))
        for spec, route in zip(specs, plan_specs(planner, specs), strict=True)
    ]
    return {
        "empty": list(to_specs(empty, town, first_id + 800)),
        "scenarios": [found.spec for found in single],
        "places": [replace(found.spec, route_id=found.spec.route_id + _PLACES_ID) for found in named],
        "long": crowded,
    }


def main(arguments: list[str] | None = None) -> int:
    """Rewrite the scenario route files of the shipped towns, and of the maps of a folder if one is named."""
    map_dir = Path(arguments[0]) if arguments else None
    names = [town.name for town in SHIPPED_TOWNS if town.split is not Split.NEITHER]
    names += sorted(path.stem for path in map_dir.glob("*.xodr")) if map_dir is not None else []
    find_map = map_finder(map_dir)
    for number, name in enumerate(names):
        carla_map = find_map(name)
        if carla_map is None:
            raise ScenarioError(f"there is no map of {name}")
        for kind, specs in town_files(carla_map, 10_000 * (number + 1)).items():
            if specs:
                path = ROUTES_FOLDER / f"{_file_stem(name)}_{kind if kind != 'long' else 'crowded'}.xml"
                path.write_text(write_routes(specs), encoding="utf-8")
                print(f"{path.name}: {len(specs)} routes, {sum(len(spec.scenarios) for spec in specs)} scenarios")
    return 0


def _file_stem(town: str) -> str:
    """`TownGrid` -> `town_grid`, `Town10HD` -> `town10hd`."""
    return re.sub(r"(?<=[a-z])(?=[A-Z])", "_", town).lower()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
