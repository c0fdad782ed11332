"""Something stands in the ego's lane: an accident, a broken-down car, road works, an open door, slow bicycles."""

from __future__ import annotations

from abc import abstractmethod
from typing import ClassVar

import carla

from scenarios.actors import Flow, RoutedVehicle
from scenarios.parameters import Interval, Number, Parameter, ScenarioError, Word
from scenarios.scenario import Command, Scenario
from scenarios.scene import Moment, Scene, Wish, beside, lane_beside, opposite_lane, same_direction_lane

_HAZARD_LIGHTS = (
    carla.VehicleLightState.LeftBlinker | carla.VehicleLightState.RightBlinker | carla.VehicleLightState.Position
)
POLICE_LIGHTS = carla.VehicleLightState.Special1 | carla.VehicleLightState.Special2 | carla.VehicleLightState.Position
_FLOW_MPS = 8.0
_BICYCLES = ("vehicle.bh.crossbike", "vehicle.diamondback.century", "vehicle.gazelle.omafiets")

_DISTANCE = Number("distance", 40.0, 10.0, 500.0, "metres from the trigger to the obstacle")
_DIRECTION = Word("direction", "right", ("left", "right"), "the obstacle stands in the outermost lane on this side")
_SPEED = Number("speed", 60.0, 0.0, 200.0, "accepted; the traffic keeps to its own speed")
_FREQUENCY = Interval("frequency", (70.0, 120.0), 8.0, 500.0, "metres between two oncoming vehicles")


class _Obstacle(Scenario):
    """Something in the lane; one way: pass by the lane beside it, two ways: by the lane of the oncoming traffic."""

    parameters: ClassVar[tuple[Parameter, ...]] = (_DISTANCE, _DIRECTION, _SPEED)
    length_m: ClassVar[float] = 5.0
    stands_in_lane = True

    def begin(self, scene: Scene) -> None:
        self.scene = scene
        self._flow: Flow | None = None
        first_m = scene.trigger_m + self.values.number("distance")
        here = scene.waypoint_at(first_m)
        scene.waypoint_at(first_m + self.length_m)
        if self.oncoming_lane_allowed:
            self._flow = _oncoming_flow(scene, here, self.values.interval("frequency"))
        elif not any(same_direction_lane(here, side) for side in ("left", "right")):
            raise ScenarioError("the obstacle needs a second lane of the same direction to be passed by")
        self.put(scene, first_m)
        self.end_m = min(first_m + self.length_m + 12.0, scene.route.length_m - 2.0)

    @abstractmethod
    def put(self, scene: Scene, first_m: float) -> None:
        """Spawns the obstacle, beginning `first_m` along the route."""

    def lane_at(self, scene: Scene, route_m: float) -> carla.Waypoint:
        """The outermost driving lane of the ego's direction, on the side of the parameter `direction`."""
        lane = scene.waypoint_at(route_m)
        if self.oncoming_lane_allowed:
            return lane
        while (outer := same_direction_lane(lane, self.values.word("direction"))) is not None:
            lane = outer
        return lane

    def tick(self, moment: Moment) -> list[Command]:
        return self._flow.tick(moment) if self._flow is not None else []


class Accident(_Obstacle):
    summary = "Two crashed cars and a police car block the lane; the ego passes by the lane beside it."
    length_m = 17.0

    def put(self, scene: Scene, first_m: float) -> None:
        places = [self.lane_at(scene, first_m + ahead_m) for ahead_m in (0.0, 9.0, 15.0)]
        wishes = [
            Wish("vehicle.dodge.charger_police_2020", beside(places[0], 0.0, turn_deg=8.0)),
            Wish(scene.car(), beside(places[1], 0.2, turn_deg=-10.0)),
            Wish(scene.car(), beside(places[2], -0.1, turn_deg=6.0)),
        ]
        for actor, lights in zip(scene.spawn(wishes), (POLICE_LIGHTS, _HAZARD_LIGHTS, _HAZARD_LIGHTS), strict=True):
            stand(actor, lights)


class ParkedObstacle(_Obstacle):
    summary = "A broken-down car stands in the lane with its hazard lights on; the ego passes by the lane beside it."

    def put(self, scene: Scene, first_m: float) -> None:
        sign = Wish("static.prop.warningaccident", beside(self.lane_at(scene, first_m - 7.0), 0.9))
        car = Wish(scene.car(), beside(self.lane_at(scene, first_m), 0.2))
        actors = scene.spawn([sign, car])
        stand(actors[1], _HAZARD_LIGHTS)


class ConstructionObstacle(_Obstacle):
    summary = "Road works with a sign, a barrier and cones close the lane; the ego passes by the lane beside them."
    length_m = 14.0

    def put(self, scene: Scene, first_m: float) -> None:
        ends = [Wish("static.prop.warningconstruction", beside(self.lane_at(scene, first_m), 0.6))]
        across = [
            Wish("static.prop.streetbarrier", beside(self.lane_at(scene, first_m + 5.0), right_m, turn_deg=90.0))
            for right_m in (-0.7, 0.7)
        ]
        cones = [
            Wish("static.prop.constructioncone", beside(self.lane_at(scene, first_m + ahead_m), right_m))
            for ahead_m in (7.0, 10.0, 13.0)
            for right_m in (-1.2, 1.2)
        ]
        scene.spawn([*ends, *across, *cones])


class AccidentTwoWays(Accident):
    summary = "As Accident on a road of one lane each way, with oncoming traffic."
    parameters = (_DISTANCE, _SPEED, _FREQUENCY, _DIRECTION)
    oncoming_lane_allowed = True


class ParkedObstacleTwoWays(ParkedObstacle):
    summary = "As ParkedObstacle on a road of one lane each way, with oncoming traffic."
    parameters = (_DISTANCE, _SPEED, _FREQUENCY, _DIRECTION)
    oncoming_lane_allowed = True


class ConstructionObstacleTwoWays(ConstructionObstacle):
    summary = "As ConstructionObstacle on a road of one lane each way, with oncoming traffic."
    parameters = (_DISTANCE, _SPEED, _FREQUENCY, _DIRECTION)
    oncoming_lane_allowed = True


class VehicleOpensDoorTwoWays(_Obstacle):
    summary = "A car parked at the lane's edge opens its door as the ego comes; the ego keeps clear of it."
    parameters = (_DISTANCE, _SPEED, _FREQUENCY, _DIRECTION)
    oncoming_lane_allowed = True

    def put(self, scene: Scene, first_m: float) -> None:
        lane = scene.waypoint_at(first_m)
        # The car stands so far in the lane that its open door reaches the lane's middle.
        (self._car,) = scene.spawn([Wish("vehicle.dodge.charger_2020", beside(lane, 0.5 * lane.lane_width - 0.3))])
        stand(self._car, carla.VehicleLightState(carla.VehicleLightState.NONE))
        self._door_m = first_m
        self._open = False

    def tick(self, moment: Moment) -> list[Command]:
        if moment.triggered and not self._open and self._door_m - moment.ego_m < 20.0:
            self._open = True
            self._car.open_door(carla.VehicleDoor.FL)
            self._car.set_light_state(carla.VehicleLightState(_HAZARD_LIGHTS))
        return super().tick(moment)


class HazardAtSideLane(Scenario):
    summary = "Two bicycles ride slowly along the lane's right edge; the ego passes them by the lane beside it."
    parameters: ClassVar[tuple[Parameter, ...]] = (
        _DISTANCE,
        Number("bicycle_speed", 7.2, 1.0, 60.0, "km/h"),
        Number("bicycle_drive_distance", 40.0, 1.0, 500.0, "metres that the bicycles ride before they stand"),
        _SPEED,
    )

    def begin(self, scene: Scene) -> None:
        self.scene = scene
        self._flow: Flow | None = None
        first_m = scene.trigger_m + self.values.number("distance")
        here = scene.waypoint_at(first_m)
        if self.oncoming_lane_allowed:
            self._flow = _oncoming_flow(scene, here, self.values.interval("frequency"))
        elif same_direction_lane(here, "left") is None and same_direction_lane(here, "right") is None:
            raise ScenarioError("passing the bicycles needs a second lane of the same direction")
        right_m = 0.5 * here.lane_width - 0.7
        wishes = [Wish(_BICYCLES[k], beside(scene.waypoint_at(first_m + 4.0 * k), right_m)) for k in range(2)]
        self._riders = []
        last_m = min(first_m + self.values.number("bicycle_drive_distance"), scene.road_end_m(first_m) - 14.0)
        if last_m < first_m + 6.0:
            raise ScenarioError("the bicycles need some metres of road before the next junction or the route's end")
        for k, actor in enumerate(scene.spawn(wishes)):
            path = scene.plan([scene.waypoint_at(first_m + 4.0 * k), scene.waypoint_at(last_m)])
            self._riders.append(RoutedVehicle(actor, path, scene.delta_s, right_m))
        self.end_m = min(last_m + 12.0, scene.route.length_m - 2.0)

    def tick(self, moment: Moment) -> list[Command]:
        commands = self._flow.tick(moment) if self._flow is not None else []
        states = [moment.state(rider.actor) for rider in self._riders]
        for rider in self._riders:
            speed_mps = self.values.number("bicycle_speed") / 3.6 if moment.triggered and not rider.arrived else 0.0
            others = [state for state in states if state is not None]
            commands += rider.command(moment, speed_mps, others)
        return commands


class HazardAtSideLaneTwoWays(HazardAtSideLane):
    summary = "As HazardAtSideLane on a road of one lane each way, with oncoming traffic."
    parameters = (*HazardAtSideLane.parameters, _FREQUENCY)
    oncoming_lane_allowed = True


def stand(vehicle: carla.Vehicle, lights: int) -> None:
    """A vehicle that stays where it is, with some lights on."""
    vehicle.apply_control(carla.VehicleControl(brake=1.0, hand_brake=True))
    vehicle.set_light_state(carla.VehicleLightState(lights))


def _oncoming_flow(scene: Scene, here: carla.Waypoint, gap_m: tuple[float, float]) -> Flow:
    """Traffic along the whole oncoming lane beside a place."""
    oncoming = opposite_lane(here)
    if oncoming is None:
        raise ScenarioError("the scenario needs a lane of oncoming traffic beside the ego's lane")
    lane, _ = scene.planner.graph.locate(
        oncoming.transform.location.x, oncoming.transform.location.y, oncoming.transform.location.z
    )
    flow = Flow(scene, scene.plan([lane.waypoints[1], lane.waypoints[-2]]), _FLOW_MPS, gap_m)
    flow.fill(0.5 * flow.route.length_m)
    return flow


def parking_lane(waypoint: carla.Waypoint, side: str = "right") -> carla.Waypoint:
    """The parking lane beside a lane.

    Raises:
        ScenarioError: there is none.
    """
    found = lane_beside(waypoint, side, carla.LaneType.Parking)
    if found is None:
        raise ScenarioError(f"the scenario needs a parking lane to the {side} of the ego's lane")
    return found
