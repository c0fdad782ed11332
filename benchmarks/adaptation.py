"""What `syndiff adapt` gives on an art style that no shipped weight has seen: the generator before and after.

A user's store is recorded in the held-out style in a town to learn from; the held-out towns are recorded in both
styles, the same drives. The models are adapted to the user's store; then the variants of the shipped and of the
adapted generator are measured on the held-out towns as `benchmarks.variants` does it, and the shipped ones in the
first style beside them. Everything is kept in `--out`: a call that was stopped goes on.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch

from augment.adapt import adapt
from augment.adapt_training import AdaptConfig
from augment.condition_classifier import ConditionClassifier
from augment.conditions import Condition
from augment.export.backends import open_embedded
from augment.synthesizers.base import Synthesizer
from augment.synthesizers.embedded import default_embedded_folder
from augment.synthesizers.falling_rain import FallingRainSynthesizer
from augment.synthesizers.protected import ProtectedSynthesizer
from augment.synthesizers.wet_ground import PuddlesSynthesizer
from benchmarks.segmentation import NAMED_APART
from benchmarks.segmentation_stores import TEST_MAPS, StoresConfig, record_stores
from benchmarks.stopwatch import Stopwatch, machine_line
from benchmarks.variant_segmenters import (
    RECIPE,
    TARGETS,
    WAYS,
    Town,
    compare_segmenters,
    halves,
    own_scores,
    train_and_score,
)
from benchmarks.variants import TRUE, make_variants, measure_pictures

FIRST, HELD_OUT = "default", "painted"
BEFORE, AFTER = "before", "after"
SHIPPED, ADAPTED = "shipped", "adapted"
_USER = StoresConfig(
    train_drives=7,
    walkers=80,
    seed=700,
    every_ticks=25,
    towns=("TownGrid",),
    mounts=("roof",),
    depth=True,
    style=HELD_OUT,
)
"""More than a second between frames: few frames, of many places."""
_TEST = StoresConfig(
    test_drives=2, light_drives=3, walkers=80, seed=300, every_ticks=60, towns=TEST_MAPS, mounts=(), depth=True
)
"""The drives of docs/benchmarks.md's variants, every sixth of their frames."""
_SHEET = tuple(Condition.parse(name) for name in ("clear-dusk", "cloudy-dusk", "rain-dusk", "fog-dusk", "rain-night"))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, default=Path("runs/adaptation-data"), help="stores; missing: recorded")
    parser.add_argument(
        "--first", type=Path, help="held-out towns in the first style, if others than those of --data"
    )
    parser.add_argument("--out", type=Path, default=Path("runs/adaptation"), help="models, figures, sheet.png")
    parser.add_argument("--minutes", type=float, default=AdaptConfig.minutes, help="budget of the adaptation")
    parser.add_argument("--clock", choices=("wall", "cpu"), default=AdaptConfig.clock, help="that counts the minutes")
    parser.add_argument("--models", nargs="*", default=(), help="adapt only these")
    parser.add_argument("--threads", type=int, default=AdaptConfig.threads)
    parser.add_argument("--steps", type=int, default=RECIPE.steps, help="of every judging segmenter; 0 trains none")
    parser.add_argument("--halves", choices=("town", "drive"), default="town", help="judged on the other of which")
    parser.add_argument(
        "--both-ways", action="store_true", help="learn from the second half and test on the first too"
    )
    parser.add_argument("--every", type=int, default=1, help="use every so many frames of the held-out towns")
    parser.add_argument(
        "--as-synthesized",
        action="store_true",
        help="variants with protected classes and drawn rain, as `syndiff synthesize` makes them; else bare",
    )
    parser.add_argument("--first-every", type=int, help="of those in the first style, if others than --every")
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    print(machine_line())
    with Stopwatch() as watch:
        user = record_stores(options.data / "user", _USER)[0][0]
        record_stores(options.data / HELD_OUT, replace(_TEST, style=HELD_OUT))
        if options.first is None:
            record_stores(options.data / FIRST, _TEST)
    print(f"the user's store has {len(user.frames())} frames; recording: {watch.wall_s:.0f} s wall", flush=True)
    adapted = options.out / "adapted"
    config = AdaptConfig(
        minutes=options.minutes, clock=options.clock, models=tuple(options.models), threads=options.threads
    )
    with Stopwatch() as watch:
        result = adapt(user, adapted, config)
    print(f"adapting: {watch.wall_s:.0f} s wall, {watch.own_cpu_s:.0f} s CPU, those of earlier calls not counted")
    for model, facts in result.models.items():
        print(f"{model}: {facts['steps']} steps, before {facts['before']}, after {facts['after']}", flush=True)
    shipped = default_embedded_folder()
    styles = {
        HELD_OUT: _shown(
            options.data / HELD_OUT,
            {BEFORE: shipped, AFTER: adapted / "generator"},
            {SHIPPED: None, ADAPTED: adapted / "condition_classifier"},
            options.every,
            options.as_synthesized,
        ),
        FIRST: _shown(
            options.first or options.data / FIRST,
            {BEFORE: shipped},
            {SHIPPED: None},
            options.first_every or options.every,
            options.as_synthesized,
        ),
    }
    cv2.imwrite(str(options.out / "sheet.png"), _sheet(styles[HELD_OUT])[..., ::-1])
    results = {name: style.figures for name, style in styles.items()}
    print("\n".join(["", *acceptance_table(results[HELD_OUT])]), flush=True)
    _keep(options.out, results)
    # All arms one way before any goes the other way: what is compared is there soon.
    for ways in WAYS[: 1 + options.both_ways] if options.steps else ():
        for style in styles.values():
            _judge(style, ways, options)
        _keep(options.out, results)


@dataclass(frozen=True)
class Style:
    """The held-out towns in one art style, true and as generators show them.

    Attributes:
        data: folder of the stores.
        towns: what they hold.
        arms: (T, N, H, W, 3) uint8 of each town: true, before and, of the held-out style, after.
        figures: of each arm.
    """

    data: Path
    towns: list[Town]
    arms: dict[str, list[np.ndarray]]
    figures: dict[str, Any]


def share_table(results: dict[str, Any]) -> list[str]:
    """Markdown: each figure in the first style, in the held-out one before and after, and what share that reaches."""
    first, before, after = results[FIRST][BEFORE], results[HELD_OUT][BEFORE], results[HELD_OUT][AFTER]
    lines = ["| | first style | before | after | after, of the first style |", "|---|---|---|---|---|"]

    def line(name: str, figures: tuple[float, float, float], form: str) -> None:
        share = f"{figures[2] / figures[0]:.0%}" if figures[0] else ""
        lines.append(f"| {name} | {' | '.join(format(value, form) for value in figures)} | {share} |")

    line("PSNR dB", (first[SHIPPED]["psnr_db"], before[SHIPPED]["psnr_db"], after[SHIPPED]["psnr_db"]), ".1f")
    for name in (SHIPPED, ADAPTED):
        told = (first[SHIPPED]["accepted"], before[name]["accepted"], after[name]["accepted"])
        line(f"accepted, {name} classifier", told, ".1%")
    if all(side[SHIPPED]["lamps"] for side in (first, before, after)):
        kept = tuple(side[SHIPPED]["lamps_kept"] / side[SHIPPED]["lamps"] for side in (first, before, after))
        line("lamps kept", kept, ".1%")
    if all("segmenter" in side for side in (first, before, after)):
        for name in ("miou", *NAMED_APART):
            scores = [side["segmenter"][name] for side in (first, before, after)]
            if any(score["ratio"] is None for score in scores):
                lines.append(f"| {name} | not learned from true re-renders | | | |")
                continue
            cells = ["{ratio:.1%} ({low:.1%} to {high:.1%})".format(**score) for score in scores]
            share = scores[2]["ratio"] / scores[0]["ratio"]
            lines.append(f"| {name}, of true re-renders' | {' | '.join(cells)} | {share:.0%} |")
    return lines


def acceptance_table(held_out: dict[str, Any]) -> list[str]:
    """Markdown: what either classifier takes for its condition in the held-out style, and PSNR, per condition."""
    arms = (TRUE, BEFORE, AFTER)
    heads = [f"{arm}, {name}" for name in (SHIPPED, ADAPTED) for arm in arms]
    lines = [f"| accepted % | {' | '.join(heads)} | PSNR dB before | after |", "|---" * (len(heads) + 3) + "|"]
    for target in TARGETS:
        rows = {
            (arm, name): held_out[arm][name]["conditions"][target.name] for arm in arms for name in (SHIPPED, ADAPTED)
        }
        cells = [f"{100.0 * rows[arm, name]['accepted']:.0f}" for name in (SHIPPED, ADAPTED) for arm in arms]
        cells += [f"{rows[arm, SHIPPED]['psnr_db']:.1f}" for arm in (BEFORE, AFTER)]
        lines.append(f"| {target.name} | {' | '.join(cells)} |")
    means = [f"{100.0 * held_out[arm][name]['accepted']:.1f}" for name in (SHIPPED, ADAPTED) for arm in arms]
    means += [f"{held_out[arm][SHIPPED]['psnr_db']:.1f}" for arm in (BEFORE, AFTER)]
    return [*lines, f"| mean | {' | '.join(means)} |"]


def _shown(
    data: Path, generators: dict[str, Path], classifiers: dict[str, Path | None], every: int, as_synthesized: bool
) -> Style:
    """Variants by each generator, and what each classifier says of them and of the true re-renders."""
    towns = [Town.read(data / f"test-{name}", every) for name in TEST_MAPS]
    print(f"\n{data}: " + ", ".join(town.told() for town in towns), flush=True)
    arms = {TRUE: [town.true for town in towns]}
    for name, folder in generators.items():
        synthesizer = _synthesizer(folder, as_synthesized)
        arms[name] = [make_variants(synthesizer, town) for town in towns]
    judges = {name: ConditionClassifier.load(folder) for name, folder in classifiers.items()}
    figures: dict[str, Any] = {
        name: {who: measure_pictures(towns, shown, judge) for who, judge in judges.items()}
        for name, shown in arms.items()
    }
    return Style(data, towns, arms, figures)


def _synthesizer(folder: Path, as_synthesized: bool) -> Synthesizer:
    bare = open_embedded(folder, "torch", threads=torch.get_num_threads(), streaks=not as_synthesized)
    return FallingRainSynthesizer(PuddlesSynthesizer(ProtectedSynthesizer(bare))) if as_synthesized else bare


def _judge(style: Style, ways: Sequence[tuple[int, int]], options: argparse.Namespace) -> None:
    """Put what segmenters learned from each arm into its figures."""
    config = replace(RECIPE, steps=options.steps, threads=options.threads)
    true: np.ndarray | None = None
    for name, shown in style.arms.items():
        parts = halves(style.towns, shown, options.halves)
        matrices = train_and_score(name, style.data, parts, config, 1, ways, options.out / "segmenters")
        true = matrices if true is None else true
        style.figures[name]["segmenter"] = (
            own_scores(matrices) if name == TRUE else compare_segmenters(true, matrices)
        )


def _keep(out: Path, results: dict[str, Any]) -> None:
    (out / "adaptation.json").write_text(json.dumps(results, indent=1) + "\n", encoding="utf-8")
    print("\n".join(["", *share_table(results)]), flush=True)


def _sheet(style: Style) -> np.ndarray:
    """Rows: conditions of two moments; columns: source, before, after, true."""
    rows = []
    for target in _SHEET:
        number = TARGETS.index(target)
        for place, town in enumerate(style.towns):
            frame = len(town.frames) // 2
            shown = [style.arms[name][place][number, frame] for name in (BEFORE, AFTER, TRUE)]
            rows.append(np.concatenate([town.rgb[frame], *shown], axis=1))
    return np.concatenate(rows)


if __name__ == "__main__":
    main()
