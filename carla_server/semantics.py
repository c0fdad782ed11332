"""CARLA 0.9.16 semantic tags and the Cityscapes-style palette that CARLA shows them with.

Source: CARLA documentation, "Sensors reference", table of the semantic segmentation camera.
"""

from __future__ import annotations

from enum import IntEnum

import numpy as np


class SemanticTag(IntEnum):
    """One byte per pixel: what a semantic camera writes into the red channel."""

    NONE = 0
    ROADS = 1
    SIDEWALKS = 2
    BUILDINGS = 3
    WALLS = 4
    FENCES = 5
    POLES = 6
    TRAFFIC_LIGHT = 7
    TRAFFIC_SIGNS = 8
    VEGETATION = 9
    TERRAIN = 10
    SKY = 11
    PEDESTRIANS = 12
    RIDER = 13
    CAR = 14
    TRUCK = 15
    BUS = 16
    TRAIN = 17
    MOTORCYCLE = 18
    BICYCLE = 19
    STATIC = 20
    DYNAMIC = 21
    OTHER = 22
    WATER = 23
    ROAD_LINES = 24
    GROUND = 25
    BRIDGE = 26
    RAIL_TRACK = 27
    GUARD_RAIL = 28


ANY_TAG = 255
"""`carla.CityObjectLabel.Any`: the wildcard of level queries, never a pixel value."""

PALETTE_RGB = np.array(
    [
        (0, 0, 0),
        (128, 64, 128),
        (244, 35, 232),
        (70, 70, 70),
        (102, 102, 156),
        (190, 153, 153),
        (153, 153, 153),
        (250, 170, 30),
        (220, 220, 0),
        (107, 142, 35),
        (152, 251, 152),
        (70, 130, 180),
        (220, 20, 60),
        (255, 0, 0),
        (0, 0, 142),
        (0, 0, 70),
        (0, 60, 100),
        (0, 80, 100),
        (0, 0, 230),
        (119, 11, 32),
        (110, 190, 160),
        (170, 120, 50),
        (55, 90, 80),
        (45, 60, 150),
        (157, 234, 50),
        (81, 0, 81),
        (150, 100, 100),
        (230, 150, 140),
        (180, 165, 180),
    ],
    dtype=np.uint8,
)
"""(29, 3) uint8 RGB, indexed by SemanticTag; the colours of `carla.ColorConverter.CityScapesPalette`."""
