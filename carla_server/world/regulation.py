"""Which traffic light and speed limit a vehicle stands under."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from carla_server.roads.town import SignSite, TrafficLightSite

NO_LIGHT = -1
_HEIGHT_SLACK_M = 3.0  # under or on a bridge is not at the light
_CELL_M = 2.0
_MIN_ALIGNMENT = 0.5  # cosine of 60 degrees: crossing traffic is not "at" the light


class LightTriggers:
    """Trigger boxes of all traffic lights, or lights and signs, ready for vectorised tests.

    A vehicle is at a light while its middle or its front bumper is inside the light's trigger box and it points along
    the lane. Local x of a trigger runs across the lanes.
    """

    def __init__(self, sites: Sequence[TrafficLightSite | SignSite]) -> None:
        boxes = [site.trigger for site in sites]
        center = np.array([box.center_m for box in boxes], np.float64).reshape(-1, 3)
        extent = np.array([box.extent_m for box in boxes], np.float64).reshape(-1, 3)
        yaw = np.radians(np.array([box.yaw_deg for box in boxes], np.float64))
        cosine, sine = np.cos(yaw), np.sin(yaw)
        self._count = len(boxes)
        # local x of all boxes, then local y of all boxes, as one matrix product of (x, y)
        self._into_boxes = np.concatenate([[cosine, sine], [-sine, cosine]], 1)
        self._origin = np.concatenate(
            [cosine * center[:, 0] + sine * center[:, 1], cosine * center[:, 1] - sine * center[:, 0]]
        )
        self._reach = np.concatenate([extent[:, 0], extent[:, 1]])
        self._height = center[:, 2]
        self._height_reach = extent[:, 2] + _HEIGHT_SLACK_M
        if boxes:
            half_x = np.abs(cosine) * extent[:, 0] + np.abs(sine) * extent[:, 1]
            half_y = np.abs(sine) * extent[:, 0] + np.abs(cosine) * extent[:, 1]
            self._file(center[:, :2], np.stack((half_x, half_y), 1))

    def site_of(self, position_m: np.ndarray, heading: np.ndarray, half_length_m: np.ndarray) -> np.ndarray:
        """Find the light of each vehicle.

        Args:
            position_m: (N, 3) vehicle origins in the world.
            heading: (N, 2) cosine and sine of the yaw.
            half_length_m: (N,) distance from the origin to the front bumper.

        Returns:
            (N,) int64 index of the site, `NO_LIGHT` for none.
        """
        vehicles = len(position_m)
        sites = np.full(vehicles, NO_LIGHT)
        if not self._count or not vehicles:
            return sites
        points = np.empty((2, vehicles, 2))
        points[:] = position_m[:, :2]
        points[1] += heading * half_length_m[:, None]
        cells = ((points - self._low_m) * (1.0 / _CELL_M)).astype(np.int64)
        cells = np.minimum(np.maximum(cells, 0, out=cells), self._last_cell, out=cells)
        near = self._near.take(cells[..., 0] * self._columns + cells[..., 1])
        if np.count_nonzero(near):
            rows = np.flatnonzero(near[0] | near[1])
            sites[rows] = self._look_closely(points[:, rows], heading[rows], position_m[rows, 2:3])
        return sites

    def _look_closely(self, points: np.ndarray, heading: np.ndarray, height_m: np.ndarray) -> np.ndarray:
        """`site_of` for the middles and bumpers (2, N, 2) of vehicles that are near a light."""
        within = np.abs(points @ self._into_boxes - self._origin) <= self._reach
        inside = within[..., : self._count] & within[..., self._count :]
        at = inside[0] | inside[1]
        along_lane = np.abs(heading @ self._into_boxes[:, self._count :])
        at &= along_lane > _MIN_ALIGNMENT
        at &= np.abs(height_m - self._height) < self._height_reach
        return np.where(at.any(1), at.argmax(1), NO_LIGHT)

    def _file(self, center_m: np.ndarray, reach_m: np.ndarray) -> None:
        """Mark the cells that a trigger box touches; the outermost stay free, for they stand for all outside.

        Args:
            center_m: (n, 2) middles of the boxes.
            reach_m: (n, 2) half lengths of the rectangles around them.
        """
        low, high = center_m - reach_m, center_m + reach_m
        self._low_m = low.min(0) - 2.0 * _CELL_M
        self._last_cell = ((high.max(0) - self._low_m) * (1.0 / _CELL_M)).astype(np.int64) + 2
        self._columns = int(self._last_cell[1]) + 1
        near = np.zeros(self._last_cell + 1, bool)
        first = ((low - self._low_m) * (1.0 / _CELL_M)).astype(np.int64)
        last = ((high - self._low_m) * (1.0 / _CELL_M)).astype(np.int64) + 1
        for (x, y), (x_end, y_end) in zip(first.tolist(), last.tolist(), strict=True):
            near[x:x_end, y:y_end] = True
        self._near = near.ravel()
