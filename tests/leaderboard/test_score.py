import math

import pytest

from leaderboard.infractions import Infraction, InfractionKind
from leaderboard.score import (
    Metric,
    driven_km,
    infraction_penalty,
    infractions_per_km,
    is_success,
    score_route,
    summarise,
)


def event(kind: InfractionKind, percentage: float | None = None) -> Infraction:
    return Infraction(kind, 7, 0.35, (1.0, 2.0, 0.0), "message", percentage)


OFFICIAL = {
    # kind: (1.0, 2.0, 2.1), from the StatisticsManager of each branch of CARLA's leaderboard
    InfractionKind.COLLISION_PEDESTRIAN: (0.50, 0.50, 1 / 2.00),
    InfractionKind.COLLISION_VEHICLE: (0.60, 0.60, 1 / 1.70),
    InfractionKind.COLLISION_LAYOUT: (0.65, 0.65, 1 / 1.60),
    InfractionKind.RED_LIGHT: (0.70, 0.70, 1 / 1.40),
    InfractionKind.STOP: (0.80, 0.80, 1 / 1.25),
    InfractionKind.SCENARIO_TIMEOUT: (1.0, 0.70, 1 / 1.40),
    InfractionKind.YIELD_EMERGENCY: (1.0, 0.70, 1 / 1.40),
    InfractionKind.ROUTE_DEVIATION: (1.0, 1.0, 1.0),
    InfractionKind.BLOCKED: (1.0, 1.0, 1.0),
    InfractionKind.ROUTE_TIMEOUT: (1.0, 1.0, 1.0),
}


@pytest.mark.parametrize("kind", OFFICIAL)
def test_one_event_costs_what_each_leaderboard_version_says(kind):
    for metric, expected in zip(Metric, OFFICIAL[kind], strict=True):
        assert math.isclose(infraction_penalty([event(kind)], metric), expected)


def test_events_multiply_in_2_0_and_add_up_in_2_1():
    events = [
        event(k) for k in (InfractionKind.RED_LIGHT, InfractionKind.RED_LIGHT, InfractionKind.COLLISION_VEHICLE)
    ]
    assert math.isclose(infraction_penalty(events, Metric.V2_0), 0.7 * 0.7 * 0.6)
    assert math.isclose(infraction_penalty(events, Metric.V2_1), 1 / (1 + 0.4 + 0.4 + 0.7))


def test_distance_outside_the_lanes_costs_its_share_outside_the_sum():
    events = [event(InfractionKind.OUTSIDE_LANES, 25.0), event(InfractionKind.RED_LIGHT)]
    assert math.isclose(infraction_penalty(events, Metric.V1_0), 0.75 * 0.7)
    assert math.isclose(infraction_penalty(events, Metric.V2_1), 0.75 / 1.4)


def test_a_slow_pace_costs_by_how_slow_it_is():
    events = [event(InfractionKind.MIN_SPEED, 40.0)]
    assert math.isclose(infraction_penalty(events, Metric.V2_0), 1 - 0.3 * 0.6)
    assert math.isclose(infraction_penalty(events, Metric.V2_1), 1 / (1 + 0.4 * 0.6))
    assert infraction_penalty(events, Metric.V1_0) == 1.0
    assert infraction_penalty([event(InfractionKind.MIN_SPEED, 130.0)], Metric.V2_0) == 1.0


def test_driving_score_is_completion_times_penalty():
    score = score_route(80.0, [event(InfractionKind.STOP)])
    assert math.isclose(score.driving_score, 64.0)
    with pytest.raises(ValueError, match=r"0\.\.100, got 101"):
        score_route(101.0, [])


def test_rates_divide_all_events_by_all_kilometres_driven():
    # Two routes of 500 m, one driven whole and one half: 0.75 km. The 1.0 code summed per-route rates (leaderboard
    # issue 117) and forgot the division of the completion by 100.
    events = [event(InfractionKind.RED_LIGHT)] * 3
    assert math.isclose(driven_km([500.0, 500.0], [100.0, 50.0]), 0.75)
    rates = infractions_per_km(events, [500.0, 500.0], [100.0, 50.0])
    assert math.isclose(rates[InfractionKind.RED_LIGHT], 4.0)
    assert rates[InfractionKind.STOP] == 0.0
    assert math.isfinite(infractions_per_km(events, [500.0], [0.0])[InfractionKind.RED_LIGHT])


def test_the_summary_uses_the_sample_standard_deviation():
    scores = [score_route(100.0, []), score_route(50.0, [])]
    summary = summarise(scores, [True, False])
    assert (summary.count, summary.success_count) == (2, 1)
    assert math.isclose(summary.driving_score_mean, 75.0)
    assert math.isclose(summary.driving_score_std, math.sqrt(2 * 25.0**2))
    assert summarise(scores[:1], [True]).driving_score_std == 0.0
    with pytest.raises(ValueError, match="at least one score"):
        summarise([], [])


def test_success_forgives_only_a_slow_pace():
    assert is_success(100.0, [event(InfractionKind.MIN_SPEED, 50.0)])
    assert not is_success(100.0, [event(InfractionKind.STOP)])
    assert not is_success(99.0, [])


def test_a_percentage_belongs_to_the_kinds_that_have_one():
    with pytest.raises(ValueError, match="must be given"):
        event(InfractionKind.OUTSIDE_LANES)
    with pytest.raises(ValueError, match="must be None"):
        event(InfractionKind.STOP, 3.0)
