"""`VariantMaker`: one batch of tasks -> pictures that the guard accepts, or the reason why there are none.

Order of events: the whole batch goes through the synthesizer at once; if that fails, frame by frame, so that one bad
frame costs only itself. What the guard rejects is made again alone with a seed derived from the first one, then by
the fallback if there is one, which is stored under its own name. Running out of memory is a failure that says so:
nothing smaller is tried behind the user's back.
"""

from __future__ import annotations

import math
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import Any, Protocol

import numpy as np

from augment.caption import Caption, Captioner, LabelCaptioner
from augment.conditions import CONDITIONS, Condition
from augment.frame_loading import join_batches, load_frames
from augment.prompt import Prompt, PromptStyle, compose_prompt
from augment.synthesizers.base import FrameBatch, Synthesizer
from augment.work import Made, NotMade, Outcome, VariantTask, WorkUnit, told_rejections
from carla_agents.data.records import StoredFile
from carla_agents.data.store import Store

OUT_OF_MEMORY = "out of memory; use a smaller --batch or fewer --workers, or a smaller model or picture size"


class GuardVerdict(Protocol):
    """What a guard says of one variant."""

    @property
    def accepted(self) -> bool: ...
    @property
    def reason(self) -> str: ...
    @property
    def figures(self) -> dict[str, float]: ...


class VariantGuard(Protocol):
    """Decides whether variants still show what their labels say; `augment.guard.Guard` is one."""

    @property
    def provenance(self) -> dict[str, Any]: ...

    def __call__(
        self, frames: FrameBatch, variants: np.ndarray, targets: list[Condition]
    ) -> Sequence[GuardVerdict]: ...


@dataclass(frozen=True)
class MakingConfig:
    """How variants are made, whoever makes them."""

    retries: int = 2
    """Further attempts, each with another seed, at a variant that the guard rejects."""
    style: PromptStyle = field(default_factory=PromptStyle)
    """Style and negative words of every prompt."""

    def __post_init__(self) -> None:
        if not 0 <= self.retries <= 100:
            raise ValueError(f"retries is {self.retries}; expected 0 to 100")


@dataclass(frozen=True, eq=False)
class _Item:
    """One task with its frame loaded."""

    index: int
    task: VariantTask
    target: Condition
    caption: Caption
    prompt: Prompt


class VariantMaker:
    """Makes units of work; the same unit gives the same outcomes, except for the seconds.

    Args:
        synthesizer: what makes the pictures.
        config: how.
        guard: what judges them; None accepts all, and every variant says that nothing judged it.
        fallback: what makes those that the guard rejects at every attempt; None leaves them out.
        captioner: what describes the frames; None reads the labels.
        marks: further facts for the provenance of every variant.
    """

    def __init__(
        self,
        synthesizer: Synthesizer,
        config: MakingConfig | None = None,
        *,
        guard: VariantGuard | None = None,
        fallback: Synthesizer | None = None,
        captioner: Captioner | None = None,
        marks: dict[str, Any] | None = None,
    ) -> None:
        if fallback is not None and guard is None:
            raise ValueError("a fallback is for variants that a guard rejects, and there is no guard: leave one out")
        if fallback is not None and fallback.name == synthesizer.name:
            raise ValueError(f"the fallback is {fallback.name}, as the synthesizer itself: choose another")
        self.synthesizer = synthesizer
        self.config = config or MakingConfig()
        self.fallback = fallback
        self._guard = guard
        self._captioner: Captioner = captioner or LabelCaptioner()
        self._marks = dict(marks or {})
        # The frame read last: its variants are made one after the other, and are read from disk once.
        self._last: tuple[StoredFile, FrameBatch, Caption] | None = None

    @property
    def attempts(self) -> int:
        """Most attempts at one variant."""
        return 1 if self._guard is None else 1 + self.config.retries

    def make(self, store: Store, unit: WorkUnit) -> list[Outcome]:
        """Make the wanted tasks of a unit.

        Args:
            store: has the frames.
            unit: what to make.

        Returns:
            One outcome for each wanted task, in their order.
        """
        if unit.rejected:
            return [self._again(store, unit)]
        began = time.perf_counter()
        failures: dict[int, str] = {}
        items: list[_Item] = []
        batches: list[FrameBatch] = []
        for index, task in enumerate(unit.tasks):
            try:
                item, batch = self._load(store, index, task)
            except Exception as error:  # whatever is wrong with one frame must not end a job of hours
                failures[index] = _reason(error)
            else:
                items.append(item)
                batches.append(batch)
        variants: dict[int, np.ndarray] = {}
        if items:
            try:
                made = _synthesize(self.synthesizer, join_batches(batches), items, [item.task.seed for item in items])
                variants = dict(zip((item.index for item in items), made, strict=True))
            except Exception as error:
                if len(items) == 1 or _is_out_of_memory(error):
                    failures.update(dict.fromkeys((item.index for item in items), _reason(error)))
                else:
                    self._one_by_one(items, batches, variants, failures)
        shared_s = (time.perf_counter() - began) / max(len(unit.tasks), 1)
        outcomes: dict[int, Outcome] = {
            index: NotMade(unit.tasks[index], reason, shared_s) for index, reason in failures.items()
        }
        for item, batch in zip(items, batches, strict=True):
            if item.index in unit.wanted and item.index in variants:
                outcomes[item.index] = self._judged(item, batch, variants[item.index], shared_s)
        return [outcomes[index] for index in unit.wanted]

    def _again(self, store: Store, unit: WorkUnit) -> Outcome:
        """The next attempt at a unit's only task, which others have rejected so far."""
        began = time.perf_counter()
        try:
            item, batch = self._load(store, 0, unit.tasks[0])
        except Exception as error:  # as in make()
            return NotMade(unit.tasks[0], _reason(error), time.perf_counter() - began)
        return self._judged(item, batch, None, time.perf_counter() - began, unit.rejected)

    def _load(self, store: Store, index: int, task: VariantTask) -> tuple[_Item, FrameBatch]:
        if task.condition not in CONDITIONS:
            raise ValueError(f"unknown condition {task.condition!r}; known are {', '.join(CONDITIONS)}")
        target = CONDITIONS[task.condition]
        frame = store.frame(task.key)
        if self._last is None or self._last[0] is not frame.files["rgb"]:
            batch = load_frames([frame], sources=None if task.source is None else [Condition.parse(task.source)])
            depth_m = None if batch.depth_m is None else batch.depth_m[0]
            self._last = (frame.files["rgb"], batch, self._captioner(batch.rgb[0], batch.seg[0], depth_m))
        _, batch, caption = self._last
        prompt = compose_prompt(caption, target, self.config.style)
        return _Item(index, task, target, caption, prompt), replace(batch, prompts=(prompt,))

    def _one_by_one(
        self,
        items: list[_Item],
        batches: list[FrameBatch],
        variants: dict[int, np.ndarray],
        failures: dict[int, str],
    ) -> None:
        for item, batch in zip(items, batches, strict=True):
            try:
                variants[item.index] = _synthesize(self.synthesizer, batch, [item], [item.task.seed])[0]
            except Exception as error:
                failures[item.index] = _reason(error)

    def _judged(
        self,
        item: _Item,
        batch: FrameBatch,
        variant: np.ndarray | None,
        shared_s: float,
        before: Sequence[dict[str, Any]] = (),
    ) -> Outcome:
        """The variant of the first attempt, or another attempt at it, if the guard lets it pass."""
        began = time.perf_counter()

        def seconds() -> float:
            return shared_s + time.perf_counter() - began

        rejected = list(before)
        try:
            for attempt in range(len(before), self.attempts):
                seed = item.task.attempt_seed(attempt)
                if variant is None or attempt:
                    variant = _synthesize(self.synthesizer, batch, [item], [seed])[0]
                verdict = self._verdict(batch, variant, item.target)
                if verdict is None or verdict["accepted"]:
                    provenance = self._provenance(self.synthesizer, item, batch, verdict, rejected)
                    return Made(item.task, seed, variant, provenance, seconds())
                rejected.append({"synthesizer": self.synthesizer.name, "seed": seed, **verdict})
            if self.fallback is not None:
                variant = _synthesize(self.fallback, batch, [item], [item.task.seed])[0]
                verdict = self._verdict(batch, variant, item.target)
                if verdict is None or verdict["accepted"]:
                    provenance = self._provenance(self.fallback, item, batch, verdict, rejected)
                    provenance["fallback_for"] = self.synthesizer.name
                    reason = f"{told_rejections(rejected)}; made by {self.fallback.name} instead"
                    return Made(item.task, item.task.seed, variant, provenance, seconds(), reason)
                rejected.append({"synthesizer": self.fallback.name, "seed": item.task.seed, **verdict})
        except Exception as error:  # as in make()
            told = f"; before that, {told_rejections(rejected)}" if rejected else ""
            return NotMade(item.task, f"{_reason(error)}{told}", seconds())
        return NotMade(item.task, told_rejections(rejected), seconds())

    def _verdict(self, batch: FrameBatch, variant: np.ndarray, target: Condition) -> dict[str, Any] | None:
        if self._guard is None:
            return None
        verdict = self._guard(batch, variant[None], [target])[0]
        # The index holds finite numbers only; a figure that could not be measured is None there.
        figures = {k: float(v) if math.isfinite(v) else None for k, v in verdict.figures.items()}
        return {"accepted": bool(verdict.accepted), "reason": verdict.reason, "figures": figures}

    def _provenance(
        self,
        synthesizer: Synthesizer,
        item: _Item,
        batch: FrameBatch,
        verdict: dict[str, Any] | None,
        rejected: list[dict[str, Any]],
    ) -> dict[str, Any]:
        caption = {"by": item.caption.captioner, "with": self._captioner.provenance}
        if item.caption.dropped:
            caption["dropped"] = list(item.caption.dropped)
        guard = None
        if self._guard is not None and verdict is not None:
            guard = {"with": self._guard.provenance, **verdict, "rejected_before": rejected}
        return {
            "synthesizer": synthesizer.name,
            "made_with": synthesizer.provenance,
            "source": batch.sources[0].name,
            "weather": asdict(item.target.to_weather()),
            "prompt": asdict(item.prompt),
            "caption": caption,
            "guard": guard,
            **self._marks,
        }


def _synthesize(
    synthesizer: Synthesizer, batch: FrameBatch, items: Sequence[_Item], seeds: Sequence[int]
) -> np.ndarray:
    variants = synthesizer(batch, [item.target for item in items], np.array(seeds, np.uint64))
    if np.issubdtype(variants.dtype, np.floating) and not np.isfinite(variants).all():
        raise ValueError(
            f"{synthesizer.name} returned numbers that are not finite (NaN or infinity); try 32-bit floats, "
            "or other weights"
        )
    if variants.shape != batch.rgb.shape or variants.dtype != np.uint8:
        raise ValueError(
            f"{synthesizer.name} returned {variants.shape} {variants.dtype}, expected {batch.rgb.shape} uint8; "
            "run check_synthesizer on it"
        )
    return variants


def _is_out_of_memory(error: Exception) -> bool:
    names = {kind.__name__ for kind in type(error).__mro__}
    return bool(names & {"MemoryError", "OutOfMemoryError"}) or "can't allocate memory" in str(error)


def _reason(error: Exception) -> str:
    if _is_out_of_memory(error):
        return f"{OUT_OF_MEMORY} ({type(error).__name__}: {str(error)[:200]})"
    return f"{type(error).__name__}: {error}"
