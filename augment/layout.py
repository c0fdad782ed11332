"""What a synthesizer must keep in place: CARLA tags folded into coarse groups, as control input of a network."""

from __future__ import annotations

from enum import IntEnum

import numpy as np

from carla_agents.segmentation.ade20k import ADE20K
from carla_agents.segmentation.carla_sets import CARLA_0_9_16
from carla_agents.segmentation.class_sets import ClassSet, translation
from carla_server.semantics import PALETTE_RGB, SemanticTag


class LayoutGroup(IntEnum):
    """Coarse groups of CARLA tags; few enough for a small network to learn from a few hundred frames."""

    OTHER = 0
    ROAD = 1
    ROAD_LINE = 2
    SIDEWALK = 3
    BUILDING = 4
    POLE = 5
    TRAFFIC_CONTROL = 6
    VEGETATION = 7
    TERRAIN = 8
    SKY = 9
    VEHICLE = 10
    PERSON = 11


GROUP_COUNT = len(LayoutGroup)

_TAGS_OF_GROUP: dict[LayoutGroup, tuple[SemanticTag, ...]] = {
    LayoutGroup.ROAD: (SemanticTag.ROADS,),
    LayoutGroup.ROAD_LINE: (SemanticTag.ROAD_LINES,),
    LayoutGroup.SIDEWALK: (SemanticTag.SIDEWALKS,),
    LayoutGroup.BUILDING: (
        SemanticTag.BUILDINGS,
        SemanticTag.WALLS,
        SemanticTag.FENCES,
        SemanticTag.BRIDGE,
        SemanticTag.GUARD_RAIL,
    ),
    LayoutGroup.POLE: (SemanticTag.POLES,),
    LayoutGroup.TRAFFIC_CONTROL: (SemanticTag.TRAFFIC_LIGHT, SemanticTag.TRAFFIC_SIGNS),
    LayoutGroup.VEGETATION: (SemanticTag.VEGETATION,),
    LayoutGroup.TERRAIN: (SemanticTag.TERRAIN, SemanticTag.GROUND),
    LayoutGroup.SKY: (SemanticTag.SKY,),
    LayoutGroup.VEHICLE: (SemanticTag.CAR, SemanticTag.TRUCK, SemanticTag.BUS, SemanticTag.TRAIN),
    LayoutGroup.PERSON: (
        SemanticTag.PEDESTRIANS,
        SemanticTag.RIDER,
        SemanticTag.MOTORCYCLE,
        SemanticTag.BICYCLE,
    ),
}

GROUP_OF_TAG = np.zeros(256, dtype=np.uint8)
"""(256,) uint8: LayoutGroup of each tag; a tag that CARLA 0.9.16 does not define belongs to OTHER."""
for _group, _tags in _TAGS_OF_GROUP.items():
    GROUP_OF_TAG[list(_tags)] = _group
GROUP_OF_TAG.setflags(write=False)


def groups(seg: np.ndarray) -> np.ndarray:
    """Fold tags into groups.

    Args:
        seg: (..., H, W) uint8 CARLA tags.

    Returns:
        The same shape, uint8 LayoutGroup values.
    """
    return GROUP_OF_TAG[seg]


def palette_image(seg: np.ndarray) -> np.ndarray:
    """Tags as CARLA's Cityscapes palette shows them.

    Args:
        seg: (..., H, W) uint8 CARLA tags.

    Returns:
        (..., H, W, 3) uint8 RGB; a tag outside the table is black.
    """
    return _padded(PALETTE_RGB)[seg]


def ade20k_image(seg: np.ndarray, classes: ClassSet = CARLA_0_9_16) -> np.ndarray:
    """Labels in the colours that public segmentation ControlNets were trained with.

    Args:
        seg: (..., H, W) uint8 labels.
        classes: what the numbers mean: CARLA's tags, or `BDD100K`, `WAYMO`, `CITYSCAPES`, ...

    Returns:
        (..., H, W, 3) uint8 RGB; labels without an ADE20K class are black.
        Source: ADE20K palette as used by ControlNet v1.1 "seg".
    """
    return ADE20K.palette_rgb()[translation(classes, ADE20K)][seg]


def _padded(palette: np.ndarray) -> np.ndarray:
    table = np.zeros((256, 3), np.uint8)
    table[: len(palette)] = palette
    return table
