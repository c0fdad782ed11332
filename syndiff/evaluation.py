"""The job behind `syndiff evaluate`, used by the demo too."""

from __future__ import annotations

import hashlib
import sys
from collections.abc import Callable
from importlib.resources import as_file, files
from pathlib import Path

from carla_agents.policies.aim import WEIGHTS_NAME, AimPolicy
from carla_agents.policies.blank import BlankCamera
from carla_agents.simulator.session import Session, SimulatorConfig
from leaderboard.drive import DriveConfig, Driver, OnTick
from leaderboard.drivers import ExpertDriver, PolicyDriver
from leaderboard.evaluate import EvaluationConfig, evaluate, headline, planned_drives, score_table, selected_routes
from leaderboard.results import EXIT_PARTIAL, DriveKey, DriveRecord, Results
from leaderboard.score import Metric
from syndiff.commands.evaluate import Evaluate
from syndiff.progress import steps_bar


def run_evaluation(options: Evaluate) -> int:
    """Evaluate and print the table; see `syndiff evaluate --help`.

    Returns:
        0, or 3 if the run is partial (then no score is printed).
    """
    driver, name = make_driver(options.policy, blank_camera=options.blank_camera)
    simulator = SimulatorConfig(host=options.host, port=options.port, seed=options.seed)
    drive = DriveConfig(cars=options.vehicles, walkers=options.walkers, seed=options.seed)
    with as_file(files("scenarios") / "routes" / "town_grid_eval.xml") as shipped:
        config = EvaluationConfig(
            routes_path=options.routes or shipped,
            route_ids=options.route_ids,
            conditions=options.conditions,
            repetitions=options.repetitions,
            drive=drive,
        )
        results = evaluate_with_progress(simulator, driver, name, config, options.out)
    if results.missing():
        print(
            f"partial: {len(results.missing())} of {len(results.planned)} drives have no record "
            f"({len(results.crashes)} crashes of the simulator, see {options.out}); run the same command again",
            file=sys.stderr,
        )
        return EXIT_PARTIAL
    metric = Metric(options.metric)
    print(score_table(results.by_condition(metric)))
    print(headline(results, metric))
    return 0


def make_driver(policy: Path | None, *, blank_camera: bool = False) -> tuple[Driver, str]:
    """A driver and the name that results carry.

    Args:
        policy: folder of a trained policy; None takes the privileged expert.
        blank_camera: the policy sees only black.

    Raises:
        ValueError: `blank_camera` without a policy, or the folder holds no policy.
    """
    if policy is None:
        if blank_camera:
            raise ValueError("--blank-camera needs --policy: the expert has no camera")
        return ExpertDriver(), "expert"
    trained = AimPolicy.load(policy)
    digest = hashlib.sha256((policy / WEIGHTS_NAME).read_bytes()).hexdigest()
    name = f"aim-{digest[:12]}"
    return (PolicyDriver(BlankCamera(trained)), name + "-blank") if blank_camera else (PolicyDriver(trained), name)


def evaluate_with_progress(
    simulator: SimulatorConfig,
    driver: Driver,
    name: str,
    config: EvaluationConfig,
    out: Path,
    on_tick: Callable[[DriveKey], OnTick | None] | None = None,
) -> Results:
    """`leaderboard.evaluate.evaluate` with a progress line."""
    total = len(planned_drives(config, selected_routes(config)))
    with steps_bar(f"driving: {name}", total) as show:

        def told(record: DriveRecord, done: int, _: int) -> None:
            show(done, f"{record.key}: {record.route_completion_pct:.0f} %, {record.status}")

        return evaluate(lambda: Session.open(simulator), driver, name, config, out, told, on_tick)
