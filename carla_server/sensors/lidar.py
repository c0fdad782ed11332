"""Rotating lidars: `sensor.lidar.ray_cast` and `sensor.lidar.ray_cast_semantic`.

Each tick sweeps on by `rotation_frequency * horizontal_fov * delta`, with `points_per_second * delta` rays spread
over the channels, so a full turn takes several measurements where the tick is shorter than the turn. As in CARLA, a
lidar with a `sensor_tick` still sweeps one tick's share a measurement, and only rays that meet something make points.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from carla_server.rays.scene import RayHits, RayScene
from carla_server.sensors.noise import generator
from carla_server.sensors.ranges import Range, read_ranges
from carla_server.wire.point_clouds import LIDAR_POINT_DTYPE, SEMANTIC_POINT_DTYPE, pack_lidar
from carla_server.wire.stream import Buffer
from carla_server.world.actors import Sensor
from carla_server.world.poses import rotation_matrix

if TYPE_CHECKING:
    from carla_server.world.world import World

_MOST_RAYS = 4_000_000
"""Rays of one measurement; what is asked beyond is left out."""

_BEAMS = {
    "channels": Range(1, 1024),
    "points_per_second": Range(0, 1e9),
    "range": Range(0.01, 10_000),
    "rotation_frequency": Range(0, 1e5),
    "upper_fov": Range(-90, 90),
    "lower_fov": Range(-90, 90),
    "horizontal_fov": Range(0.01, 360),
}
_LOSSES = {
    "atmosphere_attenuation_rate": Range(0, 1e3),
    "dropoff_general_rate": Range(0, 1),
    "dropoff_intensity_limit": Range(0, 1),
    "dropoff_zero_intensity": Range(0, 1),
    "noise_stddev": Range(0, 1e3),
}


class Lidar:
    """One lidar and how far it has turned.

    Args:
        sensor: its attributes are read here, once.
        scene: answers its rays.

    Raises:
        InvalidArgument: an attribute is out of range.
    """

    def __init__(self, sensor: Sensor, scene: RayScene) -> None:
        self._scene = scene
        self._semantic = sensor.family == "lidar_semantic"
        beams = read_ranges(sensor, _BEAMS)
        self._losses = {} if self._semantic else read_ranges(sensor, _LOSSES)
        self._range_m = beams["range"]
        self._rays_per_s = beams["points_per_second"]
        self._turns_per_s = beams["rotation_frequency"]
        self._fov_deg = beams["horizontal_fov"]
        self._angle_deg = 0.0
        channels = int(beams["channels"])
        # The first channel looks up to `upper_fov`, the last down to `lower_fov`.
        self._pitch_rad = np.radians(np.linspace(beams["upper_fov"], beams["lower_fov"], channels))

    def measure(self, world: World, sensor: Sensor) -> list[list[Buffer]]:
        """One measurement: the body of what is swept in the last tick."""
        channels = len(self._pitch_rad)
        wanted = min(self._rays_per_s * world.last_delta_s, _MOST_RAYS)
        rays = math.floor(wanted / channels + 0.5)
        beams = self._beams(rays, world.last_delta_s)
        kept = np.ones(channels * rays, bool)
        random = None
        if not self._semantic:
            random = generator(world, sensor)
            kept = random.random(channels * rays) >= self._losses["dropoff_general_rate"]
        cast = np.flatnonzero(kept)
        turn = rotation_matrix(*sensor.pose[3:]).astype(np.float32)
        directions = beams[cast] @ turn.T
        hits = self._scene.cast(world, np.array(sensor.pose[:3]), directions, self._range_m)
        found = np.flatnonzero(hits.found)
        if random is None:
            points = self._semantic_points(hits, found, beams[cast], directions)
        else:
            points, found = self._points(hits, found, beams[cast], random)
        counts = np.bincount(cast[found] // max(rays, 1), minlength=channels)
        return [pack_lidar(math.radians(self._angle_deg), counts, points)]

    def _beams(self, rays: int, delta_s: float) -> np.ndarray:
        """(channels * rays, 3) float32 directions in the sensor's frame, channel by channel; turns the lidar on."""
        swept_deg = self._turns_per_s * self._fov_deg * delta_s
        steps_deg = np.arange(rays) * (swept_deg / max(rays, 1))
        yaw = np.radians((self._angle_deg + steps_deg) % self._fov_deg - self._fov_deg / 2.0)
        self._angle_deg = (self._angle_deg + swept_deg) % self._fov_deg
        level, rise = np.cos(self._pitch_rad)[:, None], np.sin(self._pitch_rad)[:, None]
        beams = np.empty((len(self._pitch_rad), rays, 3), np.float32)
        beams[..., 0], beams[..., 1], beams[..., 2] = level * np.cos(yaw), level * np.sin(yaw), rise
        return beams.reshape(-1, 3)

    def _points(
        self, hits: RayHits, found: np.ndarray, beams: np.ndarray, random: np.random.Generator
    ) -> tuple[np.ndarray, np.ndarray]:
        """Points that survive the air, and which of the rays they belong to."""
        losses = self._losses
        distance_m = hits.distance_m[found].astype(np.float64)
        intensity = np.exp(-losses["atmosphere_attenuation_rate"] * distance_m)
        limit, at_zero = losses["dropoff_intensity_limit"], losses["dropoff_zero_intensity"]
        # From 1 - at_zero for no intensity to 1 for the limit; nothing is lost above it.
        chance = 1.0 - at_zero * (1.0 - intensity / max(limit, 1e-12))
        survives = (intensity > limit) | (random.random(len(hits.distance_m))[found] < chance)
        if losses["noise_stddev"] > 0.0:
            distance_m += random.normal(0.0, losses["noise_stddev"], len(hits.distance_m))[found]
        found = found[survives]
        points = np.empty(len(found), LIDAR_POINT_DTYPE)
        points["position_m"] = beams[found] * distance_m[survives, None]
        points["intensity"] = intensity[survives]
        return points, found

    def _semantic_points(
        self, hits: RayHits, found: np.ndarray, beams: np.ndarray, directions: np.ndarray
    ) -> np.ndarray:
        points = np.empty(len(found), SEMANTIC_POINT_DTYPE)
        points["position_m"] = beams[found] * hits.distance_m[found, None]
        points["cos_incidence"] = -np.einsum("nk,nk->n", hits.normal[found], directions[found])
        points["actor_id"] = hits.actor_id[found]
        points["tag"] = hits.tag[found]
        return points
