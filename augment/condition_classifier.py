"""The condition score: which of the twelve conditions does a picture show?

A network of less than 50,000 parameters, trained on one half of one town of the embedded simulator and then frozen.
Its trunk never sees how bright or how coloured a picture is as a whole: each channel's mean and variance are taken
out first, and the head gets them as six numbers beside what the trunk has found. Without those six numbers the score
rests on structure alone: streaks, mirrors, haze with distance, shadows, lit lamps, stars.
"""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from hashlib import sha256
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors.torch import load_file, save_file
from torch.nn import functional

from augment.conditions import CORE12

SHIPPED_WEIGHTS = Path(__file__).with_name("weights") / "condition_classifier"
_SIZE_PX = (256, 144)
_BATCH = 32
_TONE_COUNT = 7
"""Mean and spread of three channels, and a one that says that they are given."""


@dataclass(frozen=True)
class ConditionNetworkConfig:
    """Shape of the network."""

    channels: tuple[int, int, int, int] = (24, 32, 40, 40)
    """Width at 1/4, 1/8, 1/8 and 1/16 of the picture."""
    hidden: int = 32
    """Width of the head."""


class ConditionNetwork(torch.nn.Module):
    """Trunk over a normalised picture, head over what it found and, where given, the picture's tone."""

    def __init__(self, config: ConditionNetworkConfig) -> None:
        super().__init__()
        self.config = config
        widths = (12, *config.channels)
        self.stages = torch.nn.ModuleList(
            _stage(inputs, outputs, stride) for (inputs, outputs), stride in zip(pairwise(widths), (2, 2, 1, 2))
        )
        features = 2 * sum(config.channels[:-1]) + 4 * config.channels[-1]
        self.head = torch.nn.Sequential(
            torch.nn.Linear(features + _TONE_COUNT, config.hidden),
            torch.nn.ReLU(),
            torch.nn.Linear(config.hidden, len(CORE12)),
        )

    def features(self, picture: torch.Tensor) -> torch.Tensor:
        """What the trunk finds in (N, 3, H, W) pictures from `normalise`; H and W multiples of 16."""
        x = functional.pixel_unshuffle(picture, 2)
        found = []
        for stage in self.stages:
            x = stage(x)
            found += [x.mean((2, 3)), x.amax((2, 3))]
        upper, middle, lower = (part.mean((2, 3)) for part in x.tensor_split(3, dim=2))
        return torch.cat([*found[:-2], found[-1], upper, middle, lower], dim=1)

    def forward(self, features: torch.Tensor, tone: torch.Tensor) -> torch.Tensor:
        """Logits (N, 12) from `features` and (N, 7) tone; a tone of zeros withholds it."""
        return self.head(torch.cat([features, tone], dim=1))

    def parameter_count(self) -> int:
        return sum(parameter.numel() for parameter in self.parameters())


def normalise(rgb: np.ndarray) -> tuple[torch.Tensor, torch.Tensor]:
    """Split pictures into structure and tone.

    Args:
        rgb: (N, H, W, 3) uint8.

    Returns:
        picture (N, 3, H, W) float32, mean 0 and variance 1 in every channel; tone (N, 7) float32.
    """
    pixels = torch.from_numpy(np.ascontiguousarray(rgb.transpose(0, 3, 1, 2))).float()
    spread, mean = torch.std_mean(pixels, dim=(2, 3), correction=0)
    # Half a level: what a picture of one colour would otherwise be divided by is 0.
    picture = (pixels - mean[..., None, None]) / (spread + 0.5)[..., None, None]
    tone = torch.cat([mean / 64.0 - 1.0, spread / 32.0 - 1.0, torch.ones(len(rgb), 1)], dim=1)
    return picture, tone


class ConditionClassifier:
    """Scores pictures with frozen weights."""

    def __init__(self, network: ConditionNetwork) -> None:
        self._network = network.eval()

    @classmethod
    def load(cls, folder: Path | None = None) -> ConditionClassifier:
        """Read weights.

        Args:
            folder: what `save` wrote; None reads the weights shipped with the package.

        Raises:
            ValueError: the folder is not a classifier of these conditions, or its files do not belong together.
        """
        folder = SHIPPED_WEIGHTS if folder is None else folder
        record = _read_config(folder)
        weights = folder / "model.safetensors"
        if sha256(weights.read_bytes()).hexdigest() != record["weights_sha256"]:
            raise ValueError(f"{weights} is not the file that config.json beside it was written for; fetch both anew")
        network = ConditionNetwork(ConditionNetworkConfig(tuple(record["channels"]), record["hidden"]))
        network.load_state_dict(load_file(weights))
        return cls(network)

    def copy_network(self) -> ConditionNetwork:
        """A network of the same shape and weights, to be trained further."""
        return copy.deepcopy(self._network)

    def save(self, folder: Path, record: dict[str, Any]) -> None:
        """Write `model.safetensors` and `config.json`.

        Args:
            folder: made if missing.
            record: further facts for `config.json`: data, versions, accuracy.
        """
        folder.mkdir(parents=True, exist_ok=True)
        weights = folder / "model.safetensors"
        save_file({name: value.contiguous() for name, value in self._network.state_dict().items()}, weights)
        config = {
            "conditions": [condition.name for condition in CORE12],
            **asdict(self._network.config),
            "parameters": self._network.parameter_count(),
            "weights_sha256": sha256(weights.read_bytes()).hexdigest(),
            **record,
        }
        (folder / "config.json").write_text(json.dumps(config, indent=2) + "\n", encoding="utf-8")

    def score(self, rgb: np.ndarray, *, normalised: bool = False) -> np.ndarray:
        """Probability of each condition.

        Args:
            rgb: (N, H, W, 3) uint8, any size; pictures are brought to 256x144.
            normalised: judge by structure alone, with each channel's mean and variance withheld.

        Returns:
            (N, 12) float32, rows sum to 1, columns in the order of `CORE12`.

        Raises:
            ValueError: rgb has another shape or type.
        """
        if rgb.ndim != 4 or rgb.shape[3] != 3 or rgb.dtype != np.uint8:
            raise ValueError(f"rgb must be (N, H, W, 3) uint8, got {rgb.shape} {rgb.dtype}")
        with torch.inference_mode():
            parts = [self._probabilities(batch, normalised) for batch in _batches(rgb)]
        return torch.cat(parts).numpy() if parts else np.zeros((0, len(CORE12)), np.float32)

    def _probabilities(self, rgb: np.ndarray, normalised: bool) -> torch.Tensor:
        picture, tone = normalise(rgb)
        if picture.shape[2:] != _SIZE_PX[::-1]:
            picture = functional.interpolate(picture, _SIZE_PX[::-1], mode="bilinear", antialias=True)
        logits = self._network(self._network.features(picture), torch.zeros_like(tone) if normalised else tone)
        return logits.softmax(1)


def _stage(inputs: int, outputs: int, stride: int) -> torch.nn.Sequential:
    convolution = torch.nn.Conv2d(inputs, outputs, 3, stride, padding=1, bias=False)
    return torch.nn.Sequential(convolution, torch.nn.BatchNorm2d(outputs), torch.nn.ReLU(inplace=True))


def _batches(rgb: np.ndarray) -> Iterator[np.ndarray]:
    for start in range(0, len(rgb), _BATCH):
        yield rgb[start : start + _BATCH]


def _read_config(folder: Path) -> dict[str, Any]:
    path = folder / "config.json"
    try:
        record = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise ValueError(f"{path} cannot be read as the configuration of a condition classifier: {error}") from error
    expected = [condition.name for condition in CORE12]
    if record.get("conditions") != expected:
        raise ValueError(f"{path} tells conditions {record.get('conditions')} apart; expected {expected}")
    return record
