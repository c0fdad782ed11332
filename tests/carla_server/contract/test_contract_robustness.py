"""What broken, slow and hostile peers do, and that the others do not notice."""

import os
import signal
import socket
import struct
import subprocess
import sys
import time

import msgpack
import pytest


def test_garbage_closes_its_own_connection_and_nothing_else(server, world):
    declared = (b"\xdd\xff\xff\xff\xff", b"\xdf\xff\xff\xff\xff")
    huge = [b"\x94\x00\x01\xa7version" + header for header in declared]
    for garbage in (
        *huge,
        b"GET / HTTP/1.1\r\n\r\n",
        b"\xc1" * 64,
        msgpack.packb([1, 2, 3]),
        b"\x91" * 5000 + b"\x00",
    ):
        peer = socket.create_connection(("127.0.0.1", server.port), 10.0)
        peer.sendall(garbage)
        assert peer.recv(1024) == b""
        peer.close()
        world.tick()


@pytest.mark.parametrize("levels", [200, 5_000, 1_000_000])
def test_deep_nesting_is_refused_or_ends_its_own_connection_and_nothing_else(server, world, levels):
    head = msgpack.packb([0, 1, "get_actors_by_id"])[1:]
    nested = b"\x94" + head + b"\x92" + msgpack.packb([False]) + b"\x91" * levels + b"\x90"
    with socket.create_connection(("127.0.0.1", server.port), 20.0) as peer:
        try:
            peer.sendall(nested)
            data = peer.recv(4096)
        except ConnectionError:
            data = b""
    if data:
        answer = msgpack.unpackb(data)
        assert answer[2] is None
        assert answer[3][0][0] == 0
    assert world.tick() > 0


def test_an_unknown_procedure_is_answered_in_the_error_slot(server, wire):
    with pytest.raises(LookupError, match="could not find function 'fly_to_the_moon'"):
        wire(server).call("fly_to_the_moon", 1)


@pytest.mark.parametrize(
    ("name", "arguments", "told"),
    [
        ("destroy_actor", (987654,), "987654"),
        ("destroy_actor", ("seven",), "seven"),
        ("get_actors_by_id", (5,), "actor ids"),
        ("set_episode_settings", ([],), "episode settings"),
        ("spawn_actor", (1,), "takes 2 arguments"),
        ("set_weather_parameters", ([1.0],), "14"),
        ("set_traffic_light_state", (1, 9), "9"),
        ("request_file", ("../../etc/passwd",), "passwd"),
        ("get_sensor_token", (4_000_000,), "4000000"),
        ("start_recorder", ("../a.log", True), "outside the folder"),
        ("apply_batch", ([[]], False), "command"),
        ("copy_opendrive_to_file", (7, []), "OpenDRIVE"),
    ],
)
def test_wrong_arguments_are_answered_with_what_is_wrong(server, wire, name, arguments, told):
    answer = str(wire(server).call(name, *arguments))
    assert told in answer
    assert "internal error" not in answer


def test_a_map_is_loaded_only_after_a_new_traffic_manager_s_first_questions(server, world, wire):
    client = wire(server)
    client.value("add_traffic_manager_running", ["127.0.0.1", 54321])
    try:
        calls = [(901, "load_new_episode", ["", False, 0]), (902, "version", [])]
        client.sock.sendall(b"".join(msgpack.packb([0, n, name, [[False], *rest]]) for n, name, rest in calls))
        assert [client.reply()[1], client.reply()[1]] == [902, 901], "what is asked meanwhile is answered first"
    finally:
        client.value("destroy_traffic_manager", 54321)


NOT_A_NUMBER = float("nan")


@pytest.mark.parametrize(
    ("name", "arguments", "told"),
    [
        ("set_actor_transform", ([[NOT_A_NUMBER, 0.0, 0.0], [0.0, 0.0, 0.0]],), "nan"),
        ("set_actor_transform", ([[0.0, 0.0, 0.0], [0.0, float("inf"), 0.0]],), "inf"),
        ("set_actor_location", ([1e30, 0.0, 0.0],), "1e+30"),
        ("set_actor_target_velocity", ([0.0, NOT_A_NUMBER, 0.0],), "nan"),
        ("add_actor_force", ([0.0, 0.0, NOT_A_NUMBER],), "nan"),
        ("apply_control_to_vehicle", ([NOT_A_NUMBER, 0.0, 0.0, False, False, False, 0],), "nan"),
        ("apply_physics_control", ([[]],), "physics control"),
    ],
)
def test_numbers_that_are_none_are_refused_by_value_and_the_actor_stays_where_it_is(
    server, world, wire, name, arguments, told
):
    library = world.get_blueprint_library()
    car = world.spawn_actor(library.find("vehicle.audi.tt"), world.get_map().get_spawn_points()[0])
    world.tick()
    before = car.get_location()
    answer = str(wire(server).call(name, car.id, *arguments))
    assert told in answer
    assert "internal error" not in answer
    world.tick()
    assert car.get_location().distance(before) < 0.5


def test_destroying_twice_is_refused_with_the_id_and_in_a_batch_too(server, world, wire):
    library = world.get_blueprint_library()
    car = world.spawn_actor(library.find("vehicle.audi.tt"), world.get_map().get_spawn_points()[0])
    world.tick()
    client = wire(server)
    assert client.value("destroy_actor", car.id) is True
    assert f"no actor with id {car.id}" in str(client.call("destroy_actor", car.id))
    (answer,) = client.call("apply_batch", [[[1, [car.id]]]], False)
    assert f"no actor with id {car.id}" in str(answer)


def test_what_one_client_says_about_an_attributes_type_does_not_reach_the_others(server, world, wire):
    client = wire(server)
    place = client.value("get_map_info")[1][0]
    attributes = [
        ["color", 1, "255,0,0"],
        ["number_of_wheels", 77, "4"],
        ["role_name", 1, "hero"],
        ["of_mine", 1, "x"],
    ]
    car = client.value("spawn_actor", [0, "vehicle.audi.tt", attributes], place)[0]
    world.tick()
    seen = {actor.id: actor.attributes for actor in world.get_actors().filter("vehicle.*")}
    assert seen[car]["role_name"] == "hero"
    assert seen[car]["number_of_wheels"] == "4"
    for name, value in (("color", "red"), ("has_lights", "perhaps"), ("number_of_wheels", "four")):
        answer = client.call("spawn_actor", [0, "vehicle.audi.tt", [[name, 4, value]]], place)
        assert f"attribute {name} is '{value}'" in str(answer)


def test_an_xml_bomb_is_refused_and_the_server_lives_on(server, world, wire):
    entities = '<!ENTITY a "aaaaaaaaaa"><!ENTITY c "&a;&a;&a;">'
    bomb = f'<?xml version="1.0"?><!DOCTYPE b [{entities}]><OpenDRIVE>&c;</OpenDRIVE>'
    client = wire(server)
    client.call("copy_opendrive_to_file", bomb, [2.0, 50.0, 1.0, 0.6, True, True, True])
    answer = client.call("load_new_episode", "OpenDriveMap", True, 65535)
    assert answer[0][0] is True
    world.tick()


def test_a_reader_that_never_reads_does_not_stop_the_others(server, world, wire, subscribe):
    subscribe(wire(server), 1)
    idle = [socket.create_connection(("127.0.0.1", server.streaming_port), 10.0) for _ in range(20)]
    for sock in idle[:10]:
        sock.sendall(b"\x01")
    first = world.tick()
    assert [world.tick() for _ in range(200)] == list(range(first + 1, first + 201))
    for sock in idle:
        sock.close()


def test_a_subscriber_that_says_too_much_is_closed(server):
    peer = socket.create_connection(("127.0.0.1", server.streaming_port), 10.0)
    peer.sendall(struct.pack("<II", 1, 1))
    assert peer.recv(1024) == b""
    peer.close()


def test_a_killed_client_leaves_a_usable_server(server, world):
    script = (
        "import carla, sys, queue\n"
        f"client = carla.Client('127.0.0.1', {server.port}); client.set_timeout(60)\n"
        "world = client.get_world()\n"
        "imu = world.spawn_actor(world.get_blueprint_library().find('sensor.other.imu'), carla.Transform())\n"
        "imu.listen(lambda data: None)\n"
        "print('here', flush=True)\n"
        "while True: world.tick()\n"
    )
    victim = subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, text=True)
    assert victim.stdout.readline().strip() == "here"
    time.sleep(0.2)
    victim.kill()
    victim.wait()
    victim.stdout.close()
    frame = world.tick()
    assert world.tick() == frame + 1


def test_the_server_listens_on_loopback_only(server):
    pid = str(server.process.pid)
    inodes = set()
    for entry in os.scandir(f"/proc/{pid}/fd"):
        target = os.readlink(entry.path)
        if target.startswith("socket:["):
            inodes.add(target[8:-1])
    with open("/proc/net/tcp") as table:
        rows = [line.split() for line in table.readlines()[1:]]
    listening = [row[1] for row in rows if row[9] in inodes and row[3] == "0A"]
    assert len(listening) == 2
    assert all(address.startswith("0100007F:") for address in listening)


def test_a_used_port_ends_with_exit_code_2_and_says_so(server):
    done = subprocess.run(
        [sys.executable, "-m", "carla_server", "--port", str(server.port)], capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 2
    assert str(server.port) in done.stderr


def test_an_unknown_first_map_ends_with_exit_code_3_and_the_names_of_those_that_exist():
    done = subprocess.run(
        [sys.executable, "-m", "carla_server", "--port", "0", "--map", "Atlantis"],
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 3
    assert "TownGrid" in done.stderr


def test_while_loading_the_server_gives_its_version_and_says_that_it_loads(wire):
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    command = [sys.executable, "-m", "carla_server", "--port", str(port), "--exit-with-parent"]
    process = subprocess.Popen(
        [*command, "--streaming-port", "0", "--no-rendering"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        answers = set()
        for _ in range(600):
            try:
                peer = socket.create_connection(("127.0.0.1", port), 5.0)
                break
            except ConnectionRefusedError:
                time.sleep(0.02)
        unpacker = msgpack.Unpacker(raw=False)
        for name in ("version", "get_episode_info"):
            peer.sendall(msgpack.packb([0, 1, name, [[False]]]))
            unpacker.feed(peer.recv(4096))
            answers.add(str(unpacker.unpack()[3]))
        peer.close()
        assert any("0.9.16" in answer for answer in answers)
        assert any("still loading map TownGrid" in answer for answer in answers)
        assert "ready" in process.stdout.readline()
        process.send_signal(signal.SIGTERM)
        assert process.wait(20) == 0
    finally:
        process.kill()
        process.wait()
        process.stdin.close()
        process.stdout.close()


def test_our_agents_can_tell_this_server_from_a_real_one(server, wire):
    found = wire(server).value("syndiff.capabilities")
    assert found["server"] == "carla_server"
    assert found["version"] == "0.9.16"
    assert isinstance(found["extensions"], list)
