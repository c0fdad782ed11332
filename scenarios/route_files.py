"""Read and write route files in the official leaderboard 2.x XML format, safely."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable
from dataclasses import dataclass
from html import escape
from pathlib import Path
from typing import Any

from defusedxml import ElementTree
from defusedxml.common import DefusedXmlException

from scenarios.openscenario import refusal

MAX_BYTES = 8 * 1024 * 1024
MAX_DEPTH = 16
_TOWN = re.compile(r"[A-Za-z0-9_.\-]{1,80}")


class RouteFileError(ValueError):
    """A route file cannot be used; the message names the file, the route and what is wrong."""


@dataclass(frozen=True)
class ScenarioSpec:
    """One `<scenario>`: its name, type, trigger pose and parameters, kept as written.

    Attributes:
        trigger: (x, y, z, yaw_deg).
        parameters: (tag, attributes) of every child but the trigger, in order.
    """

    name: str
    type_name: str
    trigger: tuple[float, float, float, float]
    parameters: tuple[tuple[str, tuple[tuple[str, str], ...]], ...] = ()


@dataclass(frozen=True)
class RouteSpec:
    """One `<route>`.

    Attributes:
        route_id: unique in its file.
        town: map it is made for.
        waypoints_m: sparse key points (x, y, z) in the world.
        weathers: attributes of each `<weather>`, including route_percentage; empty for the default weather.
        scenarios: what happens on the way.
    """

    route_id: int
    town: str
    waypoints_m: tuple[tuple[float, float, float], ...]
    weathers: tuple[tuple[tuple[str, float], ...], ...] = ()
    scenarios: tuple[ScenarioSpec, ...] = ()

    def __post_init__(self) -> None:
        if not _TOWN.fullmatch(self.town):
            raise ValueError(f"town must match {_TOWN.pattern}, got {self.town!r}")
        if len(self.waypoints_m) < 2:
            raise ValueError(f"route {self.route_id} needs at least two positions, got {len(self.waypoints_m)}")


def read_routes(path: Path) -> tuple[RouteSpec, ...]:
    """Read every route of a file.

    Args:
        path: an XML file of the leaderboard 2.x format.

    Returns:
        The routes in the order of the file.

    Raises:
        RouteFileError: the file is missing, larger than 8 MiB, has a DOCTYPE, is nested too deeply or is not a
            route file; of an OpenSCENARIO file it names the elements.
    """
    if path.suffix == ".osc":
        raise RouteFileError(f"{path} is an OpenSCENARIO 2 file, which is not run here; give a route file (XML)")
    try:
        size = path.stat().st_size
        if size > MAX_BYTES:
            raise RouteFileError(f"{path} has {size} bytes; route files of more than {MAX_BYTES} are refused")
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise RouteFileError(f"route file {path} cannot be read: {error}") from error
    return parse_routes(text, str(path))


def parse_routes(text: str, source: str = "<text>") -> tuple[RouteSpec, ...]:
    """`read_routes` on a text that is already in memory."""
    try:
        root = ElementTree.fromstring(text, forbid_dtd=True)
    except (ElementTree.ParseError, DefusedXmlException, ValueError) as error:
        raise RouteFileError(f"{source} is not safe XML: {error}") from error
    if root.tag == "OpenSCENARIO":
        raise RouteFileError(f"{source} {refusal(root)}")
    _check_depth(root, source)
    if root.tag != "routes":
        raise RouteFileError(f"{source}: the root element is <{root.tag}>, expected <routes>")
    routes = tuple(_route(element, source) for element in root.iter("route"))
    if not routes:
        raise RouteFileError(f"{source} holds no <route>")
    ids = [route.route_id for route in routes]
    if len(set(ids)) != len(ids):
        twice = sorted({i for i in ids if ids.count(i) > 1})
        raise RouteFileError(f"{source}: route ids must be unique, these occur twice: {twice}")
    return routes


def _check_depth(root: Any, source: str) -> None:
    level, depth = [root], 0
    while level:
        depth += 1
        if depth > MAX_DEPTH:
            raise RouteFileError(f"{source} is nested deeper than {MAX_DEPTH} elements")
        level = [child for element in level for child in element]


def _route(element: Any, source: str) -> RouteSpec:
    identifier = element.get("id", "")
    where = f"{source}, route {identifier!r}"
    if not re.fullmatch(r"\d{1,9}", identifier):
        raise RouteFileError(f"{where}: the id must be a whole number")
    positions = element.find("waypoints")
    if positions is None:
        raise RouteFileError(f"{where}: <waypoints> is missing (leaderboard 1.0 files are not read)")
    weathers = tuple(
        tuple((name, _number(value, f"{where}, weather attribute {name}")) for name, value in weather.attrib.items())
        for weather in element.iterfind("weathers/weather")
    )
    try:
        return RouteSpec(
            int(identifier),
            element.get("town", ""),
            tuple(_position(p, where) for p in positions.iterfind("position")),
            weathers,
            tuple(_scenario(s, where) for s in element.iterfind("scenarios/scenario")),
        )
    except RouteFileError:
        raise
    except ValueError as error:
        raise RouteFileError(f"{where}: {error}") from error


def _number(value: str | None, where: str) -> float:
    try:
        number = float(value if value is not None else "")
    except ValueError:
        raise RouteFileError(f"{where} must be a number, got {value!r}") from None
    if not math.isfinite(number):
        raise RouteFileError(f"{where} must be finite, got {value!r}")
    return number


def _position(element: Any, where: str) -> tuple[float, float, float]:
    x, y, z = (_number(element.get(axis), f"{where}, position {axis}") for axis in "xyz")
    return (x, y, z)


def _scenario(element: Any, where: str) -> ScenarioSpec:
    trigger = element.find("trigger_point")
    if trigger is None:
        raise RouteFileError(f"{where}: scenario {element.get('name')!r} has no <trigger_point>")
    yaw_deg = _number(trigger.get("yaw"), f"{where}, trigger yaw")
    parameters = tuple((child.tag, tuple(child.attrib.items())) for child in element if child.tag != "trigger_point")
    return ScenarioSpec(
        element.get("name", ""), element.get("type", ""), (*_position(trigger, where), yaw_deg), parameters
    )


def write_routes(routes: Iterable[RouteSpec]) -> str:
    """The XML text of some routes; reading it gives equal routes.

    Numbers are written with millimetre precision in positions and in full elsewhere.
    """
    lines = ["<?xml version='1.0' encoding='UTF-8'?>", "<routes>"]
    for route in routes:
        lines.append(f"   <route {_attributes([('id', str(route.route_id)), ('town', route.town)])}>")
        if route.weathers:
            lines.append("      <weathers>")
            lines += [f"         <weather {_attributes(_texts(weather))}/>" for weather in route.weathers]
            lines.append("      </weathers>")
        lines.append("      <waypoints>")
        lines += [f"         <position {_attributes(_axes(point))}/>" for point in route.waypoints_m]
        lines.append("      </waypoints>")
        lines.append("      <scenarios>")
        for scenario in route.scenarios:
            head = _attributes([("name", scenario.name), ("type", scenario.type_name)])
            *point, yaw_deg = scenario.trigger
            trigger = _attributes([*_axes(point), ("yaw", f"{yaw_deg:g}")])
            lines += [f"         <scenario {head}>", f"            <trigger_point {trigger}/>"]
            lines += [f"            <{tag} {_attributes(attributes)}/>" for tag, attributes in scenario.parameters]
            lines.append("         </scenario>")
        lines += ["      </scenarios>", "   </route>"]
    return "\n".join([*lines, "</routes>", ""])


def _attributes(pairs: Iterable[tuple[str, str]]) -> str:
    return " ".join(f'{name}="{escape(value, quote=True)}"' for name, value in pairs)


def _texts(pairs: Iterable[tuple[str, float]]) -> list[tuple[str, str]]:
    return [(name, repr(value)) for name, value in pairs]


def _axes(point: Iterable[float]) -> list[tuple[str, str]]:
    return [(axis, f"{value:.3f}") for axis, value in zip("xyz", point, strict=True)]
