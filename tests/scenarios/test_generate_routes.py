from pathlib import Path

import carla
import pytest

import carla_server.towns
from carla_agents.driving.road_graph import NoRoute
from carla_agents.driving.route_planner import RoutePlanner
from scenarios.generate import (
    ROUTES_FOLDER,
    RouteWish,
    generate_routes,
    longest_shared_m,
    plan_specs,
    shared_stretches,
    to_specs,
)
from scenarios.route_files import read_routes


@pytest.fixture(scope="module")
def planner() -> RoutePlanner:
    opendrive = Path(carla_server.towns.__file__).with_name("TownGrid.xodr").read_text("utf-8")
    return RoutePlanner(carla.Map("TownGrid", opendrive))


@pytest.fixture(scope="module")
def shipped(planner):
    return {s: plan_specs(planner, read_routes(ROUTES_FOLDER / f"town_grid_{s}.xml")) for s in ("train", "eval")}


def test_shipped_routes_can_be_planned_on_the_shipped_town(shipped):
    assert len(shipped["eval"]) >= 6
    assert len(shipped["train"]) >= 12
    for route in shipped["eval"]:
        assert route.length_m >= 150.0
        assert route.turns >= 2


def test_shipped_evaluation_routes_share_no_street_with_training_routes(shipped):
    assert shared_stretches(shipped["train"], shipped["eval"], 50.0) == []


def test_the_lint_names_a_leaked_route(shipped):
    (sentence,) = shared_stretches(shipped["train"], shipped["train"][:1], 50.0)
    assert "evaluation route 0 shares" in sentence


def test_a_seed_decides_the_routes(planner):
    wish = RouteWish(count=2, seed=11)
    first, again = (to_specs(generate_routes(planner, wish), "TownGrid") for _ in range(2))
    assert first == again
    assert first != to_specs(generate_routes(planner, RouteWish(count=2, seed=12)), "TownGrid")


def test_key_points_bring_the_route_back(planner):
    for route in generate_routes(planner, RouteWish(count=3, seed=5)):
        (again,) = plan_specs(planner, to_specs([route], "TownGrid"))
        assert again.turns == route.turns
        assert longest_shared_m(again, route) > 0.95 * route.length_m


def test_wishes_that_cannot_be_met_are_refused(planner):
    with pytest.raises(NoRoute, match="found 0 of 1"):
        generate_routes(planner, RouteWish(count=1, min_turns=30), attempts=5)
    with pytest.raises(ValueError, match="min_length_m"):
        RouteWish(min_length_m=300.0, max_length_m=200.0)
