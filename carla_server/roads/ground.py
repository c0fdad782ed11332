"""The town as a raster: height, slope, tag and speed limit of any point in a few array look-ups."""

from __future__ import annotations

import numpy as np

from carla_server.roads.height_field import HeightField
from carla_server.roads.lane_strips import LaneStrip
from carla_server.roads.opendrive import OpenDriveError
from carla_server.semantics import SemanticTag

CELL_M = 0.25
_CELLS_PER_M = 1.0 / CELL_M
MAX_CELLS = 24_000_000
SPLAT_STEP_M = 0.18
"""Spacing of the points that paint a lane into the raster; below the cell, so that few cells are missed."""

TERRAIN_DROP_M = 0.05
"""Grass lies this much below the road so that neither mesh shows through the other."""

NO_LIMIT_KMH = 30.0


def box_sum(image: np.ndarray, radius: int) -> np.ndarray:
    """Sum over a (2 radius + 1)^2 window, zero outside."""
    padded: np.ndarray = np.pad(image.astype(np.float32), ((radius + 1, radius), (radius + 1, radius)))
    width = 2 * radius + 1
    for axis in (0, 1):
        run = np.cumsum(padded, axis=axis, dtype=np.float64)
        upper = np.take(run, range(width, run.shape[axis]), axis=axis)
        padded = upper - np.take(run, range(run.shape[axis] - width), axis=axis)
    return padded


def dilated(mask: np.ndarray, radius: int) -> np.ndarray:
    """Mask grown by a square window of (2 radius + 1)^2 cells."""
    grown = np.pad(mask, radius)
    for axis in (0, 1):
        window = 1
        while window < 2 * radius + 1:  # doubling: a window of 2 n is two windows of n side by side
            step = min(window, 2 * radius + 1 - window)
            rows = grown if axis == 0 else grown.T
            grown = rows[step:] | rows[: len(rows) - step]
            grown = grown if axis == 0 else grown.T
            window += step
    return grown


def _closed(mask: np.ndarray, radius: int) -> np.ndarray:
    """Mask with holes and inlets narrower than the square window filled."""
    return ~dilated(~dilated(mask, radius), radius)


def _fill_gaps(weighted: np.ndarray, weight: np.ndarray) -> np.ndarray:
    """Mean where there is weight, elsewhere a smooth continuation (push-pull over a pyramid)."""
    if weighted.shape[0] <= 2 or weighted.shape[1] <= 2 or (weight > 0).all():
        return weighted / np.maximum(weight, 1e-9) if weight.any() else np.zeros_like(weighted)
    pad = [(0, n % 2) for n in weighted.shape]
    halves = []
    for image in (weighted, weight):
        image = np.pad(image, pad)
        halves.append(image[::2, ::2] + image[1::2, ::2] + image[::2, 1::2] + image[1::2, 1::2])
    coarse = _fill_gaps(*halves).repeat(2, axis=0).repeat(2, axis=1)[: weighted.shape[0], : weighted.shape[1]]
    edged = np.pad(coarse, 1, mode="edge")
    rows = edged[:-2] + edged[1:-1] + edged[2:]
    smooth = (rows[:, :-2] + rows[:, 1:-1] + rows[:, 2:]) / 9.0
    return np.where(weight > 0, weighted / np.maximum(weight, 1e-9), smooth)


def _splat(strip: LaneStrip) -> tuple[np.ndarray, np.ndarray]:
    """Points that cover a strip, (N, 3), and the nearest cross-section of each, (N,)."""
    width = np.linalg.norm((strip.outer_m - strip.inner_m)[:, :2], axis=1).max()
    middle = (strip.inner_m + strip.outer_m) / 2
    longest = max(
        np.linalg.norm(np.diff(edge[:, :2], axis=0), axis=1).sum() for edge in (strip.inner_m, strip.outer_m, middle)
    )
    along = np.linspace(0, len(strip.s_m) - 1, int(longest / SPLAT_STEP_M) + 2)
    low = np.minimum(along.astype(int), len(strip.s_m) - 2)
    part = (along - low)[:, None]
    inner = strip.inner_m[low] * (1 - part) + strip.inner_m[low + 1] * part
    outer = strip.outer_m[low] * (1 - part) + strip.outer_m[low + 1] * part
    across = np.linspace(0, 1, int(width / SPLAT_STEP_M) + 2)[None, :, None]
    points = (inner[:, None] * (1 - across) + outer[:, None] * across).reshape(-1, 3)
    return points, np.repeat(np.round(along).astype(np.intp), across.shape[1])


class GroundRaster:
    """`Ground` over the roads and a margin of terrain.

    Attributes:
        tags: (rows, columns) uint8 SemanticTag; row index grows with y, column index with x.
        heights_m: (rows, columns) float64, kerbs included, with edges rounded over three cells.
        base_m: (rows, columns) float32 height without kerbs, continued smoothly under the terrain.
        origin_m: (x, y) of the first cell's middle.
        bounds_m: (x_min, y_min, x_max, y_max).
    """

    def __init__(self, strips: list[LaneStrip], margin_m: float = 45.0) -> None:
        edges = np.concatenate([edge[:, :2] for strip in strips for edge in (strip.inner_m, strip.outer_m)])
        low = np.floor(edges.min(0) - margin_m)
        size = np.ceil(edges.max(0) + margin_m) - low
        if not np.prod(size) / CELL_M**2 < MAX_CELLS:
            raise OpenDriveError(
                f"the map is {size[0]:.0f} m by {size[1]:.0f} m, at most {MAX_CELLS * CELL_M**2 / 1e6:.1f} km^2 fit"
            )
        columns, rows = (size / CELL_M).astype(int)
        self.bounds_m = (float(low[0]), float(low[1]), float(low[0] + size[0]), float(low[1] + size[1]))
        self.origin_m = (float(low[0]) + CELL_M / 2, float(low[1]) + CELL_M / 2)
        self.tags = np.full((rows, columns), int(SemanticTag.TERRAIN), np.uint8)
        self.roadway = np.zeros((rows, columns), bool)
        in_junction = np.zeros((rows, columns), bool)
        limits = np.full((rows, columns), NO_LIMIT_KMH, np.float32)
        raised = np.full((rows, columns), -TERRAIN_DROP_M)
        cells, heights = [], []
        for strip in sorted(strips, key=lambda strip: (not strip.is_raised, strip.kind == "driving")):
            points, station = _splat(strip)
            cell = self._cell(points[:, 0], points[:, 1])
            cells.append(cell.astype(np.int32))
            heights.append(points[:, 2].copy())  # a view would keep x and y too
            tag = SemanticTag.SIDEWALKS if strip.is_raised else SemanticTag.ROADS
            self.tags.flat[cell] = tag
            raised.flat[cell] = strip.raised_m
            self.roadway.flat[cell] = strip.is_roadway
            in_junction.flat[cell] |= strip.road.junction_id >= 0
            if strip.kind == "driving":
                limits.flat[cell] = strip.speed_limit_kmh[station]
        self._close_gaps(raised, in_junction)
        cell, height = np.concatenate(cells), np.concatenate(heights)
        count = np.bincount(cell, minlength=rows * columns).reshape(rows, columns).astype(float)
        total = np.bincount(cell, height, rows * columns).reshape(rows, columns)
        base = _fill_gaps(total, count)
        self.base_m = base.astype(np.float32)  # a micrometre is fine enough, and a town keeps millions of cells
        self.heights_m = base + box_sum(np.pad(raised, 1, mode="edge"), 1)[1:-1, 1:-1] / 9.0
        self.heights = HeightField(np.ascontiguousarray(self.heights_m), *self.origin_m, _CELLS_PER_M)
        self._limits = limits
        step = 4
        blurred = box_sum(np.pad(base, step, mode="edge"), step)[step:-step, step:-step] / (2 * step + 1) ** 2
        self._slope_y: np.ndarray = np.gradient(blurred, CELL_M, axis=0).astype(np.float32)
        self._slope_x: np.ndarray = np.gradient(blurred, CELL_M, axis=1).astype(np.float32)

    def _close_gaps(self, raised: np.ndarray, in_junction: np.ndarray) -> None:
        """Asphalt in the cells that splats missed and, in junctions, between lanes and up to the sidewalks."""
        paved = self.tags != SemanticTag.TERRAIN
        closed = paved | (_closed(paved, int(2.5 / CELL_M)) & dilated(in_junction, int(3.0 / CELL_M)))
        self.filled = _closed(closed, 1) & ~paved
        self.tags[self.filled] = SemanticTag.ROADS
        self.roadway |= self.filled
        raised[self.filled] = 0.0

    def _cell(self, x_m: np.ndarray, y_m: np.ndarray) -> np.ndarray:
        rows, columns = self.tags.shape
        column = ((np.asarray(x_m) - self.bounds_m[0]) * _CELLS_PER_M).astype(np.intp)
        row = ((np.asarray(y_m) - self.bounds_m[1]) * _CELLS_PER_M).astype(np.intp)
        return np.minimum(np.maximum(row, 0), rows - 1) * columns + np.minimum(np.maximum(column, 0), columns - 1)

    def _bilinear(self, image: np.ndarray, x_m: np.ndarray, y_m: np.ndarray) -> np.ndarray:
        rows, columns = image.shape
        u = np.minimum(np.maximum((x_m - self.origin_m[0]) * _CELLS_PER_M, 0.0), columns - 1.001)
        v = np.minimum(np.maximum((y_m - self.origin_m[1]) * _CELLS_PER_M, 0.0), rows - 1.001)
        column, row = u.astype(np.intp), v.astype(np.intp)
        u, v = u - column, v - row
        first = row * columns + column
        flat = image.ravel()
        left, right = flat.take(first), flat.take(first + 1)
        left += (flat.take(first + columns) - left) * v
        right += (flat.take(first + (columns + 1)) - right) * v
        return left + (right - left) * u

    def height_m(self, x_m: np.ndarray, y_m: np.ndarray) -> np.ndarray:
        """Ground height, (N,) float64 metres; the nearest edge's height outside the town."""
        return self._bilinear(self.heights_m, np.asarray(x_m, float), np.asarray(y_m, float))

    def road_height_m(self, x_m: np.ndarray, y_m: np.ndarray) -> np.ndarray:
        """Height of the road surface or its continuation, without kerbs, (N,) float64 metres."""
        return self._bilinear(self.base_m, np.asarray(x_m, float), np.asarray(y_m, float))

    def slope(self, x_m: np.ndarray, y_m: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """(dz/dx, dz/dy) of the ground without kerbs, averaged over about two metres, each (N,) float64."""
        cell = self._cell(x_m, y_m)
        return self._slope_x.ravel()[cell].astype(float), self._slope_y.ravel()[cell].astype(float)

    def tag(self, x_m: np.ndarray, y_m: np.ndarray) -> np.ndarray:
        """SemanticTag of the ground, (N,) uint8; NONE outside the town."""
        x, y = np.asarray(x_m, float), np.asarray(y_m, float)
        x0, y0, x1, y1 = self.bounds_m
        inside = (x >= x0) & (x < x1) & (y >= y0) & (y < y1)
        return np.where(inside, self.tags.ravel()[self._cell(x, y)], 0).astype(np.uint8)

    def speed_limit_kmh(self, x_m: np.ndarray, y_m: np.ndarray) -> np.ndarray:
        """Speed limit of the road there, (N,) float32; 30 where there is none."""
        return self._limits.ravel().take(self._cell(x_m, y_m))
