"""TownRiver through the real client: traffic over and under bridges, rays, walkers, drops."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import carla
import numpy as np
import pytest

from tests.conftest import start_server

HERE = Path(__file__).parent
OVERPASS = (-110.0, 0.0)
DECK_M = 6.8


@pytest.fixture(scope="module")
def river_server():
    running = start_server("--map", "TownRiver", "--no-rendering")
    yield running
    running.stop()


@pytest.fixture
def world(river_server):
    world = river_server.client().get_world()
    before = world.get_settings()
    world.apply_settings(carla.WorldSettings(synchronous_mode=True, fixed_delta_seconds=0.05))
    yield world
    for actor in world.get_actors():
        if actor.type_id.startswith(("vehicle.", "walker.", "sensor.")):
            actor.destroy()
    world.apply_settings(before)


@pytest.mark.slow
def test_traffic_drives_over_and_under_without_leaving_its_level(river_server):
    command = [sys.executable, str(HERE / "drive_bridges.py"), str(river_server.port), "600"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    drive = json.loads(done.stdout)
    assert drive["cars"] >= 12
    assert min(drive["over"], drive["under"], drive["river"]) >= 3, drive
    assert drive["ticks_with_both"] > 20
    assert drive["collisions"] == []
    assert drive["largest_step_m"] < 0.15
    assert drive["largest_height_error_m"] < 0.2


def test_rays_meet_the_level_that_lies_in_their_way(world):
    x, y = OVERPASS
    found = world.ground_projection(carla.Location(x - 1.8, y - 1.75, 30.0), 100.0)
    assert found.location.z == pytest.approx(DECK_M, abs=0.05)
    found = world.ground_projection(carla.Location(x - 1.8, y - 1.75, 3.0), 100.0)
    assert found.location.z == pytest.approx(0.0, abs=0.05)
    points = world.cast_ray(carla.Location(x - 1.8, y - 1.75, 30.0), carla.Location(x - 1.8, y - 1.75, -1.0))
    labels = [point.label for point in points]
    assert labels[0] == carla.CityObjectLabel.Roads
    assert carla.CityObjectLabel.Bridge in labels
    assert points[-1].location.z == pytest.approx(0.0, abs=0.1)


def test_a_car_lands_on_the_level_below_it_and_the_map_says_the_same(world):
    x, y = OVERPASS
    car = world.get_blueprint_library().find("vehicle.tesla.model3")
    high = world.spawn_actor(car, carla.Transform(carla.Location(x - 1.8, y, DECK_M + 8.0), carla.Rotation(yaw=90.0)))
    low = world.spawn_actor(car, carla.Transform(carla.Location(x, y - 1.75, 1.5), carla.Rotation(yaw=180.0)))
    for _ in range(80):
        world.tick()
    for actor, height_m in ((high, DECK_M), (low, 0.0)):
        here = actor.get_location()
        assert here.z == pytest.approx(height_m, abs=0.03)
        waypoint = world.get_map().get_waypoint(here)
        assert waypoint.transform.location.z == pytest.approx(here.z, abs=0.1)


def test_every_spawn_point_is_half_a_metre_above_its_level(world):
    car = world.get_blueprint_library().find("vehicle.audi.tt")
    points = world.get_map().get_spawn_points()
    chosen = sorted(points, key=lambda point: np.hypot(point.location.x - OVERPASS[0], point.location.y))[:10]
    spawned = [(world.spawn_actor(car, point), point) for point in chosen]
    for _ in range(30):
        world.tick()
    for actor, point in spawned:
        assert actor.get_location().z == pytest.approx(point.location.z - 0.5, abs=0.1)


def test_a_lidar_on_the_lower_road_sees_the_bridge_above_and_none_on_the_deck_sees_below(world):
    points = []
    blueprint = world.get_blueprint_library().find("sensor.lidar.ray_cast_semantic")
    for name, value in (("upper_fov", 60), ("lower_fov", -40), ("range", 40), ("points_per_second", 200000)):
        blueprint.set_attribute(name, str(value))
    x, y = OVERPASS
    for z in (2.0, DECK_M + 2.0):
        sensor = world.spawn_actor(blueprint, carla.Transform(carla.Location(x + 1.8, y + 1.75, z)))
        seen = []
        sensor.listen(seen.append)
        for _ in range(10):
            world.tick()
        sensor.stop()
        dtype = np.dtype([("position", "<f4", 3), ("cos", "<f4"), ("actor", "<u4"), ("tag", "<u4")])
        points.append(np.concatenate([np.frombuffer(sweep.raw_data, dtype) for sweep in seen]))
    below, above = points
    overhead = (below["position"][:, 2] > 2.0) & (np.abs(below["position"][:, :2]).max(axis=1) < 4.0)
    assert (below["tag"][overhead] == carla.CityObjectLabel.Bridge).mean() > 0.9
    assert overhead.sum() > 50
    near = np.abs(above["position"][:, :2]).max(axis=1) < 4.0
    assert above["position"][near, 2].min() > -2.2


def test_pedestrians_cross_the_river_and_stay_on_their_bridge(world):
    walker = world.get_blueprint_library().find("walker.pedestrian.0004")
    start = carla.Location(106.0, 6.6, 3.4)
    person = world.spawn_actor(walker, carla.Transform(start))
    person.apply_control(carla.WalkerControl(carla.Vector3D(1.0, 0.0, 0.0), 4.0))
    heights = []
    for _ in range(240):
        world.tick()
        heights.append(person.get_location().z)
    assert person.get_location().x > 150.0
    assert min(heights[10:]) > 1.5
    assert np.abs(np.diff(heights[10:])).max() < 0.1


def test_the_navigation_mesh_follows_the_bridges(world):
    places = [world.get_random_location_from_navigation() for _ in range(600)]
    on_river = [p for p in places if abs(p.x - 130.0) < 15.0]
    assert on_river
    assert min(p.z for p in on_river) > 1.5
    under = [p for p in places if abs(p.x - OVERPASS[0]) < 5.0 and abs(p.y) < 8.0]
    assert all(p.z < 1.0 for p in under)


def test_the_level_names_its_bridges(world):
    boxes = world.get_level_bbs(carla.CityObjectLabel.Bridge)
    assert len(boxes) >= 3
    names = [thing.name for thing in world.get_environment_objects(carla.CityObjectLabel.Bridge)]
    assert len(names) == len(boxes)
