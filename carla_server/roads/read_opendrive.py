"""Reads OpenDRIVE text, safely: sizes, depth and counts are limited before anything is built from it.

Source: ASAM OpenDRIVE 1.4-1.7, chapters on reference line, elevation, lanes, objects, signals and junctions.
"""

from __future__ import annotations

from xml.etree.ElementTree import Element, ParseError

import numpy as np
from defusedxml import DefusedXmlException
from defusedxml.ElementTree import fromstring

from carla_server.roads.opendrive import (
    Bridge,
    Connection,
    Cubics,
    Lane,
    LaneSection,
    OpenDrive,
    OpenDriveError,
    Road,
    RoadMark,
    RoadObject,
    Signal,
)
from carla_server.roads.plan_view import Geometry, PlanView

MAX_TEXT_BYTES = 8 * 1024 * 1024
MAX_DEPTH = 32
MAX_ROAD_M = 20_000.0
START_TOLERANCE_M = 0.01
BRIDGE_TOLERANCE_M = 0.01
MAX_TOTAL_M = 60_000.0
MAX_ITEMS = {"signal": 4_000, "signalReference": 8_000, "object": 20_000, "laneSection": 20_000, "geometry": 50_000}
MAX_ITEMS |= {"bridge": 400}
"""How many elements of a kind are read; each costs time when the map is built."""


def _number(element: Element, key: str, default: float | None = None) -> float:
    text = element.get(key)
    if text is None:
        if default is None:
            raise OpenDriveError(f"<{element.tag}> lacks the attribute {key!r}")
        return default
    try:
        value = float(text)
    except ValueError:
        raise OpenDriveError(f"<{element.tag}> has {key}={text!r}, expected a number") from None
    if not abs(value) < 1e9:
        raise OpenDriveError(f"<{element.tag}> has {key}={text!r}, expected a finite number below 1e9")
    return value


def _integer(element: Element, key: str, default: int | None = None) -> int:
    return int(_number(element, key, None if default is None else float(default)))


def _cubics(elements: list[Element], start_key: str = "s") -> Cubics:
    rows = [[_number(e, key, 0.0) for key in (start_key, "a", "b", "c", "d")] for e in elements]
    return np.array(sorted(rows), float).reshape(-1, 5)


def _lane(element: Element) -> Lane:
    marks = [
        RoadMark(
            _number(mark, "sOffset", 0.0),
            mark.get("type", "none"),
            mark.get("color", "standard"),
            _number(mark, "width", 0.12) or 0.12,
        )
        for mark in element.findall("roadMark")
    ]
    height = element.find("height")
    link = element.find("link")
    before = None if link is None else link.find("predecessor")
    after = None if link is None else link.find("successor")
    return Lane(
        lane_id=_integer(element, "id"),
        kind=element.get("type", "none"),
        widths=_cubics(element.findall("width"), "sOffset"),
        marks=tuple(sorted(marks, key=lambda mark: mark.s_offset_m)),
        height_m=None if height is None else _number(height, "outer", 0.0),
        predecessor=None if before is None else _integer(before, "id"),
        successor=None if after is None else _integer(after, "id"),
    )


def _object(element: Element) -> RoadObject:
    outline = element.find("outline")
    outline = element.find("outlines/outline") if outline is None else outline
    corners = [] if outline is None else outline.findall("cornerLocal")
    points = np.array([[_number(c, "u"), _number(c, "v")] for c in corners], float).reshape(-1, 2)
    if len(points) > 1 and np.allclose(points[0], points[-1]):
        points = points[:-1]
    u, v = _number(element, "width", 0.0) / 2, _number(element, "length", 0.0) / 2
    if len(points) == 0 and u > 0 and v > 0:
        points = np.array([[-u, -v], [u, -v], [u, v], [-u, v]])
    return RoadObject(
        object_id=element.get("id", ""),
        kind=element.get("type", ""),
        name=element.get("name", ""),
        s_m=_number(element, "s", 0.0),
        t_m=_number(element, "t", 0.0),
        heading_rad=_number(element, "hdg", 0.0),
        outline_m=points,
    )


def _bridge(element: Element, road_id: str | None, road_m: float) -> Bridge:
    start, length = _number(element, "s"), _number(element, "length")
    if not (length > 0.0 and start >= 0.0 and start + length <= road_m + BRIDGE_TOLERANCE_M):
        raise OpenDriveError(
            f"<bridge> {element.get('id')!r} of road {road_id!r} begins at s = {start:g} m and is {length:g} m long, "
            f"expected a stretch of the road, which is {road_m:g} m long"
        )
    return Bridge(element.get("id", ""), element.get("type", "concrete"), start, min(length, road_m - start))


def _signal(element: Element, definition: Element) -> Signal:
    validity = [(_integer(v, "fromLane"), _integer(v, "toLane")) for v in element.findall("validity")]
    return Signal(
        signal_id=element.get("id", ""),
        kind=definition.get("type", ""),
        subtype=definition.get("subtype", ""),
        name=definition.get("name", ""),
        s_m=_number(element, "s", 0.0),
        t_m=_number(element, "t", 0.0),
        orientation=element.get("orientation", "none"),
        dynamic=definition.get("dynamic", "no") == "yes",
        validity=tuple(validity),
        is_reference=element is not definition,
    )


def _link(road: Element, name: str) -> tuple[str, int, str] | None:
    element = road.find(f"link/{name}")
    if element is None:
        return None
    return element.get("elementType", ""), _integer(element, "elementId"), element.get("contactPoint", "")


def _speed_limits(road: Element) -> tuple[tuple[float, float], ...]:
    to_kmh = {"mph": 1.609344, "km/h": 1.0, "m/s": 3.6}
    limits = []
    for kind in road.findall("type"):
        speed = kind.find("speed")
        if speed is None or speed.get("max", "no limit") in ("no limit", "undefined"):
            continue
        limits.append((_number(kind, "s", 0.0), _number(speed, "max") * to_kmh.get(speed.get("unit", "m/s"), 3.6)))
    return tuple(sorted(limits))


def _road(element: Element, definitions: dict[str, Element]) -> Road:
    length = _number(element, "length")
    if not 0.0 < length <= MAX_ROAD_M:
        raise OpenDriveError(
            f"road {element.get('id')!r} is {length} m long, expected more than 0, at most {MAX_ROAD_M}"
        )
    if element.find("planView/geometry") is None:
        raise OpenDriveError(f"road {element.get('id')!r} has no geometry")
    starts = [_number(section, "s", 0.0) for section in element.findall("lanes/laneSection")]
    if not starts:
        raise OpenDriveError(f"road {element.get('id')!r} has no lane section")
    for path in ("planView/geometry", "lanes/laneOffset", "lanes/laneSection"):
        first_m = min((_number(piece, "s", 0.0) for piece in element.findall(path)), default=0.0)
        if abs(first_m) > START_TOLERANCE_M:
            raise OpenDriveError(
                f"road {element.get('id')!r} has its first <{path.rpartition('/')[2]}> at s = {first_m:g} m, "
                "expected at 0: nothing says what the road is like before it"
            )
    sections = []
    for index, section in enumerate(element.findall("lanes/laneSection")):
        lanes = {lane.lane_id: lane for lane in map(_lane, section.iter("lane"))}
        end = starts[index + 1] if index + 1 < len(starts) else length
        sections.append(LaneSection(starts[index], end, lanes))
    signals = [_signal(s, s) for s in element.findall("signals/signal")]
    for reference in element.findall("signals/signalReference"):
        definition = definitions.get(reference.get("id", ""))
        if definition is not None:
            signals.append(_signal(reference, definition))
    return Road(
        road_id=_integer(element, "id"),
        length_m=length,
        junction_id=_integer(element, "junction", -1),
        plan=PlanView([_geometry(g) for g in element.findall("planView/geometry")]),
        elevation=_cubics(element.findall("elevationProfile/elevation")),
        superelevation=_cubics(element.findall("lateralProfile/superelevation")),
        lane_offset=_cubics(element.findall("lanes/laneOffset")),
        sections=tuple(sections),
        speed_limits_kmh=_speed_limits(element),
        predecessor=_link(element, "predecessor"),
        successor=_link(element, "successor"),
        objects=tuple(map(_object, element.findall("objects/object"))),
        signals=tuple(signals),
        bridges=tuple(_bridge(b, element.get("id"), length) for b in element.findall("objects/bridge")),
    )


def _geometry(element: Element) -> Geometry:
    shape = next(iter(element), None)
    kind = "" if shape is None else shape.tag
    if shape is None or kind not in Geometry.KINDS:
        raise OpenDriveError(f"<geometry> holds {kind!r}, expected one of {', '.join(sorted(Geometry.KINDS))}")
    values = tuple(_number(shape, key, 0.0) for key in Geometry.KINDS[kind])
    normalized = kind == "paramPoly3" and shape.get("pRange", "arcLength") == "normalized"
    s, x, y, heading, length = (_number(element, key) for key in ("s", "x", "y", "hdg", "length"))
    if not 0.0 <= length <= MAX_ROAD_M:
        raise OpenDriveError(f"a <geometry> is {length:g} m long, expected 0 to {MAX_ROAD_M:g}")
    return Geometry(s, x, y, heading, length, kind, values, normalized)


def parse_opendrive(text: str) -> OpenDrive:
    """Read a map.

    Args:
        text: OpenDRIVE XML, at most 8 MiB, without a document type definition.

    Raises:
        OpenDriveError: too large, nested too deeply, not XML, not OpenDRIVE, or a value out of range.
    """
    data = text.encode("utf-8")
    if len(data) > MAX_TEXT_BYTES:
        raise OpenDriveError(f"the map has {len(data)} bytes, at most {MAX_TEXT_BYTES} are read")
    try:
        root = fromstring(data, forbid_dtd=True)
    except (ParseError, DefusedXmlException) as error:
        raise OpenDriveError(f"the map is not plain XML: {error!r}") from error
    if root.tag != "OpenDRIVE":
        raise OpenDriveError(f"the map's root element is <{root.tag}>, expected <OpenDRIVE>")
    level, depth = [root], 0
    while level:
        depth += 1
        if depth > MAX_DEPTH:
            raise OpenDriveError(f"the map's elements are nested deeper than {MAX_DEPTH} levels")
        level = [child for element in level for child in element]
    for kind, most in MAX_ITEMS.items():
        count = sum(1 for _ in root.iter(kind))
        if count > most:
            raise OpenDriveError(f"the map has {count} <{kind}> elements, at most {most} are read")
    definitions = {s.get("id", ""): s for s in root.iter("signal")}
    roads = [_road(element, definitions) for element in root.findall("road")]
    if not roads:
        raise OpenDriveError("the map has no road")
    total = sum(road.length_m for road in roads)
    if total > MAX_TOTAL_M:
        raise OpenDriveError(f"the map has {total:.0f} m of road, at most {MAX_TOTAL_M:.0f} are read")
    controllers = {
        c.get("id", ""): tuple(dict.fromkeys(k.get("signalId", "") for k in c.findall("control")))
        for c in root.findall("controller")
    }
    turns = {}
    for junction in root.findall("junction"):
        refs = sorted(junction.findall("controller"), key=lambda ref: _number(ref, "sequence", 0.0))
        turns[_integer(junction, "id")] = tuple(ref.get("id", "") for ref in refs)
    by_id: dict[int, Road] = {}
    for road in roads:
        if by_id.setdefault(road.road_id, road) is not road:
            raise OpenDriveError(f"two roads have the id {road.road_id}")
    connections = [
        Connection(
            c.get("incomingRoad", ""),
            c.get("connectingRoad", ""),
            tuple((link.get("from", ""), link.get("to", "")) for link in c.findall("laneLink")),
        )
        for c in root.findall("junction/connection")
    ]
    return OpenDrive(by_id, controllers, turns, tuple(connections))
