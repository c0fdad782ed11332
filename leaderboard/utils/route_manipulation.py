"""Routes as agents know them: dense, in metres and as GPS positions, and thinned out."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from typing import Any

import carla
from srunner.scenariomanager.carla_data_provider import CarlaDataProvider

EARTH_RADIUS_M = 6378137.0
_DEFAULT_LAT_DEG, _DEFAULT_LON_DEG = 42.0, 2.0
_LANE_CHANGES = (5, 6)


def _location_to_gps(lat_ref: float, lon_ref: float, location: carla.Location) -> dict[str, float]:
    """A place as latitude, longitude (degrees) and height (m), by a Mercator projection about the map's reference."""
    scale = math.cos(math.radians(lat_ref))
    east_m = scale * math.radians(lon_ref) * EARTH_RADIUS_M + location.x
    north_m = scale * EARTH_RADIUS_M * math.log(math.tan(math.radians(90.0 + lat_ref) / 2.0)) - location.y
    lon = math.degrees(east_m / (EARTH_RADIUS_M * scale))
    lat = math.degrees(2.0 * math.atan(math.exp(north_m / (EARTH_RADIUS_M * scale)))) - 90.0
    return {"lat": lat, "lon": lon, "z": location.z}


def location_route_to_gps(
    route: Sequence[tuple[carla.Transform, Any]], lat_ref: float, lon_ref: float
) -> list[tuple[dict[str, float], Any]]:
    """Every point of a route as ({lat, lon, z}, RoadOption)."""
    return [(_location_to_gps(lat_ref, lon_ref, transform.location), option) for transform, option in route]


def _get_latlon_ref(world: carla.World | carla.Map) -> tuple[float, float]:
    """The geographic reference of a map in degrees; 42, 2 where the map has none.

    Args:
        world: a world, or a map.
    """
    carla_map = world if isinstance(world, carla.Map) else world.get_map()
    header = carla_map.to_opendrive()[:20000]

    def read(name: str, default: float) -> float:
        found = re.search(rf"\+{name}=([-+0-9.eE]+)", header)
        return float(found.group(1)) if found else default

    return read("lat_0", _DEFAULT_LAT_DEG), read("lon_0", _DEFAULT_LON_DEG)


def downsample_route(route: Sequence[tuple[Any, Any]], sample_factor: float) -> list[int]:
    """Indices of the points that matter: both ends, lane changes, changes of the option, and one at least every
    `sample_factor` metres.

    The distance counts only over points that no other rule looks at, as in the Leaderboard.

    Args:
        route: (carla.Transform, or anything with a `location`, RoadOption).
        sample_factor: metres.
    """
    kept: list[int] = []
    previous: int | None = None
    distance_m = 0.0
    for index, (point, option) in enumerate(route):
        here = int(option)
        turns_to = previous != here and previous not in _LANE_CHANGES
        if index == 0 or here in _LANE_CHANGES or turns_to or distance_m > sample_factor or index == len(route) - 1:
            kept.append(index)
            distance_m = 0.0
        else:
            distance_m += point.location.distance(route[index - 1][0].location)
        previous = here
    return kept


def interpolate_trajectory(
    waypoints_trajectory: Sequence[carla.Location], hop_resolution: float = 1.0
) -> tuple[list[tuple[dict[str, float], Any]], list[tuple[carla.Transform, Any]]]:
    """The dense route through sparse key points, on the map of `CarlaDataProvider`.

    Args:
        waypoints_trajectory: places (`carla.Location`) in driving order.
        hop_resolution: metres between two points.

    Returns:
        The route as GPS positions and as transforms, each with its RoadOption.
    """
    from agents.navigation.global_route_planner import GlobalRoutePlanner

    carla_map = CarlaDataProvider.get_map()
    planner = GlobalRoutePlanner(carla_map, hop_resolution)
    route = [
        (waypoint.transform, option)
        for origin, target in zip(waypoints_trajectory, waypoints_trajectory[1:])  # noqa: RUF007 - for old Pythons
        for waypoint, option in planner.trace_route(_location(origin), _location(target))
    ]
    return location_route_to_gps(route, *_get_latlon_ref(carla_map)), route


def _location(place: Any) -> carla.Location:
    return place.transform.location if hasattr(place, "transform") else getattr(place, "location", place)
