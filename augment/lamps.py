"""Which lamp of a traffic light burns, read from the pixels.

Painted glass is coloured even when it is dark, so a hue alone says nothing by day. A burning lamp adds light: in
linear light its coloured share is by far the largest of the head. What haze and dusk lay over everything is taken
off first.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import cv2
import numpy as np

from carla_server.semantics import SemanticTag

LampColour = Literal["red", "yellow", "green"]
COLOURS: tuple[LampColour, LampColour, LampColour] = ("red", "yellow", "green")
LEAST_HEAD_PX = 12
"""A head with fewer pixels is not read."""
_LIT = 0.6
"""Coloured linear light of a lamp that burns, summed over its pixels; dark heads at night have less than 0.3."""
_CLEAR = 1.15
"""The burning lamp has at least so many times the coloured light of the next one; otherwise no colour is named."""
_GLASS = np.array([1.25, 0.9, 1.0], np.float32)[:, None, None]
"""Sunlit dark glass is brightest where it is yellow or green; a burning red lamp must not lose against it."""
_BURNING_YELLOW = ((0.72, 0.88), (0.9, 1.4))
_BURNING_GREEN = ((0.46, 0.56), (0.6, 1.7))
"""Where the sun shines on a head, dark glass is as bright as the lamp, and the hue decides: a lamp that burns is a
purer yellow or a bluer green than dark glass. Hue as in `_coloured_light`, and a factor of the coloured light."""
_TO_LINEAR = ((np.arange(256) / 255.0) ** 2.2).astype(np.float32)


@dataclass(frozen=True, eq=False)
class Lamp:
    """One traffic light head.

    Attributes:
        left_px, top_px, width_px, height_px: bounding box.
        pixels: how many pixels are labelled as the head.
        colour: what burns, or None where nothing does or it cannot be told (a head seen from behind).
        strengths: coloured linear light of red, yellow and green, summed over the head, from 0.
        lit: (height_px, width_px) bool, the pixels of the burning lamp; none where `colour` is None.
    """

    left_px: int
    top_px: int
    width_px: int
    height_px: int
    pixels: int
    colour: LampColour | None
    strengths: tuple[float, float, float]
    lit: np.ndarray

    @property
    def window(self) -> tuple[slice, slice]:
        """Rows and columns of the bounding box."""
        return (
            slice(self.top_px, self.top_px + self.height_px),
            slice(self.left_px, self.left_px + self.width_px),
        )


def lamp_colours(rgb: np.ndarray, seg: np.ndarray, least_px: int = LEAST_HEAD_PX) -> list[Lamp]:
    """Read every traffic light head of a picture.

    Args:
        rgb: (H, W, 3) uint8.
        seg: (H, W) uint8 CARLA tags of the same instant; connected pixels of a traffic light are one head.
        least_px: heads with fewer pixels are left out.

    Returns:
        The heads from top to bottom; two pictures with the same labels give the same heads in the same order.

    Raises:
        ValueError: the shapes or types do not fit.
    """
    if rgb.shape != (*seg.shape, 3) or rgb.dtype != np.uint8 or seg.dtype != np.uint8:
        raise ValueError(
            f"rgb is {rgb.shape} {rgb.dtype}, seg {seg.shape} {seg.dtype}; expected (H, W, 3), (H, W) uint8"
        )
    head = (seg == SemanticTag.TRAFFIC_LIGHT).astype(np.uint8)
    if not head.any():
        return []
    count, labels, stats, _ = cv2.connectedComponentsWithStats(head, connectivity=8)
    lamps = []
    white = _white(rgb, seg)
    for number in range(1, count):
        left, top, width, height, area = (int(v) for v in stats[number])
        if area >= least_px:
            window = (slice(top, top + height), slice(left, left + width))
            lamps.append(_read(_TO_LINEAR[rgb[window]] * white, labels[window] == number, left, top, area))
    return sorted(lamps, key=lambda lamp: (lamp.top_px, lamp.left_px))


def _white(rgb: np.ndarray, seg: np.ndarray) -> np.ndarray:
    """(3,) float32 factors that take a low sun's red off, which makes dark red glass look lit."""
    thin = rgb[::4, ::4][seg[::4, ::4] != SemanticTag.SKY]
    if not len(thin):
        return np.ones(3, np.float32)
    scene = _TO_LINEAR[thin].mean(0)
    return np.array([np.clip(scene[1] / max(scene[0], 1e-4), 0.6, 1.0), 1.0, 1.0], np.float32)


def _read(linear: np.ndarray, inside: np.ndarray, left: int, top: int, area: int) -> Lamp:
    coloured = _coloured_light(linear, inside)
    strengths = coloured.sum((1, 2))
    order = np.argsort(-strengths, kind="stable")
    best, second = int(order[0]), int(order[1])
    burns = strengths[best] >= _LIT and strengths[best] >= _CLEAR * strengths[second]
    lit = coloured[best] > 0.35 * coloured[best].max() if burns else np.zeros_like(inside)
    red, yellow, green = (float(v) for v in strengths)
    height, width = inside.shape
    return Lamp(left, top, width, height, area, COLOURS[best] if burns else None, (red, yellow, green), lit)


def _coloured_light(linear: np.ndarray, inside: np.ndarray) -> np.ndarray:
    """(3, h, w) float32: how much red, yellow and green light each pixel of the head sends beyond its housing."""
    housing = np.quantile(linear[inside], 0.3, axis=0).astype(np.float32)
    linear = np.maximum(linear - housing, 0.0)
    red, green, blue = linear[..., 0], linear[..., 1], linear[..., 2]
    chroma = linear.max(-1) - linear.min(-1)
    # 0 for pure red, 1 for as much green as red; only where red is the strongest or green is.
    lean = (green - blue) / (chroma + 1e-6)
    warm = red >= np.maximum(green, blue)
    yellowness = np.where(warm, np.clip(lean / 0.45 - 0.22, 0.0, 1.0), 0.0)
    yellowness *= np.interp(lean, *_BURNING_YELLOW).astype(np.float32)
    yellowness = np.where(~warm & (green > 0.9 * blue) & (red > 0.7 * green), 1.0, yellowness)
    redness = np.where(warm, np.clip(1.0 - 2.0 * lean, 0.0, 1.0), 0.0)
    greenness = np.where(~warm & (green >= 0.9 * blue) & (red <= 0.7 * green), 1.0, 0.0)
    greenness *= np.interp(blue / (green + 1e-6), *_BURNING_GREEN).astype(np.float32)
    return _GLASS * np.stack([redness, yellowness, greenness]) * (chroma * inside)
