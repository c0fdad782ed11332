"""The road itself, or who comes along it: loss of grip, oncoming vehicles in the ego's lane, an ambulance behind."""

from __future__ import annotations

from typing import ClassVar

import carla
import numpy as np

from carla_agents.simulator.frame import Control
from scenarios.actors import Flow, RoutedVehicle
from scenarios.parameters import Ignored, Number, Parameter, ScenarioError
from scenarios.scenario import Command, Scenario
from scenarios.scene import Moment, Scene, Wish, beside, opposite_lane, same_direction_lane
from scenarios.types.obstacles import POLICE_LIGHTS


class ControlLoss(Scenario):
    summary = "Debris on the road; while the ego is on it, wheel and pedals answer with random errors."
    parameters: ClassVar[tuple[Parameter, ...]] = (Ignored("distance"), Ignored("direction"), Ignored("speed"))
    first_m: ClassVar[float] = 10.0
    patches: ClassVar[int] = 3
    spacing_m: ClassVar[float] = 12.0
    reach_m: ClassVar[float] = 6.0
    steer_error: ClassVar[float] = 0.06
    throttle_error: ClassVar[float] = 0.3

    def begin(self, scene: Scene) -> None:
        self.scene = scene
        self._patches_m = [scene.trigger_m + self.first_m + self.spacing_m * k for k in range(self.patches)]
        here = [scene.waypoint_at(patch_m) for patch_m in self._patches_m]
        # The debris lies beside the wheel tracks: it is to be seen, not to be hit.
        scene.spawn([Wish("static.prop.dirtdebris01", beside(w, 0.5 * w.lane_width + 0.6)) for w in here])
        self._errors = (0.0, 0.0)
        self._left_s = 0.0
        self.end_m = min(self._patches_m[-1] + self.reach_m + 4.0, scene.route.length_m - 2.0)

    def disturb(self, control: Control, moment: Moment) -> Control:
        if not any(abs(moment.ego_m - patch_m) < self.reach_m for patch_m in self._patches_m):
            return control
        self._left_s -= moment.delta_s
        if self._left_s <= 0.0:
            steer, throttle = (float(v) for v in self.scene.rng.uniform(-1.0, 1.0, 2))
            self._errors, self._left_s = (self.steer_error * steer, self.throttle_error * throttle), 0.25
        return Control(
            steer=min(max(control.steer + self._errors[0], -1.0), 1.0),
            throttle=min(max(control.throttle + self._errors[1], 0.0), 1.0) if control.brake == 0.0 else 0.0,
            brake=control.brake,
        )


class InvadingTurn(Scenario):
    summary = "Oncoming vehicles keep partly in the ego's lane; the ego moves to its right edge."
    parameters: ClassVar[tuple[Parameter, ...]] = (
        Number("distance", 60.0, 10.0, 300.0, "metres from the trigger over which they come"),
        Number("offset", 0.75, 0.0, 1.0, "metres that they reach into the ego's lane"),
    )
    speed_mps: ClassVar[float] = 6.0

    def begin(self, scene: Scene) -> None:
        self.scene = scene
        far_m = min(scene.trigger_m + self.values.number("distance"), scene.route.length_m - 4.0)
        far, near = (opposite_lane(scene.waypoint_at(route_m)) for route_m in (far_m, scene.trigger_m))
        if far is None or near is None:
            raise ScenarioError("the scenario needs a lane of oncoming traffic beside the ego's lane")
        path = scene.plan([far, near])
        half_width_m = 0.92
        left_m = 0.5 * far.lane_width - half_width_m + self.values.number("offset")
        self._flow = Flow(
            scene,
            path,
            self.speed_mps,
            (18.0, 30.0),
            ("vehicle.lincoln.mkz_2020", "vehicle.seat.leon"),
            most=3,
            offset_m=-left_m,
        )
        self.end_m = far_m

    def tick(self, moment: Moment) -> list[Command]:
        return self._flow.tick(moment) if moment.triggered else []


class YieldToEmergencyVehicle(Scenario):
    summary = "An ambulance comes from behind in the ego's lane; the ego clears the lane for it."
    parameters: ClassVar[tuple[Parameter, ...]] = (
        Number("distance", 25.0, 8.0, 200.0, "metres behind the ego at which it begins"),
    )
    speed_mps: ClassVar[float] = 11.0
    allowed_s: ClassVar[float] = 15.0

    def begin(self, scene: Scene) -> None:
        self.scene = scene
        here = scene.waypoint_at(scene.trigger_m)
        if same_direction_lane(here, "left") is None and same_direction_lane(here, "right") is None:
            raise ScenarioError("the scenario needs a second lane of the same direction to give way to")
        self._ambulance: RoutedVehicle | None = None
        self._passed = False
        self._since_s = 0.0
        self.end_m = scene.route.length_m

    def tick(self, moment: Moment) -> list[Command]:
        if not moment.triggered or self._passed:
            return []
        self._since_s += moment.delta_s
        if self._ambulance is None:
            self._ambulance = self._send(moment)
            return []
        commands = self._ambulance.command(moment, self.speed_mps, [moment.ego])
        state = moment.state(self._ambulance.actor)
        if state is not None:
            ahead_m, _ = moment.ego.to_ego(np.array([state.x_m, state.y_m]))
            self._passed = ahead_m > 8.0
        if self._ambulance.arrived or self._passed:
            self._passed = True
        return commands

    def over(self, moment: Moment) -> bool:
        return self._passed or self._since_s > self.allowed_s or moment.ego_m > self.scene.route.length_m - 6.0

    def failed_to_yield(self) -> bool:
        return self._ambulance is not None and not self._passed

    def _send(self, moment: Moment) -> RoutedVehicle | None:
        scene = self.scene
        start_m = moment.ego_m - self.values.number("distance")
        if start_m >= 0.0:
            start = scene.waypoint_at(start_m)
        else:
            before = scene.waypoint_at(0.0).previous(-start_m)
            if not before:
                return None
            start = before[0]
        actor = scene.try_spawn(Wish("vehicle.ford.ambulance", beside(start, 0.0), self.speed_mps))
        if actor is None:
            return None
        actor.set_light_state(carla.VehicleLightState(POLICE_LIGHTS))
        path = scene.plan([start, scene.waypoint_at(scene.route.length_m - 1.0)])
        return RoutedVehicle(actor, path, scene.delta_s)
