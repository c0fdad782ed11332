"""The offline job: make the planned variants of a recorded store, resumable and the same bytes every time.

The list of tasks is a pure function of the store and the configuration or plan file; seeds come from names, never
from the order of work, and outcomes are written in the order of the list whoever made them. A variant already in the
store is not made again, so a killed job continues where it stopped and ends with the files that an uninterrupted one
writes. Only the times, which differ from run to run, go into a file of their own (`TIMES_FILE`).
"""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from augment.conditions import DOMINANT, HELD_OUT, Condition
from augment.frame_loading import batch_kind, cameras_of
from augment.seeds import derive_seed
from augment.variant_maker import VariantMaker
from augment.variant_part import VariantPart
from augment.work import Made, NotMade, Outcome, VariantTask, WorkUnit, cut_units
from carla_agents.data.store import Store
from carla_agents.data.store_writer import StoreWriter

TIMES_FILE = "synthesis_times.jsonl"
"""One line of JSON for every variant made: how long it took. No part of what is the same in every run."""
_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class SynthesizeConfig:
    """Which variants to make, where no plan file says it."""

    conditions: tuple[str, ...] = (HELD_OUT.name,)
    """Target conditions, e.g. `rain-night fog-day`."""
    source: str = DOMINANT.name
    """Only frames recorded in this condition are used."""
    split: str = "train"
    """Only routes of this split are used."""
    every: int = 1
    """Use every k-th frame of a route."""
    variants_per_frame: int = 1
    """Variants of each frame and condition, with different seeds."""
    seed: int = 0
    """Every seed of the job derives from it."""

    def __post_init__(self) -> None:
        if not self.conditions:
            raise ValueError("conditions is empty; name at least one target condition")
        for name in (*self.conditions, self.source):
            Condition.parse(name)
        if len(set(self.conditions)) != len(self.conditions):
            raise ValueError(f"conditions is {self.conditions}; each may be named once")
        for name in ("every", "variants_per_frame"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} is {getattr(self, name)}; expected at least 1")


@dataclass(frozen=True)
class SynthesizeReport:
    """What a call did.

    Attributes:
        planned: tasks of the job, or of its shard.
        made: variants made by this call, those of the fallback included.
        kept: found from an earlier call.
        failed: could not be made by this call.
        failed_earlier: recorded as failed before and not tried again.
        by_fallback: of those made by this call, the ones that the fallback made.
    """

    planned: int
    made: int
    kept: int
    failed: int
    failed_earlier: int
    by_fallback: int = 0


class Engine(Protocol):
    """What makes units: a `LocalEngine`, or a `WorkerPool`."""

    @property
    def synthesizer(self) -> str: ...
    @property
    def attempts(self) -> int: ...
    @property
    def fallback(self) -> str | None: ...

    def outcomes(self, units: Sequence[WorkUnit]) -> Iterator[list[Outcome]]: ...


class LocalEngine:
    """Makes units in this process.

    Args:
        maker: makes them.
        store: has the frames.
    """

    def __init__(self, maker: VariantMaker, store: Store) -> None:
        self.synthesizer = maker.synthesizer.name
        self.attempts = maker.attempts
        self.fallback = None if maker.fallback is None else maker.fallback.name
        self._maker, self._store = maker, store

    def outcomes(self, units: Sequence[WorkUnit]) -> Iterator[list[Outcome]]:
        """See `WorkerPool.outcomes`."""
        for unit in units:
            yield self._maker.make(self._store, unit)


def plan_variants(store: Store, config: SynthesizeConfig) -> list[VariantTask]:
    """The variants that the configuration asks for, frame by frame in order of recording.

    Raises:
        ValueError: no frame of the store fits; the message says what the store has.
    """
    frames = store.frames(lambda f: f.ordinal % config.every == 0, condition=config.source, split=config.split)
    if not frames:
        present = sorted({(f.condition, f.split) for f in store.frames()})
        raise ValueError(
            f"no frame of {store.root} was recorded in {config.source} for split {config.split!r}; "
            f"it has (condition, split) {present}"
        )
    return [
        VariantTask(frame.key, name, variant_seed(config.seed, frame.key, name, number))
        for frame in frames
        for name in config.conditions
        for number in range(config.variants_per_frame)
    ]


def variant_seed(job_seed: int, key: str, condition: str, number: int) -> int:
    """The seed of the n-th variant of a frame under a condition, from 0."""
    return derive_seed(job_seed, key, condition, number)


def synthesize(
    store: Store,
    into: StoreWriter | VariantPart,
    tasks: Sequence[VariantTask],
    engine: Engine,
    on_progress: Callable[[int, int, str], None] | None = None,
    *,
    batch_size: int = 1,
    shard: tuple[int, int] = (1, 1),
    retry_failed: bool = False,
) -> SynthesizeReport:
    """Make the tasks that are missing and keep them with their provenance.

    A frame that cannot be read or shown under a condition is logged, recorded as failed, and skipped: one bad frame
    does not end the job. A disk that refuses to be written does.

    Args:
        store: has the frames.
        into: the store itself, opened for writing, or a part to be merged later.
        tasks: the whole job.
        engine: makes units.
        on_progress: called after each task with (done, planned, frame key).
        batch_size: tasks that go through the synthesizer at once.
        shard: (k, n): make the k-th of n shares of the batches, k from 1.
        retry_failed: try again what an earlier run recorded as failed.

    Returns:
        How many were made, kept and failed.

    Raises:
        ValueError: a task names a frame that the store does not have, or batch_size or shard make no sense.
        StoreError: the disk refused a write.
    """
    if batch_size < 1 or not 1 <= shard[0] <= shard[1]:
        raise ValueError(f"batch_size is {batch_size} and shard {shard}; expected at least 1, and (k, n) with k <= n")
    cameras = cameras_of(store)
    units = cut_units(tasks, batch_size, [batch_kind(store.frame(task.key), cameras) for task in tasks])
    ours = range(shard[0] - 1, len(units), shard[1])
    job = _Job(store, into, engine, retry_failed)
    first_order = [0]
    for batch in units:
        first_order.append(first_order[-1] + len(batch))
    work = [WorkUnit(number, units[number], job.wanted(units[number])) for number in ours]
    planned = sum(len(unit.tasks) for unit in work)
    outcomes = engine.outcomes([unit for unit in work if unit.wanted])
    done = 0
    for unit in work:
        made = dict(zip(unit.wanted, next(outcomes), strict=True)) if unit.wanted else {}
        for index, task in enumerate(unit.tasks):
            if index in made:
                job.keep(first_order[unit.number] + index, made[index])
            done += 1
            if on_progress is not None:
                on_progress(done, planned, task.key)
    counts = job.counts
    return SynthesizeReport(
        planned, counts["made"], counts["kept"], counts["failed"], counts["failed_earlier"], counts["by_fallback"]
    )


class _Job:
    """What is there already, and how what comes is kept."""

    def __init__(self, store: Store, into: StoreWriter | VariantPart, engine: Engine, retry_failed: bool) -> None:
        self._store, self._into, self._engine = store, into, engine
        self._times = Path(into.root) / TIMES_FILE
        self.counts = dict.fromkeys(("made", "kept", "failed", "failed_earlier", "by_fallback"), 0)
        self._given_up: set[tuple[str, str, int]] = set()
        if not retry_failed:
            failures = [*store.failures(), *(into.failures() if isinstance(into, VariantPart) else ())]
            self._given_up = {(f.key, f.condition, f.seed) for f in failures if f.synthesizer == engine.synthesizer}

    def wanted(self, tasks: Sequence[VariantTask]) -> tuple[int, ...]:
        """Indices of the tasks still to be made; counts the others."""
        out = []
        for index, task in enumerate(tasks):
            given_up = (task.key, task.condition, task.seed) in self._given_up
            if any(self._has(task, task.attempt_seed(n)) for n in range(self._engine.attempts)) or (
                given_up and self._engine.fallback and self._has(task, task.seed, self._engine.fallback)
            ):
                self.counts["kept"] += 1
            elif given_up:
                self.counts["failed_earlier"] += 1
            else:
                out.append(index)
        return tuple(out)

    def keep(self, order: int, outcome: Outcome) -> None:
        """Write one outcome."""
        task = outcome.task
        if isinstance(outcome, NotMade):
            _log.warning("no %s variant of %s: %s", task.condition, task.key, outcome.reason)
            self._add_failure(order, task, outcome.reason)
            self.counts["failed"] += 1
        else:
            maker = outcome.provenance["synthesizer"]
            # A fallback's picture may be there already, from a job that asked for it by name: it is the same.
            if not self._has(task, outcome.seed, maker):
                self._add_variant(order, task, outcome)
            if outcome.rejection is not None:
                self._add_failure(order, task, outcome.rejection)
                self.counts["by_fallback"] += 1
            self.counts["made"] += 1
        self._note_time(outcome)

    def _has(self, task: VariantTask, seed: int, synthesizer: str | None = None) -> bool:
        name = synthesizer or self._engine.synthesizer
        if isinstance(self._into, VariantPart) and self._into.has_variant(task.key, task.condition, name, seed):
            return True
        return self._store_of().variant(task.key, task.condition, name, seed) is not None

    def _store_of(self) -> Store:
        return self._store if isinstance(self._into, VariantPart) else self._into

    def _add_variant(self, order: int, task: VariantTask, made: Made) -> None:
        if isinstance(self._into, VariantPart):
            self._into.add_variant(order, task, made.seed, made.rgb, made.provenance)
        else:
            self._into.add_variant(task.key, task.condition, made.seed, made.rgb, made.provenance)

    def _add_failure(self, order: int, task: VariantTask, reason: str) -> None:
        if isinstance(self._into, VariantPart):
            self._into.add_failure(order, task, self._engine.synthesizer, reason)
        else:
            self._into.add_failure(task.key, task.condition, task.seed, self._engine.synthesizer, reason)

    def _note_time(self, outcome: Outcome) -> None:
        task = outcome.task
        line: dict[str, Any] = {
            "key": task.key,
            "condition": task.condition,
            "synthesizer": self._engine.synthesizer,
            "seed": task.seed,
            "seconds": round(outcome.seconds, 4),
            "made": isinstance(outcome, Made),
        }
        with self._times.open("a", encoding="utf-8") as file:
            file.write(json.dumps(line) + "\n")
