"""Paint: lane lines, crosswalks, stop and give-way lines, as flat ribbons just above the road."""

from __future__ import annotations

import numpy as np

from carla_server.roads.lane_strips import section_stations_m
from carla_server.roads.mesh import Material, MeshBuilder
from carla_server.roads.opendrive import LaneSection, OpenDrive, Road, RoadMark, RoadObject, cubic_at
from carla_server.roads.stencils import arrow_quads_m
from carla_server.roads.surface import GRASS_RGB, KERB_RGB, add_upward, ribbon
from carla_server.semantics import SemanticTag

PAINT_ABOVE_M = 0.013
WHITE_RGB = (0.78, 0.78, 0.75)
YELLOW_RGB = (0.80, 0.58, 0.10)
_COLORS_RGB = {
    "yellow": YELLOW_RGB,
    "blue": (0.10, 0.25, 0.62),
    "green": (0.10, 0.45, 0.18),
    "red": (0.62, 0.10, 0.08),
    "orange": (0.80, 0.36, 0.06),
}
"""Colours of OpenDRIVE's road marks; standard and white are white."""

DOT_M, DOT_PERIOD_M = 0.12, 1.2
"""Botts dots: side and spacing."""

CURB_M, GRASS_EDGE_M = 0.18, 0.35
"""Width of the stones of a mark of type curb, and of the turf of one of type grass."""
DASH_M, GAP_M = 3.0, 4.5
DOUBLE_GAP_M = 0.12
"""Distance of each line of a double line from the middle."""

ZEBRA_PERIOD_M = 1.0
TOOTH_PERIOD_M = 0.9
STEP_M = 2.5
CROSSWALK_AT_END_M = 10.0
LINE_CLEARANCE_M = 0.4
_PAINTED_LINES = {"StopLine": 0.4, "SolidSingleWhite": 0.15}
"""Width in metres of lines that a map draws as objects."""


def _lines(mark: RoadMark) -> list[tuple[float, bool]]:
    """(offset to the left, dashed) of each line of a mark; empty for kerbs and unpainted edges."""
    single = {"solid": [False], "broken": [True]}
    if mark.kind in single:
        return [(0.0, dashed) for dashed in single[mark.kind]]
    words = mark.kind.split()
    if len(words) == 2 and set(words) <= {"solid", "broken"}:
        return [(DOUBLE_GAP_M, words[0] == "broken"), (-DOUBLE_GAP_M, words[1] == "broken")]
    return []


def _add_line(builder: MeshBuilder, road: Road, s_m: np.ndarray, t_m: np.ndarray, width_m: float, color) -> None:
    left, right = road.position_m(s_m, t_m + width_m / 2), road.position_m(s_m, t_m - width_m / 2)
    lift = np.array([0.0, 0.0, PAINT_ABOVE_M])
    add_upward(builder, ribbon(left + lift, right + lift), color, Material.PAINT, SemanticTag.ROAD_LINES)


def _edge_t(road: Road, section: LaneSection, lane_id: int, s_m: np.ndarray) -> np.ndarray:
    if lane_id == 0:
        return cubic_at(road.lane_offset, s_m)
    return road.lane_edges_m(section, lane_id, s_m)[1]


def _painted_range_m(road: Road) -> tuple[float, float]:
    """Lane lines stop before the crosswalks at a road's two ends."""
    low, high = 0.0, road.length_m
    for item in road.objects:
        if is_crosswalk(item):
            turn = item.heading_rad
            reach = np.abs(item.outline_m @ np.array([np.cos(turn), -np.sin(turn)])).max() + LINE_CLEARANCE_M
            if item.s_m < min(CROSSWALK_AT_END_M, road.length_m / 2):
                low = max(low, item.s_m + reach)
            elif item.s_m > max(road.length_m - CROSSWALK_AT_END_M, road.length_m / 2):
                high = min(high, item.s_m - reach)
    return low, high


def _add_lane_lines(builder: MeshBuilder, road: Road, section: LaneSection) -> None:
    low, high = _painted_range_m(road)
    for lane_id, lane in section.lanes.items():
        for index, mark in enumerate(lane.marks):
            start = max(low, section.s_m + mark.s_offset_m)
            following = lane.marks[index + 1].s_offset_m if index + 1 < len(lane.marks) else np.inf
            end = min(high, section.end_s_m, section.s_m + following)
            color = _COLORS_RGB.get(mark.color, WHITE_RGB)
            if end - start < 0.1:
                continue
            if mark.kind in ("botts dots", "curb", "grass"):
                _add_edge_of_another_kind(builder, road, LaneSection(start, end, section.lanes), lane_id, mark, color)
                continue
            for offset, dashed in _lines(mark):
                if dashed:
                    for dash in np.arange(start + GAP_M / 2, end - 1.0, DASH_M + GAP_M):
                        s = np.array([dash, min(dash + DASH_M, end)])
                        _add_line(builder, road, s, _edge_t(road, section, lane_id, s) + offset, mark.width_m, color)
                else:
                    whole = LaneSection(start, end, section.lanes)
                    s = section_stations_m(whole, STEP_M)
                    _add_line(builder, road, s, _edge_t(road, section, lane_id, s) + offset, mark.width_m, color)


def _add_edge_of_another_kind(
    builder: MeshBuilder, road: Road, part: LaneSection, lane_id: int, mark: RoadMark, color
) -> None:
    """Dots, curb stones or turf along a lane's edge."""
    if mark.kind == "botts dots":
        for dot in np.arange(part.s_m + DOT_PERIOD_M / 2, part.end_s_m - DOT_M, DOT_PERIOD_M):
            s = np.array([dot, dot + DOT_M])
            _add_line(builder, road, s, _edge_t(road, part, lane_id, s), DOT_M, color)
        return
    s = section_stations_m(part, STEP_M)
    t = _edge_t(road, part, lane_id, s)
    width_m = CURB_M if mark.kind == "curb" else GRASS_EDGE_M
    lift = np.array([0.0, 0.0, PAINT_ABOVE_M])
    left, right = road.position_m(s, t + width_m / 2) + lift, road.position_m(s, t - width_m / 2) + lift
    if mark.kind == "curb":
        add_upward(builder, ribbon(left, right), KERB_RGB, Material.CONCRETE, SemanticTag.ROAD_LINES)
    else:
        add_upward(builder, ribbon(left, right), GRASS_RGB, Material.GRASS, SemanticTag.TERRAIN)


def outline_in_world_m(road: Road, item: RoadObject) -> np.ndarray:
    """Corners of a flat object on the road surface, (K, 3) world metres."""
    x, y, heading = road.plan.at(np.array([item.s_m]))
    middle_x = x[0] - item.t_m * np.sin(heading[0])
    middle_y = y[0] + item.t_m * np.cos(heading[0])
    turn = heading[0] + item.heading_rad
    u, v = item.outline_m[:, 0], item.outline_m[:, 1]
    plane_x = middle_x + u * np.cos(turn) - v * np.sin(turn)
    plane_y = middle_y + u * np.sin(turn) + v * np.cos(turn)
    along, across = u * np.cos(item.heading_rad), v * np.cos(item.heading_rad)
    s = np.clip(item.s_m + along - v * np.sin(item.heading_rad), 0.0, road.length_m)
    z = road.height_m(s, item.t_m + across + u * np.sin(item.heading_rad))
    return np.stack([plane_x, -plane_y, z], axis=-1)


def _long_sides(corners: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The two long sides of a quad, each (2, 3), pointing the same way."""
    first = np.linalg.norm(corners[1] - corners[0]) + np.linalg.norm(corners[3] - corners[2])
    second = np.linalg.norm(corners[2] - corners[1]) + np.linalg.norm(corners[0] - corners[3])
    a, b, c, d = corners
    return (np.array([a, b]), np.array([d, c])) if first > second else (np.array([b, c]), np.array([a, d]))


def _add_bars(builder: MeshBuilder, corners: np.ndarray, period_m: float, filled: float) -> None:
    """Bars between the long sides of a quad, `filled` of each period painted, none cut in half."""
    one, other = _long_sides(corners)
    length = np.linalg.norm(one[1] - one[0])
    count = max(1, int(length / period_m))
    middle = (np.arange(count) + 0.5) / count
    half = filled * period_m / length / 2
    lift = np.array([0.0, 0.0, PAINT_ABOVE_M])

    def point(side, where):
        return side[0] + (side[1] - side[0]) * where[:, None] + lift

    a, b = point(one, middle - half), point(one, middle + half)
    c, d = point(other, middle + half), point(other, middle - half)
    triangles = np.stack([a, b, c, a, c, d], axis=1)
    add_upward(builder, triangles, WHITE_RGB, Material.PAINT, SemanticTag.ROAD_LINES)


def _is_polyline(outline_m: np.ndarray) -> bool:
    """Whether an outline is a bare line, as CARLA's maps give stop lines, instead of an area."""
    if len(outline_m) < 2:
        return False
    following = np.roll(outline_m, -1, axis=0)
    area = abs((outline_m[:, 0] * following[:, 1] - following[:, 0] * outline_m[:, 1]).sum()) / 2
    length = float(np.linalg.norm(outline_m[-1] - outline_m[0]))
    return bool(len(outline_m) > 4 or area < 0.02 * max(length, 0.1))


def _add_polyline(builder: MeshBuilder, points: np.ndarray, width_m: float) -> None:
    along = np.gradient(points, axis=0)
    across = np.stack([-along[:, 1], along[:, 0], np.zeros(len(points))], axis=-1)
    across *= width_m / 2 / np.maximum(np.linalg.norm(across, axis=1, keepdims=True), 1e-6)
    triangles = ribbon(points - across, points + across)
    add_upward(builder, triangles, WHITE_RGB, Material.PAINT, SemanticTag.ROAD_LINES)


def is_crosswalk(item: RoadObject) -> bool:
    """Whether an object is a pedestrian crossing with a usable outline."""
    return item.kind == "crosswalk" and len(item.outline_m) >= 3


def crosswalk_quads_m(road: Road) -> list[np.ndarray]:
    """World corners of the road's crosswalks that have four of them, each (4, 3)."""
    outlines = [outline_in_world_m(road, item) for item in road.objects if is_crosswalk(item)]
    return [corners for corners in outlines if len(corners) == 4]


def add_markings(builder: MeshBuilder, opendrive: OpenDrive) -> None:
    """Add all paint of a map."""
    for road, section in opendrive.lane_sections():
        _add_lane_lines(builder, road, section)
    lift = np.array([0.0, 0.0, PAINT_ABOVE_M])
    for road_id in sorted(opendrive.roads):
        road = opendrive.roads[road_id]
        for corners in crosswalk_quads_m(road):
            _add_bars(builder, corners, ZEBRA_PERIOD_M, 0.5)
        for item in road.objects:
            for quad in arrow_quads_m(road, item):
                triangles = (quad + lift)[[0, 1, 2, 0, 2, 3]]
                add_upward(builder, triangles, WHITE_RGB, Material.PAINT, SemanticTag.ROAD_LINES)
            if item.name in _PAINTED_LINES and _is_polyline(item.outline_m):
                _add_polyline(builder, outline_in_world_m(road, item) + lift, _PAINTED_LINES[item.name])
                continue
            if len(item.outline_m) != 4 or item.name not in ("StopLine", "YieldLine"):
                continue
            corners = outline_in_world_m(road, item)
            if item.name == "YieldLine":
                _add_bars(builder, corners, TOOTH_PERIOD_M, 0.6)
            else:
                triangles = (corners + lift)[[0, 1, 2, 0, 2, 3]]
                add_upward(builder, triangles, WHITE_RGB, Material.PAINT, SemanticTag.ROAD_LINES)
