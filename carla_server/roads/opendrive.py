"""Reads OpenDRIVE text into the few facts that the rest of `roads` needs.

Positions leave this module in CARLA's world frame: x as in OpenDRIVE, y mirrored, z up, yaw clockwise from above.
Lane ids keep their OpenDRIVE sign: negative lanes run along the road, positive lanes against it.

Source: ASAM OpenDRIVE 1.4-1.7, chapters on reference line, elevation, lanes, objects, signals and junctions.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from xml.etree.ElementTree import Element, ParseError

import numpy as np
from defusedxml import DefusedXmlException
from defusedxml.ElementTree import fromstring

from carla_server.roads.plan_view import Geometry, PlanView

MAX_TEXT_BYTES = 8 * 1024 * 1024
MAX_DEPTH = 32
MAX_ROAD_M = 20_000.0
START_TOLERANCE_M = 0.01
MAX_TOTAL_M = 60_000.0
MAX_ITEMS = {"signal": 4_000, "signalReference": 8_000, "object": 20_000, "laneSection": 20_000, "geometry": 50_000}
"""How many elements of a kind are read; each costs time when the map is built."""


class OpenDriveError(ValueError):
    """The text is not an OpenDRIVE map that this server can use."""


Cubics = np.ndarray
"""(K, 5) float64 rows (s, a, b, c, d): a + b ds + c ds^2 + d ds^3 from s on."""


def cubic_at(cubics: Cubics, s_m: np.ndarray) -> np.ndarray:
    """Value of a piecewise cubic, (N,) float64; zero where there are no pieces."""
    s = np.asarray(s_m, float)
    if len(cubics) == 0:
        return np.zeros_like(s)
    piece = cubics[np.clip(np.searchsorted(cubics[:, 0], s + 1e-9, side="right") - 1, 0, None)]
    ds = s - piece[..., 0]
    return piece[..., 1] + ds * (piece[..., 2] + ds * (piece[..., 3] + ds * piece[..., 4]))


@dataclass(frozen=True)
class RoadMark:
    """Paint on a lane's outer edge from `s_offset_m` (after the section's start) on."""

    s_offset_m: float
    kind: str
    color: str
    width_m: float


@dataclass(frozen=True)
class Lane:
    """One lane of a lane section."""

    lane_id: int
    kind: str
    widths: Cubics
    marks: tuple[RoadMark, ...]
    height_m: float | None
    """Height above the road surface if the map says so."""

    predecessor: int | None
    successor: int | None


@dataclass(frozen=True)
class LaneSection:
    """Lanes between two places of a road; `lanes` is keyed by lane id and always holds 0."""

    s_m: float
    end_s_m: float
    lanes: dict[int, Lane]

    def boundary_ids(self, side: int) -> list[int]:
        """Lane ids of one side (+1 left, -1 right) from the middle outwards."""
        return sorted((i for i in self.lanes if i * side > 0), key=abs)


@dataclass(frozen=True)
class RoadObject:
    """A flat or standing thing given in road coordinates; `outline_m` in its own (u, v) axes."""

    object_id: str
    kind: str
    name: str
    s_m: float
    t_m: float
    heading_rad: float
    outline_m: np.ndarray
    """(K, 2) float64 corners, not closed; empty if the map gives none and no size."""


@dataclass(frozen=True)
class Signal:
    """A signal, or a reference to one (`is_reference`), seen from one road."""

    signal_id: str
    kind: str
    subtype: str
    name: str
    s_m: float
    t_m: float
    orientation: str
    dynamic: bool
    validity: tuple[tuple[int, int], ...]
    is_reference: bool


@dataclass(frozen=True)
class Road:
    """One road: reference line, profiles, lanes and what stands beside it."""

    road_id: int
    length_m: float
    junction_id: int
    plan: PlanView
    elevation: Cubics
    superelevation: Cubics
    lane_offset: Cubics
    sections: tuple[LaneSection, ...]
    speed_limits_kmh: tuple[tuple[float, float], ...]
    """((s, km/h), ...), empty if the map gives none."""

    predecessor: tuple[str, int, str] | None
    """(element type, id, contact point) as in the file."""

    successor: tuple[str, int, str] | None
    objects: tuple[RoadObject, ...] = ()
    signals: tuple[Signal, ...] = ()

    def height_m(self, s_m: np.ndarray, t_m: np.ndarray) -> np.ndarray:
        """Height of the road surface."""
        return cubic_at(self.elevation, s_m) + np.asarray(t_m) * np.sin(cubic_at(self.superelevation, s_m))

    def position_m(self, s_m: np.ndarray, t_m: np.ndarray) -> np.ndarray:
        """World positions of road coordinates, (N, 3) float64; t is metres to the left of the reference line."""
        s, t = np.broadcast_arrays(np.asarray(s_m, float), np.asarray(t_m, float))
        x, y, heading = self.plan.at(s)
        return np.stack([x - t * np.sin(heading), -(y + t * np.cos(heading)), self.height_m(s, t)], axis=-1)

    def yaw_deg(self, s_m: np.ndarray) -> np.ndarray:
        """World yaw of the direction of growing s, degrees."""
        return -np.rad2deg(self.plan.at(np.asarray(s_m, float))[2])

    def section_at(self, s_m: float) -> LaneSection:
        """The lane section in force at s."""
        for section in reversed(self.sections):
            if s_m >= section.s_m - 1e-6:
                return section
        return self.sections[0]

    def lane_edges_m(self, section: LaneSection, lane_id: int, s_m: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Inner and outer t of a lane at places of its section, each (N,) float64."""
        s = np.asarray(s_m, float)
        side = 1 if lane_id > 0 else -1
        inner = cubic_at(self.lane_offset, s)
        for other in section.boundary_ids(side):
            outer = inner + side * np.maximum(cubic_at(section.lanes[other].widths, s - section.s_m), 0.0)
            if other == lane_id:
                return inner, outer
            inner = outer
        raise KeyError(f"road {self.road_id} has no lane {lane_id} in the section at s = {section.s_m} m")

    def speed_limit_kmh(self, s_m: float, default: float = 30.0) -> float:
        """Limit in force at s."""
        limit = default
        for start, value in self.speed_limits_kmh:
            if s_m >= start - 1e-6:
                limit = value
        return limit


@dataclass(frozen=True)
class Connection:
    """A way through a junction as the file words it: road ids and (from, to) lane ids."""

    incoming: str
    connecting: str
    lane_links: tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class OpenDrive:
    """A parsed map.

    Attributes:
        roads: by id.
        controllers: signal ids by controller id, in file order.
        junction_controllers: controller ids by junction id, in the order in which they take turns; every junction
            of the map is a key.
        connections: the ways through all junctions.
    """

    roads: dict[int, Road]
    controllers: dict[str, tuple[str, ...]] = field(default_factory=dict)
    junction_controllers: dict[int, tuple[str, ...]] = field(default_factory=dict)
    connections: tuple[Connection, ...] = ()

    def lane_sections(self) -> Iterator[tuple[Road, LaneSection]]:
        """Every (road, lane section), roads in the order of their ids."""
        for road_id in sorted(self.roads):
            road = self.roads[road_id]
            for section in road.sections:
                yield road, section


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
