"""Segmenters that learned from variants alone, beside one that learned from true re-renders of the same frames."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from augment.conditions import CORE12, DOMINANT, Condition
from benchmarks.segmentation import NAMED_APART
from benchmarks.segmentation import RECIPE as SHIPPED_RECIPE
from benchmarks.stopwatch import Stopwatch
from carla_agents.data.records import StoredFrame
from carla_agents.data.store import Store
from carla_agents.data.true_variants import RELIGHT
from carla_agents.segmentation.carla_sets import GROUPS12
from carla_agents.segmentation.metrics import confusion, iou, mean_iou
from carla_agents.segmentation.segmentation_set import (
    SegmentationSet,
    SegmentationSetConfig,
    load_segmentation_set,
)
from carla_agents.segmentation.small import SmallSegmenter, SmallSegmenterConfig
from carla_agents.segmentation.training import SegmentationTrainingConfig, train_segmenter
from carla_server.semantics import SemanticTag

TARGETS = tuple(condition for condition in CORE12 if condition != DOMINANT)
RECIPE = replace(SHIPPED_RECIPE, steps=2000)
"""The shipped segmenter's, but short."""
WAYS = (((0, 1),), ((0, 1), (1, 0)))
"""(learned, tested) places of halves: one way, and both ways."""
LEAST_SHOWN_PX = 60
_RESAMPLES = 1000
_STRETCH = 10
"""Neighbouring frames are alike: the bootstrap draws stretches of so many (5 s of a drive), not frames."""


@dataclass(frozen=True)
class Town:
    """A held-out town in memory: N frames by clear day and their true re-renders.

    Attributes:
        name: of the map.
        frames: of the store, N.
        rgb: (N, H, W, 3) uint8.
        seg: (N, H, W) uint8 CARLA tags.
        depth_m: (N, H, W) float32.
        true: (T, N, H, W, 3) uint8, in the order of `TARGETS`.
    """

    name: str
    frames: list[StoredFrame]
    rgb: np.ndarray
    seg: np.ndarray
    depth_m: np.ndarray
    true: np.ndarray

    @classmethod
    def read(cls, root: Path, every: int) -> Town:
        """Every so many frames of a store that `benchmarks.segmentation_stores --depth` recorded."""
        store = Store.read(root)
        frames = store.frames(lambda f: f.ordinal % every == 0, condition=DOMINANT.name)
        whole = [f for f in frames if _has_all(store, f)]
        if not whole:
            raise SystemExit(f"{root} has no frame under all twelve conditions: record it with `make generator-data`")
        return cls(
            str(store.routes()[0].metadata["map"]),
            whole,
            np.stack([f.load_rgb() for f in whole]),
            np.stack([f.load_seg() for f in whole]),
            np.stack([f.load_depth_m() for f in whole]),
            np.stack([np.stack([_true(store, f, target) for f in whole]) for target in TARGETS]),
        )

    def select(self, places: np.ndarray) -> Town:
        """The frames at these places."""
        frames = [self.frames[place] for place in places]
        return Town(self.name, frames, self.rgb[places], self.seg[places], self.depth_m[places], self.true[:, places])

    def told(self) -> str:
        """How many frames there are, and how many show the rare classes."""
        shown = {
            name: int(np.count_nonzero((self.seg == tag).sum((1, 2)) >= LEAST_SHOWN_PX))
            for name, tag in (("traffic lights", SemanticTag.TRAFFIC_LIGHT), ("people", SemanticTag.PEDESTRIANS))
        }
        shows = ", ".join(f"{name} in {count}" for name, count in shown.items())
        return f"{self.name} {len(self.frames)} frames (at least {LEAST_SHOWN_PX} px of {shows})"


@dataclass(frozen=True)
class Half:
    """What is learned from, or tested on: frames of one or more towns.

    Attributes:
        name: in messages and names of folders.
        towns: with these frames.
        shown: (T, N, H, W, 3) uint8 of each town, what its frames look like under `TARGETS`.
    """

    name: str
    towns: list[Town]
    shown: list[np.ndarray]

    def true(self) -> Half:
        """The same frames as true re-renders."""
        return Half(self.name, self.towns, [town.true for town in self.towns])


def halves(towns: list[Town], shown: list[np.ndarray], by: str) -> list[Half]:
    """Two halves of the frames: `town` by town, or `drive` by drive, every second of each town's.

    Towns differ in more than streets (TownHill's yellow paint is nowhere in TownArterial), and then a network that
    learned from one guesses in the other, whatever its pictures were made by.
    """
    if by == "town":
        return [Half(town.name, [town], [pictures]) for town, pictures in zip(towns, shown, strict=True)]
    if by != "drive":
        raise ValueError(f"halves by {by!r}; expected town or drive")
    chosen = [_drive_numbers(town) % 2 for town in towns]
    return [
        Half(
            name,
            [town.select(np.flatnonzero(odd == half)) for town, odd in zip(towns, chosen, strict=True)],
            [pictures[:, odd == half] for pictures, odd in zip(shown, chosen, strict=True)],
        )
        for half, name in enumerate(("even-drives", "odd-drives"))
    ]


@dataclass(frozen=True, eq=False)
class Pictures(SegmentationSet):
    """Pictures in memory; `shown` is (T, N, H, W, 3) uint8, `labels` (N, H, W) uint8."""

    shown: np.ndarray = None  # type: ignore[assignment]  # follows a field with a default
    labels: np.ndarray = None  # type: ignore[assignment]

    def load(self, number: int) -> tuple[np.ndarray, np.ndarray]:
        target, frame = divmod(number, len(self.labels))
        return self.shown[target, frame], self.labels[frame]

    def load_labels(self, number: int) -> np.ndarray:
        return self.labels[number % len(self.labels)]

    def fingerprint(self) -> str:
        """Of the pixels too: a network of new weights makes other pictures of the same frames."""
        digest = hashlib.sha256(super().fingerprint().encode())
        digest.update(np.ascontiguousarray(self.shown))
        digest.update(np.ascontiguousarray(self.labels))
        return digest.hexdigest()[:16]


def pictures_of(folder: Path, half: Half) -> Pictures:
    """Pictures of a half, drawn as the shipped segmenter's recipe draws.

    Every condition is drawn equally often, and within it frames that show rare classes more often.

    Args:
        folder: of the stores.
        half: which frames, and what they look like.
    """
    chosen = SegmentationSetConfig(
        split=None,
        conditions=tuple(t.name for t in TARGETS),
        synthesizers=(RELIGHT,),
        balance="condition-and-class",
    )
    whole = load_segmentation_set([Store.read(folder / f"test-{town.name}") for town in half.towns], chosen)
    # Towns may have drives and frames of the same names.
    place_of = {(s.condition, s.frame.key, s.frame.store.root): place for place, s in enumerate(whole.samples)}
    frames = [frame for town in half.towns for frame in town.frames]
    places = [place_of[target.name, frame.key, frame.store.root] for target in TARGETS for frame in frames]
    labels = np.stack([whole.load_labels(place) for place in places[: len(frames)]])
    samples, chances = [whole.samples[place] for place in places], whole.chances[places]
    shown = np.concatenate(half.shown, axis=1)
    return Pictures(samples, whole.classes, chances / chances.sum(), chosen, shown, labels)


def train_and_score(
    name: str,
    data: Path,
    parts: Sequence[Half],
    config: SegmentationTrainingConfig,
    seeds: int,
    ways: Sequence[tuple[int, int]],
    out: Path,
) -> np.ndarray:
    """Train on pictures of one half and test on true re-renders of the other.

    Args:
        name: of what made the pictures.
        data: folder of the stores.
        parts: two halves.
        config: of every training but for the seed.
        seeds: number of trainings.
        ways: places of the halves that are learned from and tested on, one of `WAYS`.
        out: keeps weights and confusions; what was learned from the same pictures is not learned again.

    Returns:
        (R, T, N, C, C) int64 confusions of R trainings.
    """
    runs = []
    for seed in range(seeds):
        matrices = []
        for learned, tested in ways:
            pictures, test = pictures_of(data, parts[learned]), pictures_of(data, parts[tested].true())
            folder = out / f"{name}-{parts[learned].name}-{config.steps}-{seed}-{pictures.fingerprint()}"
            kept = folder / f"confusions-{parts[tested].name}-{test.fingerprint()}.npy"
            if not kept.is_file():
                with Stopwatch() as watch:
                    segmenter = train_segmenter(
                        lambda: SmallSegmenter(SmallSegmenterConfig()), pictures, replace(config, seed=seed), folder
                    )
                    np.save(kept, _confusions(segmenter, test))
                way = f"learned from {parts[learned].name}, tested on {parts[tested].name}"
                print(f"{name} {way}, seed {seed}: {watch.own_cpu_s:.0f} s CPU", flush=True)
            matrices.append(np.load(kept, allow_pickle=False))
        runs.append(np.concatenate(matrices, axis=1))
    return np.stack(runs)


def own_scores(matrices: np.ndarray) -> dict[str, Any]:
    """IoU of the segmenter that learned from true re-renders; `matrices` as of `train_and_score`."""
    total = matrices.sum((0, 1, 2))
    return {"miou": float(mean_iou(total)), **_apart(total), "of_condition": _of_conditions(matrices)}


def compare_segmenters(true: np.ndarray, other: np.ndarray) -> dict[str, Any]:
    """Ratios to the segmenter that learned from true re-renders, with 95 % bootstrap intervals over stretches.

    The intervals say what other streets would change, not what other seeds of the trainings would. There is no ratio
    (None) where the segmenter of true re-renders did not learn a class at all.

    Args:
        true, other: (R, T, N, C, C) int64 confusions of the same pictures; R trainings.
    """
    starts = np.arange(0, true.shape[2], _STRETCH)
    first, second = (np.add.reduceat(m.sum((0, 1)), starts, axis=0) for m in (true, other))
    rng = np.random.default_rng(0)
    drawn = rng.multinomial(len(first), np.full(len(first), 1.0 / len(first)), size=_RESAMPLES).astype(float)
    resampled = [(drawn @ m.reshape(len(m), -1)).reshape(-1, *m.shape[1:]) for m in (first, second)]

    def ratio(score: Callable[[np.ndarray], np.ndarray]) -> dict[str, float | None]:
        before, after = float(score(first.sum(0)[None])[0]), float(score(second.sum(0)[None])[0])
        if not before > 0.0:
            return {"true": before, "this": after, "ratio": None, "low": None, "high": None}
        with np.errstate(divide="ignore", invalid="ignore"):
            low, high = np.nanpercentile(score(resampled[1]) / score(resampled[0]), (2.5, 97.5))
        return {"true": before, "this": after, "ratio": after / before, "low": float(low), "high": float(high)}

    def of_class(place: int) -> dict[str, float | None]:
        return ratio(lambda matrix: iou(matrix)[..., place])

    classes = {name: of_class(_names().index(name)) for name in NAMED_APART}
    return {"miou": ratio(mean_iou), **classes, "of_condition": _of_conditions(other)}


def _drive_numbers(town: Town) -> np.ndarray:
    """(N,) the place of each frame's drive among the town's."""
    drives = list(dict.fromkeys(frame.route_id for frame in town.frames))
    return np.array([drives.index(frame.route_id) for frame in town.frames])


def _confusions(segmenter: SmallSegmenter, data: Pictures) -> np.ndarray:
    count = len(data.classes.classes)
    targets, frames = data.shown.shape[:2]
    found = np.zeros((targets, frames, count, count), np.int64)
    for target in range(targets):
        for frame in range(frames):
            predicted = segmenter.predict(data.shown[target, frame][None])[0]
            found[target, frame] = confusion(data.labels[frame], predicted, count)
    return found


def _of_conditions(matrices: np.ndarray) -> dict[str, dict[str, float]]:
    of_target = matrices.sum((0, 2))
    return {
        target.name: {"miou": float(mean_iou(of_target[number])), **_apart(of_target[number])}
        for number, target in enumerate(TARGETS)
    }


def _apart(matrix: np.ndarray) -> dict[str, float]:
    return {name: float(iou(matrix)[_names().index(name)]) for name in NAMED_APART}


def _names() -> list[str]:
    return [c.name for c in GROUPS12.classes]


def _has_all(store: Store, frame: StoredFrame) -> bool:
    return all(store.variant(frame.key, target.name, RELIGHT, 0) is not None for target in TARGETS)


def _true(store: Store, frame: StoredFrame, target: Condition) -> np.ndarray:
    variant = store.variant(frame.key, target.name, RELIGHT, 0)
    if variant is None:
        raise ValueError(f"{store.root} has no true re-render of {frame.key} under {target.name}")
    return variant.load_rgb()
