"""Houses hide most of a town from a street: what is surely behind one is not drawn.

The test never errs the other way, so pictures are the same with and without it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from carla_server.render.camera import spheres_in_frustum
from carla_server.render.shapes.buildings import BASE_DEPTH_M, wall_height_m
from carla_server.roads.town import Placement, PropKind

_MOST = 20
"""Houses that look largest; more seldom hide anything else."""
_CLEARANCE_M = 0.05


@dataclass(frozen=True)
class Skyline:
    """Houses as the eye sees them around it.

    Attributes:
        eye_m: (3,) where from.
        azimuth_rad, half_width_rad: (K,) direction of the middle of each house and half the angle it covers.
        beyond_m: (K,) ground distance of its farthest corner.
        slope: (K,) rise over distance of its upper edge at that corner.
        base_m: (K,) height of its lower edge.
    """

    eye_m: np.ndarray
    azimuth_rad: np.ndarray
    half_width_rad: np.ndarray
    beyond_m: np.ndarray
    slope: np.ndarray
    base_m: np.ndarray

    def hides(self, middle_m: np.ndarray, radius_m: np.ndarray, low_m: np.ndarray, high_m: np.ndarray) -> np.ndarray:
        """(N,) bool: which upright cylinders are wholly behind one house.

        Args:
            middle_m: (N, >= 2) axes.
            radius_m: (N,).
            low_m, high_m: (N,) heights of their ends in the world.
        """
        if not len(self.beyond_m) or not len(middle_m):
            return np.zeros(len(middle_m), bool)
        x, y = middle_m[:, 0] - self.eye_m[0], middle_m[:, 1] - self.eye_m[1]
        away_m = np.hypot(x, y)
        half_rad = np.arcsin(np.minimum(radius_m / np.maximum(away_m, 1e-6), 1.0))
        turn = np.abs(np.arctan2(y, x)[:, None] - self.azimuth_rad)
        turn = np.minimum(turn, 2.0 * np.pi - turn)
        rise_m = high_m - self.eye_m[2]
        slope = rise_m / np.maximum(np.where(rise_m > 0.0, away_m - radius_m, away_m + radius_m), 1e-6)
        hidden = (turn + half_rad[:, None] < self.half_width_rad) & (slope[:, None] < self.slope)
        hidden &= (away_m - radius_m)[:, None] > self.beyond_m
        hidden &= low_m[:, None] > self.base_m
        return hidden.any(1)


class Occluders:
    """The walls of a town's houses.

    Args:
        placements: those of kind BUILDING count.
    """

    def __init__(self, placements: Sequence[Placement]) -> None:
        houses = [placement for placement in placements if placement.kind is PropKind.BUILDING]
        self._corner_m = np.array([_corners(house) for house in houses]).reshape(-1, 4, 2)
        self._base_m = np.array([house.position_m[2] - BASE_DEPTH_M for house in houses])
        self._top_m = np.array([house.position_m[2] + wall_height_m(house.size_m) for house in houses])
        self._middle_m = np.c_[self._corner_m.mean(1), (self._base_m + self._top_m) / 2.0]
        self._reach_m = np.array([np.linalg.norm(house.size_m) / 2.0 + BASE_DEPTH_M for house in houses])

    def seen_from(self, eye_m: np.ndarray, planes: np.ndarray) -> Skyline:
        """The houses within `frustum_planes` that hide most."""
        some = np.flatnonzero(spheres_in_frustum(planes, self._middle_m, self._reach_m))
        gap_m = self._corner_m[some] - eye_m[:2]
        away_m = np.hypot(gap_m[..., 0], gap_m[..., 1])
        azimuth = np.arctan2(gap_m[..., 1], gap_m[..., 0])
        middle = np.arctan2(gap_m[..., 1].mean(1), gap_m[..., 0].mean(1))
        turn = (azimuth - middle[:, None] + np.pi) % (2.0 * np.pi) - np.pi
        low, high = turn.min(1), turn.max(1)
        beyond_m = away_m.max(1) + _CLEARANCE_M
        slope = (self._top_m[some] - eye_m[2]) / beyond_m
        width = high - low
        # From within or right beside a house the angles mean nothing.
        useful = np.flatnonzero((width < 2.5) & (slope > 0.0) & (eye_m[2] > self._base_m[some]))
        useful = useful[np.argsort(-(width * slope)[useful], kind="stable")[:_MOST]]
        azimuth_rad = (middle + (low + high) / 2.0)[useful]
        azimuth_rad = (azimuth_rad + np.pi) % (2.0 * np.pi) - np.pi
        base_m = self._base_m[some][useful]
        return Skyline(eye_m, azimuth_rad, width[useful] / 2.0, beyond_m[useful], slope[useful], base_m)


def _corners(house: Placement) -> np.ndarray:
    """(4, 2) corners of a house's walls in the world."""
    angle = np.radians(house.yaw_deg)
    turn = np.array([(np.cos(angle), -np.sin(angle)), (np.sin(angle), np.cos(angle))])
    half = np.array(house.size_m[:2]) / 2.0
    return np.array([(-1, -1), (1, -1), (1, 1), (-1, 1)]) * half @ turn.T + np.array(house.position_m[:2])
