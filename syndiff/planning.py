"""The jobs behind `syndiff audit` and `syndiff plan`."""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch

from augment.audit import Audit, AuditConfig, audit, read_audit
from augment.conditions import CONDITIONS, CORE12
from augment.frame_loading import load_frames
from augment.picture_classifiers import make_picture_classifier
from augment.picture_source import PictureSource, open_pictures
from augment.plan import Plan, PlanConfig, make_plan
from augment.target_shares import normalised_shares, uniform_shares
from carla_agents.data.images import encode_rgb
from syndiff.commands.audit import Audit as AuditOptions
from syndiff.commands.plan import Plan as PlanOptions
from syndiff.progress import steps_bar
from syndiff.report.charts import bar_chart
from syndiff.report.page import Page
from syndiff.report.sheets import contact_sheet
from syndiff.synthesizer_choice import make_synthesizer

_SHEET_COLUMNS = 4


def run_audit(options: AuditOptions) -> int:
    """Audit and write `audit.json` and `audit.html`."""
    if not options.sources:
        raise ValueError("name at least one store or folder of pictures")
    torch.set_num_threads(options.threads)
    config = AuditConfig(least_pixels=options.least_pixels, rare_share=options.rare_share)
    sources = [open_pictures(path, options.split) for path in options.sources]
    with steps_bar("auditing", sum(len(source.pictures) for source in sources)) as show:
        result = audit(
            sources,
            config,
            lambda: make_picture_classifier(options.classifier),
            lambda done, total, key: show(done, key),
        )
    options.out.mkdir(parents=True, exist_ok=True)
    (options.out / "audit.json").write_text(json.dumps(result.to_json()) + "\n", encoding="utf-8")
    write_audit_page(options.out / "audit.html", result, sources)
    print(audit_table(result))
    print(f"{options.out / 'audit.json'} and audit.html written")
    return 0


def audit_table(result: Audit) -> str:
    """The audit as text."""
    total = len(result.pictures)
    lines = [f"{'condition':<14}{'pictures':>9}{'share':>8}"]
    rare = set(result.rare())
    for name, count in result.counts().items():
        if count or name in rare:
            lines.append(f"{name:<14}{count:>9}{count / total:>8.1%}{'  rare' if name in rare else ''}")
    told = ", ".join(f"{count} by {name}" for name, count in result.told_by().items())
    lines.append(f"{'all':<14}{total:>9}   conditions told: {told}")
    if result.unsure():
        lines.append(f"{result.unsure()} answers of the classifier have a probability below {result.config.sure}")
    presence = {name: share for name, share in result.presence().items() if share}
    if presence:
        lines += ["", f"{'class':<14}{'in pictures':>12}"]
        lines += [f"{name:<14}{share:>12.1%}" for name, share in sorted(presence.items(), key=lambda row: row[1])]
    return "\n".join(lines)


def write_audit_page(path: Path, result: Audit, sources: Sequence[PictureSource]) -> None:
    """The audit as one self-contained page."""
    total = len(result.pictures)
    page = Page("Audit", f"{total} pictures of {', '.join(source.path.name for source in sources)}")
    counts, rare = result.counts(), set(result.rare())
    page.heading("Conditions")
    shown = {name: count for name, count in counts.items() if count or name in rare}
    halves = [list(shown)[at : at + 6] for at in range(0, len(shown), 6)]
    page.charts(
        [
            bar_chart("Pictures", "pictures", {n.replace("-", ", "): {"pictures": float(shown[n])} for n in half})
            for half in halves
            if any(shown[n] for n in half)
        ]
    )
    page.table(
        ("condition", "pictures", "share", ""),
        [(name, n, f"{n / total:.1%}", "rare" if name in rare else "") for name, n in shown.items()],
    )
    if rare:
        page.notice(
            f"Rare (under {result.config.rare_share:.0%} of the pictures): {', '.join(result.rare())}. "
            "`syndiff plan` turns this into a list of variants to make."
        )
    page.heading("Who told the condition")
    page.table(("told by", "pictures"), list(result.told_by().items()))
    if result.classifier is not None:
        page.paragraph(
            f"{result.unsure()} of the classifier's answers have a probability below {result.config.sure}. "
            "Where the condition was recorded the classifier is not asked."
        )
    presence = {name: share for name, share in result.presence().items() if share}
    if presence:
        page.heading("Classes")
        page.paragraph(
            f"Share of the {result.labelled()} labelled pictures with at least {result.config.least_pixels} px."
        )
        rows = sorted(presence.items(), key=lambda row: row[1])
        page.table(("class", "in pictures"), [(name, f"{share:.1%}") for name, share in rows])
    page.heading("One picture of each condition")
    page.picture(_examples(result, sources), "The first picture that was counted under each condition.")
    page.heading("How this was made")
    facts = {"sources": [str(s.path) for s in sources], "classifier": result.classifier}
    page.details("sources and classifier", json.dumps(facts, indent=1))
    page.write(path)


def run_plan(options: PlanOptions) -> int:
    """Plan and write the file."""
    result = read_audit(options.audit / "audit.json" if options.audit.is_dir() else options.audit)
    conditions = options.conditions or tuple(condition.name for condition in CORE12)
    config = PlanConfig(
        count=options.count,
        ratio=options.ratio,
        conditions=conditions,
        source=options.source,
        split=options.split,
        temperature=options.temperature,
        balance=options.balance,
        seed=options.seed,
    )
    said, target = target_of(options.target, options.weights, conditions)
    plan = make_plan(result, target, config, said, options.stores or None)
    plan = replace(plan, cost=estimate_cost(plan, options))
    plan.write(options.out)
    print(plan_table(plan))
    print(f"{options.out} written; `syndiff synthesize --data {options.out}` executes it")
    return 0


def target_of(name: str, weights: Sequence[str], conditions: Sequence[str]) -> tuple[str, dict[str, float]]:
    """The wanted mixture and how it was said.

    Raises:
        ValueError: an unknown target, or weights that cannot be read.
    """
    if weights:
        if name != "uniform":
            raise ValueError(f"--target {name} and --weights are given; leave one out")
        return "weights", normalised_shares(dict(_weight(text) for text in weights), conditions)
    if name == "uniform":
        return name, uniform_shares(conditions)
    kind, _, file = name.partition(":")
    if kind != "match" or not file:
        raise ValueError(f"--target is {name!r}; expected uniform or match:FILE, or give --weights")
    return name, normalised_shares(_mixture(Path(file), conditions), conditions)


def plan_table(plan: Plan) -> str:
    """The plan as text."""
    counts = plan.counts()
    total = sum(plan.real.values()) + len(plan.variants)
    lines = [f"{'condition':<14}{'recorded':>9}{'planned':>9}{'share after':>13}{'aimed at':>10}"]
    for name, real in plan.real.items():
        after = (real + counts[name]) / total
        lines.append(f"{name:<14}{real:>9}{counts[name]:>9}{after:>13.1%}{plan.shares[name]:>10.1%}")
    frames = len({(v.store, v.key) for v in plan.variants})
    lines.append(f"{len(plan.variants)} variants of {frames} frames in {len(plan.stores)} stores")
    cost = plan.cost
    size = f"about {cost['bytes'] / 2**20:.0f} MiB"
    took = f"{cost['seconds'] / 60:.1f} min ({cost['seconds_per_variant']:.3g} s each)" if "seconds" in cost else "?"
    lines.append(f"estimate: {size}, one process: {took}")
    return "\n".join(lines)


def estimate_cost(plan: Plan, options: PlanOptions) -> dict[str, Any]:
    """Bytes and seconds, as far as they can be told; with `--measure` by making one variant."""
    if not plan.variants:
        return {"bytes": 0}
    frames = [plan_store.frame(key) for plan_store, key in _some_frames(plan)]
    each_bytes = float(np.mean([frame.files["rgb"].size_bytes for frame in frames]))
    seconds = options.seconds_per_variant
    cost: dict[str, Any] = {}
    if options.measure is not None:
        torch.set_num_threads(options.threads)
        first = plan.variants[0]
        store = plan.open_store(first.store)
        synthesizer = make_synthesizer(options.measure, options.measure_weights, store.root)
        batch = load_frames([store.frame(first.key)], sources=[CONDITIONS[plan.config.source]])
        target, seeds = [CONDITIONS[first.condition]], np.zeros(1, np.uint64)
        synthesizer(batch, target, seeds)  # the first call also loads libraries and plans memory
        began = time.perf_counter()
        variant = synthesizer(batch, target, seeds)
        seconds = time.perf_counter() - began
        each_bytes = float(len(encode_rgb(variant[0], "png")))
        cost["synthesizer"] = synthesizer.name
    cost["bytes"] = round(each_bytes * len(plan.variants))
    if seconds is not None:
        cost |= {"seconds_per_variant": round(seconds, 5), "seconds": round(seconds * len(plan.variants), 1)}
    return cost


def _some_frames(plan: Plan) -> list[tuple[Any, str]]:
    """At most 50 planned frames, spread evenly, each with its store."""
    stores = [plan.open_store(number) for number in range(len(plan.stores))]
    places = np.unique(np.linspace(0, len(plan.variants) - 1, 50).round().astype(int))
    return [(stores[plan.variants[at].store], plan.variants[at].key) for at in places]


def _weight(text: str) -> tuple[str, float]:
    name, _, number = text.partition("=")
    try:
        return name, float(number)
    except ValueError as error:
        raise ValueError(f"--weights has {text!r}; expected condition=number, e.g. rain-night=2") from error


def _mixture(path: Path, conditions: Sequence[str]) -> dict[str, float]:
    try:
        record = json.loads(path.read_text(encoding="utf-8"))
        counts = record["counts"] if isinstance(record, dict) and "counts" in record else record
        return {str(name): float(n) for name, n in counts.items() if name in conditions or "counts" not in record}
    except (OSError, ValueError, AttributeError, TypeError) as error:
        raise ValueError(f"{path} is neither an audit nor JSON of {{condition: weight}} ({error})") from error


def _examples(result: Audit, sources: Sequence[PictureSource]) -> np.ndarray:
    offsets = np.cumsum([0, *(len(source.pictures) for source in sources)])
    first: dict[str, int] = {}
    for at, row in enumerate(result.pictures):
        first.setdefault(row.condition, at)
    tiles = []
    size: tuple[int, ...] | None = None
    for name in result.counts():
        if name in first:
            at = first[name]
            number = result.pictures[at].source
            rgb = sources[number].pictures[at - int(offsets[number])].load_rgb()
            size = size or rgb.shape
            tiles.append((name, _fitted(rgb, size)))
    return contact_sheet([tiles[at : at + _SHEET_COLUMNS] for at in range(0, len(tiles), _SHEET_COLUMNS)])


def _fitted(rgb: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    """Tiles of one sheet share their shape: cut or fill below and to the right."""
    out = np.zeros(shape, np.uint8)
    height, width = min(shape[0], rgb.shape[0]), min(shape[1], rgb.shape[1])
    out[:height, :width] = rgb[:height, :width]
    return out
