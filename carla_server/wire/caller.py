"""The other side of `rpc.py`: calls to bytes, bytes to replies, for programs that do without CARLA's client.

Sans-IO as the rest of this package: whoever uses it owns the socket.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import msgpack

from carla_server.wire.rpc import ProtocolError

MAX_REPLY_BYTES = 64 << 20


class Refused(RuntimeError):
    """The server answered a call with an error; the text is the server's."""


class Reply(NamedTuple):
    """One answer.

    Attributes:
        message_id: number of the call.
        error: text if the server does not know the procedure, else None.
        result: what it returned, still wrapped as CARLA does.
    """

    message_id: int
    error: str | None
    result: Any

    def value(self) -> Any:
        """The result without its wrapping.

        Raises:
            Refused: the server does not know the procedure, or refused the call.
        """
        if self.error is not None:
            raise Refused(str(self.error))
        return _unwrapped(self.result)


class RpcCaller:
    """Numbers calls, packs them, and collects the bytes of their replies."""

    def __init__(self, max_reply_bytes: int = MAX_REPLY_BYTES) -> None:
        self._next_id = 1
        self._unpacker = msgpack.Unpacker(raw=False, strict_map_key=False, max_buffer_size=max_reply_bytes)

    def call(self, name: str, *arguments: Any) -> tuple[int, bytes]:
        """The number of a synchronous call and the bytes to send."""
        message_id, self._next_id = self._next_id, (self._next_id + 1) % (1 << 32)
        return message_id, msgpack.packb([0, message_id, name, [[False], *arguments]])

    def feed(self, data: bytes) -> list[Reply]:
        """Take more bytes from the server.

        Returns:
            The replies that became complete, in order of arrival.

        Raises:
            ProtocolError: the bytes are no MessagePack-RPC replies, or longer than the limit.
        """
        replies = []
        try:
            self._unpacker.feed(data)
            for message in self._unpacker:
                if not (isinstance(message, list) and len(message) == 4 and message[0] == 1):
                    raise ProtocolError(f"the reply is not MessagePack-RPC: {str(message)[:60]!r}")
                replies.append(Reply(*message[1:]))
        except (msgpack.UnpackException, ValueError, RecursionError) as error:
            raise ProtocolError(f"the reply is not MessagePack-RPC: {error or type(error).__name__}") from error
        return replies


def _unwrapped(result: Any) -> Any:
    """`[[1, value]]` is a value, `[[0, [text]]]` and `[[true, [text]]]` are errors, `[[false]]` is success."""
    if not (isinstance(result, list) and len(result) == 1 and isinstance(result[0], list) and result[0]):
        return result
    body = result[0]
    if body[0] is False:
        return None
    if body[0] is True or (body[0] == 0 and len(body) == 2):
        raise Refused(str(body[1][0]) if body[1:] and body[1] else "error without a text")
    return body[1] if len(body) == 2 else result
