"""What `syndiff synthesize` is to make in each store, from its options or from a plan file."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from augment.plan import read_plan
from augment.synthesize import SynthesizeConfig, plan_variants
from augment.work import VariantTask
from carla_agents.data.store import Store
from syndiff.commands.synthesize import Synthesize
from syndiff.variant_checks import calibration_mark


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

    def part_identity(self, options: Synthesize) -> dict[str, Any]:
        """What says of a part which job, shard and store it belongs to."""
        return {
            "store": self.root.name,
            "tasks": len(self.tasks),
            "marks": self.marks,
            "synthesizer": options.synthesizer,
            "batch": options.batch,
            "flicker": options.flicker,
            "shard": options.shard,
        }


def store_jobs(options: Synthesize) -> list[StoreJob]:
    """One job for each store.

    Raises:
        ValueError: options that do not go together, or no frame fits.
        Uncalibrated: the models do not know a store's look, and that was not allowed.
    """
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


def parse_shard(text: str) -> tuple[int, int]:
    """`"2/4"` -> (2, 4).

    Raises:
        ValueError: something else, or 5/4.
    """
    found = re.fullmatch(r"([1-9]\d{0,5})/([1-9]\d{0,5})", text)
    if not found or int(found[1]) > int(found[2]):
        raise ValueError(f"--shard is {text!r}; expected k/n with k from 1 to n, e.g. 2/4")
    return int(found[1]), int(found[2])


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
