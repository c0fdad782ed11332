"""`SensorInterface`: what every sensor said about one frame, or an error; never two frames mixed.

Data arrive on the client's threads; `get_data` waits for all sensors of exactly one frame. The pseudo-sensors
(speedometer, OpenDRIVE map) are read at that moment, without a thread of their own, so a drive can be repeated.
"""

from __future__ import annotations

import copy
import math
import queue
import time
from collections.abc import Callable
from typing import Any

import carla
import numpy as np
from srunner.scenariomanager.carla_data_provider import CarlaDataProvider


class SensorConfigurationInvalid(Exception):
    """The agent asks for sensors that its track does not allow."""


class SensorReceivedNoData(Exception):
    """A sensor stayed silent; the message names it."""


class GenericMeasurement:
    """What a pseudo-sensor measured in a frame."""

    def __init__(self, data: Any, frame: int) -> None:
        self.data = data
        self.frame = frame


class BaseReader:
    """A pseudo-sensor: it reads the client instead of the simulator's streams.

    Args:
        vehicle: what it reads.
        reading_frequency: accepted and not needed: it is read once per frame.
    """

    def __init__(self, vehicle: carla.Vehicle, reading_frequency: float = 1.0) -> None:
        self._vehicle = vehicle
        self._reading_frequency = reading_frequency
        self._callback: Callable[[Any], None] | None = None

    def __call__(self) -> Any:
        """The present reading."""
        raise NotImplementedError

    def listen(self, callback: Callable[[Any], None]) -> None:
        """Kept for agents that attach readers by themselves."""
        self._callback = callback

    def stop(self) -> None:
        self._callback = None

    def destroy(self) -> None:
        self._callback = None


class SpeedometerReader(BaseReader):
    """Forward speed of the vehicle."""

    def __call__(self) -> dict[str, float]:
        """`{"speed": m/s along the heading}`."""
        velocity, rotation = self._vehicle.get_velocity(), self._vehicle.get_transform().rotation
        yaw, pitch = math.radians(rotation.yaw), math.radians(rotation.pitch)
        forward = (math.cos(pitch) * math.cos(yaw), math.cos(pitch) * math.sin(yaw), math.sin(pitch))
        return {"speed": velocity.x * forward[0] + velocity.y * forward[1] + velocity.z * forward[2]}


class OpenDriveMapReader(BaseReader):
    """The map as OpenDRIVE text."""

    def __init__(self, vehicle: carla.Vehicle, reading_frequency: float = 1.0) -> None:
        super().__init__(vehicle, reading_frequency)
        self._opendrive: str | None = None

    def __call__(self) -> dict[str, str]:
        """`{"opendrive": text}`; asked for once per drive."""
        if self._opendrive is None:
            self._opendrive = CarlaDataProvider.get_map().to_opendrive()
        return {"opendrive": self._opendrive}


class CallBack:
    """Turns what a sensor sends into arrays and hands it to the interface.

    Args:
        tag: the sensor's id.
        sensor_type: its blueprint id.
        sensor: the actor or reader.
        data_provider: the interface; the sensor is registered with it.
    """

    def __init__(self, tag: str, sensor_type: str, sensor: Any, data_provider: SensorInterface) -> None:
        self._tag = tag
        self._data_provider = data_provider
        data_provider.register_sensor(tag, sensor_type, sensor)

    def __call__(self, data: Any) -> None:
        """Called by the client for each measurement."""
        self._data_provider.update_sensor(self._tag, to_array(data), data.frame)


def to_array(data: Any) -> Any:
    """A measurement as agents get it.

    Returns:
        Image: (H, W, 4) uint8 BGRA. Lidar: (N, 4) float32 x, y, z, intensity. Radar: (N, 4) float32 depth, altitude,
        azimuth, velocity. GNSS: (3,) float64 latitude, longitude, altitude. IMU: (7,) float64 acceleration,
        angular velocity, compass. A pseudo-sensor: what it read.

    Raises:
        TypeError: a kind of measurement that agents cannot have.
    """
    if isinstance(data, carla.Image):
        return np.frombuffer(data.raw_data, dtype=np.uint8).reshape(data.height, data.width, 4).copy()
    if isinstance(data, carla.LidarMeasurement):
        return np.frombuffer(data.raw_data, dtype=np.float32).reshape(-1, 4).copy()
    if isinstance(data, carla.RadarMeasurement):
        # The stream holds velocity, altitude, azimuth, depth.
        return np.frombuffer(data.raw_data, dtype=np.float32).reshape(-1, 4)[:, ::-1].copy()
    if isinstance(data, carla.GnssMeasurement):
        return np.array([data.latitude, data.longitude, data.altitude], dtype=np.float64)
    if isinstance(data, carla.IMUMeasurement):
        acceleration, turning = data.accelerometer, data.gyroscope
        six = [acceleration.x, acceleration.y, acceleration.z, turning.x, turning.y, turning.z]
        return np.array([*six, data.compass], dtype=np.float64)
    if isinstance(data, GenericMeasurement):
        return data.data
    raise TypeError(f"agents cannot have a measurement of type {type(data).__name__}")


class SensorInterface:
    """Gathers one frame of all registered sensors.

    Attributes:
        queue_timeout_s: how long to wait for a frame.
        after: called with (frame, data) when a frame is complete; what it returns is what the agent sees. None leaves
            the data as they are.
    """

    def __init__(self) -> None:
        self._sensors_objects: dict[str, Any] = {}
        self._new_data_buffers: queue.Queue[tuple[str, int, Any]] = queue.Queue()
        self.queue_timeout_s = 10.0
        self.after: Callable[[int, dict[str, tuple[int, Any]]], dict[str, tuple[int, Any]]] | None = None

    def register_sensor(self, tag: str, sensor_type: str, sensor: Any) -> None:
        """Announce a sensor.

        Raises:
            SensorConfigurationInvalid: the tag is taken.
        """
        if tag in self._sensors_objects:
            raise SensorConfigurationInvalid(f"two sensors have the id {tag!r}; ids must be unique")
        self._sensors_objects[tag] = sensor

    def update_sensor(self, tag: str, data: Any, frame: int) -> None:
        """Hand in what a sensor measured in a frame; any thread may call this.

        Raises:
            SensorConfigurationInvalid: nobody registered the tag.
        """
        if tag not in self._sensors_objects:
            raise SensorConfigurationInvalid(f"no sensor has the id {tag!r}")
        self._new_data_buffers.put((tag, frame, data))

    def get_data(self, frame: int) -> dict[str, tuple[int, Any]]:
        """Everything about one frame; data of other frames are dropped.

        Returns:
            id -> (frame, data), the data belonging to the caller.

        Raises:
            SensorReceivedNoData: a sensor stayed silent.
        """
        found: dict[str, tuple[int, Any]] = {}
        for tag, sensor in self._sensors_objects.items():
            if isinstance(sensor, BaseReader):
                found[tag] = (frame, copy.copy(sensor()))
        deadline_s = time.monotonic() + self.queue_timeout_s
        while len(found) < len(self._sensors_objects):
            try:
                left_s = deadline_s - time.monotonic()
                tag, of_frame, data = self._new_data_buffers.get(timeout=max(left_s, 0.001))
            except queue.Empty:
                silent = sorted(set(self._sensors_objects) - set(found))
                raise SensorReceivedNoData(
                    f"no data of frame {frame} from {', '.join(silent)} within {self.queue_timeout_s:g} s"
                ) from None
            if of_frame == frame:
                found[tag] = (frame, data)
        ordered = {tag: found[tag] for tag in self._sensors_objects}
        return ordered if self.after is None else self.after(frame, ordered)
