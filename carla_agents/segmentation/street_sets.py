"""Class sets of street data recorded in the real world: Cityscapes, BDD100K, Waymo Open."""

from __future__ import annotations

from carla_agents.segmentation.class_sets import IGNORED, ClassSet, SegClass
from carla_server.semantics import SemanticTag

T = SemanticTag

_NINETEEN: tuple[tuple[str, tuple[int, int, int], SemanticTag], ...] = (
    ("road", (128, 64, 128), T.ROADS),
    ("sidewalk", (244, 35, 232), T.SIDEWALKS),
    ("building", (70, 70, 70), T.BUILDINGS),
    ("wall", (102, 102, 156), T.WALLS),
    ("fence", (190, 153, 153), T.FENCES),
    ("pole", (153, 153, 153), T.POLES),
    ("traffic light", (250, 170, 30), T.TRAFFIC_LIGHT),
    ("traffic sign", (220, 220, 0), T.TRAFFIC_SIGNS),
    ("vegetation", (107, 142, 35), T.VEGETATION),
    ("terrain", (152, 251, 152), T.TERRAIN),
    ("sky", (70, 130, 180), T.SKY),
    ("person", (220, 20, 60), T.PEDESTRIANS),
    ("rider", (255, 0, 0), T.RIDER),
    ("car", (0, 0, 142), T.CAR),
    ("truck", (0, 0, 70), T.TRUCK),
    ("bus", (0, 60, 100), T.BUS),
    ("train", (0, 80, 100), T.TRAIN),
    ("motorcycle", (0, 0, 230), T.MOTORCYCLE),
    ("bicycle", (119, 11, 32), T.BICYCLE),
)
_OF_TAG: dict[SemanticTag, str | None] = {
    T.ROAD_LINES: "road",
    **dict.fromkeys((T.NONE, T.STATIC, T.DYNAMIC, T.OTHER, T.WATER, T.GROUND, T.BRIDGE, T.RAIL_TRACK, T.GUARD_RAIL)),
}

CITYSCAPES = ClassSet(
    "cityscapes",
    tuple(SegClass(number, *row) for number, row in enumerate(_NINETEEN)),
    frozenset({IGNORED}),
    _OF_TAG,
    "cityscapesScripts, labels.py: trainId, the numbers in *_labelTrainIds.png",
)

BDD100K = ClassSet(
    "bdd100k",
    tuple(SegClass(number, *row) for number, row in enumerate(_NINETEEN)),
    frozenset({IGNORED}),
    _OF_TAG,
    "BDD100K documentation, semantic segmentation: Cityscapes' train ids, 255 unknown",
)

CITYSCAPES_LABEL_IDS = ClassSet(
    "cityscapes-label-ids",
    (
        SegClass(0, "unlabeled", (0, 0, 0), None),
        SegClass(1, "ego vehicle", (0, 0, 0), None),
        SegClass(2, "rectification border", (0, 0, 0), None),
        SegClass(3, "out of roi", (0, 0, 0), None),
        SegClass(4, "static", (0, 0, 0), T.STATIC),
        SegClass(5, "dynamic", (111, 74, 0), T.DYNAMIC),
        SegClass(6, "ground", (81, 0, 81), T.GROUND),
        SegClass(7, "road", (128, 64, 128), T.ROADS),
        SegClass(8, "sidewalk", (244, 35, 232), T.SIDEWALKS),
        SegClass(9, "parking", (250, 170, 160), T.GROUND),
        SegClass(10, "rail track", (230, 150, 140), T.RAIL_TRACK),
        SegClass(11, "building", (70, 70, 70), T.BUILDINGS),
        SegClass(12, "wall", (102, 102, 156), T.WALLS),
        SegClass(13, "fence", (190, 153, 153), T.FENCES),
        SegClass(14, "guard rail", (180, 165, 180), T.GUARD_RAIL),
        SegClass(15, "bridge", (150, 100, 100), T.BRIDGE),
        SegClass(16, "tunnel", (150, 120, 90), T.OTHER),
        SegClass(17, "pole", (153, 153, 153), T.POLES),
        SegClass(18, "polegroup", (153, 153, 153), T.POLES),
        SegClass(19, "traffic light", (250, 170, 30), T.TRAFFIC_LIGHT),
        SegClass(20, "traffic sign", (220, 220, 0), T.TRAFFIC_SIGNS),
        SegClass(21, "vegetation", (107, 142, 35), T.VEGETATION),
        SegClass(22, "terrain", (152, 251, 152), T.TERRAIN),
        SegClass(23, "sky", (70, 130, 180), T.SKY),
        SegClass(24, "person", (220, 20, 60), T.PEDESTRIANS),
        SegClass(25, "rider", (255, 0, 0), T.RIDER),
        SegClass(26, "car", (0, 0, 142), T.CAR),
        SegClass(27, "truck", (0, 0, 70), T.TRUCK),
        SegClass(28, "bus", (0, 60, 100), T.BUS),
        SegClass(29, "caravan", (0, 0, 90), T.TRUCK),
        SegClass(30, "trailer", (0, 0, 110), T.TRUCK),
        SegClass(31, "train", (0, 80, 100), T.TRAIN),
        SegClass(32, "motorcycle", (0, 0, 230), T.MOTORCYCLE),
        SegClass(33, "bicycle", (119, 11, 32), T.BICYCLE),
    ),
    frozenset({IGNORED}),  # the licence plate's -1, written into a byte
    {T.NONE: None, T.OTHER: None, T.WATER: None, T.ROAD_LINES: "road"},
    "cityscapesScripts, labels.py: id, the numbers in *_labelIds.png",
)

WAYMO = ClassSet(
    "waymo",
    (
        SegClass(0, "undefined", (0, 0, 0), None),
        SegClass(1, "ego vehicle", (102, 102, 102), None),
        SegClass(2, "car", (0, 0, 142), T.CAR),
        SegClass(3, "truck", (0, 0, 70), T.TRUCK),
        SegClass(4, "bus", (0, 60, 100), T.BUS),
        SegClass(5, "other large vehicle", (61, 133, 198), T.TRUCK),
        SegClass(6, "bicycle", (119, 11, 32), T.BICYCLE),
        SegClass(7, "motorcycle", (0, 0, 230), T.MOTORCYCLE),
        SegClass(8, "trailer", (111, 168, 220), T.TRUCK),
        SegClass(9, "pedestrian", (220, 20, 60), T.PEDESTRIANS),
        SegClass(10, "cyclist", (255, 0, 0), T.RIDER),
        SegClass(11, "motorcyclist", (180, 0, 0), T.RIDER),
        SegClass(12, "bird", (127, 96, 0), T.DYNAMIC),
        SegClass(13, "ground animal", (91, 15, 0), T.DYNAMIC),
        SegClass(14, "construction cone pole", (230, 145, 56), T.STATIC),
        SegClass(15, "pole", (153, 153, 153), T.POLES),
        SegClass(16, "pedestrian object", (234, 153, 153), T.DYNAMIC),
        SegClass(17, "sign", (246, 178, 107), T.TRAFFIC_SIGNS),
        SegClass(18, "traffic light", (250, 170, 30), T.TRAFFIC_LIGHT),
        SegClass(19, "building", (70, 70, 70), T.BUILDINGS),
        SegClass(20, "road", (128, 64, 128), T.ROADS),
        SegClass(21, "lane marker", (234, 209, 220), T.ROAD_LINES),
        SegClass(22, "road marker", (217, 210, 233), T.ROAD_LINES),
        SegClass(23, "sidewalk", (244, 35, 232), T.SIDEWALKS),
        SegClass(24, "vegetation", (107, 142, 35), T.VEGETATION),
        SegClass(25, "sky", (70, 130, 180), T.SKY),
        SegClass(26, "ground", (102, 102, 102), T.GROUND),
        SegClass(27, "dynamic", (102, 102, 102), T.DYNAMIC),
        SegClass(28, "static", (102, 102, 102), T.STATIC),
    ),
    frozenset({IGNORED}),
    {
        T.WALLS: "building",
        T.FENCES: "building",
        T.BRIDGE: "static",
        T.GUARD_RAIL: "static",
        T.STATIC: "static",
        T.DYNAMIC: "dynamic",
        T.TERRAIN: "ground",
        T.RAIL_TRACK: "ground",
        T.TRAIN: "other large vehicle",
        **dict.fromkeys((T.NONE, T.OTHER, T.WATER)),
    },
    "waymo-open-dataset, camera_segmentation.proto and its colour map",
)
