"""When one may pull out of a parking bay, and by which path."""

import numpy as np
import pytest

from carla_agents.driving.passing import AlongRoute
from carla_agents.driving.pulling_out import may_pull_out, way_out

CAR = (2.4, 1.08)
BAY_M = 2.9


def road_users(*rows: tuple[float, float, float]) -> AlongRoute:
    """Cars along a route: distance, right of it, speed."""
    table = np.array(rows, dtype=np.float64).reshape(-1, 3)
    count = len(table)
    return AlongRoute(
        distance_m=table[:, 0],
        right_m=table[:, 1],
        half_along_m=np.full(count, 2.4),
        half_across_m=np.full(count, 0.95),
        speed_mps=table[:, 2],
        near=np.ones(count, dtype=bool),
    )


def may(*rows: tuple[float, float, float], impatient: bool = False) -> bool:
    return may_pull_out(road_users(*rows), 0.0, *CAR, impatient)


def test_an_empty_lane_and_parked_cars_let_one_go() -> None:
    assert may()
    assert may((9.0, BAY_M, 0.0), (-9.0, BAY_M, 0.0))


def test_who_comes_from_behind_is_let_through_unless_he_is_far_or_slow() -> None:
    assert not may((-15.0, 0.0, 7.0))
    assert may((-40.0, 0.0, 7.0))
    assert may((-15.0, 0.0, 2.0))
    assert not may((0.0, 0.0, 7.0))
    assert not may((0.0, 0.0, 0.0))


def test_who_has_passed_lets_one_go_and_who_stands_ahead_does_not() -> None:
    assert may((12.0, 0.0, 7.0))
    assert not may((12.0, 0.0, 0.0))
    assert not may((30.0, 0.0, -7.0))
    assert may((30.0, -3.5, -7.0))


def test_after_a_long_wait_a_smaller_gap_will_do() -> None:
    assert not may((-22.0, 0.0, 7.0))
    assert may((-22.0, 0.0, 7.0), impatient=True)


def ramp_m(along: AlongRoute, curvature_1pm: float = 0.0) -> float:
    standing = np.ones(len(along.distance_m), dtype=bool)
    shift = way_out(along, standing, 0.0, BAY_M, curvature_1pm, *CAR)
    assert shift.at(np.array([0.0])) == pytest.approx(BAY_M)
    assert shift.at(np.array([shift.end_m])) == pytest.approx(0.0)
    return shift.end_m


def test_the_nearer_the_car_ahead_the_sharper_the_path() -> None:
    free, far, near = (ramp_m(road_users(*rows)) for rows in ([], [(11.0, BAY_M, 0.0)], [(8.0, BAY_M, 0.0)]))
    assert free > far > near


def test_where_the_road_bends_away_from_the_bay_the_path_is_sharper() -> None:
    parked = road_users((10.0, BAY_M, 0.0))
    assert ramp_m(parked, -1.0 / 30.0) < ramp_m(parked) < ramp_m(parked, 1.0 / 30.0)
