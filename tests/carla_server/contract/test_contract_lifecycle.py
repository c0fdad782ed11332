"""Modes of time, several clients and servers, and how clients and servers end."""

import os
import queue
import signal
import socket
import struct
import subprocess
import sys
import time

import carla
import msgpack
import pytest

DELTA_S = 0.02


def read_on(reader):
    while True:
        reader.frame()


def test_asynchronous_time_at_a_fixed_rate_does_not_run_ahead_of_the_clock(fresh_server):
    server = fresh_server("--no-rendering", "--fixed-delta-s", str(DELTA_S))
    world = server.client().get_world()
    began = world.wait_for_tick(20.0)
    began_s = time.monotonic()
    for _ in range(20):
        latest = world.wait_for_tick(20.0)
        assert latest.timestamp.delta_seconds == pytest.approx(DELTA_S)
    passed_s = time.monotonic() - began_s
    simulated_s = latest.timestamp.elapsed_seconds - began.timestamp.elapsed_seconds
    assert simulated_s >= 20 * DELTA_S - 1e-6
    assert simulated_s <= passed_s + 2 * DELTA_S


def test_a_tick_request_in_asynchronous_mode_leaves_time_alone(fresh_server, wire):
    server = fresh_server("--no-rendering")
    client = wire(server)  # nobody watches the world, so it stands still
    assert client.value("tick_cue") == client.value("tick_cue")


def test_on_tick_calls_back_with_every_frame_until_it_is_removed(world):
    frames = queue.Queue()
    number = world.on_tick(lambda snapshot: frames.put(snapshot.frame))
    wanted = [world.tick() for _ in range(20)]
    assert [frames.get(timeout=20.0) for _ in wanted] == wanted
    world.remove_on_tick(number)
    world.tick()
    with pytest.raises(queue.Empty):
        frames.get(timeout=0.2)


def test_one_sensor_is_heard_by_several_clients(server, world):
    gnss = world.spawn_actor(world.get_blueprint_library().find("sensor.other.gnss"), carla.Transform())
    world.tick()
    heard = []
    for _ in range(3):
        other = server.client().get_world()
        measured = queue.Queue()
        sensor = other.get_actor(gnss.id)
        sensor.listen(measured.put)
        heard.append((sensor, measured, other))
    frame = world.tick()
    assert [measured.get(timeout=20.0).frame for _, measured, _ in heard] == [frame] * 3
    for sensor, _, _ in heard:
        sensor.stop()
    gnss.destroy()


def test_two_servers_on_one_machine_have_worlds_of_their_own(fresh_server):
    first, second = (fresh_server("--no-rendering", "--synchronous", "--fixed-delta-s", "0.05") for _ in range(2))
    worlds = [running.client().get_world() for running in (first, second)]
    frame = worlds[1].get_snapshot().frame
    for _ in range(5):
        worlds[0].tick()
    assert worlds[1].tick() == frame + 1
    library = worlds[0].get_blueprint_library()
    worlds[0].spawn_actor(library.find("vehicle.audi.tt"), worlds[0].get_map().get_spawn_points()[0])
    worlds[0].tick()
    assert not worlds[1].get_actors().filter("vehicle.*")


def test_a_server_without_rendering_refuses_cameras_and_serves_the_rest(fresh_server):
    world = fresh_server("--no-rendering").client().get_world()
    library = world.get_blueprint_library()
    with pytest.raises(RuntimeError, match="render"):
        world.spawn_actor(library.find("sensor.camera.rgb"), carla.Transform())
    assert world.spawn_actor(library.find("sensor.other.imu"), carla.Transform()).id


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_the_server_with_exit_code_0_while_clients_are_connected(fresh_server, subscribe, wire, number):
    server = fresh_server("--no-rendering")
    reader = subscribe(wire(server), 1)
    reader.frame()
    server.process.send_signal(number)
    assert server.process.wait(20) == 0
    with pytest.raises(ConnectionError):
        read_on(reader)
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", server.port), 5.0)


def test_a_client_that_dies_in_the_middle_of_a_batch_leaves_a_usable_server(server, world):
    commands = [[[1, [900_000 + number]]] for number in range(2000)]
    request = msgpack.packb([0, 1, "apply_batch", [[False], commands, True]])
    for length in (len(request) // 2, len(request) - 1, len(request)):
        peer = socket.create_connection(("127.0.0.1", server.port), 10.0)
        peer.sendall(request[:length])
        peer.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        peer.close()  # a reset, as from a killed process
    # The whole request asked for a tick too, which may come before, between or not at all.
    frames = [world.tick() for _ in range(3)]
    assert frames[0] < frames[1] < frames[2] <= frames[0] + 3


def test_a_client_that_dies_in_the_middle_of_a_frame_or_before_it_subscribes_leaves_a_usable_server(
    server, world, wire, subscribe
):
    library = world.get_blueprint_library()
    camera = library.find("sensor.camera.rgb")
    camera.set_attribute("image_size_x", "320")
    camera.set_attribute("image_size_y", "240")
    sensor = world.spawn_actor(camera, carla.Transform(carla.Location(z=30.0)))
    world.tick()
    client = wire(server)
    stream_id = next(
        struct.unpack_from("<I", actor[5])[0] for actor in client.value("get_actors_by_id", [sensor.id]) if actor[5]
    )
    reader = subscribe(client, stream_id)
    reader.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    world.tick()
    reader.sock.recv(1000)
    reader.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    reader.sock.close()
    client.value("get_sensor_token", stream_id)  # announced, and then nobody comes
    client.sock.close()
    frame = world.tick()
    assert [world.tick() for _ in range(3)] == [frame + 1, frame + 2, frame + 3]
    sensor.destroy()


def test_after_a_synchronous_client_was_killed_another_one_takes_over(fresh_server):
    server = fresh_server("--no-rendering")
    script = (
        "import carla\n"
        f"client = carla.Client('127.0.0.1', {server.port}); client.set_timeout(60)\n"
        "world = client.get_world()\n"
        "settings = world.get_settings()\n"
        "settings.synchronous_mode = True; settings.fixed_delta_seconds = 0.05\n"
        "world.apply_settings(settings)\n"
        "library = world.get_blueprint_library()\n"
        "world.spawn_actor(library.find('vehicle.audi.tt'), world.get_map().get_spawn_points()[0])\n"
        "print('here', flush=True)\n"
        "while True: world.tick()\n"
    )
    victim = subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, text=True)
    assert victim.stdout.readline().strip() == "here"
    os.kill(victim.pid, signal.SIGKILL)
    victim.wait()
    victim.stdout.close()
    client = server.client()
    world = client.get_world()
    assert world.get_settings().synchronous_mode
    frame = world.tick()
    assert world.tick() == frame + 1
    assert len(world.get_actors().filter("vehicle.*")) == 1
    world = client.reload_world()
    assert not world.get_settings().synchronous_mode
    assert world.wait_for_tick(20.0).frame > frame
