"""Mutated messages against a running server while a healthy client ticks; run `python -m tests.fuzz.live`."""

from __future__ import annotations

import argparse
import socket
import tempfile
import threading
import time

import msgpack
import numpy as np

from tests.conftest import EmbeddedServer, start_server
from tests.fuzz.messages import pack, requests, spoiled_bytes

_WAVE = 64
_TIMEOUT_S = 60.0


class HealthyClient(threading.Thread):
    """Ticks a server without a pause until it is told to stop.

    Attributes:
        ticks: how many were answered.
        failure: what ended it before its time.
    """

    def __init__(self, port: int) -> None:
        super().__init__(daemon=True)
        self.ticks = 0
        self.failure: BaseException | None = None
        self._port = port
        self._stopping = False

    def run(self) -> None:
        unpacker = msgpack.Unpacker(raw=False)
        try:
            with socket.create_connection(("127.0.0.1", self._port), _TIMEOUT_S) as sock:
                while not self._stopping:
                    sock.sendall(pack(self.ticks & 0xFFFF, "tick_cue", ()))
                    answered = False
                    while not answered:
                        data = sock.recv(1 << 16)
                        if not data:
                            raise ConnectionError("the server closed a healthy client")
                        unpacker.feed(data)
                        answered = any(message[1] == self.ticks & 0xFFFF for message in unpacker)
                    self.ticks += 1
        except (OSError, ValueError) as error:
            self.failure = error

    def stop(self) -> None:
        """End after the tick that is under way."""
        self._stopping = True
        self.join(_TIMEOUT_S)


def bombard(server: EmbeddedServer, count: int, seed: int) -> None:
    """Send mutated messages, each on a connection of its own, every eighth to the streaming port."""
    random = np.random.default_rng(seed)
    messages = spoiled_bytes(random, requests())
    for begin in range(0, count, _WAVE):
        peers = []
        for number, message in zip(range(min(_WAVE, count - begin)), messages):
            port = server.streaming_port if number % 8 == 7 else server.port
            peer = socket.create_connection(("127.0.0.1", port), _TIMEOUT_S)
            peers.append(peer)
            try:
                peer.sendall(message)
                peer.shutdown(socket.SHUT_WR)
            except OSError:
                continue  # the server has hung up already
        for peer in peers:
            try:
                while peer.recv(1 << 16):
                    pass
            except ConnectionError:
                pass
            peer.close()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--messages", type=int, default=1_000_000)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        server = start_server("--no-rendering", "--synchronous", "--fixed-delta-s", "0.05", "--recorder-dir", folder)
        healthy = HealthyClient(server.port)
        healthy.start()
        began_s, done, wave = time.monotonic(), 0, 20_000
        while done < options.messages and healthy.failure is None:
            bombard(server, min(wave, options.messages - done), options.seed + done)
            done += wave
            passed_s = time.monotonic() - began_s
            print(f"{min(done, options.messages):>9} messages, {healthy.ticks} ticks, {passed_s:.0f} s", flush=True)
        healthy.stop()
        alive = server.process.poll() is None
        server.stop()
    if healthy.failure is not None or not alive:
        raise SystemExit(f"the healthy client failed: {healthy.failure!r}; server alive: {alive}")


if __name__ == "__main__":
    main()
