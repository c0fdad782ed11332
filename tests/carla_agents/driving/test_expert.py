"""The expert drives its routes on the embedded server without touching anybody or running a light."""

from collections.abc import Iterator

import carla
import numpy as np
import pytest

from carla_agents.driving.expert import Expert, ExpertConfig, speed_profile_mps
from carla_agents.driving.placing import start_pose
from carla_agents.driving.route import Route
from carla_agents.driving.route_planner import RoutePlanner
from carla_agents.driving.traffic import Traffic, TrafficConfig, TrafficMix, derive_seed
from carla_agents.simulator.events import CollisionSensor
from carla_agents.simulator.session import Session, SimulatorConfig
from carla_agents.simulator.vehicle_state import VehicleState

EGO = "vehicle.tesla.model3"


@pytest.fixture(scope="module")
def session() -> Iterator[Session]:
    with Session.embedded(SimulatorConfig(map_name="TownGrid", rendering=False)) as opened:
        yield opened


@pytest.fixture(scope="module")
def planner(session: Session) -> RoutePlanner:
    return RoutePlanner(session.map)


def straight_route(planner: RoutePlanner, length_m: float) -> Route:
    """A stretch of the longest lane outside junctions."""
    lane = max((la for la in planner.graph.lanes.values() if not la.in_junction), key=lambda la: la.length_m)
    return planner.plan([lane.points_m[2], lane.points_m[2 + int(length_m)]])


def speed_mps(session: Session, actor: carla.Actor) -> float:
    return VehicleState.read(session.snapshot(), actor.id).speed_mps


@pytest.mark.parametrize("seed", [0, 3])
def test_it_finishes_a_route_among_cars_without_collision_or_red_light(
    session: Session, planner: RoutePlanner, seed: int
) -> None:
    session.reset()
    pose = session.map.get_spawn_points()[17 + seed]
    start = (pose.location.x, pose.location.y, pose.location.z)
    route = planner.random_route(np.random.default_rng(seed), 120.0, start, min_turns=1)
    ego = session.spawn(EGO, pose, {"role_name": "hero"})
    sensor = CollisionSensor(session, ego)
    with Traffic(session, TrafficConfig(vehicles=10, seed=seed), [start[:2]]) as traffic:
        assert len(traffic.vehicles) == 10
        expert = Expert(session, ego, route)
        worst_m, front_m, ran_red, nose_m = 0.0, 0.0, 0, ego.bounding_box.extent.x
        for _ in range(2500):
            session.apply(ego, expert.control())
            session.tick()
            worst_m = max(worst_m, abs(expert.progress.lateral_m))
            before_m, front_m = front_m, expert.progress.distance_m + nose_m
            for light in expert.signals.lights:
                crossed = before_m < light.line_m <= front_m
                ran_red += crossed and light.actor.get_state() == carla.TrafficLightState.Red
            if expert.done:
                break
    assert expert.done
    assert sensor.take() == []
    assert ran_red == 0
    assert worst_m < 0.8


def test_it_stands_behind_a_standing_car(session: Session, planner: RoutePlanner) -> None:
    session.reset()
    route = straight_route(planner, 60.0)
    ego = session.spawn(EGO, start_pose(route), {"role_name": "hero"})
    other = session.spawn("vehicle.audi.tt", start_pose(route, 35.0))
    sensor = CollisionSensor(session, ego)
    session.tick()
    expert = Expert(session, ego, route)
    for _ in range(300):
        session.apply(ego, expert.control())
        session.tick()
    assert expert.decision.reason == "vehicle"
    assert abs(speed_mps(session, ego)) < 0.05
    gap_m = (
        ego.get_location().distance(other.get_location()) - ego.bounding_box.extent.x - other.bounding_box.extent.x
    )
    assert 1.0 < gap_m < 5.0
    assert sensor.take() == []


def test_it_waits_at_red_and_goes_at_green(session: Session, planner: RoutePlanner) -> None:
    session.reset()
    session.world.freeze_all_traffic_lights(True)
    light = next(iter(session.world.get_actors().filter("traffic.traffic_light")))
    stop = light.get_stop_waypoints()[0]
    begin, end = stop.previous(40.0)[0].transform.location, stop.next(6.0)[0].next(25.0)[0].transform.location
    route = planner.plan([(begin.x, begin.y, begin.z), (end.x, end.y, end.z)])
    light.set_state(carla.TrafficLightState.Red)
    ego = session.spawn(EGO, start_pose(route), {"role_name": "hero"})
    session.tick()
    expert = Expert(session, ego, route)
    for _ in range(250):
        session.apply(ego, expert.control())
        session.tick()
    assert expert.decision.reason == "red light"
    to_line_m = ego.get_location().distance(stop.transform.location) - ego.bounding_box.extent.x
    assert 0.0 < to_line_m < 3.0
    light.set_state(carla.TrafficLightState.Green)
    for _ in range(100):
        session.apply(ego, expert.control())
        session.tick()
    assert speed_mps(session, ego) > 2.0
    session.world.freeze_all_traffic_lights(False)


def test_traffic_is_the_same_for_the_same_seed(session: Session) -> None:
    def places(seed: int) -> list[tuple[float, float]]:
        session.reset()
        with Traffic(session, TrafficConfig(vehicles=8, walkers=4, seed=seed)) as traffic:
            for _ in range(40):
                session.tick()
            actors = [*traffic.vehicles, *traffic.walkers]
            poses = [session.snapshot().find(actor.id).get_transform().location for actor in actors]
        return [(pose.x, pose.y) for pose in poses]

    first = places(1)
    assert len(first) >= 11
    assert places(1) == first
    assert places(2) != first


def test_a_street_mix_brings_two_wheelers_and_people_near_the_route_the_same_for_the_same_seed(
    session: Session,
) -> None:
    route_m = np.stack([np.linspace(0.0, 60.0, 30), np.zeros(30)], 1)
    start = session.map.get_spawn_points()[17].location
    route_m += (start.x, start.y)
    mix = TrafficMix(two_wheeler_share=0.5, large_share=0.2, vehicles_near_share=1.0, walkers_near_share=1.0)

    def street() -> tuple[list[str], np.ndarray]:
        session.reset()
        config = TrafficConfig(vehicles=12, walkers=6, seed=3, mix=mix)
        with Traffic(session, config, enliven_m=route_m) as traffic:
            vehicles = [actor.attributes["number_of_wheels"] for actor in traffic.vehicles]
            snapshot = session.snapshot()
            places = [snapshot.find(actor.id).get_transform().location for actor in traffic.walkers]
        return vehicles, np.array([(place.x, place.y) for place in places])

    wheels, walkers_m = street()
    assert 3 <= wheels.count("2") <= 9
    away_m = np.linalg.norm(walkers_m[:, None] - route_m[None], axis=2).min(1)
    assert len(away_m) >= 4
    assert (away_m < 30.0).all()
    again = street()
    assert again[0] == wheels
    np.testing.assert_array_equal(again[1], walkers_m)


@pytest.mark.parametrize("wrong", [{"two_wheeler_share": 1.5}, {"two_wheeler_share": 0.7, "large_share": 0.7}])
def test_shares_of_traffic_that_make_no_sense_are_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(ValueError, match="share"):
        TrafficMix(**wrong)


def test_the_speed_profile_slows_for_bends_and_stands_at_the_end(planner: RoutePlanner) -> None:
    route = planner.random_route(np.random.default_rng(1), 250.0, min_turns=1)
    config = ExpertConfig()
    profile = speed_profile_mps(route, config)
    assert profile.max() <= config.cruise_mps
    assert profile[-1] == 0.0
    assert (profile**2 * np.abs(route.curvature_1pm) <= config.lateral_mps2 + 1e-6).all()


def test_derived_seeds_depend_on_seed_and_purpose_only() -> None:
    assert derive_seed(1, "vehicles") == derive_seed(1, "vehicles")
    assert len({derive_seed(1, "vehicles"), derive_seed(1, "walkers"), derive_seed(2, "vehicles")}) == 3
