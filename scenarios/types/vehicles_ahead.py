"""A vehicle ahead does what it should not: brakes hard, cuts in from a parking bay or from the lane beside."""

from __future__ import annotations

from abc import abstractmethod
from typing import ClassVar

import carla
import numpy as np

from carla_agents.driving.route import Route
from scenarios.actors import RoutedVehicle, time_to_reach_s
from scenarios.parameters import Ignored, Number, Parameter, Place, Point, ScenarioError, SpawnError, Word
from scenarios.scenario import Command, Scenario
from scenarios.scene import Moment, Scene, Wish, beside, same_direction_lane
from scenarios.types.obstacles import parking_lane, stand

_MERGE_M = 12.0


class HardBreakRoute(Scenario):
    summary = "The car ahead brakes to a stop without a reason and goes on after some seconds."
    lead_m: ClassVar[float] = 14.0
    speed_mps: ClassVar[float] = 7.5
    brake_after_m: ClassVar[float] = 25.0
    standing_s: ClassVar[float] = 4.0

    def begin(self, scene: Scene) -> None:
        self.scene = scene
        start_m = scene.trigger_m + self.lead_m
        self._brake_m = start_m + self.brake_after_m
        scene.waypoint_at(self._brake_m + 12.0)
        path = _ahead_on_route(scene, start_m, 0.0)
        (actor,) = scene.spawn([Wish(scene.car(), beside(scene.waypoint_at(start_m), 0.0))])
        self._car = RoutedVehicle(actor, path, scene.delta_s)
        self._stood_s = 0.0
        self.end_m = min(self._brake_m + 8.0, scene.route.length_m - 2.0)

    def tick(self, moment: Moment) -> list[Command]:
        braking = self._car.progress.distance_m > self.brake_after_m and self._stood_s < self.standing_s
        if braking:
            self._stood_s += moment.delta_s
            return [carla.command.ApplyVehicleControl(self._car.actor.id, carla.VehicleControl(brake=1.0))]
        if self._car.arrived:
            self.scene.destroy([self._car.actor])
            return []
        return self._car.command(moment, self.speed_mps if moment.triggered else 0.0)


class _CutIn(Scenario):
    """A car beside the ego's lane moves into it just before the ego comes."""

    lead_s: ClassVar[float] = 2.2
    speed_mps: ClassVar[float] = 6.0
    room_m: ClassVar[float] = 6.5
    tries_m: ClassVar[tuple[float, ...]] = (0.0, 3.0, -3.0, 6.0, -6.0, 9.0, -9.0, 12.0, -12.0, 16.0, 20.0)
    """Town furniture, which no map shows, may stand at the place: then it begins a little before or behind it."""

    def begin(self, scene: Scene) -> None:
        for number, shift_m in enumerate(self.tries_m):
            try:
                self._begin_at(scene, scene.trigger_m + self.values.number("distance") + shift_m)
                return
            except SpawnError:
                if number == len(self.tries_m) - 1:
                    raise

    def _begin_at(self, scene: Scene, start_m: float) -> None:
        self.scene = scene
        self._start_m = start_m
        here = scene.waypoint_at(self._start_m)
        scene.waypoint_at(self._start_m + _MERGE_M + 10.0)
        offset_m = self.place_beside(scene, here)
        path = _ahead_on_route(scene, self._start_m, offset_m)
        model = scene.car()
        # The place before it must be free too, or it could not pull out.
        actor, ahead = scene.spawn([Wish(model, beside(here, offset_m, ahead_m=a)) for a in (0.0, self.room_m)])
        scene.destroy([ahead])
        self._car = RoutedVehicle(actor, path, scene.delta_s)
        self._going = False
        self.end_m = min(self._start_m + _MERGE_M + 6.0, scene.route.length_m - 2.0)

    @abstractmethod
    def place_beside(self, scene: Scene, here: carla.Waypoint) -> float:
        """How far right of the ego's lane the car begins; also spawns what else belongs there."""

    def tick(self, moment: Moment) -> list[Command]:
        due = moment.triggered and time_to_reach_s(moment, self._start_m) < self.lead_s
        self._going = self._going or due
        if self._car.arrived:
            self.scene.destroy([self._car.actor])
            return []
        return self._car.command(moment, self.speed_mps if self._going else 0.0)


class ParkingCutIn(_CutIn):
    summary = "A parked car pulls out in front of the ego."
    parameters: ClassVar[tuple[Parameter, ...]] = (
        Number("distance", 35.0, 5.0, 300.0, "metres from the trigger to the parked car"),
        Word("direction", "right", ("left", "right"), "side of the parking lane"),
    )

    def place_beside(self, scene: Scene, here: carla.Waypoint) -> float:
        side = self.values.word("direction")
        bay = parking_lane(here, side)
        away_m = bay.transform.location.distance(here.transform.location)
        sign = 1.0 if side == "right" else -1.0
        # Where the town has a parked car of its own there is no need of another.
        neighbour = scene.try_spawn(Wish(scene.car(), beside(here, sign * away_m, ahead_m=-7.5)))
        if neighbour is not None:
            stand(neighbour, carla.VehicleLightState.NONE)
        return sign * away_m


class StaticCutIn(_CutIn):
    summary = "Cars stand in the lane beside; one of them pulls into the ego's lane."
    parameters: ClassVar[tuple[Parameter, ...]] = (
        Number("distance", 40.0, 5.0, 300.0, "metres from the trigger to the car that pulls out"),
        Word("direction", "right", ("left", "right"), "side of the lane with the standing cars"),
        Ignored("speed"),
    )

    def place_beside(self, scene: Scene, here: carla.Waypoint) -> float:
        side = self.values.word("direction")
        lane = same_direction_lane(here, side)
        if lane is None:
            raise ScenarioError(f"the scenario needs a lane of the same direction to the {side}")
        away_m = lane.transform.location.distance(here.transform.location)
        sign = 1.0 if side == "right" else -1.0
        places = (-8.0, 14.0)
        for car in scene.spawn([Wish(scene.car(), beside(here, sign * away_m, ahead_m=a)) for a in places]):
            stand(car, carla.VehicleLightState.NONE)
        return sign * away_m


class HighwayCutIn(Scenario):
    summary = "A car drives beside the ego and cuts in closely before it, then slows down."
    parameters: ClassVar[tuple[Parameter, ...]] = (
        Point("other_actor_location", "where the other car begins; without it beside the trigger"),
        Ignored("end_location"),
    )
    lead_m: ClassVar[float] = 9.0
    beside_m: ClassVar[float] = 22.0
    slow_mps: ClassVar[float] = 4.0

    def begin(self, scene: Scene) -> None:
        self.scene = scene
        start_m = scene.trigger_m + self.lead_m
        here = scene.waypoint_at(start_m)
        place = self.values.place("other_actor_location")
        if place is not None:
            here = scene.map.get_waypoint(carla.Location(*place))
            start_m = _distance_on_route(scene.route, place)
        else:
            found = same_direction_lane(here, "left") or same_direction_lane(here, "right")
            if found is None:
                raise ScenarioError("the scenario needs a second lane of the same direction")
            here = found
        away = here.transform.location - scene.waypoint_at(start_m).transform.location
        right = scene.waypoint_at(start_m).transform.get_right_vector()
        offset_m = away.x * right.x + away.y * right.y
        path = _ahead_on_route(scene, start_m, offset_m, keep_m=self.beside_m)
        (actor,) = scene.spawn([Wish(scene.car(), here.transform)])
        begins = here.transform.location
        self._begins = begins.x, begins.y, begins.z
        self._car = RoutedVehicle(actor, path, scene.delta_s)
        self._start_m = start_m
        self._cut_m = self.beside_m + _MERGE_M
        self.end_m = min(start_m + self._cut_m + 15.0, scene.route.length_m - 2.0)

    def places(self) -> dict[str, Place]:
        return {"other_actor_location": self._begins}

    def tick(self, moment: Moment) -> list[Command]:
        if self._car.arrived:
            self.scene.destroy([self._car.actor])
            return []
        if not moment.triggered:
            return self._car.command(moment, 0.0)
        if self._car.progress.distance_m > self._cut_m:
            return self._car.command(moment, self.slow_mps)
        # Until it is in the lane it keeps just ahead of the ego.
        lead_m = self._start_m + self._car.progress.distance_m - moment.ego_m
        return self._car.command(moment, max(moment.ego.speed_mps + 0.8 * (self.lead_m - lead_m), 4.0))


def _ahead_on_route(scene: Scene, start_m: float, offset_m: float, keep_m: float = 0.0) -> Route:
    """The ego's route from a distance on, begun `offset_m` to its right and merged onto it after `keep_m`."""
    route = scene.route
    first = int(route.distance_m.searchsorted(start_m))
    along_m = route.distance_m[first:] - route.distance_m[first]
    share = np.clip((along_m - keep_m) / _MERGE_M, 0.0, 1.0)
    right_m = offset_m * (1.0 - share * share * (3.0 - 2.0 * share))
    yaw_rad = route.yaw_rad[first:]
    points_m = route.points_m[first:].copy()
    points_m[:, 0] -= right_m * np.sin(yaw_rad)
    points_m[:, 1] += right_m * np.cos(yaw_rad)
    heading = np.gradient(points_m[:, :2], axis=0)
    return Route(
        points_m,
        np.arctan2(heading[:, 1], heading[:, 0]),
        route.commands[first:],
        route.junction[first:],
        route.lanes[first:],
        route.lane_width_m[first:],
    )


def _distance_on_route(route: Route, place: tuple[float, float, float]) -> float:
    away_m = np.hypot(route.points_m[:, 0] - place[0], route.points_m[:, 1] - place[1])
    return float(route.distance_m[int(away_m.argmin())])
