"""Scenery that can be switched off: a town without some of its placements and what they block."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from types import MappingProxyType

import numpy as np

from carla_server.dynamics.obstacle_tags import NEAR_M
from carla_server.roads.town import PropKind, Town

ALL_LAYERS = 0xFFFF
"""carla.MapLayer.All."""

GROUND_LAYER = 8
"""carla.MapLayer.Ground; roads and terrain are one surface here and stay."""

KINDS_OF_LAYER: Mapping[int, frozenset[PropKind]] = MappingProxyType(
    {
        1: frozenset({PropKind.BUILDING}),
        4: frozenset({PropKind.TREE}),
        16: frozenset({PropKind.PARKED_CAR}),
        64: frozenset({PropKind.BENCH, PropKind.BIN, PropKind.HYDRANT}),
        128: frozenset({PropKind.STREET_LAMP}),
        256: frozenset({PropKind.FENCE}),
    }
)
"""Bit of carla.MapLayer -> what is in it (Buildings, Foliage, ParkedVehicles, Props, StreetLights, Walls). Decals (2)
and Particles (32) are empty: towns here have none."""


def numbers_in_layers(town: Town, layers: int) -> frozenset[int]:
    """Instance numbers of all scenery in some layers (bits of carla.MapLayer)."""
    kinds = frozenset[PropKind]().union(*(kinds for bit, kinds in KINDS_OF_LAYER.items() if bit & layers))
    return frozenset(placement.instance for placement in town.placements if placement.kind in kinds)


def without_scenery(town: Town, hidden: Collection[int]) -> Town:
    """The town without the placements of these instance numbers and without the obstacles that they are."""
    shown = [placement for placement in town.placements if placement.instance not in hidden]
    gone = [placement for placement in town.placements if placement.instance in hidden]
    if not gone:
        return town
    feet = [placement.position_m[:2] for placement in gone]
    rest = [placement.position_m[:2] for placement in shown]
    rest += [light.position_m[:2] for light in town.traffic_lights] + [sign.position_m[:2] for sign in town.signs]
    centers = np.array([box.center_m[:2] for box in town.obstacles]).reshape(-1, 2)
    of_gone, of_rest = _distance_m(centers, feet), _distance_m(centers, rest)
    kept = ~((of_gone <= NEAR_M) & (of_gone < of_rest))
    kept[len(kept) - len(town.bridge_boxes) :] = True
    obstacles = tuple(box for box, keep in zip(town.obstacles, kept.tolist()) if keep)
    return replace(town, placements=tuple(shown), obstacles=obstacles)


def _distance_m(points: np.ndarray, feet: Sequence[tuple[float, float]]) -> np.ndarray:
    """(N,) distance of each point from the nearest foot; infinite without feet."""
    nearest = np.full(len(points), np.inf)
    for x, y in feet:
        np.minimum(nearest, np.hypot(points[:, 0] - x, points[:, 1] - y), out=nearest)
    return nearest
