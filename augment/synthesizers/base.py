"""The contract every synthesizer keeps; `augment.synthesizers.check` tests a class against it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np

from augment.conditions import Condition
from augment.prompt import Prompt
from carla_agents.policies.base import CameraSpec


@dataclass(frozen=True)
class FrameBatch:
    """N labelled frames to be shown under other conditions.

    Attributes:
        rgb: (N, H, W, 3) uint8 RGB.
        seg: (N, H, W) uint8 CARLA 0.9.16 tags.
        depth_m: (N, H, W) float32 metres, or None if unknown.
        sources: the condition each frame was recorded in.
        frame_keys: a stable name of each frame; seeds are derived from it, never from the position in a batch.
        prompts: what each variant should show, in words; None lets a synthesizer that reads words make its own.
        ego_to_world: (N, 4, 4) float64 poses of the ego vehicle in CARLA's world frame, or None if unknown.
        camera: the camera on the ego vehicle that saw the frames, or None if unknown.
    """

    rgb: np.ndarray
    seg: np.ndarray
    depth_m: np.ndarray | None
    sources: tuple[Condition, ...]
    frame_keys: tuple[str, ...]
    prompts: tuple[Prompt, ...] | None = None
    ego_to_world: np.ndarray | None = None
    camera: CameraSpec | None = None

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
        if self.prompts is not None and len(self.prompts) != count:
            raise ValueError(f"{count} frames need {count} prompts or None, got {len(self.prompts)}")
        if self.ego_to_world is not None and self.ego_to_world.shape != (count, 4, 4):
            raise ValueError(f"ego_to_world must be {(count, 4, 4)}, got {self.ego_to_world.shape}")

    def __len__(self) -> int:
        return len(self.rgb)

    def select(self, indices: Sequence[int] | np.ndarray) -> FrameBatch:
        """The frames at `indices`, in that order."""
        chosen = [int(i) for i in indices]
        return FrameBatch(
            self.rgb[chosen],
            self.seg[chosen],
            None if self.depth_m is None else self.depth_m[chosen],
            tuple(self.sources[i] for i in chosen),
            tuple(self.frame_keys[i] for i in chosen),
            None if self.prompts is None else tuple(self.prompts[i] for i in chosen),
            None if self.ego_to_world is None else self.ego_to_world[chosen],
            self.camera,
        )


def check_variants(frames: FrameBatch, variants: np.ndarray, targets: Sequence[Condition]) -> None:
    """Refuse variants that are not of these frames and targets.

    Raises:
        ValueError: another number, size or type of pictures, or another number of targets.
    """
    if variants.shape != frames.rgb.shape or variants.dtype != np.uint8 or len(targets) != len(frames):
        raise ValueError(
            f"variants are {variants.shape} {variants.dtype} for {len(targets)} targets; expected "
            f"{frames.rgb.shape} uint8 and {len(frames)} targets"
        )


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
