"""Debug drawing: points, lines, arrows, boxes and texts that colour cameras show and labels do not."""

from __future__ import annotations

from typing import Any

import numpy as np

from carla_server.api.simulator import Simulator
from carla_server.api.table import Returns, rows
from carla_server.render.captions import Caption
from carla_server.render.lines import box_lines, join_lines
from carla_server.wire.structs import (
    InvalidArgument,
    read_array,
    read_bool,
    read_float,
    read_int,
    read_str,
    read_vector,
)
from carla_server.world.debug_shapes import end_of
from carla_server.world.poses import rotation_matrix

_WIDEST_M = 100.0
_LONGEST_TEXT = 400
_POINT, _LINE, _ARROW, _BOX, _STRING = range(5)


def draw_debug_shape(simulator: Simulator, shape: Any) -> None:
    """Draw carla.DebugHelper's shapes; those of the head-up display have no display to be on."""
    primitive, color, life_time, persistent = read_array(shape, "debug shape", 4)[:4]
    kind, content = read_array(primitive, "debug primitive", 2)[:2]
    red, green, blue = (read_int(part, "colour", 0, 255) for part in read_array(color, "colour", 3)[:3])
    drawn = _shape(read_int(kind, "kind of debug shape", 0, 255), content, (red, green, blue))
    world = simulator.world
    life_time_s = read_float(life_time, "life_time", -1e9, 1e9)
    until_s = end_of(world.elapsed_s, life_time_s, persistent=read_bool(persistent, "persistent_lines"))
    world.sensors.debug_shapes.add(drawn, until_s)


def clear_debug_shape(simulator: Simulator) -> None:
    simulator.world.sensors.debug_shapes.clear_lines()


def clear_debug_string(simulator: Simulator) -> None:
    simulator.world.sensors.debug_shapes.clear_captions()


def _shape(kind: int, content: Any, color: tuple[int, int, int]) -> np.ndarray | Caption:
    if kind == _POINT:
        parts = read_array(content, "debug point", 2)
        place = read_vector(parts[0], "location")
        return join_lines([place], [place], _width(parts[1], "size"), color)
    if kind == _LINE:
        begin, end, width_m = _segment(content)
        return join_lines([begin], [end], width_m, color)
    if kind == _ARROW:
        parts = read_array(content, "debug arrow", 2)
        begin, end, width_m = _segment(parts[0])
        return _arrow(np.array(begin), np.array(end), width_m, _width(parts[1], "arrow_size"), color)
    if kind == _BOX:
        parts = read_array(content, "debug box", 3)
        box = read_array(parts[0], "bounding box", 3)
        center, extent = read_vector(box[0], "box location"), read_vector(box[1], "box extent")
        turn = rotation_matrix(*read_vector(parts[1], "rotation", 1e6))
        return box_lines(np.array(center), extent, turn, _width(parts[2], "thickness"), color)
    if kind == _STRING:
        parts = read_array(content, "debug string", 3)
        text = read_str(parts[1], "text")[:_LONGEST_TEXT]
        return Caption(read_vector(parts[0], "location"), text, color, read_bool(parts[2], "draw_shadow"))
    raise InvalidArgument(
        f"debug shape of kind {kind}: this server draws points, lines, arrows, boxes and strings into the world; "
        "it has no window of its own for a head-up display"
    )


def _segment(content: Any) -> tuple[tuple[float, float, float], tuple[float, float, float], float]:
    parts = read_array(content, "debug line", 3)
    return read_vector(parts[0], "begin"), read_vector(parts[1], "end"), _width(parts[2], "thickness")


def _width(value: Any, name: str) -> float:
    return read_float(value, name, 0.0, _WIDEST_M)


def _arrow(
    begin_m: np.ndarray, end_m: np.ndarray, width_m: float, tip_m: float, color: tuple[int, int, int]
) -> np.ndarray:
    """The shaft and four strokes back from its end."""
    way = end_m - begin_m
    length = float(np.linalg.norm(way))
    if length == 0.0:
        return join_lines([begin_m], [end_m], width_m, color)
    ahead = way / length
    across = np.cross(ahead, (0.0, 0.0, 1.0) if abs(ahead[2]) < 0.9 else (1.0, 0.0, 0.0))
    across /= np.linalg.norm(across)
    over = np.cross(across, ahead)
    strokes = [end_m - tip_m * ahead + tip_m * side for side in (across, -across, over, -over)]
    return join_lines([begin_m, *[end_m] * 4], [end_m, *strokes], width_m, color)


PROCEDURES = rows(Returns.VOID, draw_debug_shape, clear_debug_shape, clear_debug_string)
