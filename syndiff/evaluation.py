"""The job behind `syndiff evaluate`, used by the demo too."""

from __future__ import annotations

import hashlib
import re
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, fields
from importlib.resources import as_file, files
from pathlib import Path
from typing import Any

from augment.conditions import Condition
from carla_agents.policies.aim import WEIGHTS_NAME, AimPolicy
from carla_agents.policies.blank import BlankCamera
from carla_agents.simulator.session import Session, SimulatorConfig
from leaderboard.agent_augmentation import CameraAugmentation
from leaderboard.agent_driver import SENSORS_INVALID, AgentConfig, AgentDriver
from leaderboard.augmented_driver import AugmentedPolicyDriver
from leaderboard.drive import DriveConfig, Driver, OnTick
from leaderboard.drivers import ExpertDriver, PolicyDriver
from leaderboard.evaluate import (
    EvaluationConfig,
    evaluate,
    headline,
    identity,
    planned_drives,
    score_table,
    selected_routes,
)
from leaderboard.results import EXIT_PARTIAL, DriveKey, DriveRecord, Results
from leaderboard.score import Metric
from leaderboard.shards import shard_of, slurm_script
from leaderboard.simulator_launch import LaunchConfig
from leaderboard.strips import InfractionStrips
from leaderboard.supervise import SuperviseConfig, supervise
from syndiff.commands.evaluate import Evaluate
from syndiff.online import augmentation_identity, online_config, online_synthesizer, pictures_text, source_of
from syndiff.progress import steps_bar

_EXIT_REJECTED = 1


def run_evaluation(options: Evaluate) -> int:
    """Evaluate and print the table; see `syndiff evaluate --help`.

    Returns:
        0, or 3 if the run is partial, or 1 if the agent's sensors were refused (then no score is printed).

    Raises:
        ValueError: options that do not go together.
    """
    if options.slurm_array:
        print(slurm_script(["syndiff", "evaluate", *arguments_of(options)], options.slurm_array, options.out), end="")
        return 0
    launches = launches_of(options)
    driver, name = driver_of(options)
    with evaluation_config(options) as config:
        if launches or options.shard:
            results = _supervised(options, config, name, launches or [None])
        else:
            results = evaluate_with_progress(
                simulator_config(options, config), driver, name, config, options.out, strips=strips_of_run(options)
            )
    if isinstance(driver, AgentDriver | AugmentedPolicyDriver):
        driver.close()
    if results.missing():
        print(
            f"partial: {len(results.missing())} of {len(results.planned)} drives have no record "
            f"({len(results.crashes)} crashes, see {options.out}); run the same command again",
            file=sys.stderr,
        )
        return EXIT_PARTIAL
    if options.shard:
        print(f"shard {options.shard} is complete: {options.out}; put shards together with `syndiff merge-results`")
        return 0
    metric = Metric(options.metric)
    skipped = {reason for record in results.records.values() for reason in record.skipped_scenarios}
    for reason in sorted(skipped):
        print(f"scenario skipped: {reason}", file=sys.stderr)
    for line in failure_lines(results.records.values()):
        print(line, file=sys.stderr)
    if any(record.status == SENSORS_INVALID for record in results.records.values()):
        print("no score: such an entry is rejected; change the agent's sensors or --track", file=sys.stderr)
        return _EXIT_REJECTED
    print(score_table(results.by_condition(metric)))
    pictures = pictures_text(results.records.values())
    if pictures:
        print(pictures)
    print(headline(results, metric))
    return 0


def simulator_config(options: Evaluate, config: EvaluationConfig) -> SimulatorConfig:
    """Which simulator a process of this evaluation opens, in the town of its first route."""
    return SimulatorConfig(
        host=options.host,
        port=options.port,
        seed=options.seed,
        map_name=selected_routes(config)[0].town,
        map_dir=None if options.map_dir is None else str(options.map_dir),
    )


def failure_lines(records: Iterable[DriveRecord]) -> list[str]:
    """One line for each way in which the driver failed, with the drives it cost."""
    drives: dict[str, list[str]] = {}
    for record in records:
        if record.failure:
            drives.setdefault(f"{record.status}: {record.failure}", []).append(str(record.key))
    return [f"{text} ({', '.join(keys[:3])}{' ...' if len(keys) > 3 else ''})" for text, keys in drives.items()]


def strips_of_run(options: Evaluate) -> InfractionStrips | None:
    """What keeps pictures around infractions; None unless asked for."""
    return InfractionStrips(options.out) if options.strips else None


@contextmanager
def evaluation_config(options: Evaluate) -> Iterator[EvaluationConfig]:
    """What to evaluate on; the shipped route file exists as a file as long as the context lives."""
    drive = DriveConfig(
        cars=options.vehicles, walkers=options.walkers, seed=options.seed, pace_stretches=4 if options.pace else 0
    )
    with as_file(files("scenarios") / "routes" / "town_grid_eval.xml") as shipped:
        yield EvaluationConfig(
            routes_path=options.routes or shipped,
            route_ids=options.route_ids,
            conditions=options.conditions,
            repetitions=options.repetitions,
            drive=drive,
            augmentation=augmentation_identity(options),
        )


def driver_of(options: Evaluate) -> tuple[Driver, str]:
    """The driver that the options name, and the name that results carry.

    Raises:
        ValueError: options that do not go together, or a file that cannot be used.
    """
    if options.agent is None:
        if options.agent_python is not None:
            raise ValueError("--agent-python is for --agent; policies of this project run in this interpreter")
        if options.augment is not None:
            return _augmented_policy(options)
        return make_driver(options.policy, blank_camera=options.blank_camera)
    if options.policy is not None or options.blank_camera:
        raise ValueError("--agent does not go together with --policy or --blank-camera")
    config = AgentConfig(
        options.agent, options.agent_config, options.track, options.interface, agent_python=options.agent_python
    )
    digest = hashlib.sha256(options.agent.read_bytes()).hexdigest()[:12]
    name = f"{options.agent.stem}-{digest}-{options.track}"
    if options.augment is None:
        return AgentDriver(config), name
    synthesizer = online_synthesizer(options)
    if synthesizer is None:
        raise ValueError("--synthesizer relight needs --policy: it does not know the cameras of an --agent")
    augmentation = CameraAugmentation(
        synthesizer, source_of(options), Condition.parse(options.augment), options.seed, online_config(options)
    )
    return AgentDriver(config, augmentation), f"{name}-sees-{options.augment}"


def _augmented_policy(options: Evaluate) -> tuple[Driver, str]:
    if options.policy is None or options.blank_camera:
        raise ValueError("--augment needs --policy or --agent: the expert has no camera, a blank one shows nothing")
    plain, name = make_driver(options.policy)
    assert isinstance(plain, PolicyDriver) and options.augment is not None  # noqa: S101, PT018 - just made
    driver = AugmentedPolicyDriver(
        plain.policy,
        online_synthesizer(options),
        source_of(options),
        Condition.parse(options.augment),
        DriveConfig().ticks_per_decision,
        options.seed,
        online_config(options),
    )
    return driver, f"{name}-sees-{options.augment}"


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
    strips: InfractionStrips | None = None,
) -> Results:
    """`leaderboard.evaluate.evaluate` with a progress line."""
    total = len(planned_drives(config, selected_routes(config)))
    with steps_bar(f"driving: {name}", total) as show:

        def told(record: DriveRecord, done: int, _: int) -> None:
            show(done, f"{record.key}: {record.route_completion_pct:.0f} %, {record.status}")

        return evaluate(lambda: Session.open(simulator), driver, name, config, out, told, on_tick, strips)


def launches_of(options: Evaluate) -> list[LaunchConfig | None]:
    """One entry per worker: the simulator to start for it, or None for the embedded one; empty without workers.

    Raises:
        ValueError: options that do not go together.
    """
    if options.workers < 0 or options.workers_per_gpu < 1:
        raise ValueError("--workers must be >= 0 and --workers-per-gpu >= 1")
    if options.carla_root is None:
        if options.gpus:
            raise ValueError("--gpus needs --carla-root: the embedded simulator chooses no GPU")
        if options.workers and options.port is not None:
            raise ValueError("--workers start simulators of their own; leave --port out")
        return [None] * options.workers
    if options.port is not None:
        raise ValueError("--carla-root starts simulators; leave --port out")
    if not options.gpus:
        return [LaunchConfig(options.carla_root)] * max(options.workers, 1)
    if options.workers:
        raise ValueError("give --workers-per-gpu instead of --workers together with --gpus")
    numbers = [gpu for gpu in gpus_of(options.gpus) for _ in range(options.workers_per_gpu)]
    return [LaunchConfig(options.carla_root, gpu) for gpu in numbers]


def gpus_of(text: str) -> list[int]:
    """`0-3,6` -> [0, 1, 2, 3, 6].

    Raises:
        ValueError: not such a list.
    """
    found: list[int] = []
    for part in text.split(","):
        ends = re.fullmatch(r"(\d+)(?:-(\d+))?", part.strip())
        if ends is None:
            raise ValueError(f"gpus must look like 0-3,6, got {text!r}")
        found += range(int(ends.group(1)), int(ends.group(2) or ends.group(1)) + 1)
    return found


def _supervised(
    options: Evaluate, config: EvaluationConfig, name: str, launches: list[LaunchConfig | None]
) -> Results:
    planned = planned_drives(config, selected_routes(config))
    known = identity(config, name)
    if options.shard:
        planned, known = shard_of(planned, options.shard, known)
    results = Results(options.out, known, planned)
    results.save()
    patience = SuperviseConfig(memory_limit_mib=options.memory_limit_mib, silence_timeout_s=options.silence_limit_s)
    command = [sys.executable, "-m", "syndiff.evaluation_worker"]
    with steps_bar(f"driving: {name}, {len(launches)} workers", len(planned)) as show:

        def told(record: DriveRecord, done: int, _: int) -> None:
            show(done, f"{record.key}: {record.route_completion_pct:.0f} %, {record.status}")

        supervise(results, command, options_to_json(options), launches, patience, told)
    return results


def options_to_json(options: Evaluate) -> dict[str, Any]:
    """The options as plain values, paths made absolute.

    Links stay links: an environment's `bin/python` is one, and what it points to knows nothing of the environment.
    """
    return {name: str(v.absolute()) if isinstance(v, Path) else v for name, v in asdict(options).items()}


def options_from_json(content: dict[str, Any]) -> Evaluate:
    """The inverse of `options_to_json`."""
    values: dict[str, Any] = {}
    for field in fields(Evaluate):
        value = content[field.name]
        if "Path" in str(field.type) and value is not None:
            value = Path(value)
        values[field.name] = tuple(value) if isinstance(value, list) else value
    return Evaluate(**values)


def arguments_of(options: Evaluate) -> list[str]:
    """The command line of the options that differ from their defaults, without --out, --shard and --slurm-array."""
    words: list[str] = []
    for field in fields(Evaluate):
        value = getattr(options, field.name)
        if field.name in ("out", "shard", "slurm_array") or value == field.default:
            continue
        flag = "--" + field.name.replace("_", "-")
        if value is True:
            words.append(flag)
        elif isinstance(value, tuple):
            words += [flag, *(str(item) for item in value)]
        else:
            words += [flag, str(value)]
    return words
