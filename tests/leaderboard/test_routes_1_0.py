"""Route and scenario files of Leaderboard 1.0."""

import json
import math
from pathlib import Path

import pytest

from leaderboard.leaderboard_evaluator import main
from leaderboard.routes_1_0 import read_routes_1_0, scenarios_on_route
from leaderboard.utils.route_indexer import ResumeError, RouteIndexer
from leaderboard.utils.route_parser import RouteParser
from scenarios.generate import ROUTES_FOLDER
from scenarios.route_files import RouteFileError, RouteSpec, read_routes

AGENTS = Path(__file__).parent / "agents"


def block(name: str, *triggers: tuple[float, float, float, float]) -> dict:
    poses = [
        {"transform": {**dict(zip(("x", "y", "z", "yaw"), map(str, t), strict=True)), "pitch": "0"}} for t in triggers
    ]
    return {"scenario_type": name, "available_event_configurations": poses}


def write_1_0(folder: Path, spec: RouteSpec, blocks: list[dict]) -> tuple[Path, Path]:
    """A route in both files of 1.0."""
    points = "".join(
        f'<waypoint x="{x}" y="{y}" z="{z}" yaw="0" pitch="0" roll="0"/>' for x, y, z in spec.waypoints_m
    )
    routes, scenarios = folder / "routes.xml", folder / "scenarios.json"
    routes.write_text(f'<routes><route id="7" town="{spec.town}">{points}</route></routes>')
    scenarios.write_text(json.dumps({"available_scenarios": [{spec.town: blocks}]}))
    return routes, scenarios


@pytest.fixture(scope="module")
def crossing() -> RouteSpec:
    """A shipped route on which a pedestrian crosses."""
    specs = read_routes(ROUTES_FOLDER / "town_grid_scenarios.xml")
    return next(s for s in specs if s.scenarios[0].type_name == "DynamicObjectCrossing")


def test_a_route_of_1_0_is_driven_with_the_scenarios_that_lie_on_it_and_the_others_are_named(
    server, crossing, tmp_path, capsys
):
    (scenario,) = crossing.scenarios
    x, y, z, yaw = scenario.trigger
    blocks = [
        block("Scenario3", scenario.trigger, (x, y, z, yaw + 180.0), (x + 40.0, y + 40.0, z, yaw)),
        block("Scenario2", scenario.trigger),
    ]
    routes, scenarios = write_1_0(tmp_path, crossing, blocks)
    checkpoint = tmp_path / "results.json"
    command = ["--port", str(server.port), "--routes", str(routes), "--scenarios", str(scenarios), "--vehicles", "0"]
    straight_on = tmp_path / "straight_on.py"
    reckless = (AGENTS / "agent_reckless.py").read_text()
    straight_on.write_text(reckless.replace("steer=-0.02", "steer=0.0"))
    command += ["--agent", str(straight_on), "--checkpoint", str(checkpoint)]
    assert main([*command, "--trafficManagerSeed", "3"]) == 0
    errors = capsys.readouterr().err
    assert "Skipping scenario 'Scenario2_0' due to setup error" in errors
    assert "Scenario3" not in errors
    (record,) = json.loads(checkpoint.read_text())["_checkpoint"]["records"]
    assert record["route_id"] == "RouteScenario_7_rep0"
    assert record["infractions"]["collisions_pedestrian"]


def test_only_triggers_beside_the_route_in_its_direction_count(crossing, tmp_path):
    blocks = [block("Scenario3", (10.0, 0.5, 0.0, 4.0), (10.0, 3.0, 0.0, 0.0), (10.0, 0.0, 0.0, 20.0))]
    blocks += [block("Scenario1", (12.0, 0.0, 5.0, 0.0), (12.0, 0.0, 0.0, 355.0))]
    (spec,) = read_routes_1_0(*write_1_0(tmp_path, crossing, blocks))
    line = [(float(x), 0.0, 0.0, 0.0) for x in range(30)]
    found = scenarios_on_route(spec.scenarios, line)
    assert [(s.name, s.type_name) for s in found] == [
        ("Scenario3_0", "DynamicObjectCrossing"),
        ("Scenario1_1", "ControlLoss"),
    ]


def route(number: str = "1", *points: str) -> str:
    return f'<routes><route id="{number}" town="T">{"".join(f"<waypoint {p}/>" for p in points)}</route></routes>'


@pytest.mark.parametrize(
    ("routes", "scenarios", "reason"),
    [
        ('<routes><route id="7"', None, "is not safe XML"),
        (route("a", 'x="0" y="0" z="0"'), None, "must be a whole number"),
        (route("1", 'x="0" y="0"'), None, "could not convert"),
        (route("1", 'x="nan" y="0" z="0"', 'x="0" y="0" z="0"'), None, "not finite"),
        ("<routes/>", None, "holds no <route>"),
        (None, "[", "not a scenario file of Leaderboard 1.0: JSONDecodeError"),
        (None, "{}", "not a scenario file of Leaderboard 1.0: KeyError"),
        (None, '{"available_scenarios": [{"T": [{"scenario_type": "Scenario1"}]}]}', "KeyError"),
    ],
)
def test_broken_files_are_refused_with_the_reason(crossing, tmp_path, routes, scenarios, reason):
    paths = write_1_0(tmp_path, crossing, [])
    for path, text in zip(paths, (routes, scenarios), strict=True):
        if text is not None:
            path.write_text(text)
    with pytest.raises(RouteFileError, match=reason):
        read_routes_1_0(*paths)


def test_drives_are_routes_times_repetitions_in_order_and_a_subset_takes_ranges(crossing, tmp_path):
    path = ROUTES_FOLDER / "town_grid_eval.xml"
    known = [spec.route_id for spec in read_routes(path)]
    indexer = RouteIndexer(path, 2, f"{known[0]}-{known[2]},{known[4]}")
    drives = []
    while (config := indexer.get_next_config()) is not None:
        drives.append((config.index, config.spec.route_id, config.repetition_index))
    ids = [*known[:3], known[4]]
    assert drives == [(2 * k + r, route_id, r) for k, route_id in enumerate(ids) for r in (0, 1)]
    for wrong in ("9-1", "a", f"{known[0]}-99999"):
        with pytest.raises(RouteFileError, match="routes subset"):
            RouteParser.parse_routes_file(path, wrong)
    (config,) = RouteParser.parse_routes_file(*[write_1_0(tmp_path, crossing, [])[0], "7"])
    assert (config.name, len(config.keypoints)) == ("RouteScenario_7", len(crossing.waypoints_m))
    ((percentage, weather),) = config.weather
    assert (percentage, weather.sun_altitude_angle, weather.cloudiness) == (0.0, 70.0, 50.0)
    assert not math.isnan(weather.fog_density)


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"_checkpoint": {}}, "not a result file of the Leaderboard"),
        ({"_checkpoint": {"progress": [1, 6], "records": [{"route_id": "RouteScenario_1_rep0"}]}}, "of other routes"),
        ({"_checkpoint": {"progress": [1, 6], "records": [{}]}}, "not a result file of the Leaderboard"),
        (
            {"_checkpoint": {"progress": [9, 6], "records": [{"route_id": "RouteScenario_1000_rep0"}] * 9}},
            "9 records",
        ),
    ],
)
def test_a_result_file_of_another_run_is_not_continued(tmp_path, change, reason):
    path = tmp_path / "results.json"
    path.write_text(json.dumps({"entry_status": "Started", **change}))
    with pytest.raises(ResumeError, match=reason):
        RouteIndexer(ROUTES_FOLDER / "town_grid_eval.xml", 1).validate_and_resume(path)
