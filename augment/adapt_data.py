"""What a user's store offers for adapting models: labelled frames, frames of known condition, true pairs.

The last fifth of the drives (of a single drive, of its frames) is held out for the figures before and after.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeVar

import cv2
import numpy as np

from augment.conditions import CONDITIONS, CORE12, Condition
from augment.training.condition_pictures import SIZE_PX, ConditionPictures
from augment.training.pairs import PairedFrames
from carla_agents.data.records import StoredFrame
from carla_agents.data.store import Store
from carla_agents.data.true_variants import RELIGHT, REPLAY, true_variant
from carla_agents.segmentation.segmentation_set import (
    SegmentationSet,
    SegmentationSetConfig,
    load_segmentation_set,
)

_T = TypeVar("_T")
_HELD_OUT_SHARE = 0.2
_LEAST_CONDITIONS = 2


class NotEnoughData(ValueError):
    """The store lacks what a model needs; the message says what, and how to get it."""


@dataclass(frozen=True)
class Parts:
    """Keys of the frames to learn from and of those held out."""

    learn: frozenset[str]
    held_out: frozenset[str]


def split_frames(store: Store) -> Parts:
    """Hold out the last fifth of the drives, or of the frames where there is one drive only.

    Raises:
        NotEnoughData: fewer than five frames.
    """
    frames = store.frames()
    if len(frames) < 5:
        raise NotEnoughData(f"{store.root} has {len(frames)} frames; adapting needs at least 5, better hundreds")
    routes = [route.route_id for route in store.routes() if route.frame_count]
    if len(routes) > 1:
        last = set(routes[-max(1, round(_HELD_OUT_SHARE * len(routes))) :])
        held_out = frozenset(frame.key for frame in frames if frame.route_id in last)
    else:
        held_out = frozenset(frame.key for frame in frames[-max(1, round(_HELD_OUT_SHARE * len(frames))) :])
    return Parts(frozenset(frame.key for frame in frames) - held_out, held_out)


def labelled_pictures(store: Store, keys: frozenset[str], most: int | None = None) -> SegmentationSet:
    """Recorded frames and their true variants, with labels.

    Args:
        store: the user's.
        keys: of the frames to take.
        most: at most so many pictures, spread evenly.

    Raises:
        NotEnoughData: frames without labels.
    """
    unlabelled = [frame.key for frame in store.frames() if frame.key in keys and "seg" not in frame.files]
    if unlabelled:
        raise NotEnoughData(
            f"{len(unlabelled)} frames of {store.root} have no labels, the first is {unlabelled[0]}: record with a "
            "semantic camera, or import label pictures beside them"
        )
    chosen = SegmentationSetConfig(split=None, synthesizers=(RELIGHT, REPLAY), balance="condition-and-class")
    whole = load_segmentation_set(store, chosen)
    places = [number for number, sample in enumerate(whole.samples) if sample.frame.key in keys]
    places = _thinned(places, most)
    chances = whole.chances[places]
    return SegmentationSet([whole.samples[i] for i in places], whole.classes, chances / chances.sum(), chosen)


def pictures_by_condition(store: Store, keys: frozenset[str], most_each: int) -> ConditionPictures:
    """Recorded frames and their true variants, by the condition recorded with them, in the classifier's size.

    Args:
        store: the user's.
        keys: of the frames to take.
        most_each: at most so many pictures of each condition, spread evenly.

    Raises:
        NotEnoughData: fewer than two of the twelve conditions occur.
    """
    frames = [frame for frame in store.frames() if frame.key in keys]
    pictures, labels = [], []
    for label, condition in enumerate(CORE12):
        shown = [frame for frame in frames if _shows(frame, condition)]
        for frame in _thinned(shown, most_each):
            rgb = _picture(frame, condition)
            width, height = frame.size_px
            pictures.append(
                rgb if (width, height) == SIZE_PX else cv2.resize(rgb, SIZE_PX, None, 0, 0, cv2.INTER_AREA)
            )
            labels.append(label)
    if len(set(labels)) < _LEAST_CONDITIONS:
        found = sorted({frame.condition for frame in frames})
        raise NotEnoughData(
            f"the frames of {store.root} were recorded under {found}; the condition classifier needs at least "
            f"{_LEAST_CONDITIONS} of {[c.name for c in CORE12]}: import them with their conditions, or record more"
        )
    return ConditionPictures(np.stack(pictures), np.array(labels, np.int64))


def true_pairs(store: Store, keys: frozenset[str], source: Condition, most: int) -> PairedFrames:
    """The moments that are shown under a source condition and, truly, under others.

    Args:
        store: the user's.
        keys: of the frames to take.
        source: what the generator starts from.
        most: at most so many moments, spread evenly.

    Raises:
        NotEnoughData: no frame of that condition has true variants, or labels are missing.
    """
    frames = [f for f in store.frames(condition=source.name) if f.key in keys and "seg" in f.files]
    names = {v.condition for made_by in (RELIGHT, REPLAY) for v in store.variants(synthesizer=made_by)}
    targets = [CONDITIONS[name] for name in sorted(names & set(CONDITIONS)) if name != source.name]
    whole = [frame for frame in frames if all(true_variant(frame, target.name) for target in targets)]
    if not targets or not whole:
        raise NotEnoughData(
            f"no labelled {source.name} frame of {store.root} has true variants under other conditions, which the "
            "generator needs: record with `syndiff record --pairs CONDITIONS`, or make them with `syndiff pairs`"
        )
    chosen = _thinned(whole, most)
    sizes = {frame.size_px for frame in chosen}
    if len(sizes) > 1:
        raise NotEnoughData(f"paired frames of {store.root} have several sizes {sorted(sizes)}: use one")
    depths = [frame.load_depth_m() for frame in chosen if "depth" in frame.files]
    return PairedFrames(
        {c: np.stack([_picture(frame, c) for frame in chosen]) for c in (source, *targets)},
        np.stack([frame.load_seg() for frame in chosen]),
        np.stack(depths) if len(depths) == len(chosen) else None,
    )


def _shows(frame: StoredFrame, condition: Condition) -> bool:
    return frame.condition == condition.name or true_variant(frame, condition.name) is not None


def _picture(frame: StoredFrame, condition: Condition) -> np.ndarray:
    variant = None if frame.condition == condition.name else true_variant(frame, condition.name)
    return frame.load_rgb() if variant is None else variant.load_rgb()


def _thinned(items: Sequence[_T], most: int | None) -> list[_T]:
    if most is None or len(items) <= most:
        return list(items)
    return [items[int(i)] for i in np.linspace(0, len(items) - 1, most).round()]
