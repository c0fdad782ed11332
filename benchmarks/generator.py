"""The shipped ControlNet: training, and figures per condition on towns that it never saw.

`make generator` records the stores (`make generator-data`), trains with the recipe of size s and keeps weights,
config and model card under augment/weights/embedded; `--size m` goes on from these to the larger network,
`embedded-m`. An interrupted training goes on where it was. `--measure-only` reads `--out` and writes the figures into
its card anew. What the variants are worth to a segmenter: `benchmarks.variants`.
"""

from __future__ import annotations

import argparse
import shutil
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch

from augment.conditions import CORE12, DOMINANT, Condition
from augment.quality.picture_metrics import mean_squared_error, psnr_db
from augment.quality.ruler import Ruler
from augment.seeds import derive_seed
from augment.synthesizers.base import FrameBatch
from augment.synthesizers.embedded import EmbeddedName, EmbeddedSynthesizer, default_embedded_folder
from benchmarks.segmentation_stores import MOUNTS, TEST_MAPS, TRAIN_MAPS
from benchmarks.stopwatch import Stopwatch, machine_line
from carla_agents.data.records import StoredFrame
from carla_agents.data.store import Store
from carla_agents.data.true_variants import true_variant
from carla_agents.segmentation.metrics import iou
from syndiff.commands.train_controlnet import TrainControlnet
from syndiff.training import train_small_controlnet

_SMALL = TrainControlnet(
    data=(),
    out=Path(),
    size="s",
    steps=7000,
    batch_size=4,
    crop_px=(160, 96),
    learning_rate=1.2e-3,
    average=0.998,
    mixed_precision="bf16",
    threads=1,
)


@dataclass(frozen=True)
class Recipe:
    """How a shipped network is trained."""

    name: EmbeddedName
    """Of the synthesizer that it is shipped for."""
    training: TrainControlnet
    """What is run; the stores are put in."""


RECIPES = {
    "s": Recipe("embedded", _SMALL),
    "m": Recipe(
        "embedded-m",
        replace(_SMALL, size="m", start=default_embedded_folder(), steps=6000, learning_rate=8e-4, seed=7),
    ),
}
"""Each fits an hour of one CPU core. The small weights in the package were made in several runs, as their card says;
the larger network begins with what they know, spread over more channels."""
TARGETS = tuple(c for c in CORE12 if c != DOMINANT)
HEADING = "\n## On held-out towns\n"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, default=Path("runs/generator-data"), help="folder of the stores")
    parser.add_argument("--work", type=Path, default=Path("runs/generator"), help="folder of the training")
    parser.add_argument("--out", type=Path, help="where the weights go; default: the shipped ones of that size")
    parser.add_argument("--size", choices=tuple(RECIPES), default="s")
    parser.add_argument("--steps", type=int, help="instead of those of the recipe")
    parser.add_argument("--moments", type=int, default=40, help="of each held-out town, for the figures")
    parser.add_argument("--measure-only", action="store_true")
    options = parser.parse_args()
    recipe = RECIPES[options.size]
    out: Path = options.out or default_embedded_folder(recipe.name)
    print(machine_line())
    if not options.measure_only:
        stores = tuple(options.data / f"train-{town}-{mount}" for town in TRAIN_MAPS for mount in MOUNTS)
        with Stopwatch() as watch:
            train_small_controlnet(
                replace(recipe.training, data=stores, out=options.work, steps=options.steps or recipe.training.steps)
            )
        print(f"training: {watch.wall_s:.0f} s wall, {watch.own_cpu_s:.0f} s CPU")
        out.mkdir(parents=True, exist_ok=True)
        for name in ("model.safetensors", "config.json", "README.md"):
            shutil.copy(options.work / name, out / name)
    torch.set_num_threads(recipe.training.threads)
    lines = _measure(EmbeddedSynthesizer.from_folder(out), options.data, options.moments)
    print("\n".join(lines))
    card = out / "README.md"
    text = card.read_text(encoding="utf-8").partition(HEADING)[0]
    card.write_text(f"{text}{HEADING}\n" + "\n".join(lines) + "\n", encoding="utf-8")


def _measure(synthesizer: EmbeddedSynthesizer, data: Path, moments: int) -> list[str]:
    """A table in Markdown: variant, unchanged source and true picture of the same moments under each condition."""
    ruler = Ruler(wanted=())
    frames = [frame for town in TEST_MAPS for frame in _some(Store.read(data / f"test-{town}"), moments)]
    rows = []
    for target in TARGETS:
        errors: dict[str, list[float]] = {"variant": [], "source": []}
        matrices = {name: np.zeros((1, 1), np.int64) for name in ("variant", "source", "true")}
        accepted = dict.fromkeys(matrices, 0)
        for frame, pictures in _pictures(synthesizer, frames, target):
            labels = ruler.labels(frame.load_seg(), frame.key)
            readings = ruler.read(np.stack(list(pictures.values())), labels)
            for (name, rgb), reading in zip(pictures.items(), readings, strict=True):
                matrices[name] = matrices[name] + reading.matrix
                accepted[name] += CORE12[int(reading.condition_scores.argmax())] == target
                if name in errors:
                    errors[name].append(float(mean_squared_error(rgb[None], pictures["true"][None])[0]))
        psnr = {name: float(psnr_db(np.array(values)).mean()) for name, values in errors.items()}
        miou = {name: float(np.nanmean(_iou(matrix))) for name, matrix in matrices.items()}
        share = {name: 100.0 * count / len(frames) for name, count in accepted.items()}
        rows.append(
            f"| {target.name} | {psnr['variant']:.1f} | {psnr['source']:.1f} "
            f"| {miou['variant']:.2f} | {miou['source']:.2f} | {miou['true']:.2f} "
            f"| {share['variant']:.0f} | {share['source']:.0f} | {share['true']:.0f} |"
        )
    return [
        f"{len(frames)} clear-day moments of {' and '.join(TEST_MAPS)}, {synthesizer.name}. PSNR is against the true "
        "re-render of the same moment, mIoU is what the shipped segmenter (trained on true pictures of all twelve "
        "conditions of the training towns) reads against the labels, accepted is the share that the frozen condition "
        "classifier takes for the target. Source is the unchanged clear-day picture.",
        "",
        "| target | PSNR dB | source | mIoU | source | true | accepted % | source | true |",
        "|---|---|---|---|---|---|---|---|---|",
        *rows,
    ]


def _iou(matrix: np.ndarray) -> np.ndarray:
    return np.array([np.nan if value is None else value for value in iou(matrix)], np.float64)


def _some(store: Store, count: int) -> list[StoredFrame]:
    frames = [f for f in store.frames(condition=DOMINANT.name) if true_variant(f, TARGETS[-1].name) is not None]
    return [frames[i] for i in np.linspace(0, len(frames) - 1, min(count, len(frames))).round().astype(int)]


def _pictures(
    synthesizer: EmbeddedSynthesizer, frames: list[StoredFrame], target: Condition
) -> Iterator[tuple[StoredFrame, dict[str, np.ndarray]]]:
    for frame in frames:
        truth = true_variant(frame, target.name)
        if truth is None:
            raise SystemExit(f"{frame.key} has no true picture of {target.name}: `make generator-data` records them")
        batch = FrameBatch(
            frame.load_rgb()[None], frame.load_seg()[None], frame.load_depth_m()[None], (DOMINANT,), (frame.key,)
        )
        seed = np.array([derive_seed("generator", frame.key, target.name)], np.uint64)
        yield (
            frame,
            {
                "variant": synthesizer(batch, [target], seed)[0],
                "source": batch.rgb[0],
                "true": truth.load_rgb(),
            },
        )


if __name__ == "__main__":
    main()
