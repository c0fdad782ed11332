"""One set of triangles in Embree, asked for the first thing along each ray."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from embreex.mesh_construction import TriangleMesh
from embreex.rtcore import EmbreeDevice
from embreex.rtcore_scene import EmbreeScene

from carla_server.rays.triangles import Triangles


class Crossings(NamedTuple):
    """What (N,) rays meet first; where `triangle` is -1 nothing is met and the rest means nothing.

    triangle: (N,) int32 row of the triangles.
    distance: (N,) float32, in lengths of the ray's direction.
    normal: (N, 3) float32, not normalised, on either side of the triangle.
    """

    triangle: np.ndarray
    distance: np.ndarray
    normal: np.ndarray


class TriangleCaster:
    """Answers rays; the acceleration structure is built with the first one.

    Attributes:
        tag, instance: (T + 1,) of the triangles; row -1 is that of nothing, 0.
        radius_m: nothing lies farther from the origin.
    """

    def __init__(self, device: EmbreeDevice, triangles: Triangles) -> None:
        self.tag = np.append(triangles.tag, np.uint8(0))
        self.instance = np.append(triangles.instance, np.uint16(0))
        self.radius_m = float(np.linalg.norm(triangles.corners_m, axis=2).max(initial=0.0))
        self._scene: EmbreeScene | None = None
        if len(triangles.tag):
            self._scene = EmbreeScene(device)
            self._mesh = TriangleMesh(self._scene, triangles.corners_m)

    def first(self, origin_m: np.ndarray, directions: np.ndarray, reach: np.ndarray) -> Crossings:
        """Cast rays from one point.

        Args:
            origin_m: (3,) start of all rays.
            directions: (N, 3).
            reach: (N,) how far to look, in lengths of the direction.
        """
        count = len(directions)
        if self._scene is None or not count:
            nothing = np.full(count, -1, np.int32)
            return Crossings(nothing, np.zeros(count, np.float32), np.zeros((count, 3), np.float32))
        origins = np.ascontiguousarray(np.broadcast_to(np.asarray(origin_m, np.float32), (count, 3)))
        found = self._scene.run(
            origins,
            np.ascontiguousarray(directions, np.float32),
            dists=np.ascontiguousarray(reach, np.float32),
            output=True,
        )
        return Crossings(found["primID"], found["tfar"], found["Ng"])
