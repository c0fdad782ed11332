"""The four ways a connection can fail are told apart, and a good server is recognised."""

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import msgpack
import pytest

from carla_agents.simulator.errors import NotACarlaServer, NothingListens, StillLoading, VersionDiffers
from carla_agents.simulator.probe import ServerInfo, probe

Answer = Callable[[bytes, msgpack.Unpacker], list[bytes]]


@contextmanager
def peer(answer: Answer) -> Iterator[int]:
    """A listener that hands every received chunk to `answer` and sends what it returns."""
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def serve() -> None:
            connection, _ = listener.accept()
            with connection:
                unpacker = msgpack.Unpacker()
                while data := connection.recv(65536):
                    for reply in answer(data, unpacker):
                        connection.sendall(reply)

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        yield listener.getsockname()[1]
        thread.join(2.0)


def carla_like(functions: dict[str, Any]) -> Answer:
    def answer(data: bytes, unpacker: msgpack.Unpacker) -> list[bytes]:
        unpacker.feed(data)
        replies = []
        for _, identity, name, _ in unpacker:
            if name in functions:
                replies.append(msgpack.packb([1, identity, None, functions[name]]))
            else:
                replies.append(msgpack.packb([1, identity, f"could not find function '{name}'", None]))
        return replies

    return answer


EPISODE = [[1, [7, [b"\0" * 24]]]]


def test_a_closed_port_says_that_nothing_listens() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    with pytest.raises(NothingListens, match="nothing listens"):
        probe("127.0.0.1", port, 1.0)


def test_a_web_server_is_not_a_carla_server() -> None:
    with (
        peer(lambda data, _: [b"HTTP/1.1 400 Bad Request\r\n\r\n"]) as port,
        pytest.raises(NotACarlaServer, match="not MessagePack-RPC"),
    ):
        probe("127.0.0.1", port, 1.0)


def test_a_silent_peer_is_not_a_carla_server() -> None:
    with peer(lambda data, _: []) as port, pytest.raises(NotACarlaServer, match="does not answer"):
        probe("127.0.0.1", port, 0.2)


def test_another_version_is_named_with_both_versions() -> None:
    with (
        peer(carla_like({"version": [[1, "0.9.13"]]})) as port,
        pytest.raises(VersionDiffers, match=r"0\.9\.13.*0\.9\.16"),
    ):
        probe("127.0.0.1", port, 1.0)


def test_a_loading_server_is_told_apart_from_a_broken_one() -> None:
    functions = {"version": [[1, "0.9.16"]], "get_episode_info": [[0, ["still loading map TownGrid"]]]}
    with peer(carla_like(functions)) as port, pytest.raises(StillLoading, match="still loading map TownGrid"):
        probe("127.0.0.1", port, 1.0)


def test_a_plain_carla_server_has_no_extensions() -> None:
    functions = {"version": [[1, "0.9.16"]], "get_episode_info": EPISODE}
    with peer(carla_like(functions)) as port:
        found = probe("127.0.0.1", port, 1.0)
    assert found == ServerInfo("0.9.16")
    assert found.look == "carla-0.9.16"


def test_extensions_of_the_embedded_server_are_found() -> None:
    answer = {"server": "carla_server", "version": "1", "extensions": ["relight"], "style": "painted"}
    functions = {
        "version": [[1, "0.9.16"]],
        "get_episode_info": EPISODE,
        "syndiff.capabilities": [[1, answer]],
    }
    with peer(carla_like(functions)) as port:
        found = probe("127.0.0.1", port, 1.0)
    assert found == ServerInfo("0.9.16", True, ("relight",), "painted")
    assert found.look == "embedded/painted"
