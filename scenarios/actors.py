"""How the actors of scenarios move: vehicles on routes, flows of them, walkers."""

from __future__ import annotations

import math
from collections.abc import Sequence

import carla
import numpy as np

from carla_agents.driving.control import WaypointController
from carla_agents.driving.expert import controller_config
from carla_agents.driving.route import Route, RouteProgress
from carla_agents.simulator.vehicle_state import VehicleState
from scenarios.scenario import Command
from scenarios.scene import Moment, Scene, Wish

_BRAKING_MPS2 = 3.5
_REACTION_S = 0.3
_STANDING_GAP_M = 3.0
_FACING_GAP_M = 17.0
_SOURCE_CLEAR_M = 35.0
_SAME_PATH_M = 1.9
_NOSE_M = 2.0
_LOOK_AHEAD_M = 55.0
_JOINING, _CROSSING_MPS = math.cos(math.radians(50.0)), 1.5
_MEETING_PACE, _PASSING_PACE = (0.7, 1.35), (0.9, 1.1)
_GIVES_WAY_MPS = 2.5
_LAST_S = 1.0


class RoutedVehicle:
    """A vehicle that follows a route at a speed it is told, through its pedals and wheel.

    Args:
        actor: the vehicle, at the beginning of the route.
        route: along what.
        delta_s: length of a tick.
        offset_m: how far right of the route it drives.
    """

    def __init__(self, actor: carla.Vehicle, route: Route, delta_s: float, offset_m: float = 0.0) -> None:
        self.actor = actor
        self.route = route
        self.offset_m = offset_m
        self.progress = RouteProgress(route)
        self.length_m = 2.0 * actor.bounding_box.extent.x
        self._controller = WaypointController(delta_s, controller_config(actor))

    @property
    def arrived(self) -> bool:
        """True near the route's end."""
        return self.progress.remaining_m < 4.0

    def command(
        self,
        moment: Moment,
        speed_mps: float,
        behind: Sequence[VehicleState] = (),
        *,
        has_right_of_way: bool = False,
    ) -> list[Command]:
        """Control for the next tick; none before the vehicle's first tick.

        Args:
            moment: now.
            speed_mps: wanted speed.
            behind: vehicles that it must not run into.
            has_right_of_way: it counts on others to wait, so that it does not brake for who crosses in front of it.
        """
        state = moment.state(self.actor)
        if state is None:
            return []
        self.progress.update(state.x_m, state.y_m)
        for other in behind:
            speed_mps = min(speed_mps, self._speed_behind(state, other, has_right_of_way))
        ahead_m = self.progress.distance_m + np.arange(0.0, 14.0, 1.0)
        points_m = self.route.point_at(ahead_m)
        if self.offset_m:
            yaw_rad = np.interp(ahead_m, self.route.distance_m, np.unwrap(self.route.yaw_rad))
            points_m = points_m + self.offset_m * np.stack((-np.sin(yaw_rad), np.cos(yaw_rad)), axis=-1)
        control = self._controller.follow(state.to_ego(points_m), speed_mps, state.speed_mps)
        return [
            carla.command.ApplyVehicleControl(
                self.actor.id,
                carla.VehicleControl(throttle=control.throttle, steer=control.steer, brake=control.brake),
            )
        ]

    def to_go_m(self, route_m: float) -> float:
        """Distance along its route to a place on it; negative once passed."""
        return route_m - self.progress.distance_m

    def _speed_behind(self, state: VehicleState, other: VehicleState, has_right_of_way: bool) -> float:
        """Speed from which it can still stop behind another vehicle, if that is on its path; else infinite."""
        points_m = self.route.points_m
        first = self.progress.index
        last = first + round(_LOOK_AHEAD_M)
        away_m = np.hypot(points_m[first:last, 0] - other.x_m, points_m[first:last, 1] - other.y_m)
        if not len(away_m):
            return math.inf
        if not has_right_of_way:
            # Who pushes his bonnet into the lane is let in.
            nose_x_m = other.x_m + _NOSE_M * math.cos(other.yaw_rad)
            nose_y_m = other.y_m + _NOSE_M * math.sin(other.yaw_rad)
            away_m = np.minimum(
                away_m, np.hypot(points_m[first:last, 0] - nose_x_m, points_m[first:last, 1] - nose_y_m)
            )
        nearest = int(away_m.argmin())
        if away_m[nearest] > _SAME_PATH_M:
            return math.inf
        gap_m = float(self.route.distance_m[first + nearest]) - self.progress.distance_m
        if gap_m <= 0.5:
            return math.inf
        yaw_rad = self.route.yaw_rad[first + nearest]
        along_mps = max(other.velocity_mps[0] * math.cos(yaw_rad) + other.velocity_mps[1] * math.sin(yaw_rad), 0.0)
        same_way = math.cos(other.yaw_rad - yaw_rad)
        if has_right_of_way and same_way < _JOINING and other.speed_mps > _CROSSING_MPS:
            return math.inf
        faces_us = same_way < -0.5
        # Who comes towards us in our lane needs room to get out of it.
        free_m = gap_m - self.length_m - (_FACING_GAP_M if faces_us else _STANDING_GAP_M)
        inside = (_BRAKING_MPS2 * _REACTION_S) ** 2 + along_mps**2 + 2.0 * _BRAKING_MPS2 * free_m
        return max(math.sqrt(inside) - _BRAKING_MPS2 * _REACTION_S, 0.0) if inside > 0.0 else 0.0


class Flow:
    """Vehicles that follow one another along a route, from its beginning to its end.

    Args:
        scene: where.
        route: along what.
        speed_mps: how fast.
        gap_m: least and greatest distance between two of them; drawn for each.
        blueprints: models to draw from; None takes ordinary cars.
        most: largest number on the road at once.
        offset_m: how far right of the route they drive.
        starts_mps2: about how fast they gain speed.
    """

    def __init__(
        self,
        scene: Scene,
        route: Route,
        speed_mps: float,
        gap_m: tuple[float, float],
        blueprints: Sequence[str] | None = None,
        most: int = 12,
        offset_m: float = 0.0,
        starts_mps2: float = 2.2,
    ) -> None:
        self.vehicles: list[RoutedVehicle] = []
        self.route = route
        self._scene = scene
        self._speed_mps = speed_mps
        self._gap_m = gap_m
        self._blueprints = blueprints
        self._most = most
        self._offset_m = offset_m
        self._next_gap_m = 0.0
        self._starting_s = 0.5 * speed_mps / starts_mps2
        self._meeting_m: tuple[float, float] | None = None
        self._meeting_pace: dict[int, float] = {}
        self._sets_off_s = 0.0
        self._pace = _MEETING_PACE
        self._has_right_of_way = False
        self._goes = True

    def meet(
        self, ego_m: float, route_m: float, *, waits: bool, steady: bool = False, sets_off_s: float = 0.0
    ) -> None:
        """Makes one of them be at a place when the ego is, as long as the ego comes on without giving way.

        Gaps are drawn by lot; without this a driver that looks at nobody would get through many of them by luck. They
        have the right of way and count on it. Once the ego is as slow as who gives way, all keep to their own speed.

        Args:
            ego_m: the place, along the ego's route.
            route_m: the same place along the flow's.
            waits: all stand until the first of them has to start for that.
            steady: he keeps nearly to the flow's speed: nobody can foresee two flows that both change theirs.
            sets_off_s: time after the trigger in which an ego that is still slow has not given way, but sets off.
        """
        self._meeting_m = (ego_m, route_m)
        self._sets_off_s = sets_off_s
        self._pace = _PASSING_PACE if steady else _MEETING_PACE
        self._has_right_of_way, self._goes = True, not waits

    def fill(self, to_m: float) -> None:
        """Puts the flow on the road at once, from `to_m` along the route back to its beginning."""
        at_m = min(to_m, self.route.length_m - 8.0)
        while at_m > 0.0 and len(self.vehicles) < self._most:
            self._add(at_m, self._speed_mps if self._goes else 0.0)
            at_m -= self._draw_gap_m()
        self.vehicles.sort(key=lambda vehicle: -vehicle.progress.distance_m)

    def tick(self, moment: Moment) -> list[Command]:
        """New vehicles at the source, gone ones at the end, and what the others do."""
        self._keep_appointment(moment)
        if not self._goes:
            return [command for vehicle in self.vehicles for command in vehicle.command(moment, 0.0)]
        gone = [vehicle for vehicle in self.vehicles if vehicle.arrived]
        if gone:
            self.vehicles = [vehicle for vehicle in self.vehicles if not vehicle.arrived]
            self._scene.destroy([vehicle.actor for vehicle in gone])
        last_m = min((vehicle.progress.distance_m for vehicle in self.vehicles), default=math.inf)
        source_m = self.route.points_m[0]
        ego_away_m = math.hypot(source_m[0] - moment.ego.x_m, source_m[1] - moment.ego.y_m)
        # Nobody appears before the ego's bonnet.
        if last_m >= self._next_gap_m and len(self.vehicles) < self._most and ego_away_m > _SOURCE_CLEAR_M:
            self._add(0.0, self._speed_mps)
        states = [moment.state(vehicle.actor) for vehicle in self.vehicles]
        commands: list[Command] = []
        for vehicle in self.vehicles:
            others = [
                state
                for state, other in zip(states, self.vehicles, strict=True)
                if state is not None and other is not vehicle
            ]
            pace = self._meeting_pace.get(vehicle.actor.id, 1.0)
            commands += vehicle.command(
                moment,
                pace * self._speed_mps,
                [moment.ego, *others],
                has_right_of_way=self._has_right_of_way,
            )
        return commands

    def _keep_appointment(self, moment: Moment) -> None:
        """Chooses who meets the ego, and how much faster or slower he has to be for that."""
        if self._meeting_m is None or not (self._goes or moment.triggered):
            return
        ego_m, route_m = self._meeting_m
        slow = moment.ego.speed_mps < _GIVES_WAY_MPS
        gives_way = slow and moment.since_trigger_s is not None and moment.since_trigger_s >= self._sets_off_s
        if moment.ego_m > ego_m or gives_way:
            self._meeting_m, self._meeting_pace, self._goes = None, {}, True
            return
        due_s = (ego_m - moment.ego_m) / max(moment.ego.speed_mps, _GIVES_WAY_MPS)
        coming = [vehicle for vehicle in self.vehicles if vehicle.to_go_m(route_m) > 0.0]
        if due_s < _LAST_S or not coming:
            return  # the last metres he neither brakes nor hurries
        in_time_m = due_s * self._speed_mps if self._goes else 0.0
        nearest = min(coming, key=lambda vehicle: abs(vehicle.to_go_m(route_m) - in_time_m))
        to_go_s = nearest.to_go_m(route_m) / self._speed_mps
        self._goes = self._goes or due_s < to_go_s + self._starting_s
        low, high = self._pace
        self._meeting_pace = {nearest.actor.id: min(max(to_go_s / due_s, low), high)}

    def _add(self, at_m: float, speed_mps: float) -> None:
        index = int(abs(self.route.distance_m - at_m).argmin())
        x, y, z = (float(v) for v in self.route.points_m[index])
        yaw_rad = float(self.route.yaw_rad[index])
        x -= self._offset_m * math.sin(yaw_rad)
        y += self._offset_m * math.cos(yaw_rad)
        pose = carla.Transform(carla.Location(x, y, z), carla.Rotation(yaw=math.degrees(yaw_rad)))
        model = self._scene.car()
        if self._blueprints is not None:
            model = self._blueprints[int(self._scene.rng.integers(len(self._blueprints)))]
        actor = self._scene.try_spawn(Wish(model, pose, speed_mps))
        if actor is None:
            return
        vehicle = RoutedVehicle(actor, self.route, self._scene.delta_s, self._offset_m)
        vehicle.progress.index = index
        vehicle.progress.distance_m = float(self.route.distance_m[index])
        self.vehicles.append(vehicle)
        self._next_gap_m = self._draw_gap_m() + vehicle.length_m

    def _draw_gap_m(self) -> float:
        return float(self._scene.rng.uniform(*self._gap_m))


class Pedestrian:
    """A walker that waits and then crosses in a straight line.

    Args:
        actor: the walker.
        heading_deg: where to.
        speed_mps: how fast.
        distance_m: how far; there it stops.
    """

    def __init__(self, actor: carla.Walker, heading_deg: float, speed_mps: float, distance_m: float) -> None:
        self.actor = actor
        yaw_rad = math.radians(heading_deg)
        self._direction = carla.Vector3D(math.cos(yaw_rad), math.sin(yaw_rad), 0.0)
        self._speed_mps = speed_mps
        self._distance_m = distance_m
        self._start_m: tuple[float, float] | None = None
        self.going = False

    def command(self, moment: Moment, go: bool) -> list[Command]:
        """Control for the next tick; once told to go, it goes on."""
        state = moment.state(self.actor)
        if state is None:
            return []
        self.going = self.going or go
        if self._start_m is None:
            self._start_m = (state.x_m, state.y_m)
        walked_m = math.hypot(state.x_m - self._start_m[0], state.y_m - self._start_m[1])
        speed_mps = self._speed_mps if self.going and walked_m < self._distance_m else 0.0
        return [
            carla.command.ApplyWalkerControl(self.actor.id, carla.WalkerControl(self._direction, speed_mps, False))
        ]


def time_to_reach_s(moment: Moment, route_m: float) -> float:
    """When the ego will be at a place of its route if it goes on as now; 2 m/s at least are assumed."""
    return (route_m - moment.ego_m) / max(moment.ego.speed_mps, 2.0)
