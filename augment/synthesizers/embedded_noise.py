"""What is random in weather and light, drawn with numpy from a seed, so that every back end gets the same numbers."""

from __future__ import annotations

import numpy as np

from augment.seeds import generator
from augment.synthesizers.falling_rain import draw_streaks

NOISE_CHANNELS = 3
"""Streaks of rain, points (stars), and cells in which windows are lit."""
CELL_PX = 8
"""Width and height of a cell at a picture height of 144 px."""
_STREAK_STRENGTH = np.float32(0.7)
"""With it as many pixels are as strong as in the streaks that training reads off true rain."""
_LIT_SHARE = 0.3


def draw_noise(seed: int, height: int, width: int, *, streaks: bool = True, lit_windows: bool = True) -> np.ndarray:
    """The noise of one variant.

    Args:
        seed: decides everything.
        height, width: of the picture in px.
        streaks: False draws none.
        lit_windows: False leaves every cell dark, as before night has fallen.

    Returns:
        (NOISE_CHANNELS, H, W) float32 in [0, 1]: opacity of rain streaks, points, lit cells.
    """
    rng = generator("embedded", "noise", int(seed))
    noise = np.stack([draw_streaks(rng, height, width), _points(rng, height, width), _cells(rng, height, width)])
    noise[0] *= _STREAK_STRENGTH if streaks else np.float32(0.0)
    if not lit_windows:
        noise[2] = 0.0
    return noise


def _points(rng: np.random.Generator, height: int, width: int) -> np.ndarray:
    layer = np.zeros((height, width), np.float32)
    number = height * width // 350
    layer[rng.integers(0, height, number), rng.integers(0, width, number)] = rng.uniform(0.2, 1.0, number) ** 1.5
    return layer


def _cells(rng: np.random.Generator, height: int, width: int) -> np.ndarray:
    size = max(1, round(CELL_PX * height / 144))
    lit = rng.random((-(-height // size), -(-width // size))) < _LIT_SHARE
    return lit.repeat(size, 0).repeat(size, 1)[:height, :width].astype(np.float32)
