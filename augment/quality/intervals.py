"""Figures of groups of pictures with bootstrap intervals; groups that are too small have no number."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from augment.seeds import generator
from carla_agents.segmentation.metrics import MIN_IMAGES

RESAMPLES = 1000


@dataclass(frozen=True)
class Figure:
    """A figure of a group of pictures.

    Attributes:
        value: None below 30 pictures, or where it is not finite.
        low, high: 95 % bootstrap interval over pictures; None where there is no value.
        pictures: how many it rests on.
    """

    value: float | None
    low: float | None
    high: float | None
    pictures: int


def figure(statistic: Callable[[np.ndarray], np.ndarray], pictures: int, seed: int) -> Figure:
    """A figure with its interval.

    Args:
        statistic: (R, N) float64, how often each picture counts -> (R,) values. Figures of one number of pictures and
            one seed are resampled together, so ratios and differences may be taken inside it.
        pictures: N.
        seed: of the bootstrap.
    """
    if pictures < MIN_IMAGES:
        return Figure(None, None, None, pictures)
    value = float(statistic(np.ones((1, pictures)))[0])
    if not np.isfinite(value):
        return Figure(None, None, None, pictures)
    drawn = generator(seed, "bootstrap", pictures).multinomial(
        pictures, np.full(pictures, 1.0 / pictures), size=RESAMPLES
    )
    spread = statistic(drawn.astype(np.float64))
    finite = spread[np.isfinite(spread)]
    low, high = np.percentile(finite, (2.5, 97.5)) if len(finite) else (value, value)
    return Figure(value, float(low), float(high), pictures)


def mean_figure(values: np.ndarray, seed: int) -> Figure:
    """The mean of (N,) values."""
    return figure(lambda counts: counts @ values / counts.sum(1), len(values), seed)
