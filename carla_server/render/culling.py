"""What of a town a view or a shadow map must draw, in compiled loops over boxes, houses and instances."""

from __future__ import annotations

import numpy as np
from numba import boolean, float64, int64, types, uint32

from carla_server.compiled import compiled, kernel
from carla_server.render.shapes.library import LEVELS

_LEVELS_PX = (9.0, 26.0, 60.0)
"""Projected radius from which a mesh is drawn at levels 1, 2 and 3."""
_DROP_PX = 0.7
_BELOW_ORIGIN_M = 1.0
"""Walkers reach this far below their origin, which is their middle; others stand on it."""
_FOLIAGE = 1 << 32
_MOST_HOUSES = 20
"""Houses that look largest; more seldom hide anything else."""
_CLEARANCE_M = 0.05
RECORD_WORDS = 5
"""An indirect draw record: index count, instances, first index, base vertex, base instance."""

NO_HOUSES = np.zeros((0, 5))
_POINTS, _POINT, _NUMBERS, _ROWS = float64[:, ::1], float64[::1], float64[::1], int64[::1]


@compiled
def _sphere_seen(planes, x, y, z, radius_m):
    for row in range(len(planes)):
        plane = planes[row]
        if plane[0] * x + plane[1] * y + plane[2] * z + radius_m <= -plane[3]:
            return False
    return True


@compiled
def _behind_house(houses, eye_m, x, y, radius_m, low_m, high_m):
    """Whether an upright cylinder is wholly behind one of the houses by `hiding_houses`."""
    x, y = x - eye_m[0], y - eye_m[1]
    away_m = np.hypot(x, y)
    half_rad = np.arcsin(min(radius_m / max(away_m, 1e-6), 1.0))
    azimuth_rad = np.arctan2(y, x)
    rise_m = high_m - eye_m[2]
    slope = rise_m / max(away_m - radius_m if rise_m > 0.0 else away_m + radius_m, 1e-6)
    for row in range(len(houses)):
        house = houses[row]
        turn = abs(azimuth_rad - house[0])
        turn = min(turn, 2.0 * np.pi - turn)
        if turn + half_rad < house[1] and slope < house[3] and away_m - radius_m > house[2] and low_m > house[4]:
            return True
    return False


@kernel(float64[:, ::1](_POINTS, _POINT, float64[:, :, ::1], _NUMBERS, _NUMBERS, _POINTS, _NUMBERS))
def hiding_houses(planes, eye_m, corner_m, base_m, top_m, middle_m, reach_m):
    """The houses within a frustum that hide most.

    Args:
        planes: (6, 4) by `frustum_planes`.
        eye_m: (3,) where from.
        corner_m: (H, 4, 2) corners of the walls.
        base_m, top_m: (H,) heights of the walls' ends.
        middle_m, reach_m: (H, 3) and (H,) spheres around the houses.

    Returns:
        (K, 5): direction of the middle, half the angle it covers (radians), ground distance of the farthest corner
        (m), rise over distance of the upper edge there, height of the lower edge (m).
    """
    found = np.empty((len(base_m), 5))
    size = np.empty(len(base_m))
    count = 0
    for row in range(len(base_m)):
        if not _sphere_seen(planes, middle_m[row, 0], middle_m[row, 1], middle_m[row, 2], reach_m[row]):
            continue
        x, y, beyond_m = 0.0, 0.0, 0.0
        for corner in range(4):
            gap_x, gap_y = corner_m[row, corner, 0] - eye_m[0], corner_m[row, corner, 1] - eye_m[1]
            x, y, beyond_m = x + gap_x / 4.0, y + gap_y / 4.0, max(beyond_m, np.hypot(gap_x, gap_y))
        middle_rad = np.arctan2(y, x)
        low, high = np.pi, -np.pi
        for corner in range(4):
            gap_x, gap_y = corner_m[row, corner, 0] - eye_m[0], corner_m[row, corner, 1] - eye_m[1]
            turn = (np.arctan2(gap_y, gap_x) - middle_rad + np.pi) % (2.0 * np.pi) - np.pi
            low, high = min(low, turn), max(high, turn)
        beyond_m += _CLEARANCE_M
        slope = (top_m[row] - eye_m[2]) / beyond_m
        # From within or right beside a house the angles mean nothing.
        if high - low >= 2.5 or slope <= 0.0 or eye_m[2] <= base_m[row]:
            continue
        azimuth_rad = (middle_rad + (low + high) / 2.0 + np.pi) % (2.0 * np.pi) - np.pi
        found[count, 0], found[count, 1], found[count, 2] = azimuth_rad, (high - low) / 2.0, beyond_m
        found[count, 3], found[count, 4] = slope, base_m[row]
        size[count] = -(high - low) * slope
        count += 1
    order = np.argsort(size[:count], kind="mergesort")[:_MOST_HOUSES]
    chosen = np.empty((len(order), 5))
    for row in range(len(order)):
        chosen[row] = found[order[row]]
    return chosen


@kernel(types.Tuple((_ROWS, _NUMBERS))(_POINTS, _POINT, _POINTS, _POINTS, _POINTS, float64))
def cells_in_sight(planes, eye_m, houses, middle_m, half_m, overlap_m):
    """Boxes within a frustum and not behind houses, nearest first, so that hidden pixels are not shaded.

    Args:
        planes, eye_m: as for `hiding_houses`.
        houses: (K, 5) by `hiding_houses`; none hide nothing.
        middle_m, half_m: (C, 3) of the boxes.
        overlap_m: how far what is drawn for a box may stand out of it to the sides.

    Returns:
        (V,) rows and (V,) distances of the eye to the boxes, metres.
    """
    rows, away_m = np.empty(len(middle_m), np.int64), np.empty(len(middle_m))
    count = 0
    for row in range(len(middle_m)):
        middle, half = middle_m[row], half_m[row]
        seen = True
        for number in range(len(planes)):
            plane = planes[number]
            nearest = plane[0] * middle[0] + plane[1] * middle[1] + plane[2] * middle[2]
            nearest += abs(plane[0]) * half[0] + abs(plane[1]) * half[1] + abs(plane[2]) * half[2]
            if nearest <= -plane[3]:
                seen = False
                break
        if not seen:
            continue
        if len(houses):
            radius_m = np.hypot(half[0], half[1]) + overlap_m
            low_m, high_m = middle[2] - half[2], middle[2] + half[2]
            if _behind_house(houses, eye_m, middle[0], middle[1], radius_m, low_m, high_m):
                continue
        away2 = 0.0
        for axis in range(3):
            away2 += max(abs(middle[axis] - eye_m[axis]) - half[axis], 0.0) ** 2
        rows[count], away_m[count] = row, np.sqrt(away2)
        count += 1
    order = np.argsort(away_m[:count], kind="mergesort")
    return rows[:count][order], away_m[:count][order]


@kernel(uint32[::1](uint32[::1], _ROWS, _ROWS, _ROWS))
def listed_indices(indices, first, cells, counts):
    """The first `counts[i]` indices of cell `cells[i]`, which begin at `first[cells[i]]`, one cell after another."""
    listed = np.empty(counts.sum(), np.uint32)
    filled = 0
    for place in range(len(cells)):
        start, count = first[cells[place]], counts[place]
        listed[filled : filled + count] = indices[start : start + count]
        filled += count
    return listed


@compiled
def _draw_records(keys, first, count):
    """Order of keys (mesh * LEVELS + level, plus FOLIAGE), and a draw record for each group of equal ones."""
    order = np.argsort(keys, kind="mergesort")
    records = np.zeros((len(keys), RECORD_WORDS), np.uint32)
    groups, objects, last = 0, 0, -1
    for place in range(len(order)):
        key = keys[order[place]]
        if key != last:
            mesh, level = (key % _FOLIAGE) // LEVELS, key % LEVELS
            records[groups, 0], records[groups, 2], records[groups, 4] = count[mesh, level], first[mesh, level], place
            groups += 1
            if key < _FOLIAGE:
                objects = groups
            last = key
        records[groups - 1, 1] += 1
    return order, records[:groups], objects


_DRAWS = types.Tuple((_ROWS, uint32[:, ::1], int64))
_LEVEL_TABLE = int64[:, ::1]


@kernel(_DRAWS(_ROWS, _LEVEL_TABLE, _LEVEL_TABLE))
def draws_of(keys, first, count):
    """Sort instances by mesh and level.

    Args:
        keys: (N,) mesh * LEVELS + level.
        first, count: (M, LEVELS) index ranges of the meshes' levels.

    Returns:
        (N,) order of the instances, (R, 5) a draw record for each mesh and level, and R.
    """
    return _draw_records(keys, first, count)


@kernel(_DRAWS(_POINTS, _POINT, float64, _POINTS, _NUMBERS, _ROWS, _LEVEL_TABLE, _LEVEL_TABLE))
def shadows_in_sight(planes, eye_m, fine_m, origin_m, reach_m, mesh, first, count):
    """Instances that a shadow map may show, as coarse as shadows allow, finer nearer to the eye than `fine_m`.

    Args and returns: as for `instances_in_sight`, without foliage.
    """
    rows, keys = np.empty(len(mesh), np.int64), np.empty(len(mesh), np.int64)
    seen = 0
    for row in range(len(mesh)):
        x, y, z = origin_m[row, 0], origin_m[row, 1], origin_m[row, 2]
        if not _sphere_seen(planes, x, y, z, reach_m[row]):
            continue
        away_m = max(abs(x - eye_m[0]), abs(y - eye_m[1]), abs(z - eye_m[2]))
        rows[seen], keys[seen] = row, mesh[row] * LEVELS + (1 if away_m < fine_m else 0)
        seen += 1
    order, records, objects = _draw_records(keys[:seen], first, count)
    return rows[:seen][order], records, objects


@kernel(_DRAWS(_POINTS, _POINT, float64, _POINTS, _POINTS, _NUMBERS, _ROWS, boolean[::1], _LEVEL_TABLE, _LEVEL_TABLE))
def instances_in_sight(planes, eye_m, focal_px, houses, origin_m, reach_m, mesh, foliage, first, count):
    """Instances that may cover a pixel, sorted for drawing, with the level of detail that their size asks for.

    Args:
        planes, eye_m, houses: as for `cells_in_sight`.
        focal_px: focal length.
        origin_m, reach_m: (N, 3) and (N,) spheres around the instances.
        mesh: (N,) number of each one's mesh.
        foliage: (N,) bool, drawn by the foliage shader.
        first, count: (M, LEVELS) index ranges of the meshes' levels.

    Returns:
        (V,) rows in drawing order, (R, 5) draw records, and how many of them, the first ones, are no foliage.
    """
    rows, keys = np.empty(len(mesh), np.int64), np.empty(len(mesh), np.int64)
    seen = 0
    for row in range(len(mesh)):
        x, y, z = origin_m[row, 0], origin_m[row, 1], origin_m[row, 2]
        radius_m = reach_m[row]
        if not _sphere_seen(planes, x, y, z, radius_m):
            continue
        away_m = np.sqrt((x - eye_m[0]) ** 2 + (y - eye_m[1]) ** 2 + (z - eye_m[2]) ** 2)
        size_px = focal_px * radius_m / max(away_m - radius_m, 0.5)
        if size_px <= _DROP_PX:
            continue
        if _behind_house(houses, eye_m, x, y, radius_m, z - _BELOW_ORIGIN_M, z + radius_m):
            continue
        level = 0
        for limit_px in _LEVELS_PX:
            level += size_px > limit_px
        rows[seen], keys[seen] = row, mesh[row] * LEVELS + level + (_FOLIAGE if foliage[row] else 0)
        seen += 1
    order, records, objects = _draw_records(keys[:seen], first, count)
    return rows[:seen][order], records, objects
