import numpy as np
import pytest

from augment.quality.distances import estimate_frechet, estimate_kernel, frechet_distance, kernel_distance


def with_moments(mean: np.ndarray, covariance: np.ndarray, count: int, seed: int) -> np.ndarray:
    """Points whose sample mean and covariance are exactly these."""
    raw = np.random.default_rng(seed).normal(size=(count, len(mean)))
    raw -= raw.mean(0)
    white = raw @ np.linalg.inv(np.linalg.cholesky(np.cov(raw.T))).T
    return mean + white @ np.linalg.cholesky(covariance).T


def test_frechet_distance_of_gaussians_with_commuting_covariances_is_the_closed_form():
    spread_a, spread_b = np.array([1.0, 4.0, 9.0]), np.array([4.0, 1.0, 16.0])
    a = with_moments(np.array([0.0, 1.0, 2.0]), np.diag(spread_a), 50, 0)
    b = with_moments(np.array([1.0, 1.0, 0.0]), np.diag(spread_b), 70, 1)
    closed = 5.0 + ((np.sqrt(spread_a) - np.sqrt(spread_b)) ** 2).sum()
    assert frechet_distance(a, b) == pytest.approx(closed)


def test_frechet_distance_does_not_depend_on_the_axes_and_is_zero_to_itself():
    rng = np.random.default_rng(2)
    a, b = rng.normal(size=(60, 4)) * [1, 2, 3, 4], rng.normal(size=(60, 4)) + 1.0
    turn = np.linalg.qr(rng.normal(size=(4, 4)))[0]
    assert frechet_distance(a @ turn, b @ turn) == pytest.approx(frechet_distance(a, b))
    assert frechet_distance(a, a) == pytest.approx(0.0, abs=1e-9)


def test_kernel_distance_of_sets_from_one_source_is_zero_on_average_however_few():
    rng = np.random.default_rng(3)
    values = np.array([kernel_distance(*rng.normal(size=(2, 5, 3))) for _ in range(4000)])
    assert abs(values.mean()) < 4.0 * values.std() / np.sqrt(len(values))
    biased = np.array([_with_diagonals(*rng.normal(size=(2, 5, 3))) for _ in range(400)])
    assert biased.mean() > 10.0 * abs(values.mean()), "the estimate that keeps the diagonals is not"


def _with_diagonals(a: np.ndarray, b: np.ndarray) -> float:
    inside, beside, across = (((x @ y.T / 3 + 1) ** 3).mean() for x, y in ((a, a), (b, b), (a, b)))
    return float(inside + beside - 2 * across)


def test_kernel_distance_is_the_sum_over_pairs():
    rng = np.random.default_rng(4)
    a, b = rng.normal(size=(4, 2)), rng.normal(size=(3, 2)) + 1.0

    def mean(x: np.ndarray, y: np.ndarray, same: bool) -> float:
        pairs = [(u @ v / 2 + 1) ** 3 for i, u in enumerate(x) for j, v in enumerate(y) if not (same and i == j)]
        return float(np.mean(pairs))

    assert kernel_distance(a, b) == pytest.approx(mean(a, a, True) + mean(b, b, True) - 2.0 * mean(a, b, False))


def test_intervals_hold_the_truth_about_as_often_as_they_say():
    rng = np.random.default_rng(5)
    truth = kernel_distance(rng.normal(size=(4000, 2)), rng.normal(size=(4000, 2)) + 0.8)
    held = 0
    for seed in range(30):
        d = estimate_kernel(rng.normal(size=(60, 2)), rng.normal(size=(60, 2)) + 0.8, seed)
        assert d.low is not None
        assert d.high is not None
        held += d.low <= truth <= d.high
    assert held >= 25


def test_the_same_seed_gives_the_same_interval():
    rng = np.random.default_rng(6)
    a, b = rng.normal(size=(40, 3)), rng.normal(size=(40, 3))
    assert estimate_frechet(a, b, 1) == estimate_frechet(a, b, 1)
    assert estimate_frechet(a, b, 1).low != estimate_frechet(a, b, 2).low


def test_too_few_pictures_have_no_number_and_say_why():
    few = np.zeros((29, 2))
    assert estimate_kernel(few, few, 0).value is None
    wide = np.random.default_rng(7).normal(size=(40, 64))
    d = estimate_frechet(wide, wide, 0)
    assert d.value is None
    assert "features (64)" in (d.why_none or "")
    assert estimate_kernel(wide, wide + 1.0, 0).value is not None


def test_features_of_a_broken_network_are_refused():
    with pytest.raises(ValueError, match="not finite"):
        frechet_distance(np.full((3, 2), np.nan), np.zeros((3, 2)))
