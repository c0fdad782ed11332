"""The ego leaves its road through traffic: over a busy lane to an exit."""

from __future__ import annotations

from typing import ClassVar

import carla

from scenarios.actors import Flow
from scenarios.junctions import lane_before
from scenarios.meeting import first_meeting_m
from scenarios.parameters import Interval, Number, Parameter, Place, Point, ScenarioError
from scenarios.scenario import Command
from scenarios.scene import Moment, Scene, same_direction_lane
from scenarios.types.flows import ends_of
from scenarios.types.junctions import JunctionScenario

_BEHIND_M = 45.0
_CLEAR_M, _CLEAR_S = 12.0, 2.5


class HighwayExit(JunctionScenario):
    summary = (
        "The ego changes into the lane on its right, on which a flow of vehicles comes along, to leave the road."
    )
    place = "exit"
    parameters: ClassVar[tuple[Parameter, ...]] = (
        Point("start_actor_flow", "where the flow begins; without it in the lane on the right, behind the ego"),
        Point("end_actor_flow", "where the flow ends; without it behind the next junction"),
        Number("flow_speed", 7.0, 0.5, 30.0, "m/s of the other traffic"),
        Interval("source_dist_interval", (30.0, 60.0), 5.0, 300.0, "metres between two of its vehicles"),
    )

    def prepare(self, scene: Scene) -> None:
        start, end = self.values.place("start_actor_flow"), self.values.place("end_actor_flow")
        if (start is None) != (end is None):
            raise ScenarioError("a flow needs both <start_actor_flow> and <end_actor_flow>, or neither")
        if start is not None and end is not None:
            places = [scene.lane_near(start, "start_actor_flow"), scene.lane_near(end, "end_actor_flow")]
        else:
            places = self._beside(scene)
        path = scene.plan(places)
        speed_mps = self.values.number("flow_speed")
        self._flow = Flow(scene, path, speed_mps, self.values.interval("source_dist_interval"))
        ego_m, flow_m = first_meeting_m(
            scene.route, path.distance_m, path.points_m[:, :2], scene.trigger_m, self.crossing.entry_m
        )
        self._flow.meet(ego_m, flow_m, waits=start is None)
        self._flow.fill(flow_m - max(_CLEAR_M, _CLEAR_S * speed_mps))

    def places(self) -> dict[str, Place]:
        return ends_of(self._flow.route)

    def tick(self, moment: Moment) -> list[Command]:
        return super().tick(moment) + self._flow.tick(moment)

    def _beside(self, scene: Scene) -> list[carla.Waypoint]:
        """Along the lane right of the ego's, and straight on where that lane may."""
        lane = same_direction_lane(scene.waypoint_at(scene.trigger_m), "right")
        if lane is None:
            raise ScenarioError("the scenario needs a lane of the same direction to the right of the ego's")
        entry = self.crossing.own.entry
        ways = [way for way in self.crossing.same_approach if way.entry.key == entry.key]
        onward = min(ways, key=lambda way: abs(way.turn_rad)).exit.waypoints
        mouth = entry.waypoints[max(len(entry.waypoints) - 4, 0)]
        return [lane_before(lane, _BEHIND_M), mouth, onward[min(30, max(len(onward) - 4, 0))]]
