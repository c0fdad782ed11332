"""Towns as nodes and streets: roadgen lays out the roads, this module names them, joins them and regulates them.

A street leaves one node in a given direction, reaches another from a given direction and may pass through poses in
between; two arcs connect each pair of poses smoothly. Every node is a junction: who may drive where follows from the
angles between its arms.
"""

from __future__ import annotations

import itertools
import math
from dataclasses import dataclass, field
from typing import Any
from xml.etree import ElementTree

from carla_server.towns.road_furniture import (
    Approach,
    furnish_junction,
    furnish_speed_signs,
    record_bridge,
    required,
)

BACK_DEG = 150.0
"""Nobody turns by more than this: back into the road he came from."""

TIGHTEST_RADIUS_M = 9.0
Lanes = tuple[tuple[str, float], ...]


@dataclass(frozen=True)
class Profile:
    """Lanes of a street from the middle outwards, (type, metres): along it and against it."""

    forward: Lanes
    backward: Lanes
    speed_kmh: int

    @staticmethod
    def both(lanes: Lanes, speed_kmh: int) -> Profile:
        """The same lanes in both directions."""
        return Profile(lanes, lanes, speed_kmh)


@dataclass(frozen=True)
class Pose:
    """A place in OpenDRIVE's plane: metres, heading in degrees counter-clockwise from x, height in metres."""

    x_m: float
    y_m: float
    heading_deg: float
    z_m: float = 0.0


@dataclass(frozen=True)
class Node:
    """A junction.

    Attributes:
        straight_deg: an arm within this angle of an approach's heading is straight on.
        control: what regulates arms that `arm_control` does not name: "signal", "stop", "yield" or "none".
        arm_control: control by street name.
        spread: outermost lanes also lead into a further lane of a wider road ahead, and join from it.
    """

    x_m: float
    y_m: float
    z_m: float = 0.0
    mouth_m: float = 15.0
    straight_deg: float = 40.0
    control: str = "none"
    arm_control: dict[str, str] = field(default_factory=dict)
    spread: bool = False
    speed_kmh: int = 30

    def mouth(self, outward_deg: float) -> Pose:
        """Where an arm in a direction begins, heading away from the node."""
        turn = math.radians(outward_deg)
        x, y = self.x_m + self.mouth_m * math.cos(turn), self.y_m + self.mouth_m * math.sin(turn)
        return Pose(x, y, outward_deg, self.z_m)


@dataclass(frozen=True)
class Street:
    """A road between two nodes.

    Attributes:
        leaves, arrives: direction (degrees) in which it leaves its first node, and in which its second node sees it,
            or the whole pose of that mouth, heading away from the node.
        via: poses on the way, heading along the street.
        bridges: (material, distance from the first mouth in metres, length in metres) of its bridges over valleys.
    """

    name: str
    start: str
    end: str
    profile: Profile
    leaves: float | Pose
    arrives: float | Pose
    via: tuple[Pose, ...] = ()
    bridges: tuple[tuple[str, float, float], ...] = ()


@dataclass(frozen=True)
class Arm:
    """One end of a street at a node."""

    street: Street
    number: int
    at_start: bool
    mouth: Pose


def biarc(start: Pose, end: Pose) -> list[tuple[float, float]]:
    """Two arcs from pose to pose that meet smoothly, as (length in metres, curvature per metre).

    Raises:
        ValueError: the bend would be tighter than `TIGHTEST_RADIUS_M`.

    Source: the classic construction with equal tangent lengths.
    """
    h0, h1 = math.radians(start.heading_deg), math.radians(end.heading_deg)
    t0, t1 = (math.cos(h0), math.sin(h0)), (math.cos(h1), math.sin(h1))
    v = (end.x_m - start.x_m, end.y_m - start.y_m)
    a = 2.0 * (1.0 - (t0[0] * t1[0] + t0[1] * t1[1]))
    b = 2.0 * (v[0] * (t0[0] + t1[0]) + v[1] * (t0[1] + t1[1]))
    square = v[0] ** 2 + v[1] ** 2
    d = square / b if a < 1e-9 else (-b + math.sqrt(b * b + 4.0 * a * square)) / (2.0 * a)
    middle = (
        (start.x_m + end.x_m + d * (t0[0] - t1[0])) / 2.0,
        (start.y_m + end.y_m + d * (t0[1] - t1[1])) / 2.0,
    )
    pieces = []
    place, heading = (start.x_m, start.y_m), h0
    for target in (middle, (end.x_m, end.y_m)):
        w = (target[0] - place[0], target[1] - place[1])
        cross = math.cos(heading) * w[1] - math.sin(heading) * w[0]
        turn = 2.0 * math.atan2(cross, math.cos(heading) * w[0] + math.sin(heading) * w[1])
        chord = math.hypot(*w)
        curvature = 2.0 * math.sin(turn / 2.0) / chord
        if abs(curvature) * TIGHTEST_RADIUS_M > 1.0:
            raise ValueError(f"from {start} to {end} the bend has a radius of {1 / abs(curvature):.1f} m")
        pieces.append((chord if abs(turn) < 1e-6 else turn / curvature, curvature))
        place, heading = target, heading + turn
    return pieces


def _angle(degrees: float) -> float:
    return (degrees + 180.0) % 360.0 - 180.0


class _Builder:
    """The town while it is being laid out."""

    def __init__(self, name: str, nodes: dict[str, Node], streets: list[Street]) -> None:
        import roadgen

        self.map = roadgen.Map(name=name, origin=(49.0, 8.0, 0.0))
        self.nodes, self.streets = nodes, streets
        self.arms: dict[str, list[Arm]] = {key: [] for key in nodes}
        self.handles: list[Any] = []
        self.heights: list[list[tuple[float, float]]] = []
        """(distance along the street, height) of each pose of each street."""
        for number, street in enumerate(streets):
            self._add_street(number, street)
        for key in nodes:
            self.arms[key].sort(key=lambda arm: _angle(arm.mouth.heading_deg))
            self._connect(key)

    def _mouth(self, node: str, end: float | Pose) -> Pose:
        return end if isinstance(end, Pose) else self.nodes[node].mouth(end)

    def _add_street(self, number: int, street: Street) -> None:
        from roadgen import Alignment, Lane

        first, last = self._mouth(street.start, street.leaves), self._mouth(street.end, street.arrives)
        self.arms[street.start].append(Arm(street, number, True, first))
        self.arms[street.end].append(Arm(street, number, False, last))
        arrival = Pose(last.x_m, last.y_m, last.heading_deg + 180.0, last.z_m)
        poses = (first, *street.via, arrival)
        path = Alignment(start=(first.x_m, first.y_m, first.z_m), heading=math.radians(first.heading_deg))
        run, heights = 0.0, [(0.0, first.z_m)]
        for a, b in itertools.pairwise(poses):
            for length, curvature in biarc(a, b):
                if abs(curvature) < 1e-6:
                    path.line(length)
                else:
                    path.arc(length, curvature=curvature)
                run += length
            heights.append((run, b.z_m))
        self.heights.append(heights)
        lanes = [
            Lane(width=width, direction=direction, type_=kind)
            for direction, side in (("forward", street.profile.forward), ("backward", street.profile.backward))
            for kind, width in side
        ]
        self.handles.append(self.map.add_road(lanes=lanes, alignment=path, type_="town"))

    def _lanes(self, arm: Arm, inward: bool, wanted: str = "driving") -> list[Any]:
        """roadgen's handles of the arm's lanes of a type that lead into the node, or out of it, inner to outer."""
        profile = arm.street.profile
        forward = inward != arm.at_start
        side = profile.forward if forward else profile.backward
        first = 0 if forward else len(profile.forward)
        lanes = self.handles[arm.number].lanes()
        return [lanes[first + index] for index, (kind, _) in enumerate(side) if kind == wanted]

    def _connect(self, key: str) -> None:
        node, arms = self.nodes[key], self.arms[key]
        junction = self.map.add_junction(key)
        for arm, target in itertools.permutations(arms, 2):
            sources, sinks = self._lanes(arm, inward=True), self._lanes(target, inward=False)
            if not sources or not sinks:
                continue
            turn = _angle(target.mouth.heading_deg - (arm.mouth.heading_deg + 180.0))
            if abs(turn) > BACK_DEG:
                continue
            if abs(turn) <= node.straight_deg:
                pairs = list(zip(sources, sinks, strict=False))
                if node.spread and len(sources) < len(sinks):
                    pairs.append((sources[-1], sinks[len(sources)]))
                if node.spread and len(sources) > len(sinks):
                    pairs.append((sources[len(sinks)], sinks[-1]))
            elif turn < 0:
                pairs = [(sources[-1], sinks[-1])]
            else:
                pairs = [(sources[0], sinks[0])]
            for kind in ("biking", "shoulder"):
                if abs(turn) <= node.straight_deg or (turn < 0 and kind == "biking"):
                    pairs += zip(self._lanes(arm, True, kind), self._lanes(target, False, kind), strict=False)
            for source, sink in pairs:
                self.map.connect_lanes(source, sink, junction=junction)


def short_number(text: str, digits: int = 6) -> str:
    """roadgen writes seventeen digits; a micrometre is enough and much shorter."""
    try:
        value = float(text)
    except ValueError:
        return text
    return text if text.lstrip("-").isdigit() else repr(round(value, digits) + 0.0)


def _set_heights(road: ElementTree.Element, heights: list[tuple[float, float]]) -> None:
    """Ease from height to height; the road is level at each pose that has one."""
    profile = required(road, "elevationProfile")
    profile.clear()
    scale = float(road.get("length", "0")) / heights[-1][0]
    for (s0, z0), (s1, z1) in itertools.pairwise(heights):
        length, rise = (s1 - s0) * scale, z1 - z0
        values = {"s": s0 * scale, "a": z0, "b": 0.0, "c": 3 * rise / length**2, "d": -2 * rise / length**3}
        ElementTree.SubElement(profile, "elevation", {key: repr(round(v, 12)) for key, v in values.items()})


def set_marks(road: ElementTree.Element) -> None:
    """Paint: yellow in the middle, broken white between lanes of one direction, solid white along bays."""
    for section in road.iter("laneSection"):
        lanes = {int(lane.get("id", "0")): lane for lane in section.iter("lane")}
        driving = {i for i, lane in lanes.items() if lane.get("type") == "driving"}
        two_way = {1, -1} <= {1 if i > 0 else -1 for i in driving}
        for i, lane in lanes.items():
            for mark in lane.findall("roadMark"):
                lane.remove(mark)
            outer = lanes.get(i + 1 if i > 0 else i - 1)
            kind, color, change, width = "none", "white", "none", 0.12
            if i == 0:
                kind, color = ("solid solid" if two_way and len(driving) > 2 else "solid"), "yellow"
            elif i in driving and outer is not None and outer.get("type") == "driving":
                kind, change = "broken", "both"
            elif outer is not None and outer.get("type") == "sidewalk":
                kind = "curb"
            elif outer is not None:
                kind = "solid"
            attributes = {"sOffset": "0", "type": kind, "weight": "standard", "color": color}
            attributes |= {"width": repr(width), "laneChange": change}
            position = len(lane.findall("link")) + len(lane.findall("width"))
            lane.insert(position, ElementTree.Element("roadMark", attributes))


def _set_speed(road: ElementTree.Element, speed_kmh: int) -> None:
    ElementTree.SubElement(required(road, "type"), "speed", {"max": str(speed_kmh), "unit": "km/h"})


def build_network(name: str, nodes: dict[str, Node], streets: list[Street], digits: int = 6) -> str:
    """A town as OpenDRIVE text.

    Args:
        name: of the map.
        nodes: junctions by name; each needs at least two arms.
        streets: the roads; names are unique.
        digits: after the point; steep ramps need more than six, as heights are cubes of hundreds of metres.

    Raises:
        ValueError: a bend too tight.
    """
    builder = _Builder(name, nodes, streets)
    root = ElementTree.fromstring(builder.map.to_opendrive_xml())  # noqa: S314  written by roadgen, not by a peer
    roads = {road.get("id"): road for road in root.iter("road")}
    own = [roads[str(index)] for index in range(len(streets))]
    for index, street in enumerate(streets):
        road = own[index]
        road.set("name", street.name)
        _set_heights(road, builder.heights[index])
        set_marks(road)
        _set_speed(road, street.profile.speed_kmh)
    junctions = {str(junction.get("name")): junction for junction in root.iter("junction")}
    node_of = {junction.get("id"): nodes[key] for key, junction in junctions.items()}
    for road in list(roads.values())[len(streets) :]:
        for mark in road.iter("roadMark"):
            mark.set("laneChange", "none")
        node = node_of[road.get("junction")]
        _set_heights(road, [(0.0, node.z_m), (float(road.get("length", "0")), node.z_m)])
        _set_speed(road, node.speed_kmh)
    next_id = 1000
    for key, node in nodes.items():
        approaches = [
            Approach(own[arm.number], arm.at_start, node.arm_control.get(arm.street.name, node.control))
            for arm in builder.arms[key]
        ]
        approaches = [approach for approach in approaches if any(k == "driving" for _, k, _ in approach.lanes())]
        next_id = furnish_junction(root, junctions[key], approaches, next_id)
    next_id = furnish_speed_signs(own, next_id)
    for street, road in zip(streets, own, strict=True):
        for kind, s_m, length_m in street.bridges:
            record_bridge(road, next_id, kind, s_m, length_m)
            next_id += 1
    for element in root.iter():
        for attribute, value in element.attrib.items():
            if attribute not in ("id", "elementId", "name"):
                element.set(attribute, short_number(value, digits))
    ElementTree.indent(root, " ")
    return '<?xml version="1.0" encoding="UTF-8"?>\n' + ElementTree.tostring(root, encoding="unicode") + "\n"
