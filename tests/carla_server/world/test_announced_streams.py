"""Ticks wait for subscriptions that were announced, but not for clients that are gone."""

import socket
import struct
import threading

import msgpack
import pytest

from carla_server.api.procedures import PROCEDURES
from carla_server.api.simulator import Simulator
from carla_server.api.table import Dispatcher
from carla_server.net import Server
from carla_server.wire.structs import EpisodeSettings


@pytest.fixture
def served(make_world):
    """A tiny synchronous world behind real sockets in a thread of this process."""
    world = make_world()
    world.settings = EpisodeSettings(synchronous_mode=True, fixed_delta_s=0.05)
    server = Server("127.0.0.1", 0, 0, while_loading=lambda request: (None, "loading"))
    simulator = Simulator(world, None, server.streaming_port)
    server.start(simulator, Dispatcher(PROCEDURES, simulator, server.tick))
    thread = threading.Thread(target=server.run)
    thread.start()
    yield server, simulator
    server.stop()
    thread.join(20.0)


class Peer:
    def __init__(self, server):
        self.sock = socket.create_connection(("127.0.0.1", server.rpc_port), 20.0)
        self.unpacker = msgpack.Unpacker(raw=False)

    def call(self, name, *arguments):
        self.sock.sendall(msgpack.packb([0, 1, name, [[False], *arguments]]))
        while True:
            for message in self.unpacker:
                return message[3][0][1]
            self.unpacker.feed(self.sock.recv(1 << 16))


def subscribe(server, stream_id):
    sock = socket.create_connection(("127.0.0.1", server.streaming_port), 20.0)
    sock.sendall(struct.pack("<I", stream_id))
    return sock


def test_a_client_that_announces_a_stream_and_leaves_is_not_waited_for(served, capsys):
    server, simulator = served
    living, dying = Peer(server), Peer(server)
    dying.call("get_sensor_token", 1)
    dying.call("get_sensor_token", 1)
    assert simulator.announced[1] == 2
    dying.sock.close()
    assert living.call("tick_cue") == 1
    assert not simulator.announced
    assert "have not connected" not in capsys.readouterr().err
    living.sock.close()


def test_a_leaving_client_takes_only_its_own_announcements_along(served, capsys):
    server, simulator = served
    first, second = Peer(server), Peer(server)
    first.call("get_sensor_token", 1)
    heard = subscribe(server, 1)
    second.call("get_sensor_token", 1)
    while simulator.announced[1] != 1:  # the subscription is on its way through another socket
        second.call("version")
    first.sock.close()
    second.call("version")
    assert simulator.announced[1] == 1
    late = subscribe(server, 1)
    assert second.call("tick_cue") == 1
    assert not simulator.announced
    assert "have not connected" not in capsys.readouterr().err
    for sock in (heard, late, second.sock):
        sock.close()
