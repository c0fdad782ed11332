"""A client of the wire protocol that shows raw bytes, for what the real client hides."""

from __future__ import annotations

import queue
import socket
import struct
from collections.abc import Callable, Iterator
from typing import Any

import msgpack
import pytest

_TIMEOUT_S = 30.0


class WireClient:
    """One connection for remote calls, blocking."""

    def __init__(self, port: int) -> None:
        self.sock = socket.create_connection(("127.0.0.1", port), _TIMEOUT_S)
        self._unpacker = msgpack.Unpacker(raw=False, max_buffer_size=1 << 28)
        self._number = 0

    def call(self, name: str, *arguments: Any) -> Any:
        """Call and return the bare result (still wrapped as the server sent it); raises on the error slot."""
        self._number += 1
        self.sock.sendall(msgpack.packb([0, self._number, name, [[False], *arguments]]))
        _, number, error, result = self.reply()
        assert number == self._number
        if error is not None:
            raise LookupError(error)
        return result

    def value(self, name: str, *arguments: Any) -> Any:
        """Call and unwrap a `Response<T>`."""
        ok, value = self.call(name, *arguments)[0]
        assert ok == 1, value
        return value

    def reply(self) -> list:
        """The next reply on this connection."""
        while True:
            for message in self._unpacker:
                return message
            data = self.sock.recv(1 << 18)
            if not data:
                raise ConnectionError("the server closed the connection")
            self._unpacker.feed(data)


class StreamReader:
    """One subscription, blocking."""

    def __init__(self, client: WireClient, stream_id: int) -> None:
        token = client.value("get_sensor_token", stream_id)[0]
        number, port = struct.unpack_from("<IH", token)
        assert number == stream_id
        self.sock = socket.create_connection(("127.0.0.1", port), _TIMEOUT_S)
        self.sock.sendall(struct.pack("<I", stream_id))

    def frame(self) -> bytes:
        """Payload of the next frame."""
        (size,) = struct.unpack("<I", self._exactly(4))
        return self._exactly(size)

    def _exactly(self, count: int) -> bytes:
        data = bytearray()
        while len(data) < count:
            piece = self.sock.recv(min(count - len(data), 1 << 20))
            if not piece:
                raise ConnectionError("the stream ended")
            data += piece
        return bytes(data)


@pytest.fixture
def wire() -> Iterator[Callable[..., WireClient]]:
    """Opens raw connections to a server; they close with the test."""
    opened: list[WireClient] = []

    def connect(server: Any) -> WireClient:
        opened.append(WireClient(server.port))
        return opened[-1]

    yield connect
    for client in opened:
        client.sock.close()


@pytest.fixture
def subscribe() -> Iterator[Callable[..., StreamReader]]:
    """Opens raw subscriptions; they close with the test."""
    opened: list[StreamReader] = []

    def open_stream(client: WireClient, stream_id: int) -> StreamReader:
        opened.append(StreamReader(client, stream_id))
        return opened[-1]

    yield open_stream
    for reader in opened:
        reader.sock.close()


@pytest.fixture
def listen(world):
    """Spawns sensors and returns the queue of what each sends; they end with the test."""
    alive = []

    def start(type_id, where, parent=None, **attributes):
        blueprint = world.get_blueprint_library().find(type_id)
        for name, value in attributes.items():
            blueprint.set_attribute(name, str(value))
        received = queue.Queue()
        sensor = world.spawn_actor(blueprint, where, attach_to=parent)
        alive.append(sensor)
        sensor.listen(received.put)
        return received

    yield start
    for sensor in alive:
        sensor.stop()
        sensor.destroy()


@pytest.fixture
def road(world):
    """A spawn point's transform."""
    return world.get_map().get_spawn_points()[0]
