"""A blocking connection for the few calls that the CARLA client does not know."""

from __future__ import annotations

import socket
from typing import Any

from carla_agents.simulator.errors import NotACarlaServer, NothingListens
from carla_server.wire.caller import RpcCaller
from carla_server.wire.rpc import ProtocolError

_RECEIVE_BYTES = 1 << 20


class RpcConnection:
    """One MessagePack-RPC connection beside the client's own.

    Args:
        host, port: the server's RPC port.
        timeout_s: how long connecting, and every call, may take.

    Raises:
        NothingListens: nobody is there.
    """

    def __init__(self, host: str, port: int, timeout_s: float) -> None:
        self._address = f"{host}:{port}"
        self._caller = RpcCaller()
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
            Refused: the server refused the call or does not know the function.
            NotACarlaServer: the peer closed the connection, stayed silent or sent something else.
        """
        message_id, data = self._caller.call(name, *arguments)
        try:
            self._socket.sendall(data)
            while True:
                data = self._socket.recv(_RECEIVE_BYTES)
                if not data:
                    raise ProtocolError("the peer closed the connection")
                for reply in self._caller.feed(data):
                    if reply.message_id == message_id:
                        return reply.value()
        except (OSError, ProtocolError) as error:
            raise NotACarlaServer(
                f"something listens at {self._address} but does not answer like a CARLA server "
                f"({type(error).__name__}: {error}); check the port (CARLA's RPC port is 2000 by default), "
                "or wait and retry if a CARLA server is just starting there"
            ) from error

    def close(self) -> None:
        """Closes the socket; safe to repeat."""
        self._socket.close()


def call_once(host: str, port: int, timeout_s: float, name: str, *arguments: Any) -> Any:
    """One call over a connection of its own.

    Raises:
        NothingListens, Refused, NotACarlaServer: as `RpcConnection` does.
    """
    connection = RpcConnection(host, port, timeout_s)
    try:
        return connection.call(name, *arguments)
    finally:
        connection.close()
