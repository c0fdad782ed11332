"""At a junction: somebody who takes the ego's right of way, a blocked exit."""

from __future__ import annotations

from typing import ClassVar

import carla

from carla_agents.driving.route import Route
from scenarios.actors import RoutedVehicle
from scenarios.junctions import Crossing, HeldLights, way_route
from scenarios.parameters import Number, Parameter, ScenarioError, Word
from scenarios.scenario import Command, Scenario
from scenarios.scene import Moment, Scene, Wish, beside
from scenarios.types.obstacles import stand

_BEFORE_M, _AFTER_M = 45.0, 30.0
_LAST_S = 1.0


class JunctionScenario(Scenario):
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


class _TakesRightOfWay(JunctionScenario):
    """One vehicle comes from the side and does not give way; it times itself to meet the ego."""

    place = "straight"
    parameters: ClassVar[tuple[Parameter, ...]] = (
        Word(
            "direction",
            "left",
            ("left", "right", "opposite"),
            "where the other vehicle comes from; where no road goes on it turns left",
        ),
        Number("adversary_speed", 8.0, 2.0, 30.0, "m/s at which it crosses"),
    )
    starting_s: ClassVar[float] = 1.6
    """Time that it loses by starting from a stand."""

    def prepare(self, scene: Scene) -> None:
        direction = self.values.word("direction")
        way = self.crossing.oncoming() if direction == "opposite" else self.crossing.in_front_from_side(direction)
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


class PriorityAtJunction(JunctionScenario):
    summary = "The ego's light is green when it comes; nobody is in its way."
    place = "straight"
    signalised = True


class BlockedIntersection(JunctionScenario):
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


def _meeting_point(scene: Scene, path: Route, crossing: Crossing, inside_m: float) -> tuple[float, float]:
    """Where the ego's way and another way through a junction come closest, as distances along either."""
    route = scene.route
    own = (route.distance_m >= crossing.entry_m) & (route.distance_m <= crossing.exit_m)
    other = (path.distance_m >= inside_m - 1.0) & (path.distance_m <= inside_m + 40.0)
    mine, theirs = route.points_m[own, :2], path.points_m[other, :2]
    away = ((mine[:, None] - theirs[None]) ** 2).sum(axis=-1)
    i, j = divmod(int(away.argmin()), away.shape[1])
    return float(route.distance_m[own][i]), float(path.distance_m[other][j])
