"""The expert on the shipped evaluation routes among 20 cars: completion, collisions, red lights."""

from __future__ import annotations

import argparse
import tempfile
from importlib.resources import as_file, files
from pathlib import Path

from benchmarks.stopwatch import machine_line
from carla_agents.simulator.session import Session, SimulatorConfig
from leaderboard.drive import DriveConfig
from leaderboard.drivers import ExpertDriver
from leaderboard.evaluate import EvaluationConfig, evaluate, headline, score_table


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repetitions", type=int, default=2)
    parser.add_argument("--cars", type=int, default=20)
    parser.add_argument("--walkers", type=int, default=10)
    options = parser.parse_args()
    print(machine_line())
    with (
        as_file(files("scenarios") / "routes" / "town_grid_eval.xml") as routes,
        tempfile.TemporaryDirectory() as out,
    ):
        config = EvaluationConfig(
            routes_path=routes,
            repetitions=options.repetitions,
            drive=DriveConfig(cars=options.cars, walkers=options.walkers),
        )
        results = evaluate(
            lambda: Session.open(SimulatorConfig()), ExpertDriver(), "expert", config, Path(out) / "results.json"
        )
    for key, record in results.records.items():
        events = ", ".join(i.message for i in record.infractions) or "clean"
        print(f"{key}: {record.route_length_m:.0f} m, {record.route_completion_pct:.0f} %, {events}")
    print(score_table(results.by_condition()))
    print(headline(results))


if __name__ == "__main__":
    main()
