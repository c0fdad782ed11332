"""Boxes that never move, filed in a grid so that a moving box meets only its neighbours."""

from __future__ import annotations

import numpy as np

from carla_server.dynamics.boxes import BoxSet

CELL_M = 8.0


class StaticGrid:
    """Candidate obstacles by cell; a cell lists every box within `margin_m` of it.

    Attributes:
        boxes: the obstacles.
        margin_m: largest half length of a box that may ask.
    """

    def __init__(self, boxes: BoxSet, margin_m: float) -> None:
        """File the boxes.

        Args:
            boxes: obstacles, M of them.
            margin_m: largest `reach_m` of the boxes that will be tested against them.
        """
        self.boxes = boxes
        self.margin_m = margin_m
        if not len(boxes.yaw_rad):
            self._origin = np.zeros(2)
            self._shape = (1, 1)
            self._start = np.zeros(2, dtype=np.int64)
            self._items = np.zeros(0, dtype=np.int64)
            return
        low = boxes.center_m[:, :2] - boxes.reach_m - margin_m
        high = boxes.center_m[:, :2] + boxes.reach_m + margin_m
        self._origin = low.min(axis=0)
        first = np.floor((low - self._origin) / CELL_M).astype(np.int64)
        last = np.floor((high - self._origin) / CELL_M).astype(np.int64)
        self._shape = (int(last[:, 0].max()) + 1, int(last[:, 1].max()) + 1)
        cells, items = [], []
        for row in range(len(boxes.yaw_rad)):
            block_x = np.arange(first[row, 0], last[row, 0] + 1)
            block_y = np.arange(first[row, 1], last[row, 1] + 1)
            block = (block_x[:, None] * self._shape[1] + block_y).ravel()
            cells.append(block)
            items.append(np.full(block.size, row, dtype=np.int64))
        cell, item = np.concatenate(cells), np.concatenate(items)
        order = np.argsort(cell, kind="stable")
        self._items = item[order]
        self._start = np.searchsorted(cell[order], np.arange(self._shape[0] * self._shape[1] + 1))

    def pairs(self, center_m: np.ndarray, reach_m: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Movers and obstacles whose axis-aligned rectangles overlap.

        Args:
            center_m: (N, 2) float64 middle of each mover's rectangle.
            reach_m: (N, 2) float64 its half lengths along the axes, at most the margin.

        Returns:
            (mover, obstacle): (P,) int64 rows each, sorted by mover, then obstacle.
        """
        none = np.zeros(0, dtype=np.int64)
        if not self._items.size:
            return none, none
        place = np.floor((center_m - self._origin) * (1.0 / CELL_M))
        cell_x, cell_y = place.astype(np.int64).T
        rows, columns = self._shape
        inside = (cell_x >= 0) & (cell_y >= 0) & (cell_x < rows) & (cell_y < columns)
        cell = (cell_x * columns + cell_y) * inside
        start = self._start[cell]
        counts = (self._start[cell + 1] - start) * inside
        total = int(counts.sum())
        if total == 0:
            return none, none
        mover = np.repeat(np.arange(len(cell)), counts)
        obstacle = self._items[np.arange(total) + np.repeat(start - (np.cumsum(counts) - counts), counts)]
        gap = np.abs(center_m[mover] - self.boxes.center_m[obstacle, :2])
        near = (gap <= reach_m[mover] + self.boxes.reach_m[obstacle]).all(axis=1)
        return mover[near], obstacle[near]
