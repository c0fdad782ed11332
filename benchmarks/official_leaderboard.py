"""The official Leaderboard and ScenarioRunner, unmodified, against the embedded server; nothing of theirs ships here.

    python -m benchmarks.official_leaderboard --leaderboard DIR --scenario-runner DIR --agents DIR --python BIN

docs/official-leaderboard.md says where the folders come from and what their interpreter needs. The NPC agent that the
Leaderboard ships drives routes of ours in TownGrid, without and with scenarios, and, if `--map-dir` names the folder
with Town10HD's OpenDRIVE file, routes of ours and ScenarioRunner's own route there. A run passes if the entry is
Finished, no scenario could not be set up, and routes without scenarios are driven to the end. Then the same agent
drives the same routes through our evaluator, and scores and file formats are compared (`official_scores`).

The server's CPU time is that between "Running the route" and "Stopping the route", per tick of the route's game time;
`--blind` replaces the agent's camera by a GNSS sensor.
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

from benchmarks.official_scores import compare_formats, compare_random_logs, compare_scores
from benchmarks.stopwatch import machine_line, process_cpu_s
from carla_agents.simulator.embedded import EmbeddedServer

ROOT = Path(__file__).resolve().parent.parent
OUR_ROUTES = ROOT / "scenarios" / "routes"
TICKS_PER_S = 20.0
RANDOM_LOGS = 20_000
BLIND_AGENT = """
import importlib.util
def _npc_agent():
    spec = importlib.util.spec_from_file_location("npc_agent", {folder!r} + "/npc_agent.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.NpcAgent
def get_entry_point():
    return "BlindNpcAgent"
class BlindNpcAgent(_npc_agent()):
    def sensors(self):
        return [{{"type": "sensor.other.gnss", "x": 0.0, "y": 0.0, "z": 1.6, "id": "gnss"}}]
"""


@dataclass(frozen=True)
class Case:
    """Routes of one file.

    Attributes:
        name: what to call them; also the folder of their results.
        routes: the route file.
        subset: ids of the routes, all if empty.
        must_complete: whether each has to be driven to its end.
    """

    name: str
    routes: Path
    subset: str = ""
    must_complete: bool = False


TOWN_GRID = (
    Case("TownGrid without scenarios", OUR_ROUTES / "town_grid_long.xml", "2000,2001,2002", True),
    Case("TownGrid with scenarios", OUR_ROUTES / "town_grid_scenarios.xml", "10006,10021,10030,10057,10080,10098"),
    Case(
        "TownGrid with flows", OUR_ROUTES / "town_grid_places.xml", "10424,10427,10439,10445,10448,10501,10504,10508"
    ),
)
TOWN10HD = Case("Town10HD with scenarios", OUR_ROUTES / "town10hd_scenarios.xml", "60009,60012,60024,60031")


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
    cases = [*TOWN_GRID]
    if options.map_dir:
        town10 = Path(options.scenario_runner) / "srunner" / "data" / "routes_town10.xml"
        cases += [TOWN10HD, Case("ScenarioRunner's Town10 route", town10)]
    failures = compare_random_logs(options.python, environment_of(options), folder, RANDOM_LOGS)
    for case in cases:
        if not case.routes.exists():
            raise SystemExit(f"{case.routes} does not exist; is --scenario-runner the root of a checkout?")
        inside = folder / case.name.replace(" ", "_").replace("'", "")
        outcome = run(options, inside, case)
        problems = report(case.name, outcome, case.must_complete)
        if outcome.records:
            problems += compare_scores(inside / "results.json")
            problems += compare_formats(inside / "results.json", drive_ours(options, inside, case))
        failures += [f"{case.name}: {problem}" for problem in problems]
    print(f"logs and result files: {folder}")
    if failures:
        raise SystemExit("missed: " + "; ".join(failures))


def environment_of(options: argparse.Namespace) -> dict[str, str]:
    """Variables with which the official interpreter finds the official packages."""
    roots = [options.agents, options.leaderboard, options.scenario_runner]
    return {
        **os.environ,
        "PYTHONPATH": os.pathsep.join(str(Path(root).resolve()) for root in roots),
        "SCENARIO_RUNNER_ROOT": str(Path(options.scenario_runner).resolve()),
        "LEADERBOARD_ROOT": str(Path(options.leaderboard).resolve()),
    }


def agent_file(options: argparse.Namespace, folder: Path) -> Path:
    """The NPC agent of the official checkout, or one with other sensors made from it."""
    official = Path(options.leaderboard).resolve() / "leaderboard" / "autoagents" / "npc_agent.py"
    if not options.blind:
        return official
    made = folder / "blind_npc_agent.py"
    made.write_text(BLIND_AGENT.format(folder=str(official.parent)), encoding="utf-8")
    return made


def drive_ours(options: argparse.Namespace, folder: Path, case: Case) -> Path:
    """Let our evaluator drive the same routes with the same agent file; returns its result file."""
    results = folder / "ours.json"
    command = [sys.executable, "-m", "leaderboard.leaderboard_evaluator", "--embedded", "--routes", str(case.routes)]
    command += [
        "--routes-subset",
        case.subset,
        "--agent",
        str(agent_file(options, folder)),
        "--checkpoint",
        str(results),
    ]
    command += ["--traffic-manager-seed", str(options.seed)]
    if options.map_dir:
        command += ["--map-dir", options.map_dir]
    with (folder / "ours.txt").open("w", encoding="utf-8") as log:
        subprocess.run(
            command, cwd=ROOT, env={**os.environ, "PYTHONPATH": str(ROOT)}, stdout=log, stderr=log, check=False
        )
    if not results.exists():
        raise SystemExit(f"our evaluator wrote no result file; see {folder / 'ours.txt'}")
    return results


def run(options: argparse.Namespace, folder: Path, case: Case) -> Outcome:
    """Start a fresh server and let the official evaluator drive the routes; `folder` keeps log and results."""
    folder.mkdir(parents=True, exist_ok=True)
    # The evaluator starts its Traffic Manager before it loads the route's town, and the client's library sometimes
    # goes on with the road map of the town before: so begin in the right one.
    arguments = ["--seed", str(options.seed), "--map", _first_town(case.routes)]
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
        *("--routes", str(case.routes), "--routes-subset", case.subset, "--track", "SENSORS"),
        *("--agent", str(agent_file(options, folder))),
        *("--checkpoint", str(results), "--debug-checkpoint", str(folder / "live.txt"), "--timeout", "60"),
    ]
    cpu_s, errors, began_s = [], [], None
    try:
        process = subprocess.Popen(
            command,
            cwd=folder,
            env=environment_of(options),
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
    parser.add_argument("--map-dir", help="folder with Town10HD.xodr; without it only TownGrid is driven")
    parser.add_argument("--blind", action="store_true", help="no camera: GNSS only")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", help="folder for logs and results (default: a temporary one)")
    return parser


if __name__ == "__main__":
    main()
