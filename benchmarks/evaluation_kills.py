"""Kill -9 of the simulator, the agent, a worker or the evaluator at random moments: is the resumed result whole?

Goal: after 20 kills, spread over as many evaluations as that takes, every finished result equals the uninterrupted
one and no process is left behind. Exit status 1 if not.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from benchmarks.stopwatch import machine_line
from scenarios.generate import ROUTES_FOLDER
from scenarios.route_files import read_routes, write_routes

ROUTES, KEYPOINTS, VEHICLES = 4, 6, 5
LONGEST_EVALUATION_S = 900.0
PATIENCE_S = 30.0
MODULES = {
    "simulator": "carla_server",
    "agent": "agent_child.py",
    "worker": "syndiff.evaluation_worker",
}
AGENT = '''
"""CARLA's way of driving, with a camera, in a process of its own."""

import carla
from agents.navigation.basic_agent import BasicAgent
from srunner.scenariomanager.carla_data_provider import CarlaDataProvider

from leaderboard.autoagents.autonomous_agent import AutonomousAgent, Track


def get_entry_point():
    return "Follower"


class Follower(AutonomousAgent):
    def setup(self, path_to_conf_file):
        self.track = Track.SENSORS
        self.driver = None

    def sensors(self):
        pose = {"x": 0.7, "y": 0.0, "z": 1.6, "roll": 0.0, "pitch": 0.0, "yaw": 0.0}
        return [
            {"type": "sensor.camera.rgb", "id": "front", "width": 96, "height": 54, "fov": 100, **pose},
            {"type": "sensor.other.imu", "id": "imu", **pose},
            {"type": "sensor.speedometer", "id": "speed"},
        ]

    def run_step(self, input_data, timestamp):
        if self.driver is None:
            self.driver = BasicAgent(CarlaDataProvider.get_hero_actor(), 25)
            town = CarlaDataProvider.get_map()
            places = [self.hero_actor.get_location(), *(t.location for t, _ in self._global_plan_world_coord)]
            points = [town.get_waypoint(place) for place in places]
            plan = []
            for here, there in zip(points, points[1:]):
                plan += self.driver.trace_route(here, there)
            self.driver.set_global_plan(plan)
        return self.driver.run_step()
'''


@dataclass(frozen=True)
class FrontEnd:
    """A command line that evaluates, and goes on when it is given again.

    Attributes:
        command: arguments of the interpreter, without the result file.
        out: option that names the result file.
        victims: who may be killed.
        records: what two results have to agree in.
        is_complete: whether a result holds everything.
    """

    command: list[str]
    out: str
    victims: tuple[str, ...]
    records: Callable[[dict[str, Any]], Any]
    is_complete: Callable[[dict[str, Any]], bool]


def front_ends(folder: Path) -> dict[str, FrontEnd]:
    """Our evaluation with two workers, and the official command line; the agent has its own process in both."""
    routes, agent = folder / "routes.xml", folder / "agent.py"
    shipped = read_routes(ROUTES_FOLDER / "town_grid_eval.xml")[:ROUTES]
    short = [replace(spec, waypoints_m=spec.waypoints_m[:KEYPOINTS]) for spec in shipped]
    routes.write_text(write_routes(short), encoding="utf-8")
    agent.write_text(AGENT, encoding="utf-8")
    shared = ["--routes", str(routes), "--agent", str(agent), "--agent-python", sys.executable]
    shared += ["--vehicles", str(VEHICLES)]

    def official_records(content: dict[str, Any]) -> Any:
        rows = content["_checkpoint"]["records"]
        return [{**row, "meta": {**row["meta"], "duration_system": None}} for row in rows]

    return {
        "syndiff evaluate": FrontEnd(
            ["-m", "syndiff.cli", "evaluate", *shared, "--workers", "2"],
            "--out",
            ("simulator", "agent", "worker", "evaluator"),
            lambda content: content["records"],
            lambda content: bool(content["complete"]),
        ),
        "leaderboard_evaluator": FrontEnd(
            ["-m", "leaderboard.leaderboard_evaluator", *shared, "--embedded", "--resume", "1"],
            "--checkpoint",
            ("simulator", "agent", "evaluator"),
            official_records,
            lambda content: content["entry_status"] == "Finished",
        ),
    }


def family(ancestor: int) -> dict[int, str]:
    """Command lines of all living descendants of a process."""
    parents: dict[int, int] = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                fields = (entry / "stat").read_text().rpartition(")")[2].split()
            except OSError:
                continue
            if fields[0] != "Z":
                parents[int(entry.name)] = int(fields[1])
    found = {}
    for pid in parents:
        above = pid
        while above in parents and above != ancestor:
            above = parents[above]
        if above == ancestor and pid != ancestor:
            try:
                found[pid] = (Path(f"/proc/{pid}") / "cmdline").read_bytes().replace(b"\0", b" ").decode()
            except OSError:
                continue
    return found


def is_alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


class Trial:
    """Evaluates again and again while somebody kills; counts what came of it."""

    def __init__(self, front: FrontEnd, folder: Path, whole: Any, dice: random.Random) -> None:
        self._front, self._whole, self._dice = front, whole, dice
        self._out = folder / "killed.json"
        self._log = (folder / "log.txt").open("ab")
        self._process: subprocess.Popen[bytes] | None = None
        self._began_s = 0.0
        self.kills: Counter[str] = Counter()
        self.equal = self.different = self.left_behind = 0

    def start(self) -> None:
        """Begin an evaluation, or go on with it."""
        command = [sys.executable, *self._front.command, self._front.out, str(self._out)]
        self._process = subprocess.Popen(command, stdout=self._log, stderr=self._log)
        self._began_s = time.monotonic()

    def running(self) -> bool:
        """Whether the evaluation goes on; one that takes too long ends the benchmark."""
        if self._process is None or self._process.poll() is not None:
            return False
        if time.monotonic() - self._began_s > LONGEST_EVALUATION_S:
            self._process.kill()
            raise SystemExit(f"an evaluation runs for more than {LONGEST_EVALUATION_S:g} s; see {self._log.name}")
        return True

    def kill(self, victim: str) -> bool:
        """Kill somebody; False if there is no such process now."""
        process = self._process
        if process is None or process.poll() is not None:
            return False
        relatives = family(process.pid)
        if victim == "evaluator":
            os.kill(process.pid, signal.SIGKILL)
            process.wait()
            self._count_left_behind(relatives)
        else:
            fitting = sorted(pid for pid, line in relatives.items() if MODULES[victim] in line)
            if not fitting:
                return False
            os.kill(self._dice.choice(fitting), signal.SIGKILL)
        self.kills[victim] += 1
        return True

    def finished(self) -> bool:
        """Whether the result is complete; then it is compared and taken away."""
        if not self._out.exists():
            return False
        content = json.loads(self._out.read_text())
        if not self._front.is_complete(content):
            return False
        if self._front.records(content) == self._whole:
            self.equal += 1
        else:
            self.different += 1
            kept = self._out.with_name(f"different-{self.different}.json")
            kept.write_text(json.dumps(content, indent=1))
            print(f"  a result differs: {kept}")
        self._out.unlink()
        return True

    def _count_left_behind(self, relatives: dict[int, str]) -> None:
        deadline_s = time.monotonic() + PATIENCE_S
        while any(is_alive(pid) for pid in relatives) and time.monotonic() < deadline_s:
            time.sleep(0.2)
        for pid, line in relatives.items():
            if is_alive(pid):
                self.left_behind += 1
                print(f"  left behind after {PATIENCE_S:g} s: {line}")


def run(name: str, front: FrontEnd, kills: int, seed: int, folder: Path, longest_wait_s: float) -> bool:
    """One front end; prints and returns whether it kept its promise."""
    dice = random.Random(seed)
    whole_path = folder / "whole.json"
    began_s = time.monotonic()
    with (folder / "whole.txt").open("wb") as log:
        command = [sys.executable, *front.command, front.out, str(whole_path)]
        status = subprocess.run(command, stdout=log, stderr=log, check=False).returncode
    if status != 0:
        raise SystemExit(f"{name}: the uninterrupted evaluation ended with {status}; see {folder / 'whole.txt'}")
    whole = front.records(json.loads(whole_path.read_text()))
    print(f"{name}: {len(whole)} drives uninterrupted in {time.monotonic() - began_s:.0f} s", flush=True)
    trial = Trial(front, folder, whole, dice)
    order = [front.victims[k % len(front.victims)] for k in range(kills)]
    dice.shuffle(order)
    starts = 0
    while True:
        if not trial.running():
            if trial.finished() and not order:
                break
            trial.start()
            starts += 1
        time.sleep(dice.uniform(0.5, longest_wait_s) if order else 0.5)
        if order and trial.kill(order[-1]):
            order.pop()
    told = ", ".join(f"{victim} {count}" for victim, count in sorted(trial.kills.items()))
    print(
        f"{name}: {sum(trial.kills.values())} kills ({told}) in {time.monotonic() - began_s:.0f} s, command given "
        f"{starts} times; {trial.equal} finished results equal the uninterrupted one, {trial.different} differ; "
        f"{trial.left_behind} processes left behind by a killed evaluator",
        flush=True,
    )
    return trial.different == 0 and trial.left_behind == 0 and trial.equal > 0


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=20, help="for each front end")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--front-ends", nargs="*", default=None, help="all if left out")
    parser.add_argument("--longest-wait-s", type=float, default=20.0, help="between two kills")
    options = parser.parse_args()
    print(machine_line())
    kept = True
    parent = Path(tempfile.mkdtemp(prefix="evaluation-kills-"))
    for name, front in front_ends(parent).items():
        if options.front_ends is None or name in options.front_ends:
            folder = parent / name.replace(" ", "-")
            folder.mkdir()
            kept &= run(name, front, options.kills, options.seed, folder, options.longest_wait_s)
    if not kept:
        raise SystemExit(f"see {parent}")
    shutil.rmtree(parent)


if __name__ == "__main__":
    main()
