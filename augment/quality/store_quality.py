"""`measure_store`: variants of a store, condition by condition and synthesizer by synthesizer, beside baselines."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from augment.quality.distances import Distance, estimate_frechet, estimate_kernel
from augment.quality.features import distance_names
from augment.quality.intervals import Figure, figure, mean_figure
from augment.quality.picture_metrics import psnr_db
from augment.quality.ruler import CONDITION_NAMES, Likeness, Reading, Ruler
from augment.seeds import generator
from carla_agents.data.records import StoredFrame, StoredVariant
from carla_agents.data.store import Store
from carla_agents.data.true_variants import RELIGHT, REPLAY, true_variant
from carla_agents.segmentation.metrics import MIN_IMAGES, iou, mean_iou

TRUE, COPY, NOISE = "true re-render", "copy of the source", "random noise"
"""What is measured beside the synthesizers."""
BESIDE = (TRUE, COPY, NOISE)


@dataclass(frozen=True)
class QualityConfig:
    """What is measured."""

    synthesizers: tuple[str, ...] = ()
    """Only these; empty takes all but the simulator's own true re-renders."""
    conditions: tuple[str, ...] = ()
    """Only these target conditions; empty takes all."""
    split: str | None = None
    """Only routes of this split; None takes all."""
    most: int = 200
    """At most so many frames a condition, spread evenly."""
    seed: int = 0
    """Of the bootstraps and of the noise."""

    def __post_init__(self) -> None:
        if self.most < 1:
            raise ValueError(f"most is {self.most}; expected at least 1")


@dataclass(frozen=True)
class MeasuredPicture:
    """One picture and what was found.

    Attributes:
        frame: whose labels it should show.
        condition: what it should show.
        made_by: a synthesizer, or one of `BESIDE`.
        variant: where it is stored; None for a baseline.
        reading: by frozen networks.
        likeness: to the true picture; None where there is none, and for the true picture itself.
    """

    frame: StoredFrame
    condition: str
    made_by: str
    variant: StoredVariant | None
    reading: Reading
    likeness: Likeness | None

    @property
    def instant(self) -> tuple[str, str]:
        """Store and key of the frame; frames of two stores may have one key."""
        return str(self.frame.store.root), self.frame.key

    @property
    def condition_read(self) -> str:
        """The condition of `CORE12` that the classifier finds likeliest."""
        return CONDITION_NAMES[int(self.reading.condition_scores.argmax())]

    @property
    def verdict(self) -> str | None:
        """The guard's verdict in words, if the provenance tells."""
        told = self.guard
        if told is None:
            return None
        if not told.get("accepted"):
            return f"rejected ({told.get('reason', 'no reason recorded')})"
        before = told.get("rejected_before") or ()
        return f"accepted at attempt {1 + len(before)}" if before else "accepted"

    @property
    def guard(self) -> Mapping[str, Any] | None:
        """What the guard said when it was made, if the provenance tells."""
        told = None if self.variant is None else self.variant.provenance.get("guard")
        return told if isinstance(told, Mapping) else None


@dataclass(frozen=True)
class GroupQuality:
    """Figures of the pictures of one condition by one maker.

    Attributes:
        condition, made_by: the group.
        pictures, frames: how many; several seeds of one frame are several pictures.
        paired: those with a true picture beside them.
        psnr_db, ssim, lpips: against the true pictures; None without any.
        miou: mean IoU of the segmenter's reading against the labels.
        of_true, of_source: that divided by the segmenter's on the true pictures, and on the recorded source frames.
        class_iou: class -> IoU, None for a class that neither occurs nor is read; empty below 30 pictures.
        condition_rate: share whose condition the classifier names as the target's; None outside `CORE12`.
        distances: name -> distance to true pictures of the condition.
        guard: verdict recorded with a picture -> number of pictures.
    """

    condition: str
    made_by: str
    pictures: int
    frames: int
    paired: int
    psnr_db: Figure | None
    ssim: Figure | None
    lpips: Figure | None
    miou: Figure
    of_true: Figure | None
    of_source: Figure | None
    class_iou: dict[str, float | None]
    condition_rate: Figure | None
    distances: dict[str, Distance]
    guard: dict[str, int]


@dataclass(frozen=True)
class StoreQuality:
    """Everything that was measured.

    Attributes:
        groups: by condition; in each the synthesizers, then what is beside them.
        pictures: all measured pictures, in that order.
    """

    groups: list[GroupQuality]
    pictures: list[MeasuredPicture] = field(repr=False)

    def worst(self, condition: str, count: int) -> list[MeasuredPicture]:
        """Synthesized pictures of which the segmenter reads most less than of the true (or source) picture."""
        mine = [p for p in self.pictures if p.condition == condition]
        beside = {p.instant: p for name in (COPY, TRUE) for p in mine if p.made_by == name}
        made = [p for p in mine if p.made_by not in BESIDE]
        return sorted(made, key=lambda p: own_miou(p) - own_miou(beside[p.instant]))[:count]


def own_miou(picture: MeasuredPicture) -> float:
    """Mean IoU of one picture by itself; it ranks pictures and is no score."""
    value = float(mean_iou(picture.reading.matrix))
    return 0.0 if np.isnan(value) else value


def measure_store(
    stores: Sequence[Store],
    ruler: Ruler,
    config: QualityConfig,
    on_picture: Callable[[int, int], None] | None = None,
) -> StoreQuality:
    """Measure the variants of stores.

    True pictures are the simulator's re-renders of the same frames where recorded (`record --pairs`), and for
    distances also frames that were recorded under the target condition.

    Args:
        stores: with variants; frames need labels.
        ruler: measures.
        config: what.
        on_picture: called with frames done and their total, over all conditions.

    Raises:
        ValueError: no variant fits; says what the stores hold.
        StoreError: a picture is missing or damaged.
    """
    chosen = _chosen(stores, config)
    reader = _Reader(ruler, config.seed)
    total = sum(len(frames) for frames in chosen.values())
    groups: list[GroupQuality] = []
    pictures: list[MeasuredPicture] = []
    done = 0
    for condition, frames in chosen.items():
        measured: dict[str, list[MeasuredPicture]] = {}
        for frame, variants in frames:
            for picture in reader.frame(frame, condition, variants):
                measured.setdefault(picture.made_by, []).append(picture)
            done += 1
            if on_picture is not None:
                on_picture(done, total)
        reference = reader.reference(stores, condition, measured.get(TRUE, []), config)
        order = sorted(measured, key=lambda name: (BESIDE.index(name) if name in BESIDE else -1, name))
        for made_by in order:
            groups.append(_group(measured, made_by, reference, ruler, config.seed))
            pictures += measured[made_by]
    return StoreQuality(groups, pictures)


def _chosen(
    stores: Sequence[Store], config: QualityConfig
) -> dict[str, list[tuple[StoredFrame, list[StoredVariant]]]]:
    """Condition -> frames, spread evenly, each with its variants."""
    found: dict[str, dict[tuple[str, str], tuple[StoredFrame, list[StoredVariant]]]] = {}
    held = set()
    for store in stores:
        for variant in store.variants():
            held.add((variant.synthesizer, variant.condition, variant.frame.split))
            if (
                variant.synthesizer not in (config.synthesizers or {variant.synthesizer} - {RELIGHT, REPLAY})
                or variant.condition not in (config.conditions or (variant.condition,))
                or config.split not in (None, variant.frame.split)
            ):
                continue
            frames = found.setdefault(variant.condition, {})
            frames.setdefault((str(store.root), variant.frame.key), (variant.frame, []))[1].append(variant)
    if not found:
        raise ValueError(
            f"no variant of {[str(s.root) for s in stores]} fits; they hold (synthesizer, condition, split) "
            f"{sorted(held)[:12]}; `syndiff synthesize` makes variants"
        )
    return {name: _evenly(list(found[name].values()), config.most) for name in sorted(found)}


def _evenly(items: list, most: int) -> list:
    if len(items) <= most:
        return items
    return [items[i] for i in np.linspace(0, len(items) - 1, most).round().astype(int)]


class _Reader:
    """Reads pictures; recorded frames and noise serve several conditions and are read once."""

    def __init__(self, ruler: Ruler, seed: int) -> None:
        self._ruler, self._seed = ruler, seed
        self._beside: dict[tuple[str, str], tuple[Reading, Reading]] = {}

    def frame(self, frame: StoredFrame, condition: str, variants: list[StoredVariant]) -> list[MeasuredPicture]:
        """Everything measured on one frame under one condition."""
        labels = self._ruler.labels(frame.load_seg(), frame.key)
        source = frame.load_rgb()
        noise = generator(self._seed, "noise", frame.key).integers(0, 256, source.shape, dtype=np.uint8)
        true = true_variant(frame, condition)
        true_rgb = None if true is None else true.load_rgb()
        shown = [v.load_rgb() for v in variants]
        readings = self._ruler.read(np.stack(shown + ([] if true_rgb is None else [true_rgb])), labels)
        key = (str(frame.store.root), frame.key)
        if key not in self._beside:
            copy, random = self._ruler.read(np.stack([source, noise]), labels)
            self._beside[key] = copy, random
        alike: list[Likeness | None] = [None] * (len(variants) + 2)
        if true_rgb is not None:
            alike = list(self._ruler.compare(np.stack([*shown, source, noise]), true_rgb))
        made = [
            MeasuredPicture(frame, condition, v.synthesizer, v, reading, like)
            for v, reading, like in zip(variants, readings, alike)
        ]
        if true is not None:
            made.append(MeasuredPicture(frame, condition, TRUE, true, readings[-1], None))
        for name, reading, like in zip((COPY, NOISE), self._beside[key], alike[-2:]):
            made.append(MeasuredPicture(frame, condition, name, None, reading, like))
        return made

    def reference(
        self, stores: Sequence[Store], condition: str, true: list[MeasuredPicture], config: QualityConfig
    ) -> dict[str, np.ndarray]:
        """Features of true pictures of a condition: name -> (N, D)."""
        recorded = _evenly(
            [f for s in stores for f in s.frames(condition=condition, split=config.split)], config.most
        )
        readings = [p.reading for p in true]
        readings += [self._ruler.read(frame.load_rgb()[None], None)[0] for frame in recorded]
        return {name: _stack(readings, name, network.size) for name, network in self._ruler.features.items()}


def _stack(readings: Sequence[Reading], name: str, size: int) -> np.ndarray:
    return np.array([r.features[name] for r in readings]).reshape(len(readings), size)


def _group(
    measured: dict[str, list[MeasuredPicture]],
    made_by: str,
    reference: dict[str, np.ndarray],
    ruler: Ruler,
    seed: int,
) -> GroupQuality:
    pictures = measured[made_by]
    condition = pictures[0].condition
    paired = [p.likeness for p in pictures if p.likeness is not None]
    matrices = _matrices(pictures)
    by_name = {name: {p.instant: p for p in measured.get(name, [])} for name in (TRUE, COPY)}

    def relative(name: str) -> Figure | None:
        there = by_name[name]
        both = [p for p in pictures if p.instant in there]
        if not both or name == made_by:
            return None
        own, other = _matrices(both), _matrices([there[p.instant] for p in both])
        return figure(lambda counts: _miou(counts, own) / _miou(counts, other), len(both), seed)

    errors = np.array([like.squared_error for like in paired])
    total = matrices.sum(0)
    classes = [c.name for c in ruler.segmenter.classes.classes]
    named: np.ndarray | None = None
    if condition in CONDITION_NAMES:
        named = np.array([p.condition_read == condition for p in pictures], np.float64)
    lpips = [like.lpips for like in paired if like.lpips is not None]
    return GroupQuality(
        condition=condition,
        made_by=made_by,
        pictures=len(pictures),
        frames=len({p.instant for p in pictures}),
        paired=len(paired),
        psnr_db=figure(lambda counts: psnr_db(counts @ errors / counts.sum(1)), len(paired), seed)
        if paired
        else None,
        ssim=mean_figure(np.array([like.ssim for like in paired]), seed) if paired else None,
        lpips=mean_figure(np.array(lpips), seed) if lpips else None,
        miou=figure(lambda counts: _miou(counts, matrices), len(pictures), seed),
        of_true=relative(TRUE),
        of_source=relative(COPY),
        class_iou={
            name: None if np.isnan(value) else float(value) for name, value in zip(classes, iou(total), strict=True)
        }
        if len(pictures) >= MIN_IMAGES
        else {},
        condition_rate=None if named is None else mean_figure(named, seed),
        distances=_distances(pictures, made_by, reference, ruler, seed),
        guard=dict(Counter(p.verdict for p in pictures if p.verdict is not None)),
    )


def _distances(
    pictures: list[MeasuredPicture], made_by: str, reference: dict[str, np.ndarray], ruler: Ruler, seed: int
) -> dict[str, Distance]:
    """To the true pictures; the true pictures' own are those of every other one to the rest, the floor."""
    found = {}
    for name, network in ruler.features.items():
        own, beside = _stack([p.reading for p in pictures], name, network.size), reference[name]
        if made_by == TRUE:
            own, beside = beside[::2], beside[1::2]
        frechet, kernel = distance_names(name)
        found[frechet] = estimate_frechet(own, beside, seed)
        found[kernel] = estimate_kernel(own, beside, seed)
    return found


def _matrices(pictures: Sequence[MeasuredPicture]) -> np.ndarray:
    return np.stack([p.reading.matrix for p in pictures]).astype(np.float64)


def _miou(counts: np.ndarray, matrices: np.ndarray) -> np.ndarray:
    """(R, N) counts, (N, C, C) -> (R,) mean IoU of the counted pictures."""
    flat = counts @ matrices.reshape(len(matrices), -1)
    return mean_iou(flat.reshape(len(counts), *matrices.shape[1:]))
