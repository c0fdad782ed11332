"""Trains the network of the guard that marks changed content, and writes what the package ships.

The last drive of every store is left out; `python -m benchmarks.guard_limits` reads the guard's limits off it.
    python -m benchmarks.guard_network --stores runs/generator-data/train-* --out runs/content-first
    python -m benchmarks.guard_network --stores runs/generator-data/train-* --out augment/weights/content_change \\
        --start runs/content-first --steps 3000 --learning-rate 5e-3 --seed 1
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
import torch

from augment.conditions import DOMINANT, Condition
from augment.guards.content import ContentChange
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
corrupted by `augment/training/content_corruptions.py`, things put in above all. {steps} steps from {start},
last loss {last_loss:.3f}. Stores: {stores}.

**Use.** One of the checks of `augment.guard.Guard`. What it catches is measured with corruptions of another making
by `python -m benchmarks.guard`.

**Not for** real photographs or another look without limits of your own. It sees no change that leaves no trace in the
pixels, such as a dark car taken out of a dark street.

**Trained anew** by `python -m benchmarks.guard_network`; other thread counts or versions give other weights.
"""


def is_for_training(frame: StoredFrame) -> bool:
    """Whether a frame is not of the last drive of its store."""
    return frame.route_id != frame.store.routes()[-1].route_id


class Repainter:
    """Variants by the shipped ControlNet with protected classes.

    Args:
        kept: file that they are read from where it exists, and written to by `keep`; None makes them anew.

    Raises:
        ValueError: what the file holds was made by another synthesizer.
    """

    def __init__(self, kept: Path | None = None) -> None:
        torch.set_num_threads(1)
        self._synthesizer = ProtectedSynthesizer(EmbeddedSynthesizer.from_folder(default_embedded_folder()))
        self._kept = kept
        self._pictures: dict[str, np.ndarray] = {}
        if kept is not None and kept.exists():
            with np.load(kept) as stored:
                self._pictures = dict(stored)
            made_by = str(self._pictures.pop(_MADE_BY, "nobody known"))
            if made_by != self._name():
                raise ValueError(f"{kept} was made by {made_by}, not by {self._name()}; delete it or name another")

    def __call__(self, frame: StoredFrame, condition: str) -> np.ndarray:
        name = f"{frame.store.root.name}|{frame.key}|{condition}".replace("/", "#")  # npz makes folders of slashes
        if name not in self._pictures:
            rgb, seg, depth_m = frame.load_rgb()[None], frame.load_seg()[None], frame.load_depth_m()[None]
            batch = FrameBatch(rgb, seg, depth_m, (DOMINANT,), (frame.key,))
            targets = [Condition.parse(condition)]
            self._pictures[name] = self._synthesizer(batch, targets, np.zeros(1, np.uint64))[0]
        return self._pictures[name]

    def keep(self) -> None:
        """Write all variants made or read so far to the file."""
        if self._kept is not None:
            np.savez(self._kept, **{_MADE_BY: np.array(self._name())}, **self._pictures)

    def _name(self) -> str:
        return self._synthesizer.name


_MADE_BY = "made_by"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--stores", type=Path, nargs="+", required=True, help="training stores with true variants")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--steps", type=int, default=ContentTrainingConfig.steps)
    parser.add_argument("--learning-rate", type=float, default=ContentTrainingConfig.learning_rate)
    parser.add_argument("--start", type=Path, help="folder of weights to go on from")
    parser.add_argument("--repaints", type=Path, help="keep those variants in this .npz file, or take them from it")
    parser.add_argument("--repainted", type=int, default=600, help="variants of the shipped ControlNet to learn from")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    print(machine_line())
    config = ContentTrainingConfig(
        steps=options.steps, learning_rate=options.learning_rate, repainted=options.repainted, seed=options.seed
    )
    start = None if options.start is None else ContentChange.load(options.start)
    stores = [Store.read(root) for root in sorted(options.stores)]

    def show(done: int, loss: float) -> None:
        if done % 25 == 0:
            print(f"{done} of {config.steps} steps, loss {loss:.3f}", flush=True)

    with Stopwatch() as watch:
        repaint = Repainter(options.repaints)
        network, record = train_content_change(stores, config, is_for_training, show, repaint, start)
    repaint.keep()
    network.save(options.out, record)
    card = CARD.format(
        parameters=network.parameter_count(),
        stores=", ".join(record["stores"]),
        steps=config.steps,
        start="random weights" if start is None else f"those of sha256 {record['started_from']}",
        repainted=config.repainted,
        last_loss=record["last_loss"],
    )
    (options.out / "README.md").write_text(card, encoding="utf-8")
    print(f"{options.out}: {watch.wall_s:.0f} s wall, {watch.own_cpu_s:.0f} s CPU")


if __name__ == "__main__":
    main()
