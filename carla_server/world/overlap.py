"""Whether upright boxes overlap: vectorised separating axes in the plane, and heights."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from carla_server.roads.town import Box


@dataclass(frozen=True)
class BoxArray:
    """Many upright boxes: centres (N, 3) and half extents (N, 3) in metres, headings (N,) in radians."""

    center_m: np.ndarray
    extent_m: np.ndarray
    yaw_rad: np.ndarray

    @staticmethod
    def of(boxes: Sequence[Box]) -> BoxArray:
        """Stack boxes of a town."""
        return BoxArray(
            np.array([box.center_m for box in boxes], np.float64).reshape(-1, 3),
            np.array([box.extent_m for box in boxes], np.float64).reshape(-1, 3),
            np.radians(np.array([box.yaw_deg for box in boxes], np.float64)),
        )

    def __len__(self) -> int:
        return len(self.yaw_rad)


def overlapping(box: Box, others: BoxArray) -> np.ndarray:
    """(N,) bool: which of the others intersect the box; touching does not count."""
    if not len(others):
        return np.zeros(0, bool)
    extent = np.asarray(box.extent_m)
    offset = others.center_m - np.asarray(box.center_m)
    reach = (others.extent_m[:, :2].sum(1) + extent[:2].sum())[:, None]
    near = np.flatnonzero(
        (np.abs(offset[:, :2]) < reach).all(1) & (np.abs(offset[:, 2]) < extent[2] + others.extent_m[:, 2])
    )
    inside = np.zeros(len(others), bool)
    if len(near):
        inside[near] = _overlapping(
            extent, np.radians(box.yaw_deg), offset[near], others.extent_m[near], others.yaw_rad[near]
        )
    return inside


def _overlapping(
    half: np.ndarray, yaw: float, offset: np.ndarray, other: np.ndarray, other_yaw: np.ndarray
) -> np.ndarray:
    """Separating axes of one rectangle and (N,) others that lie `offset` away from it."""
    c, s = np.cos(yaw), np.sin(yaw)
    turn = other_yaw - yaw
    ct, st = np.abs(np.cos(turn)), np.abs(np.sin(turn))
    along = np.abs(c * offset[:, 0] + s * offset[:, 1])
    across = np.abs(-s * offset[:, 0] + c * offset[:, 1])
    apart = along >= half[0] + ct * other[:, 0] + st * other[:, 1]
    apart |= across >= half[1] + st * other[:, 0] + ct * other[:, 1]
    co, so = np.cos(other_yaw), np.sin(other_yaw)
    along = np.abs(co * offset[:, 0] + so * offset[:, 1])
    across = np.abs(-so * offset[:, 0] + co * offset[:, 1])
    apart |= along >= other[:, 0] + ct * half[0] + st * half[1]
    apart |= across >= other[:, 1] + st * half[0] + ct * half[1]
    return ~apart
