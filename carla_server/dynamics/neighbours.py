"""Which bodies may touch in the ticks to come, so that not everybody is compared with everybody in every tick.

Pairs are listed whose surroundings of `SLACK_M` overlap (a Verlet list, as molecular dynamics uses them). The list
misses nobody until somebody has moved by `SLACK_M`, however often the bodies turn in between.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from carla_server.dynamics.boxes import BoxSet, sweep_pairs
from carla_server.dynamics.static_grid import StaticGrid
from carla_server.dynamics.vehicle import VehicleFleet
from carla_server.dynamics.walker import WalkerFleet

SLACK_M = 2.5


class Neighbours(NamedTuple):
    """Pairs of rows, vehicles first and walkers behind them; each list sorted.

    Attributes:
        made_for: the arrays that are replaced when a body comes, goes or changes its size, and the grid.
        places_m: (N, 2) where everybody was when the lists were made.
        first, second: (P,) int64 pairs of a vehicle and another body, first < second.
        mover, obstacle: (Q,) int64 vehicles and rows of the grid's boxes.
    """

    made_for: tuple[np.ndarray, np.ndarray, StaticGrid]
    places_m: np.ndarray
    first: np.ndarray
    second: np.ndarray
    mover: np.ndarray
    obstacle: np.ndarray

    @staticmethod
    def of(vehicles: VehicleFleet, walkers: WalkerFleet, grid: StaticGrid, radius_m: np.ndarray) -> Neighbours:
        """List the pairs.

        Args:
            vehicles, walkers: the bodies; at least one vehicle.
            grid: obstacles, with a margin of at least the largest radius and `SLACK_M`.
            radius_m: `radius_of` the bodies.
        """
        places = places_of(vehicles, walkers)
        reach = np.repeat(radius_m[:, None] + SLACK_M, 2, axis=1)
        first, second = sweep_pairs(places, reach)
        count = len(vehicles)
        useful = first < count
        mover, obstacle = grid.pairs(places[:count], reach[:count])
        made_for = (vehicles.mass_kg, walkers.actor_ids, grid)
        return Neighbours(made_for, places.copy(), first[useful], second[useful], mover, obstacle)

    def hold(self, vehicles: VehicleFleet, walkers: WalkerFleet, grid: StaticGrid) -> bool:
        """Whether the lists are still good."""
        bodies, people, made_for = self.made_for
        if bodies is not vehicles.mass_kg or people is not walkers.actor_ids or made_for is not grid:
            return False
        moved = np.abs(places_of(vehicles, walkers) - self.places_m)
        return bool(moved.max() <= SLACK_M)


def places_of(vehicles: VehicleFleet, walkers: WalkerFleet) -> np.ndarray:
    """(N, 2) float64 x and y of the origins of all bodies."""
    if not len(walkers):
        return vehicles.position_m[:, :2]
    return np.concatenate((vehicles.position_m[:, :2], walkers.position_m[:, :2]))


def radius_of(vehicles: VehicleFleet, walkers: WalkerFleet) -> np.ndarray:
    """(N,) float64 radius of a circle around each body's origin that holds its box, wherever it points."""
    reach = np.abs(vehicles.box_center_m[:, :2]) + vehicles.extent_m[:, :2]
    if len(walkers):
        reach = np.concatenate((reach, walkers.extent_m[:, :2]))
    return np.hypot(reach[:, 0], reach[:, 1])


def overlapping(
    first_set: BoxSet, first: np.ndarray, second_set: BoxSet, second: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Those of the pairs whose axis-aligned rectangles overlap, in the same order."""
    if not first.size:
        return first, second
    gap = np.abs(first_set.center_m.take(first, 0) - second_set.center_m.take(second, 0))[:, :2]
    gap -= first_set.reach_m.take(first, 0)
    within = gap <= second_set.reach_m.take(second, 0)
    near = (within[:, 0] & within[:, 1]).nonzero()[0]
    return first.take(near), second.take(near)
