"""The ego begins its drive in a parking bay and has to pull out into the traffic of its lane."""

from __future__ import annotations

import math
from typing import ClassVar

import carla
import numpy as np

from scenarios.actors import Flow
from scenarios.parameters import Number, Parameter, ScenarioError, SpawnError, Word
from scenarios.scenario import Command, PlaceKind, Scenario
from scenarios.scene import Moment, Scene, Wish, lane_beside
from scenarios.types.obstacles import stand

_AT_START_M = 10.0
_FLOW_MPS = 7.0
_BEHIND_M, _BEHIND_AT_LEAST_M = 80.0, 30.0
_AHEAD_M, _AHEAD_AT_LEAST_M = 90.0, 25.0
_MEETS_AFTER_M = 5.0
"""How far from its bay a vehicle that sets off without waiting is in the lane."""
_MEETS_BEFORE_M = 15.0
_SETS_OFF_S = 1.5


class ParkingExit(Scenario):
    summary = "The ego begins in a parking bay between parked cars and pulls out into a flow of vehicles."
    place: ClassVar[PlaceKind] = "bay"
    parameters: ClassVar[tuple[Parameter, ...]] = (
        Number("front_vehicle_distance", 9.0, 7.0, 100.0, "metres from the ego to the parked car ahead of it"),
        Number("behind_vehicle_distance", 9.0, 6.0, 100.0, "metres to the one behind it"),
        Word("direction", "right", ("left", "right"), "side of the parking bay"),
        Number(
            "flow_distance", 25.0, 10.0, 300.0, "least metres between two vehicles of the flow; the greatest is twice"
        ),
        Number("speed", 60.0, 0.0, 200.0, "accepted; the flow keeps to its own speed"),
    )

    def begin(self, scene: Scene) -> None:
        self.scene = scene
        if scene.trigger_m > _AT_START_M:
            raise ScenarioError(
                f"the ego begins in the bay, so the trigger must lie within {_AT_START_M:g} m of the route's "
                f"beginning; it lies {scene.trigger_m:.0f} m along it"
            )
        front_m, behind_m = (
            self.values.number("front_vehicle_distance"),
            self.values.number("behind_vehicle_distance"),
        )
        bay = _bay_beside(scene.waypoint_at(scene.trigger_m), self.values.word("direction"))
        parked = [_along(bay, front_m), _along(bay, -behind_m)]
        stretch_m = np.arange(-behind_m, front_m + 1.0, 2.0)
        scene.hide_parked_cars([_along(bay, float(ahead_m)).transform.location for ahead_m in stretch_m])
        for car in scene.spawn([Wish(scene.car(), place.transform) for place in parked]):
            stand(car, carla.VehicleLightState.NONE)
        if not scene.has_room(bay.transform):
            raise SpawnError("the place of the parking bay where the ego would begin is taken")
        scene.place_ego(bay.transform)
        self._flow = _flow_in_lane(scene, scene.trigger_m, self.values.number("flow_distance"))
        self.end_m = scene.trigger_m + front_m + 20.0

    def tick(self, moment: Moment) -> list[Command]:
        return self._flow.tick(moment)


def _bay_beside(here: carla.Waypoint, side: str) -> carla.Waypoint:
    """The parking lane directly beside a lane, of the same direction."""
    bay = lane_beside(here, side, carla.LaneType.Parking)
    reach_m = math.inf if bay is None else 0.5 * (here.lane_width + bay.lane_width) + 0.5
    if bay is None or bay.transform.location.distance(here.transform.location) > reach_m:
        raise ScenarioError(f"the scenario needs a parking lane directly to the {side} of the ego's lane")
    return bay


def _along(bay: carla.Waypoint, ahead_m: float) -> carla.Waypoint:
    """A place of the bay farther on, or behind."""
    if ahead_m == 0.0:
        return bay
    found = bay.next(ahead_m) if ahead_m > 0.0 else bay.previous(-ahead_m)
    if not found or found[0].lane_type != carla.LaneType.Parking:
        raise ScenarioError(f"the parking lane ends less than {abs(ahead_m):g} m from where the ego begins")
    return found[0]


def _flow_in_lane(scene: Scene, start_m: float, gap_m: float) -> Flow:
    """Vehicles along the ego's lane, from behind its bay to the next junction."""
    here = scene.waypoint_at(start_m)
    behind = _place_behind(here)
    end_m = min(start_m + _AHEAD_M, scene.road_end_m(start_m) - 4.0)
    if end_m < start_m + _AHEAD_AT_LEAST_M:
        raise ScenarioError(f"the flow needs {_AHEAD_AT_LEAST_M:g} m of road ahead of the ego")
    path = scene.plan([behind, here, scene.waypoint_at(end_m)])
    flow = Flow(scene, path, _FLOW_MPS, (gap_m, 2.0 * gap_m))
    ego_m = start_m + _MEETS_AFTER_M
    meeting_m = float(path.length_m - (end_m - ego_m))
    flow.meet(ego_m, meeting_m, waits=False, sets_off_s=_SETS_OFF_S)
    flow.fill(meeting_m - _MEETS_BEFORE_M)
    return flow


def _place_behind(here: carla.Waypoint) -> carla.Waypoint:
    """Where the flow begins: behind a place on its lane, over junctions if need be, but not in one."""
    found, at, walked_m = here, here, 0.0
    while walked_m < _BEHIND_M:
        before = at.previous(2.0)
        if not before:
            break
        at = min(before, key=lambda w: _turned_deg(w, at))
        walked_m += 2.0
        if not at.is_junction:
            found, found_m = at, walked_m
    if found is here or found_m < _BEHIND_AT_LEAST_M:
        raise ScenarioError(f"the flow needs {_BEHIND_AT_LEAST_M:g} m of road behind the ego")
    return found


def _turned_deg(first: carla.Waypoint, second: carla.Waypoint) -> float:
    return abs(math.remainder(first.transform.rotation.yaw - second.transform.rotation.yaw, 360.0))
