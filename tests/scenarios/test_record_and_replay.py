"""Scenarios are recorded over conditions and seeds, resumed, and driven again under other conditions."""

from pathlib import Path

import pytest

from carla_agents.data.store import Store
from scenarios import collect_data, record, replay
from scenarios.parameters import ScenarioError
from scenarios.record import SweepConfig, drive_name, parts_of_name, sweep_routes, wanted_conditions
from scenarios.route_files import read_routes, write_routes

from scenarios.generate import ROUTES_FOLDER  # isort: skip


@pytest.fixture
def one_route(tmp_path: Path) -> Path:
    found = next(
        r
        for r in read_routes(ROUTES_FOLDER / "town_grid_scenarios.xml")
        if r.scenarios[0].type_name == "DynamicObjectCrossing"
    )
    path = tmp_path / "routes.xml"
    path.write_text(write_routes([found]))
    return path


def test_a_drive_of_a_sweep_is_named_by_scenario_route_seed_and_condition(one_route: Path) -> None:
    (spec,) = read_routes(one_route)
    rain = wanted_conditions(["rain-night"])[0]
    name = drive_name(spec, 3, rain)
    assert name == f"DynamicObjectCrossing-{spec.route_id}-s3-rain-night"
    assert parts_of_name(name) == (spec.route_id, 3, rain)
    assert parts_of_name("train-0000-clear-day") is None
    assert len(wanted_conditions(["core12", "clear-day"])) == 12


def test_a_sweep_needs_routes_of_one_town_and_that_are_there(one_route: Path) -> None:
    with pytest.raises(ScenarioError, match="has no route"):
        sweep_routes(SweepConfig(one_route, route_ids=(7,)))


@pytest.mark.slow
def test_a_sweep_is_resumed_and_replayed_at_the_same_places(one_route: Path, tmp_path: Path, capsys) -> None:
    store = tmp_path / "store"
    small = ["--routes", str(one_route), "--width-px", "64", "--height-px", "36", "--every-ticks", "20"]
    assert record.main([str(store), *small]) == 0
    assert "1 drives recorded now" in capsys.readouterr().out
    assert record.main([str(store), *small, "--seeds", "0", "1"]) == 0
    assert "1 drives recorded now" in capsys.readouterr().out
    assert replay.main([str(store), *small, "--conditions", "rain-night"]) == 0
    said = capsys.readouterr().out
    assert "2 drives made now" in said
    assert "at most 0.000 m apart" in said
    assert {frame.condition for frame in Store.read(store).frames()} == {"clear-day", "rain-night"}


@pytest.mark.slow
def test_the_seeds_data_collection_records_at_least_so_many_frames(tmp_path: Path) -> None:
    arguments = ["--host", "localhost", "--frames", "20", "--output-dir", str(tmp_path / "data"), "--vehicles", "0"]
    assert collect_data.main(arguments) == 0
    assert len(Store.read(tmp_path / "data").frames()) >= 20
