"""Trains the network of the guard that marks changed content, and writes what the package ships.

The last drive of every store is left out; `python -m benchmarks.guard_limits` reads the guard's limits off it.
    python -m benchmarks.guard_network --stores runs/generator-data/train-* --out augment/weights/content_change
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch

from augment.conditions import DOMINANT, Condition
from augment.synthesizers.base import FrameBatch
from augment.synthesizers.embedded import EmbeddedSynthesizer, default_embedded_folder
from augment.synthesizers.protected import ProtectedSynthesizer
from augment.training.content_change import ContentTrainingConfig, train_content_change
from benchmarks.stopwatch import Stopwatch, machine_line
from carla_agents.data.records import StoredFrame
from carla_agents.data.store import Store

CARD = """# Content-change network of the guard

{parameters:,} parameters, float16. It looks at a frame, a variant of it and the frame's labels, and marks cells of
4x4 pixels where a vehicle, a person or lane paint came, went or moved: convolutions at a half, a quarter and an
eighth of the picture, mean over the pair and its mirror image.

**Learned from** the embedded simulator alone: clear-day frames and their true re-renders under other conditions,
256x144, default style, and {repainted} variants by the shipped ControlNet with protected classes; half of them
corrupted by `augment/training/content_corruptions.py`, things put in above all. {steps} steps, last loss
{last_loss:.3f}. Stores: {stores}.

**Use.** One of the checks of `augment.guard.Guard`. What it catches is measured with corruptions of another making
by `python -m benchmarks.guard`.

**Not for** real photographs or another look without limits of your own. It sees no change that leaves no trace in the
pixels, such as a dark car taken out of a dark street.

**Trained anew** by `python -m benchmarks.guard_network`; other thread counts or versions give other weights.
"""


def is_for_training(frame: StoredFrame) -> bool:
    """Whether a frame is not of the last drive of its store."""
    return frame.route_id != frame.store.routes()[-1].route_id


def repainter() -> Callable[[StoredFrame, str], np.ndarray]:
    """Variants by the shipped ControlNet with protected classes."""
    torch.set_num_threads(1)
    synthesizer = ProtectedSynthesizer(EmbeddedSynthesizer.from_folder(default_embedded_folder()))

    def repaint(frame: StoredFrame, condition: str) -> np.ndarray:
        rgb, seg, depth_m = frame.load_rgb()[None], frame.load_seg()[None], frame.load_depth_m()[None]
        batch = FrameBatch(rgb, seg, depth_m, (DOMINANT,), (frame.key,))
        return synthesizer(batch, [Condition.parse(condition)], np.zeros(1, np.uint64))[0]

    return repaint


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--stores", type=Path, nargs="+", required=True, help="training stores with true variants")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--steps", type=int, default=ContentTrainingConfig.steps)
    parser.add_argument("--repainted", type=int, default=600, help="variants of the shipped ControlNet to learn from")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    print(machine_line())
    config = ContentTrainingConfig(steps=options.steps, repainted=options.repainted, seed=options.seed)
    stores = [Store.read(root) for root in sorted(options.stores)]

    def show(done: int, loss: float) -> None:
        if done % 25 == 0:
            print(f"{done} of {config.steps} steps, loss {loss:.3f}", flush=True)

    with Stopwatch() as watch:
        network, record = train_content_change(stores, config, is_for_training, show, repainter())
    network.save(options.out, record)
    card = CARD.format(
        parameters=network.parameter_count(),
        stores=", ".join(record["stores"]),
        steps=config.steps,
        repainted=config.repainted,
        last_loss=record["last_loss"],
    )
    (options.out / "README.md").write_text(card, encoding="utf-8")
    print(f"{options.out}: {watch.wall_s:.0f} s wall, {watch.own_cpu_s:.0f} s CPU")


if __name__ == "__main__":
    main()
