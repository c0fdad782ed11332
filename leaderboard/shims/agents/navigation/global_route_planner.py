"""`GlobalRoutePlanner`: the shortest lawful way between two places, as (waypoint, RoadOption) pairs."""

from __future__ import annotations

import math
from typing import Any

import carla

from carla_agents.driving.road_graph import RoadGraph
from carla_agents.driving.route_planner import leg_commands

from .local_planner import RoadOption


class GlobalRoutePlanner:
    """Plans on one map.

    Args:
        wmap: the map, or a `GlobalRoutePlannerDAO` as in CARLA before 0.9.12.
        sampling_resolution: metres between two waypoints of a route.
    """

    def __init__(self, wmap: Any, sampling_resolution: float = 2.0) -> None:
        if hasattr(wmap, "get_resolution"):
            wmap, sampling_resolution = wmap.wmap, wmap.get_resolution()
        self._wmap = wmap
        self._sampling_resolution = float(sampling_resolution)
        self._graph = RoadGraph(wmap)

    def setup(self) -> None:
        """Nothing is left to do; agents written for CARLA before 0.9.12 call it."""

    def trace_route(
        self, origin: carla.Location, destination: carla.Location
    ) -> list[tuple[carla.Waypoint, RoadOption]]:
        """The way from one place to another.

        Returns:
            Waypoints in driving order, each with what to do there.

        Raises:
            NoRoute: no lawful way leads there.
        """
        graph = self._graph
        legs = graph.path(graph.locate(origin.x, origin.y, origin.z), graph.locate(*_xyz(destination)))
        commands = leg_commands(legs)
        route: list[tuple[carla.Waypoint, RoadOption]] = []
        for number, (leg, command) in enumerate(zip(legs, commands, strict=True)):
            option = RoadOption(int(command))
            stretch = leg.lane.waypoints[leg.first : leg.last + 1]
            if number and legs[number - 1].change:
                # The lane change takes the first waypoints of the lane it leads to.
                change = RoadOption.CHANGELANERIGHT if legs[number - 1].change > 0 else RoadOption.CHANGELANELEFT
                route += [(waypoint, change) for waypoint in stretch[:20]]
                stretch = stretch[20:]
            route += [(waypoint, option) for waypoint in stretch]
        return _thinned(route, self._sampling_resolution)


def _thinned(
    route: list[tuple[carla.Waypoint, RoadOption]], spacing_m: float
) -> list[tuple[carla.Waypoint, RoadOption]]:
    """Keeps both ends, every change of the option, and waypoints about `spacing_m` apart."""
    if spacing_m <= 1.0 or len(route) < 3:
        return route
    kept = [route[0]]
    for pair in route[1:-1]:
        here, last = pair[0].transform.location, kept[-1][0].transform.location
        if pair[1] != kept[-1][1] or math.hypot(here.x - last.x, here.y - last.y) >= spacing_m - 0.25:
            kept.append(pair)
    return [*kept, route[-1]]


def _xyz(place: carla.Location) -> tuple[float, float, float]:
    return place.x, place.y, place.z
