"""Trains the condition classifier on labelled pictures; minutes on a CPU.

Every step shows each picture twice to the head: with its tone and with the tone withheld. So one set of weights
answers both questions, and the second cannot lean on brightness or tint.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import cv2
import numpy as np
import torch
from torch.nn import functional

from augment.condition_classifier import ConditionClassifier, ConditionNetwork, ConditionNetworkConfig, normalise
from augment.conditions import CORE12
from augment.seeds import derive_seed, generator
from augment.training.condition_pictures import ConditionPictures


@dataclass(frozen=True)
class ConditionTrainingConfig:
    """How the classifier is trained."""

    epochs: int = 24
    """How often every picture is shown."""
    batch_size: int = 32
    """Pictures per step."""
    learning_rate: float = 4e-3
    """Peak of a schedule with short warm-up, then cosine to zero."""
    seed: int = 0
    """Everything random in the training derives from it."""

    def __post_init__(self) -> None:
        for name in ("epochs", "batch_size"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} is {getattr(self, name)}; expected at least 1")
        if not 0.0 < self.learning_rate <= 0.1:
            raise ValueError(f"learning_rate is {self.learning_rate}; expected above 0, at most 0.1")


def train_condition_classifier(
    pictures: ConditionPictures,
    config: ConditionTrainingConfig,
    on_step: Callable[[int, float], None] | None = None,
    start: ConditionClassifier | None = None,
) -> ConditionClassifier:
    """Fit a classifier; the same on the same machine with the same number of threads.

    Args:
        pictures: of all conditions, at least one batch.
        config: how.
        on_step: called with (steps done, loss).
        start: a classifier whose weights to begin with instead of random ones; it is left as it is.

    Raises:
        ValueError: fewer pictures than a batch.
    """
    steps_per_epoch = len(pictures) // config.batch_size
    if steps_per_epoch < 1:
        raise ValueError(f"{len(pictures)} pictures are fewer than a batch of {config.batch_size}")
    torch.manual_seed(derive_seed(config.seed, "condition classifier", "weights"))
    network = ConditionNetwork(ConditionNetworkConfig()) if start is None else start.copy_network()
    network.train()
    optimizer = torch.optim.AdamW(network.parameters(), config.learning_rate, weight_decay=1e-2)
    steps = config.epochs * steps_per_epoch
    for step in range(steps):
        epoch, place = divmod(step, steps_per_epoch)
        order = generator(config.seed, "condition classifier", "order", epoch).permutation(len(pictures))
        chosen = order[place * config.batch_size : (place + 1) * config.batch_size]
        rng = generator(config.seed, "condition classifier", "batch", step)
        for group in optimizer.param_groups:
            group["lr"] = config.learning_rate * _schedule(step, steps)
        picture, tone = normalise(varied(pictures.rgb[chosen], rng))
        features = network.features(picture)
        wanted = torch.from_numpy(pictures.label[chosen])
        logits = torch.cat([network(features, shown) for shown in (tone, torch.zeros_like(tone))])
        loss = functional.cross_entropy(logits, wanted.repeat(2), label_smoothing=0.05)
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        optimizer.step()
        if on_step is not None:
            on_step(step + 1, float(loss.detach()))
    return ConditionClassifier(network)


@dataclass(frozen=True)
class Accuracy:
    """How often the likeliest condition is the true one.

    Attributes:
        confusion: (12, 12) int64 pictures; rows true, columns told, in the order of `CORE12`.
    """

    confusion: np.ndarray

    @property
    def count(self) -> int:
        return int(self.confusion.sum())

    @property
    def share(self) -> float:
        return float(np.trace(self.confusion) / self.count)

    @property
    def interval(self) -> tuple[float, float]:
        """95 % interval of the share (Wilson's)."""
        z2, n, p = 1.96**2, self.count, self.share
        middle, half = p + z2 / (2 * n), math.sqrt(z2 * (p * (1 - p) / n + z2 / (4 * n * n)))
        return (middle - half) / (1 + z2 / n), (middle + half) / (1 + z2 / n)

    def __add__(self, other: Accuracy) -> Accuracy:
        return Accuracy(self.confusion + other.confusion)

    def line(self) -> str:
        low, high = self.interval
        return f"{self.share:.1%} of {self.count} (95 % interval {low:.1%} to {high:.1%})"


def measure_accuracy(classifier: ConditionClassifier, pictures: ConditionPictures, *, normalised: bool) -> Accuracy:
    """Score pictures and count what they are taken for."""
    told = classifier.score(pictures.rgb, normalised=normalised).argmax(1)
    confusion = np.zeros((len(CORE12), len(CORE12)), np.int64)
    np.add.at(confusion, (pictures.label, told), 1)
    return Accuracy(confusion)


def varied(rgb: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Pictures as another camera might have taken them: mirrored, cut out, with another tone curve and noise.

    Args:
        rgb: (N, H, W, 3) uint8.

    Returns:
        The same shape; fresh.
    """
    out = np.empty_like(rgb)
    height, width = rgb.shape[1:3]
    for source, picture in zip(rgb, out):
        share = rng.uniform(0.7, 1.0)
        rows, columns = round(share * height), round(share * width)
        top, left = int(rng.integers(0, height - rows + 1)), int(rng.integers(0, width - columns + 1))
        cut = source[top : top + rows, left : left + columns]
        if rng.random() < 0.5:
            cut = np.ascontiguousarray(cut[:, ::-1])
        curve = (np.arange(256) / 255.0)[:, None] ** rng.uniform(0.85, 1.18) * rng.uniform(0.94, 1.06, 3)
        pixels = cv2.LUT(cv2.resize(cut, (width, height)), np.clip(curve * 255.0, 0.0, 255.0).astype(np.uint8)[None])
        if rng.random() < 0.3:
            noise = rng.standard_normal(pixels.shape, dtype=np.float32) * np.float32(rng.uniform(0.5, 3.0))
            pixels = (pixels + noise).round().clip(0.0, 255.0).astype(np.uint8)
        picture[:] = pixels
        if rng.random() < 0.4:
            _hide_patch(picture, rng)
    return out


def _hide_patch(picture: np.ndarray, rng: np.random.Generator) -> None:
    """A rectangle gets the picture's mean colour, so that no single place decides."""
    height, width = picture.shape[:2]
    rows, columns = int(rng.integers(height // 8, height // 2)), int(rng.integers(width // 8, width // 2))
    top, left = int(rng.integers(0, height - rows)), int(rng.integers(0, width - columns))
    picture[top : top + rows, left : left + columns] = picture.mean((0, 1))


def _schedule(step: int, steps: int) -> float:
    warm_up = max(1, steps // 20)
    return min(1.0, (step + 1) / warm_up) * 0.5 * (1.0 + math.cos(math.pi * step / steps))
