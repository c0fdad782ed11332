"""Flicker in a job: a variant is compared with the one that was kept for the moment before.

The comparison needs two variants, so it cannot be made where one frame is made alone. It is made where outcomes are
kept, in the order of the job, with the picture that is in the store by then: so the verdict depends on the job and
on nothing else, neither on who made a picture, nor on where an earlier run was killed.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from augment.conditions import Condition
from augment.frame_loading import load_frames
from augment.guards.flicker import flicker, moment
from augment.job_ledger import JobLedger
from augment.synthesizers.base import FrameBatch
from augment.work import Made, NotMade, Outcome, VariantTask, WorkUnit, told_rejections
from carla_agents.data.store import Store


def moments_before(tasks: Sequence[VariantTask]) -> list[VariantTask | None]:
    """For each task the one whose variant its own is compared with: of the moment before in the same drive.

    The n-th variants of two frames under one condition belong together. Only an earlier task of the job counts: its
    variant is kept by the time that it is needed.
    """
    numbers = Counter[tuple[str, str]]()
    seen: dict[tuple[str, int, str, int], VariantTask] = {}
    before: list[VariantTask | None] = []
    for task in tasks:
        nth = numbers[task.key, task.condition]
        numbers[task.key, task.condition] += 1
        found = moment(task.key)
        if found is None:
            before.append(None)
            continue
        route, number = found
        before.append(seen.get((route, number - 1, task.condition, nth)))
        seen[route, number, task.condition, nth] = task
    return before


class DriveFlicker:
    """Judges what the makers' guard has accepted, and asks for another attempt where it flickers.

    Args:
        store: has the frames.
        ledger: has the variants that were kept.
        again: makes the next attempt at a unit's only task.
        most: the largest figure of `augment.guards.flicker.flicker` that is accepted.
    """

    def __init__(self, store: Store, ledger: JobLedger, again: Callable[[WorkUnit], Outcome], most: float) -> None:
        if not most > 0.0:
            raise ValueError(f"most is {most}; expected a share of the brightness above 0")
        self._store, self._ledger, self._again, self._most = store, ledger, again, most
        # The frames compared last: the same two are compared under one condition after the other.
        self._last: tuple[tuple[str, str], FrameBatch] | None = None

    def settled(self, outcome: Outcome, before: VariantTask | None) -> Outcome:
        """The outcome, its figure in the guard's record; or what came of further attempts.

        Args:
            outcome: what a maker made of a task.
            before: the task of the moment before, if the job has it.
        """
        while isinstance(outcome, Made) and outcome.provenance["guard"] is not None and before is not None:
            try:
                verdict = self._verdict(outcome, before)
            except Exception as error:  # a frame that cannot be read must not end a job of hours
                reason = f"flicker could not be judged: {type(error).__name__}: {error}"
                return NotMade(outcome.task, reason, outcome.seconds)
            if verdict is None:
                return outcome
            guard = {**outcome.provenance["guard"], **verdict}
            if verdict["accepted"]:
                return replace(outcome, provenance={**outcome.provenance, "guard": guard})
            outcome = self._next(outcome, guard)
        return outcome

    def _next(self, outcome: Made, guard: dict[str, Any]) -> Outcome:
        earlier, task = guard.pop("rejected_before"), outcome.task
        guard.pop("with")
        rejected = (*earlier, {"synthesizer": outcome.provenance["synthesizer"], "seed": outcome.seed, **guard})
        if outcome.rejection is not None:  # this was the fallback's, and nobody comes after it
            return NotMade(task, told_rejections(rejected), outcome.seconds)
        found = self._again(WorkUnit(0, (task,), (0,), rejected))
        return replace(found, seconds=outcome.seconds + found.seconds)

    def _verdict(self, made: Made, before: VariantTask) -> dict[str, Any] | None:
        """What changes in the guard's record; None where nothing can be compared."""
        synthesizer = made.provenance["synthesizer"]
        frames = self._frames(before, made.task)
        if frames.depth_m is None or frames.camera is None:
            return None
        # A picture by another synthesizer has another look; to change from one to the other is no flicker.
        kept = self._ledger.kept(before, synthesizer)
        if kept is None:
            return None
        seed, rgb = kept
        figure = flicker(frames, np.stack([rgb, made.rgb]), 0, 1)
        if figure is None or not math.isfinite(figure):
            return None
        accepted = figure <= self._most
        return {
            "accepted": accepted,
            "reason": "" if accepted else f"flicker is {figure:.3f}, at most {self._most:.3f} is wanted",
            "figures": {**made.provenance["guard"]["figures"], "flicker": figure},
            "compared_with": {"frame": before.key, "seed": seed},
        }

    def _frames(self, before: VariantTask, task: VariantTask) -> FrameBatch:
        keys = before.key, task.key
        if self._last is None or self._last[0] != keys:
            sources = None if task.source is None else [Condition.parse(task.source)] * 2
            self._last = keys, load_frames([self._store.frame(key) for key in keys], sources=sources)
        return self._last[1]
