"""Figures that the guard's checks give for true re-renders: quantiles to read its limits off.

The frames are of the training towns, of drives that the content network has not learned from
(`benchmarks.guard_network`); the shipped segmenter has.
    python -m benchmarks.guard_limits --stores runs/generator-data/train-*
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
import torch

from augment.conditions import CORE12, DOMINANT
from augment.guard import Guard
from augment.synthesizers.base import FrameBatch
from benchmarks.guard_network import is_for_training
from benchmarks.stopwatch import machine_line
from carla_agents.data.store import Store
from carla_agents.data.true_variants import true_variant

SHARES = (0.005, 0.01, 0.02, 0.05, 0.5, 0.95, 0.98, 0.99, 0.995)
TARGETS = tuple(condition for condition in CORE12 if condition != DOMINANT)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--stores", type=Path, nargs="+", required=True, help="training stores with true variants")
    parser.add_argument("--pairs", type=int, default=1000, help="so many pictures, evenly spread")
    options = parser.parse_args()
    torch.set_num_threads(1)
    print(machine_line())
    stores = [Store.read(root) for root in sorted(options.stores)]
    frames = [f for store in stores for f in store.frames(lambda f: not is_for_training(f), condition=DOMINANT.name)]
    guard, rejected = Guard(), 0
    figures: dict[str, list[float]] = {}
    chosen = np.linspace(0, len(frames) - 1, options.pairs).round().astype(int)
    for number, index in enumerate(chosen):
        frame, target = frames[index], TARGETS[number * 7 % len(TARGETS)]
        variant = true_variant(frame, target.name)
        if variant is None:
            raise ValueError(f"{frame.store.root} has no true {target.name} of {frame.key}; record it with pairs")
        batch = FrameBatch(frame.load_rgb()[None], frame.load_seg()[None], None, (DOMINANT,), (frame.key,))
        verdict = guard(batch, variant.load_rgb()[None], [target])[0]
        rejected += not verdict.accepted
        for name, value in verdict.figures.items():
            figures.setdefault(name, []).append(value)
    print(f"{len(chosen)} true re-renders of {', '.join(store.root.name for store in stores)}, {rejected} rejected")
    print(f"{'':24} {'n':>5} " + " ".join(f"{100 * share:>7g}%" for share in SHARES))
    for name, values in sorted(figures.items()):
        cells = " ".join(f"{value:8.3f}" for value in np.quantile(values, SHARES))
        print(f"{name:24} {len(values):5} {cells}")


if __name__ == "__main__":
    main()
