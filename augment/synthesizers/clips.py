"""The contract for whole clips, and per-frame synthesizers under it.

A clip is a `FrameBatch` of consecutive frames of one drive, in order, with ego poses, depth and camera where they are
known. One target and one seed hold for the whole clip, because a clip's variants belong together.
`augment.synthesizers.clip_check` tests a class against the contract.
"""

from __future__ import annotations

from typing import Any, Protocol

import numpy as np

from augment.conditions import Condition
from augment.synthesizers.base import FrameBatch, Synthesizer


class ClipSynthesizer(Protocol):
    """Shows a clip under another condition. Stateless: the same arguments give the same pixels."""

    name: str
    """Recorded as provenance: letters, digits, `.`, `_`, `-`, at most 80."""
    provenance: dict[str, Any]
    """What else made the pixels; plain values for JSON."""

    def __call__(self, clip: FrameBatch, target: Condition, seed: int) -> np.ndarray:
        """Synthesize one variant of the clip.

        Args:
            clip: N consecutive frames, in order, all recorded in one condition.
            target: the condition to show.
            seed: of everything random in the clip.

        Returns:
            (N, H, W, 3) uint8 RGB, newly allocated.

        Raises:
            ValueError: an empty or mixed clip, a target it cannot make, or a size or length it cannot take.
        """
        ...


def check_clip(clip: FrameBatch) -> None:
    """Refuse what is no clip.

    Raises:
        ValueError: no frames, frames without pixels, or more than one source condition.
    """
    if not len(clip) or not clip.rgb.size:
        raise ValueError(f"a clip needs at least one frame with pixels, got rgb of shape {clip.rgb.shape}")
    if len(set(clip.sources)) > 1:
        raise ValueError(
            f"a clip is of one drive, so of one source condition; got {sorted({c.name for c in clip.sources})}"
        )


class PerFrameClips:
    """A per-frame synthesizer as a clip synthesizer.

    Every frame gets the clip's seed: with the same noise in every frame, what the network makes of it flickers less.

    Args:
        inner: shows the frames.
    """

    def __init__(self, inner: Synthesizer) -> None:
        self._inner = inner
        self.name = inner.name
        self.provenance: dict[str, Any] = {**inner.provenance, "clips": "frame by frame, one seed"}

    def __call__(self, clip: FrameBatch, target: Condition, seed: int) -> np.ndarray:
        """Synthesize one variant of the clip; see `ClipSynthesizer.__call__`."""
        check_clip(clip)
        return self._inner(clip, [target] * len(clip), np.full(len(clip), seed, np.uint64))
