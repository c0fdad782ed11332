"""`--agent-python`: an agent in an interpreter of its own."""

import ast
import json
import os
import socket
import struct
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import leaderboard
from leaderboard.agent_loading import AgentFileError
from leaderboard.agent_process import AgentProcess, interpreter_of
from leaderboard.agent_protocol import PeerGone, ProtocolError, receive, send
from leaderboard.leaderboard_evaluator import main
from scenarios.generate import ROUTES_FOLDER
from scenarios.route_files import read_routes, write_routes

AGENTS = Path(__file__).parent / "agents"
PYTHON = Path(sys.executable)


@pytest.fixture
def drive(server, tmp_path):
    """Runs the evaluator's command line on short routes; returns exit status and result file."""
    shipped = read_routes(ROUTES_FOLDER / "town_grid_eval.xml")[:2]
    routes = tmp_path / "short.xml"
    routes.write_text(write_routes([replace(spec, waypoints_m=spec.waypoints_m[:3]) for spec in shipped]))

    def run(agent: str, *options: str, python: Path | None = PYTHON):
        path = tmp_path / "results.json"
        command = ["--port", str(server.port), "--routes", str(routes), "--agent", str(AGENTS / f"{agent}.py")]
        command += ["--checkpoint", str(path), "--vehicles", "0", "--timeout", "60", *options]
        if python is not None:
            command += ["--agent-python", str(python)]
        status = main(command)
        return status, json.loads(path.read_text())

    return run


def scores(content):
    records = content["_checkpoint"]["records"]
    return [(r["route_id"], r["status"], r["scores"], r["meta"]["duration_game"]) for r in records]


def test_an_agent_apart_drives_as_it_does_in_the_evaluators_own_process(drive):
    status, apart = drive("agent_2x")
    assert status == 0
    _, inside = drive("agent_2x", python=None)
    assert scores(apart) == scores(inside)
    assert apart["sensors"] == inside["sensors"]
    assert apart["_checkpoint"]["global_record"]["scores_mean"]["score_route"] == 100.0


def test_one_process_serves_all_drives_and_is_not_ours(drive, tmp_path):
    notes = tmp_path / "notes.jsonl"
    status, content = drive("agent_apart", "--agent-config", f"{notes}|none")
    assert status == 0
    told = [json.loads(line) for line in notes.read_text().splitlines()]
    assert len(told) == len(content["_checkpoint"]["records"]) == 2
    assert told[0]["pid"] == told[1]["pid"] != os.getpid()
    assert told[0]["executable"] == sys.executable
    assert max(line["from_start_m"] for line in told) < 5.0
    with pytest.raises(ProcessLookupError):
        os.kill(told[0]["pid"], 0)


def test_a_process_that_dies_costs_its_drive_and_the_next_one_gets_a_new_one(drive, tmp_path):
    notes = tmp_path / "notes.jsonl"
    status, content = drive("agent_apart", "--agent-config", f"{notes}|die")
    assert status == 0
    records = content["_checkpoint"]["records"]
    assert [record["status"] for record in records] == ["Failed - Agent crashed"] * 2
    assert all(record["scores"]["score_route"] > 0.0 for record in records)
    first, second = (json.loads(line)["pid"] for line in notes.read_text().splitlines())
    assert first != second


def test_a_process_that_is_killed_leaves_its_drive_without_an_outcome_until_it_is_resumed(drive, tmp_path):
    notes = tmp_path / "notes.jsonl"
    _, whole = drive("agent_apart", "--agent-config", f"{tmp_path / 'others.jsonl'}|none")
    options = ("--agent-config", f"{notes}|killed-once")
    status, content = drive("agent_apart", *options)
    assert status == 255
    assert content["entry_status"] == "Crashed"
    assert content["_checkpoint"]["records"][-1]["status"] == "Failed - Simulation crashed"
    status, content = drive("agent_apart", *options, "--resume", "1")
    assert status == 0
    assert content["entry_status"] == "Finished"
    assert scores(content) == scores(whole)


@pytest.mark.parametrize(
    ("fault", "word"),
    [
        ("setup", "Failed - Agent couldn't be set up"),
        ("raise", "Failed - Agent crashed"),
        ("nan", "Failed - Agent crashed"),
        ("none", "Failed - Agent crashed"),
    ],
)
def test_faults_are_recorded_as_those_of_an_agent_inside(drive, fault, word):
    status, content = drive("agent_faulty", "--agent-config", fault, "--routes-subset", "1000")
    assert status == 0
    assert [record["status"] for record in content["_checkpoint"]["records"]] == [word]


def test_an_agent_apart_that_hangs_is_ended(drive):
    options = ("--agent-config", "hang", "--routes-subset", "1000", "--timeout", "5")
    status, content = drive("agent_faulty", *options)
    assert status == 0
    assert content["_checkpoint"]["records"][0]["status"] == "Failed - Agent crashed"


def test_agents_of_bench2drive_and_of_leaderboard_1_run_apart_too(drive):
    options = ("--interface", "bench2drive", "--routes-subset", "1000", "--agent-config", "weights.pth")
    _, content = drive("agent_bench2drive", *options)
    assert content["_checkpoint"]["records"][0]["status"] != "Failed - Agent crashed"
    process = AgentProcess(PYTHON, AGENTS / "agent_1_0.py", 60.0)
    assert process.takes_only_a_path
    process.close()


def test_a_file_or_an_interpreter_that_cannot_be_used_is_named(tmp_path):
    empty = tmp_path / "empty.py"
    empty.write_text("")
    with pytest.raises(AgentFileError, match="no function get_entry_point"):
        AgentProcess(PYTHON, empty, 60.0)
    with pytest.raises(AgentFileError, match="neither an interpreter nor a folder"):
        AgentProcess(tmp_path, empty, 60.0)
    with pytest.raises(AgentFileError, match="cannot run the agent"):
        AgentProcess(Path("/bin/false"), AGENTS / "agent_2x.py", 60.0)


def test_the_folder_of_an_environment_stands_for_its_interpreter():
    home = PYTHON.parent.parent
    assert interpreter_of(home) == home / "bin" / "python"


def test_messages_keep_arrays_tuples_and_odd_dictionaries():
    here, there = socket.socketpair()
    value = {
        "front": (7, np.arange(12, dtype=np.uint8).reshape(2, 2, 3)),
        "empty": np.zeros((0, 4), np.float32),
        "d": ["a", "<f4", [1], 0],
        "speed": (7, {"speed": np.float32(0.5)}),
        "none": None,
    }
    send(here, value)
    told = receive(there)
    assert told["front"][0] == 7
    np.testing.assert_array_equal(told["front"][1], value["front"][1])
    assert told["empty"].shape == (0, 4)
    assert told["d"] == value["d"]
    assert told["speed"] == (7, {"speed": 0.5})
    told["front"][1][:] = 0
    with pytest.raises(ProtocolError, match="type object"):
        send(here, {"x": object()})
    with pytest.raises(ProtocolError, match="ndarray"):
        send(here, np.array([{}], dtype=object))


@pytest.mark.parametrize(
    "data",
    [
        struct.pack("<II", 0xFFFFFFFF, 0),
        struct.pack("<II", 2, 0) + b"[]",
        struct.pack("<II", 19, 0) + b'["a", "|O", [1], 0]',
        struct.pack("<II", 19, 0) + b'["a", "<f4",[9], 0]',
        struct.pack("<II", 3, 0) + b"{,}",
    ],
)
def test_what_is_no_message_is_refused(data):
    here, there = socket.socketpair()
    here.sendall(data)
    with pytest.raises(ProtocolError):
        receive(there)


def test_a_closed_connection_is_told_apart_from_a_bad_message():
    here, there = socket.socketpair()
    here.close()
    with pytest.raises(PeerGone):
        receive(there)


def test_what_the_agents_interpreter_reads_is_python_3_7():
    root = Path(leaderboard.__file__).parent
    files = [root / f"agent_{name}.py" for name in ("child", "protocol", "loading")]
    files += [root / "__init__.py", *(root / "shims").rglob("*.py")]
    files += [
        *(root / "autoagents").glob("*.py"),
        *(root / "envs").glob("*.py"),
        root / "utils/route_manipulation.py",
    ]
    newer = ("pairwise", "removeprefix", "removesuffix", "batched", "slots=True", "kw_only=True")
    for path in files:
        text = path.read_text()
        ast.parse(text, str(path), feature_version=(3, 7))
        assert "from __future__ import annotations" in text or " | " not in text, path
        assert [word for word in newer if word in text] == [], path
