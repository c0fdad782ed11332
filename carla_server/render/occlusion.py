"""Houses hide most of a town from a street: what is surely behind one is not drawn.

The test never errs the other way, so pictures are the same with and without it.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from carla_server.render.culling import hiding_houses
from carla_server.render.shapes.buildings import BASE_DEPTH_M, wall_height_m
from carla_server.roads.town import Placement, PropKind


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

    def seen_from(self, eye_m: np.ndarray, planes: np.ndarray) -> np.ndarray:
        """The houses within `frustum_planes` that hide most, (K, 5) by `hiding_houses`."""
        return hiding_houses(planes, eye_m, self._corner_m, self._base_m, self._top_m, self._middle_m, self._reach_m)


def _corners(house: Placement) -> np.ndarray:
    """(4, 2) corners of a house's walls in the world."""
    angle = np.radians(house.yaw_deg)
    turn = np.array([(np.cos(angle), -np.sin(angle)), (np.sin(angle), np.cos(angle))])
    half = np.array(house.size_m[:2]) / 2.0
    return np.array([(-1, -1), (1, -1), (1, 1), (-1, 1)]) * half @ turn.T + np.array(house.position_m[:2])
