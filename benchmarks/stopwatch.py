"""Wall and CPU time of this process and of another one, and the machine they were measured on."""

from __future__ import annotations

import importlib.metadata
import os
import platform
import time
from pathlib import Path
from types import TracebackType

_TICKS_PER_S = os.sysconf("SC_CLK_TCK")


def process_cpu_s(pid: int) -> float:
    """CPU seconds (user and system, all threads) that a living process has used."""
    fields = Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / _TICKS_PER_S


def resident_mib(pid: int) -> float:
    """Resident memory of a living process."""
    pages = int(Path(f"/proc/{pid}/statm").read_text(encoding="ascii").split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 2**20


class Stopwatch:
    """Context manager; afterwards `wall_s`, `own_cpu_s` and `server_cpu_s` hold what passed inside.

    Args:
        server_pid: another process whose CPU time is counted beside this one's.
    """

    def __init__(self, server_pid: int | None = None) -> None:
        self._server_pid = server_pid
        self.wall_s = self.own_cpu_s = self.server_cpu_s = 0.0

    def _now(self) -> tuple[float, float, float]:
        server_s = process_cpu_s(self._server_pid) if self._server_pid is not None else 0.0
        return time.perf_counter(), time.process_time(), server_s

    def __enter__(self) -> Stopwatch:
        self._began = self._now()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        passed = [after - before for before, after in zip(self._began, self._now(), strict=True)]
        self.wall_s, self.own_cpu_s, self.server_cpu_s = passed

    def per(self, count: int) -> str:
        """`count` things: rate per wall second, CPU milliseconds of each process per thing."""
        text = f"{count / self.wall_s:8.1f}/s wall, own CPU {1e3 * self.own_cpu_s / count:6.2f} ms"
        if self._server_pid is not None:
            text += f", server CPU {1e3 * self.server_cpu_s / count:6.2f} ms"
        return text


def machine_line() -> str:
    """Hardware and versions, to be copied beside every figure."""
    model = next(
        (line.partition(":")[2].strip() for line in _read("/proc/cpuinfo").splitlines() if "model name" in line), "?"
    )
    names = ("carla", "numpy", "moderngl", "torch", "gymnasium")
    versions = ", ".join(f"{name} {importlib.metadata.version(name)}" for name in names)
    load = os.getloadavg()[0]
    return (
        f"{model}, {len(os.sched_getaffinity(0))} cores, Python {platform.python_version()}, {versions}, "
        f"load {load:.2f} at the start"
    )


def _read(path: str) -> str:
    return Path(path).read_text(encoding="utf-8", errors="replace")
