"""Which sensors measure in a tick, and who computes what they send."""

from __future__ import annotations

from collections.abc import Callable, Container, Sequence
from typing import TYPE_CHECKING

import numpy as np

from carla_server.dynamics.spec import GRAVITY_MPS2
from carla_server.rays.scene import RayScene
from carla_server.sensors.camera import OUTPUTS_OF_FAMILY, CameraRig
from carla_server.sensors.collision import measure_collisions
from carla_server.sensors.gnss import measure_gnss
from carla_server.sensors.imu import measure_imu
from carla_server.sensors.lidar import Lidar
from carla_server.sensors.obstacle import measure_obstacle
from carla_server.sensors.picture_source import PictureSource
from carla_server.sensors.radar import Radar
from carla_server.sensors.relighting import RelitCondition
from carla_server.wire.stream import Buffer, pack_sensor_header
from carla_server.wire.structs import InvalidArgument
from carla_server.world.actors import Sensor
from carla_server.world.debug_shapes import DebugShapes

if TYPE_CHECKING:
    from carla_server.dynamics import Contact
    from carla_server.roads.town import Town
    from carla_server.world.world import World

_TIME_SLACK_S = 1e-6
_SCANNERS: dict[str, type[Lidar] | type[Radar]] = {"lidar": Lidar, "lidar_semantic": Lidar, "radar": Radar}


class SensorSuite:
    """All sensors of an episode.

    Attributes:
        rays: what lidars, radars and ray queries ask.
        debug_shapes: lines and texts that colour cameras show.
        camera_failure: why the cameras sent nothing in the last tick; empty if nothing was wrong.
        gravity_mps2: what inertial sensors feel at rest; a new episode begins with the standard.
    """

    def __init__(self, open_renderer: Callable[[Town], PictureSource] | None) -> None:
        self._cameras = CameraRig(open_renderer)
        self._sensors: dict[int, Sensor] = {}
        self._scanners: dict[int, Lidar | Radar] = {}
        self.rays = RayScene()
        self.debug_shapes = DebugShapes()
        self.camera_failure = ""
        self.gravity_mps2 = GRAVITY_MPS2

    def begin_episode(self, world: World) -> None:
        """Forget all sensors and follow the world to its new map."""
        self._sensors = {}
        self._scanners = {}
        self.debug_shapes = DebugShapes()
        self.gravity_mps2 = GRAVITY_MPS2
        self._cameras.enter(world.town)

    def scenery_changed(self, world: World) -> None:
        """Let the cameras see what the town has now; rays ask for it by themselves."""
        self._cameras.scenery_changed(world)

    def admit(self, world: World, sensor: Sensor) -> None:
        """Take a new sensor.

        Raises:
            InvalidArgument: it cannot be measured, e.g. a camera where no GL can be opened.
        """
        if sensor.family not in world.layout.sensor_type_ids:
            raise InvalidArgument(f"clients of version {world.layout.version} cannot read {sensor.type_id}")
        if sensor.family in OUTPUTS_OF_FAMILY:
            self._cameras.admit(world, sensor)
        elif sensor.family in _SCANNERS:
            self._scanners[sensor.actor_id] = _SCANNERS[sensor.family](sensor, self.rays)
            self.rays.prepare(world.town)
        self._sensors[sensor.actor_id] = sensor

    def dismiss(self, sensor: Sensor) -> None:
        """Forget a destroyed sensor."""
        del self._sensors[sensor.actor_id]
        self._scanners.pop(sensor.actor_id, None)
        self._cameras.dismiss(sensor)

    def weather_changed(self, world: World) -> None:
        """Prepare the cameras for a new weather."""
        self._cameras.weather_changed(world)

    def relight(self, sensor: Sensor, frame: int, conditions: Sequence[RelitCondition]) -> list[np.ndarray]:
        """The picture that a colour camera sent last, under other conditions; see `CameraRig.relight`."""
        return self._cameras.relight(sensor, frame, conditions)

    def measure(
        self, world: World, contacts: list[Contact], subscribed: Container[int]
    ) -> list[tuple[int, list[Buffer]]]:
        """Measure with every sensor that is due and listened to.

        Returns:
            (stream id, header and body) of each measurement, in order of the sensors' spawning.
        """
        due = [sensor for sensor in self._sensors.values() if sensor.stream_id in subscribed and _due(world, sensor)]
        self.camera_failure = ""
        out = self._measured(world, due, contacts) if due else []
        self.debug_shapes.end_tick(world.elapsed_s)
        return out

    def _measured(self, world: World, due: list[Sensor], contacts: list[Contact]) -> list[tuple[int, list[Buffer]]]:
        pictures = {}
        if not world.settings.no_rendering_mode:
            cameras = [sensor for sensor in due if sensor.family in OUTPUTS_OF_FAMILY]
            try:
                pictures = self._cameras.render(world, cameras)
            except InvalidArgument as error:  # the driver's fault: what is no camera measures all the same
                self.camera_failure = str(error)
        out: list[tuple[int, list[Buffer]]] = []
        for sensor in due:
            type_id = world.layout.sensor_type_ids[sensor.family]
            header = pack_sensor_header(type_id, world.frame, world.elapsed_s, sensor.pose)
            scanner = self._scanners.get(sensor.actor_id)
            bodies = scanner.measure(world, sensor) if scanner else _bodies(world, sensor, contacts, pictures)
            for body in bodies:
                out.append((sensor.stream_id, [header, *body]))
        return out


def _bodies(
    world: World, sensor: Sensor, contacts: list[Contact], pictures: dict[int, list[Buffer]]
) -> list[list[Buffer]]:
    """What a sensor sends in this tick: one body, or one for each event."""
    match sensor.family:
        case "imu":
            return [[measure_imu(world, sensor, world.sensors.gravity_mps2)]]
        case "gnss":
            return [[measure_gnss(world, sensor)]]
        case "collision":
            return [[body] for body in measure_collisions(world, sensor, contacts)]
        case "obstacle":
            return [[body] for body in measure_obstacle(world, sensor)]
    picture = pictures.get(sensor.actor_id)
    return [] if picture is None else [picture]


def _due(world: World, sensor: Sensor) -> bool:
    """Whether to measure now; measurements keep the rhythm of the first one that somebody listened to.

    A collision detector waits for no rhythm: CARLA tells every contact.
    """
    if sensor.family == "collision":
        return True
    if sensor.next_measurement_s is None:
        sensor.next_measurement_s = world.elapsed_s
    late_s = world.elapsed_s - sensor.next_measurement_s + _TIME_SLACK_S
    if late_s < 0.0:
        return False
    if sensor.tick_s > 0.0:
        sensor.next_measurement_s += (late_s // sensor.tick_s + 1.0) * sensor.tick_s
    return True
