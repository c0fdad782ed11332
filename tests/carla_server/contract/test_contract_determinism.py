"""Same seed and commands: the same bytes, in two server processes; another seed differs."""

import hashlib
import json
import os
import struct
import subprocess
import sys
from pathlib import Path

import carla
import numpy as np
import pytest

from syndiff.conformance import track
from tests.conftest import start_server

ROOT = Path(__file__).resolve().parents[3]
DRIVE_TRAFFIC = Path(__file__).with_name("drive_traffic.py")
PLATFORM_TIME = slice(48 + 8, 48 + 16)
MODELS = ("vehicle.tesla.model3", "vehicle.bh.crossbike", "vehicle.carlamotors.firetruck")
OPTIONS = ("--no-rendering", "--synchronous", "--fixed-delta-s", "0.05")


def digest_of_a_run(client, reader, ticks):
    points = client.value("get_map_info")[1]
    cars = []
    for index in range(12):
        description = [
            0,
            ("vehicle.tesla.model3", "vehicle.bh.crossbike", "vehicle.carlamotors.firetruck")[index % 3],
            [],
        ]
        cars.append(client.value("spawn_actor", description, points[index * 5])[0])
    imu = [0, "sensor.other.imu", [["noise_accel_stddev_x", 3, "0.1"]]]
    client.value("spawn_actor_with_parent", imu, [[0.0, 0.0, 1.0], [0.0, 0.0, 0.0]], cars[0], 0, "")
    digest = hashlib.sha256()
    for tick in range(ticks):
        commands = [
            [[2, [car, [0.6, 0.3 if (tick // 40 + car) % 3 == 0 else 0.0, 0.0, False, False, False, 0]]]]
            for car in cars
        ]
        client.call("apply_batch", commands, False)
        client.value("tick_cue")
        frame = bytearray(reader.frame())
        frame[PLATFORM_TIME] = bytes(8)
        digest.update(frame)
    return digest.hexdigest()


def test_equal_seeds_give_equal_snapshots_in_two_processes_and_another_seed_differs(fresh_server, wire, subscribe):
    digests = []
    for seed in ("3", "3", "4"):
        server = fresh_server(*OPTIONS, "--seed", seed)
        client = wire(server)
        reader = subscribe(client, 1)
        digests.append(digest_of_a_run(client, reader, 300))
        server.stop()
    assert digests[0] == digests[1]
    assert digests[0] != digests[2]


CRASHES = {
    "two cars": (("vehicle.audi.tt", -50, 0, 0, 30.0), ("vehicle.lincoln.mkz_2017", 50, 1, 180, 30.0)),
    "three cars": (
        ("vehicle.toyota.prius", -30, 0, 0, 15.0),
        ("vehicle.audi.a2", 30, -1, 180, 15.0),
        ("vehicle.lincoln.mkz_2017", 0, 30, -90, 15.0),
    ),
    "a car and a bicycle": (
        ("vehicle.lincoln.mkz_2017", -50, 0, 0, 30.0),
        ("vehicle.gazelle.omafiets", 0, 20, -90, 12.0),
    ),
    "a car and a walker": (("vehicle.lincoln.mkz_2017", -30, 0, 0, 20.0), ("walker.pedestrian.0007", 0, 0, 90, 0.0)),
}
"""Who takes part: id, x and y in metres, heading in degrees, speed in m/s."""


@pytest.fixture(scope="module")
def crash_site():
    """A client's world on a wide road without anything beside it."""
    running = start_server("--no-rendering")
    client = running.client()
    client.generate_opendrive_world(track.opendrive())
    yield client
    running.stop()


def motion_of_a_crash(client, participants):
    """(ticks, participants, 9) place, velocity and turning of everybody, and how often they collided."""
    client.reload_world()
    world = client.get_world()
    world.apply_settings(carla.WorldSettings(synchronous_mode=True, fixed_delta_seconds=0.05))
    library, actors = world.get_blueprint_library(), []
    for name, x_m, y_m, yaw_deg, _ in participants:
        blueprint = library.find(name)
        if blueprint.has_attribute("is_invincible"):
            blueprint.set_attribute("is_invincible", "false")
        place = carla.Transform(carla.Location(400.0 + x_m, y_m, 1.0), carla.Rotation(yaw=yaw_deg))
        actors.append(world.spawn_actor(blueprint, place))
    for _ in range(20):
        world.tick()
    events = []
    sensor = world.spawn_actor(library.find("sensor.other.collision"), carla.Transform(), attach_to=actors[0])
    sensor.listen(events.append)
    for actor, (*_, speed_mps) in zip(actors, participants, strict=True):
        actor.set_target_velocity(speed_mps * actor.get_transform().get_forward_vector())
    motion = []
    for _ in range(100):
        world.tick()
        seen = [(a.get_location(), a.get_velocity(), a.get_angular_velocity()) for a in actors]
        motion.append([[v for vector in each for v in (vector.x, vector.y, vector.z)] for each in seen])
    sensor.stop()
    sensor.destroy()
    return np.array(motion), len(events)


@pytest.mark.slow
@pytest.mark.parametrize("participants", CRASHES.values(), ids=CRASHES)
def test_a_crash_repeats_to_the_last_bit_after_a_reload(crash_site, participants):
    (first, collisions), (second, again) = (motion_of_a_crash(crash_site, participants) for _ in range(2))
    assert collisions > 0
    assert again > 0
    assert np.array_equal(first, second)


SENSORS = {
    "sensor.lidar.ray_cast": {"points_per_second": "100000", "noise_stddev": "0.05"},
    "sensor.lidar.ray_cast_semantic": {"range": "60"},
    "sensor.other.radar": {},
    "sensor.camera.rgb": {},
    "sensor.camera.optical_flow": {},
    "sensor.camera.normals": {},
}


def digests_of_sensors(client, subscribe, ticks):
    points = client.value("get_map_info")[1]
    cars = [client.value("spawn_actor", [0, name, []], points[9 * index]) for index, name in enumerate(MODELS)]
    readers = {}
    for name, wanted in SENSORS.items():
        sized = {"image_size_x": "64", "image_size_y": "36"} if "camera" in name else {}
        attributes = [[key, 3, value] for key, value in (wanted | sized).items()]
        place = [[1.0, 0.0, 2.2], [0.0, 0.0, 0.0]]
        sensor = client.value("spawn_actor_with_parent", [0, name, attributes], place, cars[0][0], 0, "")
        readers[name] = subscribe(client, int.from_bytes(sensor[5][:4], "little"))
    digests = {name: hashlib.sha256() for name in SENSORS}
    for _ in range(ticks):
        client.call("apply_batch", [[[2, [car[0], [0.7, 0.1, 0.0, False, False, False, 0]]]] for car in cars], False)
        client.value("tick_cue")
        for name, reader in readers.items():
            digests[name].update(reader.frame())
    return {name: digest.hexdigest() for name, digest in digests.items()}


@pytest.mark.slow
def test_equal_seeds_give_equal_clouds_and_pictures_in_two_processes(fresh_server, wire, subscribe):
    runs = []
    for seed in ("3", "3", "4"):
        server = fresh_server("--synchronous", "--fixed-delta-s", "0.05", "--seed", seed)
        runs.append(digests_of_sensors(wire(server), subscribe, 12))
        server.stop()
    assert runs[0] == runs[1]
    noisy = ("sensor.lidar.ray_cast", "sensor.other.radar")
    assert all(runs[0][name] != runs[2][name] for name in noisy)


def digest_of_measurements(client, subscribe, ticks):
    """Hash of what a camera, a lidar and a noisy inertial sensor on a driving car measure."""
    points = client.value("get_map_info")[1]
    car = client.value("spawn_actor", [0, "vehicle.tesla.model3", []], points[0])[0]
    client.value("spawn_actor", [0, "walker.pedestrian.0002", []], points[3])
    mount = [[0.5, 0.0, 2.0], [0.0, 0.0, 0.0]]
    wanted = [
        ["sensor.camera.rgb", [["image_size_x", 2, "96"], ["image_size_y", 2, "64"]]],
        ["sensor.camera.instance_segmentation", [["image_size_x", 2, "96"], ["image_size_y", 2, "64"]]],
        ["sensor.lidar.ray_cast", [["points_per_second", 2, "20000"], ["rotation_frequency", 3, "20"]]],
        ["sensor.other.imu", [["noise_accel_stddev_x", 3, "0.1"]]],
    ]
    readers = []
    for name, attributes in wanted:
        token = client.value("spawn_actor_with_parent", [0, name, attributes], mount, car, 0, "")[5]
        readers.append(subscribe(client, struct.unpack_from("<I", token)[0]))
    digest = hashlib.sha256()
    for _ in range(ticks):
        control = [0.8, 0.1, 0.0, False, False, False, 0]
        client.call("apply_batch", [[[2, [car, control]]]], False)
        client.value("tick_cue")
        for reader in readers:
            digest.update(reader.frame())
    return digest.hexdigest()


@pytest.mark.slow
def test_pixels_and_measurements_are_equal_under_load_and_with_readers_that_lag(fresh_server, wire, subscribe):
    digests = []
    for loaded in (False, True):
        server = fresh_server("--synchronous", "--fixed-delta-s", "0.05", "--seed", "3")
        client = wire(server)
        burner = subprocess.Popen([sys.executable, "-c", "while True: pass"]) if loaded else None
        laggards = [subscribe(client, 1) for _ in range(3)] if loaded else []
        try:
            digests.append(digest_of_measurements(client, subscribe, 25))
        finally:
            if burner is not None:
                burner.kill()
                burner.wait()
        for laggard in laggards:
            assert laggard.frame()  # it reads only now
        server.stop()
    assert digests[0] == digests[1]


@pytest.mark.slow
def test_a_thousand_ticks_of_a_hundred_traffic_manager_cars_repeat():
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.determinism", "--cars", "100"],
        capture_output=True,
        text=True,
        timeout=900,
        cwd=ROOT,
    )
    assert "equal seeds equal: True; another seed differs: True" in done.stdout, done.stdout + done.stderr


def test_traffic_manager_takes_our_road_map_and_drives_twenty_cars_lawfully(fresh_server, tmp_path):
    server = fresh_server("--no-rendering")
    done = subprocess.run(
        [sys.executable, str(DRIVE_TRAFFIC), str(server.port), "20", "600"],
        capture_output=True,
        text=True,
        timeout=150,
        env=os.environ | {"CARLA_CACHE_DIR": str(tmp_path)},
    )
    assert done.returncode == 0, done.stderr
    assert "InMemoryMap" not in done.stdout + done.stderr
    assert [path.parent.name for path in tmp_path.rglob("TownGrid-*.bin") if path.parent.name != "Nav"] == ["TM"]
    seen = json.loads(done.stdout.splitlines()[-1])
    assert seen["cars"] == 20
    assert seen["mean_distance_m"] > 60.0
    assert seen["mean_lane_offset_m"] < 0.3
    assert seen["overlaps"] == 0
    assert seen["red_light_crossings"] == 0
