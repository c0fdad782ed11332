"""Adds crosswalks, stop lines, traffic lights, signs and controllers to the XML of a generated road network."""

from __future__ import annotations

from dataclasses import dataclass
from xml.etree.ElementTree import Element, SubElement

CROSSWALK_FROM_M, CROSSWALK_TO_M = 1.5, 4.5
"""Distance of a crosswalk's two edges from the junction."""

STOP_LINE_M = 5.6
STOP_LINE_WITHOUT_CROSSWALK_M = 1.0
SIDEWALK_OVERLAP_M = 0.4
"""How far a crosswalk's outline reaches into the sidewalks that it joins."""


def required(element: Element, path: str) -> Element:
    """The element at a path.

    Raises:
        ValueError: there is none, so the generator's output has changed.
    """
    found = element.find(path)
    if found is None:
        raise ValueError(f"<{element.tag} id={element.get('id')!r}> has no {path!r}: has roadgen's output changed?")
    return found


@dataclass(frozen=True)
class Approach:
    """One arm of a junction: its road, whether the road's start touches the junction, and who regulates it."""

    road: Element
    at_start: bool
    control: str
    """"signal", "stop", "yield" or "none"."""

    @property
    def length_m(self) -> float:
        return float(self.road.get("length", "0"))

    def s_m(self, distance_m: float) -> float:
        """Road coordinate at a distance from the junction."""
        return distance_m if self.at_start else self.length_m - distance_m

    def lanes(self) -> list[tuple[int, str, float]]:
        """(id, type, width in metres) of the lanes that lead into the junction, inner to outer."""
        section = required(self.road, "lanes/laneSection")
        sign = 1 if self.at_start else -1
        found = []
        for lane in section.iter("lane"):
            number = int(lane.get("id", "0"))
            if number * sign > 0:
                found.append((number, lane.get("type", "none"), float(required(lane, "width").get("a", "0"))))
        return sorted(found, key=lambda item: abs(item[0]))

    @property
    def half_width_m(self) -> float:
        """From the road's middle to its kerb (profiles are symmetric)."""
        return sum(width for _, kind, width in self.lanes() if kind != "sidewalk")


def _child(road: Element, name: str) -> Element:
    found = road.find(name)
    return found if found is not None else SubElement(road, name)


def _rectangle(
    road: Element, identity: int, name: str, kind: str, s_m: float, t0_m: float, t1_m: float, depth_m: float
):
    middle = (t0_m + t1_m) / 2
    half = abs(t1_m - t0_m) / 2
    attributes = {"id": str(identity), "name": name, "type": kind, "s": repr(s_m), "t": repr(middle)}
    attributes |= {"zOffset": "0", "hdg": "0", "roll": "0", "pitch": "0", "orientation": "none"}
    attributes |= {"width": repr(depth_m), "length": repr(2 * half)}
    item = SubElement(_child(road, "objects"), "object", attributes)
    outline = SubElement(item, "outline")
    depth = depth_m / 2
    for u, v in ((-depth, -half), (depth, -half), (depth, half), (-depth, half), (-depth, -half)):
        SubElement(outline, "cornerLocal", {"u": repr(u), "v": repr(v), "z": "0"})


def _signal(
    road: Element, identity: int, name: str, kind: str, s_m: float, t_m: float, lanes: list[int], **extra: str
):
    attributes = {"id": str(identity), "name": name, "type": kind, "s": repr(s_m), "t": repr(t_m)}
    attributes |= {"zOffset": "0", "hOffset": "0", "roll": "0", "pitch": "0"}
    attributes |= {
        "orientation": "+" if lanes[0] < 0 else "-",
        "country": "OpenDRIVE",
        "subtype": "-1",
        "value": "-1",
    }
    attributes |= {"dynamic": "no", "text": "", "height": "1", "width": "0.6"} | extra
    item = SubElement(_child(road, "signals"), "signal", attributes)
    SubElement(item, "validity", {"fromLane": str(min(lanes)), "toLane": str(max(lanes))})


def furnish_junction(root: Element, junction: Element, approaches: list[Approach], next_id: int) -> int:
    """Regulate one junction.

    Args:
        root: the OpenDRIVE element; receives the controllers.
        junction: receives a reference to each controller.
        approaches: its arms; a junction with one "signal" arm must have only such arms.
        next_id: first free id for objects, signals and controllers.

    Returns:
        The next free id.
    """
    phase = 0
    for approach in approaches:
        road, side = approach.road, (1 if approach.at_start else -1)
        driving = [number for number, kind, _ in approach.lanes() if kind == "driving"]
        driving_m = sum(width for _, kind, width in approach.lanes() if kind == "driving")
        crosswalk = approach.control in ("signal", "stop")
        if crosswalk:
            reach = approach.half_width_m + SIDEWALK_OVERLAP_M
            middle = (CROSSWALK_FROM_M + CROSSWALK_TO_M) / 2
            depth = CROSSWALK_TO_M - CROSSWALK_FROM_M
            _rectangle(road, next_id, "Crosswalk", "crosswalk", approach.s_m(middle), -reach, reach, depth)
            next_id += 1
        if approach.control == "none":
            continue
        distance = STOP_LINE_M if crosswalk else STOP_LINE_WITHOUT_CROSSWALK_M
        name = "YieldLine" if approach.control == "yield" else "StopLine"
        inner, outer = side * 0.1, side * (driving_m - 0.1)
        _rectangle(road, next_id, name, "roadMark", approach.s_m(distance), inner, outer, 0.4)
        next_id += 1
        post_t_m = side * (approach.half_width_m + 0.7)
        signal_id, next_id = next_id, next_id + 1
        if approach.control == "signal":
            at, name = approach.s_m(0.5), "Signal_3Light_Post01"
            _signal(road, signal_id, name, "1000001", at, post_t_m, driving, dynamic="yes", zOffset="2.6")
            controller, next_id = next_id, next_id + 1
            attributes = {"id": str(controller), "name": f"ctrl{controller}", "sequence": str(phase)}
            top = Element("controller", attributes)
            SubElement(top, "control", {"signalId": str(signal_id), "type": "0"})
            root.insert(list(root).index(required(root, "junction")), top)
            SubElement(junction, "controller", {"id": str(controller), "type": "0", "sequence": str(phase)})
            phase += 1
        else:
            kind, name = ("206", "Sign_Stop") if approach.control == "stop" else ("205", "Sign_Yield")
            _signal(road, signal_id, name, kind, approach.s_m(distance), post_t_m, driving)
    return next_id


def record_bridge(road: Element, identity: int, kind: str, s_m: float, length_m: float) -> None:
    """Say that a stretch of a road is a bridge of a material."""
    attributes = {"id": str(identity), "name": "", "type": kind, "s": repr(s_m), "length": repr(length_m)}
    SubElement(_child(road, "objects"), "bridge", attributes)


def furnish_speed_signs(roads: list[Element], next_id: int) -> int:
    """Post the limit at the beginning of each road longer than 60 m, for both directions; returns the next id."""
    for road in roads:
        limit = required(road, "type/speed").get("max", "30")
        for at_start in (True, False):
            away = Approach(road, not at_start, "none")
            driving = [number for number, kind, _ in away.lanes() if kind == "driving"]
            if away.length_m < 60 or not driving:
                continue
            t_m = (1 if away.at_start else -1) * (away.half_width_m + 0.7)
            s_m = away.s_m(away.length_m - 14.0)
            _signal(road, next_id, f"Speed_{limit}", "274", s_m, t_m, driving, subtype=limit, value=limit)
            next_id += 1
    return next_id
