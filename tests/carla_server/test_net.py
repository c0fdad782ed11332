"""The selector loop by itself: no world, only peers that misbehave."""

import socket
import threading

import msgpack
import pytest

from carla_server.net import PortInUse, Server
from carla_server.wire.limits import Limits


def long_answer(request):
    return "x" * 10_000, None


CALL = msgpack.packb([0, 1, "version", [[False]]])


@pytest.fixture
def start():
    """Runs servers whose every answer is 10 kB long; they end with the test."""
    running = []

    def run(**limits):
        server = Server("127.0.0.1", 0, 0, limits=Limits(**limits), while_loading=long_answer)
        thread = threading.Thread(target=server.run)
        thread.start()
        running.append((server, thread))
        return server

    yield run
    for server, thread in running:
        server.stop()
        thread.join(20.0)
        assert not thread.is_alive()


def connect(server):
    return socket.create_connection(("127.0.0.1", server.rpc_port), 20.0)


def ask(peer):
    peer.sendall(CALL)
    unpacker = msgpack.Unpacker(raw=False)
    while True:
        data = peer.recv(1 << 16)
        if not data:
            raise ConnectionError("closed")
        unpacker.feed(data)
        for message in unpacker:
            return message


def test_a_reader_that_leaves_too_much_unread_is_dropped_and_others_are_served(start):
    server = start(max_outbox_bytes=1 << 20)
    lazy, healthy = connect(server), connect(server)
    with lazy, healthy:
        dropped = False
        for _ in range(200):
            assert ask(healthy)[1] == 1
            try:
                lazy.sendall(CALL * 20)
            except ConnectionError:
                dropped = True
                break
        assert dropped
        assert ask(healthy)[3] == "x" * 10_000


def test_connections_beyond_the_limit_are_closed_at_once(start):
    server = start(max_connections=2)
    peers = [connect(server) for _ in range(3)]
    assert ask(peers[0])
    assert ask(peers[1])
    with pytest.raises(ConnectionError):
        ask(peers[2])
    for peer in peers:
        peer.close()


def test_replies_keep_the_order_of_the_requests(start):
    server = start()
    with connect(server) as peer:
        peer.sendall(b"".join(msgpack.packb([0, number, "version", [[False]]]) for number in range(50)))
        unpacker = msgpack.Unpacker(raw=False)
        numbers = []
        while len(numbers) < 50:
            unpacker.feed(peer.recv(1 << 16))
            numbers += [message[1] for message in unpacker]
    assert numbers == list(range(50))


def test_a_loop_that_has_ended_may_be_woken_and_stopped_once_more():
    server = Server("127.0.0.1", 0, 0, while_loading=long_answer)
    thread = threading.Thread(target=server.run)
    thread.start()
    server.stop()
    thread.join(20.0)
    assert not thread.is_alive()
    server.wake()
    server.stop()


def test_a_taken_port_is_named(start):
    server = start()
    with pytest.raises(PortInUse, match=str(server.rpc_port)):
        Server("127.0.0.1", server.rpc_port, 0, while_loading=lambda request: (None, None))


def test_limits_outside_their_range_are_refused_by_name():
    with pytest.raises(ValueError, match="max_request_bytes is 0"):
        Limits(max_request_bytes=0)


def test_idle_work_is_done_to_its_end_while_nobody_asks(start):
    left = [5]
    done = threading.Event()

    def step():
        left[0] -= 1
        if not left[0]:
            done.set()
        return left[0] > 0

    server = start()
    server.on_idle = step
    server.wake()
    assert done.wait(20.0)
    with connect(server) as peer:
        assert ask(peer)[1] == 1
    assert left == [0]
    assert server.on_idle is None


def test_idle_work_that_fails_ends_and_the_server_goes_on(start, capfd):
    server = start()
    failed = threading.Event()

    def step():
        failed.set()
        raise ValueError("a broken town")

    server.on_idle = step
    server.wake()
    assert failed.wait(20.0)
    with connect(server) as peer:
        assert ask(peer)[1] == 1
    assert server.on_idle is None
    assert "a broken town" in capfd.readouterr().err
