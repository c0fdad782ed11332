"""Which stretches of a map's roads are bridges: those above another road, and those that the map calls so."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from carla_server.roads.lane_strips import LaneStrip

LEVEL_GAP_M = 2.0
"""Roads nearer than this in height are one surface, as lanes that cross in a junction are."""

BANK_SLOPE = 0.6
"""Rise per metre of an embankment's sides, and of the slope down to the lower road below a bridge's end."""

SETBACK_M = 4.5
"""Level ground between the lower road and the foot of that slope."""

SHORTEST_BANK_M = 15.0
"""Bridges of one road nearer than this to each other are one bridge."""

_GRID_M = 1.0
_APPROACH_SLOPE = 0.15
_APPROACH_SLACK_M = 0.8
"""How far below the place where it passes over another a road may lie, at a distance: farther is another road."""


@dataclass(frozen=True)
class Spans:
    """The bridges of a map; a deck is what lies between two neighbouring cross-sections on a bridge.

    Attributes:
        lifted: for each lane strip (N,) bool, which of its cross-sections lie on a bridge; the same for all lanes of
            a lane section.
        recorded: the same for those that the map itself calls bridges.
    """

    lifted: tuple[np.ndarray, ...]
    recorded: tuple[np.ndarray, ...]

    def __bool__(self) -> bool:
        return any((own[1:] & own[:-1]).any() for own in self.lifted)

    def on_ground(self, index: int) -> np.ndarray:
        """(N - 1,) bool: which quads of a strip lie on the ground; the others are decks."""
        own = self.lifted[index]
        return ~(own[1:] & own[:-1])


def stretches(flags: np.ndarray) -> Iterator[tuple[int, int]]:
    """First and last cross-section of each run of quads between cross-sections whose flag is set, (N - 1,) bool."""
    edges = np.flatnonzero(np.diff(np.r_[False, flags, False]))
    yield from zip(edges[::2].tolist(), edges[1::2].tolist(), strict=True)


def find_spans(strips: list[LaneStrip]) -> Spans:
    """Find the bridges of a map.

    Where a road passes over another with at least `LEVEL_GAP_M`, it is a bridge as far as slopes of `BANK_SLOPE` from
    both sides of the lower road need to reach it, whatever roads it consists of.
    """
    tops, reach_m = _upper_points(strips)
    recorded = [_recorded(strip) for strip in strips]
    lifted = [_near_tops(strip, tops, reach_m) | own for strip, own in zip(strips, recorded, strict=True)]
    members: dict[tuple[int, float], list[int]] = {}
    for index, strip in enumerate(strips):
        members.setdefault((strip.road.road_id, strip.section.s_m), []).append(index)
    for indices in members.values():
        together = np.any([lifted[index] for index in indices], axis=0)
        together = _without_gaps(strips[indices[0]].s_m, together)
        for index in indices:
            lifted[index] = together
    return Spans(tuple(lifted), tuple(recorded))


def _recorded(strip: LaneStrip) -> np.ndarray:
    s = strip.s_m
    found = np.zeros(len(s), bool)
    for bridge in strip.road.bridges:
        found |= (s > bridge.s_m - 0.01) & (s < bridge.s_m + bridge.length_m + 0.01)
    return found


def _upper_points(strips: list[LaneStrip]) -> tuple[np.ndarray, np.ndarray]:
    """(U, 3) points of roads above other roads, about a metre apart, and how far each one's bridge reaches, (U,)."""
    clouds = [strip.points(_GRID_M / 2)[0] for strip in strips]
    points = np.concatenate(clouds)
    cell = np.floor(points[:, :2] / _GRID_M).astype(np.int64)
    cell -= cell.min(0)
    flat = cell[:, 0] * (int(cell[:, 1].max()) + 1) + cell[:, 1]
    lowest = np.full(int(flat.max()) + 1, np.inf)
    np.minimum.at(lowest, flat, points[:, 2])
    clear_m = points[:, 2] - lowest[flat]
    upper = np.flatnonzero(clear_m > LEVEL_GAP_M)
    level = np.round(points[upper, 2] / LEVEL_GAP_M).astype(np.int64)
    _, first = np.unique(np.stack([flat[upper], level]), axis=1, return_index=True)
    chosen = upper[first]
    return points[chosen], clear_m[chosen] / BANK_SLOPE + SETBACK_M


def _near_tops(strip: LaneStrip, tops_m: np.ndarray, reach_m: np.ndarray) -> np.ndarray:
    """(N,) bool: cross-sections of the strip within reach of points that it, or what it belongs to, passes over."""
    found = np.zeros(len(strip.s_m), bool)
    if not len(tops_m):
        return found
    margin = float(reach_m.max())
    edges = np.stack([strip.inner_m, strip.outer_m])
    low, high = edges.min((0, 1))[:2] - margin, edges.max((0, 1))[:2] + margin
    near = ((tops_m[:, :2] > low) & (tops_m[:, :2] < high)).all(1)
    tops_m, reach_m = tops_m[near], reach_m[near]
    if not len(tops_m):
        return found
    for edge in edges:
        away_m = np.hypot(*(edge[:, None, :2] - tops_m[None, :, :2]).transpose(2, 0, 1))
        same = np.abs(edge[:, None, 2] - tops_m[None, :, 2]) < _APPROACH_SLOPE * away_m + _APPROACH_SLACK_M
        found |= ((away_m < reach_m) & same).any(1)
    return found


def _without_gaps(s_m: np.ndarray, lifted: np.ndarray) -> np.ndarray:
    """A short bank between two bridges becomes part of the bridge."""
    out = lifted.copy()
    places = np.flatnonzero(lifted)
    for before, after in pairwise(places):
        if s_m[after] - s_m[before] < SHORTEST_BANK_M:
            out[before:after] = True
    return out
