"""Valleys under the bridges that a map names: beds across the road, with water in those that leave the town."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from carla_server.roads.lane_strips import LaneStrip
from carla_server.roads.spans import BANK_SLOPE, Spans, stretches

DEPTH_M = 6.0
"""Of the bed below the lowest point of the bridge."""

DEPTH_SHARE = 0.3
"""Of a short bridge's length: its valley is shallower."""

NARROWEST_HALF_M = 1.0
WATER_DEPTH_M = 1.7
REACH_M = 520.0
"""How far a valley goes beyond the middle of its bridge, unless a road stops it."""

CLEARANCE_M = 3.0
"""Distance that the bed keeps from roads that cross no bridge there."""

MEANDER_M, MEANDER_LENGTH_M = 9.0, 45.0
STRAIGHT_M, WINDING_M = 25.0, 100.0
"""A valley is straight up to the first distance from its bridge and winds from the second on."""

_STEP_M = 2.0


@dataclass(frozen=True)
class Valley:
    """A bed with sloping banks along a line that winds about an axis.

    Attributes:
        middle_m: (x, y) below the middle of the bridge.
        axis: unit vector across the road.
        from_m, to_m: where it begins and ends along the axis.
        half_m: half width of the bed.
        bed_m: height of the bed.
        water_m: height of the water, None for a dry valley.
    """

    middle_m: tuple[float, float]
    axis: tuple[float, float]
    from_m: float
    to_m: float
    half_m: float
    bed_m: float
    water_m: float | None

    def _aside_m(self, along_m: np.ndarray) -> np.ndarray:
        share = np.clip((np.abs(along_m) - STRAIGHT_M) / (WINDING_M - STRAIGHT_M), 0.0, 1.0)
        return MEANDER_M * share * share * (3.0 - 2.0 * share) * np.sin(along_m / MEANDER_LENGTH_M)

    def line_m(self, along_m: np.ndarray, aside_m: float | np.ndarray = 0.0) -> np.ndarray:
        """Points of the bed's middle line, or to its left (negative) and right, (N, 2)."""
        aside = self._aside_m(along_m) + aside_m
        (x, y), (ax, ay) = self.middle_m, self.axis
        return np.stack([x + along_m * ax - aside * ay, y + along_m * ay + aside * ax], axis=-1)

    def distance_m(self, x_m: np.ndarray, y_m: np.ndarray) -> np.ndarray:
        """Distance of points from the middle line."""
        x, y = x_m - self.middle_m[0], y_m - self.middle_m[1]
        along, across = x * self.axis[0] + y * self.axis[1], y * self.axis[0] - x * self.axis[1]
        beyond = along - np.clip(along, self.from_m, self.to_m)
        return np.hypot(across - self._aside_m(along), beyond)

    @property
    def shore_m(self) -> float:
        """Distance from the bed at which the water, or at least a little of the bank, ends."""
        water = self.bed_m if self.water_m is None else self.water_m
        return (water - self.bed_m) / BANK_SLOPE + 1.0

    def height_m(self, x_m: np.ndarray, y_m: np.ndarray) -> np.ndarray:
        """Height of bed and banks at points; banks rise for ever."""
        return self.bed_m + BANK_SLOPE * np.maximum(self.distance_m(x_m, y_m) - self.half_m, 0.0)


def find_valleys(strips: list[LaneStrip], spans: Spans, paved: np.ndarray, corner_m: tuple[float, float]) -> tuple:
    """The valleys of a map.

    Args:
        paved: (rows, columns) bool, square metres with a road on the ground.
        corner_m: (x, y) of their first one's lower corner.

    Returns:
        One `Valley` for each bridge that the map names; bridges over the same valley share it.
    """
    found: list[Valley] = []
    done: set[tuple[int, float, int]] = set()
    for strip, recorded in zip(strips, spans.recorded, strict=True):
        for first, last in stretches(recorded[1:] & recorded[:-1]):
            key = (strip.road.road_id, strip.section.s_m, first)
            if key not in done:
                done.add(key)
                new = _valley(strip.piece(first, last), paved, corner_m)
                x, y = new.middle_m
                if all(other.distance_m(np.array(x), np.array(y)) > other.half_m / 2 for other in found):
                    found.append(new)
    return tuple(found)


def _valley(deck: LaneStrip, paved: np.ndarray, corner_m: tuple[float, float]) -> Valley:
    s = deck.s_m
    points = deck.road.position_m(s, np.zeros(len(s)))
    length = float(np.linalg.norm(np.diff(points[:, :2], axis=0), axis=1).sum())
    middle = points[len(points) // 2, :2] if len(points) % 2 else points[len(points) // 2 - 1 : len(points) // 2 + 1]
    middle = np.atleast_2d(middle)[:, :2].mean(0)
    along = points[-1, :2] - points[0, :2]
    along = along / max(float(np.linalg.norm(along)), 1e-9)
    depth = min(DEPTH_M, DEPTH_SHARE * length)
    bed = float(points[:, 2].min()) - depth
    half = max(NARROWEST_HALF_M, length / 2 - depth / BANK_SLOPE)
    place = (float(middle[0]), float(middle[1]))
    endless = Valley(place, (float(-along[1]), float(along[0])), -REACH_M, REACH_M, half, bed, None)
    ends, open_ends = [], 0
    for side in (-1.0, 1.0):
        steps = np.arange(0.0, REACH_M, _STEP_M)
        blocked = np.zeros(len(steps), bool)
        for aside in np.arange(-half - CLEARANCE_M, half + CLEARANCE_M + 1.0, 2.0):
            line = endless.line_m(side * steps, aside)
            column = np.floor(line[:, 0] - corner_m[0]).astype(int)
            row = np.floor(line[:, 1] - corner_m[1]).astype(int)
            inside = (row >= 0) & (row < paved.shape[0]) & (column >= 0) & (column < paved.shape[1])
            blocked[inside] |= paved[row[inside], column[inside]]
        stop = int(np.argmax(blocked)) if blocked.any() else len(steps) - 1
        open_ends += not blocked.any()
        ends.append(side * float(steps[stop]))
    water = bed + min(WATER_DEPTH_M, 0.4 * depth) if open_ends == 2 else None
    return Valley(place, endless.axis, ends[0], ends[1], half, bed, water)
