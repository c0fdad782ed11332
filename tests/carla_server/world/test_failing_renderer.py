"""A renderer whose driver fails in a running world."""

import socket
import struct
import threading

import msgpack
import pytest

from carla_server.api.procedures import PROCEDURES
from carla_server.api.simulator import Simulator
from carla_server.api.table import Dispatcher
from carla_server.net import Server
from carla_server.render.failure import DrawingFailed
from carla_server.wire.structs import ActorDescription, EpisodeSettings, InvalidArgument
from carla_server.world.world import World
from tests.carla_server.world.conftest import PaintedRenderer

HERE = (0.0, 0.0, 2.0, 0.0, 0.0, 0.0)
SIZE = (("image_size_x", 0, "8"), ("image_size_y", 0, "4"))
CAMERA = ActorDescription(0, "sensor.camera.semantic_segmentation", SIZE)
GNSS = ActorDescription(0, "sensor.other.gnss", ())


class FailingRenderer(PaintedRenderer):
    """Draws well until its driver fails."""

    fails = False

    def render(self, *arguments, **named):
        if self.fails:
            raise DrawingFailed("Fake GPU: GL_CONTEXT_LOST while drawing")
        return super().render(*arguments, **named)


@pytest.fixture
def opened():
    return []


@pytest.fixture
def world(tiny_town, opened):
    def open_renderer(town):
        if len(opened) == 2:
            raise RuntimeError("no OpenGL left")
        opened.append(FailingRenderer(town))
        return opened[-1]

    return World(tiny_town, seed=1, open_renderer=open_renderer)


def test_a_tick_whose_renderer_fails_draws_the_same_picture_with_a_new_one(world, opened):
    camera = world.spawn(CAMERA, HERE)
    before = world.tick(0.05, {camera.stream_id}).measurements[0][1][1:]
    opened[0].fails = True
    output = world.tick(0.05, {camera.stream_id})
    assert output.measurements[0][1][1:] == before
    assert output.failure == ""
    assert opened[0].closed
    assert opened[1].actors.tolist() == opened[0].actors.tolist()
    assert opened[1].light_ids == opened[0].light_ids
    world.tick(0.05, {camera.stream_id})
    assert len(opened) == 2


def test_if_no_new_renderer_opens_ticks_go_on_without_cameras_and_say_why(world, opened):
    camera, gnss = world.spawn(CAMERA, HERE), world.spawn(GNSS, HERE)
    world.tick(0.05, {camera.stream_id})
    for renderer in range(2):
        opened[renderer].fails = True
        output = world.tick(0.05, {camera.stream_id, gnss.stream_id})
    for _ in range(2):
        assert [stream for stream, _ in output.measurements] == [gnss.stream_id]
        assert "GL_CONTEXT_LOST" in output.failure
        assert "no OpenGL left" in output.failure
        assert "restart the server" in output.failure
        frame = world.frame
        output = world.tick(0.05, {camera.stream_id, gnss.stream_id})
        assert world.frame == frame + 1
    assert world.tick(0.05, {gnss.stream_id}).failure == ""


def test_a_new_camera_after_the_failure_tries_the_driver_again(world, opened):
    camera = world.spawn(CAMERA, HERE)
    for renderer in range(2):
        opened[renderer].fails = True
        output = world.tick(0.05, {camera.stream_id})
    assert output.failure
    with pytest.raises(InvalidArgument, match="no OpenGL left"):
        world.spawn(CAMERA, HERE)
    opened.clear()  # the driver is back
    second = world.spawn(CAMERA, HERE)
    output = world.tick(0.05, {camera.stream_id, second.stream_id})
    assert output.failure == ""
    assert len(output.measurements) == 2


class Peer:
    """A client's connection for calls."""

    def __init__(self, server):
        self.sock = socket.create_connection(("127.0.0.1", server.rpc_port), 20.0)
        self.unpacker = msgpack.Unpacker(raw=False)

    def call(self, name):
        self.sock.sendall(msgpack.packb([0, 1, name, [[False]]]))
        while True:
            for message in self.unpacker:
                return message[3]
            self.unpacker.feed(self.sock.recv(1 << 16))


def test_the_client_that_ticks_reads_the_cause_and_another_one_goes_on(world, opened):
    world.settings = EpisodeSettings(synchronous_mode=True, fixed_delta_s=0.05)
    camera = world.spawn(CAMERA, HERE)
    opened[0].fails = True
    opened.append(opened[0])  # no second one will open
    server = Server("127.0.0.1", 0, 0, while_loading=lambda request: (None, "loading"))
    simulator = Simulator(world, None, server.streaming_port)
    server.start(simulator, Dispatcher(PROCEDURES, simulator, server.tick))
    thread = threading.Thread(target=server.run)
    thread.start()
    try:
        watcher = socket.create_connection(("127.0.0.1", server.streaming_port), 20.0)
        watcher.sendall(struct.pack("<I", camera.stream_id))
        first, second = Peer(server), Peer(server)
        told = ""
        for _ in range(200):  # until the server has read the subscription
            told = str(first.call("tick_cue"))
            if "GL_CONTEXT_LOST" in told:
                break
        assert "restart the server" in told
        watcher.close()
        frame = world.frame
        for _ in range(200):  # until the server has seen the watcher go
            told = str(second.call("tick_cue"))
            if "GL_CONTEXT_LOST" not in told:
                break
        assert "GL_CONTEXT_LOST" not in told
        assert world.frame > frame
    finally:
        server.stop()
        thread.join(20.0)
