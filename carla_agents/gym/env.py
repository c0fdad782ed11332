"""`Drive-v0`: drive a car along a route among others; one simulator per environment.

    env = gymnasium.make("carla_agents:Drive-v0", seg=True, traffic_vehicles=20)

In worker processes use the same id with the module prefix, so that the worker imports this package. Pictures in an
observation and in `info["frame"]` share memory; both are new at every step.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import carla
import gymnasium
import numpy as np

from carla_agents.driving.capture import frame_from
from carla_agents.driving.control import WaypointController
from carla_agents.driving.expert import controller_config
from carla_agents.driving.placing import start_pose
from carla_agents.driving.route import Route, RouteProgress
from carla_agents.driving.route_planner import RoutePlanner
from carla_agents.driving.signals import RouteSignals
from carla_agents.driving.traffic import Traffic, TrafficConfig
from carla_agents.gym.reward import RewardConfig, StepFacts, reward_terms
from carla_agents.gym.spaces import action_space, control_from, observation_from, observation_space, plan_from
from carla_agents.gym.termination import Termination, TerminationConfig
from carla_agents.policies.base import CameraSpec
from carla_agents.simulator.errors import ServerLost, SpawnFailed
from carla_agents.simulator.events import CollisionSensor
from carla_agents.simulator.frame import Control
from carla_agents.simulator.rig import SensorRig, cameras
from carla_agents.simulator.session import Session, SimulatorConfig
from carla_agents.simulator.vehicle_state import VehicleState

_SETTLE_TICKS = 10
_START_ATTEMPTS = 20


class DriveEnv(gymnasium.Env):
    """Gymnasium environment; every argument is a primitive, so that `env.spec` serialises.

    Args:
        host, port: a running CARLA 0.9.16 server; without a port each environment starts its own embedded one.
        map_name: map to load; None keeps the server's.
        action_type: `waypoints` or `control`, see `carla_agents.gym.spaces.action_space`.
        rgb, seg: which pictures an observation holds.
        depth: also record depth into `info["frame"]`.
        width_px, height_px, fov_deg: of the cameras.
        route_length_m, min_turns: what random routes are like.
        traffic_vehicles, traffic_walkers: how much traffic.
        weather: 14 numbers in CARLA's order or a mapping of names to numbers; None leaves the server's.
        condition: name of that weather and light, written into the frames.
        fixed_delta_s: simulated seconds per step.
        max_steps: the episode is truncated after so many.
        terminate_on_red_light: whether running a red light ends the episode.
        seed: seed of the simulator and of episodes reset without a seed.
        render_mode: `rgb_array` or None.

    `reset(options=...)` takes `weather`, `condition` and `places`: two or more (x, y, z) to lead the route through.
    """

    metadata = {"render_modes": ["rgb_array"], "render_fps": 20}  # noqa: RUF012 - Gymnasium's own contract

    def __init__(
        self,
        host: str = "127.0.0.1",
        port: int | None = None,
        map_name: str | None = None,
        action_type: str = "waypoints",
        rgb: bool = True,
        seg: bool = False,
        depth: bool = False,
        width_px: int = 256,
        height_px: int = 144,
        fov_deg: float = 100.0,
        route_length_m: float = 300.0,
        min_turns: int = 0,
        traffic_vehicles: int = 0,
        traffic_walkers: int = 0,
        weather: Sequence[float] | Mapping[str, float] | None = None,
        condition: str = "clear-day",
        fixed_delta_s: float = 0.05,
        max_steps: int = 2000,
        terminate_on_red_light: bool = False,
        seed: int = 0,
        render_mode: str | None = None,
    ) -> None:
        if render_mode not in (None, *self.metadata["render_modes"]):
            raise ValueError(f"render_mode is {render_mode!r}, allowed None or 'rgb_array'")
        if max_steps < 1:
            raise ValueError(f"max_steps is {max_steps}, allowed >= 1")
        wanted = {"rgb": rgb or render_mode is not None, "seg": seg, "depth_m": depth}
        self._modalities = [name for name, is_wanted in wanted.items() if is_wanted]
        self._simulator = SimulatorConfig(
            host=host,
            port=port,
            map_name=map_name,
            fixed_delta_s=fixed_delta_s,
            seed=seed,
            rendering=bool(self._modalities),
        )
        self._camera = CameraSpec(width_px=width_px, height_px=height_px, fov_deg=fov_deg)
        self._rgb, self._seg = rgb, seg
        self._action_type = action_type
        self._route_length_m, self._min_turns = route_length_m, min_turns
        self._traffic_size = (traffic_vehicles, traffic_walkers)
        self._weather, self._condition = weather, condition
        self._max_steps = max_steps
        self._reward_config = RewardConfig()
        self._termination = Termination(TerminationConfig(on_red_light=terminate_on_red_light))
        self.render_mode = render_mode
        self.observation_space = observation_space(width_px, height_px, rgb, seg)
        self.action_space = action_space(action_type)
        self._session: Session | None = None

    @property
    def session(self) -> Session:
        """The simulator session; it exists after the first `reset`."""
        if self._session is None:
            raise gymnasium.error.ResetNeeded("call reset() before using the environment")
        return self._session

    @property
    def camera_id(self) -> int:
        """Actor id of the rgb camera of this episode.

        Raises:
            KeyError: there is none.
        """
        return self._rig.actor_id("rgb")

    @property
    def camera(self) -> CameraSpec:
        """The camera that all pictures are seen with."""
        return self._camera

    @property
    def modalities(self) -> tuple[str, ...]:
        """What `info["frame"]` holds: `rgb`, `seg`, `depth_m`."""
        return tuple(self._modalities)

    @property
    def camera_size_px(self) -> tuple[int, int]:
        """Width and height of the pictures."""
        return self._camera.width_px, self._camera.height_px

    @property
    def vehicle_ids(self) -> tuple[int, ...]:
        """Actor ids of the ego vehicle and of the traffic of this episode."""
        traffic = () if self._traffic is None else tuple(vehicle.id for vehicle in self._traffic.vehicles)
        return (self._vehicle.id, *traffic)

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
        """Begins an episode; the same seed gives the same episode."""
        super().reset(seed=seed)
        options = options if options is not None else {}
        self._open_session()
        session = self.session
        weather = options.get("weather", self._weather)
        self._episode_condition = str(options.get("condition", self._condition))
        if weather is not None:
            session.set_weather(weather)
        episode_seed = int(self.np_random.integers(2**31))
        self._start(np.random.default_rng(episode_seed), episode_seed, options.get("places"))
        frame_id = session.frame_id
        for _ in range(_SETTLE_TICKS):
            session.apply(self._vehicle, Control(brake=1.0))
            frame_id = session.tick()
        self._termination.reset()
        self._controller.reset()
        self._steps, self._front_m = 0, 0.0
        self._control = Control()
        self._observe(frame_id)
        return observation_from(self._frame, self._rgb, self._seg), {"frame": self._frame}

    def step(self, action: np.ndarray) -> tuple[dict[str, np.ndarray], float, bool, bool, dict[str, Any]]:
        """One tick of the simulator."""
        session = self.session
        if self._action_type == "control":
            control = control_from(action)
        else:
            control = self._controller.control(plan_from(action), self._frame.speed_mps)
        session.apply(self._vehicle, control)
        frame_id = session.tick()
        steer_change, before_m = control.steer - self._control.steer, self._progress.distance_m
        self._control = control
        self._observe(frame_id)
        self._steps += 1
        progress, speed_mps = self._progress, self._frame.speed_mps
        ran_red = self._count_red_lights()
        # Events of the tick just made may still be under way; those before it have all arrived.
        collisions = len(self._collisions.take(before_frame_id=frame_id))
        reason = self._termination.check(
            self._simulator.fixed_delta_s,
            speed_mps,
            progress.lateral_m,
            progress.remaining_m,
            collisions > 0,
            ran_red > 0,
        )
        facts = StepFacts(
            progress_m=progress.distance_m - before_m,
            lateral_m=progress.lateral_m,
            speed_mps=speed_mps,
            wanted_mps=self._vehicle.get_speed_limit() / 3.6,
            steer_change=steer_change,
            collisions=collisions,
            red_lights=ran_red,
            finished=reason == "finished",
        )
        terms = reward_terms(facts, self._reward_config)
        info = {
            "frame": self._frame,
            "reward_terms": terms,
            "termination": reason,
            "completion": progress.completion,
            "collisions": collisions,
            "red_lights": ran_red,
        }
        observation = observation_from(self._frame, self._rgb, self._seg)
        truncated = reason is None and self._steps >= self._max_steps
        return observation, float(sum(terms.values())), reason is not None, truncated, info

    def render(self) -> np.ndarray | None:  # type: ignore[override]
        """The last rgb picture, or None without a render mode."""
        return self._frame.rgb.copy() if self.render_mode == "rgb_array" else None

    def close(self) -> None:
        """Ends the session and, if it was started here, the server."""
        if self._session is not None:
            self._session.close()
            self._session = None

    def _open_session(self) -> None:
        if self._session is not None:
            try:
                self._session.reset()
                return
            except ServerLost:
                if self._session.server is None or not self._session.can_be_replaced:
                    raise
                self.close()
        self._session = Session.open(self._simulator)
        self._planner = RoutePlanner(self._session.map)
        self._session.reset()  # connecting took some ticks; clouds and lights move with the clock

    def _start(self, rng: np.random.Generator, seed: int, places: Sequence[Sequence[float]] | None) -> None:
        session = self.session
        self._vehicle, self._route = self._spawn_on_route(rng, places)
        self._nose_m = self._vehicle.bounding_box.extent.x
        self._progress = RouteProgress(self._route)
        self._signals = RouteSignals(session.world, self._route)
        self._controller = WaypointController(session.config.fixed_delta_s, controller_config(self._vehicle))
        self._collisions = CollisionSensor(session, self._vehicle)
        vehicles, walkers = self._traffic_size
        self._traffic: Traffic | None = None
        if vehicles or walkers:
            start = self._route.points_m[0]
            clear = [(float(start[0]), float(start[1]))]
            self._traffic = Traffic(session, TrafficConfig(vehicles, walkers, seed), clear)
        self._rig = SensorRig(session, self._vehicle, cameras(self._camera, self._modalities))

    def _spawn_on_route(
        self, rng: np.random.Generator, places: Sequence[Sequence[float]] | None
    ) -> tuple[carla.Vehicle, Route]:
        session = self.session
        blueprint = "vehicle.tesla.model3"
        if places is not None:
            route = self._planner.plan(places)
            return session.spawn(blueprint, start_pose(route), {"role_name": "hero"}), route
        poses = session.map.get_spawn_points()
        for k in rng.permutation(len(poses))[:_START_ATTEMPTS]:
            at = poses[k].location
            try:
                route = self._planner.random_route(
                    rng, self._route_length_m, (at.x, at.y, at.z), self._min_turns, attempts=20
                )
                return session.spawn(blueprint, poses[k], {"role_name": "hero"}), route
            except (SpawnFailed, ValueError) as error:
                last = error
        raise SpawnFailed(f"no start found for a route of {self._route_length_m:g} m: {last}") from last

    def _observe(self, frame_id: int) -> None:
        images = self._rig.gather(frame_id) if self._modalities else {}
        ego = VehicleState.read(self.session.snapshot(), self._vehicle.id)
        self._progress.update(ego.x_m, ego.y_m)
        self._frame = frame_from(ego, images, self._progress, self._control, self._episode_condition)

    def _count_red_lights(self) -> int:
        before_m, self._front_m = self._front_m, self._progress.distance_m + self._nose_m
        return sum(
            light.actor.get_state() == carla.TrafficLightState.Red
            for light in self._signals.lights
            if before_m < light.line_m <= self._front_m
        )
