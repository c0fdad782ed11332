"""`train_segmenter`: one loop for every back end, exact in its seeds, exact when resumed after any stop.

What a step sees, and every random number inside the network, depends on (seed, step) alone; the learning rate depends
on the step. So a run that was killed and resumed ends with the bits of one that was not, on the same machine with the
same number of threads and processes. accelerate places the network on its device and, under `accelerate launch`, on
several: then every process draws its share of the batch.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal

import numpy as np
import torch
from accelerate import Accelerator, DistributedDataParallelKwargs
from torch import Tensor

from carla_agents.segmentation.segmentation_set import SegmentationSet
from carla_agents.segmentation.segmenter import Segmenter, balanced_weights
from carla_agents.segmentation.weights import parameter_count, save_segmenter
from carla_agents.training.checkpoints import LOG_NAME, resume_checkpoint, save_checkpoint, warm_up_and_cosine
from carla_agents.training.muon import Muon


class TrainingDiverged(ArithmeticError):
    """The loss is no longer a number; the message names the pictures of that step and what to change."""


@dataclass(frozen=True)
class SegmentationTrainingConfig:
    """How a segmenter is trained."""

    steps: int = 1500
    """Gradient steps; the budget that arms of a comparison share."""
    batch_size: int = 8
    """Pictures per step, over all processes together."""
    learning_rate: float = 2e-3
    """Peak of the schedule: linear warm-up over 5 % of the steps, then a half cosine down to a hundredth."""
    weight_decay: float = 1e-3
    """Decoupled weight decay."""
    optimizer: Literal["adamw", "muon"] = "adamw"
    """adamw suits every network; muon learns a network of convolutions from scratch in fewer steps."""
    crop_px: tuple[int, int] | None = None
    """(width, height) cut out of each picture at a random place; None takes whole pictures of one size."""
    flip: bool = True
    """Mirror every second picture."""
    jitter: float = 0.25
    """Brightness and colour of each picture vary by up to this share."""
    rare_class_power: float = 0.5
    """A pixel counts in the loss by 1 / (share of its class) to this power; 0 counts all pixels alike."""
    mixed_precision: Literal["no", "bf16"] = "no"
    """bf16 halves memory and time on devices that have it."""
    seed: int = 0
    """Decides initial weights, batches, augmentation and dropout."""
    threads: int = 2
    """CPU threads; part of what makes a run repeatable to the bit."""
    log_every: int = 25
    """Steps between two lines of the log."""
    checkpoint_every: int = 250
    """Steps between two checkpoints."""

    def __post_init__(self) -> None:
        for name in ("steps", "batch_size", "threads", "log_every", "checkpoint_every"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} must be at least 1, got {getattr(self, name)}")
        if not 0.0 < self.learning_rate < 1.0:
            raise ValueError(f"learning_rate must be in (0, 1), got {self.learning_rate}")
        if self.weight_decay < 0.0 or not 0.0 <= self.jitter < 1.0:
            raise ValueError(f"weight_decay must be >= 0 and jitter in 0..1, got {self.weight_decay}, {self.jitter}")
        if not 0.0 <= self.rare_class_power <= 1.0:
            raise ValueError(f"rare_class_power must be in 0..1, got {self.rare_class_power}")
        if self.optimizer not in ("adamw", "muon"):
            raise ValueError(f"optimizer is {self.optimizer!r}; expected adamw or muon")
        if self.mixed_precision not in ("no", "bf16"):
            raise ValueError(f"mixed_precision is {self.mixed_precision!r}; expected no or bf16")


def train_segmenter(
    build: Callable[[], Segmenter],
    data: SegmentationSet,
    config: SegmentationTrainingConfig,
    folder: Path,
    on_step: Callable[[int, float], None] | None = None,
) -> Segmenter:
    """Train a segmenter, or go on where a stopped run left its checkpoint.

    Args:
        build: makes the network; called with torch's seed set, so random weights follow the seed.
        data: what to learn from.
        config: how.
        folder: receives `train.jsonl`, the checkpoint and, at the end, `weights.safetensors` and `segmenter.json`.
        on_step: called after every step with the number of steps done and that step's loss.

    Returns:
        The trained segmenter in evaluation mode.

    Raises:
        ValueError: another class set, pictures of a size that does not fit, or a checkpoint of another run.
        StoreError: a picture is damaged; names the file.
        TrainingDiverged: the loss is no longer a number.
    """
    torch.set_num_threads(config.threads)
    with torch.random.fork_rng():
        torch.manual_seed(_torch_seed(config.seed, "weights"))
        segmenter = build()
    _check_fit(segmenter, data, config)
    accelerator = Accelerator(
        cpu=not torch.cuda.is_available(),
        kwargs_handlers=[DistributedDataParallelKwargs(find_unused_parameters=True)],
    )
    if config.batch_size % accelerator.num_processes:
        raise ValueError(
            f"batch_size {config.batch_size} is no multiple of the {accelerator.num_processes} processes"
        )
    weights = balanced_weights(data.count_classes(), config.rare_class_power)
    segmenter.class_weights.copy_(torch.from_numpy(weights))
    kind: Callable[..., torch.optim.Optimizer] = Muon if config.optimizer == "muon" else torch.optim.AdamW
    optimizer = kind(segmenter.parameters(), lr=config.learning_rate, weight_decay=config.weight_decay)
    identity = _identity(segmenter, data, config)
    folder.mkdir(parents=True, exist_ok=True)
    start = resume_checkpoint(folder, segmenter, optimizer, identity, owns_log=accelerator.is_main_process)
    network, optimizer = accelerator.prepare(segmenter, optimizer)
    network.train()
    share = slice(accelerator.process_index, None, accelerator.num_processes)
    with torch.random.fork_rng(), (folder / LOG_NAME).open("a", encoding="utf-8") as log:
        for step in range(start, config.steps):
            for group in optimizer.param_groups:
                group["lr"] = learning_rate(step, config)
            rows = draw_rows(data, config, step)
            rgb, labels = load_batch(data, config, step, rows)
            torch.manual_seed(_torch_seed(config.seed, f"step {step} of process {accelerator.process_index}"))
            with torch.autocast(accelerator.device.type, torch.bfloat16, enabled=config.mixed_precision == "bf16"):
                loss = network(rgb[share].to(accelerator.device), labels[share].to(accelerator.device))
            _check_finite(loss, data, rows[share], step, config)
            optimizer.zero_grad(set_to_none=True)
            accelerator.backward(loss)
            accelerator.clip_grad_norm_(network.parameters(), 5.0)
            optimizer.step()
            done = step + 1
            if accelerator.is_main_process:
                if done % config.log_every == 0 or done == config.steps:
                    log.write(json.dumps({"step": done, "loss": round(float(loss.detach()), 6)}) + "\n")
                if done % config.checkpoint_every == 0 or done == config.steps:
                    log.flush()
                    save_checkpoint(folder, segmenter, optimizer, identity, done)
            if on_step is not None:
                on_step(done, float(loss.detach()))
    segmenter = accelerator.unwrap_model(network).to("cpu").eval()
    if accelerator.is_main_process:
        facts = {**asdict(config), "pictures": len(data), "data": data.fingerprint(), "set": asdict(data.config)}
        save_segmenter(segmenter, folder, {**facts, "parameters": parameter_count(segmenter)})
    return segmenter


def learning_rate(step: int, config: SegmentationTrainingConfig) -> float:
    """The rate of one step, counted from 0."""
    return warm_up_and_cosine(step, config.steps, config.learning_rate)


def draw_rows(data: SegmentationSet, config: SegmentationTrainingConfig, step: int) -> np.ndarray:
    """(batch_size,) which pictures a step sees; depends on (seed, step) alone."""
    return np.random.default_rng([config.seed, step]).choice(len(data), config.batch_size, p=data.chances)


def load_batch(
    data: SegmentationSet, config: SegmentationTrainingConfig, step: int, rows: np.ndarray
) -> tuple[Tensor, Tensor]:
    """Decode, crop, mirror and recolour the pictures of one step.

    Returns:
        (N, 3, H, W) float32 in about 0..255; (N, H, W) int64, 255 ignored.
    """
    rng = np.random.default_rng([config.seed, step, 1])
    pictures, labels = [], []
    for row in rows.tolist():
        rgb, ids = data.load(row)
        if config.crop_px is not None:
            width, height = config.crop_px
            left = int(rng.integers(0, rgb.shape[1] - width, endpoint=True))
            top = int(rng.integers(0, rgb.shape[0] - height, endpoint=True))
            rgb, ids = rgb[top : top + height, left : left + width], ids[top : top + height, left : left + width]
        if config.flip and rng.random() < 0.5:
            rgb, ids = rgb[:, ::-1], ids[:, ::-1]
        brightness = 1.0 + config.jitter * rng.uniform(-1.0, 1.0)
        tint = 1.0 + 0.3 * config.jitter * rng.uniform(-1.0, 1.0, 3)
        pictures.append(rgb * (brightness * tint).astype(np.float32))
        labels.append(ids)
    return (
        torch.from_numpy(np.stack(pictures)).permute(0, 3, 1, 2),
        torch.from_numpy(np.stack(labels).astype(np.int64)),
    )


def _check_fit(segmenter: Segmenter, data: SegmentationSet, config: SegmentationTrainingConfig) -> None:
    if segmenter.classes != data.classes:
        raise ValueError(
            f"the model predicts {segmenter.classes.name}, the data are labelled in {data.classes.name}: use one"
        )
    sizes = {sample.frame.size_px: sample.frame.key for sample in data.samples}
    wanted = config.crop_px or data.size_px()
    if any(side % segmenter.stride_px or side < 1 for side in wanted):
        fit = tuple(side // segmenter.stride_px * segmenter.stride_px for side in wanted)
        raise ValueError(
            f"pictures of {wanted[0]}x{wanted[1]} pixels (frame {data.samples[0].frame.key}) do not fit the model, "
            f"whose sides are multiples of {segmenter.stride_px}: crop them, e.g. crop_px {fit[0]} {fit[1]}"
        )
    for size_px, key in sizes.items():
        if size_px[0] < wanted[0] or size_px[1] < wanted[1]:
            raise ValueError(f"frame {key} has {size_px} pixels, less than the crop {wanted}: choose a smaller crop")


def _check_finite(
    loss: Tensor, data: SegmentationSet, rows: np.ndarray, step: int, config: SegmentationTrainingConfig
) -> None:
    if not torch.isfinite(loss):
        names = ", ".join(data.samples[row].name for row in rows[:4].tolist())
        raise TrainingDiverged(
            f"the loss of step {step} is {float(loss.detach())} on {names}...: lower learning_rate (now "
            f"{config.learning_rate}); the last checkpoint is whole, but belongs to this configuration"
        )


def _torch_seed(seed: int, purpose: str) -> int:
    return int.from_bytes(hashlib.sha256(f"{seed} {purpose}".encode()).digest()[:8], "little") >> 1


def _identity(segmenter: Segmenter, data: SegmentationSet, config: SegmentationTrainingConfig) -> str:
    """A digest of network, data and configuration, so that a checkpoint is only continued where it belongs."""
    parts = [segmenter.identity(), data.fingerprint(), json.dumps(asdict(config), sort_keys=True)]
    digest = hashlib.sha256("\n".join(parts).encode())
    for name, value in segmenter.state_dict().items():
        digest.update(name.encode())
        digest.update(value.detach().cpu().numpy().tobytes())  # pretrained weights are part of what a run is
    return digest.hexdigest()
