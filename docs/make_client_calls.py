"""Writes docs/client-calls.md by calling everything; run `python docs/make_client_calls.py` (about half a minute)."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
import tempfile
from pathlib import Path

from carla_agents.simulator.embedded import EmbeddedServer

PAGE = Path(__file__).with_name("client-calls.md")
WALK = Path(__file__).parent.parent / "tests" / "carla_server" / "contract" / "walk_client_api.py"
HEAD = """# What each call of the CARLA client does here

*Written by `docs/make_client_calls.py`, which calls every public method and property of the client's Python classes.*

`returns` means that the call came back with an answer the client could decode; what it does is shown by the tests in
the last column, all of them in `tests/carla_server/contract`. A call that the client sends without waiting for an
answer returns even if the server refuses it; [CARLA compatibility](carla-compatibility.md) lists those.

| call | state | tests |
|---|---|---|
"""
TESTS = {
    "Client": "session, worlds, recorder",
    "World": "session, worlds, rays, lifecycle",
    "WorldSnapshot": "session, determinism",
    "Actor": "actors, vehicles",
    "Vehicle": "vehicles, vehicle_figures, library",
    "Walker": "walkers",
    "WalkerAIController": "walkers",
    "TrafficLight": "actors, worlds",
    "TrafficSign": "worlds",
    "Sensor": "sensors, cameras, rays",
    "ServerSideSensor": "sensors",
    "TrafficManager": "determinism, rhythm",
    "LightManager": "session",
    "DebugHelper": "debug",
    "ActorBlueprint": "library",
    "BlueprintLibrary": "library",
}
"""Class -> contract tests of its behaviour, besides `client_api`, which makes these calls."""


def outcomes() -> list[dict[str, str]]:
    """Every call with how it went, in the order of the walk."""
    with socket.create_server(("127.0.0.1", 0)) as probe:
        traffic_port = probe.getsockname()[1]
    with tempfile.TemporaryDirectory() as folder:
        server = EmbeddedServer(["--recorder-dir", folder], 120.0)
        command = [sys.executable, str(WALK), str(server.rpc_port), str(traffic_port), folder]
        walk = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True, timeout=300)  # noqa: S603
        server.stop()
    *calls, end = map(json.loads, walk.stdout.splitlines())
    if end["left_out"]:
        raise SystemExit(f"the walk leaves out {end['left_out']}")
    return calls


def main() -> None:
    states = {}
    for told in outcomes():
        refused = told["text"].partition(": ")[2] if told["outcome"] == "refused" else ""
        states[told["call"]] = {"returned": "returns", "refused": f"refused: {refused}"}.get(
            told["outcome"], "fails in the client itself: no converter for its result"
        )
    rows = []
    for call, state in sorted(states.items()):
        tests = "client_api" + (f", {TESTS[kind]}" if (kind := call.partition(".")[0]) in TESTS else "")
        rows.append(f"| `{call}` | {state} | {tests} |\n")
    PAGE.write_text(HEAD + "".join(rows), encoding="utf-8")
    returning = sum(state == "returns" for state in states.values())
    print(f"{PAGE.name}: {returning} of {len(states)} calls return")


if __name__ == "__main__":
    main()
