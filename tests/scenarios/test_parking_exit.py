"""The ego begins in a parking bay; the town is afterwards as it was."""

from dataclasses import replace

import carla
import pytest

from carla_agents.driving.placing import start_pose
from carla_agents.driving.route_planner import RoutePlanner
from carla_agents.simulator.session import Session
from scenarios.parameters import ScenarioError
from scenarios.rehearsal import Rehearsal, rehearse
from scenarios.route_files import ScenarioSpec
from scenarios.running import Outcome, RouteScenarios
from scenarios.scenario_routes import FoundRoute, find_scenario_routes, scenario_at


@pytest.fixture(scope="module")
def found(grid_map: carla.Map, grid_planner: RoutePlanner) -> FoundRoute:
    (only,) = find_scenario_routes(grid_map, grid_planner, "ParkingExit", 1)
    return only


def official(found: FoundRoute, **values: str) -> ScenarioSpec:
    parameters = tuple((name, (("value", value),)) for name, value in values.items())
    return replace(found.spec.scenarios[0], parameters=parameters)


def rehearsed(
    carla_map: carla.Map, planner: RoutePlanner, found: FoundRoute, scenario: ScenarioSpec, trigger_m: float = 0.0
) -> Rehearsal:
    return rehearse(carla_map, planner, found.route, trigger_m, scenario)


def test_the_ego_begins_between_two_cars_beside_its_lane(
    grid_map: carla.Map, grid_planner: RoutePlanner, found: FoundRoute
) -> None:
    spec = official(
        found, front_vehicle_distance="12", behind_vehicle_distance="8", direction="right", flow_distance="25"
    )
    beginning = rehearsed(grid_map, grid_planner, found, spec)
    start = beginning.ego_start
    bay = grid_map.get_waypoint(start.location, lane_type=carla.LaneType.Driving | carla.LaneType.Parking)
    assert bay.lane_type == carla.LaneType.Parking
    assert abs(start.get_forward_vector().dot(start_pose(found.route).get_forward_vector()) - 1.0) < 0.01
    ahead_m = sorted(
        (wish.pose.location - start.location).dot(start.get_forward_vector()) for wish in beginning.wishes[:2]
    )
    assert ahead_m == pytest.approx([-8.0, 12.0], abs=0.2)
    flow = beginning.wishes[2:]
    assert len(flow) >= 2
    nearest = min(flow, key=lambda wish: wish.pose.location.distance(start.location)).pose.location - start.location
    assert nearest.dot(start.get_right_vector()) == pytest.approx(-2.9, abs=0.2)
    assert -20.0 < nearest.dot(start.get_forward_vector()) < -5.0
    assert all(wish.speed_mps > 5.0 for wish in flow)
    assert beginning.clashes() == []


def test_a_place_that_has_no_bay_or_is_not_at_the_beginning_is_named(
    grid_map: carla.Map, grid_planner: RoutePlanner, found: FoundRoute
) -> None:
    with pytest.raises(ScenarioError, match="parking lane directly to the left of the ego's lane"):
        rehearsed(grid_map, grid_planner, found, official(found, direction="left"))
    with pytest.raises(ScenarioError, match="must lie within 10 m of the route's beginning; it lies 30 m along it"):
        rehearsed(grid_map, grid_planner, found, scenario_at(found.route, 30.0, "ParkingExit", "right"), 30.0)
    with pytest.raises(ScenarioError, match="the parking lane ends less than 100 m from where the ego begins"):
        rehearsed(grid_map, grid_planner, found, official(found, front_vehicle_distance="100"))


def test_the_towns_own_parked_cars_make_room_and_come_back(session: Session, found: FoundRoute) -> None:
    session.reset()
    ego = session.spawn("vehicle.tesla.model3", start_pose(found.route), {"role_name": "hero"})
    start = start_pose(found.route)
    bay = carla.Transform(start.location + 2.9 * start.get_right_vector(), start.rotation)
    blueprint = session.world.get_blueprint_library().find("vehicle.audi.tt")
    assert session.world.try_spawn_actor(blueprint, bay) is None
    staged = RouteScenarios(session, RoutePlanner(session.map), ego, found.route, found.spec.scenarios, 0)
    staged.begin_near(0.0)
    session.tick()
    assert ego.get_location().distance_2d(bay.location) < 0.1
    assert len(session.world.get_actors().filter("vehicle.*")) > 3
    assert [event.outcome for event in staged.close()] == [Outcome.BEGUN]
    ego.set_transform(start)
    session.tick()
    assert [car.id for car in session.world.get_actors().filter("vehicle.*")] == [ego.id]
    assert session.world.try_spawn_actor(blueprint, bay) is None
