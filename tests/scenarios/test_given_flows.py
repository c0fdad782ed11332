"""A route file may say where a flow of traffic begins and ends."""

import math
from dataclasses import replace

import carla
import numpy as np
import pytest

from carla_agents.driving.route import Route
from carla_agents.driving.route_planner import RoutePlanner
from scenarios.junctions import Crossing, way_route
from scenarios.parameters import ScenarioError
from scenarios.rehearsal import RehearsalScene, rehearse
from scenarios.route_files import ScenarioSpec
from scenarios.running import trigger_distance_m
from scenarios.scenario_routes import find_scenario_routes
from scenarios.scene import Wish

Place = tuple[float, float, float]


class Spot:
    """A place of a scenario type on the default town, and the same with other places of the flow."""

    def __init__(self, carla_map: carla.Map, planner: RoutePlanner, type_name: str) -> None:
        (found,) = find_scenario_routes(carla_map, planner, type_name, 1)
        self.map, self.planner, self.route = carla_map, planner, found.route
        (self.scenario,) = found.spec.scenarios
        trigger_m = trigger_distance_m(found.route, self.scenario.trigger)
        assert trigger_m is not None
        self.trigger_m = trigger_m
        self.scene = RehearsalScene(carla_map, planner, found.route, trigger_m)
        self.crossing = Crossing.ahead(self.scene, trigger_m)

    def spec(self, **places: Place) -> ScenarioSpec:
        axes = [(tag, tuple(zip("xyz", map(str, place), strict=True))) for tag, place in places.items()]
        return replace(self.scenario, parameters=tuple(axes))

    def wishes(self, **places: Place) -> list[Wish]:
        return list(rehearse(self.map, self.planner, self.route, self.trigger_m, self.spec(**places)).wishes)


def at(path: Route, distance_m: float) -> Place:
    x, y, z = (float(v) for v in path.points_m[int(abs(path.distance_m - distance_m).argmin())])
    return x, y, z


def along_m(path: Route, wish: Wish) -> tuple[float, float]:
    """Where along a way an actor stands, and how far from it."""
    away_m = np.hypot(path.points_m[:, 0] - wish.pose.location.x, path.points_m[:, 1] - wish.pose.location.y)
    return float(path.distance_m[int(away_m.argmin())]), float(away_m.min())


@pytest.mark.parametrize("type_name", ["EnterActorFlow", "MergerIntoSlowTrafficV2", "InterurbanActorFlow"])
def test_the_flow_drives_between_the_given_places(
    grid_map: carla.Map, grid_planner: RoutePlanner, type_name: str
) -> None:
    spot = Spot(grid_map, grid_planner, type_name)
    way = spot.crossing.others[0]
    path, _ = way_route(spot.scene, way, 60.0, 25.0)
    cars = spot.wishes(start_actor_flow=at(path, 5.0), end_actor_flow=at(path, path.length_m - 3.0))
    assert cars
    for car in cars:
        distance_m, away_m = along_m(path, car)
        assert away_m < 0.6
        assert 4.0 <= distance_m <= path.length_m


def test_bicycles_begin_at_the_given_place_and_keep_to_its_side_of_the_lane(
    grid_map: carla.Map, grid_planner: RoutePlanner
) -> None:
    spot = Spot(grid_map, grid_planner, "CrossingBicycleFlow")
    start = grid_map.get_waypoint(carla.Location(*at(spot.route, spot.crossing.entry_m - 30.0)))
    right = start.transform.get_right_vector()
    place = start.transform.location
    bicycles = spot.wishes(start_actor_flow=(place.x + 1.2 * right.x, place.y + 1.2 * right.y, place.z))
    assert bicycles
    for bicycle in bicycles:
        aside, ahead = bicycle.pose.location - place, start.transform.get_forward_vector()
        assert math.isclose(aside.x * right.x + aside.y * right.y, 1.2, abs_tol=0.1)
        assert -1.0 < aside.x * ahead.x + aside.y * ahead.y < 20.0


def test_places_that_cannot_be_are_named(grid_map: carla.Map, grid_planner: RoutePlanner) -> None:
    spot = Spot(grid_map, grid_planner, "EnterActorFlow")
    here = at(spot.route, 3.0)
    with pytest.raises(ScenarioError, match="needs both <start_actor_flow> and <end_actor_flow>"):
        spot.wishes(start_actor_flow=here)
    with pytest.raises(ScenarioError, match=r"start_actor_flow \(9000, 0\) lies .* m from the nearest driving lane"):
        spot.wishes(start_actor_flow=(9000.0, 0.0, 0.0), end_actor_flow=here)
    bicycles = Spot(grid_map, grid_planner, "CrossingBicycleFlow")
    with pytest.raises(ScenarioError, match="need <start_actor_flow> too"):
        bicycles.wishes(end_actor_flow=here)
