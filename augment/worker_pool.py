"""`WorkerPool`: processes on this machine that make units of work; results come back in the order of the job.

Workers share nothing. They are started anew (`spawn`), build their own `VariantMaker`, read the store, and answer
over a pipe; the parent alone writes. A worker that dies (the kernel ends who takes too much memory) is replaced and
its unit tried once more; a unit that kills its worker twice is a failure with advice, never the end of the job.
"""

from __future__ import annotations

import contextlib
import signal
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from multiprocessing import get_context
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from augment.variant_maker import OUT_OF_MEMORY, VariantMaker
from augment.work import NotMade, Outcome, WorkUnit
from carla_agents.data.store import Store

MakerRecipe = Callable[[], VariantMaker]
"""Builds a maker in another process; must be picklable, e.g. `functools.partial` of a function and plain values."""
_MOST_DEATHS = 2


class WorkerError(RuntimeError):
    """A worker could not be started."""


@dataclass(eq=False)
class _Worker:
    process: BaseProcess
    pipe: Connection
    ticket: int | None = None
    began_s: float = 0.0


class WorkerPool:
    """A context manager around the processes.

    Args:
        recipe: builds the maker in each process.
        root: the store that has the frames.
        count: processes, at least 1.

    Attributes:
        synthesizer: name of what the workers make variants with.
        attempts: most attempts at one variant.
        fallback: name of what makes the ones that the guard rejects, or None.

    Raises:
        WorkerError: a worker could not build its maker; the message says why.
    """

    def __init__(self, recipe: MakerRecipe, root: Path, count: int) -> None:
        if count < 1:
            raise ValueError(f"count is {count}; expected at least 1")
        self._recipe, self._root = recipe, root
        self._workers: list[_Worker] = []
        self._units: list[WorkUnit] = []
        self._waiting: deque[int] = deque()
        self._finished: dict[int, list[Outcome]] = {}
        self._deaths: dict[int, int] = {}
        try:
            for _ in range(count):
                self._workers.append(self._start())
            facts = [self._first_words(worker) for worker in self._workers]
        except BaseException:
            self.close()
            raise
        self.synthesizer: str = facts[0]["synthesizer"]
        self.attempts: int = facts[0]["attempts"]
        self.fallback: str | None = facts[0]["fallback"]

    def outcomes(self, units: Sequence[WorkUnit]) -> Iterator[list[Outcome]]:
        """Make units; yields each unit's outcomes in the order of `units`, at most a few units late."""
        tickets: list[int] = []
        for at in range(len(units)):
            # Results that wait for an earlier one lie in memory: run ahead a little, not without end.
            while len(tickets) < min(len(units), at + 4 * len(self._workers)):
                tickets.append(self._ticket(units[len(tickets)]))
                self._waiting.append(tickets[-1])
            yield self._result(tickets[at])

    def again(self, unit: WorkUnit) -> Outcome:
        """Make a unit of one task before all that waits; also between two results of `outcomes`."""
        ticket = self._ticket(unit)
        self._waiting.appendleft(ticket)
        return self._result(ticket)[0]

    def close(self) -> None:
        """End the workers; harmless when repeated."""
        for worker in self._workers:
            worker.pipe.close()
        for worker in self._workers:
            worker.process.terminate()
            worker.process.join()
        self._workers.clear()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _start(self) -> _Worker:
        context = get_context("spawn")
        ours, theirs = context.Pipe()
        process = context.Process(target=_serve, args=(theirs, self._recipe, self._root), daemon=True)
        process.start()
        theirs.close()
        return _Worker(process, ours)

    def _first_words(self, worker: _Worker) -> dict[str, Any]:
        try:
            facts: dict[str, Any] = worker.pipe.recv()
        except (EOFError, OSError) as error:
            worker.process.join()
            raise WorkerError(
                f"a worker process ended before it was ready, with status {worker.process.exitcode}: "
                "use fewer --workers if memory is short"
            ) from error
        if "error" in facts:
            raise WorkerError(facts["error"])
        return facts

    def _ticket(self, unit: WorkUnit) -> int:
        self._units.append(unit)
        return len(self._units) - 1

    def _result(self, wanted: int) -> list[Outcome]:
        while wanted not in self._finished:
            for worker in self._workers:
                if worker.ticket is None and self._waiting:
                    self._send(worker, self._waiting.popleft())
            busy = {worker.pipe: worker for worker in self._workers if worker.ticket is not None}
            for pipe in wait(list(busy)):
                self._receive(busy[pipe])  # type: ignore[index]  # wait() returns what it was given
        return self._finished.pop(wanted)

    def _receive(self, worker: _Worker) -> None:
        ticket = worker.ticket
        assert ticket is not None  # noqa: S101 - busy workers have one
        try:
            self._finished[ticket] = worker.pipe.recv()
            worker.ticket = None
        except (EOFError, OSError):
            self._deaths[ticket] = self._deaths.get(ticket, 0) + 1
            how = self._replace(worker)
            if self._deaths[ticket] < _MOST_DEATHS:
                self._waiting.appendleft(ticket)
                return
            seconds = time.perf_counter() - worker.began_s
            reason = f"the worker process died {_MOST_DEATHS} times ({how}); if it was {OUT_OF_MEMORY}"
            unit = self._units[ticket]
            self._finished[ticket] = [NotMade(unit.tasks[i], reason, seconds) for i in unit.wanted]

    def _send(self, worker: _Worker, ticket: int) -> None:
        worker.ticket, worker.began_s = ticket, time.perf_counter()
        try:
            worker.pipe.send(self._units[ticket])
        except OSError:
            return  # it has died; reading from it will say so

    def _replace(self, worker: _Worker) -> str:
        """Start another process in a dead worker's place; returns how that one ended."""
        worker.pipe.close()
        worker.process.join()
        code = worker.process.exitcode or 0
        at = self._workers.index(worker)
        self._workers[at] = self._start()
        self._first_words(self._workers[at])
        return f"signal {signal.Signals(-code).name}" if code < 0 else f"status {code}"


def _serve(pipe: Connection, recipe: MakerRecipe, root: Path) -> None:
    """A worker's life: build the maker, then answer units until the parent closes the pipe."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the parent, which ends its workers
    try:
        maker, store = recipe(), Store.read(root)
    except Exception as error:
        pipe.send({"error": str(error) or type(error).__name__})
        return
    fallback = None if maker.fallback is None else maker.fallback.name
    with contextlib.suppress(EOFError, OSError):  # the parent has closed the pipe, or was killed
        pipe.send({"synthesizer": maker.synthesizer.name, "attempts": maker.attempts, "fallback": fallback})
        while True:
            pipe.send(maker.make(store, pipe.recv()))
