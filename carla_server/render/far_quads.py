"""Which few quads stand for a cell of the ground far away.

All cells are judged together: there are thousands, and numpy's calls for each by itself took most of a second.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from carla_server.render.scenery import CELL_M, CellMesh
from carla_server.roads.mesh import VERTEX_DTYPE, joined

NOTHING_M = -1e6
"""Height of a map where nothing is."""

_DIVISIONS = (1, 2, 4, 8)
_LEVELS_APART_M = 0.6
"""Cells with surfaces this much above each other have bridges or walls and are drawn in full."""
_SINK_M = 0.06
"""The full mesh wins where both are drawn."""
_TEXELS_AT_ONCE = 1 << 20


@dataclass(frozen=True)
class MapGrade:
    """How fine a map is.

    Attributes:
        texel_m: size of a texel; larger if the map would have more than `max_side` of them.
        tolerance_m: how far quads may lie from the ground. The shader puts depth right.
        overlap_m: how far they reach under neighbouring cells, whose triangles end in a ragged edge.
        uniform: only for cells of one material, where a texel need not be narrower than a pixel.
    """

    texel_m: float
    tolerance_m: float
    overlap_m: float
    uniform: bool
    max_side: int = 2048


@dataclass(frozen=True)
class GroundMap:
    """Heights seen from above.

    Attributes:
        frame: x0, y0 (m), 1 / width, 1 / height of the map.
        texel_m: (x, y) size of a texel.
        height_m, lowest_m: (rows, columns) highest and lowest surface; `NOTHING_M` where there is none.
    """

    frame: tuple[float, float, float, float]
    texel_m: tuple[float, float]
    height_m: np.ndarray
    lowest_m: np.ndarray


@dataclass(frozen=True)
class _Windows:
    """Cells with equally many texels.

    Attributes:
        cell: (K,) their numbers.
        top, left: (K,) their first row and column in the map.
        rows, columns: how many they have.
    """

    cell: np.ndarray
    top: np.ndarray
    left: np.ndarray
    rows: int
    columns: int

    def of(self, texels: np.ndarray) -> np.ndarray:
        """(K, rows, columns) of a map."""
        views = np.lib.stride_tricks.sliding_window_view(texels, (self.rows, self.columns))
        return views[self.top, self.left]

    def only(self, chosen: np.ndarray) -> _Windows:
        """Some of them, by a mask."""
        return _Windows(self.cell[chosen], self.top[chosen], self.left[chosen], self.rows, self.columns)


def far_cells(cells: CellMesh, ground: GroundMap, grade: MapGrade) -> tuple[np.ndarray, np.ndarray]:
    """Quads for those cells that the map describes well enough.

    Returns:
        (V,) VERTEX_DTYPE triangle soup, and (C + 1,) the first vertex of each cell in it and the end; a cell without
        any keeps its full mesh at all distances.
    """
    soups = [np.zeros(0, VERTEX_DTYPE)] * len(cells.first)
    for windows in _windows(cells, ground, grade):
        height, lowest = windows.of(ground.height_m), windows.of(ground.lowest_m)
        bare = (lowest <= NOTHING_M).any(axis=(1, 2))
        plain = ~bare & ((height - lowest).max(axis=(1, 2)) <= _LEVELS_APART_M)
        left, height = windows.only(plain), height[plain]
        for divisions in _DIVISIONS:
            if not len(left.cell):
                break
            rows = _knots(left.top, left.rows, divisions)
            columns = _knots(left.left, left.columns, divisions)
            corners = ground.height_m[rows[:, :, None], columns[:, None, :]]
            fits = np.abs(_stretched(corners, left.rows, left.columns) - height).max(axis=(1, 2)) <= grade.tolerance_m
            xs = ground.frame[0] + (columns[fits] + 0.5) * ground.texel_m[0]
            ys = ground.frame[1] + (rows[fits] + 0.5) * ground.texel_m[1]
            for cell, soup in zip(left.cell[fits].tolist(), _quads(xs, ys, corners[fits]), strict=True):
                soups[cell] = soup
            left, height = left.only(~fits), height[~fits]
    first = np.cumsum([0, *(len(soup) for soup in soups)])
    return joined(soups), first


def _windows(cells: CellMesh, ground: GroundMap, grade: MapGrade) -> list[_Windows]:
    """The cells that lie in the map whole, and are of one material where the grade asks for it, by their size."""
    texel_m = np.array(ground.texel_m)
    start = (cells.corner_m - grade.overlap_m - ground.frame[:2]) / texel_m
    low = np.round(start).astype(int)
    high = np.round(start + (CELL_M + 2 * grade.overlap_m) / texel_m).astype(int)
    rows, columns = ground.height_m.shape
    inside = (low >= 0).all(axis=1) & (high[:, 0] < columns) & (high[:, 1] < rows)
    if grade.uniform:
        inside &= _uniform(cells)
    size = high - low + 1
    found = []
    for columns, rows in np.unique(size[inside], axis=0).tolist():
        chosen = np.flatnonzero(inside & (size == (columns, rows)).all(axis=1))
        count = max(1, _TEXELS_AT_ONCE // (rows * columns))
        for some in np.split(chosen, range(count, len(chosen), count)):
            found.append(_Windows(some, low[some, 1], low[some, 0], rows, columns))
    return found


def _uniform(cells: CellMesh) -> np.ndarray:
    """(C,) bool: which cells are of one material."""
    material = cells.vertices["color"][:, 3]
    return np.array(
        [
            not (material[first : first + count] != material[first]).any()
            for first, count in zip(cells.first.tolist(), cells.counts[:, 0].tolist(), strict=True)
        ],
        bool,
    )


def _knots(start: np.ndarray, places: int, divisions: int) -> np.ndarray:
    """(K, divisions + 1) evenly spread places from the first to the last of each."""
    return np.round(np.linspace(start, start + places - 1, divisions + 1, axis=-1)).astype(int)


def _stretched(corners: np.ndarray, rows: int, columns: int) -> np.ndarray:
    """Bilinear interpolation of (K, n, n) grids of corners to rows x columns."""
    row, row_share = _between(corners.shape[1], rows)
    column, column_share = _between(corners.shape[2], columns)
    along = corners[:, :, column] + (corners[:, :, column + 1] - corners[:, :, column]) * column_share
    share = row_share[:, None]
    return along[:, row] * (1.0 - share) + along[:, row + 1] * share


def _between(knots: int, places: int) -> tuple[np.ndarray, np.ndarray]:
    """The knot before each of evenly spread places, and the share of the way to the next."""
    position = np.linspace(0, knots - 1, places)
    before = np.minimum(position.astype(int), knots - 2)
    return before, position - before


def _quads(xs: np.ndarray, ys: np.ndarray, height_m: np.ndarray) -> np.ndarray:
    """(K, 6 d d) triangle soups of grids of (K, d + 1, d + 1) heights, with smooth normals."""
    slope_x = _slope(height_m, xs)
    slope_y = _slope(height_m.swapaxes(1, 2), ys).swapaxes(1, 2)
    grid = np.zeros(height_m.shape, VERTEX_DTYPE)
    grid["position_m"][..., 0], grid["position_m"][..., 1] = xs[:, None, :], ys[:, :, None]
    grid["position_m"][..., 2] = height_m - _SINK_M
    normal = np.stack([-slope_x, -slope_y, np.ones_like(height_m)], -1)
    normal /= np.linalg.norm(normal, axis=-1, keepdims=True)
    grid["normal"][..., :3] = np.round(normal * 127)
    a, b, c, d = grid[:, :-1, :-1], grid[:, :-1, 1:], grid[:, 1:, 1:], grid[:, 1:, :-1]
    soup = np.empty((*a.shape, 6), VERTEX_DTYPE)
    for place, corner in enumerate((a, b, c, a, c, d)):
        soup[..., place] = corner
    return soup.reshape(len(soup), int(np.prod(soup.shape[1:])))


def _slope(height_m: np.ndarray, at_m: np.ndarray) -> np.ndarray:
    """Slope along the last axis of (K, n, d) heights at (K, d) uneven places, as `np.gradient` has it for one."""
    step = np.diff(at_m)[:, None]
    before, after = step[..., :-1], step[..., 1:]
    slope = np.empty_like(height_m)
    slope[..., 1:-1] = (
        -after / (before * (before + after)) * height_m[..., :-2]
        + (after - before) / (before * after) * height_m[..., 1:-1]
        + before / (after * (before + after)) * height_m[..., 2:]
    )
    slope[..., 0] = (height_m[..., 1] - height_m[..., 0]) / step[..., 0]
    slope[..., -1] = (height_m[..., -1] - height_m[..., -2]) / step[..., -1]
    return slope
