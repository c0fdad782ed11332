"""A running embedded server for tests that talk to it through the real CARLA client."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
CLIENT_TIMEOUT_S = 60.0
_START_TIMEOUT_S = 120.0
OLD_CLIENT = "carla-0-9-15==0.0.1"
"""The client of 0.9.15 for the Pythons of this project."""


@dataclass
class EmbeddedServer:
    """One `python -m carla_server` of our own.

    Attributes:
        process: standard input is its leash: closing it ends the server.
        ready: the line that it prints when it serves.
    """

    process: subprocess.Popen[str]
    ready: dict

    host: str = "127.0.0.1"

    @property
    def port(self) -> int:
        return self.ready["rpc_port"]

    @property
    def streaming_port(self) -> int:
        return self.ready["streaming_port"]

    def client(self):
        """A new `carla.Client` of this server."""
        import carla

        client = carla.Client(self.host, self.port)
        client.set_timeout(CLIENT_TIMEOUT_S)
        return client

    def stop(self) -> int:
        """End the server and return its exit code."""
        if self.process.stdin and not self.process.stdin.closed:
            self.process.stdin.close()
        try:
            return self.process.wait(timeout=20)
        except subprocess.TimeoutExpired:
            self.process.kill()
            raise
        finally:
            if self.process.stdout:
                self.process.stdout.close()


def start_server(*options: str) -> EmbeddedServer:
    """Start a server on free ports and wait until it serves."""
    command = [sys.executable, "-m", "carla_server", "--port", "0", "--exit-with-parent", *options]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=ROOT)
    assert process.stdout is not None
    line = process.stdout.readline()
    if not line:
        raise RuntimeError(f"{' '.join(command)} ended with {process.wait(_START_TIMEOUT_S)}; see its messages above")
    return EmbeddedServer(process, json.loads(line))


@pytest.fixture(scope="session")
def server() -> Iterator[EmbeddedServer]:
    """One server for the whole session; leave it as you found it, or use `world`."""
    running = start_server("--seed", "7")
    yield running
    running.stop()


@pytest.fixture
def fresh_server() -> Iterator[Callable[..., EmbeddedServer]]:
    """Starts servers of the test's own; they end with the test."""
    started: list[EmbeddedServer] = []

    def start(*options: str) -> EmbeddedServer:
        started.append(start_server(*options))
        return started[-1]

    yield start
    for running in started:
        running.stop()


@pytest.fixture
def client(server: EmbeddedServer):
    """A `carla.Client` of the session's server."""
    return server.client()


@pytest.fixture
def world(client):
    """A freshly reloaded world in synchronous mode at 20 Hz; back in asynchronous mode afterwards."""
    client.reload_world()
    world = client.get_world()
    settings = world.get_settings()
    settings.synchronous_mode = True
    settings.fixed_delta_seconds = 0.05
    world.apply_settings(settings)
    yield world
    here = client.get_world()
    settings = here.get_settings()
    settings.synchronous_mode = False
    settings.fixed_delta_seconds = None
    here.apply_settings(settings)
    client.reload_world()


@pytest.fixture(scope="session")
def old_client(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the 0.9.15 client, to go before our own on the path."""
    folder = tmp_path_factory.mktemp("client")
    command = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--target", str(folder), OLD_CLIENT]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)
    if done.returncode != 0:
        pytest.skip(f"{OLD_CLIENT} cannot be installed here: {done.stderr.strip().splitlines()[-1:]}")
    return folder
