"""Distils any synthesizer into a translator: its variants in a store are what the small network learns to repeat.

Every random choice is a function of (seed, step), so a resumed run repeats an uninterrupted one exactly on the same
machine with the same number of threads. A variant's own seed makes the noise that the network sees, so a teacher
that draws with `embedded_noise` is imitated drop by drop; what another teacher draws is averaged.
"""

from __future__ import annotations

import json
import math
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, field, replace
from hashlib import blake2b
from pathlib import Path

import numpy as np
import torch
from torch.nn import functional

from augment.conditions import DOMINANT, Condition
from augment.layout import groups
from augment.seeds import derive_seed, generator
from augment.synthesizers.embedded import UNKNOWN_DEPTH_M
from augment.synthesizers.embedded_noise import draw_noise
from augment.synthesizers.embedded_step import place
from augment.synthesizers.small_controlnet import weather_vector, weights_hash
from augment.synthesizers.translator import TranslatorConfig, TranslatorStep
from augment.training.checkpoint import load_checkpoint, save_checkpoint
from carla_agents.data.records import StoredVariant
from carla_agents.data.store import Store


@dataclass(frozen=True)
class TranslatorTrainingConfig:
    """How long and how a translator is distilled."""

    steps: int = 1500
    """Optimizer steps; a run is a function of this and of the seed, not of the clock."""
    batch_size: int = 8
    """Crops per step."""
    crop_width_px: int = 128
    """Width of a crop."""
    crop_height_px: int = 80
    """Height of a crop."""
    learning_rate: float = 2e-3
    """Peak of a one-cycle schedule: short warm-up, then cosine to zero."""
    gradient_weight: float = 0.5
    """Weight of the picture-gradient term, which keeps edges sharp and in place."""
    seed: int = 0
    """Everything random in the run derives from it."""
    source: str = DOMINANT.name
    """Condition of the frames that variants were made from."""
    checkpoint_every: int = 200
    """Steps between two resumable checkpoints."""
    network: TranslatorConfig = field(default_factory=TranslatorConfig)
    """Shape of the network."""

    def __post_init__(self) -> None:
        for name in ("steps", "batch_size", "checkpoint_every"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} is {getattr(self, name)}; expected at least 1")
        multiple = self.network.size_multiple_px
        for name in ("crop_height_px", "crop_width_px"):
            value = getattr(self, name)
            if value < multiple or value % multiple:
                raise ValueError(f"{name} is {value}; expected a positive multiple of {multiple}")
        if not 0.0 < self.learning_rate <= 0.1:
            raise ValueError(f"learning_rate is {self.learning_rate}; expected above 0, at most 0.1")
        if not 0.0 <= self.gradient_weight <= 10.0:
            raise ValueError(f"gradient_weight is {self.gradient_weight}; expected 0 to 10")
        Condition.parse(self.source)


@dataclass(frozen=True)
class TranslatorTraining:
    """A finished run.

    Attributes:
        step: the trained network, in evaluation mode.
        losses: one figure per step, from the first step of the first run on.
        resumed_at: the step this call began with; 0 if nothing was resumed.
        wall_s: seconds this call took.
    """

    step: TranslatorStep
    losses: list[float]
    resumed_at: int
    wall_s: float


def taught_variants(
    store: Store, teacher: str, *, source: str, targets: tuple[str, ...] = (), split: str | None = "train"
) -> list[StoredVariant]:
    """The variants that a translator learns from.

    Args:
        store: with variants.
        teacher: name of the synthesizer that made them, or the beginning of its name.
        source: condition of their frames.
        targets: only these; empty takes all.
        split: only frames of this split; None takes all.

    Raises:
        ValueError: there are none, or several synthesizers' names begin so; the message says which there are.
    """
    fitting = [
        v
        for v in store.variants()
        if v.frame.condition == source and split in (None, v.frame.split) and (not targets or v.condition in targets)
    ]
    names = sorted({v.synthesizer for v in fitting if v.synthesizer.startswith(teacher)})
    if len(names) != 1:
        there = sorted({v.synthesizer for v in fitting})
        raise ValueError(
            f"{len(names)} synthesizers whose name begins with {teacher!r} made variants of {source} frames (split "
            f"{split!r}) in {store.root}; it has {there}: make them with `syndiff synthesize`, name one"
        )
    chosen = [v for v in fitting if v.synthesizer == names[0]]
    sizes = sorted({v.frame.size_px for v in chosen})
    if len(sizes) > 1:
        raise ValueError(f"the frames have sizes {sizes}; one size trains at a time")
    return sorted(chosen, key=lambda v: (v.frame.key, v.condition, v.seed))


def train_translator(
    variants: list[StoredVariant],
    config: TranslatorTrainingConfig,
    folder: Path,
    on_step: Callable[[int, float], None] | None = None,
) -> TranslatorTraining:
    """Train, write `config.json`, `model.safetensors`, `training.json`, `README.md` into `folder`.

    Args:
        variants: of one teacher, as `taught_variants` gives them.
        config: how.
        folder: where the model goes; an unfinished run found there is resumed.
        on_step: called with (steps done, loss).

    Raises:
        ValueError: the crop is larger than the frames, or `folder` holds a run of another configuration.
    """
    if not variants:
        raise ValueError("no variants to learn from")
    width, height = variants[0].frame.size_px
    if config.crop_width_px > width or config.crop_height_px > height:
        raise ValueError(
            f"the crop of {config.crop_width_px}x{config.crop_height_px} px is larger than the frames, "
            f"{width}x{height}"
        )
    began = time.monotonic()
    folder.mkdir(parents=True, exist_ok=True)
    identity = json.dumps({"config": asdict(config), "data": _fingerprint(variants)}, sort_keys=True)
    finished = _finished(folder, identity)
    if finished is not None:
        return TranslatorTraining(TranslatorStep.load(folder), finished, len(finished), time.monotonic() - began)
    targets = tuple(sorted({v.condition for v in variants}))
    network = replace(config.network, source=config.source, targets=targets, teacher=variants[0].synthesizer)
    torch.manual_seed(derive_seed(config.seed, "translator", "weights"))
    step = TranslatorStep(network).train()
    optimizer = torch.optim.AdamW(step.parameters(), config.learning_rate, weight_decay=1e-4, fused=True)
    checkpoint, no_average = folder / "checkpoint.safetensors", torch.nn.Module()
    losses = load_checkpoint(checkpoint, step, no_average, optimizer, identity)
    resumed_at = len(losses)
    for number in range(resumed_at, config.steps):
        for group in optimizer.param_groups:
            group["lr"] = config.learning_rate * _schedule(number, config.steps)
        inputs, wanted = _batch(variants, config, number)
        loss = _loss(step.translate(*inputs), wanted, config.gradient_weight)
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(step.parameters(), 1.0)
        optimizer.step()
        losses.append(float(loss.detach()))
        if (number + 1) % config.checkpoint_every == 0 and number + 1 < config.steps:
            save_checkpoint(checkpoint, step, no_average, optimizer, losses, identity)
        if on_step is not None:
            on_step(number + 1, losses[-1])
    wall_s = time.monotonic() - began
    step.save(folder)
    _describe(folder, step, variants, config, losses, identity)
    checkpoint.unlink(missing_ok=True)
    return TranslatorTraining(step.eval(), losses, resumed_at, wall_s)


def _batch(
    variants: list[StoredVariant], config: TranslatorTrainingConfig, number: int
) -> tuple[tuple[torch.Tensor, ...], torch.Tensor]:
    rng = generator(config.seed, "translator", "batch", number)
    by_condition: dict[str, list[StoredVariant]] = {}
    for variant in variants:
        by_condition.setdefault(variant.condition, []).append(variant)
    names = sorted(by_condition)
    rows: list[tuple[torch.Tensor, ...]] = []
    for _ in range(config.batch_size):
        of_condition = by_condition[names[rng.integers(len(names))]]
        rows.append(_example(of_condition[rng.integers(len(of_condition))], config, rng))
    *inputs, wanted = (torch.stack(parts) for parts in zip(*rows, strict=True))
    return tuple(inputs), wanted


def _example(
    variant: StoredVariant, config: TranslatorTrainingConfig, rng: np.random.Generator
) -> tuple[torch.Tensor, ...]:
    """One crop: rgb, groups, depth, weather, noise, place, wanted rgb."""
    frame = variant.frame
    width, height = frame.size_px
    multiple = config.network.size_multiple_px
    top = int(rng.integers(0, (height - config.crop_height_px) // multiple + 1)) * multiple
    left = int(rng.integers(0, (width - config.crop_width_px) // multiple + 1)) * multiple
    rows, columns = slice(top, top + config.crop_height_px), slice(left, left + config.crop_width_px)
    depth_m = (
        frame.load_depth_m() if "depth" in frame.files else np.full((height, width), UNKNOWN_DEPTH_M, np.float32)
    )
    weather = weather_vector(Condition.parse(frame.condition), Condition.parse(variant.condition))
    rgb = _picture(frame.load_rgb()[rows, columns])
    places = place(torch.empty(1, 3, height, width))[0, :, rows, columns].clone()
    planes = [
        rgb,
        torch.from_numpy(groups(frame.load_seg())[rows, columns].astype(np.int64)),
        torch.from_numpy(depth_m[rows, columns].astype(np.float32)),
        torch.from_numpy(draw_noise(variant.seed, height, width)[:, rows, columns].copy()),
        _picture(variant.load_rgb()[rows, columns]),
    ]
    if rng.random() < 0.5:
        planes = [plane.flip(-1) for plane in planes]
        places = places.flip(-1)
        places[0].neg_()
    rgb, kinds, depth, noise, wanted = planes
    return rgb, kinds, depth, torch.from_numpy(weather), noise, places, wanted


def _loss(predicted: torch.Tensor, wanted: torch.Tensor, gradient_weight: float) -> torch.Tensor:
    loss = functional.smooth_l1_loss(predicted, wanted, beta=0.05)
    for axis in (2, 3):
        loss = loss + gradient_weight * functional.l1_loss(predicted.diff(dim=axis), wanted.diff(dim=axis))
    return loss


def _picture(rgb: np.ndarray) -> torch.Tensor:
    return torch.from_numpy(np.ascontiguousarray(rgb.transpose(2, 0, 1))).float() / 255.0


def _schedule(step: int, steps: int) -> float:
    warm_up = max(1, min(30, steps // 10))
    return min(1.0, (step + 1) / warm_up) * 0.5 * (1.0 + math.cos(math.pi * step / steps))


def _fingerprint(variants: list[StoredVariant]) -> str:
    rows = [(v.frame.key, v.condition, v.synthesizer, v.seed) for v in variants]
    return blake2b(json.dumps(rows).encode(), digest_size=8).hexdigest()


def _finished(folder: Path, identity: str) -> list[float] | None:
    record = folder / "training.json"
    if not record.is_file():
        return None
    values = json.loads(record.read_text(encoding="utf-8"))
    if values.get("identity") != identity:
        raise ValueError(
            f"{folder} holds a finished run of another configuration or other data; choose another folder"
        )
    return list(values["losses"])


def _describe(
    folder: Path,
    step: TranslatorStep,
    variants: list[StoredVariant],
    config: TranslatorTrainingConfig,
    losses: list[float],
    identity: str,
) -> None:
    width, height = variants[0].frame.size_px
    frames = len({v.frame.key for v in variants})
    (folder / "README.md").write_text(
        f"""# Translator: one step in place of {step.config.teacher}

A convolutional network of {sum(p.numel() for p in step.parameters()) / 1e6:.2f} million parameters that repeats
another synthesizer's variants. It can be no better than its teacher, and what the teacher draws at random is
averaged.

| | |
|---|---|
| teacher | {step.config.teacher} |
| learned from | {len(variants)} variants of {frames} frames of {width}x{height} px |
| source condition | {step.config.source} |
| target conditions | {", ".join(step.config.targets)} |
| optimizer steps, seed | {config.steps}, {config.seed} |
| loss at the end | {float(np.mean(losses[-20:])):.4f} (mean of the last 20 steps) |
| weights | {weights_hash(folder)} |
""",
        encoding="utf-8",
    )
    temporary = folder / "training.json.partial"
    temporary.write_text(json.dumps({"identity": identity, "losses": losses}) + "\n", encoding="utf-8")
    temporary.replace(folder / "training.json")
