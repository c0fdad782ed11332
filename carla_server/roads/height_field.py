"""Heights on a raster, in the form in which compiled code reads them: one ground, and decks above it.

Most maps have one height at each place. Where roads pass over one another there are more: the raster holds the lowest
one, blocks of a few metres hold the others. A query says from which height it looks down and gets the surface below,
so what drives over a bridge stays there and what drives beneath never feels it.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numba import float64, int32, int64, types, void

from carla_server.compiled import compiled, kernel

BLOCK_CELLS = 16
"""Samples along each side of a block of decks."""

NO_DECK_M = -1e9
"""Height that stands for no deck."""

STEP_UP_M = 1.2
"""A surface up to this much above the height from which one looks down counts as below: ramps rise within a
wheelbase, and a wheel may be deep in its spring. Levels are at least `spans.LEVEL_GAP_M` apart."""

SAME_LEVEL_M = 0.8
"""Neighbouring samples this near in height are one surface; others meet at an edge."""

_NO_BLOCK = np.full((1, 1), -1, np.int32)
_NO_DECKS = np.zeros((0, BLOCK_CELLS, BLOCK_CELLS, 0))


class HeightField(NamedTuple):
    """Samples of surfaces; between them a surface is bilinear, and beyond the edges it goes on level.

    Attributes:
        heights_m: (rows, columns) float64 of the lowest surface, at least two of each; row index grows with y, column
            index with x.
        x_m, y_m: where the first sample is.
        samples_per_m: how dense they are.
        block_of: (rows / 16, columns / 16) int32, rounded up: which block of decks lies there, -1 for none.
        decks_m: (B, 16, 16, L) float64, up to L further surfaces at each sample of a block, in no order;
            `NO_DECK_M` where there are fewer. Without blocks there is one surface everywhere.
    """

    heights_m: np.ndarray
    x_m: float
    y_m: float
    samples_per_m: float
    block_of: np.ndarray = _NO_BLOCK
    decks_m: np.ndarray = _NO_DECKS


HEIGHT_FIELD: Any = types.NamedTuple(
    (float64[:, ::1], float64, float64, float64, int32[:, ::1], float64[:, :, :, ::1]), HeightField
)
"""numba's type of a `HeightField`."""


@compiled
def height_at_m(field, x_m, y_m, from_z_m):
    """Height of the highest surface below a point, metres; of the lowest surface if all are above the point."""
    rows, columns = field.heights_m.shape
    u = _within((x_m - field.x_m) * field.samples_per_m, columns - 1.001)
    v = _within((y_m - field.y_m) * field.samples_per_m, rows - 1.001)
    column, row = int(u), int(v)
    u, v = u - column, v - row
    if len(field.decks_m) > 0 and field.block_of[row // BLOCK_CELLS, column // BLOCK_CELLS] >= 0:
        return _layered(field, row, column, u, v, from_z_m)
    heights = field.heights_m
    left, right = heights[row, column], heights[row, column + 1]
    left += (heights[row + 1, column] - left) * v
    right += (heights[row + 1, column + 1] - right) * v
    return left + (right - left) * u


@compiled
def _layered(field, row, column, u, v, from_z_m):
    """The same among decks: the nearest sample chooses the surface, and the others follow it as far as it goes."""
    near_row = row + 1 if v >= 0.5 else row
    near_column = column + 1 if u >= 0.5 else column
    chosen = _below(field, near_row, near_column, from_z_m + STEP_UP_M)
    left, right = _beside(field, row, column, chosen), _beside(field, row, column + 1, chosen)
    left += (_beside(field, row + 1, column, chosen) - left) * v
    right += (_beside(field, row + 1, column + 1, chosen) - right) * v
    return left + (right - left) * u


@compiled
def _deck_below(field, row, column, top_m):
    """Index of a sample's highest deck up to a height, -1 if only the lowest surface is."""
    found, best = -1, field.heights_m[row, column]
    block = field.block_of[row // BLOCK_CELLS, column // BLOCK_CELLS]
    if block >= 0:
        for level in range(field.decks_m.shape[3]):
            height = field.decks_m[block, row % BLOCK_CELLS, column % BLOCK_CELLS, level]
            if best < height <= top_m:
                found, best = level, height
    return found


@compiled
def _below(field, row, column, top_m):
    level = _deck_below(field, row, column, top_m)
    if level < 0:
        return field.heights_m[row, column]
    block = field.block_of[row // BLOCK_CELLS, column // BLOCK_CELLS]
    return field.decks_m[block, row % BLOCK_CELLS, column % BLOCK_CELLS, level]


@compiled
def _beside(field, row, column, chosen_m):
    """The sample's surface that continues a neighbour's, or the neighbour's height where it ends."""
    best = field.heights_m[row, column]
    block = field.block_of[row // BLOCK_CELLS, column // BLOCK_CELLS]
    if block >= 0:
        for level in range(field.decks_m.shape[3]):
            height = field.decks_m[block, row % BLOCK_CELLS, column % BLOCK_CELLS, level]
            if abs(height - chosen_m) < abs(best - chosen_m):
                best = height
    return best if abs(best - chosen_m) <= SAME_LEVEL_M else chosen_m


@compiled
def _within(value, top):
    """The value within 0 and `top`; 0 for what is no number, as an index must never leave its array."""
    if not value > 0.0:
        return 0.0
    return value if value < top else top


@kernel(void(HEIGHT_FIELD, float64[::1], float64[::1], float64[::1], int64[::1]))
def find_decks(field, x_m, y_m, from_z_m, deck):
    """Which deck (N,) points stand on: its index in the flat array of decks, -1 on the lowest surface; to `deck`."""
    rows, columns = field.heights_m.shape
    for index in range(len(x_m)):
        column = int(_within((x_m[index] - field.x_m) * field.samples_per_m + 0.5, columns - 1.0))
        row = int(_within((y_m[index] - field.y_m) * field.samples_per_m + 0.5, rows - 1.0))
        level = _deck_below(field, row, column, from_z_m[index] + STEP_UP_M)
        deck[index] = -1
        if level >= 0:
            block = field.block_of[row // BLOCK_CELLS, column // BLOCK_CELLS]
            cell = (block * BLOCK_CELLS + row % BLOCK_CELLS) * BLOCK_CELLS + column % BLOCK_CELLS
            deck[index] = cell * field.decks_m.shape[3] + level


@kernel(void(HEIGHT_FIELD, float64[::1], float64[::1], float64[::1], float64[::1]))
def find_heights(field, x_m, y_m, from_z_m, height_m):
    """`height_at_m` of (N,) points, written to `height_m`."""
    for index in range(len(x_m)):
        height_m[index] = height_at_m(field, x_m[index], y_m[index], from_z_m[index])
