"""The official Leaderboard and ScenarioRunner, unmodified, against the embedded server; nothing of theirs ships here.

    python -m benchmarks.official_leaderboard --leaderboard DIR --scenario-runner DIR --agents DIR --python BIN

docs/official-leaderboard.md says where the folders come from and what their interpreter needs. Three routes of ours
without scenarios are driven by the NPC agent that the Leaderboard ships, then ScenarioRunner's route for Town10 (give
`--map-dir` the folder with its OpenDRIVE file). A run passes if the entry is Finished, no scenario could not be set
up, and routes without scenarios are driven to the end. The server's CPU time is that between "Running the route" and
"Stopping the route", per tick of the route's game time; `--blind` replaces the agent's camera by a GNSS sensor.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import socket
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

from benchmarks.stopwatch import machine_line, process_cpu_s
from carla_agents.simulator.embedded import EmbeddedServer

OUR_ROUTES = Path(__file__).resolve().parent.parent / "scenarios" / "routes" / "town_grid_long.xml"
OUR_ROUTE_IDS = "2000,2001,2002"
TICKS_PER_S = 20.0
BLIND_AGENT = """
from leaderboard.autoagents.npc_agent import NpcAgent
def get_entry_point():
    return "BlindNpcAgent"
class BlindNpcAgent(NpcAgent):
    def sensors(self):
        return [{"type": "sensor.other.gnss", "x": 0.0, "y": 0.0, "z": 1.6, "id": "gnss"}]
"""


@dataclass(frozen=True)
class Outcome:
    """What one call of the evaluator gave.

    Attributes:
        entry_status: of the result file; `no result file` if it wrote none.
        records: the result file's route records.
        setup_errors: lines of its log that say a scenario was skipped.
        cpu_s: the server's CPU time of each route while it was driven.
        exit_code: of the evaluator.
    """

    entry_status: str
    records: list[dict]
    setup_errors: list[str]
    cpu_s: list[float]
    exit_code: int


def main() -> None:
    options = _parser().parse_args()
    print(machine_line())
    folder = Path(options.out) if options.out else Path(tempfile.mkdtemp(prefix="official-leaderboard-"))
    folder.mkdir(parents=True, exist_ok=True)
    cases: list[tuple[str, Path, str, bool]] = [("our routes", OUR_ROUTES, options.our_routes, True)]
    if options.map_dir:
        town10 = Path(options.scenario_runner) / "srunner" / "data" / "routes_town10.xml"
        cases.append(("ScenarioRunner's Town10 route", town10, "", False))
    failures = []
    for name, routes, subset, must_complete in cases:
        if not routes.exists():
            raise SystemExit(f"{routes} does not exist; is --scenario-runner the root of a checkout?")
        outcome = run(options, folder / name.replace(" ", "_").replace("'", ""), routes, subset)
        failures += [f"{name}: {problem}" for problem in report(name, outcome, must_complete)]
    print(f"logs and result files: {folder}")
    if failures:
        raise SystemExit("missed: " + "; ".join(failures))


def run(options: argparse.Namespace, folder: Path, routes: Path, subset: str) -> Outcome:
    """Start a fresh server and let the official evaluator drive the routes; `folder` keeps log and results."""
    folder.mkdir(parents=True, exist_ok=True)
    agent = Path(options.leaderboard) / "leaderboard" / "autoagents" / "npc_agent.py"
    if options.blind:
        agent = folder / "blind_npc_agent.py"
        agent.write_text(BLIND_AGENT, encoding="utf-8")
    # The evaluator starts its Traffic Manager before it loads the route's town, and the client's library sometimes
    # goes on with the road map of the town before: so begin in the right one.
    arguments = ["--seed", str(options.seed), "--map", _first_town(routes)]
    if options.map_dir:
        arguments += ["--map-dir", options.map_dir]
    server = EmbeddedServer(arguments, 120.0)
    results = folder / "results.json"
    results.unlink(missing_ok=True)
    command = [
        options.python,
        "-u",
        str(Path(options.leaderboard) / "leaderboard" / "leaderboard_evaluator.py"),
        *("--host", "127.0.0.1", "--port", str(server.rpc_port)),
        *("--traffic-manager-port", str(_free_port()), "--traffic-manager-seed", str(options.seed)),
        *("--routes", str(routes), "--routes-subset", subset, "--agent", str(agent), "--track", "SENSORS"),
        *("--checkpoint", str(results), "--debug-checkpoint", str(folder / "live.txt"), "--timeout", "60"),
    ]
    roots = [options.agents, options.leaderboard, options.scenario_runner]
    environment = {
        **os.environ,
        "PYTHONPATH": os.pathsep.join(str(Path(root).resolve()) for root in roots),
        "SCENARIO_RUNNER_ROOT": str(Path(options.scenario_runner).resolve()),
        "LEADERBOARD_ROOT": str(Path(options.leaderboard).resolve()),
    }
    cpu_s, errors, began_s = [], [], None
    try:
        process = subprocess.Popen(
            command,
            cwd=folder,
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
        )
        with (folder / "log.txt").open("w", encoding="utf-8") as log:
            for line in process.stdout or ():
                log.write(line)
                log.flush()
                if "Running the route" in line:
                    began_s = process_cpu_s(server.pid)
                elif "Stopping the route" in line and began_s is not None:
                    cpu_s.append(process_cpu_s(server.pid) - began_s)
                    began_s = None
                if "setup error" in line:
                    errors.append(line.strip())
        exit_code = process.wait()
        if not server.is_alive():
            errors.append(f"the server died: {server.log_tail()}")
    finally:
        server.stop()
    if not results.exists():
        return Outcome("no result file", [], errors, cpu_s, exit_code)
    found = json.loads(results.read_text(encoding="utf-8"))
    return Outcome(found["entry_status"], found["_checkpoint"]["records"], errors, cpu_s, exit_code)


def report(name: str, outcome: Outcome, must_complete: bool) -> list[str]:
    """Print the outcome; returns what does not meet the goals."""
    skipped = len(outcome.setup_errors)
    print(f"{name}: entry {outcome.entry_status}, exit {outcome.exit_code}, {skipped} set-up errors")
    for line in outcome.setup_errors:
        print(f"    {line}")
    for index, record in enumerate(outcome.records):
        scores, game_s = record["scores"], record["meta"]["duration_game"]
        ticks = game_s * TICKS_PER_S
        cost = f"{1e3 * outcome.cpu_s[index] / ticks:.2f} ms" if index < len(outcome.cpu_s) and ticks else "?"
        infractions = {key: len(found) for key, found in record["infractions"].items() if found}
        print(
            f"    {record['route_id']}: {record['status']}, completion {scores['score_route']:.1f} %, driving score "
            f"{scores['score_composed']:.1f}, {record['meta']['route_length']:.0f} m, {game_s:.1f} s game, "
            f"{record['meta']['duration_system']:.1f} s wall, server CPU per tick {cost}, infractions {infractions}"
        )
    problems = []
    if outcome.entry_status != "Finished":
        problems.append(f"entry status {outcome.entry_status}")
    if outcome.setup_errors:
        problems.append(f"{len(outcome.setup_errors)} set-up errors")
    if must_complete and any(record["scores"]["score_route"] < 100.0 for record in outcome.records):
        problems.append("a route without scenarios was not completed")
    return problems


def _first_town(routes: Path) -> str:
    found = re.search(r'<route\s[^>]*town="([^"]+)"', routes.read_text(encoding="utf-8"))
    if found is None:
        raise SystemExit(f"{routes} names no town; is it a route file?")
    return found.group(1)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--leaderboard", required=True, help="checkout of the official Leaderboard (master)")
    parser.add_argument("--scenario-runner", required=True, help="checkout of the official ScenarioRunner (0.9.16)")
    parser.add_argument("--agents", required=True, help="folder that holds CARLA's package `agents`")
    parser.add_argument("--python", default=sys.executable, help="interpreter with what these packages need")
    parser.add_argument("--map-dir", help="folder with Town10HD.xodr; without it only our routes are driven")
    parser.add_argument("--our-routes", default=OUR_ROUTE_IDS, help="ids of our routes")
    parser.add_argument("--blind", action="store_true", help="no camera: GNSS only")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", help="folder for logs and results (default: a temporary one)")
    return parser


if __name__ == "__main__":
    main()
