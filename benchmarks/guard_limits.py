"""Figures that the guard's checks give for true re-renders, and the limits to copy into `GuardConfig`.

The frames are of the training towns, of drives that the content network has not learned from
(`benchmarks.guard_network`); the shipped segmenter has.
    python -m benchmarks.guard_limits --stores runs/generator-data/train-*

How many true pictures each limit may reject was chosen on those drives, with the corruptions that the network learns
from: from the loosest limits on, always the one was tightened that caught most for a true picture more rejected.
Labels, what the segmenter alone reads as new and the correlation along lanes catch hardly any of these corruptions
that changed content does not; their limits stay, wide, for faults of another kind. Limits for each condition
by itself caught no more: what is missed is far below any of them.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import numpy as np
import torch

from augment.conditions import CORE12, DOMINANT
from augment.guard import Guard, GuardConfig
from augment.synthesizers.base import FrameBatch
from benchmarks.guard_network import is_for_training
from benchmarks.stopwatch import machine_line
from carla_agents.data.store import Store
from carla_agents.data.true_variants import true_variant

ROOM = {
    "changed:person": 0.05,
    "changed:vehicle": 0.0125,
    "changed:paint": 0.0075,
    "appeared:person": 0.002,
    "appeared:vehicle": 0.002,
    "kept:person": 0.015,
    "kept:vehicle": 0.00125,
    "labels": 0.00125,
    "lane_agreement": 0.004,
    "lane_shift_gain": 0.004,
}
"""Figure, or the group before its colon -> share of true re-renders that its limit may reject."""
SHARES = (0.005, 0.01, 0.02, 0.05, 0.5, 0.95, 0.98, 0.99, 0.995)
TARGETS = tuple(condition for condition in CORE12 if condition != DOMINANT)


def limit(values: list[float], pictures: int, room: float, from_above: bool) -> float:
    """The value beyond which lie a share `room` of so many pictures, of which some may lack the figure."""
    worst = sorted(values, reverse=from_above)
    return worst[min(round(room * pictures), len(worst) - 1)]


def beyond(figures: dict[str, float], name: str, bound: float, from_above: bool) -> bool:
    """Whether a picture's figure, if it has it, is on the wrong side of a limit."""
    value = figures.get(name, bound)
    return value > bound if from_above else value < bound


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--stores", type=Path, nargs="+", required=True, help="training stores with true variants")
    parser.add_argument("--pairs", type=int, default=1000, help="so many pictures, evenly spread")
    parser.add_argument("--figures", type=Path, help="write every picture's figures here, as JSON")
    options = parser.parse_args()
    torch.set_num_threads(1)
    print(machine_line())
    stores = [Store.read(root) for root in sorted(options.stores)]
    frames = [f for store in stores for f in store.frames(lambda f: not is_for_training(f), condition=DOMINANT.name)]
    guard, least, most = Guard(), GuardConfig().least(), GuardConfig().most()
    pictures: list[dict[str, float]] = []
    chosen = np.linspace(0, len(frames) - 1, options.pairs).round().astype(int)
    for number, index in enumerate(chosen):
        frame, target = frames[index], TARGETS[number * 7 % len(TARGETS)]
        variant = true_variant(frame, target.name)
        if variant is None:
            raise ValueError(f"{frame.store.root} has no true {target.name} of {frame.key}; record it with pairs")
        batch = FrameBatch(frame.load_rgb()[None], frame.load_seg()[None], None, (DOMINANT,), (frame.key,))
        pictures.append(guard(batch, variant.load_rgb()[None], [target])[0].figures)
    if options.figures is not None:
        options.figures.write_text(json.dumps(pictures), encoding="utf-8")
    values = {name: [found[name] for found in pictures if name in found] for name in sorted(set().union(*pictures))}
    print(f"{len(pictures)} true re-renders of {', '.join(store.root.name for store in stores)}")
    print(f"{'':24} {'n':>5} " + " ".join(f"{100 * share:>7g}%" for share in SHARES))
    for name, found in values.items():
        print(f"{name:24} {len(found):5} " + " ".join(f"{value:8.3f}" for value in np.quantile(found, SHARES)))
    wanted = least | most
    for name in wanted:
        room = ROOM.get(name, ROOM.get(name.partition(":")[0]))
        if room is not None and values.get(name):
            wanted[name] = limit(values[name], len(pictures), room, name in most)
    print(f"{'Limits to copy into GuardConfig':36} {'wanted':>8} {'rejects':>8} {'in force':>9} {'rejects':>8}")
    for name, in_force in (least | most).items():
        counts = [
            sum(beyond(found, name, bound, name in most) for found in pictures) for bound in (wanted[name], in_force)
        ]
        print(f"{name:36} {wanted[name]:8.3f} {counts[0]:8} {in_force:9.3f} {counts[1]:8}")
    totals = [
        sum(any(beyond(found, name, bound, name in most) for name, bound in bounds.items()) for found in pictures)
        for bounds in (wanted, least | most)
    ]
    print(f"{'pictures rejected by any of them':36} {'':8} {totals[0]:8} {'':9} {totals[1]:8}")


if __name__ == "__main__":
    main()
