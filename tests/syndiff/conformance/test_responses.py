"""Figures out of a trace: known motions give known figures."""

import math

import numpy as np
import pytest

from syndiff.conformance.responses import (
    Trace,
    braking_distance_m,
    coasting_speed_mps,
    rise_time_s,
    time_to_speed_s,
    turning_circle_m,
)

DELTA_S = 0.05


def trace(speed_mps, *, throttle=0.0, brake=0.0, yaw_rate_rps=0.0) -> Trace:
    """A motion on a path given by speed and yaw rate, rows `DELTA_S` apart."""
    speed_mps = np.asarray(speed_mps, float)
    rows = len(speed_mps)
    rate = np.broadcast_to(np.asarray(yaw_rate_rps, float), rows)
    middle_mps = np.concatenate([[0.0], 0.5 * (speed_mps[1:] + speed_mps[:-1])])
    heading = np.cumsum(rate * DELTA_S)
    middle_heading = heading - 0.5 * rate * DELTA_S
    return Trace(
        time_s=DELTA_S * np.arange(1, rows + 1),
        along_m=np.cumsum(middle_mps * DELTA_S * np.cos(middle_heading)),
        right_m=np.cumsum(middle_mps * DELTA_S * np.sin(middle_heading)),
        heading_rad=heading,
        speed_mps=speed_mps,
        yaw_rate_rps=rate,
        roll_deg=np.zeros(rows),
        throttle=np.broadcast_to(np.asarray(throttle, float), rows),
        brake=np.broadcast_to(np.asarray(brake, float), rows),
        steer=np.zeros(rows),
    )


def test_the_time_to_a_speed_counts_from_the_first_throttle_and_is_interpolated():
    rest, seconds = 20, DELTA_S * np.arange(1, 201)
    moving = trace(
        np.concatenate([np.zeros(rest), 4.0 * seconds]), throttle=np.concatenate([np.zeros(rest), np.ones(200)])
    )
    assert time_to_speed_s(moving, 10.1) == pytest.approx(10.1 / 4.0, abs=1e-6)


def test_a_speed_that_is_never_reached_has_no_time():
    assert math.isnan(time_to_speed_s(trace(np.full(50, 3.0), throttle=1.0), 10.0))


@pytest.mark.parametrize("entry_mps", [13.5, 14.0, 14.4])
def test_the_braking_distance_is_that_of_the_nominal_speed_whatever_the_speed_at_the_brake(entry_mps):
    deceleration = 8.0
    slowing = np.maximum(entry_mps - deceleration * DELTA_S * np.arange(0, 60), 0.0)
    braking = trace(
        np.concatenate([np.full(10, entry_mps), slowing]), brake=np.concatenate([np.zeros(11), np.ones(59)])
    )
    assert braking_distance_m(braking, 14.0) == pytest.approx(14.0**2 / (2 * deceleration), rel=0.01)


def test_a_stop_from_another_speed_is_not_taken_for_the_wanted_one():
    braking = trace(np.concatenate([np.full(5, 5.0), np.zeros(20)]), brake=np.concatenate([np.zeros(5), np.ones(20)]))
    assert math.isnan(braking_distance_m(braking, 14.0))


def test_coasting_is_measured_from_where_the_throttle_is_let_go():
    speed = np.concatenate([np.full(20, 14.2), 14.2 - 0.4 * DELTA_S * np.arange(1, 221)])
    coasting = trace(speed, throttle=np.concatenate([np.ones(20), np.zeros(220)]))
    assert coasting_speed_mps(coasting, 13.9, 10.0) == pytest.approx(13.9 - 4.0, abs=0.01)
    assert math.isnan(coasting_speed_mps(coasting, 13.9, 60.0)), "the trace ends before"


@pytest.mark.parametrize("yaw_rate_rps", [0.5, -0.5])
def test_the_turning_circle_is_found_from_an_arc(yaw_rate_rps):
    assert turning_circle_m(trace(np.full(200, 2.5), yaw_rate_rps=yaw_rate_rps)) == pytest.approx(10.0, rel=1e-3)


def test_a_straight_has_no_turning_circle():
    assert math.isnan(turning_circle_m(trace(np.full(200, 2.5))))


def test_the_rise_time_of_a_first_order_answer_is_that_of_its_time_constant():
    seconds = DELTA_S * np.arange(0, 200)
    for sign in (1.0, -1.0):
        answer = sign * (1.0 - np.exp(-seconds / 0.3))
        assert rise_time_s(answer, seconds) == pytest.approx(0.3 * math.log(10.0), abs=0.02)
