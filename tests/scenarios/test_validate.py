"""What is wrong with a route file is found without a simulator, and named."""

from dataclasses import replace

import carla
import pytest

from carla_agents.driving.route_planner import RoutePlanner
from scenarios.generate import ROUTES_FOLDER
from scenarios.maps import map_finder
from scenarios.parameters import Point, ScenarioError
from scenarios.route_files import RouteSpec, parse_routes, read_routes, write_routes
from scenarios.scenario_routes import FoundRoute, find_scenario_routes, with_places, with_scenarios
from scenarios.types import TYPES
from scenarios.validate import validate_file, validate_route
from syndiff.cli import main

SHIPPED = sorted(path.name for path in ROUTES_FOLDER.glob("town_*.xml"))


@pytest.fixture(scope="module")
def good(grid_map: carla.Map, grid_planner: RoutePlanner) -> RouteSpec:
    (found,) = find_scenario_routes(grid_map, grid_planner, "ParkedObstacleTwoWays", 1)
    return found.spec


@pytest.mark.parametrize("name", SHIPPED)
def test_nothing_is_wrong_with_the_shipped_routes(name: str) -> None:
    assert validate_file(ROUTES_FOLDER / name, map_finder()) == []


def test_the_default_town_has_three_routes_of_every_type() -> None:
    counts = dict.fromkeys(TYPES, 0)
    for route in read_routes(ROUTES_FOLDER / "town_grid_scenarios.xml"):
        counts[route.scenarios[0].type_name] += 1
    assert min(counts.values()) >= 3


def test_what_a_scenario_looks_for_on_the_map_can_be_named_in_the_file(
    good: RouteSpec, grid_map: carla.Map, grid_planner: RoutePlanner
) -> None:
    (found,) = find_scenario_routes(grid_map, grid_planner, "EnterActorFlow", 1)
    named = with_places(grid_map, grid_planner, found)
    assert named is not None
    assert validate_route(named.spec, grid_map, grid_planner) == []
    tags = [tag for tag, _ in named.spec.scenarios[0].parameters]
    assert tags == ["start_actor_flow", "end_actor_flow", "flow_speed", "source_dist_interval"]
    without = FoundRoute(good, grid_planner.plan(good.waypoints_m))
    assert with_places(grid_map, grid_planner, without) is None
    given = {name for name, kind in TYPES.items() if any(isinstance(p, Point) for p in kind.parameters)}
    shipped = [route.scenarios[0] for route in read_routes(ROUTES_FOLDER / "town_grid_places.xml")]
    assert {scenario.type_name for scenario in shipped} == given
    assert all({"start_actor_flow", "other_actor_location"} & {tag for tag, _ in s.parameters} for s in shipped)


def test_triggers_types_parameters_places_and_weather_are_checked(
    good: RouteSpec, grid_map: carla.Map, grid_planner: RoutePlanner
) -> None:
    (scenario,) = good.scenarios
    x, y, z, yaw = scenario.trigger

    def complaints(**changes) -> str:
        spec = replace(good, scenarios=(replace(scenario, **changes),))
        return " ".join(str(problem) for problem in validate_route(spec, grid_map, grid_planner))

    assert complaints() == ""
    assert "does not lie on the route" in complaints(trigger=(x, y, z, yaw + 90.0))
    assert "does not lie on the route" in complaints(trigger=(x + 300.0, y, z, yaw))
    assert "is unknown" in complaints(type_name="Teleport")
    assert "unknown parameter <colour>" in complaints(parameters=(("colour", (("value", "red"),)),))
    assert "value is 9999" in complaints(parameters=(("distance", (("value", "9999"),)),))
    assert "use a shorter distance" in complaints(parameters=(("distance", (("value", "480"),)),))
    assert "parking lane" in complaints(type_name="ParkingCutIn", parameters=())
    assert "second lane of the same direction" in complaints(type_name="Accident", parameters=())
    weather = replace(good, weathers=((("sunshine", 3.0),),))
    assert "unknown weather attribute" in str(validate_route(weather, grid_map, grid_planner)[0])
    adrift = replace(good, waypoints_m=((x + 500.0, y + 500.0, z), *good.waypoints_m[1:]))
    assert "from the nearest driving lane" in str(validate_route(adrift, grid_map, grid_planner)[0])


def test_a_town_without_a_map_is_named(good: RouteSpec, tmp_path) -> None:
    path = tmp_path / "routes.xml"
    path.write_text(write_routes([replace(good, town="Town13")]))
    (problem,) = validate_file(path, map_finder())
    assert str(problem) == "route 0: the map of town 'Town13' is not at hand"
    with pytest.raises(ScenarioError, match="is not a folder"):
        map_finder(tmp_path / "absent")


def test_the_command_names_file_route_and_scenario(good: RouteSpec, tmp_path, capsys) -> None:
    path = tmp_path / "routes.xml"
    bad = replace(good, scenarios=(replace(good.scenarios[0], type_name="Teleport"),))
    path.write_text(write_routes([bad]))
    assert main(["validate-routes", str(path)]) == 1
    assert "route 0, scenario 'ParkedObstacleTwoWays_1'" in capsys.readouterr().out
    path.write_text(write_routes([good]))
    assert main(["validate-routes", str(path)]) == 0


def test_long_routes_get_several_different_scenarios(grid_map: carla.Map, grid_planner: RoutePlanner) -> None:
    route = grid_planner.plan(read_routes(ROUTES_FOLDER / "town_grid_long.xml")[0].waypoints_m)
    found = with_scenarios(grid_map, grid_planner, route)
    assert len(found) >= 3
    assert len({scenario.type_name for scenario in found}) == len(found)
    spec = RouteSpec(1, "TownGrid", tuple(tuple(p) for p in route.points_m[::10].tolist()), (), found)
    assert parse_routes(write_routes([spec]))[0].scenarios[0].type_name == found[0].type_name
