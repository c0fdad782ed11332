"""A real 0.9.15 client drives a server that was told to speak its dialect."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from carla_server.world.blueprints import LIBRARY

SCRIPT = Path(__file__).with_name("drive_with_0_9_15.py")


@pytest.mark.slow
def test_a_0_9_15_client_ticks_senses_crashes_records_and_reloads(old_client, fresh_server, tmp_path):
    server = fresh_server("--carla-version", "0.9.15", "--recorder-dir", str(tmp_path))
    done = subprocess.run(
        [sys.executable, str(SCRIPT), str(server.port)],
        capture_output=True,
        text=True,
        timeout=150,
        env=os.environ | {"PYTHONPATH": str(old_client)},
    )
    assert done.returncode == 0, done.stderr
    seen = json.loads(done.stdout.splitlines()[-1])
    assert (seen["client"], seen["server"]) == ("0.9.15", "0.9.15")
    assert seen["blueprints"] == len(LIBRARY)
    assert seen["attribute_types"] == ["Bool", "Float", "Int", "RGBColor", "String"]
    assert seen["batch_error"] == ""
    assert seen["extent_x"] > 2.0
    assert seen["speed_mps"] > 5.0
    assert seen["crashed_into"] == "vehicle.audi.tt"
    assert seen["light"] in ("Red", "Green", "Yellow")
    assert seen["weather"] == 45.0
    assert seen["objects"] > 10
    assert seen["recorded"]
    assert seen["replayed"]
    assert seen["vehicles_after_reload"] == 0
