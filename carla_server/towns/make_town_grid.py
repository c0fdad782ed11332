"""Writes `TownGrid.xodr`, the default town: roads and junctions by roadgen, road furniture by this script.

Run it as ``python -m carla_server.towns.make_town_grid [output file]``. roadgen lays out the reference lines, the
lanes, the ways through each junction and the pavement round its corners. It has no words for what CARLA's clients
look for beside that, so the script adds it to the XML: eased slopes, lane-change permissions, speed limits,
crosswalks, stop lines, traffic lights with their controllers, stop, yield and speed signs.

The town: a 4 x 4 grid (330 m x 300 m) with rounded outer corners, a two-lanes-each-way avenue through the middle,
a hill in the north-east, one S-bend, parking streets, a ring with a bicycle lane in the west and shoulders in the
east; traffic lights at four junctions, stop or yield signs at the rest.
"""

from __future__ import annotations

import math
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

from carla_server.towns.network import set_marks, short_number
from carla_server.towns.road_furniture import Approach, furnish_junction, furnish_speed_signs, required

Node = tuple[int, int]

X_M = (0.0, 105.0, 215.0, 330.0)
Y_M = (0.0, 95.0, 200.0, 300.0)
CORNER_RADIUS_M = 32.0
S_BEND_SHIFT_M = 14.0
HEIGHT_M = {(2, 2): 1.5, (3, 2): 4.0, (2, 3): 4.5, (3, 1): 0.5}
"""Height of each junction that is not at zero: the hill."""

SIGNALS = {(1, 1), (2, 1), (2, 2), (0, 1)}
STOP_ON_EVERY_ARM = {(1, 2)}
STOP_ON_STEM = {(1, 0), (3, 1), (3, 2), (1, 3)}
YIELD_ON_STEM = {(2, 0), (0, 2), (2, 3)}

DRIVING_M, PARKING_M, BIKING_M, SHOULDER_M, SIDEWALK_M = 3.5, 2.3, 1.6, 1.5, 2.5
PROFILES = {
    "street": (("driving", DRIVING_M), ("sidewalk", SIDEWALK_M)),
    "parking": (("driving", DRIVING_M), ("parking", PARKING_M), ("sidewalk", SIDEWALK_M)),
    "avenue": (("driving", DRIVING_M), ("driving", DRIVING_M), ("sidewalk", SIDEWALK_M)),
    "biking": (("driving", DRIVING_M), ("biking", BIKING_M), ("sidewalk", SIDEWALK_M)),
    "shoulder": (("driving", DRIVING_M), ("shoulder", SHOULDER_M), ("sidewalk", SIDEWALK_M)),
}
RING_PROFILE = {0: "biking", 3: "shoulder"}
"""Profile of the outer ring's western and eastern part, by column."""

SPEED_KMH = {"street": 30, "parking": 30, "avenue": 50, "biking": 30, "shoulder": 50}


@dataclass
class Street:
    """One road between two junctions: its ends, the direction in which it leaves each, and its profile."""

    start: Node
    end: Node
    leaves_start: tuple[int, int]
    leaves_end: tuple[int, int]
    profile: str
    road: Any = None
    """roadgen's handle, once added."""


def _node_xy(node: Node) -> tuple[float, float]:
    shift = S_BEND_SHIFT_M if node == (1, 3) else 0.0
    return X_M[node[0]] + shift, Y_M[node[1]]


def _mouth_m(node: Node) -> float:
    """Distance from a junction's middle to where its arms begin; the wide avenue needs a larger junction."""
    return 18.0 if node[1] == 1 else 15.0


def _profile(start: Node, end: Node) -> str:
    if start[1] == end[1] == 1:
        return "avenue"
    if start[0] == end[0] and start[0] in (0, 3):
        return RING_PROFILE[start[0]]
    inner_column = start[0] == end[0] == 1 and max(start[1], end[1]) <= 2
    inner_row = start[1] == end[1] == 2
    return "parking" if inner_column or inner_row else "street"


def _streets() -> list[Street]:
    corners = {(0, 0), (3, 0), (0, 3), (3, 3)}
    streets = []
    for i in range(4):
        for j in range(4):
            for di, dj in ((1, 0), (0, 1)):
                other = (i + di, j + dj)
                if other[0] < 4 and other[1] < 4 and (i, j) not in corners and other not in corners:
                    streets.append(Street((i, j), other, (di, dj), (-di, -dj), _profile((i, j), other)))
    for i, j in sorted(corners):
        along_x, along_y = (1 if i == 0 else 2, j), (i, 1 if j == 0 else 2)
        to_corner_x, to_corner_y = (-1 if i == 0 else 1, 0), (0, -1 if j == 0 else 1)
        streets.append(Street(along_x, along_y, to_corner_x, to_corner_y, RING_PROFILE[i]))
    return streets


def _add_road(town, street: Street) -> None:
    from roadgen import Alignment, Lane

    lanes = [
        Lane(width=width, direction=direction, type_=kind)
        for direction in ("forward", "backward")
        for kind, width in PROFILES[street.profile]
    ]
    (x0, y0), (x1, y1) = _node_xy(street.start), _node_xy(street.end)
    z0, z1 = HEIGHT_M.get(street.start, 0.0), HEIGHT_M.get(street.end, 0.0)
    x0 += street.leaves_start[0] * _mouth_m(street.start)
    y0 += street.leaves_start[1] * _mouth_m(street.start)
    x1 += street.leaves_end[0] * _mouth_m(street.end)
    y1 += street.leaves_end[1] * _mouth_m(street.end)
    heading = math.atan2(street.leaves_start[1], street.leaves_start[0])
    path = Alignment(start=(x0, y0, z0), heading=heading)
    dx, dy = x1 - x0, y1 - y0
    if street.leaves_start == tuple(-v for v in street.leaves_end):
        shift = -dx if abs(dy) > abs(dx) else dy  # metres to the left of the first heading
        length = math.hypot(dx, dy)
        if abs(shift) < 1e-6:
            path.line(length, rise=z1 - z0)
        else:
            radius = 60.0
            angle = math.acos(1.0 - abs(shift) / (2.0 * radius))
            straight = (abs(dy) - 2.0 * radius * math.sin(angle)) / 2.0
            curvature = math.copysign(1.0 / radius, shift)
            path.line(straight)
            path.arc(radius * angle, curvature=curvature)
            path.arc(radius * angle, curvature=-curvature)
            path.line(straight)
    else:
        first = abs(dx) - CORNER_RADIUS_M
        second = abs(dy) - CORNER_RADIUS_M
        left = street.leaves_start[0] * dy > 0
        path.line(first)
        path.arc(CORNER_RADIUS_M * math.pi / 2, curvature=(1 if left else -1) / CORNER_RADIUS_M, rise=z1 - z0)
        path.line(second)
    street.road = town.add_road(lanes=lanes, alignment=path, type_="town")


def _lane_groups(street: Street, at_start: bool) -> tuple[dict[str, list], dict[str, list]]:
    """The arm's lanes by type, inner to outer: those that lead into the junction and those that lead out."""
    lanes = street.road.lanes()
    count = len(PROFILES[street.profile])
    groups: tuple[dict[str, list], dict[str, list]] = ({}, {})
    for index, lane in enumerate(lanes):
        forward = index < count
        kind = PROFILES[street.profile][index % count][0]
        groups[0 if forward != at_start else 1].setdefault(kind, []).append(lane)
    return groups


def _connect(town, node: Node, arms: list[tuple[tuple[int, int], Street, bool]]) -> None:
    """Way through one junction: right from the outer lane, left from the inner lane, straight on lane by lane.

    roadgen adds the sidewalks round the corners by itself.
    """
    junction = town.add_junction(f"J{node[0]}{node[1]}")
    by_direction = {direction: (street, at_start) for direction, street, at_start in arms}
    for direction, street, at_start in arms:
        inward, _ = _lane_groups(street, at_start)
        heading = (-direction[0], -direction[1])
        right, left = (heading[1], -heading[0]), (-heading[1], heading[0])
        for turn, target in (("right", right), ("straight", heading), ("left", left)):
            if target not in by_direction:
                continue
            _, outward = _lane_groups(*by_direction[target])
            sources, sinks = inward["driving"], outward["driving"]
            if turn == "right":
                pairs = [(sources[-1], sinks[-1])]
            elif turn == "left":
                pairs = [(sources[0], sinks[0])]
            else:
                pairs = list(zip(sources, sinks, strict=False))
            for source, sink in pairs:
                town.connect_lanes(source, sink, junction=junction)
            if turn != "left" and "biking" in inward and "biking" in outward:
                town.connect_lanes(inward["biking"][0], outward["biking"][0], junction=junction)


def _set_elevation(road: ElementTree.Element, z_start_m: float, z_end_m: float) -> None:
    """Ease from one height to the other (level at both ends, where junctions are)."""
    length = float(road.get("length", "0"))
    profile = required(road, "elevationProfile")
    profile.clear()
    rise = z_end_m - z_start_m
    coefficients = {"s": 0.0, "a": z_start_m, "b": 0.0, "c": 3 * rise / length**2, "d": -2 * rise / length**3}
    ElementTree.SubElement(profile, "elevation", {key: repr(round(v, 12)) for key, v in coefficients.items()})


def build_opendrive() -> str:
    """TownGrid as OpenDRIVE text."""
    import roadgen

    town = roadgen.Map(name="TownGrid", origin=(49.0, 8.0, 0.0))
    streets = _streets()
    arms: dict[Node, list[tuple[tuple[int, int], Street, bool]]] = {}
    for street in streets:
        _add_road(town, street)
        arms.setdefault(street.start, []).append((street.leaves_start, street, True))
        arms.setdefault(street.end, []).append((street.leaves_end, street, False))
    for node in sorted(arms):
        _connect(town, node, sorted(arms[node], key=lambda arm: math.atan2(arm[0][1], arm[0][0])))
    root = ElementTree.fromstring(town.to_opendrive_xml())  # noqa: S314  written by roadgen, not by a peer
    roads = {road.get("id"): road for road in root.iter("road")}
    for number, street in enumerate(streets):
        road = roads[str(number)]
        road.set("name", f"{street.profile}_{number}")
        _set_elevation(road, HEIGHT_M.get(street.start, 0.0), HEIGHT_M.get(street.end, 0.0))
        set_marks(road)
        speed = {"max": str(SPEED_KMH[street.profile]), "unit": "km/h"}
        ElementTree.SubElement(required(road, "type"), "speed", speed)
    for road in list(roads.values())[len(streets) :]:
        for mark in road.iter("roadMark"):
            mark.set("laneChange", "none")
        ElementTree.SubElement(required(road, "type"), "speed", {"max": "30", "unit": "km/h"})
    junctions = {junction.get("name"): junction for junction in root.iter("junction")}
    next_id = 1000
    for node in sorted(arms):
        approaches = []
        for direction, street, at_start in arms[node]:
            opposite = any(d == (-direction[0], -direction[1]) for d, _, _ in arms[node])
            control = "none"
            if node in SIGNALS:
                control = "signal"
            elif node in STOP_ON_EVERY_ARM or (node in STOP_ON_STEM and not opposite):
                control = "stop"
            elif node in YIELD_ON_STEM and not opposite:
                control = "yield"
            approaches.append(Approach(roads[str(streets.index(street))], at_start, control))
        next_id = furnish_junction(root, junctions[f"J{node[0]}{node[1]}"], approaches, next_id)
    next_id = furnish_speed_signs(list(roads.values())[: len(streets)], next_id)
    for element in root.iter():
        for key, value in element.attrib.items():
            if key not in ("id", "elementId", "name"):
                element.set(key, short_number(value, 9))
    ElementTree.indent(root, " ")
    text = ElementTree.tostring(root, encoding="unicode")
    return '<?xml version="1.0" encoding="UTF-8"?>\n' + text + "\n"


if __name__ == "__main__":
    output = Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).with_name("TownGrid.xodr")
    output.write_text(build_opendrive(), encoding="utf-8")
