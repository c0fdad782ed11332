"""The operations that numbers and arrays spell differently.

The vehicles' motion is written once for both: a few vehicles are faster one by one as Python floats, many together as
arrays. Both give the same bits. The four basic operations, square roots and comparisons are correctly rounded either
way, and cosines, sines and arc tangents of arrays are taken value by value by the function that numbers use.
"""

from __future__ import annotations

import cmath
import math
from collections.abc import Callable
from itertools import repeat
from typing import Any, NamedTuple

import numpy as np

CURVE_POINTS = 65
"""Samples per tabulated curve; curves are read by linear interpolation."""

_LAST_POINT = CURVE_POINTS - 1.000001


class Curves(NamedTuple):
    """Tables of many vehicles, one row each.

    Attributes:
        values: (N * width,) float64, the rows one after another.
        starts: (N,) int64 index of each row's first value.
    """

    values: np.ndarray
    starts: np.ndarray

    @staticmethod
    def of(tables: np.ndarray) -> Curves:
        """From (N, width) float64."""
        return Curves(tables.ravel(), np.arange(len(tables), dtype=np.int64) * tables.shape[1])


class Arithmetic(NamedTuple):
    """Operations on float64 arrays of one shape, or on floats.

    Attributes:
        maximum, minimum, sqrt, floor, atan: as their names say.
        cos_sin: cosine and sine of an angle.
        where: `(condition, value if true, value if false)`.
        some: whether a condition holds anywhere.
        curve: `(table, position in samples)`, linear interpolation within the table's `CURVE_POINTS`. A table is
            `Curves` for arrays and a list for numbers.
        entry: `(table, whole number)`, the value at that place.
        wheel_heights_m: `(ground, four x, four y)`, heights of the ground at four points.
    """

    maximum: Callable[..., Any]
    minimum: Callable[..., Any]
    sqrt: Callable[..., Any]
    floor: Callable[..., Any]
    cos_sin: Callable[..., Any]
    atan: Callable[..., Any]
    where: Callable[..., Any]
    some: Callable[..., Any]
    curve: Callable[..., Any]
    entry: Callable[..., Any]
    wheel_heights_m: Callable[..., Any]


def _cos_sin_of_arrays(angles: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    # The polar form of radius 1 multiplies `math.cos` and `math.sin` by 1: the same bits in one pass.
    points = np.fromiter(map(cmath.rect, repeat(1.0), angles.tolist()), np.complex128, len(angles))
    return points.real, points.imag


def _atan_of_arrays(values: np.ndarray) -> np.ndarray:
    return np.fromiter(map(math.atan, values.tolist()), np.float64, len(values))


def _curve_of_arrays(table: Curves, position: np.ndarray) -> np.ndarray:
    position = np.minimum(np.maximum(position, 0.0), _LAST_POINT)
    index = position.astype(np.int64)
    fraction = position - index
    index += table.starts
    low = table.values.take(index)
    index += 1
    return low + (table.values.take(index) - low) * fraction


def _curve_of_numbers(table: list[float], position: float) -> float:
    position = min(max(position, 0.0), _LAST_POINT)
    index = int(position)
    low = table[index]
    return low + (table[index + 1] - low) * (position - index)


def _entry_of_arrays(table: Curves, place: np.ndarray) -> np.ndarray:
    return table.values.take(place.astype(np.int64) + table.starts)


def _heights_of_arrays(ground: Any, x_m: tuple[Any, ...], y_m: tuple[Any, ...]) -> np.ndarray:
    return ground.height_m(np.concatenate(x_m), np.concatenate(y_m)).reshape(4, -1)


def _heights_of_numbers(ground: Any, x_m: tuple[Any, ...], y_m: tuple[Any, ...]) -> map:
    return map(ground.height_at_m, x_m, y_m)


OF_ARRAYS = Arithmetic(
    np.maximum,
    np.minimum,
    np.sqrt,
    np.floor,
    _cos_sin_of_arrays,
    _atan_of_arrays,
    np.where,
    np.count_nonzero,
    _curve_of_arrays,
    _entry_of_arrays,
    _heights_of_arrays,
)

OF_NUMBERS = Arithmetic(
    max,
    min,
    math.sqrt,
    math.floor,
    lambda angle: (math.cos(angle), math.sin(angle)),
    math.atan,
    lambda condition, yes, no: yes if condition else no,
    bool,
    _curve_of_numbers,
    lambda table, place: table[int(place)],
    _heights_of_numbers,
)
