"""How a sensor moves: what its vehicle or walker does at the place where the sensor sits."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from carla_server.world.actors import Sensor, Vehicle, Walker

if TYPE_CHECKING:
    from carla_server.world.world import World


@dataclass(frozen=True)
class Motion:
    """Motion of one point in the world frame.

    Attributes:
        velocity_mps: (3,) float64.
        acceleration_mps2: (3,) float64, without gravity.
        angular_velocity_radps: (3,) float64.
    """

    velocity_mps: np.ndarray
    acceleration_mps2: np.ndarray
    angular_velocity_radps: np.ndarray


AT_REST = Motion(np.zeros(3), np.zeros(3), np.zeros(3))


def motion_of(world: World, sensor: Sensor) -> Motion:
    """Motion at a sensor; a sensor that hangs on nothing that moves is at rest.

    Args:
        world: after its fleets have moved and its attached actors have followed.
        sensor: any sensor of the world.

    Returns:
        The carrier's motion moved to the sensor's place (centripetal term included, angular acceleration not).
    """
    carrier = world.actors.get(sensor.parent_id)
    while carrier is not None and not isinstance(carrier, Vehicle | Walker):
        carrier = world.actors.get(carrier.parent_id)
    if carrier is None:
        return AT_REST
    fleet = world.vehicles if isinstance(carrier, Vehicle) else world.walkers
    row = fleet.index_of(carrier.actor_id)
    spin = fleet.angular_velocity_radps[row]
    lever = np.asarray(sensor.pose[:3]) - fleet.position_m[row]
    turning = np.cross(spin, lever)
    return Motion(fleet.velocity_mps[row] + turning, fleet.acceleration_mps2[row] + np.cross(spin, turning), spin)
