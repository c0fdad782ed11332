"""Imitation learning of the AIM-class policy: one readable trainer, exact in its seeds, exact when resumed.

What a step sees depends on (seed, step) alone, and the learning rate on the step, so a run that was stopped and
resumed ends with the bits of a run that was not, on the same machine with the same number of threads.
"""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from carla_agents.policies.aim import save_network
from carla_agents.policies.aim_network import AimConfig, AimNetwork, two_hot
from carla_agents.training.checkpoints import LOG_NAME, resume_checkpoint, save_checkpoint, warm_up_and_cosine
from carla_agents.training.imitation_data import ImitationSet


@dataclass(frozen=True)
class ImitationConfig:
    """How an AIM-class policy is trained."""

    network: AimConfig = field(default_factory=AimConfig)
    """Shape of the network; its camera must be the one of the recorded frames."""
    steps: int = 2000
    """Gradient steps; the budget that arms of a comparison share."""
    batch_size: int = 32
    """Pictures per step."""
    learning_rate: float = 2e-3
    """Peak of the schedule: linear warm-up over 5 % of the steps, then a half cosine down to a hundredth."""
    weight_decay: float = 1e-3
    """Decoupled weight decay of AdamW."""
    speed_loss_weight: float = 0.3
    """Weight of the speed classification beside the L1 error of the path in metres."""
    max_yaw_deg: float = 6.0
    """Pictures are turned by up to this angle, and the path with them, so that the policy learns to turn back."""
    jitter: float = 0.25
    """Brightness and colour of each picture vary by up to this share."""
    condition_weights: dict[str, float] = field(default_factory=dict)
    """How often pictures of a condition are drawn, relative to 1 for conditions that are not named."""
    synthesized_weight: float = 1.0
    """How often synthesized pictures are drawn, relative to recorded ones; multiplies the condition's weight."""
    seed: int = 0
    """Decides initial weights, batches and augmentation."""
    threads: int = 2
    """CPU threads of one step; part of what makes a run repeatable to the bit."""
    log_every: int = 25
    """Steps between two lines of the log."""
    checkpoint_every: int = 500
    """Steps between two checkpoints."""

    def __post_init__(self) -> None:
        for name in ("steps", "batch_size", "threads", "log_every", "checkpoint_every"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} must be at least 1, got {getattr(self, name)}")
        if not 0.0 < self.learning_rate < 1.0:
            raise ValueError(f"learning_rate must be in (0, 1), got {self.learning_rate}")
        for name in ("weight_decay", "speed_loss_weight", "synthesized_weight"):
            if getattr(self, name) < 0.0:
                raise ValueError(f"{name} must be >= 0, got {getattr(self, name)}")
        if not 0.0 <= self.max_yaw_deg <= 15.0:
            raise ValueError(f"max_yaw_deg must be in 0..15, got {self.max_yaw_deg}")
        if not 0.0 <= self.jitter < 1.0:
            raise ValueError(f"jitter must be in 0..1, got {self.jitter}")
        if any(weight < 0.0 for weight in self.condition_weights.values()):
            raise ValueError(f"condition_weights must be >= 0, got {self.condition_weights}")


def train_imitation(
    data: ImitationSet,
    config: ImitationConfig,
    folder: Path,
    on_step: Callable[[int, dict[str, float]], None] | None = None,
) -> AimNetwork:
    """Train a policy, or go on where a stopped run left its checkpoint.

    Args:
        data: what to imitate.
        config: how.
        folder: receives `train.jsonl`, the checkpoint and, at the end, `weights.safetensors` and `config.json`.
        on_step: called after every step with the number of steps done and that step's losses.

    Returns:
        The trained network in evaluation mode.

    Raises:
        ValueError: no samples can be drawn, pictures of another size, or a checkpoint of another configuration.
        FloatingPointError: the loss is no longer finite.
    """
    _check_data(data, config)
    torch.set_num_threads(config.threads)
    folder.mkdir(parents=True, exist_ok=True)
    with torch.random.fork_rng():
        torch.manual_seed(config.seed)
        network = AimNetwork(config.network)
    network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]  # missing from torch's stubs
    optimizer = torch.optim.AdamW(network.parameters(), lr=config.learning_rate, weight_decay=config.weight_decay)
    identity = _identity(data, config)
    start = resume_checkpoint(folder, network, optimizer, identity)
    chances = _chances(data, config)
    network.train()
    with (folder / LOG_NAME).open("a", encoding="utf-8") as log:
        for step in range(start, config.steps):
            for group in optimizer.param_groups:
                group["lr"] = learning_rate(step, config)
            losses = _step(network, optimizer, draw_batch(data, config, chances, step), config)
            done = step + 1
            if done % config.log_every == 0 or done == config.steps:
                log.write(json.dumps({"step": done, **{k: round(v, 6) for k, v in losses.items()}}) + "\n")
            if done % config.checkpoint_every == 0 or done == config.steps:
                log.flush()
                save_checkpoint(folder, network, optimizer, identity, done)
            if on_step is not None:
                on_step(done, losses)
    facts = {**{k: v for k, v in asdict(config).items() if k != "network"}, "samples": len(data)}
    save_network(network, folder, facts)
    return network.eval()


def learning_rate(step: int, config: ImitationConfig) -> float:
    """The rate of one step, counted from 0."""
    return warm_up_and_cosine(step, config.steps, config.learning_rate)


@dataclass(frozen=True)
class Batch:
    """Tensors of one step, see `ImitationSet`; rgb (N, 3, H, W) is uint8, gain (N, 3, 1, 1) scales it to about 1."""

    rgb: Tensor
    gain: Tensor
    target_point_in_ego_m: Tensor
    command: Tensor
    path_in_ego_m: Tensor
    path_known: Tensor
    target_speed_mps: Tensor


def draw_batch(data: ImitationSet, config: ImitationConfig, chances: np.ndarray, step: int) -> Batch:
    """The batch of one step: drawn, turned and recoloured by dice that depend on (seed, step) alone."""
    rng = np.random.default_rng([config.seed, step])
    rows = rng.choice(len(data), config.batch_size, p=chances)
    focal_px = 0.5 * config.network.width_px / math.tan(math.radians(0.5 * config.network.fov_deg))
    reach_px = round(focal_px * math.tan(math.radians(config.max_yaw_deg)))
    shift_px = rng.integers(-reach_px, reach_px, size=len(rows), endpoint=True)
    yaw_rad = np.arctan(shift_px / focal_px)
    brightness = 1.0 + config.jitter * rng.uniform(-1.0, 1.0, (len(rows), 1))
    tint = 1.0 + 0.3 * config.jitter * rng.uniform(-1.0, 1.0, (len(rows), 3))
    return Batch(
        torch.from_numpy(turn_pictures(data.rgb, rows, shift_px)).permute(0, 3, 1, 2),
        torch.from_numpy((brightness * tint / 255.0).astype(np.float32))[:, :, None, None],
        torch.from_numpy(turn_points(data.target_point_in_ego_m[rows][:, None], yaw_rad)[:, 0]),
        torch.from_numpy(data.command[rows]),
        torch.from_numpy(turn_points(data.path_in_ego_m[rows], yaw_rad)),
        torch.from_numpy(data.path_known[rows]),
        torch.from_numpy(data.target_speed_mps[rows]),
    )


def turn_pictures(rgb: np.ndarray, rows: np.ndarray, shift_px: np.ndarray) -> np.ndarray:
    """What a camera turned a little to the right sees: everything further left, by columns; edges are repeated.

    Args:
        rgb: (N, H, W, 3) uint8.
        rows: (B,) which pictures.
        shift_px: (B,) columns, positive turns right.

    Returns:
        (B, H, W, 3) uint8, newly allocated.
    """
    width = rgb.shape[2]
    turned = np.empty((len(rows), *rgb.shape[1:]), np.uint8)
    for picture, row, shift in zip(turned, rows.tolist(), shift_px.tolist(), strict=True):
        first, last = max(0, -shift), min(width, width - shift)
        picture[:, first:last] = rgb[row, :, first + shift : last + shift]
        picture[:, :first] = picture[:, first : first + 1]
        picture[:, last:] = picture[:, last - 1 : last]
    return turned


def turn_points(points_in_ego_m: np.ndarray, yaw_rad: np.ndarray) -> np.ndarray:
    """The same points seen from an ego that is turned right by `yaw_rad`: (N, P, 2) and (N,) to (N, P, 2) float32."""
    cos, sin = np.cos(yaw_rad)[:, None], np.sin(yaw_rad)[:, None]
    x, y = points_in_ego_m[..., 0], points_in_ego_m[..., 1]
    return np.stack([cos * x + sin * y, -sin * x + cos * y], axis=-1).astype(np.float32)


def _step(
    network: AimNetwork, optimizer: torch.optim.Optimizer, batch: Batch, config: ImitationConfig
) -> dict[str, float]:
    # The numpy layout (N, H, W, 3) is torch's channels_last, so nothing is copied but the conversion to float.
    path, logits = network(batch.rgb.float() * batch.gain, batch.target_point_in_ego_m, batch.command)
    error_m = (path - batch.path_in_ego_m).abs().mean(dim=2)
    path_loss = (error_m * batch.path_known).sum() / batch.path_known.sum().clamp(min=1)
    shares = two_hot(batch.target_speed_mps, network.get_buffer("speed_bins_mps"))
    speed_loss = -(shares * logits.log_softmax(dim=1)).sum(dim=1).mean()
    loss = path_loss + config.speed_loss_weight * speed_loss
    if not torch.isfinite(loss):
        raise FloatingPointError("the loss is not finite; lower learning_rate")
    optimizer.zero_grad(set_to_none=True)
    loss.backward()
    nn.utils.clip_grad_norm_(network.parameters(), 5.0)
    optimizer.step()
    with torch.no_grad():
        speed_error = (network.expected_speed_mps(logits) - batch.target_speed_mps).abs().mean()
    return {
        "loss": float(loss.detach()),
        "path_error_m": float(path_loss.detach()),
        "speed_error_mps": float(speed_error),
        "learning_rate": optimizer.param_groups[0]["lr"],
    }


def _check_data(data: ImitationSet, config: ImitationConfig) -> None:
    expected = (config.network.height_px, config.network.width_px, 3)
    if data.rgb.shape[1:] != expected or data.path_in_ego_m.shape[1] != config.network.path_points:
        raise ValueError(
            f"pictures are {data.rgb.shape[1:]} with {data.path_in_ego_m.shape[1]} path points, the network is made "
            f"for {expected} with {config.network.path_points}; change the fields of config.network"
        )


def _chances(data: ImitationSet, config: ImitationConfig) -> np.ndarray:
    """Probability of each sample, (N,) float64."""
    weights = np.array([config.condition_weights.get(name, 1.0) for name in data.condition], dtype=np.float64)
    weights[data.synthesized] *= config.synthesized_weight
    total = weights.sum()
    if total <= 0.0:
        raise ValueError(f"none of the {len(data)} samples has a weight above 0; change condition_weights")
    return weights / total


def _identity(data: ImitationSet, config: ImitationConfig) -> str:
    """A digest of the configuration and the data, so that a checkpoint is only continued where it belongs."""
    digest = hashlib.sha256(json.dumps(asdict(config), sort_keys=True).encode())
    for array in (data.target_point_in_ego_m, data.path_in_ego_m, data.target_speed_mps, data.synthesized):
        digest.update(np.ascontiguousarray(array).tobytes())
    digest.update("\n".join(data.condition).encode())
    return digest.hexdigest()
