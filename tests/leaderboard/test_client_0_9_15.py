"""The evaluator with the client of CARLA 0.9.15 and a server of that version."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from scenarios.generate import ROUTES_FOLDER
from scenarios.route_files import read_routes

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.slow
def test_drives_with_scenarios_follow_each_other_with_the_client_of_0_9_15(old_client, tmp_path):
    specs = read_routes(ROUTES_FOLDER / "town_grid_scenarios.xml")
    ids = [s.route_id for s in specs if s.scenarios[0].type_name in ("HardBreakRoute", "YieldToEmergencyVehicle")]
    checkpoint = tmp_path / "results.json"
    command = [sys.executable, "-m", "leaderboard.leaderboard_evaluator", "--embedded", "--vehicles", "3"]
    command += ["--routes", str(ROUTES_FOLDER / "town_grid_scenarios.xml"), "--routes-subset", f"{ids[0]},{ids[-1]}"]
    command += ["--agent", str(ROOT / "tests" / "leaderboard" / "agents" / "agent_reckless.py")]
    environment = os.environ | {"PYTHONPATH": os.pathsep.join((str(old_client), str(ROOT)))}
    done = subprocess.run(
        [*command, "--checkpoint", str(checkpoint)], capture_output=True, text=True, env=environment, check=False
    )
    assert done.returncode == 0, done.stderr
    assert "Skipping scenario" not in done.stderr
    content = json.loads(checkpoint.read_text())
    assert content["entry_status"] == "Finished"
    first, second = content["_checkpoint"]["records"]
    assert first["infractions"]["collisions_vehicle"]
    assert second["infractions"]["yield_emergency_vehicle_infractions"]
    known = json.loads((tmp_path / "results.json.provenance.json").read_text())
    assert (known["carla_client"], known["simulator"]["version"]) == ("0.9.15", "0.9.15")
