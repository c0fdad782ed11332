from __future__ import annotations

import http.client
import json
import socket
import struct
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

import numpy as np
import pytest

from augment.conditions import DOMINANT, HELD_OUT
from augment.prompt import Prompt
from augment.synthesizers.clip_check import check_clip_synthesizer, drawn_clip
from augment.synthesizers.clip_client import FrameServerError, RemoteClips
from augment.synthesizers.clip_wire import (
    CONTENT_TYPE,
    MAX_HEADER_BYTES,
    PATH,
    ClipWireError,
    pack_clip,
    pack_variants,
    unpack_clip,
    unpack_variants,
)
from augment.synthesizers.clips import PerFrameClips
from augment.synthesizers.procedural import ProceduralSynthesizer
from examples.frame_server import make_server

SIZE_PX = (64, 32)


@contextmanager
def serving(clips, **options) -> Iterator[str]:
    server = make_server(clips, **options)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


@contextmanager
def answering(answer: bytes) -> Iterator[str]:
    """A peer that says the same whatever it is asked; empty: nothing at all."""
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def answer_all() -> None:
            while True:
                try:
                    peer, _ = listener.accept()
                except OSError:
                    return
                with peer:
                    peer.recv(65536)
                    if answer:
                        peer.sendall(answer)
                    else:
                        peer.recv(65536)

        threading.Thread(target=answer_all, daemon=True).start()
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        listener.shutdown(socket.SHUT_RDWR)


class Broken:
    name, provenance = "broken", {}

    def __init__(self, error: Exception | None = None) -> None:
        self.error = error

    def __call__(self, clip, target, seed):
        if self.error is not None:
            raise self.error
        return clip.rgb[:-1]


def test_remote_clips_are_those_of_the_server_and_keep_the_contract():
    clips = PerFrameClips(ProceduralSynthesizer())
    with serving(clips) as server:
        remote = RemoteClips(server)
        assert remote.name == f"remote-{clips.name}"
        assert remote.provenance["server"] == clips.provenance
        clip = drawn_clip(3, SIZE_PX, DOMINANT)
        wanted = clips(unpack_clip(pack_clip(clip, HELD_OUT, 7))[0], HELD_OUT, 7)
        assert np.array_equal(remote(clip, HELD_OUT, 7), wanted)
        check_clip_synthesizer(remote, targets=[HELD_OUT], source=DOMINANT, size_px=SIZE_PX)


def test_a_clip_survives_the_wire_whole():
    clip = drawn_clip(2, SIZE_PX, DOMINANT)
    clip = replace(clip, prompts=(Prompt("a", "b"), Prompt("ü", "d")))
    back, target, seed = unpack_clip(pack_clip(clip, HELD_OUT, 2**64 - 1))
    assert (target, seed) == (HELD_OUT, 2**64 - 1)
    assert (back.sources, back.frame_keys, back.prompts, back.camera) == (
        clip.sources,
        clip.frame_keys,
        clip.prompts,
        clip.camera,
    )
    for name in ("rgb", "seg", "ego_to_world"):
        assert np.array_equal(getattr(back, name), getattr(clip, name))
    assert np.abs(back.depth_m - clip.depth_m).max() < 1e-3
    bare = replace(clip, depth_m=None, prompts=None, ego_to_world=None, camera=None)
    back = unpack_clip(pack_clip(bare, HELD_OUT, 0))[0]
    assert back.depth_m is back.prompts is back.ego_to_world is back.camera is None


def test_what_the_server_refuses_and_what_breaks_in_it_are_told_apart():
    clip = drawn_clip(2, SIZE_PX, DOMINANT)
    with serving(Broken(ValueError("no snow here"))) as server, pytest.raises(ValueError, match="no snow here"):
        RemoteClips(server)(clip, HELD_OUT, 1)
    with serving(Broken(RuntimeError("the card fell off"))) as server:
        remote = RemoteClips(server)
        for _ in range(2):  # and the server stays up
            with pytest.raises(FrameServerError, match=r"failed \(500\).*the card fell off"):
                remote(clip, HELD_OUT, 1)
    with serving(Broken()) as server, pytest.raises(FrameServerError, match="asked for 2 variants"):
        RemoteClips(server)(clip, HELD_OUT, 1)
    with serving(Broken(), most_bytes=1000) as server, pytest.raises((ValueError, FrameServerError)):
        RemoteClips(server)(clip, HELD_OUT, 1)


@pytest.mark.parametrize(
    ("answer", "message"),
    [
        (b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}", "not as a frame server"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nhuh?", "not as a frame server"),
        (b"SSH-2.0-OpenSSH_9.6\r\n", "no answer"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 3000000\r\n\r\n" + b" " * 3_000_000, "more than"),
        (b"", "was silent for 0.3 s"),
    ],
)
def test_a_peer_that_is_no_frame_server_is_named(answer: bytes, message: str):
    with answering(answer) as server, pytest.raises(FrameServerError, match=message):
        RemoteClips(server, connect_timeout_s=0.3)


def test_an_address_where_nothing_listens_or_that_is_none():
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    with pytest.raises(FrameServerError, match="nothing listens"):
        RemoteClips(f"http://127.0.0.1:{port}")
    for bad in ("ftp://x", "127.0.0.1:80", "http://127.0.0.1:80/clips"):
        with pytest.raises(ValueError, match="expected http"):
            RemoteClips(bad)


def header_of(message: bytes) -> tuple[dict, bytes]:
    (length,) = struct.unpack_from(">I", message)
    return json.loads(message[4 : 4 + length]), message[4 + length :]


def message_of(header: dict, rest: bytes) -> bytes:
    text = json.dumps(header).encode()
    return struct.pack(">I", len(text)) + text + rest


@pytest.mark.parametrize(
    "change",
    [
        {"count": 0},
        {"count": True},
        {"count": 10**9},
        {"size_px": [64, 10**6]},
        {"size_px": [32, 64]},
        {"size_px": "64x32"},
        {"lengths": []},
        {"lengths": [1, 1, 1, 1, 1, -1]},
        {"planes": ["rgb"]},
        {"planes": ["rgb", "seg", "pickle"]},
        {"version": 2},
        {"target": "hail-noon"},
        {"target": 7},
        {"seed": -1},
        {"seed": 1.5},
        {"sources": ["clear-day"]},
        {"sources": None},
        {"frame_keys": ["x" * 5000, "y"]},
        {"prompts": [{"positive": "a"}] * 2},
        {"ego_to_world": [[1.0, 2.0]]},
        {"camera": {"width_px": 64}},
    ],
)
def test_a_malformed_clip_is_refused_in_words(change: dict):
    header, rest = header_of(pack_clip(drawn_clip(2, SIZE_PX, DOMINANT), HELD_OUT, 1))
    with pytest.raises(ClipWireError):
        unpack_clip(message_of({**header, **change}, rest))


def test_cut_and_spoiled_bytes_are_refused_in_words():
    message = pack_clip(drawn_clip(1, SIZE_PX, DOMINANT), HELD_OUT, 1)
    for cut in (0, 3, 4, 50, len(message) // 2, len(message) - 1):
        with pytest.raises(ClipWireError):
            unpack_clip(message[:cut])
    with pytest.raises(ClipWireError, match="at most"):
        unpack_clip(struct.pack(">I", MAX_HEADER_BYTES + 1) + b" " * 100)
    header, rest = header_of(message)
    with pytest.raises(ClipWireError):
        unpack_clip(message_of(header, b"\0" * len(rest)))
    variants = pack_variants(drawn_clip(2, SIZE_PX, DOMINANT).rgb)
    with pytest.raises(ClipWireError, match="asked for 3"):
        unpack_variants(variants, (3, 32, 64, 3))


def test_the_server_answers_bad_requests_and_goes_on():
    with serving(PerFrameClips(ProceduralSynthesizer())) as server:
        for path, kind, body, status in (
            (PATH, "text/plain", b"", 404),
            ("/other", CONTENT_TYPE, b"", 404),
            (PATH, CONTENT_TYPE, b"no clip", 400),
        ):
            connection = http.client.HTTPConnection(server.removeprefix("http://"), timeout=5)
            connection.request("POST", path, body, {"Content-Type": kind})
            answer = connection.getresponse()
            assert answer.status == status
            assert json.loads(answer.read())["error"]
            connection.close()
        connection = http.client.HTTPConnection(server.removeprefix("http://"), timeout=5)
        connection.putrequest("POST", PATH)
        connection.putheader("Content-Type", CONTENT_TYPE)
        connection.putheader("Content-Length", "9" * 15)
        connection.endheaders()
        assert connection.getresponse().status == 413
        connection.close()
        assert RemoteClips(server).name
