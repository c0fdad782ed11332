"""Rain that falls before the camera: thin streaks, before people and signs too.

A network's own streaks stay behind what is protected, and before a bright sky they are stronger than true ones. So
where classes are protected the network is asked for none (`EmbeddedSynthesizer(streaks=False)`), and they are drawn
last.
"""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np

from augment.conditions import Condition
from augment.seeds import generator
from augment.synthesizers.base import FrameBatch, Synthesizer, check_variants

_KINDS = (
    (0.12, 110.0, 0.13),
    (0.12, 110.0, 0.22),
    (0.17, 45.0, 0.35),
    (0.17, 45.0, 0.50),
    (0.22, 12.0, 0.70),
    (0.22, 11.0, 1.00),
)
"""Length as share of the picture height, number per picture height of width, strength; far ones first.

As many pixels are so strong as in true rain of the training towns, and one pixel wide as there: wide streaks look
like lamp posts and people.
"""
_SLANT = (0.08, 0.25)
"""By so much of its height a streak leans, to either side."""
_OPACITY = np.float32(0.28)
"""Of the strongest streaks, from what they change before trees, vehicles and sky of the training towns."""
_LEVEL = {"day": 212.0, "dusk": 155.0, "night": 120.0}
"""How bright drops are in each light, likewise; they brighten what is darker, and nothing else."""


class FallingRainSynthesizer:
    """A synthesizer whose variants in rain have streaks before everything.

    Deterministic, plain numpy and OpenCV.
    """

    def __init__(self, inner: Synthesizer) -> None:
        self._inner = inner
        self.name = f"{inner.name}-streaks"
        self.provenance: dict[str, Any] = {**inner.provenance, "streaks": 1}

    def __call__(self, frames: FrameBatch, targets: list[Condition], seeds: np.ndarray) -> np.ndarray:
        """Synthesize one variant of each frame; see `Synthesizer.__call__`."""
        return add_streaks(frames, self._inner(frames, targets, seeds), targets, seeds)


def add_streaks(frames: FrameBatch, variants: np.ndarray, targets: list[Condition], seeds: np.ndarray) -> np.ndarray:
    """Draw falling rain over variants in rain; other variants stay as they are.

    Args:
        frames: N labelled frames.
        variants: (N, H, W, 3) uint8, of the same frames.
        targets: N conditions that the variants show.
        seeds: (N,) unsigned; decide where the streaks are.

    Returns:
        (N, H, W, 3) uint8, newly allocated.

    Raises:
        ValueError: the variants are not of these frames.
    """
    check_variants(frames, variants, targets)
    result = variants.copy()
    for index, target in enumerate(targets):
        if target.weather == "rain":
            streaks = draw_streaks(generator(int(seeds[index]), "falling rain"), *variants.shape[1:3])
            missing = np.maximum(np.float32(_LEVEL[target.light]) - variants[index], np.float32(0.0))
            result[index] = np.round(variants[index] + (_OPACITY * streaks)[..., None] * missing).astype(np.uint8)
    return result


def draw_streaks(rng: np.random.Generator, height: int, width: int) -> np.ndarray:
    """(H, W) float32 in [0, 1]: how strong the streak is that covers each pixel, 0 where there is none."""
    slant = rng.uniform(*_SLANT) * (1.0 if rng.random() < 0.5 else -1.0)
    layer = np.zeros((height, width), np.uint8)
    for share, density, strength in _KINDS:
        number = max(1, round(density * (width / height + 0.3)))
        length = share * height * rng.uniform(0.6, 1.4, number)
        x = rng.uniform(-0.15 * height, width + 0.15 * height, number)
        y = rng.uniform(-0.3 * height, height, number)
        ends = np.stack([x, y, x + slant * length, y + length], axis=1)
        lines = list(np.round(ends * 16.0).astype(np.int32).reshape(-1, 2, 2))
        cv2.polylines(layer, lines, False, round(255 * strength), max(1, round(height / 288)), cv2.LINE_8, shift=4)
    return layer * np.float32(1.0 / 255.0)
