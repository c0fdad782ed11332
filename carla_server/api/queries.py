"""What rays meet, and the gravity that inertial sensors feel."""

from __future__ import annotations

from typing import Any

import numpy as np

from carla_server.api.simulator import Simulator
from carla_server.api.table import Returns, rows
from carla_server.rays.scene import RayHits
from carla_server.semantics import SemanticTag
from carla_server.wire.structs import InvalidArgument, read_float, read_vector

_MAX_RAY_M = 2000.0
_STEP_M = 1e-3
"""How far behind a surface the search for the next one begins."""
_MOST_POINTS = 256


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


PROCEDURES = rows(Returns.VOID, set_imui_gravity) | rows(Returns.VALUE, cast_ray, project_point, get_imui_gravity)
