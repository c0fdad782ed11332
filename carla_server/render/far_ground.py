"""Ground far away: each cell a few quads that read colour, tag and height from a map of the town seen from above.

A street's kerbs, lane strips and verges are hundreds of triangles a cell, most of them smaller than a pixel a block
away. The map keeps what they look like and what they are, so labels stay those of the full mesh to within a texel.
"""

from __future__ import annotations

import moderngl
import numpy as np

from carla_server.render.far_quads import NOTHING_M, GroundMap, MapGrade, far_cells
from carla_server.render.indexing import shared_vertices
from carla_server.render.program import matrix_bytes, set_uniforms
from carla_server.render.scenery import BREADTHS_M, CellMesh
from carla_server.render.static_draw import FAR_OVERLAP_M, IndexedCells, StaticDraw

_HOLE_TEXELS = 4
"""Slits between strips up to twice as wide are closed."""
_FROM_M_PER_PX = BREADTHS_M[0] / 0.4
"""Times the focal length: where the full mesh would lose its markings, too; a texel is narrower than a pixel."""

Bounds = tuple[float, float, float, float]


STREETS = MapGrade(0.5, 0.25, 3.0, uniform=False)
"""A kerb and a half high."""
COUNTRY = MapGrade(2.0, 0.6, FAR_OVERLAP_M, uniform=True)


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
        self._relief_frame.clear(NOTHING_M, 0.0)
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
            rows, columns = np.nonzero(relief[..., 0] <= NOTHING_M)
            before = relief[..., 0].copy()
            for step_y, step_x in ((0, 1), (0, -1), (1, 0), (-1, 0)):
                y = np.clip(rows + step_y, 0, relief.shape[0] - 1)
                x = np.clip(columns + step_x, 0, relief.shape[1] - 1)
                known = before[y, x] > NOTHING_M
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
