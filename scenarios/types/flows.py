"""At a junction the ego drives across or into a flow of traffic; a route file may say where the flow is."""

from __future__ import annotations

from abc import abstractmethod
from typing import ClassVar

import carla
import numpy as np

from carla_agents.driving.passing import shifted
from carla_agents.driving.road_graph import LaneKey, lane_key
from carla_agents.driving.route import Route
from scenarios.actors import Flow
from scenarios.junctions import Movement, way_route
from scenarios.meeting import first_meeting_m
from scenarios.parameters import Ignored, Interval, Number, Parameter, Place, Point, ScenarioError
from scenarios.scenario import Command, PlaceKind
from scenarios.scene import Moment, Scene, opposite_lane
from scenarios.types.junctions import JunctionScenario

_BEFORE_M, _AFTER_M = 45.0, 30.0
_CLEAR_M, _CLEAR_S = 12.0, 2.5
_INSIDE = 2
"""Points of a flow's way before the first one that is named: its very end may belong to the next lane."""
_FLOW: tuple[Parameter, ...] = (
    Number("flow_speed", 7.0, 0.5, 30.0, "m/s of the other traffic"),
    Interval("source_dist_interval", (30.0, 60.0), 5.0, 300.0, "metres between two of its vehicles"),
)
_START = Point("start_actor_flow", "where the flow begins; without it before the junction")
_END = Point("end_actor_flow", "where the flow ends; without it behind the junction")


class _ThroughTraffic(JunctionScenario):
    """The ego turns; a flow of vehicles that it has to let through crosses or joins its way."""

    parameters = _FLOW

    @abstractmethod
    def other_ways(self) -> list[Movement]:
        """The ways through the junction that the flows take where the route file names no places."""

    def given_paths(self, scene: Scene) -> list[Route]:
        """The ways of the flows that the route file gives; empty if it gives none."""
        return []

    def prepare(self, scene: Scene) -> None:
        given = self.given_paths(scene)
        paths = given or [way_route(scene, way, _BEFORE_M, _AFTER_M)[0] for way in self.other_ways()]
        speed_mps, gap_m = self.values.number("flow_speed"), self.values.interval("source_dist_interval")
        self._flows = [Flow(scene, path, speed_mps, gap_m) for path in paths]
        for flow in self._flows:
            line, to_m = flow.route.points_m[:, :2], self.crossing.exit_m + _AFTER_M
            ego_m, flow_m = first_meeting_m(scene.route, flow.route.distance_m, line, self.crossing.entry_m, to_m)
            # A given flow may begin far away and be fast: its vehicles drive from their first tick on.
            flow.meet(ego_m, flow_m, waits=not given, steady=len(given) > 1)
            flow.fill(flow_m - max(_CLEAR_M, 0.0 if given else _CLEAR_S * speed_mps))

    def green_roads(self) -> set[int]:
        roads = super().green_roads()
        for path in (flow.route for flow in self._flows):
            inside = np.flatnonzero(path.junction == self.crossing.junction_id)
            if len(inside) and inside[0] > 0:
                roads.add(int(path.lanes[inside[0] - 1, 0]))
        return roads

    def tick(self, moment: Moment) -> list[Command]:
        return [*super().tick(moment), *(command for flow in self._flows for command in flow.tick(moment))]


class SignalizedJunctionLeftTurn(_ThroughTraffic):
    summary = "The ego turns left at green across a flow of oncoming vehicles, which have green too."
    place = "left"
    signalised = True

    def other_ways(self) -> list[Movement]:
        return [self.crossing.oncoming()]


class NonSignalizedJunctionLeftTurn(SignalizedJunctionLeftTurn):
    summary = "The ego turns left at a junction without lights across a flow of oncoming vehicles."
    signalised = False


class SignalizedJunctionRightTurn(_ThroughTraffic):
    summary = "The ego turns right at green into a road where a flow of vehicles comes along."
    place = "right"
    signalised = True

    def other_ways(self) -> list[Movement]:
        return [self.crossing.into_exit()]


class NonSignalizedJunctionRightTurn(SignalizedJunctionRightTurn):
    summary = "The ego turns right at a junction without lights into a road where a flow of vehicles comes along."
    signalised = False


class EnterActorFlow(_ThroughTraffic):
    summary = "The ego drives into a road on which a flow of vehicles comes along, at any junction."
    place: ClassVar[PlaceKind] = "right"
    parameters = (_START, _END, *_FLOW)

    def other_ways(self) -> list[Movement]:
        return [self.crossing.into_exit()]

    def places(self) -> dict[str, Place]:
        return ends_of(self._flows[0].route)

    def given_paths(self, scene: Scene) -> list[Route]:
        start, end = self.values.place(_START.name), self.values.place(_END.name)
        if start is None and end is None:
            return []
        if start is None or end is None:
            raise ScenarioError(f"a flow needs both <{_START.name}> and <{_END.name}>, or neither")
        return [scene.plan([scene.lane_near(start, _START.name), scene.lane_near(end, _END.name)])]


class EnterActorFlowV2(EnterActorFlow):
    summary = "As EnterActorFlow."


class MergerIntoSlowTraffic(EnterActorFlow):
    summary = "The ego drives into a road on which vehicles crawl along close behind one another."
    parameters: ClassVar[tuple[Parameter, ...]] = (
        _START,
        _END,
        Number("flow_speed", 3.0, 0.5, 30.0, "m/s of the other traffic"),
        Interval("source_dist_interval", (12.0, 25.0), 5.0, 300.0, "metres between two of its vehicles"),
    )


class MergerIntoSlowTrafficV2(MergerIntoSlowTraffic):
    summary = "As MergerIntoSlowTraffic."


class InterurbanActorFlow(EnterActorFlow):
    summary = (
        "The ego leaves a main road to the left, across a flow of oncoming vehicles, at a junction without lights."
    )
    place = "left"
    signalised = False

    def other_ways(self) -> list[Movement]:
        return [self.crossing.oncoming()]


class InterurbanAdvancedActorFlow(InterurbanActorFlow):
    summary = (
        "The ego turns left into a main road at a junction without lights, across the flow from the left and into "
        "the one from the right."
    )
    parameters = (
        _START,
        _END,
        Number("flow_speed", 7.0, 0.5, 30.0, "m/s of the other traffic"),
        Interval("source_dist_interval", (60.0, 90.0), 5.0, 300.0, "metres between two of its vehicles"),
        Ignored("direction"),
    )

    def other_ways(self) -> list[Movement]:
        return [self.crossing.from_side("left"), self.crossing.from_side("right")]

    def given_paths(self, scene: Scene) -> list[Route]:
        paths = super().given_paths(scene)
        for path in list(paths):
            # The second flow drives the other way on the same road.
            first, last = (scene.map.get_waypoint(_location(path.points_m[k])) for k in (-1, 0))
            back = [opposite_lane(first), opposite_lane(last)]
            if back[0] is None or back[1] is None:
                raise ScenarioError("where the flow begins and ends, its road needs a lane of the other direction")
            paths.append(scene.plan([lane for lane in back if lane is not None]))
        return paths


class CrossingBicycleFlow(JunctionScenario):
    summary = "The ego turns right across a flow of bicycles that ride straight on beside its lane."
    place = "right"
    parameters: ClassVar[tuple[Parameter, ...]] = (
        Point(_START.name, "where the bicycles begin; without it beside the ego's lane"),
        Point(_END.name, "where they end; without it straight on behind the junction"),
        Number("flow_speed", 4.0, 0.5, 12.0, "m/s of the bicycles"),
        Interval("source_dist_interval", (18.0, 40.0), 4.0, 5000.0, "metres between two bicycles"),
    )
    models: ClassVar[tuple[str, ...]] = ("vehicle.bh.crossbike", "vehicle.diamondback.century")
    right_m: ClassVar[float] = 2.6

    def prepare(self, scene: Scene) -> None:
        start, end = self.values.place(_START.name), self.values.place(_END.name)
        right_m, places = self.right_m, []
        entry = self.crossing.own.entry.key
        if start is not None:
            lane = scene.lane_near(start, _START.name)
            places.append(lane)
            aside, right = carla.Location(*start) - lane.transform.location, lane.transform.get_right_vector()
            right_m = aside.x * right.x + aside.y * right.y
            entry = lane_key(lane)
        elif end is not None:
            raise ScenarioError(f"the bicycles need <{_START.name}> too if <{_END.name}> is given")
        if end is not None:
            path = scene.plan([*places, scene.lane_near(end, _END.name)])
        else:
            path = self._straight_on(scene, entry, places)
        self._flow = Flow(
            scene,
            path,
            self.values.number("flow_speed"),
            self.values.interval("source_dist_interval"),
            self.models,
            offset_m=right_m,
            starts_mps2=1.2,
        )
        line, to_m = shifted(path, path.distance_m, np.full(len(path.points_m), right_m)), self.crossing.exit_m + 5.0
        ego_m, flow_m = first_meeting_m(scene.route, path.distance_m, line, self.crossing.entry_m, to_m)
        self._flow.meet(ego_m, flow_m, waits=True)
        self._flow.fill(flow_m - _CLEAR_M)

    def places(self) -> dict[str, Place]:
        way = self._flow.route
        beside = shifted(way, way.distance_m, np.full(len(way.points_m), self.right_m))
        x, y = (float(v) for v in beside[_INSIDE])
        return {**ends_of(way), _START.name: (x, y, float(way.points_m[_INSIDE, 2]))}

    def tick(self, moment: Moment) -> list[Command]:
        return super().tick(moment) + self._flow.tick(moment)

    def _straight_on(self, scene: Scene, entry: LaneKey, places: list[carla.Waypoint]) -> Route:
        """The way straight through the junction from a lane, begun at a place if one is given."""
        ways = [*self.crossing.same_approach, *self.crossing.others]
        straight = [
            way for way in ways if way.straight and way.entry.key[0] == entry[0] and way.entry.key[2] == entry[2]
        ]
        if not straight:
            raise ScenarioError("the bicycles need a way straight on through the junction")
        path, _ = way_route(scene, straight[0], _BEFORE_M, _AFTER_M)
        if not places:
            return path
        end = scene.map.get_waypoint(_location(path.points_m[-1]))
        return scene.plan([*places, straight[0].entry.waypoints[-1], end])


def ends_of(way: Route) -> dict[str, Place]:
    """Where a flow begins and ends, as a route file says it."""
    first, last = (tuple(float(v) for v in way.points_m[k]) for k in (_INSIDE, -1 - _INSIDE))
    return {_START.name: (first[0], first[1], first[2]), _END.name: (last[0], last[1], last[2])}


def _location(point_m: np.ndarray) -> carla.Location:
    return carla.Location(*(float(v) for v in point_m))
