"""Networks that turn a picture into a feature vector, for distances between sets of pictures.

All weights are on this machine already: the shipped segmenter's, those that a Python package brings
(EfficientNet-Lite0), or files that the user names (CLIP, Inception). A network that is not here gives its reason.
"""

from __future__ import annotations

import importlib.util
from pathlib import Path
from pickle import UnpicklingError
from typing import Any, Protocol

import numpy as np
import torch
from torch.nn import functional

from carla_agents.segmentation.lite0 import Lite0Segmenter, Lite0SegmenterConfig
from carla_agents.segmentation.segmenter import Segmenter

FEATURE_NAMES = ("segmenter", "lite0", "clip", "inception")


class Features(Protocol):
    """A frozen network.

    Attributes:
        name: part of the names of its distances, e.g. `frechet_lite0`; only Inception's are called fid and kid.
        size: length of a feature vector.
        description: which layer of which weights.
    """

    name: str
    size: int
    description: str

    def __call__(self, rgb: np.ndarray) -> np.ndarray:
        """(N, H, W, 3) uint8 RGB -> (N, size) float64."""
        ...


class FeaturesAbsent(ValueError):
    """These features cannot be computed here; the message says what is missing."""


def distance_names(features: str) -> tuple[str, str]:
    """Name of the features -> names of their Frechet and kernel distances."""
    return ("fid", "kid") if features == "inception" else (f"frechet_{features}", f"kernel_{features}")


class SegmenterFeatures:
    """What the last layer of a segmenter of ours reads, averaged over the picture; one pass gives the classes too."""

    name = "segmenter"

    def __init__(self, segmenter: Segmenter) -> None:
        last = getattr(segmenter, "classify", None)
        if not isinstance(last, torch.nn.Conv2d):
            raise FeaturesAbsent(
                f"features are read before the last layer of segmenters of our own kinds (small, lite0), not of "
                f"{segmenter.describe().get('backend')}"
            )
        self.segmenter = segmenter
        self.size = last.in_channels
        self.description = f"mean over the picture of the {self.size} channels before the segmenter's last layer"
        self._last = last

    def __call__(self, rgb: np.ndarray) -> np.ndarray:
        return self.read(rgb)[1]

    def read(self, rgb: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """(N, H, W, 3) uint8 -> (N, H, W) uint8 class ids, (N, size) float64; sides are padded to the stride."""
        seen: list[np.ndarray] = []
        hook = self._last.register_forward_pre_hook(
            lambda _, inputs: seen.append(inputs[0].mean((2, 3)).double().cpu().numpy())
        )
        try:
            ids = self.segmenter.predict(rgb, pad=True)
        finally:
            hook.remove()
        return ids, np.concatenate(seen)


class Lite0Features:
    """EfficientNet-Lite0 trained on ImageNet, down to 1/16, averaged over the picture."""

    name = "lite0"
    size = 112
    description = "mean over the picture of the 112 channels at 1/16 of EfficientNet-Lite0 (ImageNet)"

    def __init__(self) -> None:
        network = Lite0Segmenter(Lite0SegmenterConfig())
        try:
            network.take_imagenet_weights()
        except ValueError as error:
            raise FeaturesAbsent(str(error)) from error
        self._network = network.eval()

    def __call__(self, rgb: np.ndarray) -> np.ndarray:
        with torch.inference_mode():
            found = self._network.stem((_planes(rgb) - 127.0) / 128.0)
            for stage in self._network.stages:
                found = stage(found)
            return found.mean((2, 3)).double().numpy()


class ClipFeatures:
    """The picture half of a CLIP model in a local folder, through transformers; vectors of length 1."""

    name = "clip"

    def __init__(self, folder: Path | None) -> None:
        if folder is None:
            raise FeaturesAbsent("no CLIP model was named: give the folder of one with --clip")
        if not (folder / "config.json").is_file():
            raise FeaturesAbsent(f"{folder} has no config.json: give the folder of a CLIP model with safetensors")
        from transformers import CLIPVisionModelWithProjection

        try:
            loaded: Any = CLIPVisionModelWithProjection.from_pretrained(
                folder, local_files_only=True, use_safetensors=True
            )
        except (OSError, ValueError) as error:
            raise FeaturesAbsent(f"{folder} is not a CLIP model with safetensors: {error}") from error
        self._network = loaded.eval()
        self._side_px = int(loaded.config.image_size)
        self.size = int(loaded.config.projection_dim)
        self.description = f"{self.size} numbers of the CLIP model in {folder.name}, of length 1"

    def __call__(self, rgb: np.ndarray) -> np.ndarray:
        # The whole picture, squeezed to a square: cutting the middle out would hide a third of a street.
        pixels = functional.interpolate(
            _planes(rgb) / 255.0, (self._side_px, self._side_px), mode="bicubic", antialias=True
        ).clamp(0.0, 1.0)
        mean = torch.tensor([0.48145466, 0.4578275, 0.40821073])[:, None, None]
        spread = torch.tensor([0.26862954, 0.26130258, 0.27577711])[:, None, None]
        with torch.inference_mode():
            found = self._network(pixel_values=(pixels - mean) / spread).image_embeds
        return functional.normalize(found, dim=1).double().numpy()


class InceptionFeatures:
    """Inception's 2048 features as FID takes them: torch-fidelity's network, weights from a file."""

    name = "inception"
    size = 2048
    description = "2048 pooled features of the Inception network of FID (torch-fidelity's conversion)"

    def __init__(self, weights: Path | None) -> None:
        if weights is None:
            raise FeaturesAbsent("no Inception weights were named: give torch-fidelity's file with --inception")
        if not weights.is_file():
            raise FeaturesAbsent(f"{weights} is not a file: give torch-fidelity's Inception weights")
        for package in ("torchvision", "torch_fidelity"):
            if importlib.util.find_spec(package) is None:
                raise FeaturesAbsent(f"Inception's features need {package}: pip install torch-fidelity torchvision")
        try:
            from torch_fidelity.feature_extractor_inceptionv3 import FeatureExtractorInceptionV3
        except (ImportError, RuntimeError) as error:
            raise FeaturesAbsent(f"torch-fidelity cannot be imported here: {error}") from error
        # torch-fidelity reads the file with code in it allowed; it gets none that holds more than tensors.
        try:
            torch.load(weights, map_location="cpu", weights_only=True)
        except (UnpicklingError, RuntimeError) as error:
            raise FeaturesAbsent(f"{weights} is not a file of tensors alone, so it is not read: {error}") from error
        self._network = FeatureExtractorInceptionV3(
            "inception", ["2048"], feature_extractor_weights_path=str(weights)
        )

    def __call__(self, rgb: np.ndarray) -> np.ndarray:
        with torch.inference_mode():
            (found,) = self._network(torch.from_numpy(np.ascontiguousarray(rgb.transpose(0, 3, 1, 2))))
        return found.double().numpy()


def _planes(rgb: np.ndarray) -> torch.Tensor:
    return torch.from_numpy(np.ascontiguousarray(rgb.transpose(0, 3, 1, 2))).float()
