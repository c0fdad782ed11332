"""The offline job: make the planned variants of a recorded store, resumable and the same bytes every time.

The plan is a pure function of the store and the configuration; seeds come from names, never from the order of work.
A variant already in the store is not made again, so a killed job continues where it stopped and ends with the files
that an uninterrupted one writes.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import asdict, dataclass

import numpy as np

from augment.conditions import CONDITIONS, DOMINANT, HELD_OUT, Condition
from augment.prompt import make_prompt
from augment.seeds import derive_seed
from augment.synthesizers.base import FrameBatch, Synthesizer
from carla_agents.data.records import StoredFrame
from carla_agents.data.store import Store
from carla_agents.data.store_writer import StoreWriter

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class SynthesizeConfig:
    """Which variants to make."""

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
    retry_failed: bool = False
    """Try again what an earlier run recorded as failed."""

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
class PlannedVariant:
    """One variant to make.

    Attributes:
        frame: the recorded frame.
        target: the condition to show.
        seed: derived from (run seed, frame key, condition, number of the variant).
    """

    frame: StoredFrame
    target: Condition
    seed: int


@dataclass(frozen=True)
class SynthesizeReport:
    """What a call did.

    Attributes:
        planned: variants in the plan.
        made: made by this call.
        kept: found from an earlier call.
        failed: could not be made by this call.
        failed_earlier: recorded as failed before and not tried again.
    """

    planned: int
    made: int
    kept: int
    failed: int
    failed_earlier: int


def plan_variants(store: Store, config: SynthesizeConfig) -> list[PlannedVariant]:
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
        PlannedVariant(frame, CONDITIONS[name], derive_seed(config.seed, frame.key, name, number))
        for frame in frames
        for name in config.conditions
        for number in range(config.variants_per_frame)
    ]


def synthesize(
    store: StoreWriter,
    synthesizer: Synthesizer,
    config: SynthesizeConfig,
    on_progress: Callable[[int, int, str], None] | None = None,
) -> SynthesizeReport:
    """Make the planned variants that are missing and add them to the store with their provenance.

    A frame that cannot be read or shown under a condition is logged, recorded in the store as failed, and skipped:
    one bad frame does not end the job. A disk that refuses to be written does.

    Args:
        store: recorded frames, opened for writing.
        synthesizer: what makes the variants.
        config: which.
        on_progress: called after each planned variant with (done, planned, frame key).

    Returns:
        How many were made, kept and failed.

    Raises:
        ValueError: nothing in the store fits the configuration.
        StoreError: the store cannot be written.
    """
    plan = plan_variants(store, config)
    given_up = set()
    if not config.retry_failed:
        given_up = {(f.key, f.condition, f.seed) for f in store.failures() if f.synthesizer == synthesizer.name}
    made = kept = failed = failed_earlier = 0
    loaded = _Loaded()
    for done, item in enumerate(plan, start=1):
        key, name = item.frame.key, item.target.name
        if store.variant(key, name, synthesizer.name, item.seed) is not None:
            kept += 1
        elif (key, name, item.seed) in given_up:
            failed_earlier += 1
        else:
            try:
                batch = loaded.batch(item.frame)
                variant = _variant(synthesizer, batch, item)
            except MemoryError:
                raise
            except Exception as error:  # one bad frame, whatever is wrong with it, must not end a job of hours
                reason = f"{type(error).__name__}: {error}"
                _log.warning("no %s variant of %s: %s", name, key, reason)
                store.add_failure(key, name, item.seed, synthesizer.name, reason)
                failed += 1
            else:
                store.add_variant(key, name, item.seed, variant, _provenance(synthesizer, config, item, batch.seg[0]))
                made += 1
        if on_progress is not None:
            on_progress(done, len(plan), key)
    return SynthesizeReport(len(plan), made, kept, failed, failed_earlier)


class _Loaded:
    """The frame read last: its variants are made one after the other, and are read from disk once."""

    def __init__(self) -> None:
        self._key: str | None = None
        self._batch: FrameBatch | None = None

    def batch(self, frame: StoredFrame) -> FrameBatch:
        if self._batch is None or self._key != frame.key:
            depth = frame.load_depth_m()[None] if "depth" in frame.files else None
            source = Condition.parse(frame.condition)
            self._batch = FrameBatch(frame.load_rgb()[None], frame.load_seg()[None], depth, (source,), (frame.key,))
            self._key = frame.key
        return self._batch


def _variant(synthesizer: Synthesizer, batch: FrameBatch, item: PlannedVariant) -> np.ndarray:
    variants = synthesizer(batch, [item.target], np.array([item.seed], np.uint64))
    if variants.shape != batch.rgb.shape or variants.dtype != np.uint8:
        raise ValueError(
            f"{synthesizer.name} returned {variants.shape} {variants.dtype}, expected {batch.rgb.shape} uint8; "
            "run check_synthesizer on it"
        )
    return variants[0]


def _provenance(
    synthesizer: Synthesizer, config: SynthesizeConfig, item: PlannedVariant, seg: np.ndarray
) -> dict[str, object]:
    return {
        "synthesizer": synthesizer.name,
        "made_with": synthesizer.provenance,
        "source": config.source,
        "weather": asdict(item.target.to_weather()),
        "prompt": asdict(make_prompt(seg, item.target)),
        "job_seed": config.seed,
    }
