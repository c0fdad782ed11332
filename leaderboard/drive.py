"""One drive in closed loop: spawn the ego and traffic, let a driver drive, watch the criteria until it is over."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

import carla
import numpy as np

from augment.conditions import Condition
from carla_agents.driving.headlights import switch_lamps
from carla_agents.driving.placing import start_pose
from carla_agents.driving.route import Route
from carla_agents.driving.traffic import Traffic, TrafficConfig, derive_seed
from carla_agents.policies.base import CameraSpec
from carla_agents.simulator.frame import Control
from carla_agents.simulator.rig import SensorRig, cameras
from carla_agents.simulator.session import Session
from carla_agents.simulator.vehicle_state import VehicleState
from leaderboard.criteria import (
    BlockedCriterion,
    CollisionCriterion,
    Criterion,
    RouteDeviationCriterion,
    TickFacts,
    TimeoutCriterion,
)
from leaderboard.infractions import ENDS_ROUTE, Infraction
from leaderboard.observe import DriveObserver, stop_boxes, stop_lines
from leaderboard.results import DriveKey, DriveRecord, drive_status
from leaderboard.traffic_rules import OutsideLanesCriterion, RedLightCriterion, StopSignCriterion

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
    seed: int = 0
    """Decides traffic; the same for every driver, so that drives can be compared pair by pair."""

    def __post_init__(self) -> None:
        if self.cars < 0 or self.walkers < 0:
            raise ValueError(f"cars and walkers must be >= 0, got {self.cars} and {self.walkers}")
        if self.ticks_per_decision < 1:
            raise ValueError(f"ticks_per_decision must be at least 1, got {self.ticks_per_decision}")
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
        cause: what happened, for the log.
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


def drive_route(
    session: Session, route: Route, key: DriveKey, driver: Driver, config: DriveConfig, on_tick: OnTick | None = None
) -> DriveRecord:
    """Drive one route in one condition and say what happened.

    Args:
        session: the simulator; its world is made fresh first, and the session owns every actor of the drive.
        route: what to drive.
        key: names the drive; its condition sets the weather, and with the seed it decides the traffic.
        driver: who drives.
        config: circumstances.
        on_tick: sees every tick, e.g. to keep pictures.

    Raises:
        SimulatorError: the simulator died or a sensor stayed silent; the drive has no outcome then.
        DriverFailed: the driver could not begin. If it fails later, the record says so and holds what was driven.
    """
    session.reset()
    weather = Condition.parse(key.condition).to_weather().as_tuple()
    session.set_weather(weather)
    traffic_seed = derive_seed(config.seed, f"route {key.route_id} repetition {key.repetition}")
    ego = session.spawn(config.vehicle, start_pose(route), {"role_name": "hero"})
    start_m = (float(route.points_m[0, 0]), float(route.points_m[0, 1]))
    traffic = Traffic(session, TrafficConfig(config.cars, config.walkers, traffic_seed), [start_m])
    switch_lamps(session, [ego, *traffic.vehicles], weather)
    for _ in range(_SETTLE_TICKS):
        session.apply(ego, Control(brake=1.0))
        session.tick()
    observer = DriveObserver(session, ego, route)
    camera = driver.camera()
    sensors = cameras(camera, ("rgb",)) if camera is not None else []
    rig = SensorRig(session, ego, sensors, config.ticks_per_decision)
    driver.begin(session, ego, route, traffic_seed)
    criteria = _criteria(session, ego, route, config)
    infractions: list[Infraction] = []
    failure: DriverFailed | None = None
    while True:
        session.tick()
        state = VehicleState.read(session.snapshot(), ego.id)
        facts = observer.observe(state)
        pictures = rig.gather(state.frame_id) if rig.due(state.frame_id) else {}
        view = DriveView(state, observer, pictures.get("rgb"))
        if on_tick is not None:
            on_tick(view, facts)
        noticed = [infraction for criterion in criteria for infraction in criterion.update(facts)]
        infractions += noticed
        if observer.route_completion_pct >= 100.0 or any(i.kind in ENDS_ROUTE for i in noticed):
            break
        try:
            control = driver.control(view)
        except DriverFailed as error:
            failure = error
            break
        session.apply(ego, control)
    infractions += [infraction for criterion in criteria for infraction in criterion.finish(facts)]
    completion_pct = observer.route_completion_pct
    status = drive_status(completion_pct, infractions) if failure is None else failure.status
    return DriveRecord(key, status, completion_pct, tuple(infractions), route.length_m, facts.elapsed_s)


def _criteria(session: Session, ego: carla.Vehicle, route: Route, config: DriveConfig) -> list[Criterion]:
    return [
        CollisionCriterion(),
        RedLightCriterion(stop_lines(session), float(ego.bounding_box.extent.x)),
        StopSignCriterion(stop_boxes(session)),
        OutsideLanesCriterion(),
        RouteDeviationCriterion(route.length_m),
        BlockedCriterion(config.blocked_limit_s),
        TimeoutCriterion(config.time_limit_s + 0.8 * route.length_m),
    ]
