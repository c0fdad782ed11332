"""Writes the walkers' navigation mesh: sidewalks and crosswalks as one Detour tile in CARLA's `.bin` container.

Source: recastnavigation's `DetourNavMesh.h` (tile version 7) and its `MSET` sample container, the format that the
CARLA client loads. Two rules were found by trial: polygons need Detour's positive winding, else random points fall
into one polygon only; triangles of the detail mesh need their boundary flags, else the client crashes.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from carla_server.roads.lane_strips import LaneStrip
from carla_server.roads.markings import crosswalk_quads_m
from carla_server.roads.opendrive import OpenDrive
from carla_server.roads.spans import LEVEL_GAP_M

SIDEWALK_AREA, CROSSWALK_AREA = (1, 0x02), (2, 0x04)
"""(area id, flag) as in CARLA's client."""

INSET_M = 0.35
"""Distance of the mesh from kerbs and walls: a walker's radius."""

WELD_M = 0.06
"""Corners nearer than this are one vertex."""

MAX_GAP_M = 3.0
"""A crosswalk that ends farther than this from any sidewalk is left out."""

RAMP_M = 0.3
MAX_VERTICES = 60_000
MAX_POLYGONS = 32_000


@dataclass
class _Path:
    """A sidewalk as two polylines with the same number of points."""

    inner_m: np.ndarray
    outer_m: np.ndarray


def _sidewalk_paths(strips: list[LaneStrip]) -> list[_Path]:
    paths = []
    for strip in strips:
        if strip.kind not in ("sidewalk", "walking"):
            continue
        across = strip.outer_m - strip.inner_m
        width = np.maximum(np.linalg.norm(across, axis=1, keepdims=True), 1e-6)
        inset = across / width * np.minimum(INSET_M, 0.3 * width)
        up = np.array([0.0, 0.0, strip.raised_m])
        paths.append(_Path(strip.inner_m + inset + up, strip.outer_m - inset + up))
    return paths


def _nearest(edge_m: np.ndarray, point: np.ndarray) -> tuple[float, float]:
    """(distance, fractional index) of the point's projection on a polyline, in the plane."""
    start, step = edge_m[:-1, :2], np.diff(edge_m[:, :2], axis=0)
    square = np.maximum((step**2).sum(1), 1e-12)
    part = np.clip(((point[:2] - start) * step).sum(1) / square, 0.0, 1.0)
    distance = np.linalg.norm(start + part[:, None] * step - point[:2], axis=1)
    best = int(np.argmin(distance))
    return float(distance[best]), best + float(part[best])


def _insert(path: _Path, where: float) -> int:
    """Add a cross-section at a fractional index unless one is there; returns its index."""
    low = int(np.floor(where))
    part = where - low
    length = np.linalg.norm(path.inner_m[min(low + 1, len(path.inner_m) - 1)] - path.inner_m[low])
    if part * length < 2 * WELD_M:
        return low
    if (1 - part) * length < 2 * WELD_M:
        return low + 1
    for name in ("inner_m", "outer_m"):
        edge = getattr(path, name)
        setattr(path, name, np.insert(edge, low + 1, edge[low] * (1 - part) + edge[low + 1] * part, axis=0))
    return low + 1


def _dock(paths: list[_Path], end_m: np.ndarray) -> np.ndarray | None:
    """Cut the sidewalk nearest to a crosswalk's end so that both share an edge; returns that edge, (2, 3)."""
    middle = end_m.mean(axis=0)
    candidates = []
    for index, path in enumerate(paths):
        for name in ("inner_m", "outer_m"):
            edge = getattr(path, name)
            reach = np.abs(edge[:, :2] - middle[:2]).min(axis=0)
            if reach.max() < MAX_GAP_M + 5.0 and np.abs(edge[:, 2] - middle[2]).min() < LEVEL_GAP_M:
                candidates.append((_nearest(edge, middle)[0], index, name))
    if not candidates:
        return None
    distance, index, name = min(candidates)
    if distance > MAX_GAP_M:
        return None
    path = paths[index]
    first, second = (_nearest(getattr(path, name), point)[1] for point in end_m)
    low, high = min(first, second), max(first, second)
    high_index = _insert(path, high)
    before = len(path.inner_m)
    low_index = _insert(path, low)
    high_index += len(path.inner_m) - before
    if high_index != low_index + 1:
        low_index = high_index - 1
    if low_index < 0:
        return None
    edge = getattr(path, name)[[low_index, high_index]]
    return edge if first <= second else edge[::-1]


def _crosswalk_polygons(paths: list[_Path], corners: np.ndarray) -> list[np.ndarray]:
    """A ramp, the crossing at road height and another ramp, each (4, 3)."""
    a, b, c, d = corners
    across_ab = np.linalg.norm(b - a) + np.linalg.norm(d - c)
    across_bc = np.linalg.norm(c - b) + np.linalg.norm(a - d)
    ends = (np.array([a, d]), np.array([b, c])) if across_ab > across_bc else (np.array([a, b]), np.array([d, c]))
    docks = [_dock(paths, end) for end in ends]
    if docks[0] is None or docks[1] is None:
        return []
    along = (ends[1] - ends[0]) / np.maximum(np.linalg.norm(ends[1] - ends[0], axis=1, keepdims=True), 1e-6)
    feet = []
    for dock, end, sign in ((docks[0], ends[0], 1.0), (docks[1], ends[1], -1.0)):
        foot = dock + sign * along * (INSET_M + RAMP_M)
        foot[:, 2] = end[:, 2]
        feet.append(foot)
    chain = [docks[0], feet[0], feet[1], docks[1]]
    return [np.array([p[0], p[1], q[1], q[0]]) for p, q in pairwise(chain)]


class _Welder:
    """Numbers vertices; corners within `WELD_M` get the same number."""

    def __init__(self) -> None:
        self.vertices: list[np.ndarray] = []
        self._cells: dict[tuple[int, int], list[int]] = {}

    def number(self, point: np.ndarray) -> int:
        column, row = int(np.floor(point[0] / 0.5)), int(np.floor(point[1] / 0.5))
        for cell in ((column + i, row + j) for i in (-1, 0, 1) for j in (-1, 0, 1)):
            for index in self._cells.get(cell, ()):
                other = self.vertices[index]
                if (
                    max(abs(other[0] - point[0]), abs(other[1] - point[1])) < WELD_M
                    and abs(other[2] - point[2]) < 0.5
                ):
                    return index
        self.vertices.append(point)
        self._cells.setdefault((column, row), []).append(len(self.vertices) - 1)
        return len(self.vertices) - 1


def _convex_counter_clockwise(points: np.ndarray) -> np.ndarray | None:
    """The polygon in Detour's winding, or None if it is too small or not convex."""
    following, next_but_one = np.roll(points, -1, axis=0), np.roll(points, -2, axis=0)
    one, two = following - points, next_but_one - following
    turns = one[:, 0] * two[:, 1] - one[:, 1] * two[:, 0]
    area = (points[:, 0] * following[:, 1] - following[:, 0] * points[:, 1]).sum() / 2
    if abs(area) < 0.02 or (turns * np.sign(area) < -1e-4).any():
        return None
    return points[::-1] if area > 0 else points


def _polygons(opendrive: OpenDrive, strips: list[LaneStrip]) -> tuple[np.ndarray, list[tuple[list[int], tuple]]]:
    paths = _sidewalk_paths(strips)
    crossings = []
    for road_id in sorted(opendrive.roads):
        for corners in crosswalk_quads_m(opendrive.roads[road_id]):
            crossings.append(corners)
    docked = [polygon for corners in crossings for polygon in _crosswalk_polygons(paths, corners)]
    welder = _Welder()
    found = []
    quads = [(quad, CROSSWALK_AREA) for quad in docked]
    for path in paths:
        for i in range(len(path.inner_m) - 1):
            ring = [path.inner_m[i], path.inner_m[i + 1], path.outer_m[i + 1], path.outer_m[i]]
            quads.append((np.array(ring), SIDEWALK_AREA))
    for corners, area in quads:
        ordered = _convex_counter_clockwise(corners)
        if ordered is None:
            continue
        indices = [welder.number(point) for point in ordered]
        if len(set(indices)) == len(indices):
            found.append((indices, area))
    return np.array(welder.vertices).reshape(-1, 3), found


def build_navmesh(opendrive: OpenDrive, strips: list[LaneStrip]) -> bytes:
    """Navigation mesh of a map.

    Returns:
        Bytes of CARLA's `.bin` file; empty if the map has no sidewalk or more of them than one tile holds.
    """
    vertices, polygons = _polygons(opendrive, strips)
    if not polygons or len(vertices) > MAX_VERTICES or len(polygons) > MAX_POLYGONS:
        return b""
    return pack_navmesh(vertices, polygons)


def pack_navmesh(vertices_m: np.ndarray, polygons: list[tuple[list[int], tuple[int, int]]]) -> bytes:
    """Pack convex polygons as an `MSET` file with one tile.

    Args:
        vertices_m: (V, 3) float64 world positions, V <= 65535.
        polygons: (vertex indices in Detour's winding, (area, flag)), at most six indices each.
    """
    owners: dict[frozenset[int], list[int]] = {}
    for number, (indices, _) in enumerate(polygons):
        for first, second in zip(indices, indices[1:] + indices[:1], strict=True):
            owners.setdefault(frozenset((first, second)), []).append(number)
    records, details, triangles, edges, triangle_count = [], [], [], 0, 0
    for number, (indices, (area, flag)) in enumerate(polygons):
        count = len(indices)
        neighbours = []
        for first, second in zip(indices, indices[1:] + indices[:1], strict=True):
            others = [other for other in owners[frozenset((first, second))] if other != number]
            neighbours.append(others[0] + 1 if others else 0)
        edges += count
        pad = [0] * (6 - count)
        records.append(struct.pack("<I6H6HHBB", 0xFFFFFFFF, *indices, *pad, *neighbours, *pad, flag, count, area))
        details.append(struct.pack("<IIBBxx", 0, triangle_count, 0, count - 2))
        for k in range(1, count - 1):
            boundary = (1 if k == 1 else 0) | 4 | (16 if k + 1 == count - 1 else 0)
            triangles.append(struct.pack("<4B", 0, k, k + 1, boundary))
            triangle_count += 1
    detour = np.asarray(vertices_m, np.float32)[:, [0, 2, 1]]  # x, up, y
    low = (detour.min(0) - np.array([1, 2, 1], np.float32)).tolist()
    high = (detour.max(0) + np.array([1, 4, 1], np.float32)).tolist()
    links = 2 * edges + 16
    header = struct.pack(
        "<4s14i3f3f3ff",
        b"VAND",
        *(7, 0, 0, 0, 0, len(polygons), len(detour), links, len(polygons), 0, triangle_count, 0, 0, len(polygons)),
        *(1.8, 0.3, 0.3),
        *low,
        *high,
        1.0,
    )
    tile = header + detour.astype("<f4").tobytes() + b"".join(records) + bytes(12 * links)
    tile += b"".join(details) + b"".join(triangles)
    max_polygons = 1 << max(len(polygons) - 1, 1).bit_length()
    span = (high[0] - low[0], high[2] - low[2])
    container = struct.pack("<4sii", b"TESM", 1, 1) + struct.pack("<3fffii", *low, *span, 1, max_polygons)
    reference = 1 << (max_polygons - 1).bit_length()
    return container + struct.pack("<Ii", reference, len(tile)) + tile
