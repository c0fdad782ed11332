"""What variants are worth, against true re-renders of the same frames on held-out towns, clear day to the rest.

For every synthesizer, for the unchanged source pictures and for the true re-renders: a segmenter of the shipped
architecture is trained, in equal steps from equal seeds, on variants of half of the frames alone (one of two held-out
towns, or every second drive of both) and tested on true re-renders of the other half; lamps that still show what they
showed; how often the frozen condition classifier accepts the picture; PSNR. `--out` keeps everything: another call
with more synthesizers goes on from there, and what was learned from the same pictures is not learned again.

Rare classes want streets that show them; the stores of docs/benchmarks.md are recorded with
`python -m benchmarks.segmentation_stores --out runs/variant-data --towns TownArterial TownHill --light-drives 3
--walkers 80 --depth --seed 300`.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch

from augment.condition_classifier import ConditionClassifier
from augment.conditions import CORE12, DOMINANT, Condition
from augment.frame_loading import cameras_of
from augment.seeds import derive_seed
from augment.synthesizers.base import FrameBatch, Synthesizer
from augment.synthesizers.embedded import EMBEDDED_NAMES, default_embedded_folder
from augment.synthesizers.falling_rain import FallingRainSynthesizer
from augment.synthesizers.protected import ProtectedSynthesizer, protect
from augment.synthesizers.wet_ground import PuddlesSynthesizer
from benchmarks.lamp_states import find_lamps, shows
from benchmarks.segmentation import NAMED_APART
from benchmarks.segmentation_stores import TEST_MAPS
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

TRUE, COPY, PROCEDURAL, EMBEDDED = "true", "copy", "procedural", "embedded"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, default=Path("runs/generator-data"), help="folder of the stores")
    parser.add_argument("--out", type=Path, default=Path("runs/variants"), help="results, weights, checkpoints")
    parser.add_argument(
        "--synthesizers",
        nargs="*",
        default=[COPY, PROCEDURAL, EMBEDDED],
        help="copy, procedural, embedded, embedded-m (shipped), or folders of such weights; true is always there",
    )
    parser.add_argument("--backend", choices=("torch", "onnxruntime", "openvino"), default="torch")
    parser.add_argument("--classifier", type=Path, help="folder of another condition classifier, e.g. an adapted one")
    parser.add_argument(
        "--protected",
        choices=("no", "both", "only"),
        default="both",
        help="bare, with protected classes kept as `syndiff synthesize` does, or both (default)",
    )
    parser.add_argument(
        "--drawn-rain",
        action="store_true",
        help="of ControlNets also protected and with puddles and streaks drawn in rain, as `syndiff synthesize` does",
    )
    parser.add_argument("--steps", type=int, default=RECIPE.steps, help="of every segmenter; 0 trains none")
    parser.add_argument("--seeds", type=int, default=1, help="trainings of every segmenter, joined in the bootstrap")
    parser.add_argument(
        "--halves",
        choices=("town", "drive"),
        default="town",
        help="test on the other town, or on other drives of both",
    )
    parser.add_argument("--both-ways", action="store_true", help="train on the second half and test on the first too")
    parser.add_argument("--every", type=int, default=1, help="use every so many frames")
    parser.add_argument("--threads", type=int, default=1)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    print(machine_line())
    options.out.mkdir(parents=True, exist_ok=True)
    towns = [Town.read(options.data / f"test-{name}", options.every) for name in TEST_MAPS]
    print("held-out towns: " + ", ".join(town.told() for town in towns))
    classifier = ConditionClassifier.load(options.classifier)
    shown = dict(_arms(towns, options))
    results = {name: measure_pictures(towns, pictures, classifier) for name, pictures in shown.items()}
    if options.steps:
        config = replace(RECIPE, steps=options.steps, threads=options.threads)
        # All arms one way before any goes the other way: what is compared is there soon.
        for ways in WAYS[: 1 + options.both_ways]:
            true: np.ndarray | None = None
            for name, pictures in shown.items():
                work = options.out / "segmenters"
                parts = halves(towns, pictures, options.halves)
                matrices = train_and_score(name, options.data, parts, config, options.seeds, ways, work)
                true = matrices if true is None else true
                results[name]["segmenter"] = (
                    own_scores(matrices) if name == TRUE else compare_segmenters(true, matrices)
                )
                _keep(options.out / f"{name}.json", results[name])
            print("\n".join(summary(results)), flush=True)
    for name, result in results.items():
        print("\n".join(["", name, *table(result)]))
    _keep(options.out / "variants.json", results)
    print("\n" + "\n".join(summary(results)))


def _keep(path: Path, results: dict[str, Any]) -> None:
    path.write_text(json.dumps(results, indent=1) + "\n", encoding="utf-8")


def measure_pictures(towns: list[Town], shown: list[np.ndarray], classifier: ConditionClassifier) -> dict[str, Any]:
    """PSNR, acceptance and lamps of every condition; `shown` is (T, N, H, W, 3) uint8 of each town."""
    lamps = [_lamps_of(town) for town in towns]
    rows = {}
    for number, target in enumerate(TARGETS):
        pictures = np.concatenate([part[number] for part in shown])
        true = np.concatenate([town.true[number] for town in towns])
        told = classifier.score(pictures).argmax(1)
        kept = [shows(lamp, part[number, frame]) for part, found in zip(shown, lamps) for frame, lamp in found]
        rows[target.name] = {
            "pictures": len(pictures),
            "psnr_db": _psnr_db(pictures, true),
            "accepted": float(np.mean(told == CORE12.index(target))),
            "lamps": len(kept),
            "lamps_kept": int(sum(kept)),
        }
    lamp_count, kept_count = (sum(row[key] for row in rows.values()) for key in ("lamps", "lamps_kept"))
    return {
        "conditions": rows,
        "psnr_db": float(np.mean([row["psnr_db"] for row in rows.values()])),
        "accepted": float(np.mean([row["accepted"] for row in rows.values()])),
        "lamps": lamp_count,
        "lamps_kept": kept_count,
    }


def table(result: dict[str, Any]) -> list[str]:
    """One line per condition."""
    scores = result.get("segmenter", {}).get("of_condition", {})
    lines = [f"{'condition':14} {'n':>5}  PSNR dB  accepted  lamps kept     mIoU  {'  '.join(NAMED_APART)}"]
    for name, row in result["conditions"].items():
        lamps = f"{row['lamps_kept']} of {row['lamps']}"
        line = f"{name:14} {row['pictures']:5}  {row['psnr_db']:7.1f}  {row['accepted']:8.1%}  {lamps:12}"
        if name in scores:
            apart = "  ".join(f"{scores[name][key]:{len(key)}.3f}" for key in NAMED_APART)
            line += f"  {scores[name]['miou']:.3f}  {apart}"
        lines.append(line)
    return lines


def summary(results: dict[str, Any]) -> list[str]:
    """A table in Markdown, one line per arm; ratios to the segmenter of true re-renders with 95 % intervals."""
    measures = ("miou", *NAMED_APART)
    lines = [
        f"| trained on | PSNR dB | accepted | lamps kept | {' | '.join(('mIoU', *NAMED_APART))} |",
        "|---" * (4 + len(measures)) + "|",
    ]
    for name, result in results.items():
        lamps = f"{result['lamps_kept']} of {result['lamps']}"
        psnr = "" if name == TRUE else f"{result['psnr_db']:.1f}"
        cells = [name, psnr, f"{result['accepted']:.1%}", lamps]
        scores = result.get("segmenter")
        if scores is not None and name == TRUE:
            cells += [f"{scores[key]:.3f}" for key in measures]
        elif scores is not None:
            cells += [_compared(scores[key]) for key in measures]
        lines.append(f"| {' | '.join(cells)} |")
    return lines


def _compared(score: dict[str, float | None]) -> str:
    if score["ratio"] is None:
        return f"{score['this']:.3f}, not learned from true"
    return "{this:.3f}, {ratio:.1%} ({low:.1%} to {high:.1%})".format(**score)


def _arms(towns: list[Town], options: argparse.Namespace) -> Iterator[tuple[str, list[np.ndarray]]]:
    """Names, and pictures (T, N, H, W, 3) uint8 of each town; the true ones first."""
    yield TRUE, [town.true for town in towns]
    for spec in options.synthesizers:
        if spec == COPY:
            yield COPY, [np.broadcast_to(town.rgb, town.true.shape) for town in towns]
            continue
        name, synthesizer = _synthesizer(spec, options)
        with Stopwatch() as watch:
            shown = [make_variants(synthesizer, town) for town in towns]
        count = sum(len(town.frames) for town in towns) * len(TARGETS)
        print(f"\n{name}: {count} pictures, {1e3 * watch.own_cpu_s / count:.1f} ms CPU each", flush=True)
        if options.protected != "only":
            yield name, shown
        kept = [_protected(*both) for both in zip(towns, shown, strict=True)]
        if options.protected != "no":
            yield f"{name}-protected", kept
        if options.drawn_rain and spec != PROCEDURAL:
            rainy = _rainy(_embedded(spec, options, streaks=False))
            yield f"{name}-drawn-rain", [_with_drawn_rain(rainy, *both) for both in zip(towns, kept, strict=True)]


def _synthesizer(spec: str, options: argparse.Namespace) -> tuple[str, Synthesizer]:
    if spec == PROCEDURAL:
        from augment.synthesizers.procedural import ProceduralSynthesizer

        return PROCEDURAL, ProceduralSynthesizer()
    return spec if spec in EMBEDDED_NAMES else f"{EMBEDDED}-{Path(spec).name}", _embedded(spec, options)


def _embedded(spec: str, options: argparse.Namespace, *, streaks: bool = True) -> Synthesizer:
    from augment.export.backends import open_embedded

    shipped = next((name for name in EMBEDDED_NAMES if name == spec), None)
    folder = Path(spec) if shipped is None else default_embedded_folder(shipped)
    cache = options.out / "graphs"
    return open_embedded(folder, options.backend, cache=cache, threads=options.threads, streaks=streaks)


def make_variants(synthesizer: Synthesizer, town: Town) -> np.ndarray:
    """(T, N, H, W, 3) uint8: the frames of a town under `TARGETS`."""
    shown = np.empty_like(town.true)
    for number, target in enumerate(TARGETS):
        for batch, places in _batches(town):
            shown[number, places] = synthesizer(batch, [target] * len(batch), _seeds(batch, target))
    return shown


def _protected(town: Town, shown: np.ndarray) -> np.ndarray:
    """What `ProtectedSynthesizer` makes of the same variants."""
    kept = np.empty_like(shown)
    for number, target in enumerate(TARGETS):
        for batch, places in _batches(town):
            kept[number, places] = protect(batch, shown[number, places], [target] * len(batch))
    return kept


def _rainy(synthesizer: Synthesizer) -> Synthesizer:
    """What `syndiff synthesize` makes rain with."""
    return FallingRainSynthesizer(PuddlesSynthesizer(ProtectedSynthesizer(synthesizer)))


def _with_drawn_rain(rainy: Synthesizer, town: Town, kept: np.ndarray) -> np.ndarray:
    """The variants with protected classes, those in rain made anew."""
    drawn = kept.copy()
    for number, target in enumerate(TARGETS):
        if target.weather == "rain":
            for batch, places in _batches(town):
                drawn[number, places] = rainy(batch, [target] * len(batch), _seeds(batch, target))
    return drawn


def _seeds(batch: FrameBatch, target: Condition) -> np.ndarray:
    return np.array([derive_seed(0, key, target.name) for key in batch.frame_keys], np.uint64)


def _batches(town: Town, size: int = 8) -> Iterator[tuple[FrameBatch, slice]]:
    camera = cameras_of(town.frames[0].store).get(town.frames[0].route_id)
    for start in range(0, len(town.frames), size):
        places = slice(start, min(start + size, len(town.frames)))
        keys = tuple(f"{town.name}/{frame.key}" for frame in town.frames[places])
        sources = (DOMINANT,) * len(keys)
        poses = np.stack([frame.ego_to_world for frame in town.frames[places]])
        batch = FrameBatch(
            town.rgb[places], town.seg[places], town.depth_m[places], sources, keys, None, poses, camera
        )
        yield batch, places


def _lamps_of(town: Town) -> list[tuple[int, Any]]:
    night = TARGETS.index(Condition("clear", "night"))
    return [
        (number, lamp)
        for number in range(len(town.frames))
        for lamp in find_lamps(town.rgb[number], town.true[night, number], town.seg[number])
    ]


def _psnr_db(pictures: np.ndarray, true: np.ndarray) -> float:
    errors = [np.mean((a.astype(np.float32) - b.astype(np.float32)) ** 2) for a, b in zip(pictures, true)]
    return float(np.mean(10.0 * np.log10(255.0**2 / np.maximum(errors, 0.25))))


if __name__ == "__main__":
    main()
