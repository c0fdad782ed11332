"""What variants are worth, against true re-renders of the same frames on held-out towns, clear day to the rest.

For every synthesizer, for the unchanged source pictures and for the true re-renders: a segmenter of the shipped
architecture is trained, in equal steps from equal seeds, on variants of one held-out town alone and tested on true
re-renders of the other; lamps that still show what they showed; how often the frozen condition classifier accepts
the picture; PSNR. `--out` keeps everything: another call with more synthesizers goes on from there.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch

from augment.condition_classifier import ConditionClassifier
from augment.conditions import CORE12, DOMINANT, Condition
from augment.seeds import derive_seed
from augment.synthesizers.base import FrameBatch, Synthesizer
from benchmarks.lamp_states import find_lamps, shows
from benchmarks.segmentation_stores import TEST_MAPS
from benchmarks.stopwatch import Stopwatch, machine_line
from carla_agents.data.records import StoredFrame
from carla_agents.data.store import Store
from carla_agents.data.true_variants import RELIGHT
from carla_agents.segmentation.metrics import confusion, iou, mean_iou
from carla_agents.segmentation.segmentation_set import (
    SegmentationSet,
    SegmentationSetConfig,
    load_segmentation_set,
)
from carla_agents.segmentation.small import SmallSegmenter, SmallSegmenterConfig
from carla_agents.segmentation.training import SegmentationTrainingConfig, train_segmenter

TRUE, COPY, PROCEDURAL, EMBEDDED = "true", "copy", "procedural", "embedded"
TARGETS = tuple(condition for condition in CORE12 if condition != DOMINANT)
APART = ("lane paint", "traffic light", "person")
RECIPE = SegmentationTrainingConfig(
    steps=600, batch_size=8, learning_rate=4e-3, crop_px=(160, 112), threads=1, checkpoint_every=200
)
_RESAMPLES = 1000


@dataclass(frozen=True)
class Town:
    """A held-out town in memory: N frames by clear day and their true re-renders.

    Attributes:
        name: of the map.
        frames: of the store, N.
        rgb: (N, H, W, 3) uint8.
        seg: (N, H, W) uint8 CARLA tags.
        depth_m: (N, H, W) float32.
        true: (T, N, H, W, 3) uint8, in the order of `TARGETS`.
    """

    name: str
    frames: list[StoredFrame]
    rgb: np.ndarray
    seg: np.ndarray
    depth_m: np.ndarray
    true: np.ndarray

    @classmethod
    def read(cls, root: Path, every: int) -> Town:
        """Every so many frames of a store that `benchmarks.segmentation_stores --depth` recorded."""
        store = Store.read(root)
        frames = store.frames(lambda f: f.ordinal % every == 0, condition=DOMINANT.name)
        whole = [f for f in frames if _has_all(store, f)]
        if not whole:
            raise SystemExit(f"{root} has no frame under all twelve conditions: record it with `make generator-data`")
        return cls(
            str(store.routes()[0].metadata["map"]),
            whole,
            np.stack([f.load_rgb() for f in whole]),
            np.stack([f.load_seg() for f in whole]),
            np.stack([f.load_depth_m() for f in whole]),
            np.stack([np.stack([_true(store, f, target) for f in whole]) for target in TARGETS]),
        )


@dataclass(frozen=True, eq=False)
class Pictures(SegmentationSet):
    """Pictures of a town in memory, drawn alike; `shown` is (T, N, H, W, 3) uint8, `labels` (N, H, W) uint8."""

    shown: np.ndarray = None  # type: ignore[assignment]  # follows a field with a default
    labels: np.ndarray = None  # type: ignore[assignment]

    def load(self, number: int) -> tuple[np.ndarray, np.ndarray]:
        target, frame = divmod(number, len(self.labels))
        return self.shown[target, frame], self.labels[frame]

    def load_labels(self, number: int) -> np.ndarray:
        return self.labels[number % len(self.labels)]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, default=Path("runs/generator-data"), help="folder of the stores")
    parser.add_argument("--out", type=Path, default=Path("runs/variants"), help="results, weights, checkpoints")
    parser.add_argument(
        "--synthesizers",
        nargs="*",
        default=[COPY, PROCEDURAL, EMBEDDED],
        help="copy, procedural, embedded (shipped weights), or folders of embedded weights; true is always there",
    )
    parser.add_argument("--backend", choices=("torch", "onnxruntime", "openvino"), default="torch")
    parser.add_argument("--classifier", type=Path, help="folder of another condition classifier, e.g. an adapted one")
    parser.add_argument("--protected", action="store_true", help="keep protected classes, as `syndiff synthesize`")
    parser.add_argument("--steps", type=int, default=RECIPE.steps, help="of every segmenter; 0 trains none")
    parser.add_argument("--seeds", type=int, default=1, help="trainings of every segmenter, joined in the bootstrap")
    parser.add_argument("--both-ways", action="store_true", help="train on the second town and test on the first too")
    parser.add_argument("--every", type=int, default=1, help="use every so many frames")
    parser.add_argument("--threads", type=int, default=1)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    print(machine_line())
    towns = [Town.read(options.data / f"test-{name}", options.every) for name in TEST_MAPS]
    print("held-out towns: " + ", ".join(f"{town.name} {len(town.frames)} frames" for town in towns))
    arms: dict[str, Callable[[Town], np.ndarray]] = {TRUE: lambda town: town.true}
    for spec in options.synthesizers:
        if spec == COPY:
            arms[COPY] = _copied
            continue
        name, synthesizer = _synthesizer(spec, options)
        arms[name] = lambda town, made_by=synthesizer: _variants(made_by, town)
    options.out.mkdir(parents=True, exist_ok=True)
    results: dict[str, Any] = {}
    matrices: dict[str, np.ndarray] = {}
    classifier = ConditionClassifier.load(options.classifier)
    for name, make in arms.items():
        with Stopwatch() as watch:
            shown = [make(town) for town in towns]
        count = sum(len(town.frames) for town in towns) * len(TARGETS)
        print(f"\n{name}: {count} pictures, {1e3 * watch.own_cpu_s / count:.1f} ms CPU each", flush=True)
        results[name] = measure_pictures(towns, shown, classifier)
        if options.steps:
            matrices[name] = _segmentation(name, towns, shown, options)
        if name in matrices and name != TRUE:
            results[name] |= {"segmenter": compare_segmenters(matrices[TRUE], matrices[name])}
        elif name in matrices:
            results[name] |= {"segmenter": _own_scores(matrices[name])}
        (options.out / f"{name}.json").write_text(json.dumps(results[name], indent=1) + "\n", encoding="utf-8")
        print("\n".join(table(results[name])), flush=True)
    (options.out / "variants.json").write_text(json.dumps(results, indent=1) + "\n", encoding="utf-8")
    print("\n" + "\n".join(summary(results)))


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


def compare_segmenters(true: np.ndarray, other: np.ndarray) -> dict[str, Any]:
    """Ratios to the segmenter that learned from true re-renders, with 95 % bootstrap intervals over frames.

    Args:
        true, other: (R, T, N, C, C) int64 confusions of the same pictures; R trainings.
    """
    names = [c.name for c in SmallSegmenter(SmallSegmenterConfig()).classes.classes]
    first, second = (m.sum((0, 1)) for m in (true, other))
    rng = np.random.default_rng(0)
    drawn = rng.multinomial(len(first), np.full(len(first), 1.0 / len(first)), size=_RESAMPLES).astype(float)
    resampled = [(drawn @ m.reshape(len(m), -1)).reshape(-1, *m.shape[1:]) for m in (first, second)]

    def ratio(score: Callable[[np.ndarray], np.ndarray]) -> dict[str, float]:
        spread = score(resampled[1]) / np.maximum(score(resampled[0]), 1e-9)
        low, high = np.nanpercentile(spread, (2.5, 97.5))
        before, after = float(score(first.sum(0)[None])[0]), float(score(second.sum(0)[None])[0])
        return {"true": before, "this": after, "ratio": after / max(before, 1e-9), "low": low, "high": high}

    def of_class(place: int) -> dict[str, float]:
        return ratio(lambda matrix: iou(matrix)[..., place])

    classes = {name: of_class(names.index(name)) for name in APART}
    return {"miou": ratio(mean_iou), **classes, "miou_of_condition": _of_conditions(other)}


def table(result: dict[str, Any]) -> list[str]:
    """One line per condition."""
    scores = result.get("segmenter", {}).get("miou_of_condition", {})
    lines = [f"{'condition':14} {'n':>5}  PSNR dB  accepted  lamps kept     mIoU"]
    for name, row in result["conditions"].items():
        miou = f"{scores[name]:.3f}" if name in scores else "-"
        lamps = f"{row['lamps_kept']} of {row['lamps']}"
        lines.append(
            f"{name:14} {row['pictures']:5}  {row['psnr_db']:7.1f}  {row['accepted']:8.1%}  {lamps:12}  {miou:>6}"
        )
    return lines


def summary(results: dict[str, Any]) -> list[str]:
    """One line per arm."""
    lines = [f"{'':24} PSNR dB  accepted  lamps kept            mIoU, ratio (95 %)        " + "  ".join(APART)]
    for name, result in results.items():
        lamps = f"{result['lamps_kept']} of {result['lamps']} ({_share(result['lamps_kept'], result['lamps'])})"
        line = f"{name:24} {result['psnr_db']:7.1f}  {result['accepted']:8.1%}  {lamps:20}"
        scores = result.get("segmenter")
        if scores is not None and name == TRUE:
            line += f"  {scores['miou']:.3f}                      " + "  ".join(f"{scores[k]:.3f}" for k in APART)
        elif scores is not None:
            miou = scores["miou"]
            line += f"  {miou['this']:.3f}, {miou['ratio']:.1%} ({miou['low']:.1%} to {miou['high']:.1%})  "
            line += "  ".join(f"{scores[k]['ratio']:.1%}" for k in APART)
        lines.append(line)
    return lines


def _segmentation(name: str, towns: list[Town], shown: list[np.ndarray], options: argparse.Namespace) -> np.ndarray:
    """(R, T, N, C, C) confusions on true re-renders of towns that were not learned from."""
    ways = [(0, 1), (1, 0)] if options.both_ways else [(0, 1)]
    runs = []
    for seed in range(options.seeds):
        parts = []
        for learned, tested in ways:
            config = replace(RECIPE, steps=options.steps, seed=seed, threads=options.threads)
            folder = options.out / "segmenters" / f"{name}-{towns[learned].name}-{options.steps}-{seed}"
            kept = folder / f"confusions-{towns[tested].name}.npy"
            if kept.is_file():
                parts.append(np.load(kept, allow_pickle=False))
                continue
            with Stopwatch() as watch:
                data = _pictures(options.data, towns[learned], shown[learned])
                segmenter = train_segmenter(lambda: SmallSegmenter(SmallSegmenterConfig()), data, config, folder)
                parts.append(_confusions(segmenter, _pictures(options.data, towns[tested], towns[tested].true)))
                np.save(kept, parts[-1])
            print(f"learned from {towns[learned].name}, tested on {towns[tested].name}: {watch.own_cpu_s:.0f} s CPU")
        runs.append(np.concatenate(parts, axis=1))
    return np.stack(runs)


def _confusions(segmenter: SmallSegmenter, data: Pictures) -> np.ndarray:
    count = len(data.classes.classes)
    targets, frames = data.shown.shape[:2]
    found = np.zeros((targets, frames, count, count), np.int64)
    for target in range(targets):
        for frame in range(frames):
            predicted = segmenter.predict(data.shown[target, frame][None])[0]
            found[target, frame] = confusion(data.labels[frame], predicted, count)
    return found


def _pictures(folder: Path, town: Town, shown: np.ndarray) -> Pictures:
    chosen = SegmentationSetConfig(split=None, conditions=tuple(t.name for t in TARGETS), synthesizers=(RELIGHT,))
    whole = load_segmentation_set(Store.read(folder / f"test-{town.name}"), chosen)
    labels = {s.frame.key: number for number, s in enumerate(whole.samples)}
    wanted = np.stack([whole.load_labels(labels[frame.key]) for frame in town.frames])
    sample_of = {(s.condition, s.frame.key): s for s in whole.samples}
    samples = [sample_of[target.name, frame.key] for target in TARGETS for frame in town.frames]
    chances = np.full(len(samples), 1.0 / len(samples))
    return Pictures(samples, whole.classes, chances, chosen, shown, wanted)


def _synthesizer(spec: str, options: argparse.Namespace) -> tuple[str, Synthesizer]:
    synthesizer: Synthesizer
    if spec == PROCEDURAL:
        from augment.synthesizers.procedural import ProceduralSynthesizer

        return PROCEDURAL, ProceduralSynthesizer()
    from augment.export.backends import open_step
    from augment.synthesizers.embedded import EmbeddedSynthesizer, default_embedded_folder
    from augment.synthesizers.small_controlnet import read_config, weights_hash

    folder = default_embedded_folder() if spec == EMBEDDED else Path(spec)
    runner = open_step(folder, options.backend, cache=options.out / "graphs", threads=options.threads)
    synthesizer = EmbeddedSynthesizer(read_config(folder), runner, weights_hash(folder))
    name = EMBEDDED if spec == EMBEDDED else f"{EMBEDDED}-{folder.name}"
    if options.protected:
        from augment.synthesizers.protected import ProtectedSynthesizer

        return f"{name}-protected", ProtectedSynthesizer(synthesizer)
    return name, synthesizer


def _variants(synthesizer: Synthesizer, town: Town) -> np.ndarray:
    shown = np.empty_like(town.true)
    for number, target in enumerate(TARGETS):
        for batch, places in _batches(town):
            seeds = np.array([derive_seed(0, key, target.name) for key in batch.frame_keys], np.uint64)
            shown[number, places] = synthesizer(batch, [target] * len(batch), seeds)
    return shown


def _batches(town: Town, size: int = 8) -> Iterator[tuple[FrameBatch, slice]]:
    for start in range(0, len(town.frames), size):
        places = slice(start, min(start + size, len(town.frames)))
        keys = tuple(f"{town.name}/{frame.key}" for frame in town.frames[places])
        sources = (DOMINANT,) * len(keys)
        yield FrameBatch(town.rgb[places], town.seg[places], town.depth_m[places], sources, keys), places


def _copied(town: Town) -> np.ndarray:
    return np.broadcast_to(town.rgb, town.true.shape)


def _has_all(store: Store, frame: StoredFrame) -> bool:
    return all(store.variant(frame.key, target.name, RELIGHT, 0) is not None for target in TARGETS)


def _true(store: Store, frame: StoredFrame, target: Condition) -> np.ndarray:
    variant = store.variant(frame.key, target.name, RELIGHT, 0)
    if variant is None:
        raise ValueError(f"{store.root} has no true re-render of {frame.key} under {target.name}")
    return variant.load_rgb()


def _lamps_of(town: Town) -> list[tuple[int, Any]]:
    night = TARGETS.index(Condition("clear", "night"))
    return [
        (number, lamp)
        for number in range(len(town.frames))
        for lamp in find_lamps(town.rgb[number], town.true[night, number], town.seg[number])
    ]


def _own_scores(matrices: np.ndarray) -> dict[str, Any]:
    names = [c.name for c in SmallSegmenter(SmallSegmenterConfig()).classes.classes]
    total = matrices.sum((0, 1, 2))
    classes = {name: float(iou(total)[names.index(name)]) for name in APART}
    return {"miou": float(mean_iou(total)), **classes, "miou_of_condition": _of_conditions(matrices)}


def _of_conditions(matrices: np.ndarray) -> dict[str, float]:
    of_target = matrices.sum((0, 2))
    return {target.name: float(mean_iou(of_target[number])) for number, target in enumerate(TARGETS)}


def _psnr_db(pictures: np.ndarray, true: np.ndarray) -> float:
    errors = [np.mean((a.astype(np.float32) - b.astype(np.float32)) ** 2) for a, b in zip(pictures, true)]
    return float(np.mean(10.0 * np.log10(255.0**2 / np.maximum(errors, 0.25))))


def _share(part: int, whole: int) -> str:
    return f"{part / whole:.1%}" if whole else "-"


if __name__ == "__main__":
    main()
