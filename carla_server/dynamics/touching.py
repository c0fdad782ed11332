"""Who touches whom in a tick: vehicles with each other, with walkers and with what stands still; compiled."""

from __future__ import annotations

from numba import float64, int64

from carla_server.compiled import compiled, kernel
from carla_server.dynamics.boxes import BOX_SET, contact_point, touch
from carla_server.dynamics.static_grid import CELL_M, CELLS


@kernel(int64(int64, BOX_SET, BOX_SET, CELLS, int64[:, ::1], float64[:, ::1]))
def find_touching(vehicles, bodies, fixed, cells, pairs, facts):
    """Find the pairs of boxes that touch: first those of two bodies, then those with what stands still.

    Every vehicle is compared with every body: among the hundreds that a world has, searching for neighbours first
    costs more than it saves.

    Args:
        vehicles: how many of the bodies, the first ones, are vehicles; the others do not look for contacts.
        bodies: `BoxSet` of what moves.
        fixed: `BoxSet` of what stands still.
        cells: `Cells` of `fixed`.
        pairs: (C, 3) rows of a vehicle and of the other box, and 1 if that is a body, 0 if it stands still; written.
        facts: (C, 5) normal x and y, depth, contact point x and y; written.

    Returns:
        How many touch; if they are more than C, only the first C were written.
    """
    found = 0
    for row in range(vehicles):
        for other in range(row + 1, len(bodies.center_m)):
            if _near(bodies.center_m, bodies.extent_m, row, bodies.center_m, bodies.extent_m, other):
                found = _noted(found, bodies, row, bodies, other, 1, pairs, facts)
    for row in range(vehicles):
        column = (bodies.center_m[row, 0] - cells.x_m) * (1.0 / CELL_M)
        line = (bodies.center_m[row, 1] - cells.y_m) * (1.0 / CELL_M)
        if 0.0 <= column < cells.columns and 0.0 <= line < cells.lines:
            cell = int(column) * cells.lines + int(line)
            for place in range(cells.start[cell], cells.start[cell + 1]):
                other = cells.items[place]
                if _near(bodies.center_m, bodies.extent_m, row, fixed.center_m, fixed.extent_m, other):
                    found = _noted(found, bodies, row, fixed, other, 0, pairs, facts)
    return found


@compiled
def _near(center_m, extent_m, row, others_m, other_extent_m, other):
    """Whether upright square pillars around two boxes overlap."""
    reach = extent_m[row, 0] + extent_m[row, 1] + other_extent_m[other, 0] + other_extent_m[other, 1]
    return abs(center_m[row, 0] - others_m[other, 0]) < reach and abs(center_m[row, 1] - others_m[other, 1]) < reach


@compiled
def _noted(found, bodies, row, others, other, moves, pairs, facts):
    """Write a pair down if it touches; how many pairs that makes."""
    depth, normal_x, normal_y = touch(bodies, row, others, other)
    if not depth > 0.0:
        return found
    if found < len(pairs):
        pairs[found, 0], pairs[found, 1], pairs[found, 2] = row, other, moves
        facts[found, 0], facts[found, 1], facts[found, 2] = normal_x, normal_y, depth
        facts[found, 3], facts[found, 4] = contact_point(bodies, row, others, other)
    return found + 1
