"""`SegmentationSet`: pictures and labels read straight out of stores, and how often each is drawn."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal

import numpy as np

from carla_agents.data.errors import StoreError
from carla_agents.data.records import StoredFrame, StoredVariant
from carla_agents.data.store import Store
from carla_agents.segmentation.carla_sets import CARLA_0_9_16
from carla_agents.segmentation.class_sets import IGNORED, ClassSet, translate
from carla_agents.segmentation.known_sets import class_set

_SHOWN_PX = 60
REAL = "real"
"""Source of recorded and imported pictures; synthesized ones name their synthesizer."""


@dataclass(frozen=True)
class SegmentationSetConfig:
    """Which pictures of a store are used, and how they are mixed."""

    split: str | None = "train"
    """Only routes of this split; None takes all."""
    conditions: tuple[str, ...] = ()
    """Only these conditions, a variant counting by its target; empty takes all."""
    maps: tuple[str, ...] = ()
    """Only drives on these maps; empty takes all."""
    real: bool = True
    """Use recorded pictures."""
    synthesizers: tuple[str, ...] | None = None
    """Use variants by these synthesizers; None takes all, empty none."""
    synthesized_share: float | None = None
    """Share of draws that are synthesized, e.g. 0.5; None leaves it to the numbers of pictures."""
    balance: Literal["none", "condition", "condition-and-class"] = "none"
    """condition: among real pictures, and among synthesized ones, every condition is drawn equally often.
    condition-and-class: within a condition, pictures that show what few pictures show are drawn more often."""
    classes: str = "groups12"
    """Class set of the labels."""
    label_sets: tuple[str, ...] = ()
    """Only routes labelled in these class sets; empty takes all, if they can tell the same classes."""

    def __post_init__(self) -> None:
        class_set(self.classes)
        if self.synthesized_share is not None and not 0.0 <= self.synthesized_share <= 1.0:
            raise ValueError(f"synthesized_share is {self.synthesized_share}; expected 0 to 1, or none")
        if not self.real and self.synthesizers == ():
            raise ValueError("real is off and synthesizers is empty: nothing is left to use")


@dataclass(frozen=True, eq=False)
class SegmentationSample:
    """One picture: a recorded frame, or a variant with its frame's labels."""

    frame: StoredFrame
    variant: StoredVariant | None

    @property
    def name(self) -> str:
        """Says in messages and reports which picture this is."""
        if self.variant is None:
            return self.frame.key
        return f"{self.frame.key} as {self.variant.condition} by {self.variant.synthesizer} seed {self.variant.seed}"

    @property
    def condition(self) -> str:
        return self.frame.condition if self.variant is None else self.variant.condition

    @property
    def source(self) -> str:
        """`real`, or the synthesizer's name."""
        return REAL if self.variant is None else self.variant.synthesizer


@dataclass(frozen=True, eq=False)
class SegmentationSet:
    """N pictures with labels; pictures are decoded when asked for.

    Attributes:
        samples: the pictures, recorded ones first.
        classes: what the labels mean.
        chances: (N,) float64 probability of each picture in a draw.
        config: how it was chosen.
    """

    samples: Sequence[SegmentationSample]
    classes: ClassSet
    chances: np.ndarray
    config: SegmentationSetConfig = field(default_factory=SegmentationSetConfig)

    def __len__(self) -> int:
        return len(self.samples)

    def load(self, number: int) -> tuple[np.ndarray, np.ndarray]:
        """One picture and its labels.

        Returns:
            (H, W, 3) uint8 RGB; (H, W) uint8 ids of `classes`, 255 ignored.

        Raises:
            StoreError: a file is missing, damaged or truncated.
            ValueError: label ids that CARLA 0.9.16 does not define.
        """
        sample = self.samples[number]
        rgb = sample.frame.load_rgb() if sample.variant is None else sample.variant.load_rgb()
        return rgb, self.load_labels(number)

    def load_labels(self, number: int) -> np.ndarray:
        """The labels of one picture alone; see `load`."""
        frame = self.samples[number].frame
        return translate(frame.load_seg(), CARLA_0_9_16, self.classes, frame.files["seg"].name)

    def size_px(self) -> tuple[int, int]:
        """(width, height) that all pictures share.

        Raises:
            ValueError: they differ; names two.
        """
        first = self.samples[0].frame
        for sample in self.samples:
            if sample.frame.size_px != first.size_px:
                raise ValueError(
                    f"frame {sample.frame.key} has {sample.frame.size_px} pixels, {first.key} has {first.size_px}: "
                    "train on one size, or choose a crop that fits all"
                )
        return first.size_px

    def count_classes(self, most: int = 400) -> np.ndarray:
        """(C,) int64 pixels of each class over at most `most` recorded label pictures, spread evenly."""
        frames = list({s.frame.key: i for i, s in enumerate(self.samples)}.values())
        chosen = np.unique(np.linspace(0, len(frames) - 1, min(most, len(frames))).round().astype(int))
        counts = np.zeros(256, np.int64)
        for place in chosen:
            counts += np.bincount(self.load_labels(frames[place]).ravel(), minlength=256)
        counts[IGNORED] = 0
        return counts[: self.classes.classes[-1].id + 1]

    def fingerprint(self) -> str:
        """16 hex digits that change with any picture, label, condition or chance."""
        digest = hashlib.sha256(self.chances.tobytes())
        for sample in self.samples:
            rgb = sample.frame.files["rgb"] if sample.variant is None else sample.variant.file
            seg = sample.frame.files["seg"]
            digest.update(f"{sample.name} {sample.condition} {rgb.crc32:x} {seg.crc32:x}\n".encode())
        return digest.hexdigest()[:16]

    def table(self) -> dict[tuple[str, str], int]:
        """(condition, source) -> number of pictures."""
        return dict(sorted(Counter((s.condition, s.source) for s in self.samples).items()))


def load_segmentation_set(stores: Store | Sequence[Store], config: SegmentationSetConfig) -> SegmentationSet:
    """Choose pictures out of one or several stores.

    Args:
        stores: recorded, imported and synthesized pictures.
        config: which, and how they are mixed.

    Raises:
        ValueError: a condition has no picture, nothing is left, or label sets that cannot tell the same classes.
        StoreError: a frame has no labels.
    """
    classes = class_set(config.classes)
    real: list[SegmentationSample] = []
    synthesized: list[SegmentationSample] = []
    used: dict[str, str] = {}
    for store in [stores] if isinstance(stores, Store) else stores:
        for route in store.routes():
            labels = str(route.metadata.get("labels", CARLA_0_9_16.name))
            if (
                config.split not in (None, route.split)
                or (config.maps and route.metadata.get("map") not in config.maps)
                or (config.label_sets and labels not in config.label_sets)
            ):
                continue
            chosen_before = len(real) + len(synthesized)
            for frame in store.frames(route_id=route.route_id):
                _choose(store, frame, config, real, synthesized)
            if len(real) + len(synthesized) > chosen_before:
                used.setdefault(labels, route.route_id)
    samples = [*real, *synthesized]
    _check_conditions(samples, config)
    _check_label_sets(used, classes)
    rarity = np.ones(len(samples))
    if config.balance == "condition-and-class":
        rarity = _rarity(SegmentationSet(samples, classes, rarity, config))
    return SegmentationSet(samples, classes, _chances(real, synthesized, rarity, config), config)


def _choose(
    store: Store,
    frame: StoredFrame,
    config: SegmentationSetConfig,
    real: list[SegmentationSample],
    synthesized: list[SegmentationSample],
) -> None:
    found = []
    if config.real and (not config.conditions or frame.condition in config.conditions):
        real.append(SegmentationSample(frame, None))
        found.append(frame)
    if config.synthesizers != ():
        for variant in store.variants(frame.key):
            wanted = config.synthesizers is None or variant.synthesizer in config.synthesizers
            if wanted and (not config.conditions or variant.condition in config.conditions):
                synthesized.append(SegmentationSample(frame, variant))
                found.append(frame)
    if found and "seg" not in frame.files:
        raise StoreError(f"frame {frame.key} of {store.root} has no labels: record it with the seg camera")


def _check_conditions(samples: list[SegmentationSample], config: SegmentationSetConfig) -> None:
    present = {s.condition for s in samples}
    empty = [name for name in config.conditions if name not in present]
    if empty or not samples:
        raise ValueError(
            f"no picture of {', '.join(empty) or 'any condition'} in split {config.split!r}"
            f"{' on maps ' + ', '.join(config.maps) if config.maps else ''}; there is "
            f"{sorted(present) or 'nothing'}: record or synthesize it, or leave it out"
        )


def _check_label_sets(used: dict[str, str], classes: ClassSet) -> None:
    """Pictures whose labels cannot tell a class would teach that it is something else."""
    blind = {
        name: {c.name for c in classes.classes if c.tag is not None and not class_set(name).labels(c.tag)}
        for name in used
    }
    first = next(iter(blind))
    for name, missing in blind.items():
        if missing != blind[first]:
            only = sorted(missing ^ blind[first])
            raise ValueError(
                f"route {used[first]} is labelled in {first}, route {used[name]} in {name}, and only one can "
                f"tell {', '.join(only)}: choose one with label_sets, or train on another class set"
            )


def _rarity(data: SegmentationSet) -> np.ndarray:
    """(N,) how often to draw each picture: by its rarest class, 1 / sqrt(share of pictures that show it), at most 5.

    The square root of LVIS' repeat factors (arXiv 1908.03195), on classes of at least `_SHOWN_PX` pixels.
    """
    size = data.classes.classes[-1].id + 1
    shown = np.zeros((len(data), size), bool)
    known: dict[str, int] = {}
    for place, sample in enumerate(data.samples):
        first = known.setdefault(sample.frame.key, place)
        if first != place:
            shown[place] = shown[first]  # variants share their frame's labels
            continue
        shown[place] = np.bincount(data.load_labels(place).ravel(), minlength=256)[:size] >= _SHOWN_PX
    wanted = np.minimum(1.0 / np.sqrt(np.maximum(shown.mean(0), 1e-6)), 5.0)
    return np.where(shown, wanted, 1.0).max(1)


def _chances(
    real: list[SegmentationSample],
    synthesized: list[SegmentationSample],
    rarity: np.ndarray,
    config: SegmentationSetConfig,
) -> np.ndarray:
    share = config.synthesized_share
    if share is None:
        share = len(synthesized) / (len(real) + len(synthesized))
    elif (share > 0.0 and not synthesized) or (share < 1.0 and not real):
        raise ValueError(
            f"synthesized_share is {share}, but there are {len(real)} recorded and {len(synthesized)} synthesized "
            "pictures: synthesize some, or leave the share out"
        )
    parts = []
    parted = ((real, rarity[: len(real)], 1.0 - share), (synthesized, rarity[len(real) :], share))
    for samples, weights, total in parted:
        if config.balance != "none":
            sums: dict[str, float] = {}
            for sample, weight in zip(samples, weights.tolist(), strict=True):
                sums[sample.condition] = sums.get(sample.condition, 0.0) + weight
            weights = np.array([w / sums[s.condition] for s, w in zip(samples, weights.tolist(), strict=True)])
        parts.append(total * weights / max(weights.sum(), 1e-12))
    chances = np.concatenate(parts)
    return chances / chances.sum()
