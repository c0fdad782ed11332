"""Planned routes are lawful, smooth and reach what they should."""

import carla
import numpy as np
import pytest

from carla_agents.driving.road_graph import NoRoute
from carla_agents.driving.route import SPARSE_SPACING_M, Route
from carla_agents.driving.route_planner import RoutePlanner
from carla_agents.simulator.frame import Command


def assert_drivable(route: Route, carla_map: carla.Map) -> None:
    steps = np.diff(route.points_m[:, :2], axis=0)
    assert np.linalg.norm(steps, axis=1).max() < 2.0, "no gap"
    heading = np.arctan2(steps[:, 1], steps[:, 0])
    error = np.abs(np.angle(np.exp(1j * (heading - route.yaw_rad[:-1]))))
    assert error.max() < 0.25, "points lead where the headings say"
    for k in range(0, len(route.points_m), 7):
        if route.commands[k] in (Command.CHANGE_LANE_LEFT, Command.CHANGE_LANE_RIGHT) or route.junction[k] >= 0:
            continue
        x, y, z = (float(v) for v in route.points_m[k])
        waypoint = carla_map.get_waypoint(carla.Location(x, y, z))
        if waypoint.is_junction:
            continue
        assert (waypoint.road_id, waypoint.lane_id) == tuple(route.lanes[k])
        turn = np.angle(np.exp(1j * (np.radians(waypoint.transform.rotation.yaw) - route.yaw_rad[k])))
        assert abs(turn) < 0.1, "never against traffic"


def places(planner: RoutePlanner, rng: np.random.Generator, count: int) -> list[np.ndarray]:
    lanes = [lane for lane in planner.graph.lanes.values() if not lane.in_junction and len(lane.waypoints) > 20]
    chosen = [lanes[int(rng.integers(len(lanes)))] for _ in range(count)]
    return [lane.points_m[len(lane.points_m) // 2] for lane in chosen]


def test_routes_between_any_places_of_the_shipped_town_exist_and_are_drivable(town_grid: carla.Map) -> None:
    planner = RoutePlanner(town_grid)
    rng = np.random.default_rng(0)
    for _ in range(30):
        origin, target = places(planner, rng, 2)
        route = planner.plan([origin, target])
        assert_drivable(route, town_grid)
        assert np.linalg.norm(route.points_m[0] - origin) < 1.5
        assert np.linalg.norm(route.points_m[-1] - target) < 1.5


def test_routes_on_real_towns_are_drivable(real_town: carla.Map) -> None:
    planner = RoutePlanner(real_town)
    rng = np.random.default_rng(1)
    for _ in range(15):
        assert_drivable(planner.plan(places(planner, rng, 2)), real_town)


def test_the_shortest_route_is_not_longer_than_a_random_walk_to_the_same_place(town_grid: carla.Map) -> None:
    planner = RoutePlanner(town_grid)
    for seed in range(10):
        walk = planner.random_route(np.random.default_rng(seed), 300.0)
        shortest = planner.plan([walk.points_m[0], walk.points_m[-1]])
        assert shortest.length_m < walk.length_m + 5.0


@pytest.mark.parametrize("min_turns", [0, 2])
def test_random_routes_have_the_wanted_length_and_turns(town_grid: carla.Map, min_turns: int) -> None:
    planner = RoutePlanner(town_grid)
    for seed in range(10):
        route = planner.random_route(np.random.default_rng(seed), 250.0, min_turns=min_turns)
        assert abs(route.length_m - 250.0) < 3.0
        assert route.turns >= min_turns
        assert_drivable(route, town_grid)


def test_the_same_seed_gives_the_same_route_and_another_seed_another(town_grid: carla.Map) -> None:
    planner = RoutePlanner(town_grid)
    first, again, other = (planner.random_route(np.random.default_rng(seed), 200.0) for seed in (5, 5, 6))
    np.testing.assert_array_equal(first.points_m, again.points_m)
    assert len(first.points_m) != len(other.points_m) or not np.array_equal(first.points_m, other.points_m)


def test_a_route_that_cannot_have_so_many_turns_is_refused_with_the_numbers(town_grid: carla.Map) -> None:
    with pytest.raises(NoRoute, match="20 m with 9 turns"):
        RoutePlanner(town_grid).random_route(np.random.default_rng(0), 20.0, min_turns=9, attempts=5)


def test_one_place_is_no_route(town_grid: carla.Map) -> None:
    with pytest.raises(ValueError, match="at least 2 places, got 1"):
        RoutePlanner(town_grid).plan([(0.0, 0.0)])


def test_commands_name_the_turns_that_the_headings_make(town_grid: carla.Map) -> None:
    planner = RoutePlanner(town_grid)
    seen = set()
    for seed in range(20):
        route = planner.random_route(np.random.default_rng(seed), 300.0)
        inside = route.junction >= 0
        edges = np.flatnonzero(np.diff(np.concatenate(([0], inside.astype(int), [0]))))
        for first, last in zip(edges[::2], edges[1::2]):
            if first == 0 or last == len(inside):
                continue
            turn = np.angle(np.exp(1j * (route.yaw_rad[last - 1] - route.yaw_rad[first])))
            command = Command(int(route.commands[first]))
            seen.add(command)
            expected = Command.STRAIGHT if abs(turn) < 0.5 else Command.RIGHT if turn > 0 else Command.LEFT
            assert command == expected
    assert seen == {Command.LEFT, Command.RIGHT, Command.STRAIGHT}


def test_target_points_are_never_far_apart(town_grid: carla.Map) -> None:
    route = RoutePlanner(town_grid).random_route(np.random.default_rng(2), 300.0)
    assert np.diff(route.sparse_distance_m).max() <= SPARSE_SPACING_M + 1.5
    assert route.sparse_indices[-1] == len(route.points_m) - 1
