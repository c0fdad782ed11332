"""Trains the small ControlNet on paired frames.

One step: take crops of (source, target) pairs, let the network take its one step from the source, and compare what it
gives with the true target in pixels, in edges, and in what a frozen segmenter sees. The model that is kept is the
moving average of the weights. Every random choice is a function of (seed, step), so a resumed run repeats an
uninterrupted one exactly on the same machine with the same number of threads.
"""

from __future__ import annotations

import copy
import json
import math
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, field, replace
from hashlib import sha256
from pathlib import Path
from typing import Literal

import numpy as np
import torch

from augment.conditions import DOMINANT, Condition
from augment.seeds import derive_seed
from augment.synthesizers.embedded_step import EmbeddedStep
from augment.synthesizers.small_controlnet import SmallControlNet, SmallControlNetConfig, weights_hash
from augment.training.checkpoint import load_checkpoint, save_checkpoint
from augment.training.controlnet_batch import make_batch
from augment.training.controlnet_loss import ControlNetLoss, LossWeights
from augment.training.model_card import small_controlnet_card
from augment.training.pairs import PairedFrames
from carla_agents.segmentation.small import SmallSegmenter
from carla_agents.training.muon import Muon


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
    optimizer: Literal["adamw", "muon"] = "adamw"
    """muon: steps equally far in every direction of a convolution; a step takes a third longer at batch_size 4."""
    loss: LossWeights = field(default_factory=LossWeights)
    """Parts of the loss."""
    average: float = 0.99
    """Share of the moving average that a step keeps; less in the first steps."""
    mixed_precision: Literal["no", "bf16"] = "no"
    """bf16: convolutions in half precision, a quarter faster on processors that have it."""
    seed: int = 0
    """Everything random in the run derives from it."""
    source: str = DOMINANT.name
    """Condition of the source frames."""
    checkpoint_every: int = 100
    """Steps between two resumable checkpoints; the average so far is written beside them, to be looked at."""
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
        if self.optimizer not in ("adamw", "muon"):
            raise ValueError(f"optimizer is {self.optimizer!r}; expected adamw or muon")
        if not 0.0 <= self.average < 1.0:
            raise ValueError(f"average is {self.average}; expected 0 to below 1")
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
    start: SmallControlNet | None = None,
    segmenter: SmallSegmenter | None = None,
) -> ControlNetTraining:
    """Train, write `config.json`, `model.safetensors`, `training.json`, `README.md` into `folder`.

    Args:
        pairs: what to learn from; the source condition of the configuration must be among its conditions.
        config: how.
        folder: where the model goes; an unfinished run found there is resumed.
        on_step: called with (steps done, loss), e.g. for a progress bar.
        start: weights to begin with instead of random ones; their shape goes before that of the configuration, and
            what they had learned stays among the targets.
        segmenter: that the loss looks through, e.g. one that knows the look of the pairs; None takes the shipped one.

    Returns:
        The trained model and its loss curve.

    Raises:
        ValueError: pairs and configuration do not fit, or `folder` holds a run of another configuration.
    """
    _check(pairs, config)
    began = time.monotonic()
    folder.mkdir(parents=True, exist_ok=True)
    facts: dict[str, object] = {"config": asdict(config), "data": pairs.fingerprint()}
    given = {"start": start, "segmenter": segmenter}
    facts |= {name: _hash(network) for name, network in given.items() if network is not None}
    identity = json.dumps(facts, sort_keys=True)
    finished = _finished(folder, identity)
    if finished is not None:
        return ControlNetTraining(SmallControlNet.load(folder), finished, len(finished), time.monotonic() - began)
    torch.manual_seed(derive_seed(config.seed, "controlnet", "weights"))
    names = {c.name for c in pairs.rgb if c.name != config.source}
    network = config.network if start is None else start.config
    targets = tuple(sorted(names | set(network.targets)))
    model = SmallControlNet(replace(network, source=config.source, targets=targets)).train()
    if start is not None:
        model.load_state_dict(start.state_dict())
    average = copy.deepcopy(model).requires_grad_(False)
    optimizer = _optimizer(model, config)
    checkpoint = folder / "checkpoint.safetensors"
    losses = load_checkpoint(checkpoint, model, average, optimizer, identity)
    resumed_at = len(losses)
    step_of_model, loss_of = EmbeddedStep(model), ControlNetLoss(config.loss, segmenter)
    source, crop_px = Condition.parse(config.source), (config.crop_width_px, config.crop_height_px)
    for step in range(resumed_at, config.steps):
        for group in optimizer.param_groups:
            group["lr"] = config.learning_rate * _schedule(step, config.steps)
        b = make_batch(pairs, source, config.batch_size, crop_px, config.seed, "controlnet", "batch", step)
        with torch.autocast("cpu", torch.bfloat16, enabled=config.mixed_precision == "bf16"):
            levels = step_of_model.levels(b.rgb, b.groups, b.depth_m, b.weather, b.noise, b.place)
        loss = loss_of(levels.float(), b.rgb, b.target, b.groups)
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        _blend(average, model, 1.0 - min(config.average, (1 + step) / (10 + step)))
        losses.append(float(loss.detach()))
        if not math.isfinite(losses[-1]):
            raise ValueError(f"the loss of step {step} is {losses[-1]}; train with a lower learning_rate")
        if (step + 1) % config.checkpoint_every == 0 and step + 1 < config.steps:
            save_checkpoint(checkpoint, model, average, optimizer, losses, identity)
            average.save(folder)
        if on_step is not None:
            on_step(step + 1, losses[-1])
    wall_s = time.monotonic() - began
    _finish(folder, average, pairs, config, losses, identity, wall_s)
    checkpoint.unlink(missing_ok=True)
    return ControlNetTraining(SmallControlNet.load(folder), losses, resumed_at, wall_s)


def _optimizer(model: SmallControlNet, config: ControlNetTrainingConfig) -> torch.optim.Optimizer:
    if config.optimizer == "adamw":
        return torch.optim.AdamW(model.parameters(), config.learning_rate, weight_decay=1e-4, fused=True)
    outputs = list(model.unet.conv_out.parameters())
    others = [p for p in model.parameters() if all(p is not output for output in outputs)]
    matrices = sum(p.ndim >= 2 for p in outputs)
    return Muon([*others, *outputs], config.learning_rate, weight_decay=1e-4, outputs=matrices)


def _blend(average: SmallControlNet, model: SmallControlNet, share: float) -> None:
    with torch.no_grad():
        for old, new in zip(average.parameters(), model.parameters(), strict=True):
            old.lerp_(new, share)


def _hash(model: torch.nn.Module) -> str:
    """Changes with any weight."""
    digest = sha256()
    for name, value in model.state_dict().items():
        digest.update(name.encode() + value.detach().contiguous().numpy().tobytes())
    return digest.hexdigest()[:16]


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
