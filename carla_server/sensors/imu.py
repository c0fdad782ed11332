"""Inertial measurement unit: what an accelerometer, a gyroscope and a compass would show."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import msgpack
import numpy as np

from carla_server.dynamics.spec import GRAVITY_MPS2
from carla_server.sensors.motion import motion_of
from carla_server.sensors.noise import gaussian, read_numbers
from carla_server.world.actors import Sensor
from carla_server.world.poses import rotation_matrix

if TYPE_CHECKING:
    from carla_server.world.world import World

_STDDEV = (
    "noise_accel_stddev_x",
    "noise_accel_stddev_y",
    "noise_accel_stddev_z",
    "noise_gyro_stddev_x",
    "noise_gyro_stddev_y",
    "noise_gyro_stddev_z",
)
_GYRO_BIAS = ("noise_gyro_bias_x", "noise_gyro_bias_y", "noise_gyro_bias_z")


def compass_rad(yaw_rad: float) -> float:
    """Heading against north, radians in [0, 2 pi): 0 is north (-y of the world), growing clockwise."""
    return (yaw_rad + 0.5 * math.pi) % (2.0 * math.pi)


def measure_imu(world: World, sensor: Sensor, gravity_mps2: float = GRAVITY_MPS2) -> bytes:
    """Body of one measurement of `sensor.other.imu`.

    The accelerometer shows acceleration minus gravity in the sensor's frame (+9.81 m/s^2 along z at rest), as in
    CARLA's documentation, "IMU sensor".

    Args:
        world: after its tick.
        sensor: the unit; its noise attributes are read.
        gravity_mps2: what it feels at rest.

    Returns:
        msgpack of [accelerometer (m/s^2), gyroscope (rad/s), compass (rad)].
    """
    motion = motion_of(world, sensor)
    into_sensor = rotation_matrix(*sensor.pose[3:]).T
    noise = gaussian(world, sensor, read_numbers(sensor.attributes, _STDDEV))
    felt = motion.acceleration_mps2 + np.array((0.0, 0.0, gravity_mps2))
    accelerometer = into_sensor @ felt + noise[:3]
    gyroscope = into_sensor @ motion.angular_velocity_radps + read_numbers(sensor.attributes, _GYRO_BIAS) + noise[3:]
    body = [accelerometer.tolist(), gyroscope.tolist(), compass_rad(math.radians(sensor.pose[4]))]
    return msgpack.packb(body, use_single_float=True)
