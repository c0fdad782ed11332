"""`RouteScenarios`: the scenarios of one route, each begun before the ego comes and ended behind it."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

import carla
import numpy as np

from carla_agents.driving.route import Route
from carla_agents.driving.route_planner import RoutePlanner
from carla_agents.driving.traffic import derive_seed
from carla_agents.simulator.frame import Control
from carla_agents.simulator.session import Session
from carla_agents.simulator.vehicle_state import VehicleState
from scenarios.parameters import ScenarioError
from scenarios.route_files import ScenarioSpec
from scenarios.scenario import Scenario
from scenarios.scene import Moment, Scene
from scenarios.types import make_scenario

BEGIN_BEFORE_M = 80.0
"""Actors appear when the ego is this far before the trigger."""
TIMEOUT_S = 240.0
"""A scenario that the ego has not passed by then has timed out (leaderboard 2.x)."""
TRIGGER_XY_M, TRIGGER_Z_M, TRIGGER_YAW_DEG = 2.0, 2.0, 10.0
"""How far a trigger may lie from the route (leaderboard 2.x)."""
_FIRES_WITHIN_M = 2.0


class Outcome(StrEnum):
    """What a scenario came to."""

    BEGUN = "begun"
    TRIGGERED = "triggered"
    OVER = "over"
    TIMED_OUT = "timed out"
    NOT_YIELDED = "emergency vehicle not let through"
    SKIPPED = "skipped"


@dataclass(frozen=True)
class ScenarioEvent:
    """Something happened to a scenario.

    Attributes:
        name, type_name: of the scenario.
        outcome: what.
        message: why it was skipped; else empty.
    """

    name: str
    type_name: str
    outcome: Outcome
    message: str = ""


@dataclass
class _Running:
    spec: ScenarioSpec
    scenario: Scenario
    scene: Scene
    begun: bool = False
    triggered_s: float | None = None


class RouteScenarios:
    """Runs the scenarios of a route while the ego drives it.

    Args:
        session: the simulator.
        planner: on its map.
        ego: the vehicle under test.
        route: what it should drive.
        specs: entries of the route file; one whose type is not supported or whose parameter is wrong is skipped, and
            the first `tick` says so.
        seed: decides every die of the scenarios.
    """

    def __init__(
        self,
        session: Session,
        planner: RoutePlanner,
        ego: carla.Vehicle,
        route: Route,
        specs: Sequence[ScenarioSpec],
        seed: int,
    ) -> None:
        self._session = session
        self._events: list[ScenarioEvent] = []
        self._waiting: list[_Running] = []
        self._moment: Moment | None = None
        for number, spec in enumerate(specs):
            try:
                scenario = make_scenario(spec)
            except ScenarioError as error:
                self._tell(spec, Outcome.SKIPPED, str(error))
                continue
            trigger_m = trigger_distance_m(route, spec.trigger)
            if trigger_m is None:
                self._tell(spec, Outcome.SKIPPED, "its trigger does not lie on the route")
                continue
            scene = Scene(session, planner, ego, route, trigger_m, derive_seed(seed, f"scenario {number}"))
            self._waiting.append(_Running(spec, scenario, scene))
        self._waiting.sort(key=lambda running: running.scene.trigger_m)

    @property
    def oncoming_lane_allowed(self) -> bool:
        """Whether a running scenario makes the ego drive in the lane of the oncoming traffic."""
        return any(r.triggered_s is not None and r.scenario.oncoming_lane_allowed for r in self._waiting)

    def begin_near(self, ego_m: float) -> None:
        """Puts the actors of scenarios into the world whose trigger the ego is coming to."""
        for running in list(self._waiting):
            if running.begun or running.scene.trigger_m - ego_m > BEGIN_BEFORE_M:
                continue
            running.begun = True
            try:
                running.scenario.begin(running.scene)
                self._tell(running.spec, Outcome.BEGUN)
            except ScenarioError as error:
                running.scene.clear()
                self._waiting.remove(running)
                self._tell(running.spec, Outcome.SKIPPED, str(error))

    def tick(self, ego: VehicleState, ego_m: float) -> list[ScenarioEvent]:
        """Lets every scenario do its part of a tick, and says what happened since the last call."""
        self.begin_near(ego_m)
        snapshot, delta_s = self._session.snapshot(), self._session.config.fixed_delta_s
        commands = []
        for running in [r for r in self._waiting if r.begun]:
            if running.triggered_s is None and ego_m >= running.scene.trigger_m - _FIRES_WITHIN_M:
                running.triggered_s = ego.elapsed_s
                self._tell(running.spec, Outcome.TRIGGERED)
            since_s = None if running.triggered_s is None else ego.elapsed_s - running.triggered_s
            moment = Moment(ego, ego_m, snapshot, since_s, delta_s)
            if since_s is not None and (running.scenario.over(moment) or since_s > TIMEOUT_S):
                self._end(running, timed_out=not running.scenario.over(moment))
                continue
            commands += running.scenario.tick(moment)
            self._moment = moment
        if commands:
            self._session.client.apply_batch(commands)
        events, self._events = self._events, []
        return events

    def disturb(self, control: Control) -> Control:
        """The ego's control as the running scenarios change it."""
        for running in self._waiting:
            if running.triggered_s is not None and self._moment is not None:
                control = running.scenario.disturb(control, self._moment)
        return control

    def close(self) -> list[ScenarioEvent]:
        """Ends everything that still runs, because the drive is over."""
        for running in [r for r in self._waiting if r.begun]:
            if running.triggered_s is not None and running.scenario.failed_to_yield():
                self._tell(running.spec, Outcome.NOT_YIELDED)
            running.scenario.end()
        self._waiting = []
        events, self._events = self._events, []
        return events

    def _end(self, running: _Running, timed_out: bool) -> None:
        self._waiting.remove(running)
        if running.scenario.failed_to_yield():
            self._tell(running.spec, Outcome.NOT_YIELDED)
        elif timed_out:
            self._tell(running.spec, Outcome.TIMED_OUT)
        self._tell(running.spec, Outcome.OVER)
        running.scenario.end()

    def _tell(self, spec: ScenarioSpec, outcome: Outcome, message: str = "") -> None:
        self._events.append(ScenarioEvent(spec.name, spec.type_name, outcome, message))


def trigger_distance_m(route: Route, trigger: tuple[float, float, float, float]) -> float | None:
    """Where on a route a trigger lies; None if it does not, by the leaderboard's tolerances.

    Args:
        route: the dense route.
        trigger: (x, y, z, yaw_deg).
    """
    x_m, y_m, z_m, yaw_deg = trigger
    away_m = np.hypot(route.points_m[:, 0] - x_m, route.points_m[:, 1] - y_m)
    turned = np.abs(np.angle(np.exp(1j * (route.yaw_rad - math.radians(yaw_deg)))))
    near = (
        (away_m <= TRIGGER_XY_M)
        & (np.abs(route.points_m[:, 2] - z_m) < TRIGGER_Z_M)
        & (turned <= math.radians(TRIGGER_YAW_DEG))
    )
    if not near.any():
        return None
    return float(route.distance_m[int(np.where(near, away_m, np.inf).argmin())])
