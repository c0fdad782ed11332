"""Every shipped town and two of CARLA's own: traffic drives lawfully, lights take turns, pedestrians walk."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import carla
import pytest

from carla_server.towns import SHIPPED_TOWNS
from tests.conftest import start_server

HERE = Path(__file__).parent
REAL_TOWNS = Path(__file__).resolve().parents[4] / "shared" / "data" / "carla_towns"
REAL = ("Town01", "Town10HD")
LARGEST = ("vehicle.mitsubishi.fusorosa", "vehicle.carlamotors.european_hgv", "vehicle.carlamotors.firetruck")
"""Wider than a lane or longer than the points are apart; CARLA's own test of its older towns leaves out the same."""
NAMES = (*REAL, *(town.name for town in SHIPPED_TOWNS))


@pytest.fixture(scope="module", params=NAMES)
def town_server(request):
    options = ["--map", request.param, "--no-rendering"]
    if request.param in REAL:
        if not (REAL_TOWNS / f"{request.param}.xodr").is_file():
            pytest.skip("CARLA's own towns are not beside this checkout")
        options += ["--map-dir", str(REAL_TOWNS)]
    running = start_server(*options)
    yield running
    running.stop()


def _run(script: str, *arguments: object) -> dict:
    command = [sys.executable, str(HERE / script), *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


@pytest.mark.slow
def test_twenty_cars_drive_lawfully_for_a_minute(town_server):
    drive = _run("drive_traffic.py", town_server.port, 20, 1200)
    assert drive["cars"] == 20
    assert drive["mean_distance_m"] > 200.0
    assert drive["mean_lane_offset_m"] < 0.2
    assert drive["overlaps"] == 0
    assert drive["red_light_crossings"] == 0


@pytest.mark.slow
def test_pedestrians_walk_beside_the_road(town_server):
    walk = _run("walk_town.py", town_server.port, 10, 400)
    assert walk["median_walked_m"] > 20.0
    assert walk["beside_road"] > 0.8


@pytest.mark.slow
def test_the_lights_of_a_junction_take_turns(town_server):
    client = town_server.client()
    world = client.reload_world()
    settings = world.get_settings()
    settings.synchronous_mode = True
    settings.fixed_delta_seconds = 0.5
    world.apply_settings(settings)
    lights = {light.id: light for light in world.get_actors().filter("traffic.traffic_light")}
    groups = {tuple(sorted(member.id for member in light.get_group_traffic_lights())) for light in lights.values()}
    assert sum(map(len, groups)) == len(lights)
    landmarks = {landmark.id: landmark for landmark in world.get_map().get_all_landmarks_of_type("1000001")}
    assert {light.get_opendrive_id() for light in lights.values()} == set(landmarks)
    green_alone: set[int] = set()
    for _ in range(4 * 15 * 2 + 10):
        world.tick()
        for group in groups:
            states = [lights[member].get_state() for member in group]
            going = [
                member for member, state in zip(group, states, strict=True) if state != carla.TrafficLightState.Red
            ]
            green_alone.update(going)
            assert len({lights[member].get_state() for member in going}) <= 1
            for first in going:
                for second in going:
                    yaw = lights[first].get_transform().rotation.yaw - lights[second].get_transform().rotation.yaw
                    assert min(abs(yaw % 180.0), 180.0 - abs(yaw % 180.0)) < 30.0, "crossing traffic has green too"
    assert green_alone == set(lights)
    settings.synchronous_mode = False
    world.apply_settings(settings)


@pytest.mark.slow
def test_every_junction_controller_is_found_by_the_client(town_server):
    world = town_server.client().get_world()
    junctions = {}
    for waypoint, following in world.get_map().get_topology():
        for end in (waypoint, following):
            if end.is_junction:
                junctions[end.get_junction().id] = end.get_junction()
    found = [len(world.get_traffic_lights_in_junction(key)) for key in junctions]
    signalised = sum(count > 0 for count in found)
    assert signalised >= 1
    for light in world.get_actors().filter("traffic.traffic_light"):
        assert light.get_stop_waypoints()
        assert light.get_affected_lane_waypoints()


@pytest.mark.slow
def test_every_vehicle_spawns_on_every_spawn_point_one_by_one(town_server):
    client = town_server.client()
    world = client.reload_world()
    vehicles = world.get_blueprint_library().filter("vehicle.*")
    spawn, destroy, reborn = carla.command.SpawnActor, carla.command.DestroyActor, carla.command.FutureActor
    for blueprint in vehicles:
        points = world.get_map().get_spawn_points()
        answers = client.apply_batch_sync([spawn(blueprint, point).then(destroy(reborn)) for point in points], False)
        assert [answer.error for answer in answers if answer.error] == [], blueprint.id


@pytest.mark.slow
def test_all_spawn_points_take_the_same_vehicle_at_once_and_a_tick_turns_none(town_server):
    client = town_server.client()
    world = client.reload_world()
    world.apply_settings(carla.WorldSettings(synchronous_mode=True, fixed_delta_seconds=0.05))
    points = world.get_map().get_spawn_points()
    library = world.get_blueprint_library().filter("vehicle.*")
    fitting = [blueprint for blueprint in library if blueprint.id not in LARGEST]
    assert len(fitting) == len(library) - len(LARGEST)
    for blueprint in fitting:
        answers = client.apply_batch_sync([carla.command.SpawnActor(blueprint, point) for point in points], False)
        assert [answer.error for answer in answers if answer.error] == [], blueprint.id
        frame = world.tick()
        snapshot = world.get_snapshot()
        assert snapshot.frame == frame
        for answer, point in zip(answers, points, strict=True):
            pose = snapshot.find(answer.actor_id).get_transform()
            assert (pose.location.x, pose.location.y) == pytest.approx((point.location.x, point.location.y), abs=5e-3)
            assert _angles_deg(pose.rotation) == pytest.approx(_angles_deg(point.rotation), abs=5e-3), blueprint.id
        destroyed = client.apply_batch_sync([carla.command.DestroyActor(answer.actor_id) for answer in answers], True)
        assert [answer.error for answer in destroyed if answer.error] == []
    world.apply_settings(carla.WorldSettings())


def _angles_deg(rotation):
    return rotation.pitch, rotation.yaw, rotation.roll
