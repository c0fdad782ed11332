"""Heights on a raster, in the form in which compiled code reads them."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numba import float64, types

from carla_server.compiled import compiled


class HeightField(NamedTuple):
    """Samples of a surface; between them it is bilinear, and beyond the edges it goes on level.

    Attributes:
        heights_m: (rows, columns) float64, at least two of each; row index grows with y, column index with x.
        x_m, y_m: where the first sample is.
        samples_per_m: how dense they are.
    """

    heights_m: np.ndarray
    x_m: float
    y_m: float
    samples_per_m: float


HEIGHT_FIELD: Any = types.NamedTuple((float64[:, ::1], float64, float64, float64), HeightField)
"""numba's type of a `HeightField`."""


@compiled
def height_at_m(field, x_m, y_m):
    """Height at one point, metres."""
    rows, columns = field.heights_m.shape
    u = _within((x_m - field.x_m) * field.samples_per_m, columns - 1.001)
    v = _within((y_m - field.y_m) * field.samples_per_m, rows - 1.001)
    column, row = int(u), int(v)
    u, v = u - column, v - row
    heights = field.heights_m
    left, right = heights[row, column], heights[row, column + 1]
    left += (heights[row + 1, column] - left) * v
    right += (heights[row + 1, column + 1] - right) * v
    return left + (right - left) * u


@compiled
def _within(value, top):
    """The value within 0 and `top`; 0 for what is no number, as an index must never leave its array."""
    if not value > 0.0:
        return 0.0
    return value if value < top else top
