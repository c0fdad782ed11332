"""Progress along a route grows with the vehicle and never jumps."""

import numpy as np
import pytest

from carla_agents.driving.route import TARGET_MIN_AHEAD_M, Route, RouteProgress
from carla_agents.simulator.frame import Command


def straight_with_turn() -> Route:
    """100 m along +x, then 100 m along +y (a right turn in CARLA's frame), the corner being a junction."""
    x = np.concatenate((np.arange(0.0, 100.0), np.full(100, 100.0)))
    y = np.concatenate((np.zeros(100), np.arange(0.0, 100.0)))
    count = len(x)
    commands = np.full(count, Command.LANE_FOLLOW, np.int8)
    commands[90:110] = Command.RIGHT
    junction = np.full(count, -1, np.int32)
    junction[90:110] = 3
    yaw = np.where(np.arange(count) < 100, 0.0, np.pi / 2)
    lanes = np.ones((count, 2), np.int32)
    return Route(np.stack((x, y, np.zeros(count)), axis=-1), yaw, commands, junction, lanes, np.full(count, 3.5))


def test_distance_and_completion_follow_the_vehicle() -> None:
    route = straight_with_turn()
    progress = RouteProgress(route)
    for x in np.arange(0.0, 60.0, 0.4):
        progress.update(float(x), 0.8)
    assert progress.distance_m == pytest.approx(59.6, abs=0.05)
    assert progress.lateral_m == pytest.approx(0.8)
    assert progress.completion == pytest.approx(59.6 / route.length_m, abs=1e-3)


def test_progress_does_not_shrink_when_the_vehicle_rolls_back() -> None:
    progress = RouteProgress(straight_with_turn())
    for x in (0.0, 5.0, 10.0, 9.0, 8.0):
        progress.update(x, 0.0)
    assert progress.distance_m == pytest.approx(10.0)


def test_a_place_far_along_the_route_does_not_count_at_once() -> None:
    progress = RouteProgress(straight_with_turn())
    progress.update(100.0, 99.0)
    assert progress.distance_m < 30.0


def test_the_manoeuvre_is_announced_before_the_junction() -> None:
    progress = RouteProgress(straight_with_turn())
    commands = {}
    for x in np.arange(0.0, 100.0):
        progress.update(float(x), 0.0)
        commands[int(x)] = progress.command
    assert commands[30] == Command.LANE_FOLLOW
    assert commands[70] == Command.RIGHT
    assert commands[95] == Command.RIGHT


def test_the_target_point_is_always_some_way_ahead() -> None:
    route = straight_with_turn()
    for distance_m in np.arange(0.0, 190.0, 3.0):
        target = route.target_at(float(distance_m))
        index = int(np.argmin(np.linalg.norm(route.points_m - target, axis=1)))
        assert route.distance_m[index] >= min(distance_m + TARGET_MIN_AHEAD_M, route.length_m) - 1e-9


def test_turns_are_counted() -> None:
    assert straight_with_turn().turns == 1
