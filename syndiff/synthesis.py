"""The job behind `syndiff synthesize`, used by the demo too."""

from __future__ import annotations

import sys
from pathlib import Path

import torch

from augment.synthesize import SynthesizeConfig, SynthesizeReport, plan_variants, synthesize
from augment.synthesizers.base import Synthesizer
from augment.synthesizers.diffusion import DiffusionSynthesizer
from augment.synthesizers.procedural import ProceduralSynthesizer
from carla_agents.data.stop_request import StopRequest
from carla_agents.data.store import Store
from carla_agents.data.store_writer import StoreWriter
from syndiff.commands.synthesize import Synthesize
from syndiff.progress import steps_bar


def run_synthesis(options: Synthesize) -> int:
    """Make the wanted variants; see `syndiff synthesize --help`.

    Returns:
        0, or 3 if some frames could not be synthesized (each is named on stderr and recorded in the store).
    """
    torch.set_num_threads(options.threads)
    synthesizer = make_synthesizer(options.synthesizer, options.weights)
    config = SynthesizeConfig(
        conditions=options.conditions,
        source=options.source,
        every=options.every,
        variants_per_frame=options.variants,
        seed=options.seed,
    )
    report = synthesize_with_progress(options.data, synthesizer, config)
    failed = report.failed + report.failed_earlier
    print(f"{options.data}: {report.made} variants made now, {report.kept} were there, {failed} failed")
    if failed:
        print("the store's `failures()` says which frames and why", file=sys.stderr)
    return 3 if failed else 0


def make_synthesizer(kind: str, weights: Path | None) -> Synthesizer:
    """The synthesizer of that name.

    Raises:
        ValueError: weights are missing, or given where none are used.
    """
    if kind == "procedural":
        if weights is not None:
            raise ValueError("--weights is for --synthesizer diffusion; procedural weather has none")
        return ProceduralSynthesizer()
    if weights is None:
        raise ValueError("--synthesizer diffusion needs --weights; train them with `syndiff train-controlnet`")
    return DiffusionSynthesizer.from_folder(weights)


def synthesize_with_progress(root: Path, synthesizer: Synthesizer, config: SynthesizeConfig) -> SynthesizeReport:
    """`augment.synthesize.synthesize` with a progress line; Ctrl-C finishes the variant in hand."""
    total = len(plan_variants(Store.read(root), config))
    with (
        StoreWriter.open(root) as store,
        StopRequest() as stop,
        steps_bar(f"synthesizing: {synthesizer.name}", total) as show,
    ):

        def told(done: int, planned: int, key: str) -> None:
            show(done, key)
            stop.check(f"{done} of {planned} variants are in the store; the same command goes on from here")

        return synthesize(store, synthesizer, config, told)
