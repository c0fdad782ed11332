"""Operations on rasters: windows, growing and closing of masks, continuation of what is known in part."""

from __future__ import annotations

import numpy as np


def box_sum(image: np.ndarray, radius: int) -> np.ndarray:
    """Sum over a (2 radius + 1)^2 window, zero outside."""
    padded: np.ndarray = np.pad(image.astype(np.float32), ((radius + 1, radius), (radius + 1, radius)))
    width = 2 * radius + 1
    for axis in (0, 1):
        run = np.cumsum(padded, axis=axis, dtype=np.float64)
        upper = np.take(run, range(width, run.shape[axis]), axis=axis)
        padded = upper - np.take(run, range(run.shape[axis] - width), axis=axis)
    return padded


def dilated(mask: np.ndarray, radius: int) -> np.ndarray:
    """Mask grown by a square window of (2 radius + 1)^2 cells."""
    grown = np.pad(mask, radius)
    for axis in (0, 1):
        window = 1
        while window < 2 * radius + 1:  # doubling: a window of 2 n is two windows of n side by side
            step = min(window, 2 * radius + 1 - window)
            rows = grown if axis == 0 else grown.T
            grown = rows[step:] | rows[: len(rows) - step]
            grown = grown if axis == 0 else grown.T
            window += step
    return grown


def closed(mask: np.ndarray, radius: int) -> np.ndarray:
    """Mask with holes and inlets narrower than the square window filled."""
    return ~dilated(~dilated(mask, radius), radius)


def continued(weighted: np.ndarray, weight: np.ndarray) -> np.ndarray:
    """Mean where there is weight, elsewhere a smooth continuation (push-pull over a pyramid)."""
    if weighted.shape[0] <= 2 or weighted.shape[1] <= 2 or (weight > 0).all():
        return weighted / np.maximum(weight, 1e-9) if weight.any() else np.zeros_like(weighted)
    pad = [(0, n % 2) for n in weighted.shape]
    halves = []
    for image in (weighted, weight):
        image = np.pad(image, pad)
        halves.append(image[::2, ::2] + image[1::2, ::2] + image[::2, 1::2] + image[1::2, 1::2])
    coarse = continued(*halves).repeat(2, axis=0).repeat(2, axis=1)[: weighted.shape[0], : weighted.shape[1]]
    edged = np.pad(coarse, 1, mode="edge")
    rows = edged[:-2] + edged[1:-1] + edged[2:]
    smooth = (rows[:, :-2] + rows[:, 1:-1] + rows[:, 2:]) / 9.0
    return np.where(weight > 0, weighted / np.maximum(weight, 1e-9), smooth)
