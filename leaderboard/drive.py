"""One drive in closed loop: spawn the ego and traffic, let a driver drive, watch the criteria until it is over."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

import carla
import numpy as np

from augment.conditions import Condition
from carla_agents.driving.headlights import switch_lamps
from carla_agents.driving.placing import start_pose
from carla_agents.driving.route import Route
from carla_agents.driving.route_planner import RoutePlanner
from carla_agents.driving.traffic import Traffic, TrafficConfig, derive_seed
from carla_agents.policies.base import CameraSpec
from carla_agents.simulator.frame import Control
from carla_agents.simulator.rig import SensorRig, cameras
from carla_agents.simulator.session import WEATHER_FIELDS, Session
from carla_agents.simulator.vehicle_state import VehicleState
from leaderboard.criteria import (
    BlockedCriterion,
    CollisionCriterion,
    Criterion,
    RouteDeviationCriterion,
    TickFacts,
    TimeoutCriterion,
)
from leaderboard.infractions import ENDS_ROUTE, Infraction, InfractionKind
from leaderboard.observe import DriveObserver, stop_boxes, stop_lines
from leaderboard.pace import PaceCriterion
from leaderboard.results import DriveKey, DriveRecord, drive_status
from leaderboard.traffic_rules import OutsideLanesCriterion, RedLightCriterion, StopSignCriterion
from scenarios.route_files import ScenarioSpec
from scenarios.running import Outcome, RouteScenarios, ScenarioEvent
from scenarios.weather import RouteWeather, WeatherRows

_SETTLE_TICKS = 10


@dataclass(frozen=True)
class DriveConfig:
    """Circumstances of every drive of an evaluation."""

    vehicle: str = "vehicle.tesla.model3"
    """Blueprint of the ego vehicle; policies should be recorded with the same."""
    cars: int = 10
    """Other cars, driven by the Traffic Manager."""
    walkers: int = 0
    """People on the pavements."""
    ticks_per_decision: int = 2
    """The driver sees a picture and decides every so many ticks; the controller acts every tick."""
    blocked_limit_s: float = 60.0
    """Standing longer than this ends the drive (leaderboard 180 s, Bench2Drive 60 s)."""
    time_limit_s: float = 40.0
    """Time allowed, plus 0.8 s per metre of the route as in leaderboard 1.0."""
    pace_stretches: int = 0
    """Parts of the route in which the ego's pace is compared with the traffic's (leaderboard 4, Bench2Drive 20); 0
    leaves the pace out: on short routes with few cars it mostly tells who met a red light."""
    every_pace: bool = False
    """Record every one of them, as Bench2Drive does, not only those in which the ego was slower."""
    seed: int = 0
    """Decides traffic; the same for every driver, so that drives can be compared pair by pair."""

    def __post_init__(self) -> None:
        if self.cars < 0 or self.walkers < 0:
            raise ValueError(f"cars and walkers must be >= 0, got {self.cars} and {self.walkers}")
        if self.ticks_per_decision < 1:
            raise ValueError(f"ticks_per_decision must be at least 1, got {self.ticks_per_decision}")
        if self.pace_stretches < 0:
            raise ValueError(f"pace_stretches must be >= 0, got {self.pace_stretches}")
        if self.blocked_limit_s <= 0.0 or self.time_limit_s <= 0.0:
            raise ValueError(
                f"blocked_limit_s and time_limit_s must be positive, got {self.blocked_limit_s}, {self.time_limit_s}"
            )


@dataclass(frozen=True)
class DriveView:
    """What a driver may look at in one tick.

    Attributes:
        state: pose and speed of the ego.
        observer: progress along the route.
        rgb: (H, W, 3) uint8 picture of this very tick, or None between two decisions.
    """

    state: VehicleState
    observer: DriveObserver
    rgb: np.ndarray | None


class DriverFailed(Exception):
    """The driver cannot go on: it raised, hung, or asked for what it may not have.

    Args:
        status: the status word of the record, e.g. `Failed - Agent crashed`.
        cause: what happened, for the log and the record.
    """

    def __init__(self, status: str, cause: str) -> None:
        super().__init__(f"{status}: {cause}")
        self.status = status
        self.cause = cause


class Driver(Protocol):
    """Whoever drives: a policy behind a controller, or the expert."""

    def camera(self) -> CameraSpec | None:
        """The camera it needs, or None."""
        ...

    def begin(self, session: Session, ego: carla.Vehicle, route: Route, seed: int) -> None:
        """Called before the first tick of a drive."""
        ...

    def control(self, view: DriveView) -> Control:
        """Wheel and pedals for the next tick."""
        ...


OnTick = Callable[[DriveView, TickFacts], None]
OnBegin = Callable[[Session, carla.Vehicle], None]
OnScenario = Callable[[ScenarioEvent], None]

_INFRACTION_OF = {
    Outcome.TIMED_OUT: (InfractionKind.SCENARIO_TIMEOUT, "Agent timed out a scenario"),
    Outcome.NOT_YIELDED: (InfractionKind.YIELD_EMERGENCY, "Agent failed to yield to an emergency vehicle"),
}


def drive_route(
    session: Session,
    route: Route,
    key: DriveKey,
    driver: Driver,
    config: DriveConfig,
    on_tick: OnTick | None = None,
    scenarios: Sequence[ScenarioSpec] = (),
    weathers: WeatherRows = (),
    on_scenario: OnScenario | None = None,
    on_begin: OnBegin | None = None,
) -> DriveRecord:
    """Drive one route in one condition and say what happened.

    Args:
        session: the simulator; its world is made fresh first, and the session owns every actor of the drive.
        route: what to drive.
        key: names the drive; its condition sets the weather, and with the seed it decides the traffic.
        driver: who drives.
        config: circumstances.
        on_tick: sees every tick, e.g. to keep pictures.
        scenarios: what happens on the way, as the route file has it.
        weathers: weather along the route, as the route file has it; it takes the place of the key's condition.
        on_scenario: is told when a scenario begins, triggers, ends or is skipped.
        on_begin: is shown the ego before the drive's first tick, e.g. to put a camera on it.

    Raises:
        SimulatorError: the simulator died or a sensor stayed silent; the drive has no outcome then.
        DriverFailed: the driver could not begin. If it fails later, the record says so and holds what was driven.
    """
    session.reset()
    weather = Condition.parse(key.condition).to_weather().as_tuple()
    session.set_weather(weather)
    sky = WeatherAlongRoute(session, weathers) if weathers else None
    traffic_seed = derive_seed(config.seed, f"route {key.route_id} repetition {key.repetition}")
    ego = session.spawn(config.vehicle, start_pose(route), {"role_name": "hero"})
    staged = _stage(session, ego, route, scenarios, traffic_seed)
    start_m = (float(route.points_m[0, 0]), float(route.points_m[0, 1]))
    traffic = Traffic(session, TrafficConfig(config.cars, config.walkers, traffic_seed), [start_m])
    vehicles = [ego, *traffic.vehicles]
    switch_lamps(session, vehicles, sky.update(0.0) if sky else weather)
    for _ in range(_SETTLE_TICKS):
        session.apply(ego, Control(brake=1.0))
        session.tick()
    observer = DriveObserver(session, ego, route, [vehicle.id for vehicle in traffic.vehicles])
    camera = driver.camera()
    sensors = cameras(camera, ("rgb",)) if camera is not None else []
    rig = SensorRig(session, ego, sensors, config.ticks_per_decision)
    driver.begin(session, ego, route, traffic_seed)
    if on_begin is not None:
        on_begin(session, ego)
    criteria = _criteria(session, ego, route, config)
    infractions: list[Infraction] = []
    failure: DriverFailed | None = None
    events: list[ScenarioEvent] = []
    skipped: list[str] = []
    while True:
        session.tick()
        state = VehicleState.read(session.snapshot(), ego.id)
        facts = observer.observe(state)
        observer.oncoming_lane_allowed = staged is not None and staged.oncoming_lane_allowed
        if sky is not None and sky.due(observer.progress.completion):
            switch_lamps(session, vehicles, sky.update(observer.progress.completion))
        pictures = rig.gather(state.frame_id) if rig.due(state.frame_id) else {}
        view = DriveView(state, observer, pictures.get("rgb"))
        if on_tick is not None:
            on_tick(view, facts)
        noticed = [infraction for criterion in criteria for infraction in criterion.update(facts)]
        noticed += _scenario_infractions(events, facts, skipped, on_scenario)
        infractions += noticed
        if observer.route_completion_pct >= 100.0 or any(i.kind in ENDS_ROUTE for i in noticed):
            break
        try:
            control = driver.control(view)
        except DriverFailed as error:
            failure = error
            break
        # After the driver: what a scenario destroys now is still in the snapshot that the driver looked at.
        events = staged.tick(state, observer.progress.distance_m) if staged else []
        session.apply(ego, staged.disturb(control) if staged else control)
    if staged is not None:
        infractions += _scenario_infractions(staged.close(), facts, skipped, on_scenario)
    infractions += [infraction for criterion in criteria for infraction in criterion.finish(facts)]
    infractions.sort(key=lambda infraction: infraction.frame_id)
    completion_pct = observer.route_completion_pct
    status = drive_status(completion_pct, infractions) if failure is None else failure.status
    return DriveRecord(
        key,
        status,
        completion_pct,
        tuple(infractions),
        route.length_m,
        facts.elapsed_s,
        skipped_scenarios=tuple(skipped),
        failure="" if failure is None else failure.cause,
    )


class WeatherAlongRoute:
    """Sets the weather of the place where the ego is, about every hundredth of the route as the leaderboard does.

    Args:
        session: the simulator.
        weathers: as the route file has them.
    """

    step = 0.01

    def __init__(self, session: Session, weathers: WeatherRows) -> None:
        self._session = session
        self._weather = RouteWeather(weathers)
        self._last = -1.0

    def due(self, completion: float) -> bool:
        """Whether the ego has gone far enough for another weather."""
        return self._weather.changes and completion - self._last >= self.step

    def update(self, completion: float) -> tuple[float, ...]:
        """Sets the weather at a share of the route; returns all its numbers in CARLA's order."""
        self._last = completion
        self._session.set_weather(self._weather.at(100.0 * completion))
        now = self._session.world.get_weather()
        return tuple(float(getattr(now, name)) for name in WEATHER_FIELDS)


def _stage(
    session: Session, ego: carla.Vehicle, route: Route, specs: Sequence[ScenarioSpec], seed: int
) -> RouteScenarios | None:
    """The scenarios of the drive, those near the start in their places; None if there are none."""
    if not specs:
        return None
    staged = RouteScenarios(session, RoutePlanner(session.map), ego, route, specs, seed)
    staged.begin_near(0.0)
    return staged


def _scenario_infractions(
    events: Sequence[ScenarioEvent], facts: TickFacts, skipped: list[str], on_scenario: OnScenario | None
) -> list[Infraction]:
    skipped += [f"{e.name} ({e.type_name}): {e.message}" for e in events if e.outcome is Outcome.SKIPPED]
    if on_scenario is not None:
        for event in events:
            on_scenario(event)
    known = [_INFRACTION_OF[event.outcome] for event in events if event.outcome in _INFRACTION_OF]
    return [facts.infraction(kind, message) for kind, message in known]


def _criteria(session: Session, ego: carla.Vehicle, route: Route, config: DriveConfig) -> list[Criterion]:
    pace: list[Criterion] = []
    if config.pace_stretches:
        pace = [PaceCriterion(route.length_m, config.pace_stretches, every=config.every_pace)]
    return [
        CollisionCriterion(),
        RedLightCriterion(stop_lines(session), float(ego.bounding_box.extent.x)),
        StopSignCriterion(stop_boxes(session)),
        OutsideLanesCriterion(),
        RouteDeviationCriterion(route.length_m),
        BlockedCriterion(config.blocked_limit_s),
        TimeoutCriterion(config.time_limit_s + 0.8 * route.length_m),
        *pace,
    ]
