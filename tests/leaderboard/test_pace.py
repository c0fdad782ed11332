"""The pace criterion: events when the ego is slower than the traffic."""

from dataclasses import replace

import numpy as np
import pytest

from leaderboard.criteria import TickFacts
from leaderboard.infractions import InfractionKind
from leaderboard.pace import PaceCriterion

LENGTH_M = 100.0


def drive(criterion, ego_mps, traffic_mps, until_m=LENGTH_M):
    """One tick per metre; speeds are functions of the place. Returns the events."""
    found = []
    facts = TickFacts(0, 0.0, np.zeros(3), 0.0, 0.0, 0.0, 0.0)
    for metre in range(int(until_m) + 1):
        facts = replace(
            facts,
            frame_id=metre,
            route_progress_m=float(metre),
            speed_mps=ego_mps(metre),
            traffic_speed_mps=traffic_mps(metre),
        )
        found += criterion.update(facts)
    return found + criterion.finish(facts)


def test_each_of_four_stretches_is_compared_with_the_traffic_of_its_own_ticks():
    found = drive(PaceCriterion(LENGTH_M), lambda m: 5.0, lambda m: 4.0 if m <= 50 else 10.0)
    assert [infraction.kind for infraction in found] == [InfractionKind.MIN_SPEED] * 2
    assert [infraction.percentage for infraction in found] == [50.0, 50.0]
    assert [infraction.frame_id for infraction in found] == [75, 100]
    assert found[0].message == "Average speed is 50.0% of the surrounding traffic's one"


def test_nothing_is_said_without_traffic_or_of_traffic_that_stands():
    assert drive(PaceCriterion(LENGTH_M), lambda m: 5.0, lambda m: None) == []
    assert drive(PaceCriterion(LENGTH_M), lambda m: 5.0, lambda m: 0.0) == []


def test_the_last_stretch_counts_only_from_95_percent_of_the_route():
    assert len(drive(PaceCriterion(LENGTH_M), lambda m: 1.0, lambda m: 2.0, until_m=94)) == 3
    assert len(drive(PaceCriterion(LENGTH_M), lambda m: 1.0, lambda m: 2.0, until_m=96)) == 4


def test_bench2drive_records_every_stretch_also_the_fast_ones():
    criterion = PaceCriterion(LENGTH_M, stretches=20, every=True)
    found = drive(criterion, lambda m: 6.0, lambda m: 4.0)
    assert [infraction.percentage for infraction in found] == [150.0] * 20


def test_a_route_in_no_stretches_is_refused():
    with pytest.raises(ValueError, match="stretches is 0"):
        PaceCriterion(LENGTH_M, stretches=0)
