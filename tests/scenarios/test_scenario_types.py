"""Every scenario type on the default town: the expert passes it; who sees nobody is caught by it."""

import math
from dataclasses import replace

import carla
import pytest

from carla_agents.driving.route_planner import RoutePlanner
from carla_agents.simulator.session import Session
from leaderboard.blind_drivers import ConstantThrottle, RouteFollower, StandStill
from leaderboard.drive import DriveConfig, Driver, drive_route
from leaderboard.drivers import ExpertDriver
from leaderboard.infractions import InfractionKind
from leaderboard.results import DriveKey, DriveRecord, record_from_json, record_to_json
from leaderboard.score import Metric
from scenarios.running import Outcome, ScenarioEvent
from scenarios.scenario_routes import FoundRoute, find_scenario_routes, scenario_at
from scenarios.types import TYPES

IN_EVERY_RUN = ("DynamicObjectCrossing", "ParkedObstacleTwoWays", "YieldToEmergencyVehicle")
HARMLESS_ON_A_STRAIGHT_ROAD = (
    "OppositeVehicleRunningRedLight",
    "OppositeVehicleTakingPriority",
    "PriorityAtJunction",
)
"""A constant throttle may get through these by luck or by right."""
ALONE = DriveConfig(cars=0)


def places(session: Session, type_name: str, count: int = 1) -> list[FoundRoute]:
    return find_scenario_routes(session.map, RoutePlanner(session.map), type_name, count)


def drive(
    session: Session, found: FoundRoute, driver: Driver, config: DriveConfig = ALONE, **options
) -> tuple[DriveRecord, list[ScenarioEvent]]:
    events: list[ScenarioEvent] = []
    record = drive_route(
        session,
        found.route,
        DriveKey(found.spec.route_id, "clear-day", 0),
        driver,
        config,
        scenarios=found.spec.scenarios,
        on_scenario=events.append,
        **options,
    )
    return record, events


def outcomes(events: list[ScenarioEvent]) -> list[Outcome]:
    return [event.outcome for event in events]


def kinds(record: DriveRecord) -> set[InfractionKind]:
    return {infraction.kind for infraction in record.infractions}


@pytest.mark.parametrize(
    "type_name", [n if n in IN_EVERY_RUN else pytest.param(n, marks=pytest.mark.slow) for n in TYPES]
)
def test_the_expert_passes_it(session: Session, type_name: str) -> None:
    (found,) = places(session, type_name)
    record, events = drive(session, found, ExpertDriver())
    assert outcomes(events) == [Outcome.BEGUN, Outcome.TRIGGERED, Outcome.OVER]
    assert record.score(Metric.V2_0).driving_score >= 85.0


@pytest.mark.slow
@pytest.mark.parametrize("type_name", [name for name in TYPES if name not in HARMLESS_ON_A_STRAIGHT_ROAD])
def test_a_constant_throttle_is_penalised(session: Session, type_name: str) -> None:
    (found,) = places(session, type_name)
    record, _ = drive(session, found, ConstantThrottle())
    assert record.score(Metric.V2_0).driving_score <= 65.0


FOLLOWS_THE_ROUTE_ONLY = {
    **dict.fromkeys(TYPES, InfractionKind.COLLISION_VEHICLE),
    **dict.fromkeys(
        (
            "DynamicObjectCrossing",
            "ParkingCrossingPedestrian",
            "PedestrianCrossing",
            "VehicleTurningRoutePedestrian",
        ),
        InfractionKind.COLLISION_PEDESTRIAN,
    ),
    **dict.fromkeys(
        ("ConstructionObstacle", "ConstructionObstacleTwoWays", "ParkedObstacle", "ParkedObstacleTwoWays"),
        InfractionKind.COLLISION_LAYOUT,
    ),
    "YieldToEmergencyVehicle": InfractionKind.YIELD_EMERGENCY,
}
"""What a driver that keeps to the route and looks at nobody comes to."""
OTHERS_FAIL = {
    "ControlLoss": (ConstantThrottle(), InfractionKind.OUTSIDE_LANES),
    "PriorityAtJunction": (StandStill(), InfractionKind.BLOCKED),
}
"""Types that ask for no eyes: for the wheel to be corrected, for driving on at green."""
PENALISED = {name: (RouteFollower(), kind) for name, kind in FOLLOWS_THE_ROUTE_ONLY.items()} | OTHERS_FAIL


@pytest.mark.parametrize(
    "type_name", [n if n in IN_EVERY_RUN else pytest.param(n, marks=pytest.mark.slow) for n in TYPES]
)
def test_every_type_has_a_driver_that_it_penalises_for_what_it_is_about(session: Session, type_name: str) -> None:
    driver, kind = PENALISED[type_name]
    (found,) = places(session, type_name)
    record, _ = drive(session, found, driver, DriveConfig(cars=0, blocked_limit_s=5.0, time_limit_s=20.0))
    assert kind in kinds(record)
    assert record.score(Metric.V2_0).driving_score <= 70.0


def test_the_same_seed_gives_the_same_drive_to_the_last_digit(session: Session) -> None:
    (found,) = places(session, "DynamicObjectCrossing")

    def path() -> list[tuple[float, ...]]:
        seen: list[tuple[float, ...]] = []
        drive(session, found, ExpertDriver(), on_tick=lambda view, _: seen.append((view.state.x_m, view.state.y_m)))
        return seen

    assert path() == path()


def test_its_actors_are_gone_when_it_is_over(session: Session) -> None:
    (found,) = places(session, "ConstructionObstacle")
    drive(session, found, ExpertDriver())
    session.tick()
    assert len(session.world.get_actors().filter("static.prop.*")) == 0


def test_a_trigger_beside_the_route_is_skipped_with_the_reason(session: Session) -> None:
    (found,) = places(session, "DynamicObjectCrossing")
    aside = scenario_at(found.route, 8.0, "DynamicObjectCrossing")
    x, y, z, yaw = aside.trigger
    moved = type(aside)(aside.name, aside.type_name, (x, y, z, yaw + 90.0), aside.parameters)
    spec = type(found.spec)(9, found.spec.town, found.spec.waypoints_m, (), (moved,))
    record, events = drive(session, FoundRoute(spec, found.route), ExpertDriver())
    assert outcomes(events) == [Outcome.SKIPPED]
    assert events[0].message == "its trigger does not lie on the route"
    assert record.route_completion_pct == 100.0


def test_a_scenario_of_a_type_that_does_not_run_is_skipped_and_named_in_the_record(session: Session) -> None:
    (found,) = places(session, "DynamicObjectCrossing")
    known = found.spec.scenarios[0]
    unknown = type(known)("Teleport_1", "Teleport", known.trigger, ())
    spec = type(found.spec)(9, found.spec.town, found.spec.waypoints_m, (), (unknown,))
    record, events = drive(session, FoundRoute(spec, found.route), ExpertDriver(), replace(ALONE, cars=2))
    assert outcomes(events) == [Outcome.SKIPPED]
    (reason,) = record.skipped_scenarios
    assert reason.startswith("Teleport_1 (Teleport): ")
    assert record_from_json(record_to_json(record)) == record


def test_the_pace_is_compared_with_the_traffic_where_it_is_asked_for(session: Session) -> None:
    (found,) = places(session, "DynamicObjectCrossing")
    spec = type(found.spec)(9, found.spec.town, found.spec.waypoints_m, (), ())
    config = DriveConfig(cars=4, pace_stretches=4, every_pace=True)
    record, _ = drive(session, FoundRoute(spec, found.route), ExpertDriver(), config)
    percentages = [i.percentage for i in record.infractions if i.kind is InfractionKind.MIN_SPEED]
    assert len(percentages) == 4
    assert all(percentage > 0.0 for percentage in percentages)


def test_the_weather_changes_along_the_route(session: Session) -> None:
    (found,) = places(session, "PriorityAtJunction")
    rows = ((("route_percentage", 0.0), ("fog_density", 0.0)), (("route_percentage", 100.0), ("fog_density", 80.0)))
    fog: list[float] = []
    drive(
        session,
        found,
        ExpertDriver(),
        weathers=rows,
        on_tick=lambda *_: fog.append(session.world.get_weather().fog_density),
    )
    assert fog[0] < 3.0
    assert fog[-1] > 75.0
    assert fog == sorted(fog)


def test_the_lights_are_given_back(session: Session) -> None:
    (found,) = places(session, "PriorityAtJunction")
    drive(session, found, ExpertDriver())
    lights = session.world.get_actors().filter("traffic.traffic_light")
    assert all(math.isclose(light.get_green_time(), 10.0) for light in lights)
    assert any(light.get_state() == carla.TrafficLightState.Green for light in lights)
