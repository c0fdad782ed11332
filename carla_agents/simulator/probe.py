"""Asks an address, without the CARLA client, what listens there.

The client answers every fault with the same time-out; this probe speaks just enough MessagePack-RPC to tell four
cases apart. A request is `[0, id, name, [[wait], args...]]`, a reply `[1, id, error, result]` (CARLA's rpclib).
"""

from __future__ import annotations

import socket
from dataclasses import dataclass
from importlib.metadata import version as installed_version
from typing import Any

import msgpack

from carla_agents.simulator.errors import NotACarlaServer, NothingListens, StillLoading, VersionDiffers

MAX_REPLY_BYTES = 1 << 20


class RpcError(RuntimeError):
    """The server answered a call with an error; the text is the server's."""


class RpcConnection:
    """One blocking MessagePack-RPC connection, for the few calls that the CARLA client does not know."""

    def __init__(self, host: str, port: int, timeout_s: float) -> None:
        self._address = f"{host}:{port}"
        self._next_id = 1
        self._unpacker = msgpack.Unpacker(raw=False, strict_map_key=False, max_buffer_size=MAX_REPLY_BYTES)
        try:
            self._socket = socket.create_connection((host, port), timeout=timeout_s)
        except OSError as error:
            raise NothingListens(
                f"nothing listens at {self._address} ({error}); start a server there, give another --host/--port, "
                "or leave the address out to use the embedded server"
            ) from error
        self._socket.settimeout(timeout_s)

    def call(self, name: str, *arguments: Any) -> Any:
        """Calls a server function and unwraps CARLA's `Response`.

        Raises:
            RpcError: the server refused the call or does not know the function.
            NotACarlaServer: the peer closed the connection, stayed silent or sent something else.
        """
        identity, self._next_id = self._next_id, self._next_id + 1
        try:
            self._socket.sendall(msgpack.packb([0, identity, name, [[False], *arguments]]))
            reply = self._receive()
        except (OSError, ValueError, msgpack.exceptions.UnpackException) as error:
            raise NotACarlaServer(
                f"something listens at {self._address} but does not answer like a CARLA server "
                f"({type(error).__name__}: {error}); check the port (CARLA's RPC port is 2000 by default), "
                "or wait and retry if a CARLA server is just starting there"
            ) from error
        if not (isinstance(reply, list) and len(reply) == 4 and reply[0] == 1):
            raise NotACarlaServer(
                f"something listens at {self._address} but its reply is not MessagePack-RPC: {str(reply)[:60]!r}; "
                "check the port (CARLA's RPC port is 2000 by default)"
            )
        if reply[2] is not None:
            raise RpcError(str(reply[2]))
        return _unwrap_response(reply[3])

    def close(self) -> None:
        self._socket.close()

    def _receive(self) -> Any:
        while True:
            try:
                return next(self._unpacker)
            except StopIteration:
                data = self._socket.recv(65536)
                if not data:
                    raise ValueError("the peer closed the connection") from None
                self._unpacker.feed(data)


@dataclass(frozen=True)
class ServerInfo:
    """What a server says of itself.

    Attributes:
        version: of CARLA.
        is_ours: it is this project's `carla_server`, not CARLA itself.
        extensions: names of its services beyond CARLA's; empty for CARLA itself.
    """

    version: str
    is_ours: bool = False
    extensions: tuple[str, ...] = ()


def probe(host: str, port: int, timeout_s: float = 5.0) -> ServerInfo:
    """Makes sure that a usable CARLA server listens, and asks what it is.

    Raises:
        NothingListens, NotACarlaServer, VersionDiffers, StillLoading: the four ways this can fail.
    """
    connection = RpcConnection(host, port, timeout_s)
    try:
        try:
            server_version = str(connection.call("version"))
        except RpcError as error:
            raise NotACarlaServer(
                f"something listens at {host}:{port} that speaks MessagePack-RPC but has no CARLA version ({error})"
            ) from error
        client_version = installed_version("carla")
        if server_version != client_version:
            raise VersionDiffers(
                f"the server at {host}:{port} is CARLA {server_version}, but the installed client is "
                f"{client_version}; install carla=={server_version} or start a {client_version} server"
            )
        try:
            connection.call("get_episode_info")
        except RpcError as error:
            raise StillLoading(
                f"the server at {host}:{port} is not ready yet: {error}; try again in a moment"
            ) from error
        try:
            capabilities = connection.call("syndiff.capabilities")
        except RpcError:
            return ServerInfo(server_version)
        return ServerInfo(server_version, True, tuple(capabilities["extensions"]))
    finally:
        connection.close()


def _unwrap_response(result: Any) -> Any:
    """`[[1, value]]` is a value, `[[0, [text]]]` and `[[true, [text]]]` are errors, `[[false]]` is success."""
    if not (isinstance(result, list) and len(result) == 1 and isinstance(result[0], list) and result[0]):
        return result
    body = result[0]
    if body[0] is False:
        return None
    if body[0] is True or (body[0] == 0 and len(body) == 2):
        raise RpcError(str(body[1][0]) if body[1:] and body[1] else "error without a text")
    return body[1] if len(body) == 2 else result
