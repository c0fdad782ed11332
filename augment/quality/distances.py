"""Distances between two sets of pictures on features: Frechet's, of Gaussians, and an unbiased kernel distance.

The kernel distance is the squared maximum mean discrepancy with KID's cubic kernel. It is unbiased at any number of
pictures and may be negative; the Frechet distance grows as pictures get fewer, so only distances of equally many
pictures are comparable, and none is given unless there are more pictures than features.

Sources: FID, arXiv 1706.08500; KID, arXiv 1801.01401. The names FID and KID belong to Inception's features.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from augment.seeds import generator
from carla_agents.segmentation.metrics import MIN_IMAGES

_HALVES = 100
_MOST_FEATURES = 512


@dataclass(frozen=True)
class Distance:
    """A distance with its 95 % interval.

    Attributes:
        value, low, high: None where there is no number.
        pictures, reference_pictures: what it rests on.
        why_none: the reason if there is no number, or no interval.
    """

    value: float | None
    low: float | None
    high: float | None
    pictures: int
    reference_pictures: int
    why_none: str | None = None


def frechet_distance(a: np.ndarray, b: np.ndarray) -> float:
    """Frechet distance of the Gaussians with the means and covariances of two sets.

    Args:
        a, b: (N, D) and (M, D) finite features, N, M > 1.

    Returns:
        |mean a - mean b|^2 + trace(A + B - 2 (A B)^(1/2)).
    """
    _check(a, b)
    gap = a.mean(0) - b.mean(0)
    cov_a, cov_b = _covariance(a), _covariance(b)
    values, vectors = np.linalg.eigh(cov_a)
    root = (vectors * np.sqrt(np.maximum(values, 0.0))) @ vectors.T
    # The eigenvalues of A B are those of the symmetric A^(1/2) B A^(1/2).
    cross = np.sqrt(np.maximum(np.linalg.eigvalsh(root @ cov_b @ root), 0.0)).sum()
    return float(gap @ gap + np.trace(cov_a) + np.trace(cov_b) - 2.0 * cross)


def kernel_distance(a: np.ndarray, b: np.ndarray) -> float:
    """Unbiased squared maximum mean discrepancy with the kernel (x.y / D + 1)^3.

    Args:
        a, b: (N, D) and (M, D) finite features, N, M > 1.
    """
    _check(a, b)
    within_a, within_b, across = _kernels(a, b)
    return float(_mmd(np.ones((1, len(a))), np.ones((1, len(b))), within_a, within_b, across)[0])


def estimate_frechet(a: np.ndarray, b: np.ndarray, seed: int) -> Distance:
    """`frechet_distance` with an interval; no number under 30 pictures, or without more pictures than features."""
    count, other, features = len(a), len(b), a.shape[1]
    fewest = min(count, other)
    if fewest < MIN_IMAGES or fewest <= features:
        why = f"it needs {MIN_IMAGES} pictures on both sides and more than there are features ({features})"
        return Distance(None, None, None, count, other, why)
    value = frechet_distance(a, b)
    if fewest < 2 * (features + 1) or features > _MOST_FEATURES:
        why = f"no interval: it needs twice as many pictures as features ({features}, of at most {_MOST_FEATURES})"
        return Distance(value, None, None, count, other, why)

    def of_halves(chosen_a: np.ndarray, chosen_b: np.ndarray) -> np.ndarray:
        return np.array([frechet_distance(a[x], b[y]) for x, y in zip(chosen_a, chosen_b)])

    return _with_interval(value, of_halves, a, b, seed)


def estimate_kernel(a: np.ndarray, b: np.ndarray, seed: int) -> Distance:
    """`kernel_distance` with an interval; no number under 30 pictures."""
    if min(len(a), len(b)) < MIN_IMAGES:
        why = f"it needs {MIN_IMAGES} pictures on both sides"
        return Distance(None, None, None, len(a), len(b), why)
    kernels = _kernels(a, b)
    return _with_interval(kernel_distance(a, b), lambda x, y: _mmd(x, y, *kernels), a, b, seed)


def _with_interval(
    value: float, statistic: Callable[[np.ndarray, np.ndarray], np.ndarray], a: np.ndarray, b: np.ndarray, seed: int
) -> Distance:
    """The interval from random halves of both sets.

    A bootstrap draws pictures twice, which both distances take for structure. A half drawn without replacement from
    N pictures spreads around the whole as the whole does around the truth; the halves' own bias is taken off.
    """
    rng = generator(seed, "halves", len(a), len(b))
    chosen_a, chosen_b = (np.stack([_half(rng, n) for _ in range(_HALVES)]) for n in (len(a), len(b)))
    spread = statistic(chosen_a, chosen_b)
    low, high = np.percentile(spread - spread.mean(), (2.5, 97.5))
    return Distance(value, value + float(low), value + float(high), len(a), len(b))


def _half(rng: np.random.Generator, count: int) -> np.ndarray:
    chosen = np.zeros(count, bool)
    chosen[rng.permutation(count)[: count // 2]] = True
    return chosen


def _kernels(a: np.ndarray, b: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    return tuple((x @ y.T / a.shape[1] + 1.0) ** 3 for x, y in ((a, a), (b, b), (a, b)))  # type: ignore[return-value]


def _mmd(
    chosen_a: np.ndarray, chosen_b: np.ndarray, within_a: np.ndarray, within_b: np.ndarray, across: np.ndarray
) -> np.ndarray:
    """(R, N) and (R, M) zeros and ones -> (R,) discrepancies of the chosen pictures."""
    x, y = chosen_a.astype(np.float64), chosen_b.astype(np.float64)
    count_x, count_y = x.sum(1), y.sum(1)
    inside_x = ((x @ within_a) * x).sum(1) - x @ np.diag(within_a)
    inside_y = ((y @ within_b) * y).sum(1) - y @ np.diag(within_b)
    between = ((x @ across) * y).sum(1)
    return (
        inside_x / (count_x * (count_x - 1))
        + inside_y / (count_y * (count_y - 1))
        - 2 * between / (count_x * count_y)
    )


def _covariance(features: np.ndarray) -> np.ndarray:
    centred = features - features.mean(0)
    return centred.T @ centred / (len(features) - 1)


def _check(a: np.ndarray, b: np.ndarray) -> None:
    if a.ndim != 2 or b.ndim != 2 or a.shape[1] != b.shape[1] or min(len(a), len(b)) < 2:
        raise ValueError(
            f"two sets of at least two feature vectors of one length are compared, got {a.shape}, {b.shape}"
        )
    if not (np.isfinite(a).all() and np.isfinite(b).all()):
        raise ValueError("a feature is not finite: the network that made it is broken")
