"""`SmallSegmenter`: half a million parameters, plain convolutions, made to be trained in minutes on two CPU cores."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from carla_agents.segmentation.known_sets import class_set
from carla_agents.segmentation.segmenter import Segmenter, row_loss

BACKEND = "small"
FORM = 2
"""Number of the architecture; weights of another one are refused."""
_DICE_WEIGHT = 1.0


@dataclass(frozen=True)
class SmallSegmenterConfig:
    """Shape of the network."""

    classes: str = "groups12"
    """Class set it predicts."""
    widths: tuple[int, int, int, int] = (32, 64, 96, 96)
    """Channels at 1/2, 1/4, 1/8 and 1/16 of the picture."""

    def __post_init__(self) -> None:
        class_set(self.classes)
        if len(self.widths) != 4 or min(self.widths) < 4:
            raise ValueError(f"widths is {self.widths}; expected four numbers of at least 4")


class SmallSegmenter(Segmenter):
    """Encoder at 1/2 to 1/16 with a picture-wide context, decoder that adds each finer stage, class scores at 1/2.

    Four neighbouring pixels are folded into channels at the entrance and unfolded at the exit, so that no layer works
    at full size. The last layers see the folded pixels themselves, and have as many channels as four pixels have
    scores: things of one pixel's width are told there.
    """

    def __init__(self, config: SmallSegmenterConfig) -> None:
        super().__init__(class_set(config.classes), stride_px=16)
        self.config = config
        half, quarter, eighth, sixteenth = config.widths
        self.enter = _layer(12, half)
        self.down4 = nn.Sequential(_layer(half, quarter, stride=2), _Residual(quarter))
        self.down8 = nn.Sequential(
            _layer(quarter, eighth, stride=2), _Residual(eighth), _Residual(eighth, dilation=2)
        )
        self.down16 = nn.Sequential(_layer(eighth, sixteenth, stride=2), _Residual(sixteenth, dilation=2))
        self.context = nn.Linear(sixteenth, sixteenth)
        self.to8 = nn.Conv2d(sixteenth, eighth, 1)
        self.to4 = nn.Conv2d(eighth, quarter, 1)
        self.fuse4 = _layer(quarter, quarter)
        self.to2 = nn.Conv2d(quarter, half, 1)
        scores = 4 * len(self.classes.classes)
        self.fuse2 = _layer(half + 12, scores)
        self.classify = nn.Conv2d(scores, scores, 1)
        self.to(memory_format=torch.channels_last)  # type: ignore[call-overload]  # a quarter less time on CPUs

    def forward(self, rgb: Tensor, labels: Tensor) -> Tensor:
        rows = self._folded(rgb).permute(0, 2, 3, 1).reshape(-1, len(self.classes.classes))
        count, height, width = labels.shape
        folded = labels.view(count, height // 2, 2, width // 2, 2).transpose(2, 3)
        return row_loss(rows, folded.flatten(), self.class_weights, _DICE_WEIGHT)

    def logits(self, rgb: Tensor) -> Tensor:
        folded = self._folded(rgb)
        count, _, height, width = folded.shape
        parts = folded.view(count, 2, 2, len(self.classes.classes), height, width)
        return parts.permute(0, 3, 4, 1, 5, 2).reshape(count, -1, 2 * height, 2 * width)

    def _folded(self, rgb: Tensor) -> Tensor:
        """(N, 4 C, H / 2, W / 2): scores of the four pixels of a square, row by row, class by class within each."""
        pixels = _fold(2.0 * (rgb / 255.0).sqrt() - 1.0)  # the root spreads what a night hides
        at2 = self.enter(pixels)
        at4 = self.down4(at2)
        at8 = self.down8(at4)
        at16 = self.down16(at8)
        at16 = at16 + self.context(at16.mean((2, 3)))[:, :, None, None]
        at8 = at8 + _double(self.to8(at16))
        at4 = self.fuse4(at4 + _double(self.to4(at8)))
        at2 = at2 + _double(self.to2(at4))
        return self.classify(self.fuse2(torch.cat((at2, pixels.to(at2.dtype)), 1)))

    def describe(self) -> dict[str, Any]:
        return {"backend": BACKEND, "form": FORM, **asdict(self.config), "widths": list(self.config.widths)}


class _Residual(nn.Module):
    def __init__(self, channels: int, dilation: int = 1) -> None:
        super().__init__()
        self.layer = _layer(channels, channels, dilation=dilation)

    def forward(self, features: Tensor) -> Tensor:
        return features + self.layer(features)


def _layer(inputs: int, outputs: int, stride: int = 1, dilation: int = 1) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(inputs, outputs, 3, stride, padding=dilation, dilation=dilation, bias=False),
        nn.BatchNorm2d(outputs),
        nn.ReLU(inplace=True),
    )


def _fold(pixels: Tensor) -> Tensor:
    """(N, 3, H, W) -> (N, 12, H / 2, W / 2), channels last in memory."""
    count, _, height, width = pixels.shape
    parts = pixels.view(count, 3, height // 2, 2, width // 2, 2).permute(0, 2, 4, 3, 5, 1)
    return parts.reshape(count, height // 2, width // 2, 12).permute(0, 3, 1, 2)


def _double(features: Tensor) -> Tensor:
    return functional.interpolate(features, scale_factor=2.0, mode="bilinear", align_corners=False)
