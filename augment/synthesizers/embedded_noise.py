"""What is random in weather and light, drawn with numpy from a seed, so that every back end gets the same numbers."""

from __future__ import annotations

import cv2
import numpy as np

from augment.seeds import generator

NOISE_CHANNELS = 3
"""Streaks of rain, points (stars), and cells in which windows are lit."""
CELL_PX = 8
"""Width and height of a cell at a picture height of 144 px."""
_STREAKS = ((0.25, 12.0, 1.0), (0.17, 40.0, 0.45), (0.12, 90.0, 0.25))
"""Length as share of the picture height, number per picture height of width, opacity: near, middle, far."""
_LIT_SHARE = 0.3


def draw_noise(seed: int, height: int, width: int, *, lit_windows: bool = True) -> np.ndarray:
    """The noise of one variant.

    Args:
        seed: decides everything.
        height, width: of the picture in px.
        lit_windows: False leaves every cell dark, as before night has fallen.

    Returns:
        (NOISE_CHANNELS, H, W) float32 in [0, 1]: opacity of rain streaks, points, lit cells.
    """
    rng = generator("embedded", "noise", int(seed))
    noise = np.stack([_streaks(rng, height, width), _points(rng, height, width), _cells(rng, height, width)])
    if not lit_windows:
        noise[2] = 0.0
    return noise


def _streaks(rng: np.random.Generator, height: int, width: int) -> np.ndarray:
    slant = rng.uniform(-0.25, 0.25)
    layer = np.zeros((height, width), np.float32)
    for share, density, opacity in _STREAKS:
        number = max(1, round(density * (width / height + 0.3)))
        length = share * height * rng.uniform(0.7, 1.1, number)
        x = rng.uniform(-0.15 * height, width + 0.15 * height, number)
        y = rng.uniform(-0.3 * height, height, number)
        # Brightest in the middle of its length, as something that has passed by.
        for part, strength in ((1.0, 0.5), (0.6, 1.0)):
            half = 0.5 * part * length
            ends = np.stack([x - slant * half, y - half, x + slant * half, y + half], axis=1)
            one = np.zeros((height, width), np.uint8)
            lines = list(np.round(ends * 16.0).astype(np.int32).reshape(-1, 2, 2))
            cv2.polylines(one, lines, False, round(255 * strength), max(1, round(height / 288)), cv2.LINE_AA, shift=4)
            layer = np.maximum(layer, one * np.float32(opacity / 255.0))
    return layer


def _points(rng: np.random.Generator, height: int, width: int) -> np.ndarray:
    layer = np.zeros((height, width), np.float32)
    number = height * width // 350
    layer[rng.integers(0, height, number), rng.integers(0, width, number)] = rng.uniform(0.2, 1.0, number) ** 1.5
    return layer


def _cells(rng: np.random.Generator, height: int, width: int) -> np.ndarray:
    size = max(1, round(CELL_PX * height / 144))
    lit = rng.random((-(-height // size), -(-width // size))) < _LIT_SHARE
    return lit.repeat(size, 0).repeat(size, 1)[:height, :width].astype(np.float32)
