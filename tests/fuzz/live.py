"""Mutated messages against a running server while a healthy client ticks; run `python -m tests.fuzz.live`.

A run is a range of numbered messages: `--first 400000 --messages 600000` goes on where one that was stopped after
400,000 messages left off, and several ranges may run side by side, each against a server of its own.
"""

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
_LEG = 20_000
"""Messages per seed; ranges begin and end at whole legs."""

_PAUSE_S = 0.01
"""Between two ticks of a long run, so that the processor time goes to the messages."""


class HealthyClient(threading.Thread):
    """Ticks a server until it is told to stop.

    Args:
        port: of the server's remote calls.
        pause_s: how long to rest after every tick.

    Attributes:
        ticks: how many were answered.
        failure: what ended it before its time.
    """

    def __init__(self, port: int, pause_s: float = 0.0) -> None:
        super().__init__(daemon=True)
        self.ticks = 0
        self.failure: BaseException | None = None
        self._port = port
        self._pause_s = pause_s
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
                    if self._pause_s:
                        time.sleep(self._pause_s)
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
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--messages", type=int, default=1_000_000, help="how many")
    parser.add_argument("--first", type=int, default=0, help=f"number of the first one, a multiple of {_LEG}")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    if options.first % _LEG:
        parser.error(f"--first is {options.first}, it must be a multiple of {_LEG}")
    with tempfile.TemporaryDirectory() as folder:
        server = start_server("--no-rendering", "--synchronous", "--fixed-delta-s", "0.05", "--recorder-dir", folder)
        healthy = HealthyClient(server.port, _PAUSE_S)
        healthy.start()
        began_s, done, end = time.monotonic(), options.first, options.first + options.messages
        while done < end and healthy.failure is None and server.process.poll() is None:
            bombard(server, min(_LEG, end - done), options.seed + done)
            done += min(_LEG, end - done)
            passed_s = time.monotonic() - began_s
            print(f"messages {options.first} .. {done}: {healthy.ticks} ticks, {passed_s:.0f} s", flush=True)
        healthy.stop()
        alive = server.process.poll() is None
        server.stop()
    if healthy.failure is not None or not alive or done < end:
        raise SystemExit(f"stopped at {done} of {end}: healthy client {healthy.failure!r}, server alive {alive}")


if __name__ == "__main__":
    main()
