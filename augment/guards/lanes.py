"""Lane paint is where it was: the brightness across its borders agrees best without a shift."""

from __future__ import annotations

import cv2
import numpy as np

from carla_server.semantics import SemanticTag

_REACH_PX = 8
_SURFACE = np.zeros(256, bool)
_SURFACE[[SemanticTag.ROADS, SemanticTag.ROAD_LINES, SemanticTag.SIDEWALKS]] = True


def lane_figures(source: np.ndarray, seg: np.ndarray, variant: np.ndarray) -> dict[str, float]:
    """Where the variant's lane paint is, in pixels to the side of where the labels have it.

    The picture is cut into a near and a far half of the paint, each with its own best shift: paint that was moved in
    one place only is found too.

    Args:
        source, variant: (H, W, 3) uint8.
        seg: (H, W) uint8 CARLA tags.

    Returns:
        `lane_agreement`: correlation in [-1, 1] of the detail on and beside the paint; `lane_shift_gain`: how much
        better the best shift of 3 to 8 px agrees than none, at least 0. Both absent with less than 60 px of paint.
    """
    paint = seg == SemanticTag.ROAD_LINES
    if np.count_nonzero(paint) < 60:
        return {}
    beside = cv2.dilate(paint.astype(np.uint8), np.ones((3, 9), np.uint8)) > 0
    near = beside & _SURFACE[seg]
    before, after = _detail(source), _detail(variant)
    rows = np.nonzero(paint.any(1))[0]
    middle = int(np.median(np.nonzero(paint)[0]))
    agreements, gains = [], []
    for part in (slice(int(rows[0]), middle), slice(middle, int(rows[-1]) + 1)):
        at = near[part]
        if np.count_nonzero(at) < 60:
            continue
        wanted = before[part][at]
        still = _correlation(wanted, after[part][at])
        moved = [
            _correlation(wanted, np.roll(after[part], -shift, axis=1)[at])
            for shift in (*range(-_REACH_PX, -2), *range(3, _REACH_PX + 1))
        ]
        agreements.append(still)
        gains.append(max(0.0, max(moved) - still))
    if not agreements:
        return {}
    return {"lane_agreement": min(agreements), "lane_shift_gain": max(gains)}


def _detail(rgb: np.ndarray) -> np.ndarray:
    """Brightness relative to the neighbourhood, in a logarithm, so that light and shadow drop out."""
    grey = np.log(rgb.astype(np.float32).max(2) + 8.0)
    return grey - cv2.blur(grey, (25, 5))


def _correlation(a: np.ndarray, b: np.ndarray) -> float:
    a, b = a - a.mean(), b - b.mean()
    return float((a @ b) / (np.sqrt((a @ a) * (b @ b)) + 1e-6))
