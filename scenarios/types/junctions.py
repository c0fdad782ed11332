"""At a junction: turns across and into traffic, somebody who takes the ego's right of way, a blocked exit."""

from __future__ import annotations

from typing import ClassVar

import carla

from carla_agents.driving.route import Route
from scenarios.actors import Flow, RoutedVehicle
from scenarios.junctions import Crossing, HeldLights, Movement, way_route
from scenarios.parameters import Interval, Number, Parameter, ScenarioError, Word
from scenarios.scenario import Command, Scenario
from scenarios.scene import Moment, Scene, Wish, beside
from scenarios.types.obstacles import stand

_BEFORE_M, _AFTER_M = 45.0, 30.0
_LAST_S = 1.0
_FLOW: tuple[Parameter, ...] = (
    Number("flow_speed", 7.0, 0.5, 30.0, "m/s of the other traffic"),
    Interval("source_dist_interval", (30.0, 60.0), 5.0, 300.0, "metres between two of its vehicles"),
)


class _JunctionScenario(Scenario):
    """Something at the next junction of the route; lights, if there are any, are held for the time."""

    signalised: ClassVar[bool | None] = None
    """Whether the junction must have lights; None takes either."""

    def begin(self, scene: Scene) -> None:
        self.scene = scene
        self.crossing = Crossing.ahead(scene, scene.trigger_m)
        self._lights = HeldLights(scene, self.crossing.junction_id)
        self._held = False
        if self.signalised is not None and self.signalised != bool(len(self._lights)):
            has = "has" if len(self._lights) else "has no"
            raise ScenarioError(
                f"junction {self.crossing.junction_id} {has} traffic lights, the type needs the contrary"
            )
        self.end_m = min(self.crossing.exit_m + 6.0, scene.route.length_m - 2.0)
        self.prepare(scene)

    def prepare(self, scene: Scene) -> None:
        """Spawns the other road users."""

    def green_roads(self) -> set[int]:
        """Roads whose lights show green while the scenario runs."""
        return {self.crossing.own.entry.key[0]}

    def tick(self, moment: Moment) -> list[Command]:
        if moment.triggered and not self._held:
            self._held = True
            self._lights.hold(self.green_roads())
        return []

    def end(self) -> None:
        self._lights.release()
        super().end()


class _TurnAcrossTraffic(_JunctionScenario):
    """The ego turns; a flow of vehicles that it has to let through crosses or joins its way."""

    parameters = _FLOW

    def other_way(self) -> Movement:
        raise NotImplementedError

    def prepare(self, scene: Scene) -> None:
        self._way = self.other_way()
        path, inside_m = way_route(scene, self._way, _BEFORE_M, _AFTER_M)
        self._flow = Flow(
            scene,
            path,
            self.values.number("flow_speed"),
            self.values.interval("source_dist_interval"),
        )
        self._flow.fill(inside_m - 12.0)

    def green_roads(self) -> set[int]:
        return {self.crossing.own.entry.key[0], self._way.entry.key[0]}

    def tick(self, moment: Moment) -> list[Command]:
        commands = super().tick(moment)
        if not moment.triggered:
            return commands
        return commands + self._flow.tick(moment)


class SignalizedJunctionLeftTurn(_TurnAcrossTraffic):
    summary = "The ego turns left at green across a flow of oncoming vehicles, which have green too."
    place = "left"
    signalised = True

    def other_way(self) -> Movement:
        return self.crossing.oncoming()


class NonSignalizedJunctionLeftTurn(SignalizedJunctionLeftTurn):
    summary = "The ego turns left at a junction without lights across a flow of oncoming vehicles."
    signalised = False


class SignalizedJunctionRightTurn(_TurnAcrossTraffic):
    summary = "The ego turns right at green into a road where a flow of vehicles comes along."
    place = "right"
    signalised = True

    def other_way(self) -> Movement:
        return self.crossing.into_exit()


class NonSignalizedJunctionRightTurn(SignalizedJunctionRightTurn):
    summary = "The ego turns right at a junction without lights into a road where a flow of vehicles comes along."
    signalised = False


class EnterActorFlow(_TurnAcrossTraffic):
    summary = "The ego drives into a road on which a flow of vehicles comes along, at any junction."
    place = "right"

    def other_way(self) -> Movement:
        return self.crossing.into_exit()


class EnterActorFlowV2(EnterActorFlow):
    summary = "As EnterActorFlow."


class MergerIntoSlowTraffic(EnterActorFlow):
    summary = "The ego drives into a road on which vehicles crawl along close behind one another."
    parameters: ClassVar[tuple[Parameter, ...]] = (
        Number("flow_speed", 3.0, 0.5, 30.0, "m/s of the other traffic"),
        Interval("source_dist_interval", (12.0, 25.0), 5.0, 300.0, "metres between two of its vehicles"),
    )


class MergerIntoSlowTrafficV2(MergerIntoSlowTraffic):
    summary = "As MergerIntoSlowTraffic."


class _TakesRightOfWay(_JunctionScenario):
    """One vehicle comes straight from the side and does not give way; it times itself to meet the ego."""

    place = "straight"
    parameters: ClassVar[tuple[Parameter, ...]] = (
        Word("direction", "left", ("left", "right"), "side that the other vehicle comes from"),
        Number("adversary_speed", 8.0, 2.0, 30.0, "m/s at which it crosses"),
    )
    starting_s: ClassVar[float] = 1.6
    """Time that it loses by starting from a stand."""

    def prepare(self, scene: Scene) -> None:
        way = self.crossing.from_side(self.values.word("direction"))
        path, inside_m = way_route(scene, way, _BEFORE_M, _AFTER_M)
        start = scene.map.get_waypoint(carla.Location(*(float(v) for v in path.points_m[0])))
        (actor,) = scene.spawn([Wish(self.model(scene), beside(start, 0.0))])
        self._other = RoutedVehicle(actor, path, scene.delta_s)
        self._meet_m, self._other_meet_m = _meeting_point(scene, path, self.crossing, inside_m)
        self._committed = False
        self._speed_mps = self.values.number("adversary_speed")

    def model(self, scene: Scene) -> str:
        return scene.car()

    def tick(self, moment: Moment) -> list[Command]:
        commands = super().tick(moment)
        if self._other.arrived:
            self.scene.destroy([self._other.actor])
            return commands
        top_mps = self.values.number("adversary_speed")
        to_meet_m = self._other.to_go_m(self._other_meet_m)
        eta_s = (self._meet_m - moment.ego_m) / max(moment.ego.speed_mps, 0.1)
        # It waits until it would be at the place of meeting together with the ego, and keeps to that on its way;
        # the last metres it neither brakes nor hurries.
        due = moment.triggered and eta_s < to_meet_m / top_mps + self.starting_s
        self._committed = self._committed or due
        if self._committed and eta_s > _LAST_S and to_meet_m > 0.0:
            self._speed_mps = min(max(to_meet_m / eta_s, 0.6 * top_mps), 1.4 * top_mps)
        return commands + self._other.command(moment, self._speed_mps if self._committed else 0.0)


class OppositeVehicleRunningRedLight(_TakesRightOfWay):
    summary = "A vehicle runs its red light and crosses in front of the ego, which has green."
    signalised = True


class OppositeVehicleTakingPriority(_TakesRightOfWay):
    summary = "At a junction without lights a vehicle crosses in front of the ego without giving way."
    signalised = False


class PriorityAtJunction(_JunctionScenario):
    summary = "The ego's light is green when it comes; nobody is in its way."
    place = "straight"
    signalised = True


class BlockedIntersection(_JunctionScenario):
    summary = "A car stands at the exit of the junction and drives on some seconds after the ego has come."
    place = "turn"
    waits_s: ClassVar[float] = 4.0

    def prepare(self, scene: Scene) -> None:
        at_m = self.crossing.exit_m + 2.0
        here = scene.waypoint_at(at_m)
        scene.waypoint_at(at_m + 12.0)
        (actor,) = scene.spawn([Wish(scene.car(), beside(here, 0.0))])
        stand(actor, carla.VehicleLightState.Brake)
        end = here.next_until_lane_end(2.0)
        path = scene.plan([here, end[-2] if len(end) > 1 else end[-1]])
        self._car = RoutedVehicle(actor, path, scene.delta_s)
        self._waited_s = 0.0

    def tick(self, moment: Moment) -> list[Command]:
        commands = super().tick(moment)
        near = moment.ego_m > self.crossing.entry_m - 8.0
        self._waited_s += moment.delta_s if near else 0.0
        if self._car.arrived:
            self.scene.destroy([self._car.actor])
            return commands
        if self._waited_s < self.waits_s:
            return commands
        return commands + self._car.command(moment, 8.0)


class CrossingBicycleFlow(_JunctionScenario):
    summary = "The ego turns right across a flow of bicycles that ride straight on beside its lane."
    place = "right"
    parameters: ClassVar[tuple[Parameter, ...]] = (
        Number("flow_speed", 4.0, 0.5, 12.0, "m/s of the bicycles"),
        Interval("source_dist_interval", (18.0, 40.0), 4.0, 300.0, "metres between two bicycles"),
    )
    models: ClassVar[tuple[str, ...]] = ("vehicle.bh.crossbike", "vehicle.diamondback.century")
    right_m: ClassVar[float] = 2.6

    def prepare(self, scene: Scene) -> None:
        own_road = self.crossing.own.entry.key
        straight = [
            way
            for way in self.crossing.same_approach
            if way.entry.key[0] == own_road[0] and way.entry.key[2] == own_road[2] and way.straight
        ]
        if not straight:
            raise ScenarioError("the bicycles need a way straight on beside the ego's way")
        path, _ = way_route(scene, straight[0], _BEFORE_M, _AFTER_M)
        self._flow = Flow(
            scene,
            path,
            self.values.number("flow_speed"),
            self.values.interval("source_dist_interval"),
            self.models,
            offset_m=self.right_m,
        )
        self._flow.fill(15.0)

    def tick(self, moment: Moment) -> list[Command]:
        commands = super().tick(moment)
        return commands + self._flow.tick(moment) if moment.triggered else commands


def _meeting_point(scene: Scene, path: Route, crossing: Crossing, inside_m: float) -> tuple[float, float]:
    """Where the ego's way and another way through a junction come closest, as distances along either."""
    route = scene.route
    own = (route.distance_m >= crossing.entry_m) & (route.distance_m <= crossing.exit_m)
    other = (path.distance_m >= inside_m - 1.0) & (path.distance_m <= inside_m + 40.0)
    mine, theirs = route.points_m[own, :2], path.points_m[other, :2]
    away = ((mine[:, None] - theirs[None]) ** 2).sum(axis=-1)
    i, j = divmod(int(away.argmin()), away.shape[1])
    return float(route.distance_m[own][i]), float(path.distance_m[other][j])
