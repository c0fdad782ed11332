"""The land round bridges: embankments up to them, slopes and open space below, valleys where the map has them."""

from __future__ import annotations

import numpy as np

from carla_server.roads.lane_strips import LaneStrip
from carla_server.roads.raster import box_sum, continued
from carla_server.roads.spans import BANK_SLOPE, Spans
from carla_server.roads.valleys import Valley

APPROACH_M = 180.0
"""How far from a bridge its ramps are looked for."""

RAISED_M = 0.6
"""A ramp this much above the land round it stands on an embankment."""

BELOW_DECK_M = 1.7
"""Land lies at least this much below a deck."""

VERGE_M = 2
HIGHEST_BANK_M = 14


def approaches(strips: list[LaneStrip], spans: Spans) -> list[np.ndarray]:
    """(N,) bool for each strip: cross-sections of roads that lead onto bridges over other roads, near these."""
    over = [lifted & ~recorded for lifted, recorded in zip(spans.lifted, spans.recorded, strict=True)]
    roads = {strip.road.road_id: strip.road for strip, own in zip(strips, over, strict=True) if own.any()}
    linked = set(roads)
    for road in roads.values():
        linked |= {link[1] for link in (road.predecessor, road.successor) if link is not None and link[0] == "road"}
    tops = [strip.inner_m[own, :2] for strip, own in zip(strips, over, strict=True) if own.any()]
    if not tops:
        return [np.zeros(len(strip.s_m), bool) for strip in strips]
    bridges = np.concatenate(tops)[::3]
    found = []
    for strip in strips:
        near = np.zeros(len(strip.s_m), bool)
        if strip.road.road_id in linked:
            for place in bridges:
                near |= np.hypot(*(strip.inner_m[:, :2] - place).T) < APPROACH_M
        found.append(near)
    return found


def with_embankments(
    total: np.ndarray, count: np.ndarray, approach: np.ndarray, cells_per_m: int
) -> tuple[np.ndarray, np.ndarray]:
    """Height of the land from the heights of the roads on it, and how much of it is banks, each (rows, columns).

    Args:
        total, count: sums of heights and how many there are, for each cell.
        approach: cells of roads that lead onto bridges; where they are above the land, it does not follow them as it
            follows a road over a hill, but rises to them by `BANK_SLOPE`.
        cells_per_m: along one side.
    """
    if not approach.any():
        return continued(total, count), np.zeros(count.shape)
    cell = np.flatnonzero(approach & (count > 0))
    own = total.flat[cell] / count.flat[cell]
    metre = np.divmod(cell, count.shape[1])
    metre = metre[0] // cells_per_m, metre[1] // cells_per_m
    without = total.copy(), count.copy()
    for image in without:
        image.flat[cell] = 0.0
    plain = continued(*(_coarse(image, cells_per_m).sum((1, 3)) for image in without))
    raised = own > plain[metre] + RAISED_M
    for image, whole in zip(without, (total, count), strict=True):
        image.flat[cell[~raised]] = whole.flat[cell[~raised]]
    land = continued(*without)
    crest = np.full(plain.shape, -np.inf)
    np.maximum.at(crest, tuple(part[raised] for part in metre), own[raised])
    for _ in range(VERGE_M):
        crest = np.maximum(crest, _spread(crest, 0.0))
    for _ in range(int(HIGHEST_BANK_M / BANK_SLOPE)):
        crest = np.maximum(crest, _spread(crest, BANK_SLOPE))
    banks = _fine(np.maximum(crest - _coarse(land, cells_per_m).mean((1, 3)), 0.0), cells_per_m)
    banks[count > 0] = 0.0
    land += banks
    land.flat[cell[raised]] = own[raised]
    return land, banks


def below_decks(land: np.ndarray, deck_m: np.ndarray, paved: np.ndarray) -> np.ndarray:
    """Land lowered below the lowest deck, (rows, columns) metres, infinite where there is none."""
    return np.where(paved, land, np.minimum(land, deck_m - BELOW_DECK_M))


def with_valleys(
    land: np.ndarray, valleys: tuple[Valley, ...], paved: np.ndarray, corner_m: tuple[float, float], cells_per_m: int
) -> np.ndarray:
    """Land with valleys cut into it; beside roads on the ground it goes down by `BANK_SLOPE` at most."""
    if not valleys:
        return land
    away = np.where(_coarse(paved, cells_per_m).any((1, 3)), 0.0, -np.inf)
    for _ in range(int(HIGHEST_BANK_M / BANK_SLOPE)):
        away = np.maximum(away, _spread(away, BANK_SLOPE))
    allowed_m = np.maximum(-away - BANK_SLOPE, 0.0)
    coarse = _coarse(land, cells_per_m).mean((1, 3))
    rows, columns = coarse.shape
    x, y = np.meshgrid(corner_m[0] + np.arange(columns) + 0.5, corner_m[1] + np.arange(rows) + 0.5)
    floor = np.min([valley.height_m(x, y) for valley in valleys], axis=0)
    cut = np.minimum(np.maximum(coarse - floor, 0.0), allowed_m)
    return land - np.where(paved, 0.0, _fine(cut, cells_per_m))


def _coarse(image: np.ndarray, cells_per_m: int) -> np.ndarray:
    """(rows / c, c, columns / c, c) view of an image as square metres."""
    rows, columns = image.shape
    return image.reshape(rows // cells_per_m, cells_per_m, columns // cells_per_m, cells_per_m)


def _fine(image: np.ndarray, cells_per_m: int) -> np.ndarray:
    """An image of square metres as cells, with soft steps."""
    out = np.zeros((image.shape[0] * cells_per_m, image.shape[1] * cells_per_m))
    rows, columns = np.flatnonzero(image.any(1)), np.flatnonzero(image.any(0))
    if not len(rows):
        return out
    top, left = max(rows[0] - 1, 0), max(columns[0] - 1, 0)
    part = image[top : rows[-1] + 2, left : columns[-1] + 2]
    large = part.repeat(cells_per_m, axis=0).repeat(cells_per_m, axis=1)
    radius = cells_per_m // 2
    soft = box_sum(np.pad(large, radius, mode="edge"), radius)[radius:-radius, radius:-radius]
    top, left = top * cells_per_m, left * cells_per_m
    out[top : top + large.shape[0], left : left + large.shape[1]] = soft / (2 * radius + 1) ** 2
    return out


def _spread(image: np.ndarray, slope: float) -> np.ndarray:
    """Highest of the eight neighbours, less what the way from there costs."""
    padded = np.pad(image, 1, constant_values=-np.inf)
    rows, columns = image.shape
    out = np.full(image.shape, -np.inf)
    for down in (0, 1, 2):
        for right in (0, 1, 2):
            cost = slope * np.hypot(down - 1, right - 1)
            out = np.maximum(out, padded[down : down + rows, right : right + columns] - cost)
    return out
