"""The job behind `syndiff synthesize`, used by the demo too; and the one place where a synthesizer gets its name."""

from __future__ import annotations

import contextlib
import functools
import logging
import re
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch

from augment.caption import Captioner, LabelCaptioner
from augment.export.backends import open_embedded, open_translator
from augment.plan import Progress, progress, read_plan
from augment.synthesize import Engine, LocalEngine, SynthesizeConfig, SynthesizeReport, plan_variants, synthesize
from augment.synthesizers.base import Synthesizer
from augment.synthesizers.embedded import default_embedded_folder
from augment.synthesizers.procedural import ProceduralSynthesizer
from augment.synthesizers.protected import ProtectedSynthesizer
from augment.synthesizers.relight import RelightSynthesizer, StoredTruth
from augment.variant_maker import MakingConfig, VariantMaker
from augment.variant_part import VariantPart, merge_parts
from augment.work import VariantTask
from augment.worker_pool import WorkerPool
from carla_agents.data.stop_request import StopRequest
from carla_agents.data.store import Store
from carla_agents.data.store_writer import StoreWriter
from syndiff.commands.export_engine import PrecisionName
from syndiff.commands.synthesize import BackendName, Synthesize
from syndiff.progress import steps_bar
from syndiff.variant_checks import calibration_mark, generator_weights, guards, make_guard, protects

if TYPE_CHECKING:
    from syndiff.preset_choice import PresetChoice


def make_synthesizer(
    kind: str,
    weights: Path | None = None,
    store: Path | None = None,
    *,
    backend: BackendName = "torch",
    precision: PrecisionName = "fp32",
    threads: int = 2,
    export_cache: Path | None = None,
    exported: Path | None = None,
    preset: PresetChoice | None = None,
) -> Synthesizer:
    """The synthesizer of that name: every command's `--synthesizer` ends here.

    Args:
        kind: the name.
        weights: folder of its network, where it has one; None takes the shipped one.
        store: where the frames are; `relight` looks its pictures up there.
        backend, precision, threads, export_cache, exported: what runs a network of one step, see
            `augment.export.backends.open_step`.
        preset: which public model `diffusion` is.

    Raises:
        ValueError: unknown name, weights are missing, or given where none are used.
    """
    check_weights(kind, weights)
    if kind not in ("embedded", "translator") and (backend, precision, exported) != ("torch", "fp32", None):
        raise ValueError(
            f"--backend, --precision and --exported are for networks of one step (embedded, translator), not {kind}"
        )
    if kind == "procedural":
        return ProceduralSynthesizer()
    if kind == "relight":
        if store is None:
            raise ValueError("relight looks up what the simulator made while recording: it needs a store")
        return RelightSynthesizer(StoredTruth(Store.read(store)))
    if kind == "embedded":
        return open_embedded(
            default_embedded_folder() if weights is None else weights,
            backend,
            cache=export_cache,
            exported=exported,
            precision=precision,
            threads=threads,
        )
    if kind == "translator":
        if weights is None:
            raise ValueError("--synthesizer translator needs --weights; `syndiff train-translator` writes them")
        return open_translator(
            weights, backend, cache=export_cache, exported=exported, precision=precision, threads=threads
        )
    if kind == "diffusion":
        if preset is None:
            raise ValueError("--synthesizer diffusion needs --preset; `syndiff presets` lists them")
        from syndiff.preset_choice import preset_synthesizer  # pulls in diffusers' pipelines

        return preset_synthesizer(preset, weights)
    raise ValueError(f"unknown synthesizer {kind!r}; known are embedded, translator, diffusion, procedural, relight")


def check_weights(kind: str, weights: Path | None) -> None:
    """Check that weights are given where they are needed, and only there.

    Raises:
        ValueError: they are missing, or would not be used.
    """
    if kind in ("procedural", "relight") and weights is not None:
        raise ValueError(f"--weights is for synthesizers with a network; {kind} has none")


def preset_choice(options: Synthesize) -> PresetChoice | None:
    """The public model that the options name, if they name one.

    Raises:
        ValueError: options of public models without one.
    """
    chosen = {
        "controls": options.controls or None,
        "steps": options.steps,
        "strength": options.strength,
        "working_height_px": options.working_height_px,
        "controlnet": options.controlnet,
    }
    if options.synthesizer != "diffusion":
        given = [name for name, value in {"preset": options.preset, **chosen}.items() if value is not None]
        if given:
            raise ValueError(
                f"--{given[0].replace('_', '-')} is for --synthesizer diffusion, not {options.synthesizer}"
            )
        return None
    if options.preset is None:
        raise ValueError("--synthesizer diffusion needs --preset; `syndiff presets` lists them")
    from augment.synthesizers.preset_pipelines import Placement
    from syndiff.preset_choice import PresetChoice

    return PresetChoice(options.preset, Placement(options.device, options.precision), **chosen)  # type: ignore[arg-type]


def make_maker(options: Synthesize, root: Path, marks: dict[str, Any]) -> VariantMaker:
    """The maker that the options describe; called in every worker process.

    Args:
        options: of the command.
        root: the store.
        marks: further facts for every variant's provenance.

    Raises:
        ValueError: the options contradict each other, or weights are missing.
    """
    torch.set_num_threads(options.threads)
    weights = generator_weights(options)
    synthesizer = make_synthesizer(
        options.synthesizer,
        weights,
        root,
        backend=options.backend,
        precision=options.precision,
        threads=options.threads,
        export_cache=options.export_cache,
        exported=options.exported,
        preset=preset_choice(options),
    )
    if protects(options):
        synthesizer = ProtectedSynthesizer(synthesizer)
    judged = guards(options)
    if not judged and options.fallback != "reject":
        raise ValueError(
            f"--fallback {options.fallback} is for variants that the guard rejects; nothing is judged here"
        )
    return VariantMaker(
        synthesizer,
        MakingConfig(retries=options.retries),
        guard=make_guard(options) if judged else None,
        fallback=ProceduralSynthesizer() if options.fallback == "procedural" else None,
        captioner=make_captioner(options.captions, options.device),
        marks=marks,
    )


def make_captioner(kind: str, device: str) -> Captioner:
    """`labels`, or a vision-language model by folder or name, run on `device`.

    Raises:
        ValueError: the model is not on this machine, or cannot be used; there is no such device.
    """
    if kind == "labels":
        return LabelCaptioner()
    if device.startswith("cuda") and not torch.cuda.is_available():
        raise ValueError(f"--device {device}: torch {torch.__version__} sees no NVIDIA GPU; choose --device cpu")
    from augment.caption_model import CaptionModelConfig, ModelCaptioner  # pulls in transformers

    return ModelCaptioner(CaptionModelConfig(kind, device=device))


@dataclass(frozen=True)
class StoreJob:
    """What is to be made in one store.

    Attributes:
        root: the store.
        tasks: all of it, in order.
        marks: facts for every variant's provenance.
    """

    root: Path
    tasks: tuple[VariantTask, ...]
    marks: dict[str, Any]


def run_synthesis(options: Synthesize) -> int:
    """Make the wanted variants; see `syndiff synthesize --help`.

    Returns:
        0, or 3 if some frames could not be synthesized (each is named on stderr and recorded in the store).
    """
    # A failed variant is recorded and told once, as a line; the library's own chatter stays out.
    logging.getLogger("augment").setLevel(logging.WARNING)
    if options.merge:
        return _merge(options)
    check_weights(options.synthesizer, options.weights)
    preset_choice(options)
    failed = 0
    table = CheckTable()
    for job in _jobs(options):
        report = run_store_job(job, options, table)
        failed += report.failed + report.failed_earlier
        fallback = f" ({report.by_fallback} of them by the fallback)" if report.by_fallback else ""
        print(
            f"{job.root}: {report.made} variants made now{fallback}, {report.kept} were there, "
            f"{report.failed + report.failed_earlier} failed"
        )
    if options.data.is_file():
        print(table.text())
    if failed:
        print("the store's `failures()` says which frames and why", file=sys.stderr)
    return 3 if failed else 0


def run_store_job(job: StoreJob, options: Synthesize, table: CheckTable | None = None) -> SynthesizeReport:
    """Make one store's share of a job with a progress line; Ctrl-C finishes the variant in hand."""
    shard = parse_shard(options.shard)
    with contextlib.ExitStack() as stack:
        into: StoreWriter | VariantPart
        if shard == (1, 1) and options.part is None:
            into = stack.enter_context(StoreWriter.open(job.root))
            store: Store = into
        else:
            store = Store.read(job.root)
            folder = options.part or job.root.with_name(f"{job.root.name}-part-{shard[0]}-of-{shard[1]}")
            into = stack.enter_context(VariantPart.open(folder, _part_identity(job, options)))
        engine: Engine
        if options.workers > 1:
            recipe = functools.partial(make_maker, options, job.root, job.marks)
            engine = stack.enter_context(WorkerPool(recipe, job.root, options.workers))
        else:
            engine = LocalEngine(make_maker(options, job.root, job.marks), store)
        report = _with_progress(store, into, job.tasks, engine, options)
        if table is not None and isinstance(into, StoreWriter):
            names = [engine.synthesizer] if engine.fallback is None else [engine.synthesizer, engine.fallback]
            table.add(progress(job.tasks, into, names, engine.attempts))
        return report


class CheckTable:
    """What of a plan is done, added up over its stores."""

    def __init__(self) -> None:
        self._counts: dict[str, list[int]] = {}

    def add(self, done: Progress) -> None:
        """Count another store."""
        for condition in done.planned:
            row = self._counts.setdefault(condition, [0, 0, 0])
            for at, part in enumerate((done.planned, done.made, done.failed)):
                row[at] += part.get(condition, 0)

    def text(self) -> str:
        """One line for each condition."""
        lines = [f"{'condition':<14}{'planned':>9}{'made':>9}{'failed':>9}"]
        rows = [*self._counts.items(), ("all", [sum(column) for column in zip(*self._counts.values(), strict=True)])]
        lines += [f"{name:<14}" + "".join(f"{n:>9}" for n in row) for name, row in rows]
        return "\n".join(lines)


def synthesize_with_progress(root: Path, maker: VariantMaker, config: SynthesizeConfig) -> SynthesizeReport:
    """`augment.synthesize.synthesize` in this process with a progress line; Ctrl-C finishes the variant in hand."""
    with StoreWriter.open(root) as store:
        return _with_progress(store, store, plan_variants(store, config), LocalEngine(maker, store), None)


def parse_shard(text: str) -> tuple[int, int]:
    """`"2/4"` -> (2, 4).

    Raises:
        ValueError: something else, or 5/4.
    """
    found = re.fullmatch(r"([1-9]\d{0,5})/([1-9]\d{0,5})", text)
    if not found or int(found[1]) > int(found[2]):
        raise ValueError(f"--shard is {text!r}; expected k/n with k from 1 to n, e.g. 2/4")
    return int(found[1]), int(found[2])


def _jobs(options: Synthesize) -> list[StoreJob]:
    if options.data.is_file():
        return _planned_jobs(options)
    if options.stores:
        raise ValueError("--stores says where the stores of a plan are; --data is no plan file")
    if not options.conditions:
        raise ValueError("name target conditions, e.g. --conditions rain-night fog-day, or give a plan file")
    config = SynthesizeConfig(
        conditions=options.conditions,
        source=options.source,
        split=options.split,
        every=options.every,
        variants_per_frame=options.variants,
        seed=options.seed,
    )
    store = Store.read(options.data)
    tasks = plan_variants(store, config)
    return [StoreJob(store.root, tuple(tasks), {"job_seed": options.seed, **calibration_mark(options, store)})]


def _planned_jobs(options: Synthesize) -> list[StoreJob]:
    if options.conditions:
        raise ValueError("a plan file has its own conditions: leave --conditions out, or plan anew")
    plan = read_plan(options.data)
    if options.stores and len(options.stores) != len(plan.stores):
        raise ValueError(f"the plan has {len(plan.stores)} stores, --stores names {len(options.stores)}")
    if len(plan.stores) > 1 and options.part is not None:
        raise ValueError(f"--part is one folder, the plan has {len(plan.stores)} stores: leave it out")
    jobs = []
    for number in range(len(plan.stores)):
        store = plan.open_store(number, options.stores[number] if options.stores else None)
        marks = {"job_seed": plan.config.seed, "plan": plan.digest(), **calibration_mark(options, store)}
        jobs.append(StoreJob(store.root, tuple(plan.tasks(number)), marks))
    return jobs


def _with_progress(
    store: Store,
    into: StoreWriter | VariantPart,
    tasks: Sequence[VariantTask],
    engine: Engine,
    options: Synthesize | None,
) -> SynthesizeReport:
    with StopRequest() as stop, steps_bar(f"synthesizing: {engine.synthesizer}", len(tasks)) as show:

        def told(done: int, planned: int, key: str) -> None:
            show(done, key)
            stop.check(f"{done} of {planned} variants are kept; the same command goes on from here")

        return synthesize(
            store,
            into,
            tasks,
            engine,
            told,
            batch_size=1 if options is None else options.batch,
            shard=(1, 1) if options is None else parse_shard(options.shard),
            retry_failed=options is not None and options.retry_failed,
        )


def _part_identity(job: StoreJob, options: Synthesize) -> dict[str, Any]:
    return {
        "store": job.root.name,
        "tasks": len(job.tasks),
        "marks": job.marks,
        "synthesizer": options.synthesizer,
        "batch": options.batch,
        "shard": options.shard,
    }


def _merge(options: Synthesize) -> int:
    with contextlib.ExitStack() as stack:
        parts = [stack.enter_context(VariantPart.open(folder)) for folder in options.merge]
        store = stack.enter_context(StoreWriter.open(options.data))
        before = len(store.failures())
        added = merge_parts(store, parts)
        failed = len(store.failures()) - before
    print(f"{options.data}: {added} variants and {failed} failures taken from {len(parts)} parts")
    return 0
