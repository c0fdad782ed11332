"""Where a vehicle starts on a route."""

from __future__ import annotations

import math

import carla

from carla_agents.driving.route import Route

_DROP_M = 0.5


def start_pose(route: Route, distance_m: float = 0.0) -> carla.Transform:
    """Pose on a route, half a metre above the road as CARLA's own spawn points are.

    Args:
        route: the route.
        distance_m: how far from its beginning.
    """
    index = int(abs(route.distance_m - distance_m).argmin())
    x, y, z = (float(v) for v in route.points_m[index])
    yaw_deg = math.degrees(float(route.yaw_rad[index]))
    return carla.Transform(carla.Location(x=x, y=y, z=z + _DROP_M), carla.Rotation(yaw=yaw_deg))
