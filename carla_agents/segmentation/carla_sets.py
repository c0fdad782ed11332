"""CARLA's tags in three generations, and the twelve groups that our segmenters learn.

0.9.14 renumbered the tags in the order of Cityscapes; 0.9.10 had added ten to the thirteen of earlier versions. A
picture of one generation read as another looks plausible and is wrong, so imports name the version.
"""

from __future__ import annotations

from carla_agents.segmentation.class_sets import IGNORED, ClassSet, SegClass
from carla_server.semantics import PALETTE_RGB, SemanticTag

T = SemanticTag

CARLA_0_9_16 = ClassSet(
    "carla-0.9.16",
    tuple(
        SegClass(int(tag), tag.name.lower(), (int(r), int(g), int(b)), tag)
        for tag, (r, g, b) in zip(SemanticTag, PALETTE_RGB, strict=True)
    ),
    frozenset({IGNORED}),
    {},
    "CARLA documentation, sensors reference; the same numbers from 0.9.14 on",
)

_SINCE_0_9_10 = {
    T.ROADS: "road",
    T.RIDER: "pedestrian",
    T.CAR: "vehicles",
    T.TRUCK: "vehicles",
    T.BUS: "vehicles",
    T.TRAIN: "vehicles",
    T.MOTORCYCLE: "vehicles",
    T.BICYCLE: "vehicles",
}

CARLA_0_9_13 = ClassSet(
    "carla-0.9.13",
    (
        SegClass(0, "unlabeled", (0, 0, 0), T.NONE),
        SegClass(1, "building", (70, 70, 70), T.BUILDINGS),
        SegClass(2, "fence", (100, 40, 40), T.FENCES),
        SegClass(3, "other", (55, 90, 80), T.OTHER),
        SegClass(4, "pedestrian", (220, 20, 60), T.PEDESTRIANS),
        SegClass(5, "pole", (153, 153, 153), T.POLES),
        SegClass(6, "roadline", (157, 234, 50), T.ROAD_LINES),
        SegClass(7, "road", (128, 64, 128), T.ROADS),
        SegClass(8, "sidewalk", (244, 35, 232), T.SIDEWALKS),
        SegClass(9, "vegetation", (107, 142, 35), T.VEGETATION),
        SegClass(10, "vehicles", (0, 0, 142), T.CAR),
        SegClass(11, "wall", (102, 102, 156), T.WALLS),
        SegClass(12, "trafficsign", (220, 220, 0), T.TRAFFIC_SIGNS),
        SegClass(13, "sky", (70, 130, 180), T.SKY),
        SegClass(14, "ground", (81, 0, 81), T.GROUND),
        SegClass(15, "bridge", (150, 100, 100), T.BRIDGE),
        SegClass(16, "railtrack", (230, 150, 140), T.RAIL_TRACK),
        SegClass(17, "guardrail", (180, 165, 180), T.GUARD_RAIL),
        SegClass(18, "trafficlight", (250, 170, 30), T.TRAFFIC_LIGHT),
        SegClass(19, "static", (110, 190, 160), T.STATIC),
        SegClass(20, "dynamic", (170, 120, 50), T.DYNAMIC),
        SegClass(21, "water", (45, 60, 150), T.WATER),
        SegClass(22, "terrain", (145, 170, 100), T.TERRAIN),
    ),
    frozenset({IGNORED}),
    _SINCE_0_9_10,
    "CARLA 0.9.13 documentation, sensors reference; the same numbers from 0.9.10 to 0.9.13",
)

NEAT = ClassSet(
    "neat",
    (
        *CARLA_0_9_13.classes,
        SegClass(23, "red light", (255, 0, 0), T.TRAFFIC_LIGHT),
        SegClass(24, "yellow light", (255, 255, 0), T.TRAFFIC_LIGHT),
        SegClass(25, "green light", (0, 255, 0), T.TRAFFIC_LIGHT),
        SegClass(26, "stop sign", (200, 200, 0), T.TRAFFIC_SIGNS),
        SegClass(27, "stop line", (170, 220, 60), T.ROAD_LINES),
    ),
    frozenset({IGNORED}),
    {**_SINCE_0_9_10, T.TRAFFIC_LIGHT: "trafficlight"},
    "NEAT (ICCV 2021): CARLA 0.9.10's tags, lights and stop lines told apart; the five added colours are ours",
)

CARLA_0_9_5 = ClassSet(
    "carla-0.9.5",
    (
        SegClass(0, "unlabeled", (0, 0, 0), None),
        SegClass(1, "building", (70, 70, 70), T.BUILDINGS),
        SegClass(2, "fence", (190, 153, 153), T.FENCES),
        SegClass(3, "other", (250, 170, 160), T.OTHER),
        SegClass(4, "pedestrian", (220, 20, 60), T.PEDESTRIANS),
        SegClass(5, "pole", (153, 153, 153), T.POLES),
        SegClass(6, "roadline", (157, 234, 50), T.ROAD_LINES),
        SegClass(7, "road", (128, 64, 128), T.ROADS),
        SegClass(8, "sidewalk", (244, 35, 232), T.SIDEWALKS),
        SegClass(9, "vegetation", (107, 142, 35), T.VEGETATION),
        SegClass(10, "vehicles", (0, 0, 142), T.CAR),
        SegClass(11, "wall", (102, 102, 156), T.WALLS),
        SegClass(12, "trafficsign", (220, 220, 0), T.TRAFFIC_SIGNS),
    ),
    frozenset({IGNORED}),
    {
        **_SINCE_0_9_10,
        T.TERRAIN: "vegetation",
        T.STATIC: "other",
        T.DYNAMIC: "other",
        # Sky and everything unnamed is 0 here; traffic lights were tagged like signs.
        **dict.fromkeys((T.NONE, T.SKY, T.GROUND, T.BRIDGE, T.RAIL_TRACK, T.GUARD_RAIL, T.WATER)),
        T.TRAFFIC_LIGHT: "trafficsign",
    },
    "CARLA 0.9.5 documentation, cameras and sensors; the same numbers up to 0.9.9",
)

GROUPS12 = ClassSet(
    "groups12",
    (
        SegClass(0, "road", (128, 64, 128), T.ROADS),
        SegClass(1, "lane paint", (157, 234, 50), T.ROAD_LINES),
        SegClass(2, "sidewalk", (244, 35, 232), T.SIDEWALKS),
        SegClass(3, "building", (70, 70, 70), T.BUILDINGS),
        SegClass(4, "vegetation", (107, 142, 35), T.VEGETATION),
        SegClass(5, "pole", (153, 153, 153), T.POLES),
        SegClass(6, "traffic light", (250, 170, 30), T.TRAFFIC_LIGHT),
        SegClass(7, "traffic sign", (220, 220, 0), T.TRAFFIC_SIGNS),
        SegClass(8, "person", (220, 20, 60), T.PEDESTRIANS),
        SegClass(9, "vehicle", (0, 0, 142), T.CAR),
        SegClass(10, "two-wheeler", (119, 11, 32), T.MOTORCYCLE),
        SegClass(11, "sky", (70, 130, 180), T.SKY),
    ),
    frozenset({IGNORED}),
    {
        **dict.fromkeys((T.WALLS, T.FENCES, T.BRIDGE, T.GUARD_RAIL), "building"),
        T.TERRAIN: "vegetation",
        T.RIDER: "person",
        **dict.fromkeys((T.TRUCK, T.BUS, T.TRAIN), "vehicle"),
        T.BICYCLE: "two-wheeler",
        **dict.fromkeys((T.NONE, T.STATIC, T.DYNAMIC, T.OTHER, T.WATER, T.GROUND, T.RAIL_TRACK)),
    },
    "SynDiff-AD: the groups that the default segmenter learns and the guard asks for",
)
