"""Distances, speeds and angles between CARLA objects, under the names that agents import from `agents.tools.misc`."""

from __future__ import annotations

import math
from collections.abc import Sequence

import carla


def draw_waypoints(world: carla.World, waypoints: Sequence[carla.Waypoint], z: float = 0.5) -> None:
    """Arrows at waypoints, `z` metres above them, for one second."""
    for waypoint in waypoints:
        pose = waypoint.transform
        begin = pose.location + carla.Location(z=z)
        yaw = math.radians(pose.rotation.yaw)
        end = begin + carla.Location(x=math.cos(yaw), y=math.sin(yaw))
        world.debug.draw_arrow(begin, end, arrow_size=0.3, life_time=1.0)


def get_speed(vehicle: carla.Actor) -> float:
    """Speed in km/h, whatever the direction."""
    velocity = vehicle.get_velocity()
    return 3.6 * math.sqrt(velocity.x**2 + velocity.y**2 + velocity.z**2)


def get_trafficlight_trigger_location(traffic_light: carla.TrafficLight) -> carla.Location:
    """Centre of a traffic light's trigger volume in the world, at the light's own height."""
    pose = traffic_light.get_transform()
    place = pose.transform(traffic_light.trigger_volume.location)
    return carla.Location(place.x, place.y, pose.location.z)


def is_within_distance(
    target_transform: carla.Transform,
    reference_transform: carla.Transform,
    max_distance: float,
    angle_interval: Sequence[float] | None = None,
) -> bool:
    """Whether a target is near enough and, if asked, in a sector seen from the reference.

    Args:
        angle_interval: (least, greatest) unsigned angle in degrees between the reference's heading and the target.
    """
    here, there = reference_transform.location, target_transform.location
    dx, dy = there.x - here.x, there.y - here.y
    distance_m = math.hypot(dx, dy)
    if distance_m < 0.001:
        return True
    if distance_m > max_distance:
        return False
    if angle_interval is None:
        return True
    forward = reference_transform.get_forward_vector()
    cosine = max(-1.0, min(1.0, (forward.x * dx + forward.y * dy) / distance_m))
    return angle_interval[0] < math.degrees(math.acos(cosine)) < angle_interval[1]


def compute_magnitude_angle(
    target_location: carla.Location, current_location: carla.Location, orientation: float
) -> tuple[float, float]:
    """Distance in metres, and unsigned angle in degrees between a heading (degrees) and the way to the target."""
    dx, dy = target_location.x - current_location.x, target_location.y - current_location.y
    distance_m = math.hypot(dx, dy)
    yaw = math.radians(orientation)
    cosine = (math.cos(yaw) * dx + math.sin(yaw) * dy) / max(distance_m, 1e-9)
    return distance_m, math.degrees(math.acos(max(-1.0, min(1.0, cosine))))


def distance_vehicle(waypoint: carla.Waypoint, vehicle_transform: carla.Transform) -> float:
    """Distance in the plane between a waypoint and a pose."""
    here, there = vehicle_transform.location, waypoint.transform.location
    return math.hypot(there.x - here.x, there.y - here.y)


def vector(location_1: carla.Location, location_2: carla.Location) -> list[float]:
    """Unit vector from the first place to the second."""
    x, y, z = location_2.x - location_1.x, location_2.y - location_1.y, location_2.z - location_1.z
    norm = math.sqrt(x * x + y * y + z * z) + 1e-12
    return [x / norm, y / norm, z / norm]


def compute_distance(location_1: carla.Location, location_2: carla.Location) -> float:
    """Distance between two places."""
    return float(location_1.distance(location_2)) + 1e-12


def positive(num: float) -> float:
    """The number, or 0 if it is negative."""
    return num if num > 0.0 else 0.0
