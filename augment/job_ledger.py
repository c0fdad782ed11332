"""`JobLedger`: which variants of a job are there already, and how those that come are kept."""

from __future__ import annotations

import json
import logging
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from augment.variant_part import VariantPart
from augment.work import Made, NotMade, Outcome, VariantTask
from carla_agents.data.store import Store
from carla_agents.data.store_writer import StoreWriter

TIMES_FILE = "synthesis_times.jsonl"
"""One line of JSON for every variant made: how long it took. No part of what is the same in every run."""
_log = logging.getLogger("augment.synthesize")


class JobLedger:
    """What one call of `synthesize` reads and writes.

    Args:
        store: has the frames.
        into: the store itself, opened for writing, or a part.
        synthesizer: name of what is asked for.
        fallback: name of what makes the variants that the guard rejects, or None.
        attempts: most attempts at one variant.
        retry_failed: an earlier failure does not count.

    Attributes:
        counts: made, kept, failed, failed_earlier, by_fallback.
    """

    def __init__(
        self,
        store: Store,
        into: StoreWriter | VariantPart,
        synthesizer: str,
        fallback: str | None,
        attempts: int,
        retry_failed: bool,
    ) -> None:
        self._into = into
        self._kept_in = store if isinstance(into, VariantPart) else into
        self._synthesizer, self._fallback, self._attempts = synthesizer, fallback, attempts
        self._times = Path(into.root) / TIMES_FILE
        self.counts = dict.fromkeys(("made", "kept", "failed", "failed_earlier", "by_fallback"), 0)
        self._given_up: set[tuple[str, str, int]] = set()
        if not retry_failed:
            failures = [*store.failures(), *(into.failures() if isinstance(into, VariantPart) else ())]
            self._given_up = {(f.key, f.condition, f.seed) for f in failures if f.synthesizer == synthesizer}

    def wanted(self, tasks: Sequence[VariantTask]) -> tuple[int, ...]:
        """Indices of the tasks still to be made; counts the others."""
        out = []
        for index, task in enumerate(tasks):
            given_up = (task.key, task.condition, task.seed) in self._given_up
            if self._seed_kept(task, self._synthesizer) is not None or (
                given_up and self._fallback and self._has(task, task.seed, self._fallback)
            ):
                self.counts["kept"] += 1
            elif given_up:
                self.counts["failed_earlier"] += 1
            else:
                out.append(index)
        return tuple(out)

    def kept(self, task: VariantTask, synthesizer: str) -> tuple[int, np.ndarray] | None:
        """Seed and picture of the variant that a task has come to, by that synthesizer; None if there is none.

        Raises:
            StoreError: the picture is missing or damaged.
        """
        seed = self._seed_kept(task, synthesizer)
        if seed is None:
            return None
        if isinstance(self._into, VariantPart):
            found = self._into.variant_rgb(task.key, task.condition, synthesizer, seed)
            if found is not None:
                return seed, found
        variant = self._kept_in.variant(task.key, task.condition, synthesizer, seed)
        assert variant is not None  # noqa: S101 - it was found before
        return seed, variant.load_rgb()

    def keep(self, order: int, outcome: Outcome) -> None:
        """Write one outcome.

        Args:
            order: place of its task in the job.
            outcome: what came of the task.

        Raises:
            StoreError: the disk refused a write.
        """
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

    def _seed_kept(self, task: VariantTask, synthesizer: str) -> int | None:
        attempts = self._attempts if synthesizer == self._synthesizer else 1
        seeds = (task.attempt_seed(n) for n in range(attempts))
        return next((seed for seed in seeds if self._has(task, seed, synthesizer)), None)

    def _has(self, task: VariantTask, seed: int, synthesizer: str) -> bool:
        if isinstance(self._into, VariantPart) and self._into.has_variant(
            task.key, task.condition, synthesizer, seed
        ):
            return True
        return self._kept_in.variant(task.key, task.condition, synthesizer, seed) is not None

    def _add_variant(self, order: int, task: VariantTask, made: Made) -> None:
        if isinstance(self._into, VariantPart):
            self._into.add_variant(order, task, made.seed, made.rgb, made.provenance)
        else:
            self._into.add_variant(task.key, task.condition, made.seed, made.rgb, made.provenance)

    def _add_failure(self, order: int, task: VariantTask, reason: str) -> None:
        if isinstance(self._into, VariantPart):
            self._into.add_failure(order, task, self._synthesizer, reason)
        else:
            self._into.add_failure(task.key, task.condition, task.seed, self._synthesizer, reason)

    def _note_time(self, outcome: Outcome) -> None:
        task = outcome.task
        line: dict[str, Any] = {
            "key": task.key,
            "condition": task.condition,
            "synthesizer": self._synthesizer,
            "seed": task.seed,
            "seconds": round(outcome.seconds, 4),
            "made": isinstance(outcome, Made),
        }
        with self._times.open("a", encoding="utf-8") as file:
            file.write(json.dumps(line) + "\n")
