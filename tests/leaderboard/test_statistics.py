import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from leaderboard.infractions import Infraction, InfractionKind
from leaderboard.results import DriveKey, DriveRecord
from leaderboard.score import Metric, infraction_penalty, score_route
from leaderboard.statistics import by_condition, compare, driving_score, interval, rates_by_condition

PERCENT_KINDS = (InfractionKind.OUTSIDE_LANES, InfractionKind.MIN_SPEED)


@st.composite
def events(draw):
    kinds = draw(st.lists(st.sampled_from(list(InfractionKind)), max_size=12))
    return [
        Infraction(k, 1, 0.05, (0.0, 0.0, 0.0), "m", draw(st.floats(0, 130)) if k in PERCENT_KINDS else None)
        for k in kinds
    ]


@given(events(), st.randoms(use_true_random=False), st.sampled_from(list(Metric)))
@settings(max_examples=150, deadline=None)
def test_penalties_are_bounded_fall_with_every_event_and_do_not_know_the_order(log, random, metric):
    penalty = infraction_penalty(log, metric)
    assert 0.0 <= penalty <= 1.0
    shuffled = list(log)
    random.shuffle(shuffled)
    assert math.isclose(infraction_penalty(shuffled, metric), penalty, rel_tol=1e-9, abs_tol=1e-12)
    for count in range(len(log)):
        assert infraction_penalty(log[:count], metric) >= infraction_penalty(log[: count + 1], metric) - 1e-12


FACTORS = {
    Metric.V1_0: {"p": 0.5, "v": 0.6, "l": 0.65, "r": 0.7, "s": 0.8, "t": 1.0, "y": 1.0},
    Metric.V2_0: {"p": 0.5, "v": 0.6, "l": 0.65, "r": 0.7, "s": 0.8, "t": 0.7, "y": 0.7},
}
SUMMANDS = {"p": 1.0, "v": 0.7, "l": 0.6, "r": 0.4, "s": 0.25, "t": 0.4, "y": 0.4}
LETTERS = {
    "p": InfractionKind.COLLISION_PEDESTRIAN,
    "v": InfractionKind.COLLISION_VEHICLE,
    "l": InfractionKind.COLLISION_LAYOUT,
    "r": InfractionKind.RED_LIGHT,
    "s": InfractionKind.STOP,
    "t": InfractionKind.SCENARIO_TIMEOUT,
    "y": InfractionKind.YIELD_EMERGENCY,
}


@given(st.text("pvlrsty", max_size=8), st.floats(0, 100), st.floats(0, 100), st.floats(0, 100))
@settings(max_examples=150, deadline=None)
def test_random_event_lists_score_as_computed_by_hand(word, outside, slow, completion):
    log = [Infraction(LETTERS[letter], 1, 0.0, (0.0, 0.0, 0.0), "m") for letter in word]
    log.append(Infraction(InfractionKind.OUTSIDE_LANES, 1, 0.0, (0.0, 0.0, 0.0), "m", outside))
    log.append(Infraction(InfractionKind.MIN_SPEED, 1, 0.0, (0.0, 0.0, 0.0), "m", slow))
    off, short = 1.0 - outside / 100.0, 1.0 - slow / 100.0
    by_hand = {
        Metric.V1_0: math.prod(FACTORS[Metric.V1_0][c] for c in word) * off,
        Metric.V2_0: math.prod(FACTORS[Metric.V2_0][c] for c in word) * off * (1.0 - 0.3 * short),
        Metric.V2_1: off / (1.0 + sum(SUMMANDS[c] for c in word) + 0.4 * short),
    }
    for metric, penalty in by_hand.items():
        assert score_route(completion, log, metric).driving_score == pytest.approx(completion * penalty, abs=1e-6)


def drives(scores: dict[tuple[int, str, int], float]) -> dict[DriveKey, DriveRecord]:
    """Records without infractions whose driving score is the completion."""
    return {
        DriveKey(*key): DriveRecord(DriveKey(*key), "Failed", score, (), 100.0, 10.0) for key, score in scores.items()
    }


VALUE = driving_score(Metric.V2_0)


def values(records):
    return {key: VALUE(record) for key, record in records.items()}


def test_an_interval_holds_its_mean_and_repeats_itself():
    rng = np.random.default_rng(1)
    records = drives({(r, "clear-day", k): float(rng.uniform(0, 100)) for r in range(6) for k in range(3)})
    first, again = interval(values(records)), interval(values(records))
    assert first == again
    assert first.low < first.mean < first.high
    assert (first.drives, first.routes) == (18, 6)
    wider = interval(values(records), level=0.99)
    assert wider.low <= first.low <= first.high <= wider.high


def test_repetitions_of_one_route_do_not_pass_for_independent_drives():
    # Ten drives on each of two routes; the routes differ by 100, the drives of one do not differ at all.
    records = drives({(r, "clear-day", k): 100.0 * r for r in range(2) for k in range(10)})
    spread = interval(values(records))
    assert (spread.low, spread.mean, spread.high) == (0.0, 50.0, 100.0)


def test_pairs_compare_the_same_drive_of_both_agents():
    base = drives({(r, c, 0): 40.0 + r for r in range(5) for c in ("clear-day", "rain-night")})
    better = drives({(r, c, 0): 45.0 + r for r in range(6) for c in ("clear-day", "rain-night")})
    found = compare(better, base, VALUE)
    assert (found.difference.mean, found.difference.low, found.difference.high) == pytest.approx((5.0, 5.0, 5.0))
    assert (found.better, found.equal, found.worse) == (10, 0, 0)
    assert (found.only_candidate, found.only_baseline) == (2, 0)
    same = compare(base, base, VALUE)
    assert (same.better, same.equal, same.worse) == (0, 10, 0)
    with pytest.raises(ValueError, match="no drive"):
        compare(base, drives({(99, "clear-day", 0): 1.0}), VALUE)


def test_tables_are_made_per_condition():
    records = drives({(1, "clear-day", 0): 100.0, (1, "rain-night", 0): 50.0})
    assert {name: s.mean for name, s in by_condition(records, VALUE).items()} == {
        "clear-day": 100.0,
        "rain-night": 50.0,
    }
    hit = Infraction(InfractionKind.STOP, 1, 0.0, (0.0, 0.0, 0.0), "m")
    key = DriveKey(2, "rain-night", 0)
    records[key] = DriveRecord(key, "Completed", 100.0, (hit,), 900.0, 1.0)
    assert rates_by_condition(records)["rain-night"][InfractionKind.STOP] == pytest.approx(1 / 0.95)


def test_wrong_arguments_are_refused():
    with pytest.raises(ValueError, match="level in"):
        interval({DriveKey(1, "clear-day", 0): 1.0}, level=1.0)
    with pytest.raises(ValueError, match="need values"):
        interval({})
