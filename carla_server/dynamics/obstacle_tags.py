"""Which kind of thing each obstacle of a town is, so that collision events can name it."""

from __future__ import annotations

import numpy as np

from carla_server.roads.town import PropKind, Town
from carla_server.semantics import SemanticTag

_TAG_OF_KIND = {
    PropKind.BUILDING: SemanticTag.BUILDINGS,
    PropKind.TREE: SemanticTag.VEGETATION,
    PropKind.STREET_LAMP: SemanticTag.POLES,
    PropKind.BENCH: SemanticTag.DYNAMIC,
    PropKind.BIN: SemanticTag.DYNAMIC,
    PropKind.HYDRANT: SemanticTag.DYNAMIC,
    PropKind.PARKED_CAR: SemanticTag.CAR,
    PropKind.FENCE: SemanticTag.FENCES,
}

NEAR_M = 1.0
"""An obstacle belongs to the thing whose foot is at most this far from its centre."""


def tags_of(town: Town) -> np.ndarray:
    """Tag every obstacle by the prop, light or sign that stands where it stands.

    Args:
        town: its `obstacles`, `placements`, `traffic_lights` and `signs` are read.

    Returns:
        (len(town.obstacles),) uint8 SemanticTag; STATIC where nothing known stands.
    """
    things = [(item.position_m, _TAG_OF_KIND[item.kind]) for item in town.placements]
    things += [(light.position_m, SemanticTag.TRAFFIC_LIGHT) for light in town.traffic_lights]
    things += [(sign.position_m, SemanticTag.TRAFFIC_SIGNS) for sign in town.signs]
    tags = np.full(len(town.obstacles), int(SemanticTag.STATIC), dtype=np.uint8)
    others = len(town.obstacles) - len(town.bridge_boxes)
    tags[others:] = town.bridge_tags
    if not things:
        return tags
    feet = np.array([position[:2] for position, _ in things])
    order = np.argsort(feet[:, 0], kind="stable")
    feet, kinds = feet[order], [int(things[index][1]) for index in order]
    for row, box in enumerate(town.obstacles[:others]):
        low, high = np.searchsorted(feet[:, 0], (box.center_m[0] - NEAR_M, box.center_m[0] + NEAR_M))
        if low == high:
            continue
        distance = np.hypot(feet[low:high, 0] - box.center_m[0], feet[low:high, 1] - box.center_m[1])
        nearest = int(distance.argmin())
        if distance[nearest] <= NEAR_M:
            tags[row] = kinds[low + nearest]
    return tags
