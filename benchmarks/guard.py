"""What the guard catches, and what it rejects without cause: corruptions planted into true re-renders.

Towns and frames are held out; corruptions come from `benchmarks.corruptions`, which shares no code with the guard.
Record the frames with `python -m benchmarks.segmentation_stores --depth --out DIR`.
    python -m benchmarks.guard --stores DIR/test-TownArterial DIR/test-TownHill
"""

from __future__ import annotations

import argparse
import math
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from augment.conditions import CORE12, DOMINANT, Condition
from augment.guard import Guard, Verdict
from augment.seeds import generator
from augment.synthesizers.base import FrameBatch
from benchmarks import corruptions
from benchmarks.corruptions import Donor, Planted, pieces
from benchmarks.stopwatch import machine_line
from carla_agents.data.records import StoredFrame
from carla_agents.data.store import Store
from carla_agents.data.true_variants import true_variant

SIZES_PX = (0, 100, 150, 300, 600)
LEVELS = (4, 8, 16, 32)
"""Where the bins begin by which the share caught is told: size and visibility of what was planted."""
TARGETS = tuple(condition for condition in CORE12 if condition != DOMINANT)
_KINDS = {
    "car": (corruptions.CAR_TAGS, corruptions.LEAST_CAR_PX),
    "person": (corruptions.PERSON_TAGS, corruptions.LEAST_PERSON_PX),
}


@dataclass(frozen=True, eq=False)
class Scene:
    """A held-out frame and what it truly looks like under a condition."""

    frame: StoredFrame
    rgb: np.ndarray
    seg: np.ndarray
    target: Condition
    true: np.ndarray


class Street:
    """Draws scenes, donors and corruptions from the held-out stores."""

    def __init__(self, stores: list[Store]) -> None:
        self._frames = [f for store in stores for f in store.frames(condition=DOMINANT.name)]
        self._segs = [frame.load_seg() for frame in self._frames]
        self._with = {
            name: [i for i, seg in enumerate(self._segs) if pieces(seg, *kind)] for name, kind in _KINDS.items()
        }
        self._with["lamp"] = [
            i for i, seg in enumerate(self._segs) if pieces(seg, (corruptions.LIGHT,), corruptions.LEAST_LAMP_PX)
        ]
        self._all = list(range(len(self._frames)))

    def __len__(self) -> int:
        return len(self._frames)

    def scene(self, rng: np.random.Generator, having: str | None = None) -> Scene:
        """A frame (with a thing of that kind) and one of its true re-renders."""
        pool = self._all if having is None else self._with[having]
        index = int(rng.choice(pool))
        target = TARGETS[int(rng.integers(len(TARGETS)))]
        return self._scene(index, target)

    def _scene(self, index: int, target: Condition) -> Scene:
        frame = self._frames[index]
        variant = true_variant(frame, target.name)
        if variant is None:
            raise ValueError(f"{frame.store.root} has no true {target.name} of {frame.key}; record it with pairs")
        return Scene(frame, frame.load_rgb(), self._segs[index], target, variant.load_rgb())

    def clean(self, rng: np.random.Generator) -> tuple[Scene, Planted | None]:
        scene = self.scene(rng)
        return scene, Planted(scene.true, np.ones(scene.seg.shape, bool), 255.0)

    def erased(self, rng: np.random.Generator, kind: str) -> tuple[Scene, Planted | None]:
        scene = self.scene(rng, kind)
        return scene, corruptions.erased(rng, scene.true, self._piece(rng, scene, kind))

    def moved(self, rng: np.random.Generator, kind: str) -> tuple[Scene, Planted | None]:
        scene = self.scene(rng, kind)
        return scene, corruptions.moved(rng, scene.true, self._piece(rng, scene, kind))

    def inserted(self, rng: np.random.Generator, kind: str) -> tuple[Scene, Planted | None]:
        scene = self.scene(rng)
        giver = self._scene(int(rng.choice(self._with[kind])), scene.target)
        donor = Donor(giver.true, self._piece(rng, giver, kind))
        return scene, corruptions.inserted(rng, scene.true, scene.seg, donor)

    def lamp(self, rng: np.random.Generator) -> tuple[Scene, Planted | None]:
        scene = self.scene(rng, "lamp")
        night = true_variant(scene.frame, "clear-night")
        heads = pieces(scene.seg, (corruptions.LIGHT,), corruptions.LEAST_LAMP_PX)
        lit = [head for head in heads if night is not None and corruptions.lamp_is_lit(night.load_rgb(), head)]
        return scene, corruptions.flipped(scene.true, lit[int(rng.integers(len(lit)))]) if lit else None

    def lane(self, rng: np.random.Generator) -> tuple[Scene, Planted | None]:
        scene = self.scene(rng)
        return scene, corruptions.shifted(rng, scene.true, scene.seg)

    def condition(self, rng: np.random.Generator) -> tuple[Scene, Planted | None]:
        scene = self.scene(rng)
        others = [condition for condition in TARGETS if condition != scene.target]
        other = true_variant(scene.frame, others[int(rng.integers(len(others)))].name)
        picture = scene.rgb if rng.random() < 0.5 or other is None else other.load_rgb()
        return scene, Planted(picture, np.ones(scene.seg.shape, bool), 255.0)

    def _piece(self, rng: np.random.Generator, scene: Scene, kind: str) -> np.ndarray:
        found = pieces(scene.seg, *_KINDS[kind])
        return found[int(rng.integers(len(found)))]


Draw = Callable[[Street, np.random.Generator], tuple[Scene, Planted | None]]
TYPES: dict[str, Draw] = {
    "car moved": lambda street, rng: street.moved(rng, "car"),
    "car erased": lambda street, rng: street.erased(rng, "car"),
    "car inserted": lambda street, rng: street.inserted(rng, "car"),
    "person erased": lambda street, rng: street.erased(rng, "person"),
    "person inserted": lambda street, rng: street.inserted(rng, "person"),
    "lamp flipped": Street.lamp,
    "lane shifted": Street.lane,
    "condition not reached": Street.condition,
    "true re-render": Street.clean,
}


def judged(guard: Guard, scene: Scene, planted: Planted) -> Verdict:
    """The guard's verdict on one planted picture."""
    frames = FrameBatch(
        scene.rgb[None], scene.seg[None], scene.frame.load_depth_m()[None], (DOMINANT,), (scene.frame.key,)
    )
    return guard(frames, planted.rgb[None], [scene.target])[0]


def wilson(hits: int, count: int) -> tuple[float, float]:
    """95 % interval of a share (Wilson 1927)."""
    if not count:
        return 0.0, 1.0
    z, share = 1.96, hits / count
    centre = (share + z * z / (2 * count)) / (1 + z * z / count)
    half = z * math.sqrt(share * (1 - share) / count + z * z / (4 * count * count)) / (1 + z * z / count)
    return centre - half, centre + half


def shares_by(name: str, starts: tuple[int, ...], values: list[float], caught: list[bool]) -> str:
    """Share caught in bins of a figure that begin at `starts`, with the number in each."""
    at, hits = np.digitize(values, starts), np.array(caught)
    cells = []
    for number, start in enumerate(starts, 1):
        end = f"-{starts[number]}" if number < len(starts) else "+"
        inside = hits[at == number]
        cells.append(f"{start}{end}: {inside.mean():.2f} of {len(inside)}" if len(inside) else f"{start}{end}: none")
    return f"{name} {', '.join(cells)}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--stores", type=Path, nargs="+", required=True, help="held-out stores with true variants")
    parser.add_argument("--each", type=int, default=500, help="visible corruptions of each type")
    parser.add_argument("--types", nargs="+", default=list(TYPES), choices=list(TYPES))
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    torch.set_num_threads(1)
    print(machine_line())
    street = Street([Store.read(root) for root in options.stores])
    guard = Guard()
    print(f"{len(street)} held-out frames of {', '.join(root.name for root in options.stores)}")
    print(f"{'':22} {'n':>4}  rejected (95 %)          {'hidden':>6}  reasons")
    began, count = time.process_time(), 0
    details = []
    for name in options.types:
        hidden, hidden_caught, tries = 0, 0, 0
        caught: list[bool] = []
        sizes_px: list[float] = []
        levels: list[float] = []
        reasons: Counter[str] = Counter()
        wrong: Counter[str] = Counter()
        while len(caught) < options.each and tries < 20 * options.each:
            scene, planted = TYPES[name](street, generator(options.seed, "guard benchmark", name, tries))
            tries += 1
            if planted is None:
                continue
            verdict = judged(guard, scene, planted)
            count += 1
            if not planted.visible:
                hidden, hidden_caught = hidden + 1, hidden_caught + (not verdict.accepted)
                continue
            caught.append(not verdict.accepted)
            sizes_px.append(float(planted.region.sum()))
            levels.append(planted.levels)
            if not verdict.accepted:
                reasons.update(part.split(" ")[0] for part in verdict.reason.split("; "))
            if verdict.accepted != (name == "true re-render"):
                wrong[scene.target.name] += 1
        shown = len(caught)
        low, high = wilson(sum(caught), shown)
        share = f"{sum(caught) / max(shown, 1):.3f} ({low:.3f} {high:.3f})"
        why = f"{dict(reasons.most_common(4))} wrong in {dict(wrong.most_common(4))}"
        print(f"{name:22} {shown:4}  {share}  {hidden_caught:4}/{hidden:<4} {why}", flush=True)
        if name not in ("condition not reached", "true re-render"):
            details.append(f"{name:22} {shares_by('px', SIZES_PX, sizes_px, caught)}")
            details.append(f"{'':22} {shares_by('levels', LEVELS, levels, caught)}")
    print("Share caught by the size of what was planted and by how much its region changed (levels of 255):")
    print("\n".join(details))
    print(f"{1e3 * (time.process_time() - began) / max(count, 1):.0f} ms CPU per verdict, corruption included")


if __name__ == "__main__":
    main()
