"""The network of the AIM-class policy: one camera picture and a goal in, a path and a speed out.

After AIM, the image-only baseline of NEAT (Chitta et al., ICCV 2021) and TransFuser (Prakash et al., CVPR 2021):
a convolutional encoder and a GRU that writes waypoints one after another towards a goal point. Two changes follow
Jaeger et al., "Hidden Biases of End-to-End Driving Models" (ICCV 2023): the waypoints lie at fixed distances on the
path, so that standing still does not erase the geometry, and the speed is a separate classification. The ego's own
speed is no input: cloned drivers that see it learn "I stand, so I stay" (Codevilla et al., ICCV 2019). To be quick on
a processor, it looks twice: at the whole picture with half the pixels, and at its middle, where traffic lights and
cars far ahead are, with all of them.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import torch
from torch import Tensor, nn

COMMAND_COUNT = 6
_SQUEEZED = 24


@dataclass(frozen=True)
class AimConfig:
    """Shape of an AIM-class network."""

    width_px: int = 256
    """Width of the picture it was made for; even."""
    height_px: int = 144
    """Height of the picture it was made for; even."""
    fov_deg: float = 100.0
    """Horizontal field of view of the camera."""
    camera_position_in_ego_m: tuple[float, float, float] = (1.3, 0.0, 1.7)
    """Forward, right, up from the vehicle's origin."""
    camera_pitch_deg: float = -5.0
    """Positive looks up."""
    middle_px: tuple[int, int, int, int] = (64, 20, 192, 84)
    """Left, top, right, bottom of the part that is seen with all pixels."""
    channels: tuple[int, ...] = (16, 32, 64, 96)
    """Channels of the stages of each of the two encoders; each stage halves the picture."""
    hidden: int = 128
    """Width of the fused feature and of the GRU."""
    path_points: int = 8
    """How many points of the path are written."""
    path_spacing_m: float = 2.0
    """Distance along the path between two of them."""
    speed_bins_mps: tuple[float, ...] = (0.0, 2.0, 4.0, 6.0, 8.0, 10.0, 12.0, 14.0)
    """Target speeds between which the speed head interpolates; the first must be 0."""

    def __post_init__(self) -> None:
        if self.width_px < 8 or self.height_px < 8 or self.width_px % 2 or self.height_px % 2:
            raise ValueError(f"width_px and height_px must be even and >= 8, got {self.width_px}x{self.height_px}")
        left, top, right, bottom = self.middle_px
        if not (0 <= left < right <= self.width_px and 0 <= top < bottom <= self.height_px):
            raise ValueError(
                f"middle_px must be a part of the {self.width_px}x{self.height_px} picture, got {self.middle_px}"
            )
        if not self.channels or min(self.channels) < 1:
            raise ValueError(f"channels needs at least one stage, got {self.channels}")
        if self.path_points < 2:
            raise ValueError(f"path_points must be at least 2, got {self.path_points}")
        if self.path_spacing_m <= 0.0:
            raise ValueError(f"path_spacing_m must be positive, got {self.path_spacing_m}")
        bins = self.speed_bins_mps
        if len(bins) < 2 or bins[0] != 0.0 or any(a >= b for a, b in pairwise(bins)):
            raise ValueError(f"speed_bins_mps must start at 0 and rise, got {bins}")


class AimNetwork(nn.Module):
    """Two encoders, goal embedding, GRU path head and speed head."""

    def __init__(self, config: AimConfig) -> None:
        super().__init__()
        self.config = config
        left, top, right, bottom = config.middle_px
        self.whole = _encoder(config.channels)
        self.middle = _encoder(config.channels)
        features = _features(config.width_px // 2, config.height_px // 2, len(config.channels))
        features += _features(right - left, bottom - top, len(config.channels))
        self.see = nn.Sequential(nn.Linear(features, config.hidden), nn.ReLU(inplace=True))
        self.aim = nn.Sequential(nn.Linear(2 + COMMAND_COUNT, 32), nn.ReLU(inplace=True))
        self.fuse = nn.Sequential(nn.Linear(config.hidden + 32, config.hidden), nn.ReLU(inplace=True))
        self.gru = nn.GRUCell(4, config.hidden)
        self.step = nn.Linear(config.hidden, 2)
        self.speed = nn.Linear(config.hidden, len(config.speed_bins_mps))
        self.register_buffer("speed_bins_mps", torch.tensor(config.speed_bins_mps), persistent=False)

    def forward(self, rgb: Tensor, target_point_in_ego_m: Tensor, command: Tensor) -> tuple[Tensor, Tensor]:
        """See and decide.

        Args:
            rgb: (N, 3, H, W) float32 in [0, 1].
            target_point_in_ego_m: (N, 2) float32 forward, right.
            command: (N,) int64, `Command` values 1..6.

        Returns:
            Path (N, path_points, 2) float32 in the ego frame, metres; speed logits (N, bins) float32.
        """
        # Far targets carry only a direction: squash their distance so that 30 m and 60 m look alike.
        distance = target_point_in_ego_m.norm(dim=1, keepdim=True)
        goal = target_point_in_ego_m / (distance + 20.0)
        commands = nn.functional.one_hot(command - 1, COMMAND_COUNT).to(rgb.dtype)
        left, top, right, bottom = self.config.middle_px
        whole = self.whole((nn.functional.avg_pool2d(rgb, 2) - 0.45) * 4.0)
        middle = self.middle((rgb[:, :, top:bottom, left:right] - 0.45) * 4.0)
        seen = self.see(torch.cat([whole, middle], dim=1))
        state = self.fuse(torch.cat([seen, self.aim(torch.cat([goal, commands], dim=1))], dim=1))
        logits = self.speed(state)
        point = torch.zeros_like(goal)
        ahead = torch.tensor([1.0, 0.0])
        path = []
        for _ in range(self.config.path_points):
            state = self.gru(torch.cat([point / 10.0, goal], dim=1), state)
            point = point + (ahead + self.step(state)) * self.config.path_spacing_m
            path.append(point)
        return torch.stack(path, dim=1), logits

    def expected_speed_mps(self, logits: Tensor) -> Tensor:
        """Mean of the speed distribution, (N,) float32."""
        return (logits.softmax(dim=1) * self.get_buffer("speed_bins_mps")).sum(dim=1)


def _encoder(channels: tuple[int, ...]) -> nn.Sequential:
    """Stages that each halve the picture, then few channels laid out flat, because the place of things matters."""
    stages: list[nn.Module] = []
    channels_in = 3
    for index, channels_out in enumerate(channels):
        kernel = 5 if index == 0 else 3
        stages += [
            nn.Conv2d(channels_in, channels_out, kernel, stride=2, padding=kernel // 2, bias=False),
            nn.BatchNorm2d(channels_out),
            nn.ReLU(inplace=True),
        ]
        channels_in = channels_out
    squeeze = [nn.Conv2d(channels_in, _SQUEEZED, 1), nn.ReLU(inplace=True), nn.Flatten()]
    return nn.Sequential(*stages, *squeeze)


def _features(width_px: int, height_px: int, stages: int) -> int:
    for _ in range(stages):
        width_px, height_px = (width_px + 1) // 2, (height_px + 1) // 2
    return _SQUEEZED * width_px * height_px


def two_hot(speed_mps: Tensor, bins_mps: Tensor) -> Tensor:
    """Share a speed between its two neighbouring bins so that the mean of the shares is the speed.

    Args:
        speed_mps: (N,) float32, clamped into the range of the bins.
        bins_mps: (B,) float32, rising.

    Returns:
        (N, B) float32, rows sum to 1.
    """
    speed = speed_mps.clamp(float(bins_mps[0]), float(bins_mps[-1]))
    upper = torch.bucketize(speed, bins_mps).clamp(1, len(bins_mps) - 1)
    low, high = bins_mps[upper - 1], bins_mps[upper]
    share = (speed - low) / (high - low)
    target = torch.zeros(len(speed), len(bins_mps))
    target.scatter_(1, (upper - 1)[:, None], (1.0 - share)[:, None])
    target.scatter_(1, upper[:, None], share[:, None])
    return target
