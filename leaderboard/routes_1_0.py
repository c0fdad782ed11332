"""Route files of Leaderboard 1.0: an XML of way points, and a JSON that says where scenarios may happen."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from defusedxml import ElementTree
from defusedxml.common import DefusedXmlException

from scenarios.route_files import MAX_BYTES, RouteFileError, RouteSpec, ScenarioSpec

SUCCESSORS = {
    "Scenario1": "ControlLoss",
    "Scenario3": "DynamicObjectCrossing",
    "Scenario4": "VehicleTurningRoute",
    "Scenario7": "OppositeVehicleRunningRedLight",
    "Scenario8": "SignalizedJunctionLeftTurn",
    "Scenario9": "SignalizedJunctionRightTurn",
    "Scenario10": "PriorityAtJunction",
}
"""Scenarios of 1.0 and the type of 2.x that took their place; the others keep their name and have none."""

NEAR_M = 2.0
NEAR_YAW_DEG = 10.0


def is_1_0(path: Path) -> bool:
    """Whether a route file is in the format of 1.0: way points directly below `<route>`."""
    root = _parse(path)
    route = root.find("route")
    return route is not None and route.find("waypoints") is None and route.find("waypoint") is not None


def read_routes_1_0(routes_path: Path, scenarios_path: Path | None) -> tuple[RouteSpec, ...]:
    """Read a route file of 1.0.

    Args:
        routes_path: the XML file.
        scenarios_path: the JSON file of `--scenarios`; None leaves the routes without scenarios.

    Returns:
        The routes; each has the scenarios that may happen in its town, in the order of the file. Which of them lie on
        the route is known only on the map: see `scenarios_on_route`.

    Raises:
        RouteFileError: a file cannot be used.
    """
    root = _parse(routes_path)
    by_town = read_scenarios_1_0(scenarios_path) if scenarios_path is not None else {}
    found = []
    for element in root.iter("route"):
        identifier, town = element.get("id", ""), element.get("town", "")
        if not identifier.isdigit():
            raise RouteFileError(f"{routes_path}: route id {identifier!r} must be a whole number")
        try:
            points = tuple(
                (float(w.get("x", "")), float(w.get("y", "")), float(w.get("z", "")))
                for w in element.iterfind("waypoint")
            )
            spec = RouteSpec(int(identifier), town, points, scenarios=by_town.get(town, ()))
        except ValueError as error:
            raise RouteFileError(f"{routes_path}, route {identifier!r}: {error}") from error
        if not all(math.isfinite(v) for point in points for v in point):
            raise RouteFileError(f"{routes_path}, route {identifier!r}: a position is not finite")
        found.append(spec)
    if not found:
        raise RouteFileError(f"{routes_path} holds no <route>")
    return tuple(found)


def read_scenarios_1_0(path: Path) -> dict[str, tuple[ScenarioSpec, ...]]:
    """Town -> where scenarios may happen in it.

    Raises:
        RouteFileError: the file is no scenario file of 1.0.
    """
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        towns = {
            town: tuple(_events(blocks)) for entry in content["available_scenarios"] for town, blocks in entry.items()
        }
    except OSError as error:
        raise RouteFileError(f"scenario file {path} cannot be read: {error}") from error
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise RouteFileError(
            f"{path} is not a scenario file of Leaderboard 1.0: {type(error).__name__}: {error}"
        ) from error
    return towns


def _events(blocks: Any) -> Iterator[ScenarioSpec]:
    for block in blocks:
        old_name = str(block["scenario_type"])
        for number, event in enumerate(block["available_event_configurations"]):
            pose = event["transform"]
            trigger = tuple(float(pose[axis]) for axis in ("x", "y", "z", "yaw"))
            x, y, z, yaw = trigger
            yield ScenarioSpec(f"{old_name}_{number}", SUCCESSORS.get(old_name, old_name), (x, y, z, yaw))


def scenarios_on_route(
    scenarios: tuple[ScenarioSpec, ...], points: list[tuple[float, float, float, float]]
) -> tuple[ScenarioSpec, ...]:
    """Those scenarios whose trigger lies on a route: within 2 m and 10 degrees of one of its points.

    Args:
        scenarios: candidates.
        points: (x, y, z, yaw_deg) of the dense route.
    """

    def lies_on(spec: ScenarioSpec) -> bool:
        x, y, z, yaw = spec.trigger
        return any(
            math.hypot(px - x, py - y) < NEAR_M
            and abs(pz - z) < NEAR_M
            and abs((pyaw - yaw + 180.0) % 360.0 - 180.0) < NEAR_YAW_DEG
            for px, py, pz, pyaw in points
        )

    return tuple(spec for spec in scenarios if lies_on(spec))


def _parse(path: Path) -> Any:
    try:
        if path.stat().st_size > MAX_BYTES:
            raise RouteFileError(f"{path} is larger than {MAX_BYTES} bytes; such route files are refused")
        return ElementTree.fromstring(path.read_text(encoding="utf-8"), forbid_dtd=True)
    except (OSError, UnicodeDecodeError) as error:
        raise RouteFileError(f"route file {path} cannot be read: {error}") from error
    except (ElementTree.ParseError, DefusedXmlException) as error:
        raise RouteFileError(f"{path} is not safe XML: {error}") from error
