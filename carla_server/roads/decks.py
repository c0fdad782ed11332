"""The surfaces of bridges as rasters: storeys of cells, packed into blocks where there are any."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from carla_server.roads.height_field import BLOCK_CELLS, NO_DECK_M, SAME_LEVEL_M
from carla_server.roads.lane_strips import LaneStrip
from carla_server.roads.raster import closed, continued, dilated
from carla_server.semantics import SemanticTag

LONGEST_PIECE = 12
"""Cross-sections of one piece of a deck: so short a piece of road never lies above itself, as a spiral does."""

HOLE_CELLS = 2
JUNCTION_HOLE_CELLS = 10
"""Half the width of the slits between lanes that are paved, elsewhere and in junctions."""


@dataclass(frozen=True)
class Frame:
    """Where a raster's cells are: the lower corner and how many there are."""

    x_m: float
    y_m: float
    rows: int
    columns: int
    cells_per_m: float

    def cell(self, x_m: np.ndarray, y_m: np.ndarray) -> np.ndarray:
        """Flat index of the cells at points, the nearest ones outside."""
        column = ((np.asarray(x_m) - self.x_m) * self.cells_per_m).astype(np.intp)
        row = ((np.asarray(y_m) - self.y_m) * self.cells_per_m).astype(np.intp)
        row = np.minimum(np.maximum(row, 0), self.rows - 1)
        return row * self.columns + np.minimum(np.maximum(column, 0), self.columns - 1)


@dataclass(frozen=True)
class Decks:
    """All decks of a map; the first three axes of the arrays are those of `HeightField.decks_m`.

    Attributes:
        block_of: (rows / 16, columns / 16) int32, as in `HeightField`.
        heights_m: (B, 16, 16, L) float64.
        tags: (B, 16, 16, L) uint8 SemanticTag.
        limits_kmh: (B, 16, 16, L) float32.
        lowest_m: (rows, columns) float32 height of the lowest deck, infinite where there is none.
    """

    block_of: np.ndarray
    heights_m: np.ndarray
    tags: np.ndarray
    limits_kmh: np.ndarray
    lowest_m: np.ndarray


class _Storey:
    """Decks that nowhere lie above each other, over a window of the map."""

    def __init__(self, shape: tuple[int, int], no_limit_kmh: float) -> None:
        self.total, self.count = np.zeros(shape), np.zeros(shape)
        self.tags = np.full(shape, int(SemanticTag.ROADS), np.uint8)
        self.limits_kmh = np.full(shape, no_limit_kmh, np.float32)
        self.in_junction = np.zeros(shape, bool)

    def takes(self, cell: np.ndarray, height_m: np.ndarray) -> bool:
        """Whether a piece of road lies beside what is here, or continues it."""
        count = self.count.ravel()[cell]
        there = count > 0
        return bool((np.abs(self.total.ravel()[cell][there] / count[there] - height_m[there]) < SAME_LEVEL_M).all())

    def add(self, cell: np.ndarray, height_m: np.ndarray) -> None:
        np.add.at(self.count.reshape(-1), cell, 1.0)
        np.add.at(self.total.reshape(-1), cell, height_m)

    def surface_m(self) -> np.ndarray:
        """Heights with slits paved, `NO_DECK_M` beside the decks."""
        known = self.count > 0
        paved = closed(known, HOLE_CELLS) | (
            closed(known, JUNCTION_HOLE_CELLS) & dilated(self.in_junction, JUNCTION_HOLE_CELLS)
        )
        return np.where(paved, continued(self.total, self.count), NO_DECK_M)


def build_decks(pieces: list[LaneStrip], frame: Frame, no_limit_kmh: float, step_m: float) -> Decks:
    """Rasters of the pieces of lanes that lie on bridges.

    Args:
        pieces: at most `LONGEST_PIECE` cross-sections each.
        frame: of the town's raster.
        no_limit_kmh: where no lane has a limit.
        step_m: spacing of the points that paint a lane.
    """
    clouds = [piece.points(step_m) for piece in pieces]
    cells = [frame.cell(points[:, 0], points[:, 1]) for points, _ in clouds]
    everything = np.concatenate(cells)
    rows, columns = np.divmod(everything, frame.columns)
    margin = JUNCTION_HOLE_CELLS + 2
    top, left = max(0, int(rows.min()) - margin), max(0, int(columns.min()) - margin)
    shape = (
        min(frame.rows, int(rows.max()) + 1 + margin) - top,
        min(frame.columns, int(columns.max()) + 1 + margin) - left,
    )
    cells = [(cell // frame.columns - top) * shape[1] + cell % frame.columns - left for cell in cells]
    storeys: list[_Storey] = []
    storey_of = {}
    for index in sorted(range(len(pieces)), key=lambda index: float(clouds[index][0][:, 2].mean())):
        heights = clouds[index][0][:, 2] + pieces[index].raised_m
        storey = next((own for own in storeys if own.takes(cells[index], clouds[index][0][:, 2])), None)
        if storey is None:
            storey = _Storey(shape, no_limit_kmh)
            storeys.append(storey)
        storey.add(cells[index], heights)
        storey_of[index] = storey
    for index in sorted(storey_of, key=lambda index: (not pieces[index].is_raised, pieces[index].kind == "driving")):
        piece, storey, cell = pieces[index], storey_of[index], cells[index]
        storey.tags.flat[cell] = SemanticTag.SIDEWALKS if piece.is_raised else SemanticTag.ROADS
        storey.in_junction.flat[cell] |= piece.road.junction_id >= 0
        if piece.kind == "driving":
            storey.limits_kmh.flat[cell] = piece.speed_limit_kmh[clouds[index][1]]
    surfaces = [storey.surface_m() for storey in storeys]
    return _packed(storeys, surfaces, frame, top, left)


def _packed(storeys: list[_Storey], surfaces: list[np.ndarray], frame: Frame, top: int, left: int) -> Decks:
    window = np.s_[top : top + surfaces[0].shape[0], left : left + surfaces[0].shape[1]]
    covered = np.zeros((frame.rows, frame.columns), bool)
    lowest = np.full((frame.rows, frame.columns), np.inf, np.float32)
    for surface in surfaces:
        there = surface > NO_DECK_M
        covered[window] |= there
        lowest[window] = np.minimum(lowest[window], np.where(there, surface, np.inf))
    # A block also serves samples whose neighbours lie in the next one.
    near = np.argwhere(dilated(covered, 1)) // BLOCK_CELLS
    block_rows, block_columns = -(-frame.rows // BLOCK_CELLS), -(-frame.columns // BLOCK_CELLS)
    block_of = np.full((block_rows, block_columns), -1, np.int32)
    places = np.unique(near, axis=0)
    block_of[places[:, 0], places[:, 1]] = np.arange(len(places))

    def blocks(images: list[np.ndarray], nothing: float, dtype: type) -> np.ndarray:
        out: np.ndarray = np.full((len(places), BLOCK_CELLS, BLOCK_CELLS, len(images)), nothing, dtype)
        for level, image in enumerate(images):
            whole: np.ndarray = np.full((block_rows * BLOCK_CELLS, block_columns * BLOCK_CELLS), nothing, dtype)
            whole[window] = image
            tiles = whole.reshape(block_rows, BLOCK_CELLS, block_columns, BLOCK_CELLS).swapaxes(1, 2)
            out[..., level] = tiles[places[:, 0], places[:, 1]]
        return out

    return Decks(
        block_of,
        blocks(surfaces, NO_DECK_M, np.float64),
        blocks([storey.tags for storey in storeys], int(SemanticTag.NONE), np.uint8),
        blocks([storey.limits_kmh for storey in storeys], 0.0, np.float32),
        lowest,
    )
