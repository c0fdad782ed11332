"""The contract every synthesizer keeps; `augment.synthesizers.check` tests a class against it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np

from augment.conditions import Condition


@dataclass(frozen=True)
class FrameBatch:
    """N labelled frames to be shown under other conditions.

    Attributes:
        rgb: (N, H, W, 3) uint8 RGB.
        seg: (N, H, W) uint8 CARLA 0.9.16 tags.
        depth_m: (N, H, W) float32 metres, or None if unknown.
        sources: the condition each frame was recorded in.
        frame_keys: a stable name of each frame; seeds are derived from it, never from the position in a batch.
    """

    rgb: np.ndarray
    seg: np.ndarray
    depth_m: np.ndarray | None
    sources: tuple[Condition, ...]
    frame_keys: tuple[str, ...]

    def __post_init__(self) -> None:
        count = len(self.rgb)
        if self.rgb.ndim != 4 or self.rgb.shape[3] != 3 or self.rgb.dtype != np.uint8:
            raise ValueError(f"rgb must be (N, H, W, 3) uint8, got {self.rgb.shape} {self.rgb.dtype}")
        if self.seg.shape != self.rgb.shape[:3] or self.seg.dtype != np.uint8:
            raise ValueError(f"seg must be {self.rgb.shape[:3]} uint8, got {self.seg.shape} {self.seg.dtype}")
        if self.depth_m is not None and self.depth_m.shape != self.seg.shape:
            raise ValueError(f"depth_m must be {self.seg.shape}, got {self.depth_m.shape}")
        if len(self.sources) != count or len(self.frame_keys) != count:
            raise ValueError(f"{count} frames need {count} sources and frame_keys")

    def __len__(self) -> int:
        return len(self.rgb)


class Synthesizer(Protocol):
    """Shows frames under other conditions. Stateless: the same arguments give the same pixels."""

    name: str
    """Recorded as provenance, e.g. `procedural-1`: letters, digits, `.`, `_`, `-`, at most 80."""
    provenance: dict[str, Any]
    """What else made the pixels: hash of weights, configuration; plain values for JSON."""

    def __call__(self, frames: FrameBatch, targets: list[Condition], seeds: np.ndarray) -> np.ndarray:
        """Synthesize one variant of each frame.

        Args:
            frames: N labelled frames.
            targets: N conditions.
            seeds: (N,) uint64.

        Returns:
            (N, H, W, 3) uint8 RGB, newly allocated.

        Raises:
            ValueError: a target this synthesizer cannot make, or a size it cannot take.
        """
        ...
