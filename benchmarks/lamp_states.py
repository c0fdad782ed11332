"""Which lens of a traffic light burns in a picture, read without the labels of the simulator's state.

By day a lens in the sun is nearly as bright as one that burns, so what burns is read in the true re-render by clear
night; whether another picture still shows it is read at the places of the lenses.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from carla_server.semantics import SemanticTag

LEAST_LENS_PX = 12
COLOURS = ("red", "yellow", "green")
_LEAST_RATIO = 1.5
"""At night the burning lens is at least so many times as bright as the next."""


@dataclass(frozen=True)
class Lamp:
    """A burning lens.

    Attributes:
        colour: index into `COLOURS`.
        lenses: (3, H, W) bool, where the lenses of its head are.
    """

    colour: int
    lenses: np.ndarray


def find_lamps(day_rgb: np.ndarray, night_rgb: np.ndarray, seg: np.ndarray) -> list[Lamp]:
    """The burning lenses of at least `LEAST_LENS_PX` pixels.

    Args:
        day_rgb: (H, W, 3) uint8 by clear day: shows where the lenses are, by their colour.
        night_rgb: (H, W, 3) uint8, the true re-render by clear night: shows which one burns.
        seg: (H, W) uint8 CARLA tags.
    """
    signal = (seg == SemanticTag.TRAFFIC_LIGHT).astype(np.uint8)
    count, heads = cv2.connectedComponents(signal, connectivity=8)
    by_colour = _coloured(day_rgb)
    found = []
    for head in range(1, count):
        lenses = by_colour & (heads == head)
        levels = _levels(night_rgb, lenses)
        order = np.argsort(levels)
        colour = int(order[-1])
        burns = levels[colour] >= _LEAST_RATIO * max(float(levels[order[-2]]), 1.0)
        if burns and np.count_nonzero(lenses[colour]) >= LEAST_LENS_PX:
            found.append(Lamp(colour, lenses))
    return found


def shows(lamp: Lamp, rgb: np.ndarray) -> bool:
    """Whether a picture shows the lens as the brightest of its head, in its colour.

    Args:
        lamp: what burns.
        rgb: (H, W, 3) uint8.
    """
    if int(np.argmax(_levels(rgb, lamp.lenses))) != lamp.colour:
        return False
    pixels = rgb[lamp.lenses[lamp.colour]]
    bright = pixels[pixels.max(axis=1) >= np.percentile(pixels.max(axis=1), 70)].mean(axis=0)
    return _colour_of(bright) == lamp.colour


def _coloured(rgb: np.ndarray) -> np.ndarray:
    """(3, H, W) bool: pixels of a lens's colour."""
    hue, saturation, value = cv2.split(cv2.cvtColor(rgb, cv2.COLOR_RGB2HSV))
    lively = (saturation > 110) & (value > 50)
    # OpenCV's hue is in steps of two degrees.
    return np.stack(
        [lively & ((hue < 10) | (hue > 172)), lively & (hue >= 19) & (hue < 38), lively & (hue >= 45) & (hue < 95)]
    )


def _levels(rgb: np.ndarray, lenses: np.ndarray) -> np.ndarray:
    """(3,) brightness of each lens, 0 where it is not seen."""
    value = rgb.max(axis=2)
    return np.array([np.percentile(value[lens], 90) if np.count_nonzero(lens) >= 3 else 0.0 for lens in lenses])


def _colour_of(rgb: np.ndarray) -> int:
    """Index of a mean colour; -1 for one that is none of them, such as white or grey."""
    red, green, blue = (float(v) for v in rgb)
    if max(red, green, blue) < 1.25 * max(min(red, green, blue), 1.0):
        return -1
    if red > 1.6 * green and red > 1.3 * blue:
        return 0
    if green > 1.25 * red and green >= blue:
        return 2
    return 1 if blue < 0.8 * min(red, green) else -1
