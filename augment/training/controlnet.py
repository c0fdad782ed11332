"""Trains the small ControlNet configuration on paired frames, in a few CPU minutes.

One step: take `batch_size` crops of (source, target) pairs, put them on the bridge at a place s, let the network
predict the displacement to the target, and compare the target it implies with the true one, in pixels and in their
gradients. Every random choice is a function of (seed, step), so a resumed run repeats an uninterrupted one exactly
on the same machine with the same number of threads.
"""

from __future__ import annotations

import json
import math
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path

import numpy as np
import torch
from torch.nn import functional

from augment.conditions import DOMINANT, Condition
from augment.seeds import derive_seed, generator
from augment.synthesizers.bridge_scheduler import TIME_SCALE, BridgeScheduler
from augment.synthesizers.pixel_codec import CODEC_FACTOR, encode_pixels
from augment.synthesizers.small_controlnet import (
    SmallControlNet,
    SmallControlNetConfig,
    make_hint,
    weights_hash,
)
from augment.training.checkpoint import load_checkpoint, save_checkpoint
from augment.training.model_card import small_controlnet_card
from augment.training.pairs import PairedFrames


@dataclass(frozen=True)
class ControlNetTrainingConfig:
    """How long and how the small ControlNet is trained."""

    steps: int = 400
    """Optimizer steps; a run is a function of this and of the seed, not of the clock."""
    batch_size: int = 8
    """Crops per step."""
    crop_height_px: int = 80
    """Height of a crop; a multiple of 16."""
    crop_width_px: int = 128
    """Width of a crop; a multiple of 16."""
    learning_rate: float = 2e-3
    """Peak of a one-cycle schedule: short warm-up, then cosine to zero."""
    gradient_weight: float = 0.5
    """Weight of the picture-gradient term, which keeps edges sharp and in place."""
    seed: int = 0
    """Everything random in the run derives from it."""
    source: str = DOMINANT.name
    """Condition of the source frames."""
    checkpoint_every: int = 100
    """Steps between two resumable checkpoints."""
    network: SmallControlNetConfig = field(default_factory=SmallControlNetConfig)
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
class ControlNetTraining:
    """A finished run.

    Attributes:
        model: the trained network, in evaluation mode.
        losses: one figure per step, from the first step of the first run on.
        resumed_at: the step this call began with; 0 if nothing was resumed.
        wall_s: seconds this call took.
    """

    model: SmallControlNet
    losses: list[float]
    resumed_at: int
    wall_s: float


def train_controlnet(
    pairs: PairedFrames,
    config: ControlNetTrainingConfig,
    folder: Path,
    on_step: Callable[[int, float], None] | None = None,
) -> ControlNetTraining:
    """Train, write `config.json`, `model.safetensors`, `training.json`, `README.md` into `folder`.

    Args:
        pairs: what to learn from; the source condition of the configuration must be among its conditions.
        config: how.
        folder: where the model goes; an unfinished run found there is resumed.
        on_step: called with (steps done, loss), e.g. for a progress bar.

    Returns:
        The trained model and its loss curve.

    Raises:
        ValueError: pairs and configuration do not fit, or `folder` holds a run of another configuration.
    """
    _check(pairs, config)
    began = time.monotonic()
    folder.mkdir(parents=True, exist_ok=True)
    identity = json.dumps({"config": asdict(config), "data": pairs.fingerprint()}, sort_keys=True)
    finished = _finished(folder, identity)
    if finished is not None:
        return ControlNetTraining(SmallControlNet.load(folder), finished, len(finished), time.monotonic() - began)
    torch.manual_seed(derive_seed(config.seed, "controlnet", "weights"))
    targets = tuple(sorted(c.name for c in pairs.rgb if c.name != config.source))
    model = SmallControlNet(replace(config.network, source=config.source, targets=targets)).train()
    optimizer = torch.optim.AdamW(model.parameters(), config.learning_rate, weight_decay=1e-4, fused=True)
    checkpoint = folder / "checkpoint.safetensors"
    losses = load_checkpoint(checkpoint, model, optimizer, identity)
    resumed_at = len(losses)
    bridge = BridgeScheduler(config.network.noise_level)
    for step in range(resumed_at, config.steps):
        for group in optimizer.param_groups:
            group["lr"] = config.learning_rate * _schedule(step, config.steps)
        loss = _loss(model, bridge, _batch(pairs, config, step), config)
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        losses.append(float(loss.detach()))
        if (step + 1) % config.checkpoint_every == 0 and step + 1 < config.steps:
            save_checkpoint(checkpoint, model, optimizer, losses, identity)
        if on_step is not None:
            on_step(step + 1, losses[-1])
    wall_s = time.monotonic() - began
    _finish(folder, model, pairs, config, losses, identity, wall_s)
    checkpoint.unlink(missing_ok=True)
    return ControlNetTraining(model.eval(), losses, resumed_at, wall_s)


@dataclass(frozen=True)
class _Batch:
    source: torch.Tensor
    target: torch.Tensor
    hint: torch.Tensor
    s: torch.Tensor
    noise: torch.Tensor
    sources: list[Condition]
    targets: list[Condition]


def _batch(pairs: PairedFrames, config: ControlNetTrainingConfig, step: int) -> _Batch:
    rng = generator(config.seed, "controlnet", "batch", step)
    source_condition = Condition.parse(config.source)
    choices = sorted((c for c in pairs.rgb if c != source_condition), key=lambda c: c.name)
    frames = rng.integers(0, len(pairs), config.batch_size)
    targets = [choices[i] for i in rng.integers(0, len(choices), config.batch_size)]
    hints, before, after = [], [], []
    height, width = pairs.seg.shape[1:]
    for frame, target in zip(frames, targets):
        top = int(rng.integers(0, (height - config.crop_height_px) // CODEC_FACTOR + 1)) * CODEC_FACTOR
        left = int(rng.integers(0, (width - config.crop_width_px) // CODEC_FACTOR + 1)) * CODEC_FACTOR
        rows, columns = slice(top, top + config.crop_height_px), slice(left, left + config.crop_width_px)
        one = slice(int(frame), int(frame) + 1)
        depth = None if pairs.depth_m is None or not config.network.uses_depth else pairs.depth_m[one]
        rgb = pairs.rgb[source_condition][one]
        hint = make_hint(rgb, pairs.seg[one], depth)[:, :, rows, columns]
        picture = hint[:, :3] * 2 - 1
        goal = _picture(pairs.rgb[target][one][:, rows, columns])
        if rng.random() < 0.5:
            hint, picture, goal = hint.flip(3), picture.flip(3), goal.flip(3)
            hint[:, -2] = hint[:, -2].neg()
        hints.append(hint)
        before.append(picture)
        after.append(goal)
    source = encode_pixels(torch.cat(before))
    target_latents = encode_pixels(torch.cat(after))
    # Sampling begins at s = 1, so that place is visited most; the others matter when more than one step is taken.
    grid = np.arange(1, config.network.inference_steps + 1) / config.network.inference_steps
    s = np.where(rng.random(config.batch_size) < 0.5, 1.0, rng.choice(grid, config.batch_size))
    noise = rng.standard_normal(tuple(source.shape), dtype=np.float32)
    return _Batch(
        source,
        target_latents,
        torch.cat(hints),
        torch.from_numpy(s.astype(np.float32)),
        torch.from_numpy(noise),
        [source_condition] * config.batch_size,
        targets,
    )


def _loss(
    model: SmallControlNet, bridge: BridgeScheduler, batch: _Batch, config: ControlNetTrainingConfig
) -> torch.Tensor:
    state = bridge.state_at(batch.source, batch.target, batch.s, batch.noise)
    displacement = model(state, batch.s * TIME_SCALE, model.embed(batch.sources, batch.targets), batch.hint)
    predicted = functional.pixel_shuffle(state - displacement, CODEC_FACTOR)
    wanted = functional.pixel_shuffle(batch.target, CODEC_FACTOR)
    loss = functional.smooth_l1_loss(predicted, wanted, beta=0.1)
    if config.gradient_weight > 0.0:
        for axis in (2, 3):
            loss = loss + config.gradient_weight * functional.l1_loss(predicted.diff(dim=axis), wanted.diff(dim=axis))
    return loss


def _picture(rgb: np.ndarray) -> torch.Tensor:
    return torch.from_numpy(np.ascontiguousarray(rgb.transpose(0, 3, 1, 2))).float() / 127.5 - 1.0


def _schedule(step: int, steps: int) -> float:
    warm_up = max(1, min(30, steps // 10))
    return min(1.0, (step + 1) / warm_up) * 0.5 * (1.0 + math.cos(math.pi * step / steps))


def _check(pairs: PairedFrames, config: ControlNetTrainingConfig) -> None:
    if Condition.parse(config.source) not in pairs.rgb:
        raise ValueError(f"source is {config.source}; the pairs show {sorted(c.name for c in pairs.rgb)}")
    height, width = pairs.seg.shape[1:]
    multiple = config.network.size_multiple_px
    if height % multiple or width % multiple:
        raise ValueError(f"pictures are {width}x{height} px; expected multiples of {multiple}")
    if config.crop_height_px > height or config.crop_width_px > width:
        raise ValueError(
            f"crops of {config.crop_width_px}x{config.crop_height_px} px do not fit pictures of {width}x{height}"
        )
    if config.network.uses_depth and pairs.depth_m is None:
        raise ValueError("the network is configured with uses_depth=True, but the pairs have no depth_m")


def _finished(folder: Path, identity: str) -> list[float] | None:
    record = folder / "training.json"
    if not record.is_file():
        return None
    values = json.loads(record.read_text())
    if values["identity"] != identity:
        raise ValueError(
            f"{folder} holds a model trained with another configuration or other data; "
            "choose an empty folder, or delete this one to train anew"
        )
    return list(values["losses"])


def _finish(
    folder: Path,
    model: SmallControlNet,
    pairs: PairedFrames,
    config: ControlNetTrainingConfig,
    losses: list[float],
    identity: str,
    wall_s: float,
) -> None:
    model.save(folder)
    height, width = pairs.seg.shape[1:]
    card = small_controlnet_card(
        parameters=model.parameter_count(),
        frames=len(pairs),
        size_px=(width, height),
        source=config.source,
        targets=list(model.config.targets),
        steps=config.steps,
        seed=config.seed,
        last_loss=float(np.mean(losses[-20:])),
        weights=weights_hash(folder),
        data=pairs.fingerprint(),
    )
    (folder / "README.md").write_text(card)
    record = {
        "identity": identity,
        "losses": losses,
        "wall_s_of_last_call": round(wall_s, 1),
        "torch": torch.__version__,
        "threads": torch.get_num_threads(),
    }
    temporary = folder / "training.json.partial"
    temporary.write_text(json.dumps(record) + "\n")
    temporary.replace(folder / "training.json")
