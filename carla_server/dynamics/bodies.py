"""The boxes of everything that moves, kept between ticks."""

from __future__ import annotations

import math

import numpy as np
from numba import float64, from_dtype, void

from carla_server.compiled import kernel
from carla_server.dynamics.boxes import BOX_SET, BoxSet
from carla_server.dynamics.vehicle import VehicleFleet
from carla_server.dynamics.vehicle_columns import STATE_DTYPE
from carla_server.dynamics.walker import WalkerFleet


class Bodies:
    """Boxes of all vehicles, then all walkers.

    Attributes:
        boxes: where they were when `place` was called last.
        longest_m: the farthest that a vehicle's box reaches from the vehicle's origin, wherever it points.
    """

    def __init__(self) -> None:
        self.boxes = BoxSet(np.zeros((0, 3)), np.zeros((0, 3)), np.zeros((0, 2)))
        self.longest_m = 0.0
        self._made_for: tuple[np.ndarray, np.ndarray] | None = None

    def place(self, vehicles: VehicleFleet, walkers: WalkerFleet) -> BoxSet:
        """Put the boxes where everybody is now."""
        made_for = self._made_for
        # The fleets replace these arrays when somebody comes, goes or changes its size.
        if made_for is None or made_for[0] is not vehicles.mass_kg or made_for[1] is not walkers.actor_ids:
            self._made_for = vehicles.mass_kg, walkers.actor_ids
            count = len(vehicles) + len(walkers)
            extent = np.concatenate((vehicles.extent_m, walkers.extent_m))
            self.boxes = BoxSet(np.zeros((count, 3)), extent, np.zeros((count, 2)))
            reach = np.abs(vehicles.box_center_m[:, :2]) + vehicles.extent_m[:, :2]
            self.longest_m = float(np.hypot(reach[:, 0], reach[:, 1]).max(initial=0.0))
        place_boxes(vehicles.rows, vehicles.box_center_m, walkers.position_m, walkers.rotation_rad, self.boxes)
        return self.boxes


@kernel(void(from_dtype(STATE_DTYPE)[::1], float64[:, ::1], float64[:, ::1], float64[:, ::1], BOX_SET))
def place_boxes(cars, box_center_m, walkers_m, walkers_rad, boxes):
    """Write centres and headings.

    Args:
        cars: (N,) of `STATE_DTYPE`.
        box_center_m: (N, 3) centre of each vehicle's box in its own frame.
        walkers_m, walkers_rad: (M, 3) positions and rotations (pitch, yaw, roll).
        boxes: `BoxSet` of N + M.
    """
    center_m, heading = boxes.center_m, boxes.heading
    count = len(cars)
    for row in range(count):
        car = cars[row]
        cosine, sine = car.heading_x, car.heading_y
        x, y = box_center_m[row, 0], box_center_m[row, 1]
        center_m[row, 0] = car.x_m + (x * cosine - y * sine)
        center_m[row, 1] = car.y_m + (x * sine + y * cosine)
        center_m[row, 2] = car.z_m + box_center_m[row, 2]
        heading[row, 0], heading[row, 1] = cosine, sine
    for walker in range(len(walkers_m)):
        row = count + walker
        for axis in range(3):
            center_m[row, axis] = walkers_m[walker, axis]
        yaw = walkers_rad[walker, 1]
        heading[row, 0], heading[row, 1] = math.cos(yaw), math.sin(yaw)
