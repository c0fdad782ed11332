"""Boxes that never move, filed in a grid so that a moving box meets only its neighbours."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numba import float64, int64, types

from carla_server.dynamics.boxes import BoxSet

CELL_M = 8.0


class Cells(NamedTuple):
    """A grid of boxes; a cell lists every box within the margin of it.

    Attributes:
        x_m, y_m: corner of the first cell.
        columns, lines: number of cells along x and y.
        start: (columns * lines + 1,) int64 where each cell's items begin.
        items: rows of the boxes, cell after cell, in order within each.
    """

    x_m: float
    y_m: float
    columns: int
    lines: int
    start: np.ndarray
    items: np.ndarray


CELLS: Any = types.NamedTuple((float64, float64, int64, int64, int64[::1], int64[::1]), Cells)
"""numba's type of `Cells`."""


class StaticGrid:
    """Candidate obstacles by cell.

    Attributes:
        boxes: the obstacles.
        margin_m: how far from its middle a box that asks may reach.
        cells: which of the obstacles may touch a box whose middle is in a cell.
    """

    def __init__(self, boxes: BoxSet, margin_m: float) -> None:
        """File the boxes."""
        self.boxes = boxes
        self.margin_m = margin_m
        if not len(boxes.center_m):
            self.cells = Cells(0.0, 0.0, 0, 0, np.zeros(1, np.int64), np.zeros(0, np.int64))
            return
        reach = boxes.reach_m() + margin_m
        low, high = boxes.center_m[:, :2] - reach, boxes.center_m[:, :2] + reach
        origin = low.min(axis=0)
        first = np.floor((low - origin) / CELL_M).astype(np.int64)
        last = np.floor((high - origin) / CELL_M).astype(np.int64)
        columns, lines = int(last[:, 0].max()) + 1, int(last[:, 1].max()) + 1
        cells, items = [], []
        for row in range(len(boxes.center_m)):
            block_x = np.arange(first[row, 0], last[row, 0] + 1)
            block_y = np.arange(first[row, 1], last[row, 1] + 1)
            block = (block_x[:, None] * lines + block_y).ravel()
            cells.append(block)
            items.append(np.full(block.size, row, dtype=np.int64))
        cell, item = np.concatenate(cells), np.concatenate(items)
        start = np.searchsorted(np.sort(cell), np.arange(columns * lines + 1))
        self.cells = Cells(
            float(origin[0]),
            float(origin[1]),
            columns,
            lines,
            start.astype(np.int64),
            item[np.argsort(cell, kind="stable")],
        )
