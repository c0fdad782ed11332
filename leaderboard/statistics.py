"""What can be said about an agent from a few drives: means with confidence intervals, and agents compared in pairs.

Drives of one route resemble each other, so a plain bootstrap over drives is too sure of itself. Here routes are drawn
first and then drives within each drawn route (hierarchical bootstrap).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from leaderboard.infractions import InfractionKind
from leaderboard.results import DriveKey, DriveRecord
from leaderboard.score import Metric, infractions_per_km

Value = Callable[[DriveRecord], float]


@dataclass(frozen=True)
class Interval:
    """A mean with a confidence interval.

    Attributes:
        mean: of the drives.
        low, high: ends of the interval.
        drives, routes: what it rests on.
    """

    mean: float
    low: float
    high: float
    drives: int
    routes: int


def driving_score(metric: Metric) -> Value:
    """The driving score of a record, as a function."""
    return lambda record: record.score(metric).driving_score


def interval(
    values: Mapping[DriveKey, float], *, samples: int = 2000, level: float = 0.95, seed: int = 0
) -> Interval:
    """Mean of values of drives with the hierarchical bootstrap's percentile interval.

    Args:
        values: one per drive.
        samples: how often to resample.
        level: e.g. 0.95.
        seed: decides the resampling; equal arguments give equal intervals.

    Raises:
        ValueError: no value, a level outside (0, 1), or no sample.
    """
    if not values or not 0.0 < level < 1.0 or samples < 1:
        raise ValueError(f"need values, samples >= 1 and a level in (0, 1), got {len(values)}, {samples}, {level}")
    groups: dict[int, list[float]] = {}
    for key in sorted(values):
        groups.setdefault(key.route_id, []).append(values[key])
    means = _resampled_means(list(groups.values()), samples, np.random.default_rng(seed))
    tail = 100.0 * (1.0 - level) / 2.0
    low, high = np.percentile(means, [tail, 100.0 - tail])
    return Interval(float(np.mean(list(values.values()))), float(low), float(high), len(values), len(groups))


def _resampled_means(groups: Sequence[Sequence[float]], samples: int, rng: np.random.Generator) -> np.ndarray:
    """(samples,) means: draw routes, then drives of each drawn route; every drawn drive weighs the same."""
    drawn = rng.integers(len(groups), size=(samples, len(groups)))
    totals, counts = np.zeros(samples), np.zeros(samples)
    for number, group in enumerate(groups):
        times = (drawn == number).sum(axis=1)
        for sample in np.flatnonzero(times):
            size = int(times[sample]) * len(group)
            totals[sample] += np.asarray(group)[rng.integers(len(group), size=size)].sum()
            counts[sample] += size
    return totals / counts


@dataclass(frozen=True)
class Comparison:
    """Two agents on the same drives.

    Attributes:
        difference: candidate minus baseline.
        better, equal, worse: drives in which the candidate scored higher, the same, lower.
        only_candidate, only_baseline: drives that one of them lacks and that therefore do not count.
    """

    difference: Interval
    better: int
    equal: int
    worse: int
    only_candidate: int
    only_baseline: int


def compare(
    candidate: Mapping[DriveKey, DriveRecord],
    baseline: Mapping[DriveKey, DriveRecord],
    value: Value,
    *,
    samples: int = 2000,
    level: float = 0.95,
    seed: int = 0,
) -> Comparison:
    """Compare two agents drive by drive: same route, condition and traffic seed.

    Raises:
        ValueError: they have no drive in common.
    """
    common = sorted(set(candidate) & set(baseline))
    if not common:
        raise ValueError("the two agents have no drive (route, condition, repetition) in common")
    differences = {key: value(candidate[key]) - value(baseline[key]) for key in common}
    spread = interval(differences, samples=samples, level=level, seed=seed)
    signs = np.sign([round(difference, 9) for difference in differences.values()])
    return Comparison(
        spread,
        int((signs > 0).sum()),
        int((signs == 0).sum()),
        int((signs < 0).sum()),
        len(set(candidate) - set(baseline)),
        len(set(baseline) - set(candidate)),
    )


def by_condition(
    records: Mapping[DriveKey, DriveRecord], value: Value, *, samples: int = 2000, seed: int = 0
) -> dict[str, Interval]:
    """One interval per condition, in alphabetical order."""
    conditions = sorted({key.condition for key in records})
    return {
        condition: interval(
            {key: value(record) for key, record in records.items() if key.condition == condition},
            samples=samples,
            seed=seed,
        )
        for condition in conditions
    }


def rates_by_condition(records: Mapping[DriveKey, DriveRecord]) -> dict[str, dict[InfractionKind, float]]:
    """Infractions per kilometre driven, per condition."""
    found = {}
    for condition in sorted({key.condition for key in records}):
        group = [record for key, record in records.items() if key.condition == condition]
        events = [event for record in group for event in record.infractions]
        lengths_m = [record.route_length_m for record in group]
        found[condition] = infractions_per_km(events, lengths_m, [record.route_completion_pct for record in group])
    return found
