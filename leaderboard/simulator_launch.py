"""Start a CARLA installation as users do, `CarlaUE4.sh` with flags, and own every process that comes of it."""

from __future__ import annotations

import socket
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

from carla_agents.simulator.errors import (
    ConnectionFailed,
    NotACarlaServer,
    NothingListens,
    SimulatorError,
    StillLoading,
)
from carla_agents.simulator.probe import probe
from leaderboard.guardian import dismiss, guard
from leaderboard.process_group import group_runs, kill_groups, start_group


@dataclass(frozen=True)
class LaunchConfig:
    """Which simulator, and how long it may take."""

    carla_root: Path
    """Folder that holds `CarlaUE4.sh` (or a folder written by `syndiff carla-root`)."""
    gpu: int | None = None
    """Handed over as `-graphicsadapter`."""
    options: tuple[str, ...] = ("-RenderOffScreen", "-nosound", "-quality-level=Epic")
    """Further flags."""
    loading_timeout_s: float = 180.0
    """How long it may take to serve."""

    def __post_init__(self) -> None:
        if not (self.carla_root / "CarlaUE4.sh").is_file():
            raise ValueError(f"{self.carla_root} has no CarlaUE4.sh; give the folder of a CARLA installation")


class LaunchedSimulator:
    """A running simulator on three free ports.

    Args:
        config: what to start.

    Attributes:
        port: its RPC port; the next two are taken by its streams.
        group: its process group.

    Raises:
        SimulatorError: it did not serve in time.
    """

    def __init__(self, config: LaunchConfig) -> None:
        self.port = free_ports(3)
        self._log = tempfile.TemporaryFile()  # noqa: SIM115 - lives as long as the simulator
        command = [str(config.carla_root / "CarlaUE4.sh"), *config.options, f"-carla-rpc-port={self.port}"]
        if config.gpu is not None:
            command.append(f"-graphicsadapter={config.gpu}")
        self._process = start_group(command, self._log.fileno(), pipes=False)
        self.group = self._process.pid
        self._guardian = guard(self.group)
        try:
            self._await_service(config.loading_timeout_s)
        except BaseException:
            self.stop()
            raise

    def stop(self) -> None:
        """End it with all its children; safe to call twice."""
        kill_groups([self.group])
        self._process.wait()
        if self._guardian.returncode is None:
            dismiss(self._guardian)
        self._log.close()

    def _await_service(self, timeout_s: float) -> None:
        deadline_s = time.monotonic() + timeout_s
        while True:
            # The script may have ended: it is the port that counts, not the process.
            try:
                probe("127.0.0.1", self.port, 10.0)
                return
            except (NothingListens, NotACarlaServer, StillLoading) as error:
                waiting: ConnectionFailed = error
            ended = not group_runs(self.group)
            if ended or time.monotonic() > deadline_s:
                self._log.seek(0)
                tail = self._log.read()[-1000:].decode(errors="replace").strip()
                what = "ended before it served" if ended else f"did not serve within {timeout_s:g} s on"
                raise SimulatorError(f"the simulator {what} port {self.port}: {waiting}; log: {tail}")
            time.sleep(0.2)


def free_ports(count: int) -> int:
    """The first of `count` adjacent TCP ports that nobody listens on."""
    for _ in range(200):
        with socket.socket() as first:
            first.bind(("127.0.0.1", 0))
            port = first.getsockname()[1]
            if port + count < 65536 and all(_is_free(port + k) for k in range(1, count)):
                return port
    raise SimulatorError(f"found no {count} adjacent free ports")


def _is_free(port: int) -> bool:
    with socket.socket() as one:
        try:
            one.bind(("127.0.0.1", port))
        except OSError:
            return False
        return True
