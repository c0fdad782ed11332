"""Paired frames out of stored true variants: one drive, each frame shown under several conditions."""

from __future__ import annotations

import numpy as np

from augment.conditions import Condition
from augment.training.pairs import PairedFrames
from carla_agents.data.records import StoredFrame
from carla_agents.data.store import Store
from carla_agents.data.true_variants import RELIGHT, REPLAY, true_variant


def true_conditions(store: Store, *, split: str | None = None) -> tuple[Condition, ...]:
    """Conditions that a store's frames and their true variants show, by name; empty if it holds no true variant."""
    names = {
        name
        for made_by in (RELIGHT, REPLAY)
        for variant in store.variants(synthesizer=made_by)
        if split in (None, variant.frame.split)
        for name in (variant.condition, variant.frame.condition)
    }
    return tuple(Condition.parse(name) for name in sorted(names))


def load_true_pairs(
    store: Store, conditions: tuple[Condition, ...], *, split: str | None = None, most: int | None = None
) -> PairedFrames:
    """The recorded frames that are shown under every condition.

    Args:
        store: recorded with `--pairs`.
        conditions: at least two; a frame's own counts.
        split: only frames of this split.
        most: keep at most this many moments, spread evenly.

    Raises:
        ValueError: fewer than two conditions, or no frame is shown under all of them.
    """
    if len(conditions) < 2:
        raise ValueError(f"pairs need at least two conditions, got {[c.name for c in conditions]}")
    frames = [f for f in store.frames(split=split) if all(_is_shown(f, condition) for condition in conditions)]
    if not frames:
        raise ValueError(
            f"no frame of {store.root} is shown under all of {[c.name for c in conditions]}; record with `--pairs`"
        )
    if most is not None and len(frames) > most:
        frames = [frames[i] for i in np.linspace(0, len(frames) - 1, most).round().astype(int)]
    with_depth = all("depth" in frame.files for frame in frames)
    return PairedFrames(
        {condition: np.stack([_picture(frame, condition) for frame in frames]) for condition in conditions},
        np.stack([frame.load_seg() for frame in frames]),
        np.stack([frame.load_depth_m() for frame in frames]) if with_depth else None,
    )


def _is_shown(frame: StoredFrame, condition: Condition) -> bool:
    return frame.condition == condition.name or true_variant(frame, condition.name) is not None


def _picture(frame: StoredFrame, condition: Condition) -> np.ndarray:
    variant = None if frame.condition == condition.name else true_variant(frame, condition.name)
    return frame.load_rgb() if variant is None else variant.load_rgb()
