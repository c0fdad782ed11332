"""What a synthesizer must keep in place: CARLA tags folded into coarse groups, as control input of a network."""

from __future__ import annotations

from enum import IntEnum

import numpy as np

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

_ADE20K_RGB: dict[SemanticTag, tuple[int, int, int]] = {
    SemanticTag.ROADS: (140, 140, 140),
    SemanticTag.ROAD_LINES: (140, 140, 140),
    SemanticTag.SIDEWALKS: (235, 255, 7),
    SemanticTag.BUILDINGS: (180, 120, 120),
    SemanticTag.WALLS: (120, 120, 120),
    SemanticTag.FENCES: (255, 184, 6),
    SemanticTag.POLES: (51, 0, 255),
    SemanticTag.TRAFFIC_LIGHT: (41, 0, 255),
    SemanticTag.TRAFFIC_SIGNS: (255, 5, 153),
    SemanticTag.VEGETATION: (4, 200, 3),
    SemanticTag.TERRAIN: (4, 250, 7),
    SemanticTag.SKY: (6, 230, 230),
    SemanticTag.PEDESTRIANS: (150, 5, 61),
    SemanticTag.RIDER: (150, 5, 61),
    SemanticTag.CAR: (0, 102, 200),
    SemanticTag.TRUCK: (255, 0, 20),
    SemanticTag.BUS: (255, 0, 245),
    SemanticTag.MOTORCYCLE: (163, 0, 255),
    SemanticTag.BICYCLE: (255, 245, 0),
    SemanticTag.WATER: (61, 230, 250),
    SemanticTag.GROUND: (120, 120, 70),
    SemanticTag.BRIDGE: (255, 82, 0),
    SemanticTag.GUARD_RAIL: (255, 184, 6),
}


def groups(seg: np.ndarray) -> np.ndarray:
    """Fold tags into groups.

    Args:
        seg: (..., H, W) uint8 CARLA tags.

    Returns:
        The same shape, uint8 LayoutGroup values.
    """
    return GROUP_OF_TAG[seg]


def one_hot_groups(seg: np.ndarray) -> np.ndarray:
    """One channel per group.

    Args:
        seg: (N, H, W) uint8 CARLA tags.

    Returns:
        (N, GROUP_COUNT, H, W) float32 of zeros and ones.
    """
    return (groups(seg)[:, None] == np.arange(GROUP_COUNT, dtype=np.uint8)[None, :, None, None]).astype(np.float32)


def palette_image(seg: np.ndarray) -> np.ndarray:
    """Tags as CARLA's Cityscapes palette shows them.

    Args:
        seg: (..., H, W) uint8 CARLA tags.

    Returns:
        (..., H, W, 3) uint8 RGB; a tag outside the table is black.
    """
    return _padded(PALETTE_RGB)[seg]


def ade20k_image(seg: np.ndarray) -> np.ndarray:
    """Tags in the colours that the public SD 1.5 segmentation ControlNet was trained with.

    Args:
        seg: (..., H, W) uint8 CARLA tags.

    Returns:
        (..., H, W, 3) uint8 RGB; tags without an ADE20K class are black.
        Source: ADE20K palette as used by ControlNet v1.1 "seg".
    """
    table = np.zeros((256, 3), np.uint8)
    for tag, colour in _ADE20K_RGB.items():
        table[tag] = colour
    return table[seg]


def _padded(palette: np.ndarray) -> np.ndarray:
    table = np.zeros((256, 3), np.uint8)
    table[: len(palette)] = palette
    return table
