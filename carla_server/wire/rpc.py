"""MessagePack-RPC as CARLA speaks it: bytes to requests, results to bytes.

A request is `[0, message id, name, [metadata, argument...]]`, a reply `[1, message id, error, result]`, back to back
without a length prefix. The first argument is CARLA's metadata `[asynchronous]`. The error slot is only for calls
that do not exist (the client loses its text); everything else travels inside the result as a `Response`.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import msgpack

from carla_server.wire.limits import Limits

_READ_BYTES = 1 << 14
"""What a connection's buffer holds at first; msgpack would take a megabyte for each."""


class ProtocolError(Exception):
    """The peer sent bytes that are not the protocol; its connection is of no further use."""


class Request(NamedTuple):
    """One remote call.

    Attributes:
        message_id: number to repeat in the reply.
        name: remote procedure.
        arguments: arguments after CARLA's metadata.
    """

    message_id: int
    name: str
    arguments: tuple[Any, ...]


class RpcReader:
    """Collects bytes of one connection and returns the complete requests among them."""

    def __init__(self, limits: Limits | None = None) -> None:
        limits = limits or Limits()
        size = limits.max_request_bytes
        self._unpacker = msgpack.Unpacker(
            raw=False,
            strict_map_key=False,
            read_size=min(size, _READ_BYTES),
            max_buffer_size=size,
            max_str_len=size,
            max_bin_len=size,
            max_ext_len=0,
            max_array_len=min(size, limits.max_elements),
            max_map_len=min(size, limits.max_elements),
        )

    def feed(self, data: bytes) -> list[Request]:
        """Take more bytes from the peer.

        Returns:
            The requests that became complete, in order of arrival.

        Raises:
            ProtocolError: the bytes are not MessagePack-RPC or exceed a limit; close the connection.
        """
        requests = []
        try:
            self._unpacker.feed(data)
            for message in self._unpacker:
                requests.append(_request(message))
        except (msgpack.UnpackException, ValueError, TypeError, OverflowError, RecursionError) as error:
            raise ProtocolError(f"not a MessagePack-RPC request: {error or type(error).__name__}") from error
        return requests


def _request(message: Any) -> Request:
    if not isinstance(message, list) or len(message) != 4 or message[0] != 0:
        raise ProtocolError("a request must be an array [0, message id, name, arguments]")
    _, message_id, name, arguments = message
    if type(message_id) is not int or not 0 <= message_id < 1 << 32:
        raise ProtocolError("the message id must be an unsigned 32-bit number")
    if not isinstance(name, str) or not isinstance(arguments, list):
        raise ProtocolError("a request names its procedure by a string and gives its arguments as an array")
    if not arguments or not isinstance(arguments[0], list):
        raise ProtocolError(f"the first argument of {name[:80]!r} must be CARLA's call metadata [asynchronous]")
    return Request(message_id, name, tuple(arguments[1:]))


class RpcWriter:
    """Packs replies; one for a whole server, as it keeps the memory that the longest reply took."""

    def __init__(self) -> None:
        self._pack = msgpack.Packer(use_bin_type=True).pack

    def reply(self, message_id: int, result: Any, error: str | None = None) -> bytes:
        """Pack the reply to one request.

        Args:
            message_id: number from the request.
            result: already wrapped by `ok`, `failed`, `void_ok` or `void_failed` (or bare for `apply_batch`).
            error: only for procedures that do not exist.
        """
        return self._pack((1, message_id, error, result))


def ok(value: Any) -> list:
    """`Response<T>` holding a value."""
    return [[1, value]]


def failed(message: str) -> list:
    """`Response<T>` holding an error; the client raises RuntimeError(message)."""
    return [[0, [message]]]


def void_ok() -> list:
    """`Response<void>` that succeeded."""
    return [[False]]


def void_failed(message: str) -> list:
    """`Response<void>` holding an error."""
    return [[True, [message]]]
