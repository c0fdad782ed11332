"""What `syndiff evaluate` says of an agent that cannot go on."""

from dataclasses import replace
from pathlib import Path

import pytest

from scenarios.generate import ROUTES_FOLDER
from scenarios.route_files import read_routes, write_routes
from syndiff.cli import main

FAULTY = Path(__file__).parents[1] / "leaderboard" / "agents" / "agent_faulty.py"


@pytest.fixture
def evaluated(server, tmp_path, capsys):
    """Evaluates the faulty agent on the beginnings of two routes; returns exit status, output and errors."""
    shipped = read_routes(ROUTES_FOLDER / "town_grid_eval.xml")[:2]
    routes = tmp_path / "short.xml"
    routes.write_text(write_routes([replace(spec, waypoints_m=spec.waypoints_m[:3]) for spec in shipped]))

    def run(fault: str) -> tuple[int, str, str]:
        words = ["evaluate", "--out", str(tmp_path / f"{fault}.json"), "--routes", str(routes), "--vehicles", "0"]
        words += ["--port", str(server.port), "--agent", str(FAULTY), "--agent-config", fault]
        status = main(words)
        return status, *capsys.readouterr()

    return run


def test_refused_sensors_have_no_score_and_are_named(evaluated):
    status, output, errors = evaluated("sensor")
    assert status == 1
    assert "driving score" not in output
    assert "Failed - Agent's sensors were invalid: " in errors
    assert "sensor.camera.semantic_segmentation" in errors
    assert "no score" in errors


def test_an_agent_that_raises_is_scored_and_the_cause_stands_beside_the_score_with_its_drives(evaluated):
    status, output, errors = evaluated("raise")
    assert status == 0
    assert "driving score" in output
    assert (
        "Failed - Agent crashed: AgentError: ZeroDivisionError: division by zero (1000/clear-day/0, 1001/" in errors
    )
