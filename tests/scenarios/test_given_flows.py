"""A route file may say where a flow of traffic begins and ends."""

import math
from dataclasses import replace

import carla
import numpy as np
import pytest

from carla_agents.driving.route import Route
from carla_agents.driving.route_planner import RoutePlanner
from carla_agents.simulator.session import Session
from leaderboard.blind_drivers import RouteFollower
from leaderboard.drive import DriveConfig, Driver, drive_route
from leaderboard.drivers import ExpertDriver
from leaderboard.infractions import InfractionKind
from leaderboard.results import DriveKey, DriveRecord
from leaderboard.score import Metric
from scenarios.junctions import Crossing, lane_before, way_route
from scenarios.parameters import ScenarioError
from scenarios.rehearsal import RehearsalScene, rehearse
from scenarios.route_files import ScenarioSpec
from scenarios.running import Outcome, ScenarioEvent, trigger_distance_m
from scenarios.scenario_routes import find_scenario_routes
from scenarios.scene import Wish, same_direction_lane

Place = tuple[float, float, float]


class Spot:
    """A place of a scenario type on the default town, and the same with other places of the flow."""

    def __init__(self, carla_map: carla.Map, planner: RoutePlanner, type_name: str) -> None:
        (found,) = find_scenario_routes(carla_map, planner, type_name, 1)
        self.map, self.planner, self.route = carla_map, planner, found.route
        self.key = DriveKey(found.spec.route_id, "clear-day", 0)
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


def to_the_junction(spot: Spot) -> Route:
    """Into the road that the ego turns into."""
    return way_route(spot.scene, spot.crossing.into_exit(), 70.0, 35.0)[0]


def towards_the_ego(spot: Spot) -> Route:
    return way_route(spot.scene, spot.crossing.oncoming(), 70.0, 35.0)[0]


def from_the_left(spot: Spot) -> Route:
    return way_route(spot.scene, spot.crossing.from_side("left"), 70.0, 35.0)[0]


def beside_the_ego(spot: Spot) -> Route:
    """Along the lane on the ego's right, from behind the trigger to before the junction."""
    lane = same_direction_lane(spot.scene.waypoint_at(spot.trigger_m), "right")
    assert lane is not None
    entry = spot.crossing.own.entry.waypoints
    return spot.scene.plan([lane_before(lane, 45.0), entry[len(entry) - 4]])


def straight_on(spot: Spot) -> Route:
    """Along the ego's lane and straight on where the ego turns right."""
    ways = [way for way in spot.crossing.same_approach if way.straight]
    return way_route(spot.scene, ways[0], 45.0, 30.0)[0]


def beside_the_lane(way: Route, right_m: float) -> Place:
    """Right of where a way begins."""
    x, y, z = at(way, 1.0)
    yaw_rad = float(way.yaw_rad[1])
    return x - right_m * math.sin(yaw_rad), y + right_m * math.cos(yaw_rad), z


DRIVEN = {
    "EnterActorFlow": (to_the_junction, {"flow_speed": "9"}),
    "MergerIntoSlowTrafficV2": (to_the_junction, {"flow_speed": "4"}),
    "InterurbanActorFlow": (towards_the_ego, {"flow_speed": "9"}),
    "InterurbanAdvancedActorFlow": (from_the_left, {"flow_speed": "8"}),
    "CrossingBicycleFlow": (straight_on, {"flow_speed": "4"}),
    "HighwayExit": (beside_the_ego, {"flow_speed": "8"}),
}
"""One type of every family whose official files say where the flow is: its way, and its speed as they give it."""
ONE_MAY_SLIP_THROUGH = ("HighwayExit",)
"""Its gaps are as wide as an official file has them, and a flow with given places does not wait for the ego."""


def driven(session: Session, spot: Spot, spec: ScenarioSpec, driver: Driver, way: Route) -> tuple[DriveRecord, float]:
    """The record of a drive, and how far along their way vehicles of the flow have come."""
    farthest_m = 0.0
    events: list[ScenarioEvent] = []

    def watch(*_) -> None:
        nonlocal farthest_m
        for actor in session.world.get_actors().filter("vehicle.*"):
            if actor.attributes["role_name"] == "scenario":
                place = actor.get_location()
                away_m = np.hypot(way.points_m[:, 0] - place.x, way.points_m[:, 1] - place.y)
                if away_m.min() < 3.5:
                    farthest_m = max(farthest_m, float(way.distance_m[int(away_m.argmin())]))

    config = DriveConfig(cars=0, blocked_limit_s=30.0)
    record = drive_route(
        session, spot.route, spot.key, driver, config, on_tick=watch, scenarios=[spec], on_scenario=events.append
    )
    assert [event.outcome for event in events] == [Outcome.BEGUN, Outcome.TRIGGERED, Outcome.OVER]
    return record, farthest_m


@pytest.mark.slow
@pytest.mark.parametrize("type_name", DRIVEN)
def test_the_expert_passes_a_flow_between_given_places_that_a_blind_driver_runs_into(
    session: Session, grid_map: carla.Map, grid_planner: RoutePlanner, type_name: str
) -> None:
    spot = Spot(grid_map, grid_planner, type_name)
    find_way, values = DRIVEN[type_name]
    way = find_way(spot)
    begins = beside_the_lane(way, 2.6) if type_name == "CrossingBicycleFlow" else at(way, 1.0)
    spec = spot.spec(start_actor_flow=begins, end_actor_flow=at(way, way.length_m - 1.0))
    numbers = tuple((name, (("value", value),)) for name, value in values.items())
    spec = replace(spec, parameters=(*spec.parameters, *numbers))
    record, farthest_m = driven(session, spot, spec, ExpertDriver(), way)
    assert record.score(Metric.V2_0).driving_score >= 85.0
    assert farthest_m > 0.5 * way.length_m
    blind, _ = driven(session, spot, spec, RouteFollower(), way)
    if type_name not in ONE_MAY_SLIP_THROUGH:
        assert InfractionKind.COLLISION_VEHICLE in {infraction.kind for infraction in blind.infractions}
