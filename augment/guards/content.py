"""Changed content: a small network looks at source, variant and labels, and marks where something came or went.

Light and weather may change everything about a picture but what stands where. A segmenter that reads the variant
alone is weak in the dark; the pair of pictures says more: structure that appears where the source has none, or
vanishes while its surroundings keep theirs. The network learned that from true re-renders of the training towns,
some of them corrupted (`augment.training.content_change`).
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from hashlib import sha256
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor, nn
from torch.nn import functional

from carla_server.semantics import SemanticTag

SHIPPED_WEIGHTS = Path(__file__).parents[1] / "weights" / "content_change"
KINDS = ("vehicle", "person", "paint")
"""What the network tells apart; in this order in its output."""
CELL_PX = 4
"""Width and height of the cells that it judges."""
_STRIDE_PX = 8
_GROUPS: tuple[tuple[SemanticTag, ...], ...] = (
    (SemanticTag.CAR, SemanticTag.TRUCK, SemanticTag.BUS, SemanticTag.TRAIN),
    (SemanticTag.PEDESTRIANS, SemanticTag.RIDER, SemanticTag.MOTORCYCLE, SemanticTag.BICYCLE),
    (SemanticTag.ROAD_LINES,),
    (SemanticTag.ROADS,),
    (SemanticTag.SIDEWALKS, SemanticTag.TERRAIN, SemanticTag.GROUND),
    (SemanticTag.SKY,),
)
_GROUP_OF_TAG = np.full(256, len(_GROUPS), np.uint8)
for _index, _tags in enumerate(_GROUPS):
    _GROUP_OF_TAG[list(_tags)] = _index
PLANES = 8 + len(_GROUPS)


def pair_planes(
    source: np.ndarray, variant: np.ndarray, seg: np.ndarray, window: tuple[slice, slice] | None = None
) -> np.ndarray:
    """What the network sees of a pair.

    Args:
        source, variant: (H, W, 3) uint8.
        seg: (H, W) uint8 CARLA tags.
        window: rows and columns that are wanted; None wants all.

    Returns:
        (PLANES, h, w) float32: colours of both in a logarithm, less their mean and over their spread; brightness of
        both relative to the neighbourhood; groups of labels.
    """
    window = window or (slice(0, seg.shape[0]), slice(0, seg.shape[1]))
    labels = _GROUP_OF_TAG[seg[window]]
    planes = np.empty((PLANES, *labels.shape), np.float32)
    for first, rgb in ((0, source), (4, variant)):
        mean, spread = cv2.meanStdDev(cv2.LUT(np.ascontiguousarray(rgb[::2, ::2]), _LOGARITHM))
        tone = cv2.LUT(np.ascontiguousarray(rgb[window]), _LOGARITHM)
        planes[first : first + 3] = ((tone - mean.ravel()) / (spread.ravel() + 0.05)).transpose(2, 0, 1)
        grey = cv2.transform(tone, _MEAN_OF_CHANNELS)
        near = cv2.blur(grey, (15, 15))
        spread = np.sqrt(np.maximum(cv2.blur(grey * grey, (15, 15)) - near * near, 0.0))
        planes[first + 3] = (grey - near) / (spread + 0.05)
    planes[8:] = labels == np.arange(len(_GROUPS), dtype=np.uint8)[:, None, None]
    return planes


_MEAN_OF_CHANNELS = np.full((1, 3), 1.0 / 3.0)
_LOGARITHM = np.log((np.arange(256) + 6.0) / 128.0).astype(np.float32)


class ContentNetwork(nn.Module):
    """Convolutions at a half, a quarter and an eighth of the picture; one score per kind and cell of 4x4 pixels.

    The half is for small things: a far person is three pixels wide.
    """

    def __init__(self, widths: tuple[int, int, int] = (32, 64, 96)) -> None:
        super().__init__()
        half, quarter, eighth = widths
        self.widths = widths
        self.enter = nn.Sequential(
            nn.PixelUnshuffle(2),
            _layer(4 * PLANES, half),
            _layer(half, quarter, stride=2),
            _layer(quarter, quarter),
        )
        self.down = nn.Sequential(
            _layer(quarter, eighth, stride=2), _layer(eighth, eighth, dilation=2), _layer(eighth, eighth, dilation=4)
        )
        self.up = nn.Conv2d(eighth, quarter, 1)
        self.leave = nn.Sequential(_layer(quarter, quarter), nn.Conv2d(quarter, len(KINDS), 1))
        self.to(memory_format=torch.channels_last)  # type: ignore[call-overload]  # a tenth less time on CPUs

    def forward(self, planes: Tensor) -> Tensor:
        """(N, PLANES, H, W), sides multiples of 8 -> logits (N, 3, H/4, W/4)."""
        fine = self.enter(planes.contiguous(memory_format=torch.channels_last))
        coarse = functional.interpolate(self.up(self.down(fine)), scale_factor=2.0, mode="nearest")
        return self.leave(fine + coarse)


def strongest(logits: Tensor) -> Tensor:
    """(N, K, h, w) logits of cells -> (N, K) of the picture: mean of the three strongest cells of each kind."""
    return logits.flatten(2).topk(3, dim=2).values.mean(2)


class ContentChange:
    """Scores pairs with frozen weights."""

    def __init__(self, network: ContentNetwork) -> None:
        self.network = network.eval()
        self.weights_sha256: str | None = None

    def parameter_count(self) -> int:
        return sum(parameter.numel() for parameter in self.network.parameters())

    @classmethod
    def load(cls, folder: Path | None = None) -> ContentChange:
        """Read weights.

        Args:
            folder: what `save` wrote; None reads the weights shipped with the package.

        Raises:
            ValueError: the folder holds no such network, or its files do not belong together.
        """
        folder = SHIPPED_WEIGHTS if folder is None else folder
        weights, path = folder / "model.safetensors", folder / "config.json"
        try:
            record = json.loads(path.read_text(encoding="utf-8"))
            content = weights.read_bytes()
            kinds, widths, wanted = record["kinds"], record["widths"], record["weights_sha256"]
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise ValueError(f"{folder} cannot be read as a content-change network: {error}") from error
        if kinds != list(KINDS):
            raise ValueError(f"{path} tells {kinds} apart; expected {list(KINDS)}")
        if sha256(content).hexdigest() != wanted:
            raise ValueError(f"{weights} is not the file that config.json beside it was written for; fetch both anew")
        if len(widths) != 3:
            raise ValueError(f"{path} has the widths {widths}; expected three; train it anew")
        network = ContentNetwork((int(widths[0]), int(widths[1]), int(widths[2])))
        network.load_state_dict({name: value.float() for name, value in load_file(weights).items()})
        change = cls(network)
        change.weights_sha256 = wanted
        return change

    def save(self, folder: Path, record: dict[str, Any]) -> None:
        """Write `model.safetensors` (float16) and `config.json` with further facts from `record`."""
        folder.mkdir(parents=True, exist_ok=True)
        weights = folder / "model.safetensors"
        state = self.network.state_dict()
        save_file({name: v.half().contiguous() if v.is_floating_point() else v for name, v in state.items()}, weights)
        self.weights_sha256 = sha256(weights.read_bytes()).hexdigest()
        config = {
            "kinds": list(KINDS),
            "widths": list(self.network.widths),
            "parameters": self.parameter_count(),
            "weights_sha256": self.weights_sha256,
            **record,
        }
        (folder / "config.json").write_text(json.dumps(config, indent=2) + "\n", encoding="utf-8")

    def cells(self, source: np.ndarray, seg: np.ndarray, variant: np.ndarray) -> np.ndarray:
        """(3, h, w) float32 logits of the cells of one pair, h and w a quarter of the picture, rounded up to even.

        Mean over the pair and its mirror image: half of what the network is unsure of by chance cancels out.
        """
        height, width = seg.shape
        planes = torch.from_numpy(pair_planes(source, variant, seg))[None]
        planes = functional.pad(planes, (0, -width % _STRIDE_PX, 0, -height % _STRIDE_PX), mode="replicate")
        with torch.inference_mode():
            plain, mirrored = self.network(torch.cat([planes, planes.flip(3)]))
            return (0.5 * (plain + mirrored.flip(2))).numpy()

    def figures(
        self,
        source: np.ndarray,
        seg: np.ndarray,
        variant: np.ndarray,
        appeared: Mapping[str, np.ndarray] | None = None,
    ) -> dict[str, float]:
        """How sure the network is that content changed.

        Args:
            source, variant: (H, W, 3) uint8.
            seg: (H, W) uint8 CARLA tags.
            appeared: kind -> (H, W) float32 in [0, 1], how probable somebody else thinks that one came there
                (`LabelConsistency`). The logarithm of its odds is added cell by cell: what this network is unsure of
                and what a segmenter is unsure of lie in different places, but a thing lies in one.

        Returns:
            `changed:vehicle`, `changed:person`, `changed:paint`: logits, the more the surer.
        """
        cells = self.cells(source, seg, variant)
        for kind, probability in (appeared or {}).items():
            cells[KINDS.index(kind)] += _odds_above_none(_mean_of_cells(probability, cells.shape[1:]))
        scores = strongest(torch.from_numpy(cells)[None])[0]
        return {f"changed:{kind}": float(score) for kind, score in zip(KINDS, scores)}


_LEAST_PROBABILITY = 0.01


def _odds_above_none(probability: np.ndarray) -> np.ndarray:
    """Logarithm of the odds, less what it is where nothing is seen."""
    odds = (probability + _LEAST_PROBABILITY) / (1.0 - probability + _LEAST_PROBABILITY)
    return np.log(odds * (1.0 + _LEAST_PROBABILITY) / _LEAST_PROBABILITY)


def _mean_of_cells(picture: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    """(H, W) -> (h, w) means of cells; what the cells have beyond the picture repeats its edge."""
    rows, columns = shape[0] * CELL_PX - picture.shape[0], shape[1] * CELL_PX - picture.shape[1]
    padded = np.pad(picture, ((0, rows), (0, columns)), mode="edge")
    return padded.reshape(shape[0], CELL_PX, shape[1], CELL_PX).mean((1, 3))


def _layer(inputs: int, outputs: int, stride: int = 1, dilation: int = 1) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(inputs, outputs, 3, stride, padding=dilation, dilation=dilation, bias=False),
        nn.BatchNorm2d(outputs),
        nn.ReLU(inplace=True),
    )
