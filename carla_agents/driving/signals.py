"""`RouteSignals`: the traffic lights and stop signs that a route passes, by their distance along it."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

import carla
import numpy as np

from carla_agents.driving.route import Route

_LINE_MATCH_M = 3.0
_PASSED_M = 1.5


@dataclass(frozen=True)
class LightOnRoute:
    """A traffic light and where its stop line crosses the route."""

    actor: carla.TrafficLight
    line_m: float


@dataclass(frozen=True)
class StopOnRoute:
    """A stop sign and the stretch of the route inside its trigger box."""

    actor_id: int
    begin_m: float
    end_m: float


class RouteSignals:
    """Looks up, once, which signals concern a route; then answers by distance.

    Args:
        world: where.
        route: along what.
    """

    def __init__(self, world: carla.World, route: Route) -> None:
        actors = world.get_actors()
        self.lights = sorted(
            (
                LightOnRoute(light, line_m)
                for light in actors.filter("traffic.traffic_light*")
                for line_m in _stop_lines_m(light, route)
            ),
            key=lambda light: light.line_m,
        )
        self.stops = sorted(
            (
                StopOnRoute(sign.id, begin_m, end_m)
                for sign in actors.filter("traffic.stop*")
                for begin_m, end_m in _passages_m(sign, route)
            ),
            key=lambda stop: stop.begin_m,
        )

    def next_light(self, front_m: float) -> LightOnRoute | None:
        """The next light whose line the vehicle's front, at `front_m` along the route, has not crossed."""
        return next((light for light in self.lights if light.line_m > front_m - _PASSED_M), None)

    def next_stop(self, front_m: float) -> StopOnRoute | None:
        """The next stop sign whose box the vehicle's front has not left."""
        return next((stop for stop in self.stops if stop.end_m > front_m - _PASSED_M), None)


def _stop_lines_m(light: carla.TrafficLight, route: Route) -> list[float]:
    found: set[float] = set()
    for waypoint in light.get_stop_waypoints():
        location = waypoint.transform.location
        same_lane = (route.lanes[:, 0] == waypoint.road_id) & (route.lanes[:, 1] == waypoint.lane_id)
        away_m = np.hypot(route.points_m[:, 0] - location.x, route.points_m[:, 1] - location.y)
        near = same_lane & (away_m < _LINE_MATCH_M) & (route.junction < 0)
        for first, last in _runs(np.flatnonzero(near)):
            found.add(float(route.distance_m[first + int(np.argmin(away_m[first : last + 1]))]))
    return sorted(found)


def _passages_m(sign: carla.TrafficSign, route: Route) -> list[tuple[float, float]]:
    pose, box = sign.get_transform(), sign.trigger_volume
    center = pose.transform(carla.Location(box.location))
    yaw = math.radians(pose.rotation.yaw + box.rotation.yaw)
    dx, dy = route.points_m[:, 0] - center.x, route.points_m[:, 1] - center.y
    along = dx * math.cos(yaw) + dy * math.sin(yaw)
    across = dy * math.cos(yaw) - dx * math.sin(yaw)
    half_x, half_y = max(box.extent.x, 0.6), max(box.extent.y, 0.6)
    inside = np.flatnonzero((np.abs(along) <= half_x) & (np.abs(across) <= half_y))
    return [(float(route.distance_m[first]), float(route.distance_m[last])) for first, last in _runs(inside)]


def _runs(indices: np.ndarray) -> Iterable[tuple[int, int]]:
    """(first, last) of every group of consecutive indices."""
    if not len(indices):
        return []
    breaks = np.flatnonzero(np.diff(indices) > 1)
    firsts = np.concatenate(([0], breaks + 1))
    lasts = np.concatenate((breaks, [len(indices) - 1]))
    return [(int(indices[a]), int(indices[b])) for a, b in zip(firsts, lasts)]
