"""Lidars on a square with one house and cars at known places."""

from __future__ import annotations

import struct

import numpy as np
import pytest

from carla_server.semantics import SemanticTag
from carla_server.wire.point_clouds import LIDAR_POINT_DTYPE, SEMANTIC_POINT_DTYPE
from carla_server.wire.structs import InvalidArgument

LIDAR, SEMANTIC = "sensor.lidar.ray_cast", "sensor.lidar.ray_cast_semantic"
LOSSLESS = {"dropoff_general_rate": 0, "dropoff_intensity_limit": 0}
LEVEL = {
    "channels": 1,
    "upper_fov": 0,
    "lower_fov": 0,
    "range": 100,
    "points_per_second": 7200,
    "rotation_frequency": 20,
}


def read(body: bytes, dtype: np.dtype = LIDAR_POINT_DTYPE) -> tuple[float, np.ndarray, np.ndarray]:
    """Angle, points of each channel, points."""
    angle_rad, channels = struct.unpack_from("<fI", body)
    counts = np.frombuffer(body, "<u4", channels, 8)
    points = np.frombuffer(body, dtype, offset=8 + 4 * channels)
    assert counts.sum() == len(points)
    return angle_rad, counts, points


def test_a_house_ahead_is_where_it_stands_in_the_sensors_frame(stage):
    lidar = stage.add(LIDAR, 10.0, 3.0, 2.0, **LEVEL, **LOSSLESS)
    _, _, points = read(stage.measured(lidar)[0])
    wall = points["position_m"][np.abs(points["position_m"][:, 1]) < 5.0]
    wall = wall[wall[:, 0] > 0]
    assert len(wall) > 10
    assert wall[:, 0] == pytest.approx(30.0, abs=0.3)
    assert wall[:, 2] == pytest.approx(0.0, abs=1e-4)


def test_y_points_right_and_a_turned_lidar_sees_the_house_on_its_left(stage):
    lidar = stage.add(SEMANTIC, 10.0, 0.0, 2.0, 0.0, 90.0, 0.0, **LEVEL)
    _, _, points = read(stage.measured(lidar)[0], SEMANTIC_POINT_DTYPE)
    wall = points["position_m"][points["tag"] == SemanticTag.BUILDINGS]
    nearest = wall[np.linalg.norm(wall, axis=1).argmin()]
    assert nearest[1] == pytest.approx(-30.0, abs=0.5)
    assert nearest[0] == pytest.approx(0.0, abs=0.5)


def test_channels_go_from_the_upper_to_the_lower_field_of_view(stage):
    lidar = stage.add(LIDAR, 0.0, 0.0, 2.0, channels=4, upper_fov=-10, lower_fov=-40, range=50, **LOSSLESS)
    _, counts, points = read(stage.measured(lidar)[0])
    first = np.cumsum(counts) - counts
    x, y, z = points["position_m"][first].T
    assert np.degrees(np.arctan2(z, np.hypot(x, y))) == pytest.approx([-10.0, -20.0, -30.0, -40.0], abs=1e-3)
    assert len(set(counts.tolist())) == 1
    assert counts.sum() == 56000 * 0.05


@pytest.mark.parametrize(
    ("channels", "rays_per_s", "delta_s"), [(32, 56000, 0.05), (64, 600000, 0.05), (3, 1000, 0.01)]
)
def test_rays_of_a_tick_are_points_per_second_times_its_length(stage, channels, rays_per_s, delta_s):
    lidar = stage.add(
        LIDAR,
        0.0,
        0.0,
        2.0,
        channels=channels,
        upper_fov=-30,
        lower_fov=-60,
        points_per_second=rays_per_s,
        **LOSSLESS,
    )
    _, counts, _ = read(stage.measured(lidar, delta_s=delta_s)[0])
    assert counts.tolist() == [int(rays_per_s * delta_s / channels + 0.5)] * channels


def test_the_sweep_goes_on_with_simulated_time(stage):
    settings = LEVEL | {"rotation_frequency": 5, "upper_fov": -45, "lower_fov": -45}
    lidar = stage.add(LIDAR, 0.0, 0.0, 2.0, **settings, **LOSSLESS)
    seen = []
    for turn_end_rad in (0.5 * np.pi, np.pi, 1.5 * np.pi, 0.0):
        angle_rad, _, points = read(stage.measured(lidar)[0])
        assert angle_rad % (2 * np.pi) == pytest.approx(turn_end_rad, abs=1e-5)
        yaw = np.degrees(np.arctan2(points["position_m"][:, 1], points["position_m"][:, 0]))
        seen.append((yaw.min(), yaw.max()))
    assert np.array(seen) == pytest.approx(np.array([(-180, -90), (-90, 0), (0, 90), (90, 180)]), abs=0.5)


def test_a_narrow_horizontal_field_of_view_is_swept_ahead(stage):
    lidar = stage.add(
        LIDAR, 0.0, 0.0, 2.0, **LEVEL | {"upper_fov": -45, "lower_fov": -45, "horizontal_fov": 60}, **LOSSLESS
    )
    _, _, points = read(stage.measured(lidar)[0])
    yaw = np.degrees(np.arctan2(points["position_m"][:, 1], points["position_m"][:, 0]))
    assert yaw.min() == pytest.approx(-30.0, abs=0.01)
    assert 29.0 < yaw.max() < 30.0


def test_intensity_falls_exponentially_with_distance(stage):
    lidar = stage.add(LIDAR, 0.0, 0.0, 2.0, range=80, atmosphere_attenuation_rate=0.02, **LOSSLESS)
    _, _, points = read(stage.measured(lidar)[0])
    distance_m = np.linalg.norm(points["position_m"], axis=1)
    assert points["intensity"] == pytest.approx(np.exp(-0.02 * distance_m), rel=1e-4)


def test_nothing_beyond_the_range_is_seen(stage):
    lidar = stage.add(LIDAR, 0.0, 0.0, 2.0, range=10, **LOSSLESS)
    _, _, points = read(stage.measured(lidar)[0])
    assert 9.0 < np.linalg.norm(points["position_m"], axis=1).max() <= 10.0


def test_a_share_of_the_rays_is_dropped_before_they_fly(stage):
    whole, half = (
        stage.add(
            LIDAR,
            0.0,
            0.0,
            2.0,
            upper_fov=-30,
            lower_fov=-60,
            points_per_second=200000,
            **LOSSLESS | {"dropoff_general_rate": rate},
        )
        for rate in (0.0, 0.45)
    )
    complete, thinned = (len(read(body)[2]) for body in stage.measured(whole, half))
    assert complete == pytest.approx(10000, abs=32)
    assert thinned / complete == pytest.approx(0.55, abs=0.02)


def test_weak_echoes_are_lost_by_the_drop_off_at_zero_intensity(stage):
    settings = {"upper_fov": -45, "lower_fov": -45.001, "points_per_second": 200000, "dropoff_general_rate": 0}
    dark = stage.add(
        LIDAR,
        0.0,
        0.0,
        2.0,
        **settings,
        atmosphere_attenuation_rate=100,
        dropoff_intensity_limit=0.8,
        dropoff_zero_intensity=0.4,
    )
    (body,) = stage.measured(dark)
    assert len(read(body)[2]) / 10000 == pytest.approx(0.6, abs=0.02)


def test_noise_moves_points_along_their_rays(stage):
    settings = {"upper_fov": -30, "lower_fov": -60, "points_per_second": 200000, **LOSSLESS}
    clean, noisy = (stage.add(LIDAR, 0.0, 0.0, 2.0, **settings, noise_stddev=sigma) for sigma in (0.0, 0.1))
    (_, _, exact), (_, _, moved) = (read(body) for body in stage.measured(clean, noisy))
    distance, other = (np.linalg.norm(points["position_m"], axis=1) for points in (exact, moved))
    assert np.std(other - distance) == pytest.approx(0.1, rel=0.05)
    assert moved["position_m"] / other[:, None] == pytest.approx(exact["position_m"] / distance[:, None], abs=1e-5)


def test_losses_and_noise_depend_on_seed_and_tick_only(make_stage):
    def sweep(noise_seed: int, seed: int = 1, ticks: int = 1) -> bytes:
        world = make_stage(seed=seed)
        lidar = world.add(LIDAR, 0.0, 0.0, 2.0, noise_stddev=0.05, noise_seed=noise_seed, rotation_frequency=20)
        for _ in range(ticks):
            (body,) = world.measured(lidar)
        return body

    assert sweep(3) == sweep(3)
    assert sweep(3) != sweep(4)
    assert sweep(3) != sweep(3, seed=2)
    assert sweep(3, ticks=2) != sweep(3)


def test_a_semantic_lidar_names_what_it_hits_and_under_which_angle(stage):
    car = stage.add("vehicle.tesla.model3", 15.0, 8.0, 0.0, 0.0, 90.0)
    bike = stage.add("vehicle.bh.crossbike", 15.0, -8.0, 0.0, 0.0, 90.0)
    person = stage.add("walker.pedestrian.0001", 8.0, 0.0, 0.95)
    settings = {"upper_fov": 10, "lower_fov": -30, "range": 60, "points_per_second": 400000, "rotation_frequency": 20}
    lidar = stage.add(SEMANTIC, 0.0, 0.0, 2.0, **settings)
    _, _, points = read(stage.measured(lidar)[0], SEMANTIC_POINT_DTYPE)
    tags = {
        actor.actor_id: set(points["tag"][points["actor_id"] == actor.actor_id].tolist())
        for actor in (car, bike, person)
    }
    assert tags[car.actor_id] == {SemanticTag.CAR}
    assert tags[bike.actor_id] == {SemanticTag.BICYCLE, SemanticTag.RIDER}
    assert tags[person.actor_id] == {SemanticTag.PEDESTRIANS}
    light, sign = stage.actors[1], stage.actors[2]
    assert set(points["tag"][points["actor_id"] == light.actor_id].tolist()) <= {
        SemanticTag.TRAFFIC_LIGHT,
        SemanticTag.POLES,
    }
    assert (points["actor_id"] == light.actor_id).any()
    assert (points["actor_id"] == sign.actor_id).any()
    near = points[points["actor_id"] == car.actor_id]["position_m"]
    assert near[:, 0].min() == pytest.approx(15.0 - car.box.extent_m[1], abs=0.15)
    road = points[points["tag"] == SemanticTag.ROADS]
    distance_m = np.linalg.norm(road["position_m"], axis=1)
    assert (road["actor_id"] == 0).all()
    assert road["cos_incidence"] == pytest.approx(2.0 / distance_m, rel=1e-3)
    wall = points[points["tag"] == SemanticTag.BUILDINGS]
    assert (wall["cos_incidence"] > 0.0).all()


def test_both_lidars_find_the_same_points_without_losses(stage):
    stage.add("vehicle.tesla.model3", 9.0, 2.0, 0.0)
    settings = {"channels": 16, "range": 50, "points_per_second": 100000, "rotation_frequency": 20}
    plain = stage.add(LIDAR, 0.0, 0.0, 2.0, **settings, **LOSSLESS)
    semantic = stage.add(SEMANTIC, 0.0, 0.0, 2.0, **settings)
    first, second = stage.measured(plain, semantic)
    _, counts, points = read(first)
    _, same_counts, same_points = read(second, SEMANTIC_POINT_DTYPE)
    assert counts.tolist() == same_counts.tolist()
    assert np.array_equal(points["position_m"].astype(np.float32), same_points["position_m"])


def test_a_lidar_above_its_car_sees_the_roof_and_one_inside_looks_out(stage):
    car = stage.add("vehicle.tesla.model3", 0.0, 0.0, 0.0)
    settings = {"upper_fov": 0, "lower_fov": -80, "points_per_second": 100000, "rotation_frequency": 20}
    above = stage.add(SEMANTIC, 0.0, 0.0, 2.4, parent=car.actor_id, **settings)
    inside = stage.add(SEMANTIC, 0.0, 0.0, 0.8, parent=car.actor_id, **settings)
    seen, looked_out = (read(body, SEMANTIC_POINT_DTYPE)[2] for body in stage.measured(above, inside))
    assert (seen["actor_id"] == car.actor_id).any()
    assert len(looked_out)
    assert not (looked_out["actor_id"] == car.actor_id).any()


def test_a_moving_car_is_seen_where_it_is_now(stage):
    car = stage.add("vehicle.tesla.model3", 20.0, 0.0, 0.0)
    lidar = stage.add(SEMANTIC, 0.0, 0.0, 1.0, **LEVEL)
    for x_m in (20.0, 15.0, 10.0):
        stage.set_pose(car, (x_m, 0.0, 0.0, 0.0, 0.0, 0.0))
        _, _, points = read(stage.measured(lidar)[0], SEMANTIC_POINT_DTYPE)
        mine = points[points["actor_id"] == car.actor_id]
        assert mine["position_m"][:, 0].min() == pytest.approx(x_m - car.box.extent_m[0], abs=0.25)
    stage.destroy(car.actor_id)
    _, _, points = read(stage.measured(lidar)[0], SEMANTIC_POINT_DTYPE)
    assert not (points["actor_id"] == car.actor_id).any()


@pytest.mark.parametrize(
    ("name", "value"),
    [("channels", 0), ("points_per_second", -1), ("range", 0), ("horizontal_fov", 400), ("dropoff_general_rate", 2)],
)
def test_an_impossible_attribute_is_refused_with_its_range(stage, name, value):
    with pytest.raises(InvalidArgument, match=rf"{name} of sensor\.lidar\.ray_cast is .* must lie in"):
        stage.add(LIDAR, 0.0, 0.0, 2.0, **{name: value})


def test_a_lidar_that_meets_nothing_sends_an_empty_measurement(stage):
    lidar = stage.add(LIDAR, 0.0, 0.0, 500.0, channels=2)
    still = stage.add(LIDAR, 0.0, 0.0, 2.0, channels=2, points_per_second=0)
    for body in stage.measured(lidar, still):
        _, counts, points = read(body)
        assert counts.tolist() == [0, 0]
        assert len(points) == 0
