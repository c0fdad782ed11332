import json
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from leaderboard.leaderboard_evaluator import main
from scenarios.generate import ROUTES_FOLDER
from scenarios.route_files import read_routes, write_routes

AGENTS = Path(__file__).parent / "agents"


@pytest.fixture(scope="module")
def routes(tmp_path_factory) -> Path:
    """The beginnings of two shipped routes."""
    shipped = read_routes(ROUTES_FOLDER / "town_grid_eval.xml")[:2]
    path = tmp_path_factory.mktemp("routes") / "short.xml"
    path.write_text(write_routes([replace(spec, waypoints_m=spec.waypoints_m[:3]) for spec in shipped]))
    return path


@pytest.fixture
def drive(server, routes, tmp_path):
    """Runs the evaluator's command line against the session's server; returns exit status and result file."""

    def run(agent: str, *options: str, checkpoint: str = "results.json"):
        path = tmp_path / checkpoint
        command = ["--port", str(server.port), "--routes", str(routes), "--agent", str(AGENTS / f"{agent}.py")]
        command += ["--checkpoint", str(path), "--vehicles", "0", "--timeout", "60", *options]
        status = main(command)
        return status, json.loads(path.read_text())

    return run


def test_an_agent_of_leaderboard_2_drives_to_the_end_and_the_file_has_the_official_shape(drive, tmp_path):
    status, content = drive("agent_2x")
    assert status == 0
    known = json.loads((tmp_path / "results.json.provenance.json").read_text())
    assert known["simulator"]["kind"] == "embedded"
    assert len(known["routes_sha256"]) == len(known["simulator"]["map_sha256"]) == 64
    assert content["entry_status"] == "Finished"
    assert content["eligible"] is True
    assert content["sensors"] == ["carla_camera", "carla_gnss", "carla_imu", "carla_speedometer"]
    assert len(content["values"]) == len(content["labels"]) == 15
    assert content["_checkpoint"]["progress"] == [2, 2]
    assert [record["route_id"] for record in content["_checkpoint"]["records"]] == [
        "RouteScenario_1000_rep0",
        "RouteScenario_1001_rep0",
    ]
    assert content["_checkpoint"]["global_record"]["scores_mean"]["score_route"] == 100.0
    first = content["_checkpoint"]["records"][0]
    assert list(first) == ["index", "route_id", "status", "num_infractions", "infractions", "scores", "meta"]
    assert len(first["infractions"]) == 12


def test_an_agent_of_leaderboard_1_is_made_with_its_path_and_planned_for_every_50_m(drive):
    # A parked car is blocked after 180 s of simulated time, which is slow to wait for; its first steps are enough.
    status, content = drive("agent_1_0", "--interface", "1.0", "--routes-subset", "1000", "--agent-config", "x.yaml")
    assert status == 0
    (record,) = content["_checkpoint"]["records"]
    assert record["status"] == "Failed - Agent got blocked"


def test_an_agent_of_bench2drive_finds_its_hero_and_its_metrics(drive):
    options = ("--interface", "bench2drive", "--routes-subset", "1000", "--agent-config", "weights.pth")
    status, content = drive("agent_bench2drive", *options)
    assert status == 0
    (record,) = content["_checkpoint"]["records"]
    assert record["status"] != "Failed - Agent crashed"
    assert record["save_name"] == "RouteScenario_1000_rep0_TownGrid"
    assert record["town_name"] == "TownGrid"


@pytest.mark.parametrize(
    ("fault", "word"),
    [
        ("setup", "Failed - Agent couldn't be set up"),
        ("raise", "Failed - Agent crashed"),
        ("nan", "Failed - Agent crashed"),
        ("none", "Failed - Agent crashed"),
    ],
)
def test_a_faulty_agent_costs_its_drive_and_the_evaluation_goes_on(drive, fault, word):
    status, content = drive("agent_faulty", "--agent-config", fault)
    assert status == 0
    assert content["entry_status"] == "Finished"
    records = content["_checkpoint"]["records"]
    assert [record["status"] for record in records] == [word, word]
    driven = [record["scores"]["score_route"] for record in records]
    assert all(value > 0.0 for value in driven) == (fault != "setup")
    assert content["_checkpoint"]["global_record"]["meta"]["exceptions"][0][2] == word


def test_an_agent_that_hangs_is_interrupted(drive):
    options = ("--agent-config", "hang", "--routes-subset", "1000", "--timeout", "3")
    status, content = drive("agent_faulty", *options)
    assert status == 0
    assert content["_checkpoint"]["records"][0]["status"] == "Failed - Agent crashed"


@pytest.mark.parametrize("fault", ["sensor", "radius", "track"])
def test_illegal_sensors_reject_the_entry(drive, fault):
    status, content = drive("agent_faulty", "--agent-config", fault)
    assert status == 255
    assert content["entry_status"] == "Rejected"
    assert content["eligible"] is False
    assert content["_checkpoint"]["global_record"] == {}
    assert [r["status"] for r in content["_checkpoint"]["records"]] == ["Failed - Agent's sensors were invalid"]


def test_a_stopped_evaluation_goes_on_at_its_route_and_refuses_a_file_of_another(drive, tmp_path, capfd):
    _, whole = drive("agent_faulty", "--agent-config", "setup")
    path = tmp_path / "results.json"
    half = json.loads(path.read_text())
    half["_checkpoint"]["records"] = half["_checkpoint"]["records"][:1]
    half["_checkpoint"]["records"][0]["meta"]["duration_system"] = 77.0
    half["entry_status"] = "Started"
    path.write_text(json.dumps(half))
    status, resumed = drive("agent_faulty", "--agent-config", "setup", "--resume", "1")
    assert status == 0
    assert resumed["_checkpoint"]["records"][0]["meta"]["duration_system"] == 77.0
    assert resumed["_checkpoint"]["records"][1]["status"] == whole["_checkpoint"]["records"][1]["status"]
    status, _ = drive("agent_faulty", "--agent-config", "setup", "--resume", "1", "--repetitions", "2")
    assert status == 255
    assert "is of an evaluation of 2 drives, this one has 4" in capfd.readouterr().err


def test_the_collection_track_allows_labels_and_shows_the_agent_another_condition(drive):
    options = ("--track", "COLLECTION", "--routes-subset", "1000")
    seen = []
    for extra in ((), ("--augment", "clear-night"), ("--augment", "clear-night")):
        sys.modules.pop("agent_collection", None)
        _, content = drive("agent_collection", *options, *extra)
        assert content["eligible"] is False
        seen.append(sys.modules["agent_collection"].SEEN)
    plain, augmented, again = seen
    assert set(augmented[0]) == {"rgb", "seg"}
    assert np.array_equal(plain[0]["seg"][1], augmented[0]["seg"][1])
    assert augmented[0]["rgb"][1][..., :3].mean() < 0.7 * plain[0]["rgb"][1][..., :3].mean()
    assert all(np.array_equal(a["rgb"][1], b["rgb"][1]) for a, b in zip(augmented, again, strict=True))


def test_augmentation_is_off_in_official_tracks(routes, capsys):
    command = ["--routes", str(routes), "--agent", str(AGENTS / "agent_2x.py"), "--augment", "rain-day"]
    assert main(command) == 2
    assert "--augment is off in track SENSORS" in capsys.readouterr().err


def test_nothing_listens_and_broken_files_are_explained(routes, tmp_path, capsys):
    agent = str(AGENTS / "agent_2x.py")
    checkpoint = ["--checkpoint", str(tmp_path / "r.json")]
    assert main(["--port", "1", "--routes", str(routes), "--agent", agent, *checkpoint]) == 255
    assert "give --embedded" in capsys.readouterr().err
    broken = tmp_path / "broken.xml"
    broken.write_text("<routes><route id='1'")
    assert main(["--routes", str(broken), "--agent", agent, *checkpoint]) == 255
    assert "is not safe XML" in capsys.readouterr().err
    assert main(["--routes", str(routes), "--agent", str(tmp_path / "absent.py"), *checkpoint]) == 255
    assert "does not exist" in capsys.readouterr().err
    nameless = tmp_path / "nameless.py"
    nameless.write_text("x = 1\n")
    assert main(["--routes", str(routes), "--agent", str(nameless), *checkpoint]) == 255
    assert "get_entry_point" in capsys.readouterr().err
