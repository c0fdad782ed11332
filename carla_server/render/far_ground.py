"""Ground far away: each cell a few quads that read colour, tag and height from a map of the town seen from above.

A street's kerbs, lane strips and verges are hundreds of triangles a cell, most of them smaller than a pixel a block
away. The map keeps what they look like and what they are, so labels stay those of the full mesh to within a texel.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import moderngl
import numpy as np

from carla_server.render.indexing import shared_vertices
from carla_server.render.program import matrix_bytes, set_uniforms
from carla_server.render.scenery import BREADTHS_M, CELL_M, CellMesh
from carla_server.render.static_draw import FAR_OVERLAP_M, IndexedCells, StaticDraw
from carla_server.roads.mesh import VERTEX_DTYPE, joined

_DIVISIONS = (1, 2, 4, 8)
_LEVELS_APART_M = 0.6
"""Cells with surfaces this much above each other have bridges or walls and are drawn in full."""
_SINK_M = 0.06
"""The full mesh wins where both are drawn."""
_NOTHING_M = -1e6
_HOLE_TEXELS = 4
"""Slits between strips up to twice as wide are closed."""
_FROM_M_PER_PX = BREADTHS_M[0] / 0.4
"""Times the focal length: where the full mesh would lose its markings, too; a texel is narrower than a pixel."""

Bounds = tuple[float, float, float, float]


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


STREETS = MapGrade(0.5, 0.25, 3.0, uniform=False)
"""A kerb and a half high."""
COUNTRY = MapGrade(2.0, 0.6, FAR_OVERLAP_M, uniform=True)


@dataclass(frozen=True)
class GroundMap:
    """Heights seen from above.

    Attributes:
        frame: x0, y0 (m), 1 / width, 1 / height of the map.
        texel_m: (x, y) size of a texel.
        height_m, lowest_m: (rows, columns) highest and lowest surface; `_NOTHING_M` where there is none.
    """

    frame: tuple[float, float, float, float]
    texel_m: tuple[float, float]
    height_m: np.ndarray
    lowest_m: np.ndarray


class FarGround:
    """Makes the map and the quads of a region once and draws them.

    Args:
        surface: the town's ground.
        bounds_m: x0, y0, x1, y1 that the map covers.
        full: draws the full ground.
        map_program: `map_frag`, one of `full`'s programs.
        program: the far variant of the geometry pass.
    """

    def __init__(
        self,
        context: moderngl.Context,
        surface: CellMesh,
        bounds_m: Bounds,
        grade: MapGrade,
        full: StaticDraw,
        map_program: moderngl.Program,
        program: moderngl.Program,
    ) -> None:
        self._context, self._program = context, program
        x0, y0, x1, y1 = bounds_m
        texel_m = max(grade.texel_m, max(x1 - x0, y1 - y0) / grade.max_side)
        size = max(1, round((x1 - x0) / texel_m)), max(1, round((y1 - y0) / texel_m))
        self._albedo, self._relief = context.texture(size, 4), context.texture(size, 2, dtype="f4")
        for texture in (self._albedo, self._relief):
            texture.filter = (moderngl.NEAREST, moderngl.NEAREST)
            texture.repeat_x = texture.repeat_y = False
        self._relief_frame = context.framebuffer([self._relief])
        lowest_m = self._draw_map(surface, bounds_m, full, map_program, -1.0)[..., 0]
        relief = self._draw_map(surface, bounds_m, full, map_program, 1.0)
        self._frame = (x0, y0, 1.0 / (x1 - x0), 1.0 / (y1 - y0))
        texel = ((x1 - x0) / size[0], (y1 - y0) / size[1])
        lowest_m = np.where(self._close_slits(relief), relief[..., 0], lowest_m)
        vertices, first = far_cells(surface, GroundMap(self._frame, texel, relief[..., 0], lowest_m), grade)
        self._counts = np.diff(first)
        shared = shared_vertices(vertices, np.repeat(np.arange(len(first) - 1), self._counts))
        self._quads = IndexedCells(context, *shared, first, (program,))

    def serves(self, cells: np.ndarray, away_m: np.ndarray, focal_px: float) -> np.ndarray:
        """(V,) bool: which of these cells, at these distances, are better drawn from the map."""
        return (self._counts[cells] > 0) & (away_m > _FROM_M_PER_PX * focal_px)

    def draw(self, cells: np.ndarray) -> None:
        """Draw cells that `serves` chose."""
        self._bind()
        self._quads.draw(self._program, cells, self._counts[cells])

    def draw_triangle(self) -> None:
        """Draw the first triangle there is."""
        self._bind()
        self._quads.draw_triangle(self._program)

    def _bind(self) -> None:
        self._albedo.use(0)
        self._relief.use(1)
        set_uniforms(self._program, {"albedo_map": 0, "relief_map": 1, "map_frame": self._frame})

    def _draw_map(
        self, surface: CellMesh, bounds_m: Bounds, full: StaticDraw, program: moderngl.Program, sign: float
    ) -> np.ndarray:
        """Draw the map, with the highest (sign 1) or lowest (-1) surface; returns (rows, columns, 2) height, tag."""
        size = self._albedo.size
        low_m, high_m = float(surface.low_m[:, 2].min(initial=0.0)), float(surface.high_m[:, 2].max(initial=0.0))
        depth = self._context.depth_renderbuffer(size)
        frame = self._context.framebuffer([self._albedo, self._relief], depth)
        frame.clear()
        self._relief_frame.clear(_NOTHING_M, 0.0)
        frame.use()
        self._context.enable_only(moderngl.DEPTH_TEST)
        projection = _from_above(bounds_m, low_m, high_m, sign)
        set_uniforms(program, {"view_projection": matrix_bytes(projection), "focal_px": 1e9})
        cells = np.arange(len(surface.first))
        # As from afar: thin markings would turn to dots in the map's texels.
        full.draw(program, cells, np.full(len(cells), 1e6), focal_px=1.0)
        relief = np.frombuffer(self._relief.read(), np.float32).reshape(size[1], size[0], 2).copy()
        # What is bound must live on: the context binds it anew after it has made another frame.
        self._relief_frame.use()
        for item in (frame, depth):
            item.release()
        return relief

    def _close_slits(self, relief: np.ndarray) -> np.ndarray:
        """Fill narrow holes of the map from their surroundings, on the card and in `relief`; returns where."""
        albedo = np.frombuffer(self._albedo.read(), np.uint8).reshape(*relief.shape[:2], 4).copy()
        closed = np.zeros(relief.shape[:2], bool)
        for _ in range(_HOLE_TEXELS):
            rows, columns = np.nonzero(relief[..., 0] <= _NOTHING_M)
            before = relief[..., 0].copy()
            for step_y, step_x in ((0, 1), (0, -1), (1, 0), (-1, 0)):
                y = np.clip(rows + step_y, 0, relief.shape[0] - 1)
                x = np.clip(columns + step_x, 0, relief.shape[1] - 1)
                known = before[y, x] > _NOTHING_M
                to, source = (rows[known], columns[known]), (y[known], x[known])
                relief[to], albedo[to], closed[to] = relief[source], albedo[source], True
        self._relief.write(relief)
        self._albedo.write(albedo)
        return closed


def _from_above(bounds_m: Bounds, low_m: float, high_m: float, sign: float) -> np.ndarray:
    """(4, 4) world to clip space of a map; sign 1 keeps the highest surface, -1 the lowest."""
    x0, y0, x1, y1 = bounds_m
    out = np.eye(4)
    out[0, 0], out[0, 3] = 2.0 / (x1 - x0), -(x1 + x0) / (x1 - x0)
    out[1, 1], out[1, 3] = 2.0 / (y1 - y0), -(y1 + y0) / (y1 - y0)
    half, middle = (high_m - low_m) / 2.0 + 1.0, (high_m + low_m) / 2.0
    out[2, 2], out[2, 3] = -sign / half, sign * middle / half
    return out


def far_cells(cells: CellMesh, ground: GroundMap, grade: MapGrade) -> tuple[np.ndarray, np.ndarray]:
    """Quads for those cells that the map describes well enough.

    Returns:
        (V,) VERTEX_DTYPE triangle soup, and (C + 1,) the first vertex of each cell in it and the end; a cell without
        any keeps its full mesh at all distances.
    """
    soups, first = [], [0]
    for index in range(len(cells.first)):
        soups.append(_cell_soup(cells, index, ground, grade))
        first.append(first[-1] + len(soups[-1]))
    return joined(soups), np.array(first)


def _cell_soup(cells: CellMesh, index: int, ground: GroundMap, grade: MapGrade) -> np.ndarray:
    nothing = np.zeros(0, VERTEX_DTYPE)
    own = cells.vertices[cells.first[index] : cells.first[index] + cells.counts[index, 0]]
    material = own["color"][:, 3]
    if grade.uniform and (material != material[:1]).any():
        return nothing
    start = (cells.corner_m[index] - grade.overlap_m - ground.frame[:2]) / ground.texel_m
    left, top = np.round(start).astype(int)
    right, bottom = np.round(start + (CELL_M + 2 * grade.overlap_m) / np.array(ground.texel_m)).astype(int)
    rows, columns = ground.height_m.shape
    if left < 0 or top < 0 or right >= columns or bottom >= rows:
        return nothing
    window = np.s_[top : bottom + 1, left : right + 1]
    height, lowest = ground.height_m[window], ground.lowest_m[window]
    if (lowest <= _NOTHING_M).any() or (height - lowest).max() > _LEVELS_APART_M:
        return nothing
    for divisions in _DIVISIONS:
        grid_rows = np.round(np.linspace(top, bottom, divisions + 1)).astype(int)
        grid_columns = np.round(np.linspace(left, right, divisions + 1)).astype(int)
        corners = ground.height_m[grid_rows[:, None], grid_columns]
        if np.abs(_stretched(corners, height.shape) - height).max() <= grade.tolerance_m:
            xs = ground.frame[0] + (grid_columns + 0.5) * ground.texel_m[0]
            ys = ground.frame[1] + (grid_rows + 0.5) * ground.texel_m[1]
            return _quads(xs, ys, corners)
    return nothing


def _stretched(corners: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    """Bilinear interpolation of a grid of corners to a shape."""
    row, row_share = _between(corners.shape[0], shape[0])
    column, column_share = _between(corners.shape[1], shape[1])
    along = corners[:, column] + (corners[:, column + 1] - corners[:, column]) * column_share
    return along[row] * (1.0 - row_share[:, None]) + along[row + 1] * row_share[:, None]


@lru_cache(maxsize=64)
def _between(knots: int, places: int) -> tuple[np.ndarray, np.ndarray]:
    """The knot before each of evenly spread places, and the share of the way to the next."""
    position = np.linspace(0, knots - 1, places)
    before = np.minimum(position.astype(int), knots - 2)
    return before, position - before


def _quads(xs: np.ndarray, ys: np.ndarray, height_m: np.ndarray) -> np.ndarray:
    """Triangle soup of a grid with smooth normals."""
    slope_y, slope_x = np.gradient(height_m, ys, xs)
    grid = np.zeros(height_m.shape, VERTEX_DTYPE)
    grid["position_m"][..., 0], grid["position_m"][..., 1] = xs[None], ys[:, None]
    grid["position_m"][..., 2] = height_m - _SINK_M
    normal = np.stack([-slope_x, -slope_y, np.ones_like(height_m)], -1)
    normal /= np.linalg.norm(normal, axis=-1, keepdims=True)
    grid["normal"][..., :3] = np.round(normal * 127)
    a, b, c, d = grid[:-1, :-1], grid[:-1, 1:], grid[1:, 1:], grid[1:, :-1]
    soup = np.empty((*a.shape, 6), VERTEX_DTYPE)
    for place, corner in enumerate((a, b, c, a, c, d)):
        soup[..., place] = corner
    return soup.reshape(-1)
