"""What the level is made of: rays, boxes, objects."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from carla_server.api.simulator import Simulator
from carla_server.api.table import Returns, rows
from carla_server.rays.scene import RayHits
from carla_server.roads.town import Placement, PropKind
from carla_server.semantics import ANY_TAG, SemanticTag
from carla_server.wire.structs import InvalidArgument, pose_to_wire, read_float, read_int, read_vector

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
_STEP_M = 1e-3
"""How far behind a surface the search for the next one begins."""
_MOST_POINTS = 256


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
    """Everything that a straight line meets, in its order: one labelled point for each thing, where it enters."""
    origin, target = np.array(read_vector(start, "start")), np.array(read_vector(end, "end"))
    length_m = min(float(np.linalg.norm(target - origin)), _MAX_RAY_M)
    if length_m == 0.0:
        return []
    direction = (target - origin) / np.linalg.norm(target - origin)
    points, met, along_m = [], set(), 0.0
    for _ in range(_MOST_POINTS):
        hits = _cast(simulator, origin + along_m * direction, direction, length_m - along_m)
        if not hits.found[0]:
            break
        along_m += float(hits.distance_m[0])
        thing = (int(hits.actor_id[0]), int(hits.instance[0]), int(hits.tag[0]))
        if thing not in met:
            met.add(thing)
            points.append([(origin + along_m * direction).tolist(), thing[2]])
        along_m += _STEP_M
        if along_m >= length_m:
            break
    return points


def project_point(simulator: Simulator, start: Any, direction: Any, distance: Any) -> list:
    """Move a point along a direction until it meets something: `[found, labelled point]`."""
    origin, along = np.array(read_vector(start, "location")), np.array(read_vector(direction, "direction"))
    length = float(np.linalg.norm(along))
    if length == 0.0:
        raise InvalidArgument("direction is the zero vector, it must point somewhere")
    unit = along / length
    reach_m = min(read_float(distance, "search distance", 0.0, 1e9), _MAX_RAY_M)
    hits = _cast(simulator, origin, unit, reach_m)
    if not hits.found[0]:
        return [False, [origin.tolist(), int(SemanticTag.NONE)]]
    return [True, [(origin + float(hits.distance_m[0]) * unit).tolist(), int(hits.tag[0])]]


def get_imui_gravity(simulator: Simulator) -> float:
    """Gravity that inertial sensors feel, m/s^2."""
    return simulator.world.sensors.gravity_mps2


def set_imui_gravity(simulator: Simulator, gravity: Any) -> None:
    """Change what inertial sensors feel; vehicles fall as before, as in CARLA."""
    simulator.world.sensors.gravity_mps2 = read_float(gravity, "gravity", -1e3, 1e3)


def _cast(simulator: Simulator, origin_m: np.ndarray, direction: np.ndarray, range_m: float) -> RayHits:
    world = simulator.world
    return world.sensors.rays.cast(world, origin_m, direction[None], range_m)


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


PROCEDURES = rows(Returns.VOID, set_imui_gravity) | rows(
    Returns.VALUE,
    get_environment_objects,
    get_all_level_BBs,
    get_names_of_all_objects,
    cast_ray,
    project_point,
    get_imui_gravity,
)
