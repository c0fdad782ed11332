"""Units of synthesis: what to make, said in a few plain values, and what came of it.

A unit can be sent to another process or machine. What comes of it depends on the unit, the stored frames and the
`VariantMaker` alone, never on what else was made before or beside it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from augment.seeds import derive_seed


@dataclass(frozen=True)
class VariantTask:
    """One variant to make.

    Attributes:
        key: of the stored frame.
        condition: name of the target condition.
        seed: of the first attempt.
        source: condition that the frame shows, where an audit found it out; None takes what was recorded.
    """

    key: str
    condition: str
    seed: int
    source: str | None = None

    def attempt_seed(self, attempt: int) -> int:
        """The seed of the n-th attempt, from 0: a variant that the guard rejects is made again with another seed."""
        return self.seed if attempt == 0 else derive_seed(self.seed, "attempt", attempt)


@dataclass(frozen=True)
class WorkUnit:
    """Tasks that go through the synthesizer as one batch.

    Attributes:
        number: place in the job, from 0.
        tasks: the whole batch, also those that are there already: a network may round differently in another batch.
        wanted: indices of the tasks that are still to be made.
        rejected: verdicts on earlier attempts at the unit's only task: it is made again with the next seed.
    """

    number: int
    tasks: tuple[VariantTask, ...]
    wanted: tuple[int, ...]
    rejected: tuple[dict[str, Any], ...] = ()


@dataclass(frozen=True, eq=False)
class Made:
    """A variant.

    Attributes:
        task: what was asked for.
        seed: that it was made with; another than the task's if the guard rejected the first attempt.
        rgb: (H, W, 3) uint8 RGB.
        provenance: for the store.
        seconds: wall time, retries included; a batch's time is shared evenly.
        rejection: why the asked synthesizer's own pictures were rejected, where this one is by the fallback.
    """

    task: VariantTask
    seed: int
    rgb: np.ndarray
    provenance: dict[str, Any]
    seconds: float
    rejection: str | None = None


@dataclass(frozen=True)
class NotMade:
    """A variant that could not be made.

    Attributes:
        task: what was asked for.
        reason: what happened, and what to do.
        seconds: wall time spent on it.
    """

    task: VariantTask
    reason: str
    seconds: float


Outcome = Made | NotMade


def told_rejections(rejected: Sequence[dict[str, Any]]) -> str:
    """Verdicts of the guard in one line."""
    lines = (f"seed {r['seed']} by {r['synthesizer']}: {r['reason']}" for r in rejected)
    return f"rejected by the guard {len(rejected)} times: " + "; ".join(lines)


def cut_units(tasks: Sequence[VariantTask], batch_size: int, kinds: Sequence[Any]) -> list[tuple[VariantTask, ...]]:
    """Cut a job into batches: neighbours in the list, of one kind, at most `batch_size` of them.

    Where it is cut depends on the list alone, not on what was made already.

    Args:
        tasks: the whole job.
        batch_size: at least 1.
        kinds: one for each task: what the frames of a batch must share (size, planes, camera).
    """
    units: list[tuple[VariantTask, ...]] = []
    start = 0
    for at in range(1, len(tasks) + 1):
        if at == len(tasks) or at - start == batch_size or kinds[at] != kinds[start]:
            units.append(tuple(tasks[start:at]))
            start = at
    return units


def share_of_units(
    units: Sequence[Sequence[VariantTask]], before: Sequence[VariantTask | None], shard: tuple[int, int]
) -> list[int]:
    """Numbers of the units that belong to the k-th of n shares.

    Units whose variants are compared with each other stay in one share; the shares take turns.

    Args:
        units: of `cut_units`.
        before: for each task of the job the one that its variant is compared with.
        shard: (k, n), k from 1.
    """
    unit_of = {task: number for number, unit in enumerate(units) for task in unit}
    first = list(range(len(units)))  # of each unit, a unit of the same share that comes before it, or itself

    def root(number: int) -> int:
        while first[number] != number:
            number = first[number]
        return number

    for task, earlier in zip((task for unit in units for task in unit), before, strict=True):
        if earlier is not None:
            one, other = sorted((root(unit_of[task]), root(unit_of[earlier])))
            first[other] = one
    roots = [root(number) for number in range(len(units))]
    share = {number: place % shard[1] for place, number in enumerate(sorted(set(roots)))}
    return [number for number, of in enumerate(roots) if share[of] == shard[0] - 1]
