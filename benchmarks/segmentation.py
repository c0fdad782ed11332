"""The default segmenter: training time, mean IoU per condition on another town, inference time.

Without stores it records them first: `--train-map` gives the drives to learn from and `--test-map` the held-out ones.
Figures need an idle machine; `--steps` and `--drives` shrink the run for a look at the script.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
from dataclasses import asdict
from pathlib import Path

import numpy as np
import torch

from augment.conditions import CORE12
from benchmarks.stopwatch import Stopwatch, machine_line
from carla_agents.data.store import Store
from carla_agents.segmentation.metrics import MIN_IMAGES
from carla_agents.segmentation.onnx_export import export_onnx
from carla_agents.segmentation.scoring import ALL, SegmentationScores, score_segmenter
from carla_agents.segmentation.segmentation_set import REAL, SegmentationSetConfig, load_segmentation_set
from carla_agents.segmentation.segmenter import Segmenter
from carla_agents.segmentation.training import SegmentationTrainingConfig, train_segmenter
from carla_agents.segmentation.weights import parameter_count
from syndiff.commands.record import Record
from syndiff.segmentation import segmenter_builder

NAMED_APART = ("lane paint", "traffic light", "person")
HARD = ("clear-night", "rain-day", "rain-night")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--train", type=Path, help="store to learn from; recorded if absent")
    parser.add_argument(
        "--test", type=Path, help="store to test on, of a map that --train has not; recorded if absent"
    )
    parser.add_argument("--train-map", help="map to record the training drives on")
    parser.add_argument("--test-map", help="map to record the held-out drives on")
    parser.add_argument("--map-dir", type=Path, help="folder of further OpenDRIVE maps")
    parser.add_argument("--conditions", nargs="+", default=[c.name for c in CORE12])
    parser.add_argument("--drives", type=int, default=4, help="drives per condition to learn from; one to test")
    parser.add_argument("--backend", default="small")
    parser.add_argument("--model")
    parser.add_argument(
        "--clear-day-only", action="store_true", help="also train on clear day alone and show the loss"
    )
    parser.add_argument("--steps", type=int, default=1500)
    parser.add_argument("--threads", type=int, default=2)
    options = parser.parse_args()
    print(machine_line())
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder)
        train, test = _stores(options, out)
        everything = SegmentationSetConfig(split=None, synthesizers=(), balance="condition")
        held_out = load_segmentation_set(test, SegmentationSetConfig(split=None, synthesizers=()))
        maps = [sorted({str(r.metadata.get("map")) for r in store.routes()}) for store in (train, test)]
        print(f"learned from maps {maps[0]}, tested on {maps[1]}, {len(held_out)} pictures")
        if set(maps[0]) & set(maps[1]):
            print("NOT HELD OUT: both stores have drives on the same map")
        config = SegmentationTrainingConfig(steps=options.steps, threads=options.threads)
        data = load_segmentation_set(train, everything)
        build = segmenter_builder(options.backend, options.model, everything.classes)
        with Stopwatch() as watch:
            segmenter = train_segmenter(build, data, config, out / "all")
        print(
            f"training {options.model or options.backend}, {parameter_count(segmenter) / 1e6:.2f} M parameters, "
            f"{options.steps} steps of {config.batch_size} of {len(data)} pictures: "
            f"{watch.wall_s:.0f} s wall, {watch.own_cpu_s:.0f} s CPU"
        )
        scores = score_segmenter(segmenter, held_out)
        _print_scores(scores)
        if options.clear_day_only:
            chosen = SegmentationSetConfig(**{**asdict(everything), "conditions": ("clear-day",)})
            lone = train_segmenter(build, load_segmentation_set(train, chosen), config, out / "clear-day")
            print("\ntrained on clear day alone:")
            _print_scores(score_segmenter(lone, held_out))
        _inference(segmenter, held_out.size_px(), out, options.threads)


def _stores(options: argparse.Namespace, out: Path) -> tuple[Store, Store]:
    stores = []
    for name, seed, drives in (("train", 0, options.drives), ("test", 1, 1)):
        root = getattr(options, name)
        if root is None:
            root = out / f"{name}-store"
            record = Record(
                out=root,
                conditions=tuple(options.conditions),
                drives=(drives,),
                map=getattr(options, f"{name}_map"),
                map_dir=options.map_dir,
                split="train" if name == "train" else "val",
                walkers=20,
                depth=False,
                seed=seed,
            )
            with Stopwatch() as watch:
                record.run()
            print(f"recording {name}: {watch.wall_s:.0f} s wall")
        stores.append(Store.read(root))
    return stores[0], stores[1]


def _print_scores(scores: SegmentationScores) -> None:
    names = [c.name for c in scores.data.classes.classes]
    print(f"{'condition':16} {'n':>6}  mIoU (95 %)           {'  '.join(NAMED_APART)}")
    table = scores.scores()
    for (condition, source), score in table.items():
        if source != REAL:
            continue
        if score.miou is None:
            print(f"{condition:16} {score.images:6}  under {MIN_IMAGES} pictures, no number")
            continue
        values = {name: score.class_iou[names.index(name)] for name in NAMED_APART}
        apart = "  ".join(f"{'-' if v is None else f'{v:.3f}':>{len(name)}}" for name, v in values.items())
        print(f"{condition:16} {score.images:6}  {score.miou:.3f} ({score.low:.3f} {score.high:.3f})  {apart}")
    single = [s.miou for (c, source), s in table.items() if source == REAL and c != ALL and s.miou is not None]
    if single:
        print(f"mean over {len(single)} conditions: {statistics.fmean(single):.3f}")
    clear = table.get(("clear-day", REAL))
    for name in HARD:
        hard = table.get((name, REAL))
        if clear and hard and clear.miou is not None and hard.miou is not None:
            print(f"{name} minus clear-day: {hard.miou - clear.miou:+.3f}")


def _inference(segmenter: Segmenter, size_px: tuple[int, int], out: Path, threads: int) -> None:
    torch.set_num_threads(threads)
    rgb = np.random.default_rng(0).integers(0, 256, (1, size_px[1], size_px[0], 3), np.uint8)
    title = f"inference {size_px[0]}x{size_px[1]}, {threads} threads:"
    print(f"{title} torch {_milliseconds(lambda: segmenter.predict(rgb))}")
    try:
        import onnxruntime
    except ImportError:
        print("onnxruntime is not installed")
        return
    path = out / "segmenter.onnx"
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


def _milliseconds(call) -> str:  # type: ignore[no-untyped-def]
    walls, cpus = [], []
    for _ in range(30):
        wall, cpu = time.perf_counter(), time.process_time()
        call()
        walls.append(time.perf_counter() - wall)
        cpus.append(time.process_time() - cpu)
    return f"{1e3 * statistics.median(walls):.1f} ms median wall, {1e3 * statistics.median(cpus):.1f} ms CPU"


if __name__ == "__main__":
    main()
