"""Which traffic light and speed limit a vehicle stands under."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from carla_server.roads.town import SignSite, TrafficLightSite

NO_LIGHT = -1
_HEIGHT_SLACK_M = 3.0  # under or on a bridge is not at the light
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
        self._across = self._into_boxes[:, self._count :].copy()

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
        if not self._count or not vehicles:
            return np.full(vehicles, NO_LIGHT)
        points = np.empty((2, vehicles, 2))
        points[:] = position_m[:, :2]
        points[1] += heading * half_length_m[:, None]
        places = points.reshape(-1, 2) @ self._into_boxes
        places -= self._origin
        within = np.abs(places, out=places) <= self._reach
        inside = within[:, : self._count] & within[:, self._count :]
        if not np.count_nonzero(inside):
            return np.full(vehicles, NO_LIGHT)
        at = inside[:vehicles] | inside[vehicles:]
        at &= np.abs(heading @ self._across) > _MIN_ALIGNMENT
        at &= np.abs(position_m[:, 2:3] - self._height) < self._height_reach
        return np.where(at.any(1), at.argmax(1), NO_LIGHT)
