"""Paired frames: the same drive seen under several conditions, pixel by pixel."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from hashlib import blake2b

import numpy as np

from augment.conditions import Condition


@dataclass(frozen=True)
class PairedFrames:
    """N moments, each recorded under every condition in `rgb`.

    Such pairs come from driving the same route with the same seed twice, or from relighting one G-buffer.

    Attributes:
        rgb: condition -> (N, H, W, 3) uint8; every array shows the same N moments.
        seg: (N, H, W) uint8 CARLA tags, the same under every condition.
        depth_m: (N, H, W) float32 metres, or None.
    """

    rgb: dict[Condition, np.ndarray]
    seg: np.ndarray
    depth_m: np.ndarray | None

    def __post_init__(self) -> None:
        if len(self.rgb) < 2:
            raise ValueError(f"pairs need at least two conditions, got {[c.name for c in self.rgb]}")
        if self.seg.ndim != 3 or self.seg.dtype != np.uint8 or not len(self.seg):
            raise ValueError(f"seg must be (N, H, W) uint8 with N >= 1, got {self.seg.shape} {self.seg.dtype}")
        for condition, rgb in self.rgb.items():
            if rgb.shape != (*self.seg.shape, 3) or rgb.dtype != np.uint8:
                raise ValueError(
                    f"rgb of {condition.name} must be {(*self.seg.shape, 3)} uint8, got {rgb.shape} {rgb.dtype}"
                )
        if self.depth_m is not None and self.depth_m.shape != self.seg.shape:
            raise ValueError(f"depth_m must be {self.seg.shape}, got {self.depth_m.shape}")

    def __len__(self) -> int:
        return len(self.seg)

    def fingerprint(self) -> str:
        """16 hex digits that change with any pixel, label, depth or condition."""
        digest = blake2b(digest_size=8)
        for condition in sorted(self.rgb, key=lambda c: c.name):
            digest.update(condition.name.encode())
            digest.update(self.rgb[condition].tobytes())
        digest.update(self.seg.tobytes())
        if self.depth_m is not None:
            digest.update(self.depth_m.tobytes())
        return digest.hexdigest()

    def subset(self, indices: np.ndarray) -> PairedFrames:
        """The moments at `indices`, e.g. to hold some out."""
        depth = None if self.depth_m is None else self.depth_m[indices]
        return PairedFrames({c: rgb[indices] for c, rgb in self.rgb.items()}, self.seg[indices], depth)


def join_pairs(parts: Iterable[PairedFrames]) -> PairedFrames:
    """The moments of several stores, as one.

    Args:
        parts: at least one, all with pictures of one size; conditions that some lack are left out, and depth, unless
            all have it.

    Raises:
        ValueError: nothing to join, another size, or fewer than two conditions in common.
    """
    kept = list(parts)
    if not kept:
        raise ValueError("no pairs to join")
    sizes = sorted({part.seg.shape[1:] for part in kept})
    if len(sizes) > 1:
        raise ValueError(f"pairs show pictures of several sizes (height, width): {sizes}; record them in one size")
    if len(kept) == 1:
        return kept[0]
    common = [c for c in kept[0].rgb if all(c in part.rgb for part in kept)]
    depths = [part.depth_m for part in kept if part.depth_m is not None]
    return PairedFrames(
        {c: np.concatenate([part.rgb[c] for part in kept]) for c in common},
        np.concatenate([part.seg for part in kept]),
        np.concatenate(depths) if len(depths) == len(kept) else None,
    )


def same_scene(seg_a: np.ndarray, seg_b: np.ndarray, most_differing: float = 0.02) -> bool:
    """Whether two label maps show the same moment.

    Args:
        seg_a, seg_b: (H, W) uint8 CARLA tags.
        most_differing: largest share of pixels that may differ.

    Returns:
        False when the two drives have drifted apart and the pair would teach a wrong displacement.
    """
    return seg_a.shape == seg_b.shape and float(np.mean(seg_a != seg_b)) <= most_differing
