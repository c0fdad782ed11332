"""The job behind `syndiff synthesize`, used by the demo too."""

from __future__ import annotations

import contextlib
import functools
import logging
import sys
from collections.abc import Sequence
from pathlib import Path

from augment.plan import Progress, progress
from augment.synthesize import Engine, LocalEngine, SynthesizeConfig, SynthesizeReport, plan_variants, synthesize
from augment.variant_maker import VariantMaker
from augment.variant_part import VariantPart, merge_parts
from augment.work import VariantTask
from augment.worker_pool import WorkerPool
from carla_agents.data.stop_request import StopRequest
from carla_agents.data.store import Store
from carla_agents.data.store_writer import StoreWriter
from syndiff.commands.synthesize import Synthesize
from syndiff.progress import steps_bar
from syndiff.store_jobs import StoreJob, parse_shard, store_jobs
from syndiff.synthesizer_choice import check_weights, preset_choice
from syndiff.variant_checks import most_flicker
from syndiff.variant_making import make_maker


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
    for job in store_jobs(options):
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
            into = stack.enter_context(VariantPart.open(folder, job.part_identity(options)))
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
            most_flicker=None if options is None else most_flicker(options),
        )


def _merge(options: Synthesize) -> int:
    with contextlib.ExitStack() as stack:
        parts = [stack.enter_context(VariantPart.open(folder)) for folder in options.merge]
        store = stack.enter_context(StoreWriter.open(options.data))
        before = len(store.failures())
        added = merge_parts(store, parts)
        failed = len(store.failures()) - before
    print(f"{options.data}: {added} variants and {failed} failures taken from {len(parts)} parts")
    return 0
