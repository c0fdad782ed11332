"""Radar: `sensor.other.radar`, rays scattered over an elliptic cone.

Velocities are CARLA's: the speed at which the distance grows, so what approaches has a negative one. Source: CARLA's
`Radar.cpp`, where the other's velocity less the sensor's is projected on the ray.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from carla_server.rays.scene import RayScene
from carla_server.sensors.motion import motion_of
from carla_server.sensors.noise import generator
from carla_server.sensors.ranges import Range, read_ranges
from carla_server.wire.point_clouds import RADAR_DETECTION_DTYPE
from carla_server.wire.stream import Buffer
from carla_server.world.actors import Sensor
from carla_server.world.poses import rotation_matrix

if TYPE_CHECKING:
    from carla_server.world.world import World

_MOST_RAYS = 1_000_000
_ATTRIBUTES = {
    "horizontal_fov": Range(0.01, 179),
    "vertical_fov": Range(0.01, 179),
    "range": Range(0.01, 10_000),
    "points_per_second": Range(0, 1e9),
}
_ROUNDING = 1e-6


class Radar:
    """One radar.

    Args:
        sensor: its attributes are read here, once.
        scene: answers its rays.

    Raises:
        InvalidArgument: an attribute is out of range.
    """

    def __init__(self, sensor: Sensor, scene: RayScene) -> None:
        self._scene = scene
        values = read_ranges(sensor, _ATTRIBUTES)
        self._range_m = values["range"]
        self._rays_per_s = values["points_per_second"]
        self._half_width = math.tan(math.radians(values["horizontal_fov"]) / 2.0)
        self._half_height = math.tan(math.radians(values["vertical_fov"]) / 2.0)

    def measure(self, world: World, sensor: Sensor) -> list[list[Buffer]]:
        """One measurement: velocity, azimuth, altitude and depth of what the rays of the last tick met."""
        count = int(min(self._rays_per_s * world.last_delta_s + _ROUNDING, _MOST_RAYS))
        random = generator(world, sensor)
        radius, angle = random.random(count), random.uniform(0.0, 2.0 * math.pi, count)
        beams = np.ones((count, 3))
        beams[:, 1] = self._half_width * radius * np.cos(angle)
        beams[:, 2] = self._half_height * radius * np.sin(angle)
        length = np.linalg.norm(beams, axis=1)
        beams /= length[:, None]
        directions = beams @ rotation_matrix(*sensor.pose[3:]).T
        # CARLA's rays end on a plane at the range ahead, so slanted ones are longer.
        hits = self._scene.cast(
            world, np.array(sensor.pose[:3]), directions, self._range_m * float(length.max(initial=1.0))
        )
        found = np.flatnonzero(hits.distance_m <= self._range_m * length)
        detections = np.empty(len(found), RADAR_DETECTION_DTYPE)
        relative_mps = _velocities(world, hits.actor_id[found]) - motion_of(world, sensor).velocity_mps
        detections["velocity_mps"] = np.einsum("nk,nk->n", relative_mps, directions[found])
        detections["azimuth_rad"] = np.arctan2(beams[found, 1], beams[found, 0])
        detections["altitude_rad"] = np.arcsin(beams[found, 2])
        detections["depth_m"] = hits.distance_m[found]
        return [[detections.tobytes()]]


def _velocities(world: World, actor_ids: np.ndarray) -> np.ndarray:
    """(N, 3) velocities of actors; zero for what does not move."""
    velocities = np.zeros((len(actor_ids), 3))
    for fleet in (world.vehicles, world.walkers):
        if not len(fleet) or not len(actor_ids):
            continue
        order = np.argsort(fleet.actor_ids)
        row = order[np.minimum(np.searchsorted(fleet.actor_ids, actor_ids, sorter=order), len(fleet) - 1)]
        own = fleet.actor_ids[row] == actor_ids
        velocities[own] = fleet.velocity_mps[row[own]]
    return velocities
