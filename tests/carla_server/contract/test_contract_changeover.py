"""After a load the server waits for the client's new subscription, see `carla_server/changeover.py`."""

import json
import subprocess
import sys
from pathlib import Path

DRIVE = Path(__file__).with_name("drive_through_reloads.py")


def test_a_peer_that_does_not_subscribe_anew_waits_no_longer_than_the_patience(server, wire, subscribe):
    client = wire(server)
    subscribe(client, 1).frame()
    before = client.value("get_episode_info")[0]
    client.call("load_new_episode", "", False, 65535)
    assert client.value("get_map_info")[0].endswith("TownGrid")
    assert client.value("get_episode_info")[0] != before


def test_a_map_that_cannot_be_loaded_is_refused_at_once_and_nothing_changes(server, wire):
    client = wire(server)
    before = client.value("get_episode_info")[0]
    assert "Atlantis" in str(client.call("load_new_episode", "Atlantis", True, 65535))
    assert client.value("get_map_info")[0].endswith("TownGrid")
    assert client.value("get_episode_info")[0] == before


def test_an_asynchronous_traffic_manager_survives_reloads_and_drives_the_new_cars(fresh_server):
    command = [sys.executable, str(DRIVE), str(fresh_server("--no-rendering").port), "3"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=400, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    driven = json.loads(done.stdout.splitlines()[-1])
    assert len(driven) == 3
    assert min(driven) >= 6
