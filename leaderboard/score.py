"""Driving score, route completion and infraction penalty, as pure functions of what happened.

Source: the StatisticsManager of CARLA leaderboard, branches leaderboard-1.0, -2.0 (= master) and -2.1. Two errors of
the 1.0 arithmetic are not repeated: rates per kilometre divide all events by all kilometres driven (not the sum of
per-route rates), and the kilometres driven are length x completion / 100.
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum

from leaderboard.infractions import Infraction, InfractionKind


class Metric(StrEnum):
    """Which leaderboard's penalties to apply."""

    V1_0 = "1.0"
    V2_0 = "2.0"
    V2_1 = "2.1"


_FACTORS: dict[InfractionKind, float] = {
    InfractionKind.COLLISION_PEDESTRIAN: 0.50,
    InfractionKind.COLLISION_VEHICLE: 0.60,
    InfractionKind.COLLISION_LAYOUT: 0.65,
    InfractionKind.RED_LIGHT: 0.70,
    InfractionKind.STOP: 0.80,
}
_FACTORS_ONLY_2: dict[InfractionKind, float] = {
    InfractionKind.SCENARIO_TIMEOUT: 0.70,
    InfractionKind.YIELD_EMERGENCY: 0.70,
}
_STANDING_FACTOR = 0.70
"""For a pace of 0 % of the traffic's. Written and reckoned as the leaderboard does, so that sixth digits agree."""
_SUMMANDS_2_1: dict[InfractionKind, float] = {
    InfractionKind.COLLISION_PEDESTRIAN: 1.00,
    InfractionKind.COLLISION_VEHICLE: 0.70,
    InfractionKind.COLLISION_LAYOUT: 0.60,
    InfractionKind.RED_LIGHT: 0.40,
    InfractionKind.STOP: 0.25,
    InfractionKind.SCENARIO_TIMEOUT: 0.40,
    InfractionKind.YIELD_EMERGENCY: 0.40,
}


@dataclass(frozen=True)
class RouteScore:
    """The three numbers of one drive.

    Attributes:
        route_completion_pct: 0..100.
        infraction_penalty: 0..1, 1 is a clean drive.
        driving_score: completion x penalty, 0..100.
    """

    route_completion_pct: float
    infraction_penalty: float
    driving_score: float


def infraction_penalty(infractions: Iterable[Infraction], metric: Metric = Metric.V2_0) -> float:
    """What the infractions of one route leave of its completion.

    Args:
        infractions: events of one route.
        metric: 1.0 and 2.0 multiply a factor per event; 2.1 divides by one plus a sum over events.

    Returns:
        Penalty in (0, 1].
    """
    product, total = 1.0, 0.0
    for infraction in infractions:
        kind, percentage = infraction.kind, infraction.percentage
        if kind is InfractionKind.OUTSIDE_LANES:
            product *= 1.0 - min(percentage or 0.0, 100.0) / 100.0
        elif kind is InfractionKind.MIN_SPEED:
            shortfall = 1.0 - min(percentage or 0.0, 100.0) / 100.0
            if metric is Metric.V2_0:
                product *= 1.0 - (1.0 - _STANDING_FACTOR) * shortfall
            elif metric is Metric.V2_1:
                total += 0.40 * shortfall
        elif metric is Metric.V2_1:
            total += _SUMMANDS_2_1.get(kind, 0.0)
        elif kind in _FACTORS:
            product *= _FACTORS[kind]
        elif metric is Metric.V2_0:
            product *= _FACTORS_ONLY_2.get(kind, 1.0)
    return product / (1.0 + total)


def score_route(
    route_completion_pct: float, infractions: Iterable[Infraction], metric: Metric = Metric.V2_0
) -> RouteScore:
    """Score one drive.

    Raises:
        ValueError: the completion is not in 0..100.
    """
    if not 0.0 <= route_completion_pct <= 100.0:
        raise ValueError(f"route_completion_pct must be in 0..100, got {route_completion_pct}")
    penalty = infraction_penalty(infractions, metric)
    return RouteScore(route_completion_pct, penalty, route_completion_pct * penalty)


@dataclass(frozen=True)
class Summary:
    """Mean and sample standard deviation over several drives, with the number of drives they rest on."""

    count: int
    driving_score_mean: float
    driving_score_std: float
    route_completion_pct_mean: float
    route_completion_pct_std: float
    infraction_penalty_mean: float
    infraction_penalty_std: float
    success_count: int
    """Drives that completed the route with no infraction other than a slow pace (Bench2Drive's definition)."""


def summarise(scores: Sequence[RouteScore], successes: Sequence[bool]) -> Summary:
    """Mean and spread over drives.

    Raises:
        ValueError: there is no drive, or the two sequences differ in length.
    """
    if not scores or len(scores) != len(successes):
        raise ValueError(f"need at least one score, each with a success flag; got {len(scores)}, {len(successes)}")

    def spread(values: list[float]) -> tuple[float, float]:
        return statistics.fmean(values), statistics.stdev(values) if len(values) > 1 else 0.0

    driving = spread([s.driving_score for s in scores])
    completion = spread([s.route_completion_pct for s in scores])
    penalty = spread([s.infraction_penalty for s in scores])
    return Summary(len(scores), *driving, *completion, *penalty, sum(successes))


def is_success(route_completion_pct: float, infractions: Iterable[Infraction]) -> bool:
    """Whether a drive reached the end with no infraction other than a slow pace."""
    return math.isclose(route_completion_pct, 100.0) and all(i.kind is InfractionKind.MIN_SPEED for i in infractions)


def driven_km(lengths_m: Sequence[float], completions_pct: Sequence[float]) -> float:
    """Kilometres driven along the routes: the sum of length x completion."""
    return sum(length / 1000.0 * pct / 100.0 for length, pct in zip(lengths_m, completions_pct, strict=True))


def infractions_per_km(
    infractions: Iterable[Infraction], lengths_m: Sequence[float], completions_pct: Sequence[float]
) -> dict[InfractionKind, float]:
    """Events of each kind per kilometre driven, over all routes together.

    Args:
        infractions: the events of all routes.
        lengths_m: length of each route.
        completions_pct: completion of each route.

    Returns:
        One rate per kind; kilometres below one metre count as one metre.
    """
    kilometres = max(driven_km(lengths_m, completions_pct), 0.001)
    counts = dict.fromkeys(InfractionKind, 0)
    for infraction in infractions:
        counts[infraction.kind] += 1
    return {kind: count / kilometres for kind, count in counts.items()}
