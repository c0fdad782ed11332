"""Walls along the edges of roads, as CARLA builds them round a world made from OpenDRIVE text alone."""

from __future__ import annotations

import numpy as np

from carla_server.roads.ground import GroundRaster
from carla_server.roads.lane_strips import LaneStrip
from carla_server.roads.mesh import Material, MeshBuilder
from carla_server.roads.surface import ribbon
from carla_server.roads.town import Box
from carla_server.semantics import SemanticTag

THICKNESS_M = 0.2
FOOT_M = 0.3
"""How deep a wall reaches into the ground."""

PROBE_M = 0.6
WALL_RGB = (0.55, 0.54, 0.52)


def add_walls(
    builder: MeshBuilder, strips: list[LaneStrip], ground: GroundRaster, height_m: float
) -> tuple[Box, ...]:
    """Stand a wall on every outer road edge that meets open land, outside junctions.

    Args:
        builder: receives the faces.
        height_m: of the walls over the road.

    Returns:
        One box for each piece of wall, for vehicles to collide with.
    """
    outermost: dict[tuple[int, float, int], LaneStrip] = {}
    for strip in strips:
        if strip.road.junction_id < 0:
            key = (strip.road.road_id, strip.section.s_m, 1 if strip.lane_id > 0 else -1)
            if key not in outermost or abs(strip.lane_id) > abs(outermost[key].lane_id):
                outermost[key] = strip
    boxes: list[Box] = []
    for strip in outermost.values():
        across = strip.outer_m - strip.inner_m
        across[:, 2] = 0.0
        outward = across / np.maximum(np.linalg.norm(across, axis=1, keepdims=True), 1e-9)
        probe = strip.outer_m + PROBE_M * outward
        open_land = ground.tag(probe[:, 0], probe[:, 1]) == SemanticTag.TERRAIN
        open_land &= ~ground.on_deck(strip.outer_m[:, 0], strip.outer_m[:, 1], strip.outer_m[:, 2])  # parapets
        keep = open_land[:-1] & open_land[1:]
        if not keep.any():
            continue
        up, down = np.array([0.0, 0.0, height_m]), np.array([0.0, 0.0, -FOOT_M])
        near, far = strip.outer_m, strip.outer_m + THICKNESS_M * outward
        faces = ((near + down, near + up, -outward), (far + down, far + up, outward), (near + up, far + up, None))
        for low, high, facing in faces:
            normal = np.tile((0.0, 0.0, 1.0), (len(near), 1)) if facing is None else facing
            order = [normal[:-1], normal[1:], normal[1:], normal[:-1], normal[1:], normal[:-1]]
            normals = np.stack(order, axis=1)[keep].reshape(-1, 3)
            triangles = ribbon(low, high).reshape(-1, 6, 3)[keep].reshape(-1, 3)
            builder.triangles(triangles, WALL_RGB, Material.CONCRETE, SemanticTag.WALLS, normals=normals)
        middle = (near + far) / 2
        for index in np.flatnonzero(keep):
            boxes.append(_piece(middle[index], middle[index + 1], height_m))
    return tuple(boxes)


def _piece(start_m: np.ndarray, end_m: np.ndarray, height_m: float) -> Box:
    along = end_m - start_m
    center = (start_m + end_m) / 2
    half_length = float(np.hypot(along[0], along[1])) / 2
    yaw = float(np.rad2deg(np.arctan2(along[1], along[0])))
    x, y, z = (float(value) for value in center)
    return Box((x, y, z + height_m / 2), (half_length, THICKNESS_M / 2, height_m / 2), yaw)
