"""Vehicles can appear at every spawn point and drive off."""

from __future__ import annotations

import carla
import numpy as np


def test_every_point_is_on_a_driving_lane_along_its_direction(town):
    town_map = carla.Map(town.name, town.opendrive)
    assert len(town.spawn_points) >= 150
    for x, y, z, pitch, yaw, roll in town.spawn_points:
        lane = town_map.get_waypoint(carla.Location(x, y, z))
        place = lane.transform
        assert not lane.is_junction
        assert np.hypot(place.location.x - x, place.location.y - y) < 0.15
        assert abs(z - place.location.z - 0.5) < 0.05
        assert abs((place.rotation.yaw - yaw + 180) % 360 - 180) < 1.0
        assert abs((place.rotation.pitch - pitch + 180) % 360 - 180) < 1.0
        assert roll == 0


def test_points_are_apart_and_clear_of_obstacles(town):
    places = town.spawn_points[:, :2]
    distance = np.linalg.norm(places[:, None] - places[None], axis=2) + 100 * np.eye(len(places))
    assert distance.min() > 3.0
    for box in town.obstacles:
        away = places - np.array(box.center_m[:2])
        turn = np.deg2rad(box.yaw_deg)
        local = away @ np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]])
        assert (np.abs(local) > np.array(box.extent_m[:2]) + 0.9).any(axis=1).all(), box


def test_the_array_cannot_be_changed_by_accident(town):
    assert not town.spawn_points.flags.writeable
