"""The drawn roads: asphalt, sidewalks with kerbs, verges (paint is in `markings`, land in `terrain`)."""

from __future__ import annotations

import numpy as np

from carla_server.roads.ground import CELL_M, TERRAIN_DROP_M, GroundRaster
from carla_server.roads.lane_strips import LaneStrip
from carla_server.roads.mesh import Material, MeshBuilder
from carla_server.roads.raster import dilated
from carla_server.semantics import SemanticTag

ASPHALT_RGB = (0.150, 0.149, 0.150)
PARKING_RGB = (0.165, 0.165, 0.165)
BIKING_RGB = (0.20, 0.115, 0.10)
SHOULDER_RGB = (0.145, 0.143, 0.14)
PAVING_RGB = (0.37, 0.36, 0.345)
KERB_RGB = (0.47, 0.465, 0.45)
GRASS_RGB = (0.20, 0.27, 0.10)

KERB_TOP_M = 0.18
"""Width of the kerb stone."""

SKIRT_M = 0.12
"""How deep vertical faces reach under the road or the grass."""

APRON_M = 0.7
VERGE_M = 1.4
FILL_REACH_M = 2.0
FILL_BELOW_M = 0.008
"""Asphalt between a junction's lanes lies this much under them."""


def ribbon(inner_m: np.ndarray, outer_m: np.ndarray) -> np.ndarray:
    """Two triangles for each pair of neighbouring cross-sections, (6 (N - 1), 3), facing up for (left, right)."""
    a, b, c, d = inner_m[:-1], inner_m[1:], outer_m[1:], outer_m[:-1]
    return np.stack([a, b, c, a, c, d], axis=1).reshape(-1, 3)


def _upward(triangles: np.ndarray) -> np.ndarray:
    """Unit normals that point up, one for each vertex."""
    corners = triangles.reshape(-1, 3, 3)
    normals = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    normals *= np.where(normals[:, 2:] < 0, -1.0, 1.0)
    length = np.linalg.norm(normals, axis=1, keepdims=True)
    normals = np.where(length > 1e-9, normals / np.maximum(length, 1e-9), (0.0, 0.0, 1.0))
    return np.repeat(normals, 3, axis=0)


def add_upward(builder: MeshBuilder, triangles: np.ndarray, color, material: Material, tag: int) -> None:
    """Add triangles that are seen from above, whatever their winding, with world x, y as texture metres."""
    flat = triangles.reshape(-1, 3)
    uv = np.mod(flat[:, :2], 512.0)
    builder.triangles(flat, color, material, tag, normals=_upward(flat), uv_m=uv)


def _add_wall(builder: MeshBuilder, low_m: np.ndarray, high_m: np.ndarray, away: np.ndarray) -> None:
    """A kerb's upright face; `away` (N, 3) points from the sidewalk to the side from which it is seen."""
    triangles = ribbon(low_m, high_m)
    normal = np.stack([away[:-1], away[1:], away[1:], away[:-1], away[1:], away[:-1]], axis=1).reshape(-1, 3)
    normal = normal / np.maximum(np.linalg.norm(normal, axis=1, keepdims=True), 1e-9)
    builder.triangles(triangles, KERB_RGB, Material.CONCRETE, SemanticTag.SIDEWALKS, normals=normal)


def _raise(points: np.ndarray, height_m: float) -> np.ndarray:
    return points + np.array([0.0, 0.0, height_m])


def _add_raised(builder: MeshBuilder, strip: LaneStrip, ground: GroundRaster) -> None:
    """A sidewalk or median: slab, kerb stones, upright faces, and a grass bank where the outer side is terrain."""
    top_in, top_out = _raise(strip.inner_m, strip.raised_m), _raise(strip.outer_m, strip.raised_m)
    across = strip.outer_m - strip.inner_m
    width = np.maximum(np.linalg.norm(across, axis=1, keepdims=True), 1e-6)
    outward = across / width
    step = outward * np.minimum(KERB_TOP_M, 0.25 * width)
    tag = SemanticTag.SIDEWALKS if strip.kind != "median" else SemanticTag.GROUND
    add_upward(builder, ribbon(top_in + step, top_out - step), PAVING_RGB, Material.PAVING, tag)
    add_upward(builder, ribbon(top_in, top_in + step), KERB_RGB, Material.CONCRETE, tag)
    add_upward(builder, ribbon(top_out - step, top_out), KERB_RGB, Material.CONCRETE, tag)
    _add_wall(builder, _raise(strip.inner_m, -SKIRT_M), top_in, -across)
    _add_wall(builder, _raise(strip.outer_m, -SKIRT_M), top_out, across)
    if strip.road.junction_id >= 0:  # the lanes' edge rarely meets a corner's kerb: asphalt up to it
        apron = ribbon(_raise(strip.inner_m, -FILL_BELOW_M), _raise(strip.inner_m - outward * APRON_M, -FILL_BELOW_M))
        add_upward(builder, apron, ASPHALT_RGB, Material.ASPHALT, SemanticTag.ROADS)
    for end, sign in ((0, -1.0), (-1, 1.0)):
        along = (strip.inner_m[1] - strip.inner_m[0]) if end == 0 else (strip.inner_m[-1] - strip.inner_m[-2])
        low = np.stack([_raise(strip.inner_m[end], -SKIRT_M), _raise(strip.outer_m[end], -SKIRT_M)])
        _add_wall(builder, low, np.stack([top_in[end], top_out[end]]), np.tile(sign * along, (2, 1)))
    foot = strip.outer_m + outward * VERGE_M
    probe = strip.outer_m + outward * 0.6
    free = ground.tag(probe[:, 0], probe[:, 1]) == SemanticTag.TERRAIN
    free &= ground.tag(foot[:, 0], foot[:, 1]) == SemanticTag.TERRAIN
    free &= ~ground.on_deck(*strip.outer_m.T)
    keep = np.repeat(free[:-1] & free[1:], 6)
    foot[:, 2] = ground.road_height_m(foot[:, 0], foot[:, 1]) - TERRAIN_DROP_M - 0.06
    bank = ribbon(_raise(strip.outer_m, strip.raised_m - 0.015), foot)[keep]
    add_upward(builder, bank, GRASS_RGB, Material.GRASS, SemanticTag.TERRAIN)


def _add_filled(builder: MeshBuilder, ground: GroundRaster) -> None:
    """Asphalt under and round the raster's filled cells, quads of half a metre by up to four.

    It reaches well under the lanes: the tips of a gap are narrower than a cell.
    """
    sheet = dilated(ground.filled, int(FILL_REACH_M / CELL_M)) & (ground.tags == SemanticTag.ROADS)
    even = sheet[: sheet.shape[0] // 2 * 2, : sheet.shape[1] // 2 * 2]
    blocks = even[::2, ::2] | even[1::2, ::2] | even[::2, 1::2] | even[1::2, 1::2]
    rows, columns = np.nonzero(blocks)
    if len(rows) == 0:
        return
    breaks = (np.diff(rows) != 0) | (np.diff(columns) != 1)
    starts = np.r_[0, np.nonzero(breaks)[0] + 1]
    ends = np.r_[starts[1:], len(rows)]
    pieces = [(a, min(a + 8, e)) for s, e in zip(starts, ends, strict=True) for a in range(s, e, 8)]
    first, last = np.array(pieces).T
    side = 2 * CELL_M
    x0 = ground.bounds_m[0] + columns[first] * side
    x1 = ground.bounds_m[0] + (columns[last - 1] + 1) * side
    y0 = ground.bounds_m[1] + rows[first] * side
    y1 = y0 + side
    corners = []
    for x, y in ((x0, y0), (x1, y0), (x1, y1), (x0, y1)):
        corners.append(np.stack([x, y, ground.road_height_m(x, y) - FILL_BELOW_M], axis=-1))
    a, b, c, d = corners
    triangles = np.stack([a, b, c, a, c, d], axis=1)
    add_upward(builder, triangles, ASPHALT_RGB, Material.ASPHALT, SemanticTag.ROADS)


def add_surface(builder: MeshBuilder, strips: list[LaneStrip], ground: GroundRaster) -> None:
    """Add everything of the roads but paint.

    Args:
        builder: receives the triangles.
        strips: every lane of the map.
        ground: raster of the same lanes; tells where kerbs meet grass.
    """
    looks = {
        "parking": (PARKING_RGB, Material.CONCRETE),
        "biking": (BIKING_RGB, Material.ASPHALT),
        "shoulder": (SHOULDER_RGB, Material.ASPHALT),
    }
    for strip in strips:
        if strip.is_raised:
            _add_raised(builder, strip, ground)
        else:
            kind = strip.kind if strip.road.junction_id < 0 else "driving"
            color, material = looks.get(kind, (ASPHALT_RGB, Material.ASPHALT))
            triangles = ribbon(strip.inner_m, strip.outer_m)
            add_upward(builder, triangles, color, material, SemanticTag.ROADS)
    _add_filled(builder, ground)
