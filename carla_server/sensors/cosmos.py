"""Control picture for NVIDIA's Cosmos Transfer: `sensor.camera.cosmos_visualization`.

A road map and boxes as coloured lines on black: lane lines, edges of the carriageway, stop lines, crosswalks, poles,
traffic lights, signs, road users. Nothing but these lines hides them, and the vehicle that carries the camera is left
out. What is drawn and in which colours is that of CARLA 0.9.16 (`CosmosControlSensor.cpp`); how its lines fade with
distance is not published, here they do not.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import carla
import numpy as np

from carla_server.render.lines import LINE_DTYPE, box_lines, join_lines
from carla_server.roads.town import Town
from carla_server.semantics import SemanticTag
from carla_server.wire.structs import Pose
from carla_server.world.actors import Actor, Sensor, Vehicle
from carla_server.world.level import level_objects
from carla_server.world.poses import rotation_matrix

if TYPE_CHECKING:
    from carla_server.world.world import World

LANE_LINE = (98, 183, 249)
ROAD_EDGE = (200, 36, 35)
STOP_LINE = (185, 63, 34)
CROSSWALK = (206, 131, 63)
POLE = (66, 40, 144)
SIGN = (131, 175, 155)
TRAFFIC_LIGHT = (252, 157, 155)
VEHICLE = (255, 0, 0)
WALKER = (0, 255, 0)

_ROAD_WIDTH_M = 0.2
_BOX_WIDTH_M = 0.1
_STEP_M = 2.0
_HALF_LANE_M = 1.75
_SIGN_POLE_M, _LIGHT_POLE_M = 2.6, 5.0
_COLOR_OF_TAG = {
    SemanticTag.TRAFFIC_LIGHT: TRAFFIC_LIGHT,
    SemanticTag.TRAFFIC_SIGNS: SIGN,
    SemanticTag.CAR: VEHICLE,
}


def town_lines(town: Town) -> np.ndarray:
    """Everything of a town that stands still, (N,) LINE_DTYPE."""
    road = carla.Map(town.name, town.opendrive)
    parts = [_lanes(road), _crosswalks(road)]
    for light in town.traffic_lights:
        across = _level(light.trigger.yaw_deg)  # the trigger's x runs across the lanes
        for stop in light.stop_points_m:
            middle = np.array(stop)
            reach = _HALF_LANE_M * across
            parts.append(join_lines([middle - reach], [middle + reach], _ROAD_WIDTH_M, STOP_LINE))
        parts.append(_pole(light.position_m, _LIGHT_POLE_M))
    parts += [_pole(sign.position_m, _SIGN_POLE_M) for sign in town.signs]
    for thing in level_objects(town):
        if thing.label is SemanticTag.POLES:
            parts.append(_pole(thing.pose[:3], 2.0 * thing.extent_m[2]))
        elif thing.label in _COLOR_OF_TAG:
            turn, color = rotation_matrix(*thing.pose[3:]), _COLOR_OF_TAG[thing.label]
            parts.append(box_lines(np.array(thing.center_m), thing.extent_m, turn, _BOX_WIDTH_M, color))
    return np.concatenate(parts)


def road_user_lines(world: World, sensor: Sensor) -> np.ndarray:
    """Boxes of vehicles and walkers but the one that carries the camera, (N,) LINE_DTYPE."""
    users: list[Actor] = [*world.vehicle_actors, *world.walker_actors]
    parts = [np.zeros(0, LINE_DTYPE)]
    for actor in users:
        if actor.actor_id != sensor.parent_id:
            pose: Pose = world.pose_of(actor)
            turn = rotation_matrix(*pose[3:])
            center = np.array(pose[:3]) + turn @ np.array(actor.box.center_m)
            color = VEHICLE if isinstance(actor, Vehicle) else WALKER
            parts.append(box_lines(center, actor.box.extent_m, turn, _BOX_WIDTH_M, color))
    return np.concatenate(parts)


def _lanes(road: carla.Map) -> np.ndarray:
    """Borders of driving lanes outside junctions: lane lines between lanes, edges where the carriageway ends."""
    begin: dict[tuple[int, int, int], list] = {LANE_LINE: [], ROAD_EDGE: []}
    end: dict[tuple[int, int, int], list] = {LANE_LINE: [], ROAD_EDGE: []}
    for here in road.generate_waypoints(_STEP_M):
        if here.is_junction:
            continue
        ahead = here.next(_STEP_M)
        if not ahead:
            continue
        for side, neighbour in ((1.0, here.get_right_lane()), (-1.0, here.get_left_lane())):
            inner = neighbour is not None and neighbour.lane_type == carla.LaneType.Driving
            color = LANE_LINE if inner else ROAD_EDGE
            begin[color].append(_border(here, side))
            end[color].append(_border(ahead[0], side))
    parts = [join_lines(begin[color], end[color], _ROAD_WIDTH_M, color) for color in begin if begin[color]]
    return np.concatenate(parts) if parts else np.zeros(0, LINE_DTYPE)


def _border(waypoint: carla.Waypoint, side: float) -> tuple[float, float, float]:
    place, right = waypoint.transform.location, waypoint.transform.get_right_vector()
    reach = side * waypoint.lane_width / 2.0
    return place.x + reach * right.x, place.y + reach * right.y, place.z + reach * right.z


def _crosswalks(road: carla.Map) -> np.ndarray:
    """Outlines; `carla.Map` gives the corners of all in a row, each closed by its first corner."""
    corners = [(place.x, place.y, place.z) for place in road.get_crosswalks()]
    begin, end, first = [], [], 0
    for index in range(1, len(corners)):
        if index > first:
            begin.append(corners[index - 1])
            end.append(corners[index])
        if index > first + 1 and corners[index] == corners[first]:
            first = index + 1
    return join_lines(begin, end, _ROAD_WIDTH_M, CROSSWALK) if begin else np.zeros(0, LINE_DTYPE)


def _pole(foot_m: tuple[float, float, float], height_m: float) -> np.ndarray:
    x, y, z = foot_m
    return join_lines([foot_m], [(x, y, z + height_m)], _ROAD_WIDTH_M, POLE)


def _level(yaw_deg: float) -> np.ndarray:
    return np.array((math.cos(math.radians(yaw_deg)), math.sin(math.radians(yaw_deg)), 0.0))
