"""`RemoteClips`: a clip synthesizer that asks a frame server, for models that need another machine.

The protocol is in `clip_wire`; `examples/frame_server.py` is a server for any `ClipSynthesizer`. It has no
authentication and no encryption of its own: keep the server on loopback and reach it through an SSH tunnel, or put
a proxy with both in front of it and give its https address here.
"""

from __future__ import annotations

import http.client
import json
import re
from typing import Any
from urllib.parse import urlsplit

import numpy as np

from augment.conditions import Condition
from augment.synthesizers.base import FrameBatch
from augment.synthesizers.clip_wire import (
    CONTENT_TYPE,
    FORMAT,
    MAX_MESSAGE_BYTES,
    PATH,
    VERSION,
    ClipWireError,
    pack_clip,
    unpack_variants,
)
from augment.synthesizers.clips import check_clip

DEFAULT_SERVER = "http://127.0.0.1:8473"
_MAX_ERROR_BYTES = 1 << 20


class FrameServerError(Exception):
    """The frame server cannot be reached, does not answer in time, or answers with something else."""


class RemoteClips:
    """Clips made by a frame server.

    Args:
        server: its address, `http://host:port` or `https://...`.
        timeout_s: longest silence while a clip is made.
        connect_timeout_s: longest wait for the first word, when this object is made.

    Raises:
        FrameServerError: nothing listens there, or something that is no frame server.
        ValueError: `server` is no such address.
    """

    def __init__(
        self, server: str = DEFAULT_SERVER, *, timeout_s: float = 3600.0, connect_timeout_s: float = 10.0
    ) -> None:
        parts = urlsplit(server)
        if parts.scheme not in ("http", "https") or not parts.hostname or parts.path.strip("/") or parts.query:
            raise ValueError(f"server is {server!r}; expected http://host:port or https://host:port")
        self._server = server.rstrip("/")
        self._secure, self._host, self._port = parts.scheme == "https", parts.hostname, parts.port
        self._timeout_s = timeout_s
        status, body = self._ask("GET", None, connect_timeout_s, _MAX_ERROR_BYTES)
        try:
            info = json.loads(body)
            named = str(info["name"])
            if status != 200 or (info["format"], info["version"]) != (FORMAT, VERSION):
                raise ValueError(f"status {status}, {info.get('format')!r} version {info.get('version')!r}")
            if not re.fullmatch(r"[A-Za-z0-9._-]{1,73}", named) or not isinstance(info["provenance"], dict):
                raise ValueError(f"name {named!r}")
        except (KeyError, TypeError, ValueError) as error:
            raise FrameServerError(
                f"{self._server} answers, but not as a frame server of {FORMAT} version {VERSION}: {error}"
            ) from error
        self.name = f"remote-{named}"
        self.provenance: dict[str, Any] = {"server": info["provenance"]}

    def __call__(self, clip: FrameBatch, target: Condition, seed: int) -> np.ndarray:
        """Synthesize one variant of the clip; see `ClipSynthesizer.__call__`.

        Raises:
            ValueError: the server refuses the clip or the target; the message is its own.
            FrameServerError: it fails, or its answer is malformed.
        """
        check_clip(clip)
        most = min(MAX_MESSAGE_BYTES, 2 * clip.rgb.nbytes + (1 << 20))
        status, body = self._ask("POST", pack_clip(clip, target, seed), self._timeout_s, most)
        if status == 200:
            try:
                return unpack_variants(body, clip.rgb.shape)
            except ClipWireError as error:
                raise FrameServerError(f"{self._server} sent a malformed answer: {error}") from error
        try:
            reason = str(json.loads(body)["error"])[:2000]
        except (KeyError, TypeError, ValueError):
            reason = f"{len(body)} bytes that do not say why"
        if 400 <= status < 500:
            raise ValueError(f"{self._server} refuses the clip ({status}): {reason}")
        raise FrameServerError(f"{self._server} failed ({status}): {reason}")

    def _ask(self, method: str, body: bytes | None, timeout_s: float, most_bytes: int) -> tuple[int, bytes]:
        kind = http.client.HTTPSConnection if self._secure else http.client.HTTPConnection
        connection = kind(self._host, self._port, timeout=timeout_s)
        try:
            connection.request(method, PATH, body, {"Content-Type": CONTENT_TYPE} if body is not None else {})
            response = connection.getresponse()
            answer = response.read(most_bytes + 1)
        except TimeoutError as error:
            raise FrameServerError(f"{self._server} was silent for {timeout_s:g} s") from error
        except ConnectionRefusedError as error:
            raise FrameServerError(
                f"nothing listens at {self._server}; start examples/frame_server.py there, or give another address"
            ) from error
        except (OSError, http.client.HTTPException) as error:
            raise FrameServerError(f"no answer from {self._server}: {type(error).__name__}: {error}") from error
        finally:
            connection.close()
        if len(answer) > most_bytes:
            raise FrameServerError(f"{self._server} sent more than {most_bytes} bytes")
        return response.status, answer
