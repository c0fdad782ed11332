"""`Expert`: a privileged driver that sees the simulator's true state; the teacher of every policy."""

from __future__ import annotations

import math
from dataclasses import dataclass

import carla
import numpy as np

from carla_agents.driving.control import ControllerConfig, WaypointController
from carla_agents.driving.giving_way import GivingWay
from carla_agents.driving.hazards import Hazard, Path, find_hazards
from carla_agents.driving.lane_use import LaneUse
from carla_agents.driving.route import Route, RouteProgress
from carla_agents.driving.signals import RouteSignals
from carla_agents.driving.surroundings import RoadUsers, Surroundings
from carla_agents.simulator.frame import Control
from carla_agents.simulator.session import Session
from carla_agents.simulator.vehicle_state import VehicleState

_STANDING_MPS = 0.1
_FULL_BRAKING_MPS2 = 6.0
_DASH_MARGIN_S = 0.25


@dataclass(frozen=True)
class ExpertConfig:
    """How the expert drives."""

    cruise_mps: float = 8.0
    """Wanted speed on a straight free road; the road's limit applies too."""
    lateral_mps2: float = 2.2
    """Greatest sideways acceleration in curves."""
    braking_mps2: float = 2.2
    """Comfortable deceleration that speeds are planned with."""
    hard_braking_mps2: float = 4.0
    """A yellow light that would need more than this is driven through."""
    standing_gap_m: float = 2.5
    """Distance kept to a standing vehicle."""
    side_margin_m: float = 0.3
    """Free width kept beside vehicles."""
    line_gap_m: float = 1.0
    """Distance kept to a stop line."""
    horizon_s: float = 4.0
    """How far ahead other road users are predicted."""
    time_margin_s: float = 1.0
    """Least time between the passages of two road users through one place."""
    patience_s: float = 8.0
    """After standing so long for other traffic it makes do with a shorter look ahead."""
    passing_mps: float = 6.0
    """Speed at which it drives around what stands in its lane."""
    passing_gap_m: float = 9.0
    """Distance kept to such a thing until there is room to drive around it."""

    def __post_init__(self) -> None:
        for name in ("cruise_mps", "lateral_mps2", "braking_mps2", "hard_braking_mps2", "horizon_s"):
            if getattr(self, name) <= 0:
                raise ValueError(f"{name} is {getattr(self, name)}, allowed > 0")


@dataclass(frozen=True)
class Decision:
    """Why the expert drives as fast as it does.

    Attributes:
        target_speed_mps: wanted speed.
        reason: `route`, `red light`, `stop sign`, `vehicle`, `crossing`, `junction full`, `passing`, `pulling out` or
            `giving way`.
        gap_m: distance to what it slows down for; inf for `route`.
    """

    target_speed_mps: float
    reason: str
    gap_m: float


class Expert:
    """Drives a vehicle along a route: lanes, lights, stop signs, vehicles, walkers, things in the way, ambulances.

    Once per tick: `session.apply(vehicle, expert.control())`, then `session.tick()`.

    Args:
        session: where.
        vehicle: what it drives.
        route: along what.
        config: how.

    Attributes:
        progress: how far it has come.
        decision: why it does what it does, after each `control()`.
        signals: lights and stop signs along the route.
    """

    def __init__(
        self, session: Session, vehicle: carla.Vehicle, route: Route, config: ExpertConfig | None = None
    ) -> None:
        self.config = config if config is not None else ExpertConfig()
        self.progress = RouteProgress(route)
        self.decision = Decision(0.0, "route", math.inf)
        self._session = session
        self._vehicle = vehicle
        self._route = route
        self.signals = RouteSignals(session.world, route)
        self._surroundings = Surroundings(session, vehicle.id)
        box = vehicle.bounding_box
        self._front_m = box.extent.x + box.location.x
        self._length_m = 2.0 * box.extent.x
        self._half_width_m = box.extent.y
        self._lane_use = LaneUse(
            session.map,
            route,
            box.extent.x,
            self._half_width_m,
            self.config.passing_mps,
            session.config.fixed_delta_s,
        )
        self._controller = WaypointController(session.config.fixed_delta_s, controller_config(vehicle))
        self._profile_mps = speed_profile_mps(route, self.config)
        self._served: set[int] = set()
        self._giving_way = GivingWay(session.config.fixed_delta_s)
        self._stood_s = 0.0
        self._waited_s = 0.0

    @property
    def done(self) -> bool:
        """True when the end of the route is less than 3 m away."""
        return self.progress.remaining_m < 3.0

    def control(self) -> Control:
        """Control for the next tick, from the world as it is after the last one."""
        snapshot = self._session.snapshot()
        ego = VehicleState.read(snapshot, self._vehicle.id)
        self.progress.update(ego.x_m, ego.y_m)
        everyone = self._surroundings.read(snapshot, ego)
        self._lane_use.update(everyone, self.progress, ego.speed_mps, self._waited_s)
        users = _without(_without_followers(everyone, ego, self._length_m), self._lane_use.parked_ids)
        self.decision = self._decide(ego, users)
        self._keep_time(ego)
        ahead_m = self.progress.distance_m + np.arange(0.0, 16.0, 1.0)
        path_in_ego_m = ego.to_ego(self._lane_use.path(ahead_m))
        return self._controller.follow(path_in_ego_m, self.decision.target_speed_mps, ego.speed_mps)

    def _decide(self, ego: VehicleState, users: RoadUsers) -> Decision:
        speed_mps = max(ego.speed_mps, 0.0)
        front_m = self.progress.distance_m + self._front_m
        limit_kmh = self._vehicle.get_speed_limit()
        free_mps = float(np.interp(self.progress.distance_m, self._route.distance_m, self._profile_mps))
        if limit_kmh > 0:
            free_mps = min(free_mps, limit_kmh / 3.6)
        candidates = [Decision(free_mps, "route", math.inf)]
        if self._lane_use.speed_limit_mps is not None:
            reason = "giving way" if self._lane_use.giving_way else "passing"
            reason = "pulling out" if self._lane_use.parked else reason
            candidates.append(Decision(self._lane_use.speed_limit_mps, reason, math.inf))
        candidates += self._light_decision(front_m, speed_mps)
        candidates += self._stop_decision(front_m)

        impatient = self._waited_s > self.config.patience_s
        hazards = self._hazards(front_m, users, speed_mps, self.config.time_margin_s * (0.5 if impatient else 1.0))
        reach_m = speed_mps * speed_mps / (2.0 * _FULL_BRAKING_MPS2)
        too_near = {h.actor_id for h in hazards if h.crossing and h.speed_mps == 0.0 and h.gap_m < reach_m}
        if too_near and speed_mps > _STANDING_MPS:
            # One can no longer stop before them; braking would only end in their way, if driving on gets clear of it.
            still = {h.actor_id for h in self._hazards(front_m, users, speed_mps, _DASH_MARGIN_S)}
            hazards = [h for h in hazards if h.actor_id not in too_near or h.actor_id in still]
        for hazard in hazards:
            gap_m = hazard.gap_m - self.config.standing_gap_m
            if hazard.actor_id in self._lane_use.in_the_way_ids:
                gap_m = hazard.gap_m - self.config.passing_gap_m
            target_mps = self._approach_mps(gap_m, hazard.speed_mps)
            candidates.append(Decision(target_mps, "crossing" if hazard.crossing else "vehicle", gap_m))
        if not impatient:
            candidates += self._yield_decisions(ego.elapsed_s, front_m, hazards)
        candidates += self._full_junction_decision(front_m, hazards)
        return min(candidates, key=lambda decision: decision.target_speed_mps)

    def _hazards(self, front_m: float, users: RoadUsers, speed_mps: float, time_margin_s: float) -> list[Hazard]:
        impatient = self._waited_s > self.config.patience_s
        return find_hazards(
            self._path_ahead(front_m),
            users,
            speed_mps,
            self._half_width_m,
            self._length_m,
            horizon_s=self.config.horizon_s * (0.3 if impatient else 1.0),
            side_margin_m=self.config.side_margin_m,
            time_margin_s=time_margin_s,
        )

    def _approach_mps(self, gap_m: float, lead_mps: float = 0.0) -> float:
        """Speed from which one can still stop behind something (P. G. Gipps, Transportation Research B, 1981)."""
        braking, reaction_s = self.config.braking_mps2, 0.4
        inside = braking * braking * reaction_s * reaction_s + lead_mps * lead_mps + 2.0 * braking * gap_m
        return max(-braking * reaction_s + math.sqrt(inside), 0.0) if inside > 0 else 0.0

    def _light_decision(self, front_m: float, speed_mps: float) -> list[Decision]:
        light = self.signals.next_light(front_m)
        if light is None:
            return []
        state = light.actor.get_state()
        to_line_m = light.line_m - front_m
        if state == carla.TrafficLightState.Yellow:
            needed_mps2 = speed_mps * speed_mps / (2.0 * max(to_line_m - 0.3, 0.1))
            stop = needed_mps2 < self.config.hard_braking_mps2
        else:
            stop = state == carla.TrafficLightState.Red
        if not stop or to_line_m < -0.5:
            return []
        gap_m = to_line_m - self.config.line_gap_m
        return [Decision(self._approach_mps(gap_m), "red light", gap_m)]

    def _stop_decision(self, front_m: float) -> list[Decision]:
        stop = self.signals.next_stop(front_m)
        if stop is None or round(stop.begin_m) in self._served:
            return []
        gap_m = stop.end_m - front_m - 0.3
        if self._stood_s > 0.5 and gap_m < 2.0:
            self._served.add(round(stop.begin_m))
            return []
        return [Decision(self._approach_mps(gap_m), "stop sign", gap_m)]

    def _yield_decisions(self, now_s: float, front_m: float, hazards: list[Hazard]) -> list[Decision]:
        crossing = [
            (hazard.actor_id, front_m + hazard.gap_m - self.config.standing_gap_m)
            for hazard in hazards
            if hazard.crossing and hazard.speed_mps == 0.0
        ]
        gaps_m = [line_m - front_m for line_m in self._giving_way.update(now_s, crossing)]
        return [Decision(self._approach_mps(gap_m), "crossing", gap_m) for gap_m in gaps_m if gap_m > -1.0]

    def _full_junction_decision(self, front_m: float, hazards: list[Hazard]) -> list[Decision]:
        """Does not enter a junction that standing traffic would keep it from leaving."""
        route = self._route
        index = int(np.searchsorted(route.distance_m, front_m))
        if index >= len(route.junction) or route.junction[index] >= 0:
            return []
        inside = np.flatnonzero(route.junction[index:] >= 0)
        if not len(inside):
            return []
        entry = index + int(inside[0])
        outside = np.flatnonzero(route.junction[entry:] != route.junction[entry])
        leaving_m = route.distance_m[entry + int(outside[0])] if len(outside) else route.length_m
        gap_m = float(route.distance_m[entry]) - front_m - self.config.line_gap_m
        if gap_m < -1.5:
            return []
        for hazard in hazards:
            standing_at_m = front_m + hazard.gap_m
            beyond = standing_at_m > route.distance_m[entry] + 1.0
            room_m = standing_at_m - leaving_m - self._length_m - self.config.standing_gap_m
            if not hazard.crossing and hazard.speed_mps < 1.0 and beyond and room_m < 0:
                return [Decision(self._approach_mps(gap_m), "junction full", gap_m)]
        return []

    def _path_ahead(self, front_m: float) -> Path:
        # The disc that stands for the vehicle's front has its centre half a width behind the bumper.
        route, nose_m = self._route, front_m - self._half_width_m
        first = int(np.searchsorted(route.distance_m, nose_m))
        last = int(np.searchsorted(route.distance_m, nose_m + 55.0))
        along = slice(first, last)
        points_m, yaw_rad = self._lane_use.beside(along)
        return Path(points_m, yaw_rad, route.distance_m[along] - front_m)

    def _keep_time(self, ego: VehicleState) -> None:
        standing = abs(ego.speed_mps) < _STANDING_MPS
        delta_s = self._session.config.fixed_delta_s
        self._stood_s = self._stood_s + delta_s if standing else 0.0
        if standing and self.decision.reason in ("crossing", "vehicle", "pulling out"):
            self._waited_s += delta_s
        elif ego.speed_mps > 2.0:
            self._waited_s = 0.0


def controller_config(vehicle: carla.Vehicle) -> ControllerConfig:
    """Controller for a vehicle's own steering range and wheelbase."""
    wheels = vehicle.get_physics_control().wheels
    steer_deg = max((wheel.max_steer_angle for wheel in wheels), default=0.0)
    return ControllerConfig(
        wheelbase_m=max(1.2 * vehicle.bounding_box.extent.x, 1.0),
        max_steer_rad=math.radians(steer_deg) if steer_deg > 1.0 else ControllerConfig.max_steer_rad,
    )


def speed_profile_mps(route: Route, config: ExpertConfig) -> np.ndarray:
    """(N,) float64 speed at every route point: cruise, slower in curves, braking in time, standing at the end."""
    bend = np.maximum(np.abs(route.curvature_1pm), 1e-4)
    speed = np.minimum(config.cruise_mps, np.sqrt(config.lateral_mps2 / bend))
    speed[-1] = 0.0
    steps_m = np.diff(route.distance_m)
    for k in range(len(speed) - 2, -1, -1):
        speed[k] = min(speed[k], math.sqrt(speed[k + 1] ** 2 + 2.0 * config.braking_mps2 * steps_m[k]))
    return speed


def _without_followers(users: RoadUsers, ego: VehicleState, length_m: float) -> RoadUsers:
    """Leaves out vehicles right behind: they are the ones who must keep their distance."""
    if not len(users):
        return users
    relative = ego.to_ego(users.center_m)
    turn = np.abs(np.angle(np.exp(1j * (users.yaw_rad - ego.yaw_rad))))
    behind = (relative[:, 0] < -0.4 * length_m) & (np.abs(relative[:, 1]) < 2.2) & (turn < math.radians(60.0))
    return users.kept(~behind | users.walker)


def _without(users: RoadUsers, ids: frozenset[int]) -> RoadUsers:
    return users.kept(~np.isin(users.ids, list(ids))) if ids else users
