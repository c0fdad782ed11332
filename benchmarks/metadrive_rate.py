"""Steps per CPU-second beside MetaDrive 0.4.3, without cameras, with the same number of cars that drive.

    python -m venv /tmp/metadrive && /tmp/metadrive/bin/pip install metadrive-simulator==0.4.3
    python -m benchmarks.metadrive_rate --metadrive-python /tmp/metadrive/bin/python

Goal: at least twice as many per CPU-second. All processes count: MetaDrive has one, here the client (which runs
CARLA's Traffic Manager) and the server add up. MetaDrive's step is 0.1 s of simulated time by default, a tick here
0.05 s; both ratios are printed. MetaDrive wants an environment of its own, because it pins old versions.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from pathlib import Path

from benchmarks.stopwatch import Stopwatch, machine_line
from carla_agents.driving.traffic import Traffic, TrafficConfig
from carla_agents.simulator.session import Session, SimulatorConfig

METADRIVE_STEP_S = 0.1
GOAL = 2.0


def theirs(python: str, cars: int, steps: int) -> dict:
    """Measure MetaDrive in its own environment."""
    child = Path(__file__).with_name("metadrive_child.py")
    done = subprocess.run(
        [python, str(child), str(cars), str(steps)], capture_output=True, text=True, check=False, timeout=600
    )
    if done.returncode != 0:
        raise SystemExit(f"MetaDrive failed: {done.stderr[-800:]}")
    return json.loads(done.stdout.splitlines()[-1])


def ours(cars: int, ticks: int) -> tuple[int, Stopwatch]:
    """Cars that were placed, and the time that their ticks took."""
    with Session.open(SimulatorConfig(rendering=False)) as session:
        if session.server is None:
            raise SystemExit("this benchmark measures the embedded server")
        session.reset()
        with Traffic(session, TrafficConfig(cars, 0, 0), []) as traffic:
            for _ in range(60):
                session.tick()
            with Stopwatch(session.server.pid) as watch:
                for _ in range(ticks):
                    session.tick()
            return len(traffic.vehicles), watch


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--metadrive-python", required=True, help="interpreter that has metadrive-simulator 0.4.3")
    parser.add_argument("--cars", type=int, default=20)
    parser.add_argument("--steps", type=int, default=300, help="of MetaDrive")
    parser.add_argument("--ticks", type=int, default=2000, help="of the embedded server")
    options = parser.parse_args()
    print(machine_line())
    peer = theirs(options.metadrive_python, options.cars, options.steps)
    cars, watch = ours(peer["cars"], options.ticks)
    their_rate = peer["steps"] / peer["cpu_s"]
    our_rate = options.ticks / (watch.own_cpu_s + watch.server_cpu_s)
    print(
        f"MetaDrive 0.4.3: {peer['cars']} cars, {peer['moving']} of them moving at the end: "
        f"{their_rate:.1f} steps per CPU-second ({peer['steps'] / peer['wall_s']:.1f}/s wall)"
    )
    print(f"carla_server:    {cars} cars: {our_rate:.1f} ticks per CPU-second ({watch.per(options.ticks).strip()})")
    ratio = our_rate / their_rate
    simulated = ratio * SimulatorConfig().fixed_delta_s / METADRIVE_STEP_S
    print(f"per CPU-second: {ratio:.2f} times as many steps, {simulated:.2f} times as much simulated time")
    sys.exit(int(ratio < GOAL))


if __name__ == "__main__":
    main()
