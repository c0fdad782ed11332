"""The default segmenter: training time, mean IoU per condition on held-out towns, inference time.

`--out FOLDER` keeps the weights with a model card: that is how the shipped ones are made (`make segmenter`, on the
stores of `make generator-data`). `--work FOLDER` keeps the training, so that a stopped one goes on. Figures need an
idle machine; `--steps` shrinks the run for a look at it.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
from collections.abc import Callable
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
import torch

from augment.conditions import CORE12
from benchmarks.segmentation_stores import MOUNTS, TEST_MAPS, TRAIN_MAPS
from benchmarks.stopwatch import Stopwatch, machine_line
from carla_agents.data.store import Store
from carla_agents.data.true_variants import RELIGHT
from carla_agents.segmentation.class_sets import IGNORED
from carla_agents.segmentation.metrics import MIN_IMAGES, confusion, iou, without_small_objects
from carla_agents.segmentation.onnx_export import export_onnx
from carla_agents.segmentation.scoring import ALL, SegmentationScores, score_segmenter
from carla_agents.segmentation.segmentation_set import (
    SegmentationSet,
    SegmentationSetConfig,
    load_segmentation_set,
)
from carla_agents.segmentation.segmenter import Segmenter
from carla_agents.segmentation.small import SmallSegmenter, SmallSegmenterConfig
from carla_agents.segmentation.training import SegmentationTrainingConfig, train_segmenter
from carla_agents.segmentation.weights import load_segmenter, parameter_count, save_segmenter

NAMED_APART = ("lane paint", "traffic light", "person")
LEAST_OBJECT_PX = 60
INFERENCE_THREADS = 2
HARD = ("clear-night", "rain-day", "rain-night")
LARGE = SmallSegmenterConfig(widths=(80, 160, 288, 416))
EVERYTHING = SegmentationSetConfig(split=None, synthesizers=(RELIGHT,), balance="condition-and-class")
HELD_OUT = SegmentationSetConfig(
    split=None, conditions=tuple(condition.name for condition in CORE12), synthesizers=(RELIGHT,)
)
RECIPE = SegmentationTrainingConfig(
    steps=18000,
    batch_size=4,
    learning_rate=4e-3,
    optimizer="muon",
    crop_px=(160, 112),
    rare_class_power=0.25,
    mixed_precision="bf16",
    threads=1,
    checkpoint_every=250,
)
"""Half an hour of one core; half of the steps fit 20 minutes and give 0.02 less."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, default=Path("runs/generator-data"), help="folder of the stores")
    parser.add_argument("--out", type=Path, help="keep weights and model card here")
    parser.add_argument("--work", type=Path, help="keep the training here, and go on with what is there")
    parser.add_argument("--steps", type=int, default=RECIPE.steps)
    parser.add_argument("--threads", type=int, default=RECIPE.threads)
    parser.add_argument(
        "--compare",
        nargs="+",
        default=[],
        choices=("clear-day", "large"),
        help="train also on clear day alone, or a network ten times larger; all in --compare-steps",
    )
    parser.add_argument("--compare-steps", type=int, default=1500)
    parser.add_argument("--compare-every", type=int, default=1, help="test compared networks on every so many frames")
    parser.add_argument("--only-compare", action="store_true", help="leave out the long training")
    options = parser.parse_args()
    print(machine_line())
    train = [Store.read(options.data / f"train-{town}-{mount}") for town in TRAIN_MAPS for mount in MOUNTS]
    test = [Store.read(options.data / f"test-{town}") for town in TEST_MAPS]
    data, held_out = load_segmentation_set(train, EVERYTHING), load_segmentation_set(test, HELD_OUT)
    print(f"learned from {_maps(train)}, {len(data)} pictures; tested on {_maps(test)}, {len(held_out)} pictures")
    config = replace(RECIPE, steps=options.steps, threads=options.threads)
    with tempfile.TemporaryDirectory() as folder:
        work = options.work or Path(folder)
        if not options.only_compare:
            segmenter, trained = _train("default", SmallSegmenterConfig(), data, config, work)
            lines = [trained, *_score_lines(segmenter, held_out)]
            print("\n".join(lines[1:]))
            _inference(segmenter, held_out.size_px(), work, INFERENCE_THREADS)
            print("\n".join(_label_lines(held_out)))
            if options.out is not None:
                _keep(segmenter, options.out, config, data, [machine_line(), *lines])
        if options.compare:
            short = replace(config, steps=options.compare_steps)
            _comparisons(options.compare, train, data, _thinned(held_out, options.compare_every), short, work)


def _comparisons(
    wanted: list[str],
    train: list[Store],
    data: SegmentationSet,
    held_out: SegmentationSet,
    config: SegmentationTrainingConfig,
    work: Path,
) -> None:
    """The same network, the same steps: on everything, on clear day alone, and ten times larger on everything."""
    print(f"compared after {config.steps} steps each, tested on {len(held_out)} pictures")
    reference, _ = _train("the small one on everything", SmallSegmenterConfig(), data, config, work)
    scores = score_segmenter(reference, held_out)
    print("\n".join(_table(scores)))
    if "clear-day" in wanted:
        chosen = replace(EVERYTHING, conditions=("clear-day",))
        lone_data = load_segmentation_set(train, chosen)
        lone, _ = _train("the small one on clear day alone", SmallSegmenterConfig(), lone_data, config, work)
        lone_scores = score_segmenter(lone, held_out)
        print("\n".join(_table(lone_scores)))
        for name in ("clear-day", *HARD):
            both = [_by_condition(s)[name] for s in (scores, lone_scores)]
            if None not in both:
                print(f"{name}: on everything {both[0]:.3f}, on clear day alone {both[1]:.3f}")
    if "large" in wanted:
        large, _ = _train("the large one on everything", LARGE, data, config, work)
        large_scores = score_segmenter(large, held_out)
        print("\n".join(_table(large_scores)))
        print(f"large minus small: {_mean(large_scores) - _mean(scores):+.3f}")


def _train(
    name: str, form: SmallSegmenterConfig, data: SegmentationSet, config: SegmentationTrainingConfig, work: Path
) -> tuple[Segmenter, str]:
    with Stopwatch() as watch:
        segmenter = train_segmenter(lambda: SmallSegmenter(form), data, config, work / name.replace(" ", "-"))
    line = (
        f"training {name}: {parameter_count(segmenter) / 1e6:.2f} M parameters, {config.steps} steps of "
        f"{config.batch_size} crops {config.crop_px} of {len(data)} pictures on {config.threads} threads: "
        f"{watch.wall_s:.0f} s wall, {watch.own_cpu_s:.0f} s CPU"
    )
    print(line, flush=True)
    return segmenter, line


def _thinned(data: SegmentationSet, every: int) -> SegmentationSet:
    """Every so many frames, under all their conditions."""
    keys = set(list(dict.fromkeys(sample.frame.key for sample in data.samples))[::every])
    places = [place for place, sample in enumerate(data.samples) if sample.frame.key in keys]
    return replace(data, samples=[data.samples[place] for place in places], chances=data.chances[places])


def _maps(stores: list[Store]) -> str:
    return ", ".join(sorted({str(route.metadata.get("map")) for store in stores for route in store.routes()}))


def _score_lines(segmenter: Segmenter, held_out: SegmentationSet) -> list[str]:
    scores, large = _both_scores(segmenter, held_out)
    names = [c.name for c in held_out.classes.classes]
    whole, pieces = iou(scores.matrices.sum(0)), iou(large.matrices.sum(0))
    lines = [*_table(scores), "", f"class           IoU    of pieces of at least {LEAST_OBJECT_PX} pixels"]
    lines += [f"{name:14}  {whole[k]:.3f}  {pieces[k]:.3f}" for k, name in enumerate(names)]
    for name in NAMED_APART:
        k = names.index(name)
        row = []
        for (condition, _), places in large.groups().items():
            if condition != ALL:
                row.append(f"{condition} {iou(large.matrices[places].sum(0))[k]:.2f}")
        lines.append(f"{name}, pieces of at least {LEAST_OBJECT_PX} pixels: {', '.join(row)}")
    return lines


def _both_scores(segmenter: Segmenter, data: SegmentationSet) -> tuple[SegmentationScores, SegmentationScores]:
    """Scores of everything, and of pieces of at least `LEAST_OBJECT_PX` alone; every picture is predicted once."""
    count = len(data.classes.classes)
    matrices = np.zeros((2, len(data), count, count), np.int64)
    for place in range(len(data)):
        rgb, labels = data.load(place)
        shown = segmenter.predict(rgb[None])[0]
        matrices[0, place] = confusion(labels, shown, count)
        matrices[1, place] = confusion(without_small_objects(labels, LEAST_OBJECT_PX), shown, count)
    return SegmentationScores(data, matrices[0], 0), SegmentationScores(data, matrices[1], 0)


def _label_lines(data: SegmentationSet) -> list[str]:
    """What labels score against themselves, a pixel aside and at half the resolution: thin things are hard."""
    names = [c.name for c in data.classes.classes]
    matrices = np.zeros((2, len(names), len(names)), np.int64)
    for place in {sample.frame.key: place for place, sample in enumerate(data.samples)}.values():
        labels = data.load_labels(place)
        moved, halved = np.roll(labels, 1, axis=1), labels[::2, ::2].repeat(2, 0).repeat(2, 1)
        for matrix, shown in zip(matrices, (moved, halved), strict=True):
            both = np.where(shown == IGNORED, IGNORED, labels)
            matrix += confusion(both, np.where(shown == IGNORED, 0, shown), len(names))
    lines = []
    for name, matrix in zip(("moved by one pixel", "at half the resolution"), matrices, strict=True):
        scores = iou(matrix)
        thin = ", ".join(f"{names[k]} {scores[k]:.2f}" for k in np.argsort(scores)[:5])
        lines.append(f"labels {name} against themselves: mIoU {scores.mean():.3f}, lowest {thin}")
    return lines


def _table(scores: SegmentationScores) -> list[str]:
    names = [c.name for c in scores.data.classes.classes]
    lines = [f"{'condition':16} {'n':>6}  mIoU (95 %)           {'  '.join(NAMED_APART)}"]
    for (condition, _), score in scores.scores().items():
        if condition == ALL:
            continue
        if score.miou is None:
            lines.append(f"{condition:16} {score.images:6}  under {MIN_IMAGES} pictures, no number")
            continue
        values = {name: score.class_iou[names.index(name)] for name in NAMED_APART}
        apart = "  ".join(f"{'-' if v is None else f'{v:.3f}':>{len(name)}}" for name, v in values.items())
        lines.append(f"{condition:16} {score.images:6}  {score.miou:.3f} ({score.low:.3f} {score.high:.3f})  {apart}")
    return [*lines, f"mean over conditions: {_mean(scores):.3f}"]


def _by_condition(scores: SegmentationScores) -> dict[str, float | None]:
    """Recorded and relit pictures are the same renderer's, and no condition has both."""
    return {condition: s.miou for (condition, _), s in scores.scores().items() if condition != ALL}


def _mean(scores: SegmentationScores) -> float:
    return statistics.fmean(miou for miou in _by_condition(scores).values() if miou is not None)


def _keep(
    segmenter: Segmenter, folder: Path, config: SegmentationTrainingConfig, data: SegmentationSet, lines: list[str]
) -> None:
    """Weights as float16 (half the size; the scores below are those of the float32 ones), description, model card."""
    facts = {**asdict(config), "pictures": len(data), "data": data.fingerprint(), "set": asdict(data.config)}
    half = SmallSegmenter(SmallSegmenterConfig())
    half.load_state_dict(segmenter.state_dict())
    save_segmenter(half.half(), folder, {**facts, "parameters": parameter_count(segmenter)})
    load_segmenter(folder)
    card = Path(__file__).with_name("segmenter_card.md").read_text(encoding="utf-8")
    (folder / "README.md").write_text(card + "```\n" + "\n".join(lines) + "\n```\n", encoding="utf-8")


def _inference(segmenter: Segmenter, size_px: tuple[int, int], work: Path, threads: int) -> None:
    torch.set_num_threads(threads)
    rgb = np.random.default_rng(0).integers(0, 256, (1, size_px[1], size_px[0], 3), np.uint8)
    title = f"inference {size_px[0]}x{size_px[1]}, {threads} threads:"
    print(f"{title} torch {_milliseconds(lambda: segmenter.predict(rgb))}")
    try:
        import onnxruntime
    except ImportError:
        print("onnxruntime is not installed")
        return
    path = work / "segmenter.onnx"
    export_onnx(segmenter, path, size_px)
    session_options = onnxruntime.SessionOptions()
    session_options.intra_op_num_threads = threads
    session = onnxruntime.InferenceSession(path, session_options, providers=["CPUExecutionProvider"])
    pixels = np.ascontiguousarray(rgb.transpose(0, 3, 1, 2)).astype(np.float32)
    scores = session.run(None, {"rgb": pixels})[0]
    agree = float(np.mean(scores.argmax(1) == segmenter.predict(rgb)))
    print(
        f"{title} onnxruntime {onnxruntime.__version__} {_milliseconds(lambda: session.run(None, {'rgb': pixels}))}, "
        f"same class as torch on {agree:.2%} of the pixels"
    )


def _milliseconds(call: Callable[[], object]) -> str:
    walls, cpus = [], []
    for _ in range(60):
        wall, cpu = time.perf_counter(), time.process_time()
        call()
        walls.append(1e3 * (time.perf_counter() - wall))
        cpus.append(1e3 * (time.process_time() - cpu))
    wall_ms, cpu_ms = statistics.median(walls), statistics.median(cpus)
    return f"{wall_ms:.1f} ms median wall ({min(walls):.1f} least), {cpu_ms:.1f} ms CPU"


if __name__ == "__main__":
    main()
