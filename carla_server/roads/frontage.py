"""Sides of streets, and a record of which ground is still free beside them."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from carla_server.roads.ground import CELL_M, GroundRaster
from carla_server.roads.lane_strips import LaneStrip
from carla_server.roads.raster import dilated
from carla_server.roads.town import Box
from carla_server.semantics import SemanticTag

FASTEST_STREET_KMH = 80.0
PROBE_STEP_M = 0.45
"""Spacing of the points that test or take a footprint; everything that is taken is wider than this."""


BRIDGE_CLEARANCE_M = 1.5
"""Distance from decks, their embankments and valleys."""


@dataclass(frozen=True)
class Place:
    """A cross-section of a street's side."""

    kerb_m: np.ndarray
    """(2,) where the sidewalk meets the roadway."""

    edge_m: np.ndarray
    """(2,) outer edge of the sidewalk, or of the road where there is none."""

    road_z_m: float
    """Height of the road there."""

    outward: np.ndarray
    """(2,) unit vector away from the road."""

    along_deg: float
    """World yaw of the frontage's own direction."""

    @property
    def outward_deg(self) -> float:
        return float(np.rad2deg(np.arctan2(self.outward[1], self.outward[0])))


@dataclass(frozen=True)
class Frontage:
    """One side of one lane section, outside junctions."""

    road_id: int
    side: int
    has_sidewalk: bool
    is_fast: bool
    """A motorway: nothing is built beside it."""

    parking: LaneStrip | None
    kerb_m: np.ndarray
    edge_m: np.ndarray
    road_z_m: np.ndarray

    @cached_property
    def _run_m(self) -> np.ndarray:
        return np.r_[0.0, np.cumsum(np.linalg.norm(np.diff(self.edge_m, axis=0), axis=1))]

    @property
    def length_m(self) -> float:
        return float(self._run_m[-1])

    def at(self, distance_m: float) -> Place:
        """The cross-section at a distance along the outer edge, which goes on straight beyond its ends."""
        run = self._run_m
        kerb = np.array([np.interp(distance_m, run, self.kerb_m[:, k]) for k in (0, 1)])
        edge = np.array([np.interp(distance_m, run, self.edge_m[:, k]) for k in (0, 1)])
        low = int(np.clip(np.searchsorted(run, distance_m) - 1, 0, len(run) - 2))
        along = self.edge_m[low + 1] - self.edge_m[low]
        along = along / max(np.linalg.norm(along), 1e-9)
        outward = np.array([-along[1], along[0]])
        if np.dot(outward, self.edge_m[low] - self.kerb_m[low]) < 0:
            outward = -outward
        beyond = along * (min(distance_m, 0.0) + max(distance_m - run[-1], 0.0))
        z = float(np.interp(distance_m, run, self.road_z_m))
        return Place(kerb + beyond, edge + beyond, z, outward, float(np.rad2deg(np.arctan2(along[1], along[0]))))


def frontages(strips: list[LaneStrip]) -> list[Frontage]:
    """Both sides of every lane section outside junctions, in the order of the strips."""
    sides: dict[tuple[int, float, int], list[LaneStrip]] = {}
    for strip in strips:
        if strip.road.junction_id < 0:
            key = (strip.road.road_id, strip.section.s_m, 1 if strip.lane_id > 0 else -1)
            sides.setdefault(key, []).append(strip)
    found = []
    for (road_id, _, side), lanes in sides.items():
        outermost = max(lanes, key=lambda strip: abs(strip.lane_id))
        if outermost.kind == "median" or not any(lane.kind == "driving" or lane.is_raised for lane in lanes):
            continue  # the inner side of a one-way road, a roundabout's island for example
        has_sidewalk = outermost.is_raised
        # Without a sidewalk the lane itself gives the outward direction; its outer edge is kerb and edge in one.
        kerb = outermost.inner_m if has_sidewalk else (outermost.inner_m + 3 * outermost.outer_m) / 4
        parking = next((strip for strip in lanes if strip.kind == "parking"), None)
        is_fast = float(max(lane.speed_limit_kmh.max() for lane in lanes)) > FASTEST_STREET_KMH
        edge = outermost.outer_m
        found.append(Frontage(road_id, side, has_sidewalk, is_fast, parking, kerb[:, :2], edge[:, :2], edge[:, 2]))
    return found


class FreeSpace:
    """Which cells of the raster are neither paved nor taken by something placed earlier."""

    def __init__(self, ground: GroundRaster, clearance_m: float = 0.75) -> None:
        self._ground = ground
        self._taken = dilated(ground.tags != SemanticTag.TERRAIN, int(clearance_m / CELL_M))
        if ground.built_over.any():
            self._taken |= dilated(ground.built_over, int(BRIDGE_CLEARANCE_M / CELL_M))

    def _cells(self, box: Box, grow_m: float) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        half = np.array(box.extent_m[:2]) + grow_m
        axes = [np.linspace(-h, h, max(2, int(2 * h / PROBE_STEP_M) + 2)) for h in half]
        u, v = (grid.ravel() for grid in np.meshgrid(*axes))
        turn = np.deg2rad(box.yaw_deg)
        x = box.center_m[0] + u * np.cos(turn) - v * np.sin(turn)
        y = box.center_m[1] + u * np.sin(turn) + v * np.cos(turn)
        x0, y0, x1, y1 = self._ground.bounds_m
        inside = (x > x0) & (x < x1) & (y > y0) & (y < y1)
        column = ((x - x0) / CELL_M).astype(int)
        row = ((y - y0) / CELL_M).astype(int)
        return row[inside], column[inside], inside

    def is_free(self, box: Box, grow_m: float = 0.0) -> bool:
        """Whether the box, grown in the plane, lies inside the town on free terrain."""
        row, column, inside = self._cells(box, grow_m)
        return bool(inside.all()) and not self._taken[row, column].any()

    def occupy(self, box: Box, grow_m: float = 0.0) -> None:
        """Mark the box as taken."""
        row, column, _ = self._cells(box, grow_m)
        for rows in (row, np.minimum(row + 1, self._taken.shape[0] - 1)):
            self._taken[rows, column] = True
            self._taken[rows, np.minimum(column + 1, self._taken.shape[1] - 1)] = True
