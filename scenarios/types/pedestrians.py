"""Somebody crosses in front of the ego: pedestrians between junctions and at them, a bicycle at a turn."""

from __future__ import annotations

import math
from typing import ClassVar

import carla
import numpy as np

from carla_agents.driving.route import Route
from carla_agents.simulator.frame import Command as RouteCommand
from scenarios.actors import Pedestrian, RoutedVehicle, time_to_reach_s
from scenarios.parameters import Number, Parameter, ScenarioError, SpawnError, Word
from scenarios.scenario import Command, Scenario
from scenarios.scene import Moment, Scene, Wish, beside, lane_beside
from scenarios.types.obstacles import parking_lane, stand

_WALK_MPS = 2.0
_EARLY_S = 0.4
"""How much earlier than just in time somebody steps out; then he is in the lane's middle when the ego comes."""

_DISTANCE = Number("distance", 40.0, 5.0, 300.0, "metres from the trigger to the place where the pedestrian crosses")
_DIRECTION = Word("direction", "right", ("left", "right"), "side that he comes from")


class DynamicObjectCrossing(Scenario):
    summary = "A pedestrian steps out from behind something on the pavement and crosses the road."
    parameters: ClassVar[tuple[Parameter, ...]] = (
        _DISTANCE,
        _DIRECTION,
        Word("blocker_model", "static.prop.vendingmachine", (), "blueprint of what hides him"),
        Number("crossing_angle", 0.0, -60.0, 60.0, "degrees by which he crosses at an angle"),
    )

    def begin(self, scene: Scene) -> None:
        self.scene = scene
        self._cross_m = scene.trigger_m + self.values.number("distance")
        side = self.values.word("direction")
        kerb = _pavement(scene.waypoint_at(self._cross_m), side)
        blocker = _pavement(scene.waypoint_at(self._cross_m - 2.5), side)
        self._pedestrian, lateral_m = self._stand_at_kerb(scene, kerb, side)
        scene.spawn([Wish(self.values.word("blocker_model"), beside(blocker, 0.0))])
        self._lead_s = lateral_m / _WALK_MPS + _EARLY_S
        self.end_m = min(self._cross_m + 10.0, scene.route.length_m - 2.0)

    def tick(self, moment: Moment) -> list[Command]:
        go = moment.triggered and time_to_reach_s(moment, self._cross_m) < self._lead_s
        return self._pedestrian.command(moment, go)

    def _stand_at_kerb(self, scene: Scene, kerb: carla.Waypoint, side: str) -> tuple[Pedestrian, float]:
        angle_deg = self.values.number("crossing_angle")
        return crossing_pedestrian(scene, scene.waypoint_at(self._cross_m), kerb, side, angle_deg)


class ParkingCrossingPedestrian(Scenario):
    summary = "A pedestrian steps out from between parked cars."
    parameters = (_DISTANCE, _DIRECTION, Number("crossing_angle", 0.0, -60.0, 60.0, "degrees"))
    tries_m: ClassVar[tuple[float, ...]] = (0.0, 2.0, -2.0, 4.0, -4.0, 6.0, -6.0)
    """The town's own parked cars, which no map shows, may stand there: then he crosses a little before or behind."""

    def begin(self, scene: Scene) -> None:
        self.scene = scene
        for number, shift_m in enumerate(self.tries_m):
            try:
                self._begin_at(scene, scene.trigger_m + self.values.number("distance") + shift_m)
                return
            except SpawnError:
                if number == len(self.tries_m) - 1:
                    raise

    def _begin_at(self, scene: Scene, cross_m: float) -> None:
        side = self.values.word("direction")
        lane = scene.waypoint_at(cross_m)
        bay = parking_lane(lane, side)
        hidden_by = parking_lane(scene.waypoint_at(cross_m - 4.0), side)
        self._cross_m = cross_m
        angle_deg = self.values.number("crossing_angle")
        self._pedestrian, lateral_m = crossing_pedestrian(scene, lane, bay, side, angle_deg)
        # Where the town has a parked car of its own it hides him as well.
        car = scene.try_spawn(Wish("vehicle.nissan.patrol_2021", _along(hidden_by, scene, cross_m - 4.0)))
        if car is not None:
            stand(car, carla.VehicleLightState.NONE)
        self._lead_s = lateral_m / _WALK_MPS + _EARLY_S
        self.end_m = min(cross_m + 10.0, scene.route.length_m - 2.0)

    def tick(self, moment: Moment) -> list[Command]:
        go = moment.triggered and time_to_reach_s(moment, self._cross_m) < self._lead_s
        return self._pedestrian.command(moment, go)


class PedestrianCrossing(Scenario):
    summary = "Three pedestrians cross the road before the next junction, one after the other."
    place = "straight"

    def begin(self, scene: Scene) -> None:
        self.scene = scene
        entry_m, exit_m = scene.junction_ahead(scene.trigger_m)
        self._cross_m = entry_m - 1.5
        here = scene.waypoint_at(self._cross_m)
        self._pedestrians = []
        for number in range(3):
            kerb = _pavement(scene.waypoint_at(self._cross_m - 1.2 * number), "right")
            pedestrian, lateral_m = crossing_pedestrian(scene, here, kerb, "right", 0.0, number * 0.3)
            self._pedestrians.append((pedestrian, lateral_m / _WALK_MPS + _EARLY_S + 0.8 * number))
        self.end_m = min(exit_m, scene.route.length_m - 2.0)

    def tick(self, moment: Moment) -> list[Command]:
        due_s = time_to_reach_s(moment, self._cross_m)
        commands: list[Command] = []
        for pedestrian, lead_s in self._pedestrians:
            commands += pedestrian.command(moment, moment.triggered and due_s < lead_s)
        return commands


class VehicleTurningRoutePedestrian(Scenario):
    summary = "A pedestrian crosses the road that the ego turns into."
    place = "turn"

    def begin(self, scene: Scene) -> None:
        self.scene = scene
        _, exit_m = scene.junction_ahead(scene.trigger_m)
        self._cross_m = exit_m + 3.0
        here = scene.waypoint_at(self._cross_m)
        self._pedestrian, lateral_m = crossing_pedestrian(scene, here, _pavement(here, "right"), "right", 0.0)
        self._lead_s = lateral_m / _WALK_MPS + _EARLY_S
        self.end_m = min(self._cross_m + 8.0, scene.route.length_m - 2.0)

    def tick(self, moment: Moment) -> list[Command]:
        go = moment.triggered and time_to_reach_s(moment, self._cross_m) < self._lead_s
        return self._pedestrian.command(moment, go)


class VehicleTurningRoute(Scenario):
    summary = "A bicycle crosses the road that the ego turns into."
    place = "turn"
    speed_mps = 3.0

    def begin(self, scene: Scene) -> None:
        self.scene = scene
        _, exit_m = scene.junction_ahead(scene.trigger_m)
        self._cross_m = exit_m + 4.0
        here = scene.waypoint_at(self._cross_m)
        kerb = _pavement(here, "right")
        away_m = kerb.transform.location.distance(here.transform.location)
        pose = beside(here, away_m, turn_deg=-90.0)
        pose.location.z = kerb.transform.location.z
        (actor,) = scene.spawn([Wish("vehicle.bh.crossbike", pose)])
        path = straight_route(pose, away_m + 12.0)
        self._rider = RoutedVehicle(actor, path, scene.delta_s)
        self._lead_s = away_m / self.speed_mps + 1.0
        self._going = False
        self.end_m = min(self._cross_m + 8.0, scene.route.length_m - 2.0)

    def tick(self, moment: Moment) -> list[Command]:
        due = moment.triggered and time_to_reach_s(moment, self._cross_m) < self._lead_s
        self._going = self._going or due
        return self._rider.command(moment, self.speed_mps if self._going and not self._rider.arrived else 0.0)


def crossing_pedestrian(
    scene: Scene, lane: carla.Waypoint, kerb: carla.Waypoint, side: str, angle_deg: float, back_m: float = 0.0
) -> tuple[Pedestrian, float]:
    """A pedestrian at a kerb, facing the road, and how far he has to the middle of the ego's lane.

    Args:
        scene: where.
        lane: the ego's lane where he crosses.
        kerb: pavement or parking lane that he stands on.
        side: of the ego's lane where that is.
        angle_deg: by which he crosses at an angle.
        back_m: how far back from the middle of the pavement he stands.
    """
    yaw_deg = lane.transform.rotation.yaw + (-90.0 if side == "right" else 90.0) + angle_deg
    yaw_rad = math.radians(yaw_deg)
    place = kerb.transform.location
    start = carla.Location(place.x - back_m * math.cos(yaw_rad), place.y - back_m * math.sin(yaw_rad), place.z)
    (actor,) = scene.spawn([Wish(scene.walker(), carla.Transform(start, carla.Rotation(yaw=yaw_deg)))])
    c, s = math.cos(math.radians(lane.transform.rotation.yaw)), math.sin(math.radians(lane.transform.rotation.yaw))
    dx, dy = start.x - lane.transform.location.x, start.y - lane.transform.location.y
    lateral_m = abs(dy * c - dx * s) / max(math.cos(math.radians(angle_deg)), 0.3)
    across_m = lateral_m + 2.5 * lane.lane_width
    return Pedestrian(actor, yaw_deg, _WALK_MPS, across_m), lateral_m


def straight_route(pose: carla.Transform, length_m: float) -> Route:
    """A straight line from a pose, off the lanes, for somebody who crosses them."""
    along_m = np.arange(0.0, length_m, 1.0)
    yaw_rad = math.radians(pose.rotation.yaw)
    place = pose.location
    count = len(along_m)
    return Route(
        points_m=np.stack(
            (place.x + along_m * math.cos(yaw_rad), place.y + along_m * math.sin(yaw_rad), np.full(count, place.z)), 1
        ),
        yaw_rad=np.full(count, yaw_rad),
        commands=np.full(count, RouteCommand.LANE_FOLLOW, dtype=np.int8),
        junction=np.full(count, -1, dtype=np.int32),
        lanes=np.zeros((count, 2), dtype=np.int32),
        lane_width_m=np.full(count, 3.5),
    )


def _pavement(waypoint: carla.Waypoint, side: str) -> carla.Waypoint:
    found = lane_beside(waypoint, side, carla.LaneType.Sidewalk)
    if found is None:
        raise ScenarioError(f"the scenario needs a pavement to the {side} of the road")
    return found


def _along(bay: carla.Waypoint, scene: Scene, route_m: float) -> carla.Transform:
    """A pose in a parking lane that faces as the ego drives."""
    pose = bay.transform
    pose.rotation = carla.Rotation(yaw=scene.waypoint_at(route_m).transform.rotation.yaw)
    return pose
