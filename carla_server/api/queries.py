"""What the level is made of: rays, boxes, objects."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import numpy as np

from carla_server.api.simulator import Simulator
from carla_server.api.table import Returns, rows
from carla_server.dynamics import ray_hits
from carla_server.roads.town import Placement, PropKind
from carla_server.semantics import ANY_TAG, SemanticTag
from carla_server.wire.structs import InvalidArgument, Vector, pose_to_wire, read_float, read_int, read_vector
from carla_server.world.actors import Actor
from carla_server.world.spawning import world_box

_TAG_OF_PROP = {
    PropKind.BUILDING: SemanticTag.BUILDINGS,
    PropKind.TREE: SemanticTag.VEGETATION,
    PropKind.STREET_LAMP: SemanticTag.POLES,
    PropKind.BENCH: SemanticTag.STATIC,
    PropKind.BIN: SemanticTag.STATIC,
    PropKind.HYDRANT: SemanticTag.STATIC,
    PropKind.PARKED_CAR: SemanticTag.CAR,
    PropKind.FENCE: SemanticTag.FENCES,
}
_MAX_RAY_M = 2000.0
_GROUND_STEP_M = 0.25
_STANDARD_GRAVITY_MPS2 = 9.81


def get_environment_objects(simulator: Simulator, tag: Any) -> list:
    """Scenery of one label (255: any) with its boxes in the world."""
    has_id = simulator.world.layout.bounding_box_has_actor_id
    objects = []
    for placement, label in _scenery(simulator, tag):
        pose = (*placement.position_m, 0.0, placement.yaw_deg, 0.0)
        name = f"{placement.kind.value}_{placement.instance}"
        objects.append([pose_to_wire(pose), _box(placement, has_id), placement.instance, name, int(label)])
    return objects


def get_all_level_BBs(simulator: Simulator, tag: Any) -> list:
    """World boxes of the scenery and of traffic lights and signs of one label (255: any)."""
    world = simulator.world
    has_id = world.layout.bounding_box_has_actor_id
    boxes = [_box(placement, has_id) for placement, _ in _scenery(simulator, tag)]
    if tag in (SemanticTag.TRAFFIC_LIGHT, ANY_TAG):
        for light in world.town.traffic_lights:
            for x, y, z, yaw_deg in light.heads:
                box: list = [[x, y, z], [0.2, 0.2, 0.55], [0.0, yaw_deg, 0.0]]
                boxes.append([*box, 0] if has_id else box)
    return boxes


def get_names_of_all_objects(simulator: Simulator) -> list[str]:
    return [f"{placement.kind.value}_{placement.instance}" for placement in simulator.world.town.placements]


def cast_ray(simulator: Simulator, start: Any, end: Any) -> list:
    """What a straight line meets first: at most one labelled point."""
    origin, target = read_vector(start, "start"), read_vector(end, "end")
    length_m = math.dist(origin, target)
    if length_m == 0.0:
        return []
    direction = tuple((b - a) / length_m for a, b in zip(origin, target))
    hit = _first_hit(simulator, origin, (direction[0], direction[1], direction[2]), length_m)
    return [] if hit is None else [[list(hit[0]), hit[1]]]


def project_point(simulator: Simulator, start: Any, direction: Any, distance: Any) -> list:
    """Move a point along a direction until it meets something: `[found, labelled point]`."""
    origin, along = read_vector(start, "location"), read_vector(direction, "direction")
    length = math.hypot(*along)
    if length == 0.0:
        raise InvalidArgument("direction is the zero vector, it must point somewhere")
    unit = (along[0] / length, along[1] / length, along[2] / length)
    hit = _first_hit(simulator, origin, unit, read_float(distance, "search distance", 0.0, 1e9))
    if hit is None:
        return [False, [list(origin), int(SemanticTag.NONE)]]
    return [True, [list(hit[0]), hit[1]]]


def get_imui_gravity(simulator: Simulator) -> float:
    return _STANDARD_GRAVITY_MPS2


def _first_hit(simulator: Simulator, origin: Vector, direction: Vector, length_m: float) -> tuple[Vector, int] | None:
    world = simulator.world
    length_m = min(length_m, _MAX_RAY_M)
    solid: list[Actor] = [actor for actor in world.actors.values() if actor.collides]
    boxes = [world_box(actor, world.pose_of(actor)) for actor in solid] + list(world.town.obstacles)
    best_m, label = math.inf, int(SemanticTag.NONE)
    if boxes:
        hits = ray_hits(
            np.array(origin),
            np.array(direction),
            length_m,
            np.array([box.center_m for box in boxes]),
            np.array([box.extent_m for box in boxes]),
            np.radians([box.yaw_deg for box in boxes]),
        )
        index = int(hits.argmin())
        best_m = float(hits[index])
        if index < len(solid):
            label = solid[index].semantic_tags[-1]
        else:
            label = int(world.obstacle_tags[index - len(solid)])
    ground_m = _ground_hit(simulator, origin, direction, min(length_m, best_m))
    if ground_m is not None:
        best_m = ground_m
    if not best_m <= length_m:
        return None
    x, y, z = (start + best_m * step for start, step in zip(origin, direction))
    if ground_m is not None:
        label = int(world.town.ground.tag(np.array([x]), np.array([y]))[0])
    return (x, y, z), label


def _ground_hit(simulator: Simulator, origin: Vector, direction: Vector, length_m: float) -> float | None:
    """Distance along the ray to the ground; None if it stays above or starts below."""
    ground = simulator.world.town.ground
    count = max(2, int(length_m / _GROUND_STEP_M) + 2)
    along_m = np.linspace(0.0, length_m, count)
    points = np.array(origin) + along_m[:, None] * np.array(direction)
    above_m = points[:, 2] - ground.height_m(points[:, 0], points[:, 1])
    below = np.flatnonzero(above_m <= 0.0)
    if not len(below) or below[0] == 0:
        return None
    after = int(below[0])
    share = above_m[after - 1] / (above_m[after - 1] - above_m[after])
    return float(along_m[after - 1] + share * (along_m[after] - along_m[after - 1]))


def _scenery(simulator: Simulator, tag: Any) -> Iterator[tuple[Placement, SemanticTag]]:
    wanted = read_int(tag, "label", 0, 255)
    for placement in simulator.world.town.placements:
        label = _TAG_OF_PROP[placement.kind]
        if wanted in (ANY_TAG, label):
            yield placement, label


def _box(placement: Placement, has_id: bool) -> list:
    x, y, z = placement.position_m
    length, width, height = placement.size_m
    box: list = [[x, y, z + height / 2], [length / 2, width / 2, height / 2], [0.0, placement.yaw_deg, 0.0]]
    return [*box, 0] if has_id else box


PROCEDURES = rows(
    Returns.VALUE,
    get_environment_objects,
    get_all_level_BBs,
    get_names_of_all_objects,
    cast_ray,
    project_point,
    get_imui_gravity,
)
