"""Every public method and property of the client's Python classes, called against the server."""

import json
import socket
import subprocess
import sys
from pathlib import Path

from carla_server.api.unsupported import REASONS

WALK = Path(__file__).with_name("walk_client_api.py")
CLIENTS_OWN_FAULT = "ServerSideSensor.get_ignored_vehicles"
"""The client has no converter for what this one returns."""


def test_every_call_of_the_client_returns_or_is_refused_with_the_reason(fresh_server, tmp_path):
    server = fresh_server("--recorder-dir", str(tmp_path))
    with socket.create_server(("127.0.0.1", 0)) as probe:
        traffic_port = probe.getsockname()[1]
    walk = subprocess.run(
        [sys.executable, str(WALK), str(server.port), str(traffic_port), str(tmp_path)],
        capture_output=True,
        text=True,
        timeout=170,
    )
    assert walk.returncode == 0, f"the client died with {walk.returncode}: {walk.stdout[-300:]} {walk.stderr[-2000:]}"
    *calls, end = map(json.loads, walk.stdout.splitlines())
    assert end == {"left_out": []}
    assert len(calls) > 350
    assert {told["call"] for told in calls if told["outcome"] == "client"} == {CLIENTS_OWN_FAULT}
    reasons = [
        f"{name} is not supported by this server: {why}" for _, why, names in REASONS for name in names.split()
    ]
    refusals = [told["text"] for told in calls if told["outcome"] == "refused"]
    assert [text for text in refusals if text not in reasons] == []
    assert server.process.poll() is None
