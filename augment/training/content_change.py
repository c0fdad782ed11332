"""Trains the guard's content network on true re-renders, half of them corrupted."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal

import numpy as np
import torch
from torch.nn import functional

from augment.guards.content import CELL_PX, KINDS, ContentChange, ContentNetwork, pair_planes, strongest
from augment.seeds import generator
from augment.training.content_corruptions import TAGS_OF_KIND, Corrupted, Cutout, corrupt, cut_out, degrade, things
from carla_agents.data.records import StoredFrame
from carla_agents.data.store import Store
from carla_agents.data.true_variants import RELIGHT
from carla_agents.training.muon import Muon

DEEDS = (
    "erase:vehicle",
    "insert:vehicle",
    "insert:vehicle",
    "move:vehicle",
    "erase:person",
    "insert:person",
    "insert:person",
    "insert:person",
    "move:person",
    "shift:paint",
)
"""What is done to crops, all as often; things put in are hardest to see, people above all."""
_HARD = ("night", "rain")


@dataclass(frozen=True)
class ContentTrainingConfig:
    """How the network is trained."""

    steps: int = 4000
    """Optimizer steps."""
    batch_size: int = 16
    """Crops per step."""
    crop_px: tuple[int, int] = (128, 96)
    """Width and height of a crop; multiples of 8."""
    learning_rate: float = 1e-2
    """Peak of Muon's rate in the one-cycle schedule."""
    moments: int = 1700
    """At most so many frames of the stores are used, evenly spread."""
    conditions_per_moment: int = 6
    """Each is seen under so many conditions, chosen by seed, night and rain twice as often as the others."""
    repainted: int = 0
    """So many moments are seen as `repaint` makes them too, each under one condition."""
    clean_share: float = 0.45
    """Share of crops without corruption."""
    mixed_precision: Literal["no", "bf16"] = "bf16"
    """What convolutions are computed in; bf16 takes half the time where the CPU knows it."""
    seed: int = 0
    """Decides everything."""
    threads: int = 1
    """CPU threads; part of what makes weights repeatable."""

    def __post_init__(self) -> None:
        if self.crop_px[0] % 8 or self.crop_px[1] % 8:
            raise ValueError(f"crop_px is {self.crop_px}; expected multiples of 8")
        if min(self.steps, self.batch_size, self.moments, self.conditions_per_moment) < 1:
            raise ValueError("steps, batch_size, moments and conditions_per_moment must be at least 1")


@dataclass(frozen=True, eq=False)
class _Pair:
    source: np.ndarray
    variant: np.ndarray
    seg: np.ndarray
    condition: str


def train_content_change(
    stores: Sequence[Store],
    config: ContentTrainingConfig,
    where: Callable[[StoredFrame], bool] | None = None,
    on_step: Callable[[int, float], None] | None = None,
    repaint: Callable[[StoredFrame, str], np.ndarray] | None = None,
    start: ContentChange | None = None,
) -> tuple[ContentChange, dict[str, Any]]:
    """Train the network.

    Args:
        stores: with frames, labels and true variants (`syndiff record --pairs`).
        config: how.
        where: only frames of which this is true.
        on_step: called with (steps done, loss).
        repaint: makes a variant (H, W, 3) uint8 of a frame under a condition by name, of the kind that the guard will
            judge; what it makes counts as unchanged.
        start: weights to go on from, changed in place; None begins with random ones.

    Returns:
        the network, and a record of the run for `ContentChange.save`.

    Raises:
        ValueError: the stores hold no true variants, or only one of `repaint` and `config.repainted` is given.
    """
    if (repaint is None) != (config.repainted == 0):
        raise ValueError(f"config.repainted is {config.repainted} and repaint is {repaint}; give both or neither")
    torch.set_num_threads(config.threads)
    torch.manual_seed(config.seed)
    pairs = _load(stores, config, where, repaint)
    cutouts = _cutouts(pairs, config.seed)
    started_from = None if start is None else start.weights_sha256
    network = (ContentNetwork() if start is None else start.network).train()
    optimizer = Muon(network.parameters(), lr=config.learning_rate, weight_decay=1e-4)
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimizer, config.learning_rate, total_steps=config.steps + 1, cycle_momentum=False
    )
    losses = []
    for step in range(config.steps):
        rng = generator(config.seed, "content change", step)
        crops = [_crop(rng, pairs[int(rng.integers(len(pairs)))], cutouts, config) for _ in range(config.batch_size)]
        planes, wanted, unsure = (torch.from_numpy(np.stack(parts)) for parts in zip(*crops))
        with torch.autocast("cpu", torch.bfloat16, enabled=config.mixed_precision == "bf16"):
            logits = network(planes)
        loss = _loss(logits.float(), wanted, unsure)
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        optimizer.step()
        schedule.step()
        losses.append(loss.item())
        if on_step is not None:
            on_step(step + 1, float(np.mean(losses[-50:])))
    record = {
        "training": asdict(config),
        "stores": [store.root.name for store in stores],
        "started_from": started_from,
        "pairs": len(pairs),
        "last_loss": float(np.mean(losses[-50:])),
        "torch": torch.__version__,
    }
    return ContentChange(network), record


def _load(
    stores: Sequence[Store],
    config: ContentTrainingConfig,
    where: Callable[[StoredFrame], bool] | None,
    repaint: Callable[[StoredFrame, str], np.ndarray] | None,
) -> list[_Pair]:
    frames = [frame for store in stores for frame in store.frames(where)]
    frames = [frame for frame in frames if frame.store.variants(frame.key, synthesizer=RELIGHT)]
    if not frames:
        raise ValueError(
            f"no frame of {[str(store.root) for store in stores]} has true variants; record with --pairs"
        )
    frames = _spread(frames, config.moments)
    pairs = []
    for frame in frames:
        variants = frame.store.variants(frame.key, synthesizer=RELIGHT)
        rng = generator(config.seed, "conditions", frame.key)
        source, seg = frame.load_rgb(), frame.load_seg()
        weight = np.array([2.0 if any(word in v.condition for word in _HARD) else 1.0 for v in variants])
        count = min(config.conditions_per_moment, len(variants))
        chosen = rng.choice(len(variants), count, replace=False, p=weight / weight.sum())
        pairs += [_Pair(source, variants[i].load_rgb(), seg, variants[i].condition) for i in chosen]
    if repaint is not None:
        for number, frame in enumerate(_spread(frames, config.repainted)):
            conditions = sorted({v.condition for v in frame.store.variants(frame.key, synthesizer=RELIGHT)})
            condition = conditions[number % len(conditions)]
            pairs.append(_Pair(frame.load_rgb(), repaint(frame, condition), frame.load_seg(), condition))
    return pairs


def _spread(frames: list[StoredFrame], most: int) -> list[StoredFrame]:
    """At most so many of them, evenly spread."""
    if len(frames) <= most:
        return frames
    return [frames[i] for i in np.linspace(0, len(frames) - 1, most).round().astype(int)]


def _cutouts(pairs: list[_Pair], seed: int) -> dict[str, list[Cutout]]:
    found: dict[str, list[Cutout]] = {}
    for pair in pairs:
        for kind in TAGS_OF_KIND:
            for mask in things(pair.seg, kind):
                found.setdefault(pair.condition, []).append(cut_out(pair.variant, mask, kind))
    return found


def _crop(
    rng: np.random.Generator, pair: _Pair, cutouts: dict[str, list[Cutout]], config: ContentTrainingConfig
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Planes (P, h, w), wanted (3, h/4, w/4) and unsure (h/4, w/4) of one crop."""
    height, width = pair.seg.shape
    bad = None
    if rng.random() > config.clean_share:
        bad = corrupt(rng, pair.variant, pair.seg, cutouts.get(pair.condition, []), str(rng.choice(DEEDS)))
    if bad is None:
        bad = Corrupted(pair.variant, np.zeros((len(KINDS), height, width), bool), np.zeros((height, width), bool))
    variant = degrade(rng, bad.rgb, pair.source)
    crop_width, crop_height = (min(wanted, have) for wanted, have in zip(config.crop_px, (width, height)))
    left, top = int(rng.integers(0, width - crop_width + 1)), int(rng.integers(0, height - crop_height + 1))
    rows, columns = np.nonzero(bad.changed.any(0))
    if len(rows):
        pick = int(rng.integers(len(rows)))
        left = int(np.clip(columns[pick] - rng.integers(0, crop_width), 0, width - crop_width))
        top = int(np.clip(rows[pick] - rng.integers(0, crop_height), 0, height - crop_height))
    left, top = left - left % CELL_PX, top - top % CELL_PX
    window = (slice(top, top + crop_height), slice(left, left + crop_width))
    planes = pair_planes(pair.source, variant, pair.seg, window)
    changed, unsure = bad.changed[:, *window], bad.unsure[window]
    if rng.random() < 0.5:
        planes, changed, unsure = planes[..., ::-1], changed[..., ::-1], unsure[..., ::-1]
    return np.ascontiguousarray(planes), _cells(changed), _cells(unsure[None])[0]


def _cells(mask: np.ndarray) -> np.ndarray:
    """(K, h, w) bool -> (K, h/4, w/4) float32 shares."""
    kinds, height, width = mask.shape
    tiles = mask.reshape(kinds, height // CELL_PX, CELL_PX, width // CELL_PX, CELL_PX)
    return tiles.mean((2, 4)).astype(np.float32)


def _loss(logits: torch.Tensor, share: torch.Tensor, unsure: torch.Tensor) -> torch.Tensor:
    """Cross entropy over cells that clearly changed or did not, and over the score of the whole crop."""
    wanted = (share > 0.35).float()
    counts = ((share == 0.0) | (share > 0.35)) & ((unsure[:, None] == 0.0) | (share > 0.35))
    entropy = functional.binary_cross_entropy_with_logits(logits, wanted, reduction="none")
    # Changed cells are few; they and the others count alike.
    weight = torch.where(wanted > 0, 6.0, 1.0) * counts
    cells = (entropy * weight).sum() / weight.sum()
    whole = wanted.flatten(2).sum(2)
    certain = (whole >= 2) | ((whole == 0) & (unsure.flatten(1).amax(1)[:, None] == 0))
    entropy = functional.binary_cross_entropy_with_logits(strongest(logits), (whole >= 2).float(), reduction="none")
    return cells + 0.5 * (entropy * certain).sum() / certain.sum().clamp_min(1)
