"""Oriented boxes with vertical axes: which ones may touch, which do, and where."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np


class BoxSet(NamedTuple):
    """Boxes as arrays.

    Attributes:
        center_m, extent_m: (N, 3) float64.
        yaw_rad: (N,) float64.
        cosine, sine: (N,) of yaw.
        reach_m: (N, 2) half lengths of the axis-aligned rectangle around each box.
    """

    center_m: np.ndarray
    extent_m: np.ndarray
    yaw_rad: np.ndarray
    cosine: np.ndarray
    sine: np.ndarray
    reach_m: np.ndarray

    @staticmethod
    def of(
        center_m: np.ndarray, extent_m: np.ndarray, yaw_rad: np.ndarray, heading: np.ndarray | None = None
    ) -> BoxSet:
        """Make a set and its derived columns; `heading` is (N, 2) cosine and sine of the yaw where known."""
        cosine, sine = (np.cos(yaw_rad), np.sin(yaw_rad)) if heading is None else heading.T
        abs_cosine, abs_sine = np.abs(cosine), np.abs(sine)
        half_x, half_y = extent_m[:, 0], extent_m[:, 1]
        reach = np.empty((len(cosine), 2))
        reach[:, 0] = abs_cosine * half_x + abs_sine * half_y
        reach[:, 1] = abs_sine * half_x + abs_cosine * half_y
        return BoxSet(center_m, extent_m, yaw_rad, cosine, sine, reach)


def sweep_pairs(center_m: np.ndarray, reach_m: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Pairs within one set of rectangles that overlap (sort and sweep along x).

    Args:
        center_m: (N, 2 or more) float64.
        reach_m: (N, 2) float64 half lengths along the axes.

    Returns:
        (first, second): (P,) int64 each, first < second, sorted.
    """
    count = len(reach_m)
    none = np.zeros(0, dtype=np.int64)
    if count < 2:
        return none, none
    x, reach_x = center_m[:, 0], reach_m[:, 0]
    low = x - reach_x
    order = np.argsort(low, kind="stable")
    low = low[order]
    ends = np.searchsorted(low, (x + reach_x)[order])
    counts = ends - np.arange(1, count + 1)
    total = int(counts.sum())
    if total == 0:
        return none, none
    left = np.repeat(np.arange(count), counts)
    starts = np.cumsum(counts) - counts
    right = np.arange(total) - np.repeat(starts, counts) + left + 1
    left, right = order[left], order[right]
    y, reach_y = center_m[:, 1], reach_m[:, 1]
    near = np.abs(y[left] - y[right]) <= reach_y[left] + reach_y[right]
    left, right = left[near], right[near]
    first, second = np.minimum(left, right), np.maximum(left, right)
    sort = np.lexsort((second, first))
    return first[sort], second[sort]


def touching(
    first_set: BoxSet, first: np.ndarray, second_set: BoxSet, second: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Narrow phase: separating axes in the plane and overlap in height.

    Args:
        first_set, first: boxes and (P,) rows of the first of each pair.
        second_set, second: the same of the second.

    Returns:
        hits: (K,) int64 positions among the pairs that touch.
        normal: (K, 2) float64 unit vectors pointing from the second box to the first.
        depth_m: (K,) float64 how far the boxes must part along the normal.
    """
    offset = first_set.center_m[first] - second_set.center_m[second]
    high = first_set.extent_m[first, 2] + second_set.extent_m[second, 2]
    keep = np.flatnonzero(np.abs(offset[:, 2]) < high)
    empty = np.zeros(0, dtype=np.int64), np.zeros((0, 2)), np.zeros(0)
    if not keep.size:
        return empty
    first, second, offset = first[keep], second[keep], offset[keep]
    cos_a, sin_a = first_set.cosine[first], first_set.sine[first]
    cos_b, sin_b = second_set.cosine[second], second_set.sine[second]
    half_a, half_b = first_set.extent_m[first], second_set.extent_m[second]
    relative_cos = np.abs(cos_a * cos_b + sin_a * sin_b)
    relative_sin = np.abs(sin_a * cos_b - cos_a * sin_b)
    axes_x = np.stack((cos_a, -sin_a, cos_b, -sin_b))
    axes_y = np.stack((sin_a, cos_a, sin_b, cos_b))
    reach = np.stack(
        (
            half_a[:, 0] + half_b[:, 0] * relative_cos + half_b[:, 1] * relative_sin,
            half_a[:, 1] + half_b[:, 0] * relative_sin + half_b[:, 1] * relative_cos,
            half_b[:, 0] + half_a[:, 0] * relative_cos + half_a[:, 1] * relative_sin,
            half_b[:, 1] + half_a[:, 0] * relative_sin + half_a[:, 1] * relative_cos,
        )
    )
    along = axes_x * offset[:, 0] + axes_y * offset[:, 1]
    gaps = reach - np.abs(along)
    hits = np.flatnonzero(gaps.min(axis=0) > 0.0)
    if not hits.size:
        return empty
    best = gaps[:, hits].argmin(axis=0)
    sign = np.where(along[best, hits] < 0.0, -1.0, 1.0)
    normal = np.stack((axes_x[best, hits] * sign, axes_y[best, hits] * sign), axis=1)
    return keep[hits], normal, gaps[best, hits]


def contact_points(first_set: BoxSet, first: np.ndarray, second_set: BoxSet, second: np.ndarray) -> np.ndarray:
    """Where overlapping boxes press on each other: the mean of the corners that lie inside the other box.

    Boxes that cross without a corner inside the other (a cross of two bars) press midway between their centres.

    Args:
        first_set, first: boxes and (K,) rows of the first of each pair.
        second_set, second: the same of the second.

    Returns:
        (K, 2) float64, world.
    """
    found = np.zeros((len(first), 2))
    number = np.zeros(len(first))
    for boxes, rows, others, other in (
        (first_set, first, second_set, second),
        (second_set, second, first_set, first),
    ):
        corner_x, corner_y = _corners(boxes, rows)
        offset_x = corner_x - others.center_m[other, 0]
        offset_y = corner_y - others.center_m[other, 1]
        cosine, sine = others.cosine[other], others.sine[other]
        along, across = offset_x * cosine + offset_y * sine, offset_y * cosine - offset_x * sine
        inside = (np.abs(along) <= others.extent_m[other, 0]) & (np.abs(across) <= others.extent_m[other, 1])
        found[:, 0] += (corner_x * inside).sum(axis=0)
        found[:, 1] += (corner_y * inside).sum(axis=0)
        number += inside.sum(axis=0)
    between = 0.5 * (first_set.center_m[first, :2] + second_set.center_m[second, :2])
    return np.where(number[:, None] > 0, found / np.maximum(number, 1.0)[:, None], between)


_CORNER_ALONG = np.array((1.0, 1.0, -1.0, -1.0))[:, None]
_CORNER_ACROSS = np.array((1.0, -1.0, -1.0, 1.0))[:, None]


def _corners(boxes: BoxSet, rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """x and y of the four ground corners of boxes, (4, K) float64 each."""
    along, across = _CORNER_ALONG * boxes.extent_m[rows, 0], _CORNER_ACROSS * boxes.extent_m[rows, 1]
    cosine, sine = boxes.cosine[rows], boxes.sine[rows]
    return (
        boxes.center_m[rows, 0] + along * cosine - across * sine,
        boxes.center_m[rows, 1] + along * sine + across * cosine,
    )
