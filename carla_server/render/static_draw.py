"""A static mesh in cells on the graphics card; each draw lists the triangles worth drawing, nearest cell first."""

from __future__ import annotations

import moderngl
import numpy as np

from carla_server.render.culling import NO_HOUSES, cells_in_sight, listed_indices
from carla_server.render.program import bind
from carla_server.render.scenery import BREADTHS_M, CellMesh
from carla_server.roads.mesh import VERTEX_DTYPE

VERTEX_LAYOUT = (
    ("in_position", "3f4", 12),
    ("in_normal", "4i1", 4),
    ("in_color", "4f1", 4),
    ("in_uv", "2f2", 4),
    ("in_ids", "4f1", 4),
)
FAR_OVERLAP_M = 8.0
"""How far what is drawn for a cell may stand out of its bounds."""
_THIN_PX = 0.4
"""Triangles are left out where they would be narrower than this."""


class IndexedCells:
    """Triangles of many cells with an index buffer that each draw fills anew.

    One draw of listed indices costs a software driver less than one draw record for each cell.

    Args:
        distinct, indices: from `shared_vertices` of triangles that lie one cell after the other.
        first: (C + 1,) first vertex of each cell, and the end.
        programs: those that may draw it.
    """

    def __init__(
        self,
        context: moderngl.Context,
        distinct: np.ndarray,
        indices: np.ndarray,
        first: np.ndarray,
        programs: tuple[moderngl.Program, ...],
    ) -> None:
        self._listed, self._first = indices, np.ascontiguousarray(first, np.int64)
        buffer = context.buffer(distinct.tobytes() or bytes(VERTEX_DTYPE.itemsize))
        self._indices = context.buffer(reserve=max(4, indices.nbytes), dynamic=True)
        self._arrays = {
            program: context.vertex_array(program, [bind(buffer, program, VERTEX_LAYOUT)], self._indices)
            for program in programs
        }

    def draw(self, program: moderngl.Program, cells: np.ndarray, counts: np.ndarray) -> None:
        """Draw the first `counts[i]` vertices of cell `cells[i]`, in this order."""
        if not counts.sum():
            return
        listed = listed_indices(self._listed, self._first, cells, counts)
        self._indices.write(listed)
        self._arrays[program].render(vertices=len(listed))

    def draw_triangle(self, program: moderngl.Program) -> None:
        """Draw the first triangle there is."""
        filled = np.flatnonzero(np.diff(self._first))
        if len(filled):
            self.draw(program, filled[:1], np.array([3]))


class StaticDraw:
    """A CellMesh and what of it is worth drawing from somewhere.

    Args:
        coarsest: how many of `BREADTHS_M` may be left out far away; a ground must not lose what covers it.
    """

    def __init__(
        self, context: moderngl.Context, cells: CellMesh, programs: tuple[moderngl.Program, ...], coarsest: int
    ) -> None:
        self._mesh, self._breadths_m = cells, np.array(BREADTHS_M[:coarsest])
        low_m, high_m = cells.low_m.astype(np.float64), cells.high_m.astype(np.float64)
        self._middle_m, self._half_m = (low_m + high_m) / 2.0, (high_m - low_m) / 2.0
        self._indexed = IndexedCells(context, *cells.indexed, np.r_[cells.first, len(cells.vertices)], programs)

    def draw_triangle(self, program: moderngl.Program) -> None:
        """Draw the first triangle there is."""
        self._indexed.draw_triangle(program)

    def in_sight(
        self, planes: np.ndarray, eye_m: np.ndarray, houses: np.ndarray = NO_HOUSES
    ) -> tuple[np.ndarray, np.ndarray]:
        """Cells within `frustum_planes` and not behind `hiding_houses`, nearest first.

        Returns:
            (V,) cell numbers and (V,) distances of the eye to their boxes, metres.
        """
        return cells_in_sight(planes, eye_m, houses, self._middle_m, self._half_m, FAR_OVERLAP_M)

    def draw(
        self, program: moderngl.Program, cells: np.ndarray, away_m: np.ndarray, focal_px: float = np.inf
    ) -> None:
        """Draw cells at these distances without the triangles that would be thinner than about half a pixel."""
        level = np.searchsorted(self._breadths_m, away_m * (_THIN_PX / focal_px))
        self._indexed.draw(program, cells, self._mesh.counts[cells, level])
