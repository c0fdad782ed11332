"""Recording, replaying and the texts about recordings, through the real client."""

import resource
import signal
import struct

import carla
import numpy as np
import pytest

from carla_server.recorder.recording import Recording

TICKS = 60


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("recordings")


@pytest.fixture(scope="module")
def recording_server(folder):
    from tests.conftest import start_server

    running = start_server(
        "--no-rendering", "--synchronous", "--fixed-delta-s", "0.05", "--recorder-dir", str(folder)
    )
    yield running
    running.stop()


@pytest.fixture
def recorded(recording_server):
    """A client and its freshly reloaded world, in synchronous mode."""
    client = recording_server.client()
    client.reload_world(False)
    return client, client.get_world()


def states(world):
    """Pose and velocity of every vehicle and walker by id, as the last snapshot has them."""
    kinds = {actor.id: actor.type_id for actor in world.get_actors()}
    found = {}
    for state in world.get_snapshot():
        if kinds.get(state.id, "").startswith(("vehicle.", "walker.")):
            t, v = state.get_transform(), state.get_velocity()
            found[state.id] = (
                *(t.location.x, t.location.y, t.location.z, t.rotation.pitch, t.rotation.yaw, t.rotation.roll),
                *(v.x, v.y, v.z),
            )
    return found


def assert_close(found, wanted):
    assert found.keys() == wanted.keys()
    for actor_id in wanted:
        assert found[actor_id] == pytest.approx(wanted[actor_id], abs=1e-4)


def drive(client, world, name, additional_data=False):
    """Two cars and a walker, a third car that comes and goes, all recorded; the states after every tick."""
    library = world.get_blueprint_library()
    points = world.get_map().get_spawn_points()
    hero = library.find("vehicle.tesla.model3")
    hero.set_attribute("role_name", "hero")
    car = world.spawn_actor(hero, points[0])
    truck = world.spawn_actor(library.find("vehicle.carlamotors.firetruck"), points[8])
    walker = world.spawn_actor(library.find("walker.pedestrian.0003"), points[16])
    imu = world.spawn_actor(library.find("sensor.other.imu"), carla.Transform(carla.Location(1, 0, 2)), attach_to=car)
    world.tick()
    client.start_recorder(name, additional_data)
    seen = []
    guest = None
    for tick in range(TICKS):
        car.apply_control(carla.VehicleControl(throttle=0.7, steer=0.1))
        truck.apply_control(carla.VehicleControl(throttle=0.5))
        walker.apply_control(carla.WalkerControl(carla.Vector3D(1, 0, 0), 1.5))
        if tick == 20:
            guest = world.spawn_actor(library.find("vehicle.audi.tt"), points[30])
        if tick == 40:
            guest.destroy()
        world.tick()
        seen.append(states(world))
    client.stop_recorder()
    world.get_weather()  # an answer: the call before it, which has none, is done
    return seen, (car, truck, walker, imu)


def test_a_replay_puts_every_actor_exactly_where_it_was_recorded(recorded):
    client, world = recorded
    seen, actors = drive(client, world, "exact.log")
    world = client.reload_world(False)
    told = client.replay_file("exact.log", 0.0, 0.0, 0)
    assert f"Total time recorded: {(TICKS - 1) * 0.05:g}" in told
    replayed = []
    for _ in range(TICKS - 1):
        world.tick()
        replayed.append(states(world))
    assert replayed == seen[1:]
    assert world.get_actor(actors[0].id).attributes["role_name"] == "hero"
    assert not world.get_actors().filter("sensor.*")
    before = states(world)
    for _ in range(100):
        world.tick()
    after = states(world)
    assert after.keys() == before.keys()
    assert all(np.linalg.norm(state[6:]) < 0.1 for state in after.values())


def test_start_duration_and_time_factor_choose_what_is_played(recorded):
    client, world = recorded
    seen, _ = drive(client, world, "parts.log")
    world = client.reload_world(False)
    client.replay_file("parts.log", 1.0, 0.5, 0)
    for tick in range(10):
        world.tick()
        assert_close(states(world), seen[21 + tick])
    world = client.reload_world(False)
    client.replay_file("parts.log", -0.5, 0.0, 0)
    world.tick()
    assert_close(states(world), seen[50])
    world = client.reload_world(False)
    client.set_replayer_time_factor(2.0)
    client.replay_file("parts.log", 0.0, 0.0, 0)
    for tick in range(10):
        world.tick()
        assert_close(states(world), seen[2 * tick + 2])
    client.set_replayer_time_factor(0.5)
    world.tick()
    half = states(world)
    for actor_id, state in half.items():
        assert state[:3] == pytest.approx(np.mean([seen[20][actor_id][:3], seen[21][actor_id][:3]], 0), abs=1e-4)
    client.set_replayer_time_factor(1.0)


def test_a_replay_can_leave_out_the_hero_bring_sensors_and_follow_an_actor(recorded):
    client, world = recorded
    _, (car, truck, _, _) = drive(client, world, "choices.log")
    world = client.reload_world(False)
    client.set_replayer_ignore_hero(True)
    client.replay_file("choices.log", 0.0, 0.0, truck.id, False)
    world.tick()
    assert [actor.type_id for actor in world.get_actors().filter("vehicle.*")] == ["vehicle.carlamotors.firetruck"]
    camera = world.get_spectator().get_transform()
    pose = world.get_actor(truck.id).get_transform()
    behind = pose.transform(carla.Location(-10, 0, 5))
    assert camera.location.distance(behind) < 0.01
    assert camera.rotation.pitch == pytest.approx(pose.rotation.pitch - 25.0, abs=0.1)
    client.set_replayer_ignore_hero(False)
    world = client.reload_world(False)
    client.replay_file("choices.log", 0.0, 0.0, 0, True)
    world.tick()
    (imu,) = world.get_actors().filter("sensor.other.imu")
    assert imu.parent.id == car.id
    mount = world.get_actor(car.id).get_transform().transform(carla.Location(1, 0, 2))
    assert imu.get_transform().location.distance(mount) < 0.01


def test_stopping_a_replay_keeps_or_removes_its_actors(recorded):
    client, world = recorded
    drive(client, world, "stopped.log")
    for keep, count in ((True, 2), (False, 0)):
        world = client.reload_world(False)
        client.replay_file("stopped.log", 0.0, 0.0, 0)
        world.tick()
        client.stop_replayer(keep)
        world.tick()
        assert len(world.get_actors().filter("vehicle.*")) == count


def test_a_replay_moves_actors_that_are_there_still_instead_of_doubling_them(recorded):
    client, world = recorded
    seen, _ = drive(client, world, "there.log")
    before = {actor.id: actor.type_id for actor in world.get_actors()}
    client.replay_file("there.log", 0.0, 0.0, 0, False)
    world.tick()
    assert {actor.id: actor.type_id for actor in world.get_actors()}.items() >= before.items()
    assert len(world.get_actors().filter("vehicle.*")) == len(
        [i for i in before.values() if i.startswith("vehicle.")]
    )
    moved, last = states(world), seen[-1]
    assert all(moved[actor_id] != pytest.approx(last[actor_id], abs=0.5) for actor_id in last if actor_id in seen[0])
    client.stop_replayer(False)
    world.tick()
    assert {actor.id: actor.type_id for actor in world.get_actors()}.items() >= before.items()


def test_the_file_info_is_the_text_that_metrics_tools_parse(recorded):
    client, world = recorded
    seen, (car, truck, walker, imu) = drive(client, world, "info.log", True)
    text = client.show_recorder_file_info("info.log", True)
    head, *frames = text.split("Frame ")
    assert head.splitlines()[:2] == ["Version: 1", "Map: TownGrid"]
    assert len(frames) == TICKS
    assert text.endswith(f"\n\nFrames: {TICKS}\nDuration: {(TICKS - 1) * 0.05:g} seconds\n")
    first = frames[0].splitlines()
    assert first[0] == "1 at 0 seconds"
    assert f" Create {car.id}: vehicle.tesla.model3 (1) at " in frames[0]
    assert "  role_name = hero" in first
    assert f" Parenting {imu.id} with {car.id} (parent)" in first
    titles = [line.split(":")[0] for line in first if line.startswith(" ") and line[1] != " " and ": " in line]
    assert [title for title in titles if not title.startswith(" Create")] == [
        " Positions",
        " State traffic lights",
        " Vehicle animations",
        " Walker animations",
        " Vehicle light animations",
        " Scene light changes",
        " Dynamic actors",
        " Actor bounding boxes",
        " Actor trigger volumes",
        " Current platform time",
        " Physics Control events",
        " Traffic Light time events",
        " Weathers",
    ]
    x, y, z, pitch, yaw, roll = seen[9][car.id][:6]
    wanted = [f"{np.float32(value):g}" for value in (*np.float32([x, y, z]) * np.float32(100), roll, pitch, yaw)]
    place = f"  Id: {car.id} Location: ({', '.join(wanted[:3])}) Rotation: ({', '.join(wanted[3:])})"
    assert place in frames[9].splitlines()
    assert f"  Id: {car.id} Steering: 0.1 Throttle: 0.7 Brake: 0 Handbrake: 0 Gear: " in frames[9]
    assert f"  Id: {walker.id} speed: 1.5" in frames[9].splitlines()
    assert f"  Id: {truck.id} None" in frames[9].splitlines()
    short = client.show_recorder_file_info("info.log", False)
    assert "Positions" not in short
    assert short.count("Frame ") == 3  # the beginning, and the guest's coming and going
    assert " Destroy " in short


def test_collisions_and_waiting_actors_are_listed(recorded):
    client, world = recorded
    library = world.get_blueprint_library()
    points = world.get_map().get_spawn_points()
    hero = library.find("vehicle.tesla.model3")
    hero.set_attribute("role_name", "hero")
    car = world.spawn_actor(hero, points[0])
    ahead = points[0]
    ahead.location += points[0].get_forward_vector() * 12.0
    target = world.spawn_actor(library.find("vehicle.audi.tt"), ahead)
    world.tick()
    client.start_recorder("crash.log")
    for _ in range(100):
        car.apply_control(carla.VehicleControl(throttle=1.0))
        world.tick()
    client.stop_recorder()
    crashes = client.show_recorder_collisions("crash.log", "h", "v").splitlines()
    assert crashes[4].split() == ["Time", "Types", "Id", "Actor", "1", "Id", "Actor", "2"]
    assert crashes[5].split()[1:] == [
        "v",
        "v",
        str(car.id),
        "vehicle.tesla.model3",
        str(target.id),
        "vehicle.audi.tt",
    ]
    assert client.show_recorder_collisions("crash.log", "w", "a").splitlines()[5] == ""
    waiting = client.show_recorder_actors_blocked("crash.log", 1.0, 10.0).splitlines()
    assert waiting[4].split() == ["Time", "Id", "Actor", "Duration"]
    assert any(line.split()[1:3] == [str(target.id), "vehicle.audi.tt"] for line in waiting[5:])
    with pytest.raises(RuntimeError, match="category is 'q'"):
        client.show_recorder_collisions("crash.log", "q", "a")


def test_files_outside_the_folder_are_refused_and_absolute_paths_inside_it_are_taken(recorded, folder):
    client, world = recorded
    for name in ("../elsewhere.log", str(folder.parent / "elsewhere.log"), "", "a/../../b.log"):
        with pytest.raises(RuntimeError, match="recording"):
            client.start_recorder(name)
    (folder / "notes.txt").write_text("not yours")
    with pytest.raises(RuntimeError, match="is no recording; it is not overwritten"):
        client.start_recorder("notes.txt")
    with pytest.raises(RuntimeError, match="No such file"):
        client.replay_file("missing.log", 0.0, 0.0, 0)
    assert client.start_recorder(str(folder / "absolute.log")) == str(folder / "absolute.log")
    world.tick()
    client.stop_recorder()
    assert "Frames: 1" in client.show_recorder_file_info("absolute.log", False)


def test_a_damaged_file_is_refused_with_the_byte_and_the_server_lives_on(recorded, folder):
    client, world = recorded
    drive(client, world, "whole.log")
    data = (folder / "whole.log").read_bytes()
    for at in (len(data) // 3, len(data) - 7):
        (folder / "short.log").write_bytes(data[:at])
        with pytest.raises(RuntimeError, match=r"damaged at byte \d+"):
            client.replay_file("short.log", 0.0, 0.0, 0)
    for at in np.random.default_rng(1).integers(20, len(data), 30):
        broken = bytearray(data)
        broken[at] ^= 0x55
        (folder / "broken.log").write_bytes(broken)
        with pytest.raises(RuntimeError, match=r"damaged at byte \d+|cannot be loaded|not a CARLA recording"):
            client.replay_file("broken.log", 0.0, 0.0, 0)
    assert world.tick()


def test_a_server_that_is_told_to_end_finishes_its_recording(fresh_server, tmp_path):
    server = fresh_server(
        "--no-rendering", "--synchronous", "--fixed-delta-s", "0.05", "--recorder-dir", str(tmp_path)
    )
    client = server.client()
    world = client.get_world()
    client.start_recorder("last.log")
    for _ in range(5):
        world.tick()
    server.process.send_signal(signal.SIGTERM)
    assert server.process.wait(20) == 0
    assert len(Recording(tmp_path / "last.log")) == 5


def test_recording_ends_when_the_disk_is_full_and_what_was_written_can_be_played(recorded, folder, recording_server):
    client, world = recorded
    pid = recording_server.process.pid
    unlimited = resource.prlimit(pid, resource.RLIMIT_FSIZE)
    resource.prlimit(pid, resource.RLIMIT_FSIZE, (40_000, unlimited[1]))
    try:
        drive(client, world, "full.log")
    finally:
        resource.prlimit(pid, resource.RLIMIT_FSIZE, unlimited)
    assert 20_000 < (folder / "full.log").stat().st_size <= 40_000
    frames = int(client.show_recorder_file_info("full.log", False).rsplit("Frames: ", 1)[1].split()[0])
    assert 0 < frames < TICKS
    assert "Replaying from 0 s" in client.replay_file("full.log", 0.0, 0.0, 0)
    world.tick()


def test_packets_have_the_layout_of_carlas_recorder(recorded, folder):
    client, world = recorded
    drive(client, world, "layout.log", True)
    data = (folder / "layout.log").read_bytes()
    assert data[:18] == b"\x01\x00\x0e\x00CARLA_RECORDER"
    assert data[26:36] == b"\x08\x00TownGrid"
    at, packets, record_bytes = 36, [], {}
    while at < len(data):
        packet, size = struct.unpack_from("<BI", data, at)
        packets.append(packet)
        if packet in (6, 7, 8, 9, 10, 12, 13, 16, 17):
            (count,) = struct.unpack_from("<H", data, at + 5)
            if count:
                record_bytes[packet] = (size - 2) / count
        at += 5 + size
    assert at == len(data)
    assert packets.count(0) == packets.count(1) == TICKS
    # as measured in recordings of a real server; 9 and 17 by CARLA's sources
    assert record_bytes == {6: 28, 7: 10, 8: 21, 9: 8, 10: 8, 12: 28, 13: 28, 16: 16, 17: 28}
    assert struct.unpack_from("<Qdd", data, 41) == (1, 0.05, 0.0)
