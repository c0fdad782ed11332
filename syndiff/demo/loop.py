"""`run_demo`: the whole loop, small, on real input through the real components, ending in one page.

Each step is what the subcommand of the same name does. A step whose output is complete is not repeated, so an
interrupted demo goes on where it was; nothing is replayed from elsewhere.
"""

from __future__ import annotations

import resource
import time
from dataclasses import asdict
from importlib.resources import as_file, files
from pathlib import Path

import torch
from rich.console import Console

from augment.conditions import DOMINANT, HELD_OUT
from augment.synthesize import SynthesizeConfig
from augment.synthesizers.base import Synthesizer
from augment.synthesizers.embedded import EmbeddedSynthesizer
from augment.synthesizers.procedural import ProceduralSynthesizer
from augment.variant_maker import VariantMaker
from carla_agents.data.provenance import run_record, write_run_record
from carla_agents.data.recording import record
from carla_agents.data.recording_config import RecordingConfig
from carla_agents.data.recording_display import RecordingDisplay
from carla_agents.data.store import Store
from carla_agents.simulator.session import SimulatorConfig
from leaderboard.drive import DriveConfig
from leaderboard.evaluate import EvaluationConfig, score_table
from leaderboard.results import EXIT_PARTIAL, Results
from syndiff.commands.demo import Demo
from syndiff.commands.train import Train
from syndiff.commands.train_controlnet import TrainControlnet
from syndiff.demo.page import DemoOutcome, write_demo_page
from syndiff.demo.plan import TARGETS, DemoPlan, evaluation_route_ids, plan_demo_drives
from syndiff.demo.quality import DemoQuality, measure_demo_quality
from syndiff.demo.strip import FrameStrip
from syndiff.evaluation import evaluate_with_progress, make_driver
from syndiff.synthesis import synthesize_with_progress
from syndiff.training import train_policy, train_small_controlnet


def run_demo(options: Demo) -> int:
    """Run the loop and write `report.html`.

    Returns:
        0, or 3 if a drive of the evaluation has no outcome.
    """
    plan = DemoPlan().scaled(options.scale)
    torch.set_num_threads(options.threads)
    options.out.mkdir(parents=True, exist_ok=True)
    facts = {"scale": options.scale, "threads": options.threads, "plan": asdict(plan)}
    write_run_record(options.out, run_record(facts, {"demo": options.seed}))
    steps = _Steps(Console())
    steps.console.rule("SynDiff-AD demo: a small demonstration of the loop, not a result")

    steps.begin("record", "the expert drives; camera and labels go into a store")
    data = options.out / "data"
    config = RecordingConfig(simulator=SimulatorConfig(seed=options.seed))
    with RecordingDisplay() as display:
        record(data, plan_demo_drives(plan, options.seed), config, seed=options.seed, on_frame=display)

    steps.begin("train-controlnet", "a small ControlNet learns from frames relit by the simulator")
    weights = options.out / "controlnet"
    controlnet = train_small_controlnet(
        TrainControlnet((data,), weights, steps=plan.controlnet_steps, seed=options.seed, threads=options.threads),
        split="pairs",
    )

    steps.begin("synthesize", "recorded clear-day frames are shown in rare conditions")
    synthesizers: dict[str, Synthesizer] = {
        "embedded": EmbeddedSynthesizer.from_folder(weights),
        "procedural": ProceduralSynthesizer(),
    }
    wanted = SynthesizeConfig(
        conditions=tuple(condition.name for condition in TARGETS), every=plan.synthesize_every, seed=options.seed
    )
    for synthesizer in synthesizers.values():
        synthesize_with_progress(data, VariantMaker(synthesizer, marks={"job_seed": options.seed}), wanted)

    steps.begin("quality", "do the variants still show what their labels say?")
    quality = measure_demo_quality(Store.read(data), synthesizers, TARGETS, plan, options.seed)
    _print_quality(steps.console, quality)

    steps.begin("train", "a driving policy imitates the expert on recorded and synthesized frames")
    policy = options.out / "policy"
    train_policy(Train(data, policy, steps=plan.policy_steps, seed=options.seed, threads=options.threads))

    steps.begin("evaluate", "closed loop on routes that share no street with a recorded one")
    strip = FrameStrip()
    results = _evaluate(policy, plan, options, strip)
    for name, result in results.items():
        if result.missing():
            steps.console.print(f"{name}: partial, {len(result.missing())} drives have no outcome")
        else:
            steps.console.print(f"{name}:\n{score_table(result.by_condition())}", highlight=False)

    took_s = steps.finish()
    peak_gib = sum(resource.getrusage(w).ru_maxrss for w in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)) / 2**20
    page = options.out / "report.html"
    outcome = DemoOutcome(
        options.out, plan, options.seed, Store.read(data), controlnet.losses, quality, results, strip, took_s
    )
    write_demo_page(page, outcome)
    steps.console.print(
        f"[bold]{page}[/] written after {sum(took_s.values()):.0f} s; memory at its peak: {peak_gib:.1f} GiB "
        "(this process and its largest child)",
        highlight=False,
    )
    return EXIT_PARTIAL if any(result.missing() for result in results.values()) else 0


class _Steps:
    """Numbers the steps and times them."""

    def __init__(self, console: Console) -> None:
        self.console = console
        self._began: dict[str, float] = {}

    def begin(self, name: str, what: str) -> None:
        self._began[name] = time.monotonic()
        self.console.print(f"\n[bold]{len(self._began)}. {name}[/]: {what}")

    def finish(self) -> dict[str, float]:
        """Step -> seconds it took."""
        times = [*self._began.values(), time.monotonic()]
        return {name: after - at for name, at, after in zip(self._began, times, times[1:], strict=False)}


def _evaluate(policy: Path, plan: DemoPlan, options: Demo, strip: FrameStrip) -> dict[str, Results]:
    arms = {
        "expert": (None, False, (DOMINANT.name,)),
        "policy": (policy, False, (DOMINANT.name, HELD_OUT.name)),
        "policy with a blank camera": (policy, True, (DOMINANT.name,)),
    }
    results = {}
    with as_file(files("scenarios") / "routes" / "town_grid_eval.xml") as routes:
        for name, (folder, blank, conditions) in arms.items():
            driver, driver_name = make_driver(folder, blank_camera=blank)
            config = EvaluationConfig(
                routes_path=routes,
                route_ids=evaluation_route_ids(plan, options.seed),
                conditions=conditions,
                drive=DriveConfig(seed=options.seed),
            )
            out = options.out / f"results-{name.replace(' ', '-')}.json"
            watch = strip.watch if name == "policy" else None
            results[name] = evaluate_with_progress(
                SimulatorConfig(seed=options.seed), driver, driver_name, config, out, watch
            )
    return results


def _print_quality(console: Console, quality: DemoQuality) -> None:
    console.print("mIoU of a small segmenter's reading against the labels, on a drive that nothing was trained on:")
    for (name, condition), q in quality.figures.items():
        target = "" if q.target is None else f", true {condition} {q.target.miou:.2f}"
        console.print(
            f"  {name:<11}{condition:<13}variant {q.variant.miou:.2f}, copy of the source {q.copy_source.miou:.2f}, "
            f"random noise {q.random_noise.miou:.2f}{target}",
            highlight=False,
        )
