"""Starts and stops the embedded server, `python -m carla_server`, as a child process."""

from __future__ import annotations

import importlib.util
import json
import os
import queue
import subprocess
import sys
import tempfile
import threading
from pathlib import Path
from typing import IO

from carla_agents.simulator.errors import SimulatorError


class EmbeddedServer:
    """A running embedded server; it exits by itself when this process dies.

    Args:
        arguments: further command line arguments, e.g. `["--map", "TownGrid", "--seed", "0"]`.
        timeout_s: how long it may take to serve.

    Raises:
        SimulatorError: it did not start; the message ends with what it wrote on stderr.
    """

    def __init__(self, arguments: list[str], timeout_s: float) -> None:
        self._log: IO[bytes] = tempfile.TemporaryFile()  # noqa: SIM115 - lives as long as the server
        command = [sys.executable, "-m", "carla_server", "--port", "0", "--exit-with-parent", *arguments]
        # In its own session, so that Ctrl-C in a terminal reaches only us: without a server the client aborts.
        self._process = subprocess.Popen(  # noqa: S603 - our own interpreter and module
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._log,
            env=_environment(),
            start_new_session=True,
        )
        ready = self._await_ready_line(timeout_s)
        self.rpc_port: int = ready["rpc_port"]
        self.map_name: str = ready["map"]
        self.renderer: str | None = ready.get("renderer")

    @property
    def pid(self) -> int:
        return self._process.pid

    def is_alive(self) -> bool:
        return self._process.poll() is None

    def log_tail(self, size: int = 2000) -> str:
        """The end of what the server wrote on stderr."""
        self._log.seek(0, os.SEEK_END)
        self._log.seek(max(0, self._log.tell() - size))
        return self._log.read().decode(errors="replace").strip()

    def stop(self, timeout_s: float = 5.0) -> None:
        """Ends the process: end of its stdin first, then SIGTERM, then SIGKILL."""
        for ask in (self._close_stdin, self._process.terminate, self._process.kill):
            ask()
            try:
                self._process.wait(timeout_s)
                break
            except subprocess.TimeoutExpired:
                continue
        if self._process.stdout is not None:
            self._process.stdout.close()
        self._log.close()

    def _close_stdin(self) -> None:
        if self._process.stdin is not None:
            self._process.stdin.close()

    def _await_ready_line(self, timeout_s: float) -> dict:
        lines: queue.SimpleQueue[bytes] = queue.SimpleQueue()
        threading.Thread(target=_forward_lines, args=(self._process.stdout, lines), daemon=True).start()
        try:
            line = lines.get(timeout=timeout_s)
        except queue.Empty:
            line = b""
        try:
            ready = json.loads(line)
        except ValueError:
            ready = {}
        if ready.get("ready") is True:
            return ready
        self._process.kill()
        code = self._process.wait()
        tail = self.log_tail() or "nothing on stderr"
        self.stop()
        raise SimulatorError(f"the embedded server did not start within {timeout_s:g} s (exit {code}): {tail}")


def _forward_lines(stream: IO[bytes], lines: queue.SimpleQueue[bytes]) -> None:
    """Reads to the end, so that the server never blocks on a full pipe; an empty line marks the end."""
    for line in stream:
        lines.put(line)
    lines.put(b"")


def _environment() -> dict[str, str]:
    """Ours, with the directory that holds the `carla_server` package importable whatever the working directory."""
    spec = importlib.util.find_spec("carla_server")
    if spec is None or spec.origin is None:
        raise SimulatorError("the package carla_server is not installed; run `pip install syndiff-ad` or give --host")
    root = str(Path(spec.origin).resolve().parent.parent)
    path = os.environ.get("PYTHONPATH")
    return {**os.environ, "PYTHONPATH": root if not path else os.pathsep.join((root, path))}
