"""The town as a raster: height, slope, tag and speed limit of any point in a few array look-ups."""

from __future__ import annotations

import numpy as np

from carla_server.roads.decks import LONGEST_PIECE, Decks, Frame, build_decks
from carla_server.roads.height_field import HeightField, find_decks, find_heights
from carla_server.roads.lane_strips import LaneStrip
from carla_server.roads.opendrive import OpenDriveError
from carla_server.roads.raster import box_sum, closed, continued, dilated
from carla_server.roads.relief import approaches, below_decks, with_embankments, with_valleys
from carla_server.roads.spans import Spans, stretches
from carla_server.roads.valleys import Valley, find_valleys
from carla_server.semantics import SemanticTag

CELL_M = 0.25
_CELLS_PER_M = 1.0 / CELL_M
MAX_CELLS = 24_000_000
SPLAT_STEP_M = 0.18
"""Spacing of the points that paint a lane into the raster; below the cell, so that few cells are missed."""

TERRAIN_DROP_M = 0.05
"""Grass lies this much below the road so that neither mesh shows through the other."""

NO_LIMIT_KMH = 30.0
BUILDABLE_M = 0.3
"""Where banks change the land by more, nothing is built."""


class GroundRaster:
    """`Ground` over the roads and a margin of terrain.

    Attributes:
        tags: (rows, columns) uint8 SemanticTag; row index grows with y, column index with x.
        heights_m: (rows, columns) float64, kerbs included, with edges rounded over three cells.
        base_m: (rows, columns) float32 height without kerbs, continued smoothly under the terrain.
        origin_m: (x, y) of the first cell's middle.
        bounds_m: (x_min, y_min, x_max, y_max).
        valleys: under the bridges that the map names.
        built_over: (rows, columns) bool, below or near decks or in valleys, where nothing is built; empty without
            bridges.
    """

    def __init__(self, strips: list[LaneStrip], spans: Spans | None = None, margin_m: float = 45.0) -> None:
        """Paint the lanes.

        Args:
            strips: every lane of the map.
            spans: which of their cross-sections lie on bridges; None if none do.
            margin_m: of terrain round them.

        Raises:
            OpenDriveError: the map is too large.
        """
        edges = np.concatenate([edge[:, :2] for strip in strips for edge in (strip.inner_m, strip.outer_m)])
        low = np.floor(edges.min(0) - margin_m)
        size = np.ceil(edges.max(0) + margin_m) - low
        if not np.prod(size) / CELL_M**2 < MAX_CELLS:
            raise OpenDriveError(
                f"the map is {size[0]:.0f} m by {size[1]:.0f} m, at most {MAX_CELLS * CELL_M**2 / 1e6:.1f} km^2 fit"
            )
        columns, rows = (size / CELL_M).astype(int)
        self.bounds_m = (float(low[0]), float(low[1]), float(low[0] + size[0]), float(low[1] + size[1]))
        self.origin_m = (float(low[0]) + CELL_M / 2, float(low[1]) + CELL_M / 2)
        self._frame = Frame(self.bounds_m[0], self.bounds_m[1], int(rows), int(columns), _CELLS_PER_M)
        self.tags = np.full((rows, columns), int(SemanticTag.TERRAIN), np.uint8)
        self.roadway = np.zeros((rows, columns), bool)
        in_junction = np.zeros((rows, columns), bool)
        limits = np.full((rows, columns), NO_LIMIT_KMH, np.float32)
        raised = np.full((rows, columns), -TERRAIN_DROP_M)
        cells, heights = [], []
        lying, decks, ramps = (strips, [], []) if not spans else _apart(strips, spans)
        for strip in sorted(lying, key=lambda strip: (not strip.is_raised, strip.kind == "driving")):
            points, station = strip.points(SPLAT_STEP_M)
            cell = self._frame.cell(points[:, 0], points[:, 1])
            cells.append(cell.astype(np.int32))
            heights.append(points[:, 2].copy())  # a view would keep x and y too
            tag = SemanticTag.SIDEWALKS if strip.is_raised else SemanticTag.ROADS
            self.tags.flat[cell] = tag
            raised.flat[cell] = strip.raised_m
            self.roadway.flat[cell] = strip.is_roadway
            in_junction.flat[cell] |= strip.road.junction_id >= 0
            if strip.kind == "driving":
                limits.flat[cell] = strip.speed_limit_kmh[station]
        self._close_gaps(raised, in_junction)
        cell, height = np.concatenate(cells), np.concatenate(heights)
        count = np.bincount(cell, minlength=rows * columns).reshape(rows, columns).astype(float)
        total = np.bincount(cell, height, rows * columns).reshape(rows, columns)
        self.valleys: tuple[Valley, ...] = ()
        self.built_over = np.zeros((0, 0), bool)
        self._decks: Decks | None = None
        if spans and decks:
            base = self._with_bridges(strips, spans, decks, ramps, total, count)
        else:
            base = continued(total, count)
        self.base_m = base.astype(np.float32)  # a micrometre is fine enough, and a town keeps millions of cells
        self.heights_m = base + box_sum(np.pad(raised, 1, mode="edge"), 1)[1:-1, 1:-1] / 9.0
        lowest = np.ascontiguousarray(self.heights_m)
        self.heights = HeightField(lowest, *self.origin_m, _CELLS_PER_M)
        if self._decks is not None:
            self.heights = HeightField(
                lowest, *self.origin_m, _CELLS_PER_M, self._decks.block_of, self._decks.heights_m
            )
        self._limits = limits
        step = 4
        blurred = box_sum(np.pad(base, step, mode="edge"), step)[step:-step, step:-step] / (2 * step + 1) ** 2
        self._slope_y: np.ndarray = np.gradient(blurred, CELL_M, axis=0).astype(np.float32)
        self._slope_x: np.ndarray = np.gradient(blurred, CELL_M, axis=1).astype(np.float32)

    def _with_bridges(
        self,
        strips: list[LaneStrip],
        spans: Spans,
        decks: list[LaneStrip],
        ramps: list[LaneStrip],
        total: np.ndarray,
        count: np.ndarray,
    ) -> np.ndarray:
        """Make the decks; returns the height of the land below and beside them."""
        self._decks = build_decks(decks, self._frame, NO_LIMIT_KMH, SPLAT_STEP_M)
        paved = self.tags != SemanticTag.TERRAIN
        approach = np.zeros(paved.shape, bool)
        for ramp in ramps:
            points, _ = ramp.points(SPLAT_STEP_M)
            approach.flat[self._frame.cell(points[:, 0], points[:, 1])] = True
        cells_per_m = int(_CELLS_PER_M)
        land, banks = with_embankments(total, count, approach, cells_per_m)
        land = below_decks(land, self._decks.lowest_m, paved)
        corner_m = self.bounds_m[:2]
        metres = paved.reshape(paved.shape[0] // cells_per_m, cells_per_m, -1, cells_per_m).any((1, 3))
        self._uncut_m = land.astype(np.float32)
        self.valleys = find_valleys(strips, spans, metres, corner_m)
        cut = with_valleys(land, self.valleys, paved, corner_m, cells_per_m)
        self.built_over = np.isfinite(self._decks.lowest_m) | (land - cut > BUILDABLE_M) | (banks > BUILDABLE_M)
        return cut

    def _close_gaps(self, raised: np.ndarray, in_junction: np.ndarray) -> None:
        """Asphalt in the cells that splats missed and, in junctions, between lanes and up to the sidewalks."""
        paved = self.tags != SemanticTag.TERRAIN
        joined = paved | (closed(paved, int(2.5 / CELL_M)) & dilated(in_junction, int(3.0 / CELL_M)))
        self.filled = closed(joined, 1) & ~paved
        self.tags[self.filled] = SemanticTag.ROADS
        self.roadway |= self.filled
        raised[self.filled] = 0.0

    def _cell(self, x_m: np.ndarray, y_m: np.ndarray) -> np.ndarray:
        return self._frame.cell(x_m, y_m)

    def _bilinear(self, image: np.ndarray, x_m: np.ndarray, y_m: np.ndarray) -> np.ndarray:
        rows, columns = image.shape
        u = np.minimum(np.maximum((x_m - self.origin_m[0]) * _CELLS_PER_M, 0.0), columns - 1.001)
        v = np.minimum(np.maximum((y_m - self.origin_m[1]) * _CELLS_PER_M, 0.0), rows - 1.001)
        column, row = u.astype(np.intp), v.astype(np.intp)
        u, v = u - column, v - row
        first = row * columns + column
        flat = image.ravel()
        left, right = flat.take(first), flat.take(first + 1)
        left += (flat.take(first + columns) - left) * v
        right += (flat.take(first + (columns + 1)) - right) * v
        return left + (right - left) * u

    def height_m(self, x_m: np.ndarray, y_m: np.ndarray, from_z_m: np.ndarray | None = None) -> np.ndarray:
        """Height of the highest surface below `from_z_m`, or of the lowest one, (N,) float64 metres.

        Outside the town it is the nearest edge's height.
        """
        if self._decks is not None and from_z_m is not None:
            places = _columns(x_m, y_m, from_z_m)
            height = np.empty(len(places[0]))
            find_heights(self.heights, *places, height)
            return height
        return self._bilinear(self.heights_m, np.asarray(x_m, float), np.asarray(y_m, float))

    def on_deck(self, x_m: np.ndarray, y_m: np.ndarray, from_z_m: np.ndarray) -> np.ndarray:
        """Whether the highest surface below `from_z_m` is a bridge's, (N,) bool."""
        if self._decks is None:
            return np.zeros(len(x_m), bool)
        return self._deck(x_m, y_m, from_z_m) >= 0

    def road_height_m(self, x_m: np.ndarray, y_m: np.ndarray, from_z_m: np.ndarray | None = None) -> np.ndarray:
        """Height of the road surface or its continuation, without kerbs, (N,) float64 metres.

        On bridges, looking down from `from_z_m`, kerbs count.
        """
        if from_z_m is not None and self.on_deck(x_m, y_m, from_z_m).any():
            return self.height_m(x_m, y_m, from_z_m)
        return self._bilinear(self.base_m, np.asarray(x_m, float), np.asarray(y_m, float))

    def uncut_height_m(self, x_m: np.ndarray, y_m: np.ndarray) -> np.ndarray:
        """`road_height_m` as if there were no valleys."""
        image = self.base_m if self._decks is None else self._uncut_m
        return self._bilinear(image, np.asarray(x_m, float), np.asarray(y_m, float))

    def below_deck(self, x_m: np.ndarray, y_m: np.ndarray) -> np.ndarray:
        """Whether there is a bridge above the land, bool of the points' shape."""
        if self._decks is None:
            return np.zeros(np.shape(x_m), bool)
        return np.isfinite(self._decks.lowest_m.ravel()[self._cell(x_m, y_m)])

    def slope(self, x_m: np.ndarray, y_m: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """(dz/dx, dz/dy) of the ground without kerbs, averaged over about two metres, each (N,) float64."""
        cell = self._cell(x_m, y_m)
        return self._slope_x.ravel()[cell].astype(float), self._slope_y.ravel()[cell].astype(float)

    def tag(self, x_m: np.ndarray, y_m: np.ndarray, from_z_m: np.ndarray | None = None) -> np.ndarray:
        """SemanticTag of the ground, (N,) uint8; NONE outside the town."""
        x, y = np.asarray(x_m, float), np.asarray(y_m, float)
        x0, y0, x1, y1 = self.bounds_m
        inside = (x >= x0) & (x < x1) & (y >= y0) & (y < y1)
        tags = np.where(inside, self.tags.ravel()[self._cell(x, y)], 0).astype(np.uint8)
        if self._decks is not None and from_z_m is not None:
            return self._of_decks(tags, self._decks.tags, x, y, from_z_m)
        return tags

    def speed_limit_kmh(self, x_m: np.ndarray, y_m: np.ndarray, from_z_m: np.ndarray | None = None) -> np.ndarray:
        """Speed limit of the road there, (N,) float32; 30 where there is none."""
        limits = self._limits.ravel().take(self._cell(x_m, y_m))
        if self._decks is not None and from_z_m is not None:
            return self._of_decks(limits, self._decks.limits_kmh, x_m, y_m, from_z_m)
        return limits

    def _of_decks(
        self, below: np.ndarray, facts: np.ndarray, x_m: np.ndarray, y_m: np.ndarray, from_z_m: np.ndarray
    ) -> np.ndarray:
        """A fact of each point's deck, or what holds below where it stands on none."""
        deck = self._deck(x_m, y_m, from_z_m)
        return np.where(deck >= 0, facts.ravel()[np.maximum(deck, 0)], below)

    def _deck(self, x_m: np.ndarray, y_m: np.ndarray, from_z_m: np.ndarray) -> np.ndarray:
        places = _columns(x_m, y_m, from_z_m)
        deck = np.empty(len(places[0]), np.int64)
        find_decks(self.heights, *places, deck)
        return deck


def _columns(x_m: np.ndarray, y_m: np.ndarray, z_m: np.ndarray) -> list[np.ndarray]:
    """Points as kernels take them: (N,) contiguous float64 each."""
    every = np.broadcast_arrays(*(np.atleast_1d(np.asarray(value, float)) for value in (x_m, y_m, z_m)))
    return [np.array(value) for value in every]


def _apart(strips: list[LaneStrip], spans: Spans) -> tuple[list[LaneStrip], list[LaneStrip], list[LaneStrip]]:
    """Pieces of lanes that lie on the ground, that are decks, and that lead onto bridges over other roads."""
    lying, decks, ramps = [], [], []
    for index, (strip, near) in enumerate(zip(strips, approaches(strips, spans), strict=True)):
        ground = spans.on_ground(index)
        for first, last in stretches(ground):
            lying.append(strip.piece(first, last))
        for first, last in stretches(ground & near[1:] & near[:-1]):
            ramps.append(strip.piece(first, last))
        for first, last in stretches(~ground):
            for start in range(first, last, LONGEST_PIECE - 1):
                decks.append(strip.piece(start, min(start + LONGEST_PIECE - 1, last)))
    return lying, decks, ramps
