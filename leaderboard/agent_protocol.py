"""Messages between the evaluator and an agent in an interpreter of its own: JSON and arrays, over one socket.

This file is read by both sides, and the agent's side may be as old as Python 3.7: standard library and NumPy only.

A message is 8 bytes (length of the text, length of the arrays, little endian), the text, the arrays. In the text
every container is a list that begins with its kind, so no dictionary of an agent can be mistaken for one of ours:
["d", {...}], ["l", [...]], ["t", [...]] (a tuple), ["a", dtype, shape, offset] (an array).
"""

from __future__ import annotations

import json
import socket
import struct
from typing import Any

import numpy as np

MAX_TEXT_BYTES = 64 << 20
MAX_ARRAY_BYTES = 1 << 30
_SIZES = struct.Struct("<II")


class ProtocolError(Exception):
    """What came is no message of ours, or a value cannot be sent."""


class PeerGone(Exception):
    """The other side has closed the connection."""


def send(connection: socket.socket, value: Any) -> None:
    """Send one message.

    Args:
        connection: a connected stream socket.
        value: None, bool, int, float, str, numeric NumPy arrays and scalars, and dict, list and tuple of these.

    Raises:
        ProtocolError: something else, or too much of it.
        PeerGone: nobody is there.
    """
    arrays: list[np.ndarray] = []
    text = json.dumps(_plain(value, arrays, [0])).encode()
    blob = b"".join(array.tobytes() for array in arrays)
    if len(text) > MAX_TEXT_BYTES or len(blob) > MAX_ARRAY_BYTES:
        raise ProtocolError(f"a message of {len(text)} + {len(blob)} bytes is too large to be sent")
    try:
        connection.sendall(_SIZES.pack(len(text), len(blob)) + text)
        connection.sendall(blob)
    except (BrokenPipeError, ConnectionError) as error:
        raise PeerGone("the other side has closed the connection") from error


def receive(connection: socket.socket) -> Any:
    """Wait for one message; arrays are fresh and writable.

    Raises:
        ProtocolError: no message of ours.
        PeerGone: the connection ended.
    """
    text_bytes, blob_bytes = _SIZES.unpack(_read(connection, _SIZES.size))
    if text_bytes > MAX_TEXT_BYTES or blob_bytes > MAX_ARRAY_BYTES:
        raise ProtocolError(f"a message announces {text_bytes} + {blob_bytes} bytes, more than is allowed")
    text = _read(connection, text_bytes)
    blob = _read(connection, blob_bytes)
    try:
        return _value(json.loads(text.decode()), blob)
    except (ValueError, TypeError, KeyError, IndexError, RecursionError) as error:
        raise ProtocolError(f"a message cannot be read: {type(error).__name__}: {error}") from error


def _plain(value: Any, arrays: list[np.ndarray], offset: list[int]) -> Any:
    if isinstance(value, np.generic):
        value = value.item()
    if value is None or isinstance(value, (bool, int, float, str)):
        return value
    if isinstance(value, dict):
        if not all(isinstance(key, str) for key in value):
            raise ProtocolError(f"a dictionary with keys {list(value)[:5]} cannot be sent: keys must be text")
        return ["d", {key: _plain(item, arrays, offset) for key, item in value.items()}]
    if isinstance(value, (list, tuple)):
        return ["t" if isinstance(value, tuple) else "l", [_plain(item, arrays, offset) for item in value]]
    if isinstance(value, np.ndarray) and value.dtype.kind in "biuf":
        array = np.ascontiguousarray(value)
        arrays.append(array)
        start = offset[0]
        offset[0] += array.nbytes
        return ["a", array.dtype.str, list(value.shape), start]
    raise ProtocolError(f"a value of type {type(value).__name__} cannot be sent to or from an agent")


def _value(node: Any, blob: bytes) -> Any:
    if not isinstance(node, list):
        return node
    kind = node[0]
    if kind == "d":
        return {key: _value(item, blob) for key, item in node[1].items()}
    if kind == "l":
        return [_value(item, blob) for item in node[1]]
    if kind == "t":
        return tuple(_value(item, blob) for item in node[1])
    if kind == "a":
        dtype, shape, start = np.dtype(node[1]), [int(size) for size in node[2]], int(node[3])
        if dtype.kind not in "biuf" or min([start, *shape]) < 0:
            raise ValueError(f"an array of {node[1]} {node[2]} at {node[3]}")
        count = 1
        for size in shape:
            count *= size
        return np.frombuffer(blob, dtype, count, start).reshape(shape).copy()
    raise ValueError(f"unknown kind {kind!r}")


def _read(connection: socket.socket, count: int) -> bytes:
    parts = bytearray()
    while len(parts) < count:
        try:
            part = connection.recv(min(count - len(parts), 1 << 20))
        except ConnectionError as error:
            raise PeerGone("the other side has closed the connection") from error
        if not part:
            raise PeerGone("the other side has closed the connection")
        parts += part
    return bytes(parts)
