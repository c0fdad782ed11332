"""The offline job: make the planned variants of a recorded store, resumable and the same bytes every time.

The list of tasks is a pure function of the store and the configuration or plan file; seeds come from names, never
from the order of work, and outcomes are written in the order of the list whoever made them. A variant already in the
store is not made again, so a killed job continues where it stopped and ends with the files that an uninterrupted one
writes. Only the times, which differ from run to run, go into a file of their own (`augment.job_ledger.TIMES_FILE`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol

from augment.conditions import DOMINANT, HELD_OUT, Condition
from augment.drive_flicker import DriveFlicker, moments_before
from augment.frame_loading import batch_kind, cameras_of
from augment.job_ledger import JobLedger
from augment.seeds import derive_seed
from augment.variant_maker import VariantMaker
from augment.variant_part import VariantPart
from augment.work import Outcome, VariantTask, WorkUnit, cut_units, share_of_units
from carla_agents.data.store import Store
from carla_agents.data.store_writer import StoreWriter


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

    def again(self, unit: WorkUnit) -> Outcome: ...


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

    def again(self, unit: WorkUnit) -> Outcome:
        """See `WorkerPool.again`."""
        return self._maker.make(self._store, unit)[0]


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
    most_flicker: float | None = None,
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
        shard: (k, n): make the k-th of n shares of the batches, k from 1; frames whose variants are compared for
            flicker stay in one share.
        retry_failed: try again what an earlier run recorded as failed.
        most_flicker: what the engine's guard accepts is also compared with the variant of the moment before, if the
            job has one, and made again where the figure of `augment.guards.flicker` is above this; None does not.

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
    before = [None] * len(tasks) if most_flicker is None else moments_before(tasks)
    ledger = JobLedger(store, into, engine.synthesizer, engine.fallback, engine.attempts, retry_failed)
    judge = None if most_flicker is None else DriveFlicker(store, ledger, engine.again, most_flicker)
    first_order = [0]
    for batch in units:
        first_order.append(first_order[-1] + len(batch))
    ours = share_of_units(units, before, shard)
    work = [WorkUnit(number, units[number], ledger.wanted(units[number])) for number in ours]
    planned = sum(len(unit.tasks) for unit in work)
    outcomes = engine.outcomes([unit for unit in work if unit.wanted])
    done = 0
    for unit in work:
        made = dict(zip(unit.wanted, next(outcomes), strict=True)) if unit.wanted else {}
        for index, task in enumerate(unit.tasks):
            order = first_order[unit.number] + index
            if index in made:
                ledger.keep(order, made[index] if judge is None else judge.settled(made[index], before[order]))
            done += 1
            if on_progress is not None:
                on_progress(done, planned, task.key)
    counts = ledger.counts
    return SynthesizeReport(
        planned, counts["made"], counts["kept"], counts["failed"], counts["failed_earlier"], counts["by_fallback"]
    )
