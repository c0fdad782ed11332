"""`AutonomousAgent`: the class that every agent of the CARLA Leaderboard derives from, and the tracks.

The interface is that of Leaderboard 2.x; what agents of Leaderboard 1.0 (`__init__(path_to_conf_file)`) and of
Bench2Drive (`hero_actor`, `get_metric_info`) also rely on is there too.
"""

from __future__ import annotations

from collections.abc import Sequence
from enum import Enum
from typing import Any

import carla
from srunner.scenariomanager.carla_data_provider import CarlaDataProvider
from srunner.scenariomanager.timer import GameTime

from leaderboard.envs.sensor_interface import SensorInterface
from leaderboard.utils.route_manipulation import downsample_route


class Track(Enum):
    """What an agent may use. COLLECTION is ours: it also allows labels and depth and is never an official score."""

    SENSORS = "SENSORS"
    MAP = "MAP"
    SENSORS_QUALIFIER = "SENSORS_QUALIFIER"
    MAP_QUALIFIER = "MAP_QUALIFIER"
    COLLECTION = "COLLECTION"


class AutonomousAgent:
    """Base class of agents; override `setup`, `sensors` and `run_step`.

    Args:
        carla_host: address of the simulator. With `carla_port` left out it is taken for the configuration path of
            Leaderboard 1.0, and `setup` is called with it.
        carla_port: RPC port of the simulator.
        debug: whether the evaluator runs in debug mode.

    Attributes:
        track: which sensors the agent means to use.
        sensor_interface: where the sensors' data come together.
        wallclock_t0: when the first step began, None before.
        hero_actor: the ego vehicle, known from `set_global_plan` on.
    """

    plan_spacing_m = 200.0
    """Distance at most between points of the plan: 200 in Leaderboard 2.x, 50 in 1.0 and Bench2Drive."""

    def __init__(self, carla_host: str, carla_port: int | None = None, debug: bool = False) -> None:
        self.track = Track.SENSORS
        self._global_plan: list[tuple[dict[str, float], Any]] | None = None
        self._global_plan_world_coord: list[tuple[carla.Transform, Any]] | None = None
        self._plan_gps_HACK: list[tuple[dict[str, float], Any]] | None = None
        self.sensor_interface = SensorInterface()
        self.wallclock_t0: Any = None
        self.hero_actor: carla.Vehicle | None = None
        if carla_port is None:
            self.setup(carla_host)

    def setup(self, path_to_conf_file: str) -> None:
        """Read the configuration, load weights, set `self.track`."""

    def sensors(self) -> list[dict[str, Any]]:
        """The sensors that the agent wants, one dictionary each: type, id, x, y, z, roll, pitch, yaw and, for a
        camera, width, height, fov."""
        return []

    def run_step(self, input_data: dict[str, tuple[int, Any]], timestamp: float) -> carla.VehicleControl:
        """One decision.

        Args:
            input_data: sensor id -> (frame, data).
            timestamp: simulated seconds since the drive began.
        """
        return carla.VehicleControl()

    def destroy(self) -> None:
        """Free what `setup` took."""

    def __call__(self) -> carla.VehicleControl:
        """Wait for the sensors of the tick under way, then decide."""
        input_data = self.sensor_interface.get_data(GameTime.get_frame())
        if self.wallclock_t0 is None:
            self.wallclock_t0 = GameTime.get_wallclocktime()
        control = self.run_step(input_data, GameTime.get_time())
        control.manual_gear_shift = False
        return control

    @staticmethod
    def get_ros_version() -> int:
        """-1: no ROS."""
        return -1

    def set_global_plan(
        self,
        global_plan_gps: Sequence[tuple[dict[str, float], Any]],
        global_plan_world_coord: Sequence[tuple[carla.Transform, Any]],
    ) -> None:
        """The route, thinned out to the points that matter.

        Args:
            global_plan_gps: ({lat, lon, z}, RoadOption), about one a metre.
            global_plan_world_coord: (transform, RoadOption) of the same points.
        """
        kept = downsample_route(global_plan_world_coord, self.plan_spacing_m)
        self._global_plan_world_coord = [global_plan_world_coord[i] for i in kept]
        self._global_plan = [global_plan_gps[i] for i in kept]
        self._plan_gps_HACK = list(global_plan_gps)
        self.hero_actor = CarlaDataProvider.get_hero_actor()

    def get_metric_info(self) -> dict[str, list[float]]:
        """What Bench2Drive's comfort is computed from, in the simulator's units; empty without a vehicle."""
        hero = self.hero_actor
        if hero is None:
            return {}
        pose, acceleration, turning = hero.get_transform(), hero.get_acceleration(), hero.get_angular_velocity()
        forward, right = pose.get_forward_vector(), pose.get_right_vector()
        return {
            "acceleration": [acceleration.x, acceleration.y, acceleration.z],
            "angular_velocity": [turning.x, turning.y, turning.z],
            "forward_vector": [forward.x, forward.y, forward.z],
            "right_vector": [right.x, right.y, right.z],
            "location": [pose.location.x, pose.location.y, pose.location.z],
            "rotation": [pose.rotation.roll, pose.rotation.pitch, pose.rotation.yaw],
        }
