"""`AgentWrapper`: puts an agent's sensors on the vehicle and calls the agent."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import carla
from srunner.scenariomanager.carla_data_provider import CarlaDataProvider

from augment.online.synthesis import SynthesisFailed
from carla_agents.simulator.errors import SimulatorError
from leaderboard.autoagents.sensor_rules import MAX_RADIUS_M, PSEUDO_SENSORS, blueprint_attributes, check_sensors
from leaderboard.envs.sensor_interface import CallBack, OpenDriveMapReader, SensorReceivedNoData, SpeedometerReader

MAX_ALLOWED_RADIUS_SENSOR = MAX_RADIUS_M


class AgentError(Exception):
    """The agent raised, or returned what is no control."""


class AgentKilled(SimulatorError):
    """The agent's own process was killed by SIGKILL: by a user, a batch system or for want of memory.

    As when the simulator dies, the drive has no outcome and is to be driven again.
    """


class TickRuntimeError(Exception):
    """A drive took more ticks than Bench2Drive allows."""


def validate_sensor_configuration(
    sensors: Sequence[Mapping[str, Any]], agent_track: Any, selected_track: Any
) -> None:
    """Refuse a sensor suite that the track does not allow; see `sensor_rules.check_sensors`."""
    check_sensors(sensors, agent_track, selected_track)


class AgentWrapper:
    """Owns the sensors of one agent.

    Args:
        agent: an `AutonomousAgent`.
    """

    def __init__(self, agent: Any) -> None:
        self._agent = agent
        self._sensors_list: list[Any] = []

    @staticmethod
    def validate_sensor_configuration(
        sensors: Sequence[Mapping[str, Any]], agent_track: Any, selected_track: Any
    ) -> None:
        """As the function of this name; agents of Leaderboard 1.0 look for it here."""
        validate_sensor_configuration(sensors, agent_track, selected_track)

    def __call__(self) -> carla.VehicleControl:
        """One decision of the agent.

        Raises:
            AgentError: the agent raised.
            SensorReceivedNoData: a sensor stayed silent; that is not the agent's fault.
            SynthesisFailed: no variant of a picture could be made; that is not the agent's fault either.
            AgentKilled: somebody killed the agent's process.
        """
        try:
            return self._agent()
        except (SensorReceivedNoData, SynthesisFailed, AgentKilled):
            raise
        except Exception as error:
            raise AgentError(f"{type(error).__name__}: {error}") from error

    def setup_sensors(self, vehicle: carla.Vehicle, sensors: Sequence[Mapping[str, Any]] | None = None) -> None:
        """Spawn the sensors on the vehicle and listen.

        Args:
            sensors: what to spawn; what the agent's `sensors()` returns if None.
        """
        for spec in self._agent.sensors() if sensors is None else sensors:
            kind, name, pose, attributes = self._preprocess_sensor_spec(spec)
            sensor: Any
            if kind == "sensor.opendrive_map":
                sensor = OpenDriveMapReader(vehicle, float(spec.get("reading_frequency", 1.0)))
            elif kind == "sensor.speedometer":
                sensor = SpeedometerReader(vehicle, float(spec.get("reading_frequency", 20.0)))
            else:
                sensor = _spawn(vehicle, kind, pose, attributes)
            self._sensors_list.append(sensor)
            sensor.listen(CallBack(name, kind, sensor, self._agent.sensor_interface))

    def cleanup(self) -> None:
        """Stop and destroy the sensors."""
        for sensor in self._sensors_list:
            sensor.stop()
            sensor.destroy()
        self._sensors_list = []

    def actors(self) -> list[carla.Actor]:
        """The sensors that are actors of the simulator."""
        return [sensor for sensor in self._sensors_list if isinstance(sensor, carla.Actor)]

    def _preprocess_sensor_spec(
        self, sensor_spec: Mapping[str, Any]
    ) -> tuple[str, str, carla.Transform, dict[str, str]]:
        kind, name = str(sensor_spec["type"]), str(sensor_spec["id"])
        pose = carla.Transform()
        if kind not in PSEUDO_SENSORS:
            pose = carla.Transform(
                carla.Location(*(float(sensor_spec[axis]) for axis in ("x", "y", "z"))),
                carla.Rotation(**{angle: float(sensor_spec.get(angle, 0.0)) for angle in ("pitch", "yaw", "roll")}),
            )
        return kind, name, pose, blueprint_attributes(sensor_spec)


class AgentWrapperFactory:
    """Chooses the wrapper of an agent."""

    @staticmethod
    def get_wrapper(agent: Any) -> AgentWrapper:
        """The wrapper.

        Raises:
            AgentError: the agent wants a ROS bridge, which is not part of this package.
        """
        version = agent.get_ros_version() if hasattr(agent, "get_ros_version") else -1
        if version != -1:
            raise AgentError(
                f"the agent asks for ROS {version}; this evaluator has no ROS bridge, use the official Leaderboard"
            )
        return AgentWrapper(agent)


def _spawn(vehicle: carla.Vehicle, kind: str, pose: carla.Transform, attributes: Mapping[str, str]) -> carla.Sensor:
    world = CarlaDataProvider.get_world()
    blueprint = world.get_blueprint_library().find(kind)
    for name, value in attributes.items():
        blueprint.set_attribute(name, value)
    return world.spawn_actor(blueprint, pose, attach_to=vehicle)
