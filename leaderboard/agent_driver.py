"""`AgentDriver`: an agent written for the CARLA Leaderboard drives in our evaluation.

It keeps the call order of the official evaluator: constructor, `set_global_plan`, `setup`, `sensors`, then one call
per tick, then `destroy`. Whatever the agent does wrong ends its drive with the status word of the official record.
"""

from __future__ import annotations

import contextlib
import math
import sys
import traceback
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import carla
from agents.navigation.local_planner import RoadOption
from srunner.scenariomanager.carla_data_provider import CarlaDataProvider
from srunner.scenariomanager.timer import GameTime

from carla_agents.driving.route import Route
from carla_agents.simulator.errors import SensorTimeout, ServerLost, SimulatorError
from carla_agents.simulator.frame import Control
from carla_agents.simulator.session import Session
from carla_agents.simulator.vehicle_state import VehicleState
from leaderboard.agent_augmentation import CameraAugmentation
from leaderboard.agent_loading import load_agent_class, takes_only_a_path
from leaderboard.agent_process import AgentProcess
from leaderboard.autoagents.agent_wrapper import AgentError, AgentWrapper, AgentWrapperFactory
from leaderboard.autoagents.sensor_rules import MAX_RADIUS_M, SENSOR_ICONS, check_sensors
from leaderboard.drive import DriverFailed, DriveView
from leaderboard.envs.sensor_interface import SensorConfigurationInvalid, SensorReceivedNoData
from leaderboard.time_limit import TimeLimit, TimeLimitExceeded
from leaderboard.utils.route_manipulation import _get_latlon_ref, location_route_to_gps

SETUP_FAILED = "Failed - Agent couldn't be set up"
CRASHED = "Failed - Agent crashed"
SENSORS_INVALID = "Failed - Agent's sensors were invalid"

Interface = Literal["1.0", "2.x", "bench2drive"]

_SPACING_M: dict[str, float] = {"1.0": 50.0, "2.x": 200.0, "bench2drive": 50.0}
_BENCH2DRIVE_RADIUS_M = 100.0


@dataclass(frozen=True)
class AgentConfig:
    """How an agent is made and what it may do."""

    agent_path: Path
    """Python file with `get_entry_point()`."""
    agent_config: str = ""
    """Handed to `setup`."""
    track: str = "SENSORS"
    """Which sensors are allowed; COLLECTION also allows labels and depth."""
    interface: Interface = "2.x"
    """Whose conventions: 1.0 and bench2drive thin the plan to 50 m, bench2drive also allows sensors 100 m away and
    adds the drive's name to `agent_config`."""
    debug: bool = False
    """Handed to the constructor."""
    timeout_s: float = 300.0
    """How long the agent may take to be set up, and for one step."""
    sensor_timeout_s: float = 10.0
    """How long the agent's sensors may take for one frame."""
    agent_python: Path | None = None
    """Interpreter, or folder of an environment, in which the agent runs; None: in this process."""


class AgentDriver:
    """A `leaderboard.drive.Driver` around a third party's agent.

    Args:
        config: which agent and its limits.
        augmentation: shows the agent's cameras under another condition; only in track COLLECTION.

    Attributes:
        save_name: names the drive for agents of Bench2Drive.
        prepare: called at the beginning of each drive, before the agent is made.
        sensor_icons: words for the agent's sensors once it was set up, for the result file; None before.
        metric_info: what `get_metric_info` said in every tick of the last drive (see `leaderboard.bench2drive`).

    Raises:
        AgentFileError: the file cannot be used.
        ValueError: augmentation outside track COLLECTION.
    """

    def __init__(self, config: AgentConfig, augmentation: CameraAugmentation | None = None) -> None:
        if augmentation is not None and config.track != "COLLECTION":
            raise ValueError(f"augmentation is off in track {config.track}; only track COLLECTION allows it")
        self.config = config
        self.save_name = ""
        self.prepare: Callable[[Session], None] | None = None
        self.sensor_icons: list[str] | None = None
        self.metric_info: list[dict[str, Any]] = []
        self._augmentation = augmentation
        self._class: type | None = None
        self._process: AgentProcess | None = None
        if config.agent_python is None:
            self._class = load_agent_class(config.agent_path)
        else:
            self._process = AgentProcess(
                config.agent_python,
                config.agent_path,
                config.timeout_s,
                metric=config.interface == "bench2drive",
            )
        self._agent: Any = None
        self._wrapper: AgentWrapper | None = None
        self._session: Session | None = None

    def camera(self) -> None:
        """None: the agent brings its own sensors."""
        return None

    def begin(self, session: Session, ego: carla.Vehicle, route: Route, seed: int) -> None:
        """Make the agent, give it its route and put its sensors on the vehicle.

        Raises:
            DriverFailed: the agent raised, hung or asked for what it may not have.
        """
        self.end()
        self._session = session
        self.metric_info = []
        if self.prepare is not None:
            self.prepare(session)
        plan = plan_of(route)
        _fill_data_provider(session, ego, plan)
        try:
            with TimeLimit(self.config.timeout_s, "the agent's set-up"):
                if self._process is not None:
                    self._process.begin(session.config.host, session.config.port or 0, ego.id, plan)
                sensors = self._set_up(session, plan)
            self._put_sensors(session, ego, sensors, seed)
        except (DriverFailed, SimulatorError):
            raise
        except Exception as error:
            self._raise_if_simulator_lost(error)
            raise self._failed(SETUP_FAILED, error) from error

    def control(self, view: DriveView) -> Control:
        """One decision of the agent.

        Raises:
            DriverFailed: the agent raised, hung, or returned what is no control.
            SensorTimeout: a sensor of the agent stayed silent.
            ServerLost: the simulator died meanwhile; the agent is not to blame.
            AgentKilled: somebody killed the agent's process.
        """
        if self._wrapper is None or self._session is None:
            raise RuntimeError("call begin() before control()")
        GameTime.on_carla_tick(self._session.snapshot().timestamp)
        CarlaDataProvider.on_carla_tick()
        try:
            with TimeLimit(self.config.timeout_s, "one step of the agent"):
                control = self._wrapper()
                if self.config.interface == "bench2drive":
                    self.metric_info.append(self._agent.get_metric_info())
            return checked_control(control)
        except SensorReceivedNoData as error:
            raise SensorTimeout("of the agent", view.state.frame_id, str(error)) from error
        except (AgentError, TimeLimitExceeded) as error:
            self._raise_if_simulator_lost(error)
            raise self._failed(CRASHED, error) from error

    def picture_account(self) -> dict[str, int] | None:
        """What became of the cameras' pictures since the drive began; None without augmentation."""
        return None if self._augmentation is None else self._augmentation.totals().as_record()

    def end(self) -> None:
        """Destroy the agent and its sensors; safe to call twice."""
        if self._augmentation is not None:
            self._augmentation.end()
        if self._wrapper is not None and self._session is not None:
            with contextlib.suppress(RuntimeError):  # the simulator may be gone, and the sensors with it
                self._session.destroy(self._wrapper.actors())
        self._wrapper = None
        agent, self._agent = self._agent, None
        if agent is not None:
            try:
                agent.destroy()
            except Exception as error:
                print(f"the agent's destroy() raised {type(error).__name__}: {error}", file=sys.stderr)

    def close(self) -> None:
        """End the agent's own process, if it has one; `begin` would start it anew."""
        self.end()
        if self._process is not None:
            self._process.close()

    def _set_up(self, session: Session, plan: list[tuple[carla.Transform, RoadOption]]) -> list[dict[str, Any]]:
        config = self.config
        setup_text = config.agent_config
        if config.interface == "bench2drive":
            setup_text = f"{setup_text}+{self.save_name}"
        make, by_path = self._maker()
        if by_path:
            self._agent = make(setup_text)
        else:
            self._agent = make(session.config.host, session.config.port, config.debug)
        self._agent.plan_spacing_m = _SPACING_M["1.0" if by_path else config.interface]
        gps = location_route_to_gps(plan, *_get_latlon_ref(session.map))
        self._agent.set_global_plan(gps, plan)
        if not by_path:
            self._agent.setup(setup_text)
        sensors = list(self._agent.sensors())
        radius_m = _BENCH2DRIVE_RADIUS_M if config.interface == "bench2drive" else MAX_RADIUS_M
        try:
            check_sensors(sensors, self._agent.track, config.track, radius_m)
        except SensorConfigurationInvalid as error:
            raise DriverFailed(SENSORS_INVALID, str(error)) from error
        self.sensor_icons = [SENSOR_ICONS[sensor["type"]] for sensor in sensors]
        return sensors

    def _maker(self) -> tuple[Callable[..., Any], bool]:
        """What makes the agent, and whether it is made as in Leaderboard 1.0."""
        if self._process is not None:
            return self._process.make, self._process.takes_only_a_path
        if self._class is None:
            raise RuntimeError("an AgentDriver has a class or a process")
        return self._class, takes_only_a_path(self._class)

    def _put_sensors(
        self, session: Session, ego: carla.Vehicle, sensors: Sequence[dict[str, Any]], seed: int
    ) -> None:
        interface = self._agent.sensor_interface
        interface.queue_timeout_s = self.config.sensor_timeout_s
        self._wrapper = AgentWrapperFactory.get_wrapper(self._agent)
        companions: list[dict[str, Any]] = []
        if self._augmentation is not None:
            companions = self._augmentation.begin(
                sensors, seed, lambda: VehicleState.read(session.snapshot(), ego.id)
            )
            interface.after = self._augmentation
        self._wrapper.setup_sensors(ego, [*sensors, *companions])
        session.adopt(self._wrapper.actors())
        # A real server's sensors need a few ticks before each of them answers every tick; ours answer at once.
        for _ in range(2 if session.server_info.is_ours else 10):
            session.apply(ego, Control(brake=1.0))
            session.tick()
        GameTime.restart()

    def _raise_if_simulator_lost(self, error: BaseException) -> None:
        """An agent that asks a dead simulator is not to blame for the answer."""
        server = self._session.server if self._session is not None else None
        if (server is not None and not server.is_alive()) or "time-out of" in str(error):
            raise ServerLost(f"the simulator was lost while the agent was at work: {error}") from error

    def _failed(self, status: str, error: BaseException) -> DriverFailed:
        traceback.print_exception(error)
        return DriverFailed(status, f"{type(error).__name__}: {error}")


def plan_of(route: Route) -> list[tuple[carla.Transform, RoadOption]]:
    """A route as agents know it: one (transform, RoadOption) about every metre."""
    return [
        (
            carla.Transform(carla.Location(float(x), float(y), float(z)), carla.Rotation(yaw=math.degrees(yaw_rad))),
            RoadOption(int(command)),
        )
        for (x, y, z), yaw_rad, command in zip(route.points_m, route.yaw_rad, route.commands, strict=True)
    ]


def checked_control(control: Any) -> Control:
    """The agent's answer as a `Control`.

    Raises:
        AgentError: it is no `carla.VehicleControl`, or holds a number that is not finite.
    """
    if not isinstance(control, carla.VehicleControl):
        raise AgentError(f"run_step returned {type(control).__name__}, expected carla.VehicleControl")
    numbers = {"steer": control.steer, "throttle": control.throttle, "brake": control.brake}
    for name, value in numbers.items():
        if not math.isfinite(value):
            raise AgentError(f"run_step returned a control whose {name} is {value}")
    return Control(
        steer=min(max(control.steer, -1.0), 1.0),
        throttle=min(max(control.throttle, 0.0), 1.0),
        brake=min(max(control.brake, 0.0), 1.0),
        reverse=bool(control.reverse),
        hand_brake=bool(control.hand_brake),
    )


def _fill_data_provider(session: Session, ego: carla.Vehicle, plan: list[tuple[carla.Transform, RoadOption]]) -> None:
    CarlaDataProvider.cleanup()
    CarlaDataProvider.set_client(session.client)
    CarlaDataProvider.set_world(session.world)
    CarlaDataProvider.register_actor(ego, ego.get_transform())
    CarlaDataProvider.set_ego_route(plan)
    GameTime.restart()
