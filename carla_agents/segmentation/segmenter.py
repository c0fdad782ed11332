"""`Segmenter`: the one interface of every segmentation model: build, loss, predict, describe."""

from __future__ import annotations

import json
from abc import ABC, abstractmethod
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from carla_agents.segmentation.class_sets import IGNORED, ClassSet


class Segmenter(nn.Module, ABC):
    """A network that names the class of every pixel.

    A back end is one subclass. Calling it gives the loss, so that wrappers for several devices work unchanged.

    Attributes:
        classes: what its outputs mean.
        stride_px: width and height of its pictures must be multiples of this.
        class_weights: (C,) float32, how much a pixel of each class counts in the loss.
    """

    class_weights: Tensor

    def __init__(self, classes: ClassSet, stride_px: int) -> None:
        super().__init__()
        if [c.id for c in classes.classes] != list(range(len(classes.classes))):
            raise ValueError(
                f"class set {classes.name} is not numbered from 0: train on a set that is, e.g. groups12"
            )
        self.classes = classes
        self.stride_px = stride_px
        self.register_buffer("class_weights", torch.ones(len(classes.classes)))

    @abstractmethod
    def forward(self, rgb: Tensor, labels: Tensor) -> Tensor:
        """The loss.

        Args:
            rgb: (N, 3, H, W) float32 in 0..255.
            labels: (N, H, W) int64 class ids, 255 ignored.

        Returns:
            scalar.
        """

    @abstractmethod
    def logits(self, rgb: Tensor) -> Tensor:
        """(N, 3, H, W) float32 in 0..255 -> (N, C, H, W) scores; the class of a pixel is the highest."""

    @abstractmethod
    def describe(self) -> dict[str, Any]:
        """Back end and architecture as JSON: `load_segmenter` builds the same network from it."""

    def predict(self, rgb: np.ndarray, *, pad: bool = False, what: str = "the picture") -> np.ndarray:
        """Class of every pixel.

        Args:
            rgb: (N, H, W, 3) uint8 RGB.
            pad: repeat the right and bottom edge up to the model's stride and cut the result back; without it such a
                picture is refused, because what the edge shows is then partly invented.
            what: names the picture in the error.

        Returns:
            (N, H, W) uint8 class ids.

        Raises:
            ValueError: not such pictures, or of a size that is not a multiple of the stride.
        """
        return self._scores(rgb, pad, what).argmax(1).to(torch.uint8).cpu().numpy()

    def probabilities(self, rgb: np.ndarray, *, pad: bool = False, what: str = "the picture") -> np.ndarray:
        """How likely the network takes every class to be; arguments and errors as of `predict`.

        Returns:
            (N, H, W, C) float32, which add up to 1.
        """
        return self._scores(rgb, pad, what).softmax(1).permute(0, 2, 3, 1).cpu().numpy()

    def _scores(self, rgb: np.ndarray, pad: bool, what: str) -> Tensor:
        if rgb.ndim != 4 or rgb.shape[3] != 3 or rgb.dtype != np.uint8 or not len(rgb):
            raise ValueError(f"rgb must be (N, H, W, 3) uint8 with N >= 1, got {rgb.shape} {rgb.dtype}")
        height, width = rgb.shape[1:3]
        missing = (-height % self.stride_px, -width % self.stride_px)
        if any(missing) and not pad:
            raise ValueError(
                f"{what} has {width}x{height} pixels, this model needs multiples of {self.stride_px}: record such a "
                "size, or allow padding (--pad)"
            )
        pixels = torch.from_numpy(np.ascontiguousarray(rgb)).to(self.class_weights.device)
        batch = pixels.permute(0, 3, 1, 2).float()
        batch = functional.pad(batch, (0, missing[1], 0, missing[0]), mode="replicate") if any(missing) else batch
        training = self.training
        self.eval()
        with torch.inference_mode():
            scores = self.logits(batch)[:, :, :height, :width]
        self.train(training)
        return scores

    def identity(self) -> str:
        """What network this is, for comparing a checkpoint with it."""
        return json.dumps(self.describe(), sort_keys=True)


def pixel_loss(logits: Tensor, labels: Tensor, class_weights: Tensor, dice_weight: float = 0.5) -> Tensor:
    """Weighted cross entropy plus soft Dice over the classes that occur.

    Cross entropy alone neglects classes of few pixels (lane paint, lights, people); Dice counts every class alike.

    Args:
        logits: (N, C, H, W).
        labels: (N, H, W) int64, 255 ignored.
        class_weights: (C,).
        dice_weight: weight of the Dice part.

    Source of the Dice loss: V-Net, arXiv 1606.04797.
    """
    classes = logits.shape[1]
    return row_loss(logits.permute(0, 2, 3, 1).reshape(-1, classes), labels.flatten(), class_weights, dice_weight)


def row_loss(scores: Tensor, labels: Tensor, class_weights: Tensor, dice_weight: float = 0.5) -> Tensor:
    """`pixel_loss` of pixels in any order.

    Args:
        scores: (P, C).
        labels: (P,) int64, 255 ignored.
        class_weights: (C,).
        dice_weight: weight of the Dice part.
    """
    # Ignored pixels weigh nothing instead of being cut out: at full size, copies cost more than a network's layer.
    counted = (labels != IGNORED).float()
    wanted = labels.where(labels != IGNORED, 0)
    log_shares = functional.log_softmax(scores.float(), 1)
    hit = log_shares.gather(1, wanted[:, None])[:, 0]
    weights = class_weights[wanted] * counted
    entropy = -(weights * hit).sum() / weights.sum().clamp_min(1e-12)
    pixels = torch.zeros_like(class_weights).index_add(0, wanted, counted)
    hits = torch.zeros_like(class_weights).index_add(0, wanted, hit.exp() * counted)
    sizes = counted @ log_shares.exp() + pixels
    dice = (1.0 - (2.0 * hits + 1.0) / (sizes + 1.0)) * (pixels > 0)
    return entropy + dice_weight * dice.sum() / (pixels > 0).sum().clamp_min(1)


def balanced_weights(counts: np.ndarray, power: float = 0.5) -> np.ndarray:
    """Pixel counts (C,) -> loss weights (C,) float32 with mean 1 over the classes that occur.

    1 / share^power, at most 20: by 0.5, 1 for a class that fills the picture, 10 for one of a hundredth; bounded, so
    that a handful of pixels never dominates.
    """
    if not counts.any():
        return np.ones(len(counts), np.float32)
    weights = np.minimum((np.maximum(counts, 1) / counts.sum()) ** -power, 20.0)
    return (weights / weights[counts > 0].mean()).astype(np.float32)
