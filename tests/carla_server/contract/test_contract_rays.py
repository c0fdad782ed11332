"""Lidars, radars and ray queries through the real client."""

import math

import carla
import numpy as np
import pytest

SEMANTIC_POINT = np.dtype([("position", "<f4", 3), ("cos", "<f4"), ("actor", "<u4"), ("tag", "<u4")])
LEADERBOARD_LIDAR = {
    "range": 85, "rotation_frequency": 10, "channels": 64, "upper_fov": 10, "lower_fov": -30,
    "points_per_second": 600000, "atmosphere_attenuation_rate": 0.004, "dropoff_general_rate": 0.45,
    "dropoff_intensity_limit": 0.8, "dropoff_zero_intensity": 0.4,
}  # fmt: skip
LOSSLESS = {"dropoff_general_rate": 0, "dropoff_intensity_limit": 0}


def above(transform, height_m, ahead_m=0.0):
    return carla.Transform(transform.transform(carla.Location(x=ahead_m, z=height_m)), transform.rotation)


def test_lidar_counts_agree_however_the_client_counts_them(world, road, listen):
    plain = listen("sensor.lidar.ray_cast", above(road, 2.0), **LEADERBOARD_LIDAR)
    semantic = listen("sensor.lidar.ray_cast_semantic", above(road, 2.0), channels=16, range=200)
    for _ in range(3):
        frame = world.tick()
        sweep, named = plain.get(timeout=30), semantic.get(timeout=30)
        assert sweep.frame == named.frame == frame
        for measurement, floats, channels in ((sweep, 4, 64), (named, 6, 16)):
            assert measurement.channels == channels
            count = sum(measurement.get_point_count(channel) for channel in range(channels))
            assert count == len(measurement) == sum(1 for _ in measurement)
            assert len(measurement.raw_data) == 4 * floats * count
    assert 0.2 * 30000 < len(sweep) < 0.56 * 30000
    first = sweep[0]
    assert first.intensity == pytest.approx(
        math.exp(-0.004 * math.hypot(first.point.x, first.point.y, first.point.z)), rel=1e-4
    )


def test_both_lidars_see_as_many_points_without_losses(world, road, listen):
    settings = {"channels": 32, "points_per_second": 100000, "range": 60, "rotation_frequency": 20}
    plain = listen("sensor.lidar.ray_cast", above(road, 2.0), **settings, **LOSSLESS)
    semantic = listen("sensor.lidar.ray_cast_semantic", above(road, 2.0), **settings)
    for _ in range(2):
        world.tick()
        sweep, named = plain.get(timeout=30), semantic.get(timeout=30)
        assert len(sweep) == len(named)
        assert [sweep.get_point_count(k) for k in range(32)] == [named.get_point_count(k) for k in range(32)]
    assert 0.5 * 5000 < len(sweep) <= 32 * math.floor(5000 / 32 + 0.5)


def test_a_semantic_lidar_finds_a_car_with_its_id_at_its_distance(world, road, listen):
    other = world.spawn_actor(
        world.get_blueprint_library().find("vehicle.tesla.model3"), above(road, 0.1, ahead_m=12.0)
    )
    semantic = listen("sensor.lidar.ray_cast_semantic", above(road, 1.0), range=40, rotation_frequency=20)
    for _ in range(20):
        world.tick()
        measurement = semantic.get(timeout=30)
    points = np.frombuffer(measurement.raw_data, SEMANTIC_POINT)
    mine = points[points["actor"] == other.id]
    assert set(mine["tag"].tolist()) == {int(carla.CityObjectLabel.Car)}
    distance_m = other.get_location().distance(road.location) - other.bounding_box.extent.x
    assert mine["position"][:, 0].min() == pytest.approx(distance_m, abs=0.3)
    assert {hit.object_idx for hit in measurement} >= {other.id, 0}
    other.destroy()


def test_a_lidar_with_nothing_in_reach_sends_an_empty_cloud(world, road, listen):
    empty = listen("sensor.lidar.ray_cast", above(road, 500.0), range=5)
    blind = listen("sensor.other.radar", above(road, 500.0), range=5)
    frame = world.tick()
    cloud, echo = empty.get(timeout=30), blind.get(timeout=30)
    assert (cloud.frame, len(cloud), cloud.channels) == (frame, 0, 32)
    assert (echo.frame, echo.get_detection_count(), len(echo.raw_data)) == (frame, 0, 0)


def test_a_radar_sees_a_car_approach_with_negative_velocity(world, road, listen):
    facing = carla.Transform(road.transform(carla.Location(x=30.0)), carla.Rotation(yaw=road.rotation.yaw + 180.0))
    other = world.spawn_actor(world.get_blueprint_library().find("vehicle.tesla.model3"), facing)
    radar = listen(
        "sensor.other.radar", above(road, 0.8), horizontal_fov=10, vertical_fov=2, points_per_second=10000, range=60
    )
    other.enable_constant_velocity(carla.Vector3D(x=8.0))
    for _ in range(6):
        world.tick()
        scan = radar.get(timeout=30)
    moving = [hit for hit in scan if abs(hit.velocity) > 1.0]
    assert len(moving) > 20
    for hit in moving:
        assert hit.velocity == pytest.approx(-8.0, abs=0.3)
        assert abs(hit.azimuth) <= math.radians(5.01)
    distance_m = other.get_location().distance(road.location) - other.bounding_box.extent.x
    assert min(hit.depth for hit in moving) == pytest.approx(distance_m, abs=0.5)
    other.destroy()


def test_lidars_and_radars_keep_their_sensor_tick(world, road, listen):
    lidar = listen("sensor.lidar.ray_cast", above(road, 2.0), sensor_tick=0.1)
    radar = listen("sensor.other.radar", above(road, 1.0), sensor_tick=0.2)
    for _ in range(12):
        world.tick()
    frames = {
        name: [received.get(timeout=30).frame for _ in range(count)]
        for name, received, count in (("lidar", lidar, 6), ("radar", radar, 3))
    }
    assert set(np.diff(frames["lidar"])) == {2}
    assert set(np.diff(frames["radar"])) == {4}
    assert lidar.empty()
    assert radar.empty()


def test_a_ray_through_a_car_meets_the_car_and_then_the_road(world, road):
    car = world.spawn_actor(world.get_blueprint_library().find("vehicle.tesla.model3"), above(road, 0.1))
    for _ in range(20):
        world.tick()
    top, bottom = above(road, 30.0).location, above(road, -5.0).location
    hits = world.cast_ray(top, bottom)
    labels = [hit.label for hit in hits]
    assert labels[0] == carla.CityObjectLabel.Car
    assert carla.CityObjectLabel.Roads in labels
    heights = [hit.location.z for hit in hits]
    assert heights == sorted(heights, reverse=True)
    roof_m = car.get_location().z + 2.0 * car.bounding_box.extent.z
    assert heights[0] == pytest.approx(roof_m, abs=0.1)
    down = world.project_point(top, carla.Vector3D(z=-1.0), 100.0)
    assert down.label == carla.CityObjectLabel.Car
    assert down.location.z == pytest.approx(heights[0], abs=1e-3)
    car.destroy()
    ground = world.ground_projection(top, 100.0)
    assert ground.label == carla.CityObjectLabel.Roads
    assert world.project_point(top, carla.Vector3D(z=1.0), 100.0) is None


def test_gravity_of_inertial_sensors_can_be_changed(world, road, listen):
    world.set_imui_sensor_gravity(1.62)
    assert world.get_imui_sensor_gravity() == pytest.approx(1.62)
    imu = listen("sensor.other.imu", above(road, 1.0))
    world.tick()
    assert imu.get(timeout=30).accelerometer.z == pytest.approx(1.62, abs=1e-4)


@pytest.mark.parametrize("label", [carla.CityObjectLabel.TrafficSigns, carla.CityObjectLabel.TrafficLight])
def test_a_ray_at_the_box_of_a_sign_or_light_meets_it(world, label):
    things = world.get_environment_objects(label)
    assert len(things) == len(world.get_level_bbs(label)) > 3
    assert len({thing.id for thing in things}) == len(things)
    for thing in things[:: len(things) // 4]:
        middle, yaw = thing.bounding_box.location, math.radians(thing.bounding_box.rotation.yaw)
        ahead = carla.Vector3D(math.cos(yaw), math.sin(yaw), 0.0)
        start = middle + carla.Location(3.0 * ahead.x, 3.0 * ahead.y, 0.0)
        hit = world.project_point(start, carla.Vector3D(-ahead.x, -ahead.y, 0.0), 4.0)
        assert hit.label == label
        assert hit.location.distance(middle) < 0.3
