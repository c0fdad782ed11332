"""Several drives at a time, each in a process that may crash, hang or leak without taking the evaluation with it.

A worker is a child process. It is told a drive as one line of JSON and answers with lines of JSON: `hello` once,
`beat` while it drives, `record` or `failed` at the end. Whoever says nothing for too long, takes too much memory or
dies is ended with its simulator and started again; the drive is noted as a crash and driven again, a few times.
"""

from __future__ import annotations

import json
import os
import queue
import subprocess
import sys
import tempfile
import threading
from collections import Counter, deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from carla_agents.simulator.errors import SimulatorError
from leaderboard.process_group import group_memory_mib, kill_groups, start_group
from leaderboard.results import DriveKey, DriveRecord, Results, record_from_json
from leaderboard.simulator_launch import LaunchConfig, LaunchedSimulator

_LOOK_S = 1.0


@dataclass(frozen=True)
class SuperviseConfig:
    """Patience with workers."""

    attempts: int = 3
    """How often one drive is begun."""
    start_timeout_s: float = 300.0
    """How long a worker may take from its start to its hello."""
    silence_timeout_s: float = 120.0
    """How long a worker may say nothing while it drives."""
    memory_limit_mib: float | None = None
    """Memory of a worker and its simulator together; None for no limit."""

    def __post_init__(self) -> None:
        if self.attempts < 1 or self.start_timeout_s <= 0 or self.silence_timeout_s <= 0:
            raise ValueError("attempts must be >= 1 and timeouts positive")


class WorkerLost(Exception):
    """A worker crashed, hung or leaked; the message says which."""


class Worker:
    """One child process and, if it has one of its own, its launched simulator.

    Args:
        command: the worker's program.
        spec: what it is told first.
        launch: the simulator to start for it; None if it brings its own.
        config: patience.

    Raises:
        WorkerLost, SimulatorError: it did not come up.
    """

    def __init__(
        self, command: Sequence[str], spec: dict[str, Any], launch: LaunchConfig | None, config: SuperviseConfig
    ) -> None:
        self._config = config
        self._simulator = LaunchedSimulator(launch) if launch is not None else None
        self._log = tempfile.TemporaryFile()  # noqa: SIM115 - lives as long as the worker
        self._process: subprocess.Popen[bytes] | None = None
        self._groups: list[int] = [] if self._simulator is None else [self._simulator.group]
        self._lines: queue.SimpleQueue[bytes] = queue.SimpleQueue()
        try:
            self._process = start_group(command, self._log.fileno(), pipes=True)
            self._groups.append(self._process.pid)
            threading.Thread(target=self._forward, daemon=True).start()
            port = None if self._simulator is None else self._simulator.port
            self._send({**spec, "port": port} if port is not None else spec)
            self.hello = self._answer("hello", config.start_timeout_s)
            if self.hello.get("server_pid"):
                self._groups.append(int(self.hello["server_pid"]))
        except BaseException:
            self.stop()
            raise

    def drive(self, key: DriveKey) -> DriveRecord | str:
        """Have one drive driven.

        Returns:
            The record, or why there is none although the worker is well.

        Raises:
            WorkerLost: the worker crashed, hung or leaked; stop it.
        """
        self._send({"drive": str(key)})
        answer = self._answer("record", self._config.silence_timeout_s)
        if "failed" in answer:
            return str(answer["failed"])
        return record_from_json(answer["record"])

    def stop(self) -> None:
        """End it, its simulator and whatever they started; safe to call twice."""
        kill_groups(self._groups)
        if self._process is not None:
            self._process.wait()
            for pipe in (self._process.stdin, self._process.stdout):
                if pipe is not None:
                    pipe.close()
        if self._simulator is not None:
            self._simulator.stop()

    def _send(self, message: dict[str, Any]) -> None:
        if self._process is None or self._process.stdin is None:
            raise WorkerLost("the worker is not running")
        try:
            self._process.stdin.write(json.dumps(message).encode() + b"\n")
            self._process.stdin.flush()
        except OSError:
            raise WorkerLost(f"the worker ended: {self._tail()}") from None

    def _answer(self, wanted: str, timeout_s: float) -> dict[str, Any]:
        silent_s = 0.0
        while True:
            try:
                line = self._lines.get(timeout=_LOOK_S)
            except queue.Empty:
                silent_s += _LOOK_S
                if silent_s >= timeout_s:
                    raise WorkerLost(f"the worker said nothing for {timeout_s:g} s") from None
                self._check_memory()
                continue
            if not line:
                raise WorkerLost(f"the worker ended: {self._tail()}")
            message = json.loads(line)
            silent_s = 0.0
            if "lost" in message:
                raise WorkerLost(str(message["lost"]))
            if wanted in message or "failed" in message:
                return message
            self._check_memory()

    def _check_memory(self) -> None:
        limit_mib = self._config.memory_limit_mib
        if limit_mib is not None:
            used_mib = group_memory_mib(self._groups)
            if used_mib > limit_mib:
                raise WorkerLost(f"worker and simulator used {used_mib:.0f} MiB, the limit is {limit_mib:g}")

    def _forward(self) -> None:
        if self._process is None or self._process.stdout is None:
            return
        try:
            for line in self._process.stdout:
                self._lines.put(line)
        except ValueError:
            pass  # closed while we read: the worker was stopped
        self._lines.put(b"")

    def _tail(self) -> str:
        size = os.fstat(self._log.fileno()).st_size
        text = os.pread(self._log.fileno(), 800, max(0, size - 800)).decode(errors="replace").strip()
        return text or "it left no message"


def supervise(
    results: Results,
    command: Sequence[str],
    spec: dict[str, Any],
    launches: Sequence[LaunchConfig | None],
    config: SuperviseConfig,
    on_drive: Callable[[DriveRecord, int, int], None] | None = None,
) -> None:
    """Drive what a result file lacks, with one worker per entry of `launches` at a time.

    A drive that fails `config.attempts` times stays without a record; ask `Results.missing`.

    Args:
        results: the file; it is written after every drive.
        command: a worker's program.
        spec: what a worker is told first.
        launches: the simulator of each worker; None for a worker that brings its own.
        config: patience.
        on_drive: told after every drive: record, drives done, drives in all.
    """
    pool = _Pool(results, config, on_drive)
    threads = [
        threading.Thread(target=_serve, args=(pool, command, spec, launch, config), daemon=True)
        for launch in launches
    ]
    for thread in threads:
        thread.start()
    try:
        for thread in threads:
            while thread.is_alive():
                thread.join(timeout=0.5)
    except BaseException:
        pool.stop()
        for thread in threads:
            thread.join(timeout=20.0)
        raise
    pool.raise_error()


class _Pool:
    """What the workers' threads share: drives still to be driven, and the result file."""

    def __init__(
        self, results: Results, config: SuperviseConfig, on_drive: Callable[[DriveRecord, int, int], None] | None
    ) -> None:
        self._results, self._config, self._on_drive = results, config, on_drive
        self._waiting = deque(results.missing())
        self._begun: Counter[DriveKey] = Counter()
        self._lock = threading.Lock()
        self._workers: set[Worker] = set()
        self._error: BaseException | None = None
        self._stopped = False

    def take(self) -> DriveKey | None:
        with self._lock:
            if self._stopped or not self._waiting:
                return None
            key = self._waiting.popleft()
            self._begun[key] += 1
            return key

    def enter(self, worker: Worker) -> None:
        with self._lock:
            self._results.name_simulator(worker.hello["simulator"])
            self._workers.add(worker)

    def leave(self, worker: Worker) -> None:
        with self._lock:
            self._workers.discard(worker)

    def done(self, record: DriveRecord) -> None:
        with self._lock:
            self._results.add(record)
            if self._on_drive is not None:
                self._on_drive(record, len(self._results.records), len(self._results.planned))

    def crashed(self, key: DriveKey, reason: str) -> None:
        with self._lock:
            if self._stopped:
                return
            self._results.add_crash(key, reason)
            print(f"{key}: {reason}", file=sys.stderr)
            if self._begun[key] < self._config.attempts:
                self._waiting.append(key)

    def fail(self, error: BaseException) -> None:
        with self._lock:
            self._error = self._error or error
            self._stopped = True

    def stop(self) -> None:
        with self._lock:
            self._stopped = True
            workers = list(self._workers)
        for worker in workers:
            worker.stop()

    def raise_error(self) -> None:
        if self._error is not None:
            raise self._error


def _serve(
    pool: _Pool, command: Sequence[str], spec: dict[str, Any], launch: LaunchConfig | None, config: SuperviseConfig
) -> None:
    """One worker's place: keeps a worker running until no drive is left."""
    worker: Worker | None = None
    try:
        while (key := pool.take()) is not None:
            try:
                if worker is None:
                    worker = Worker(command, spec, launch, config)
                    pool.enter(worker)
                answer = worker.drive(key)
            except (WorkerLost, SimulatorError) as error:
                pool.crashed(key, str(error))
                if worker is not None:
                    pool.leave(worker)
                    worker.stop()
                    worker = None
                continue
            if isinstance(answer, str):
                pool.crashed(key, answer)
            else:
                pool.done(answer)
    except BaseException as error:
        pool.fail(error)
    finally:
        if worker is not None:
            pool.leave(worker)
            worker.stop()
