"""Oriented boxes with vertical axes: whether two of them touch, and where."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numba import float64, types

from carla_server.compiled import compiled


class BoxSet(NamedTuple):
    """Boxes as arrays.

    Attributes:
        center_m, extent_m: (N, 3) float64 centres and half lengths.
        heading: (N, 2) float64 cosine and sine of the yaw.
    """

    center_m: np.ndarray
    extent_m: np.ndarray
    heading: np.ndarray

    @staticmethod
    def of(center_m: np.ndarray, extent_m: np.ndarray, yaw_rad: np.ndarray) -> BoxSet:
        """From (N,) yaws."""
        return BoxSet(center_m, extent_m, np.column_stack((np.cos(yaw_rad), np.sin(yaw_rad))))

    def reach_m(self) -> np.ndarray:
        """(N, 2) half lengths of the axis-aligned rectangle around each box."""
        cosine, sine = np.abs(self.heading).T
        half_x, half_y = self.extent_m[:, 0], self.extent_m[:, 1]
        return np.column_stack((cosine * half_x + sine * half_y, sine * half_x + cosine * half_y))


BOX_SET: Any = types.NamedUniTuple(float64[:, ::1], 3, BoxSet)
"""numba's type of a `BoxSet`."""


@compiled
def touch(boxes, row, others, other):
    """Separating axes in the plane and overlap in height, of one box and another.

    Args:
        boxes, row: `BoxSet` and which of it.
        others, other: the same of the second box.

    Returns:
        Depth by which they must part, 0 if they do not touch, and the unit vector (x, y) from the second to the first
        along which.
    """
    x = boxes.center_m[row, 0] - others.center_m[other, 0]
    y = boxes.center_m[row, 1] - others.center_m[other, 1]
    half_x, half_y = boxes.extent_m[row, 0], boxes.extent_m[row, 1]
    other_x, other_y = others.extent_m[other, 0], others.extent_m[other, 1]
    if abs(boxes.center_m[row, 2] - others.center_m[other, 2]) >= boxes.extent_m[row, 2] + others.extent_m[other, 2]:
        return 0.0, 0.0, 0.0
    cosine, sine = boxes.heading[row, 0], boxes.heading[row, 1]
    other_cosine, other_sine = others.heading[other, 0], others.heading[other, 1]
    turned_cosine = abs(cosine * other_cosine + sine * other_sine)
    turned_sine = abs(sine * other_cosine - cosine * other_sine)
    axes = (
        (cosine, sine, half_x + other_x * turned_cosine + other_y * turned_sine),
        (-sine, cosine, half_y + other_x * turned_sine + other_y * turned_cosine),
        (other_cosine, other_sine, other_x + half_x * turned_cosine + half_y * turned_sine),
        (-other_sine, other_cosine, other_y + half_x * turned_sine + half_y * turned_cosine),
    )
    depth, normal_x, normal_y = np.inf, 0.0, 0.0
    for axis_x, axis_y, reach in axes:
        along = axis_x * x + axis_y * y
        gap = reach - abs(along)
        if not gap > 0.0:
            return 0.0, 0.0, 0.0
        if gap < depth:
            depth = gap
            normal_x, normal_y = (-axis_x, -axis_y) if along < 0.0 else (axis_x, axis_y)
    return depth, normal_x, normal_y


@compiled
def contact_point(boxes, row, others, other):
    """Where overlapping boxes press on each other: the mean of the corners that lie inside the other box.

    Boxes that cross without a corner inside the other (a cross of two bars) press midway between their centres.

    Returns:
        x and y, world.
    """
    x, y, corners = _corners_inside(boxes, row, others, other)
    other_x, other_y, other_corners = _corners_inside(others, other, boxes, row)
    corners += other_corners
    if corners > 0.0:
        return (x + other_x) / corners, (y + other_y) / corners
    center, other_center = boxes.center_m[row], others.center_m[other]
    return 0.5 * (center[0] + other_center[0]), 0.5 * (center[1] + other_center[1])


@compiled
def _corners_inside(boxes, row, others, other):
    """Sums of x and of y of the ground corners of one box that lie inside another, and how many they are."""
    center, half = boxes.center_m[row], boxes.extent_m[row]
    cosine, sine = boxes.heading[row, 0], boxes.heading[row, 1]
    other_center, other_half = others.center_m[other], others.extent_m[other]
    other_cosine, other_sine = others.heading[other, 0], others.heading[other, 1]
    sum_x = sum_y = corners = 0.0
    for sign_x, sign_y in ((1.0, 1.0), (1.0, -1.0), (-1.0, -1.0), (-1.0, 1.0)):
        along, across = sign_x * half[0], sign_y * half[1]
        x = center[0] + along * cosine - across * sine
        y = center[1] + along * sine + across * cosine
        offset_x, offset_y = x - other_center[0], y - other_center[1]
        inside_x = abs(offset_x * other_cosine + offset_y * other_sine) <= other_half[0]
        inside_y = abs(offset_y * other_cosine - offset_x * other_sine) <= other_half[1]
        if inside_x and inside_y:
            sum_x += x
            sum_y += y
            corners += 1.0
    return sum_x, sum_y, corners
