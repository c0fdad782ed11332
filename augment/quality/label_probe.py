"""A tiny segmenter that reads labels off a picture: the ruler of label agreement, not a segmentation product."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch.nn import functional

from augment.layout import GROUP_COUNT, groups
from augment.seeds import derive_seed, generator


@dataclass(frozen=True)
class LabelProbeConfig:
    """How the probe is trained."""

    steps: int = 120
    """Optimizer steps."""
    batch_size: int = 6
    """Frames per step."""
    learning_rate: float = 4e-3
    """Peak of a one-cycle schedule."""
    seed: int = 0
    """Everything random in the training derives from it."""

    def __post_init__(self) -> None:
        for name in ("steps", "batch_size"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} is {getattr(self, name)}; expected at least 1")
        if not 0.0 < self.learning_rate <= 0.1:
            raise ValueError(f"learning_rate is {self.learning_rate}; expected above 0, at most 0.1")


class LabelProbe:
    """Predicts LayoutGroup per pixel; trained in seconds on recorded frames."""

    def __init__(self, network: torch.nn.Module) -> None:
        self._network = network.eval()

    @classmethod
    def train(cls, rgb: np.ndarray, seg: np.ndarray, config: LabelProbeConfig) -> LabelProbe:
        """Fit a probe.

        Args:
            rgb: (N, H, W, 3) uint8 recorded frames; H and W multiples of 8.
            seg: (N, H, W) uint8 CARLA tags.
            config: how.

        Raises:
            ValueError: shapes do not fit.
        """
        _check(rgb)
        if seg.shape != rgb.shape[:3]:
            raise ValueError(f"seg must be {rgb.shape[:3]}, got {seg.shape}")
        torch.manual_seed(derive_seed(config.seed, "label probe", "weights"))
        network = _network().train()
        labels = groups(seg)
        share = np.bincount(labels.ravel(), minlength=GROUP_COUNT) / labels.size
        weight = torch.from_numpy((1.0 / np.sqrt(np.maximum(share, 1e-3))).astype(np.float32))
        optimizer = torch.optim.AdamW(network.parameters(), config.learning_rate)
        schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, config.learning_rate, total_steps=config.steps + 1)
        for step in range(config.steps):
            chosen = generator(config.seed, "label probe", step).integers(0, len(rgb), config.batch_size)
            wanted = torch.from_numpy(labels[chosen].astype(np.int64))
            loss = functional.cross_entropy(network(_tensor(rgb[chosen])), wanted, weight=weight)
            optimizer.zero_grad(set_to_none=True)
            loss.backward()
            optimizer.step()
            schedule.step()
        return cls(network)

    def predict(self, rgb: np.ndarray) -> np.ndarray:
        """LayoutGroup of every pixel.

        Args:
            rgb: (N, H, W, 3) uint8.

        Returns:
            (N, H, W) uint8.
        """
        _check(rgb)
        with torch.inference_mode():
            parts = [self._network(_tensor(rgb[i : i + 8])).argmax(1) for i in range(0, len(rgb), 8)]
        return torch.cat(parts).to(torch.uint8).numpy()


def _network() -> torch.nn.Module:
    def layer(inputs: int, outputs: int, stride: int = 1, dilation: int = 1) -> list[torch.nn.Module]:
        convolution = torch.nn.Conv2d(inputs, outputs, 3, stride, padding=dilation, dilation=dilation, bias=False)
        return [convolution, torch.nn.BatchNorm2d(outputs), torch.nn.ReLU(inplace=True)]

    return torch.nn.Sequential(
        torch.nn.PixelUnshuffle(2),
        *layer(12, 32),
        *layer(32, 48, stride=2),
        *layer(48, 48),
        *layer(48, 48, dilation=2),
        *layer(48, 48, dilation=4),
        *layer(48, 64),
        torch.nn.Conv2d(64, GROUP_COUNT * 16, 1),
        torch.nn.PixelShuffle(4),
    )


def _tensor(rgb: np.ndarray) -> torch.Tensor:
    return torch.from_numpy(np.ascontiguousarray(rgb.transpose(0, 3, 1, 2))).float() / 127.5 - 1.0


def _check(rgb: np.ndarray) -> None:
    if rgb.ndim != 4 or rgb.shape[3] != 3 or rgb.dtype != np.uint8 or not len(rgb):
        raise ValueError(f"rgb must be (N, H, W, 3) uint8 with N >= 1, got {rgb.shape} {rgb.dtype}")
    if rgb.shape[1] % 8 or rgb.shape[2] % 8:
        raise ValueError(f"height and width must be multiples of 8, got {rgb.shape[1]}x{rgb.shape[2]}")
