"""Radars on a square with one house and cars that drive."""

from __future__ import annotations

import numpy as np
import pytest

from carla_server.wire.point_clouds import RADAR_DETECTION_DTYPE
from carla_server.wire.structs import InvalidArgument

RADAR = "sensor.other.radar"
NARROW = {"horizontal_fov": 4, "vertical_fov": 2, "points_per_second": 20000}


def read(body: bytes) -> np.ndarray:
    return np.frombuffer(body, RADAR_DETECTION_DTYPE)


def drive(stage, car, velocity_mps):
    stage.vehicles.set_velocity(car.actor_id, velocity_mps)


def test_what_stands_still_has_a_depth_and_no_velocity(stage):
    radar = stage.add(RADAR, 0.0, 0.0, 3.0, **NARROW)
    detections = read(stage.measured(radar)[0])
    assert len(detections) == 1000
    assert detections["depth_m"] == pytest.approx(40.0, abs=0.4)
    assert (detections["velocity_mps"] == 0.0).all()


def test_an_approaching_car_has_a_negative_velocity_and_a_leaving_one_a_positive(stage):
    radar = stage.add(RADAR, 0.0, 0.0, 0.8, **NARROW)
    car = stage.add("vehicle.tesla.model3", 25.0, 0.0, 0.0, 0.0, 180.0)
    for speed in (-10.0, 10.0):
        drive(stage, car, (speed, 0.0, 0.0))
        detections = read(stage.measured(radar)[0])
        now = float(stage.vehicles.velocity_mps[stage.vehicles.index_of(car.actor_id), 0])
        assert abs(now) > 8.0
        assert detections["velocity_mps"] == pytest.approx(now, rel=0.01)


def test_a_driving_radar_sees_the_world_approach(stage):
    car = stage.add("vehicle.tesla.model3", 0.0, 0.0, 0.0)
    radar = stage.add(RADAR, 2.2, 0.0, 0.8, parent=car.actor_id, **NARROW)
    drive(stage, car, (10.0, 0.0, 0.0))
    detections = read(stage.measured(radar)[0])
    speed = float(stage.vehicles.velocity_mps[0, 0])
    assert len(detections) > 500
    assert detections["velocity_mps"] == pytest.approx(-speed, rel=0.01)


def test_azimuth_grows_to_the_right_and_altitude_upwards(stage):
    stage.add("vehicle.mitsubishi.fusorosa", 20.0, 6.0, 0.0, 0.0, 90.0)
    radar = stage.add(RADAR, 0.0, 0.0, 1.0, horizontal_fov=60, vertical_fov=20, points_per_second=40000, range=28)
    detections = read(stage.measured(radar)[0])
    bus = detections[detections["altitude_rad"] > 0.02]
    assert len(bus) > 20
    assert bus["azimuth_rad"].min() > 0.0
    road = detections[detections["altitude_rad"] < -0.08]
    assert road["depth_m"] * np.sin(-road["altitude_rad"]) == pytest.approx(1.0, abs=0.01)


def test_rays_fill_an_elliptic_cone(stage):
    radar = stage.add(RADAR, 0.0, 0.0, 1.0, -89.0, horizontal_fov=40, vertical_fov=20, points_per_second=100000)
    detections = read(stage.measured(radar)[0])
    assert len(detections) == 5000
    assert np.degrees(np.abs(detections["azimuth_rad"]).max()) == pytest.approx(20.0, abs=0.5)
    assert np.degrees(np.abs(detections["altitude_rad"]).max()) == pytest.approx(10.0, abs=0.5)


def test_rays_depend_on_seed_and_tick_only(make_stage):
    def scan(noise_seed: int, ticks: int = 1) -> bytes:
        world = make_stage()
        radar = world.add(RADAR, 0.0, 0.0, 1.0, noise_seed=noise_seed)
        for _ in range(ticks):
            (body,) = world.measured(radar)
        return body

    assert scan(1) == scan(1)
    assert scan(1) != scan(2)
    assert scan(1) != scan(1, ticks=2)


def test_an_impossible_field_of_view_is_refused(stage):
    with pytest.raises(InvalidArgument, match=r"horizontal_fov of sensor\.other\.radar is 190"):
        stage.add(RADAR, 0.0, 0.0, 1.0, horizontal_fov=190)
