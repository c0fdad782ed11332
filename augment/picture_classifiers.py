"""Classifiers for the audit: our own small one, and zero-shot CLIP or SigLIP through transformers."""

from __future__ import annotations

import json
from collections.abc import Mapping
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image
from transformers import AutoImageProcessor, AutoModel, AutoTokenizer

from augment.condition_classifier import SHIPPED_WEIGHTS, ConditionClassifier
from augment.conditions import CORE12
from augment.hub_models import model_folder, weights_digest

_SKY_AND_ROAD = {
    "clear": "a street under a clear sky",
    "cloudy": "a street under an overcast sky",
    "rain": "a wet street in the rain",
    "fog": "a street in dense fog",
}
_TIME_OF_DAY = {"day": "in the daytime", "dusk": "at dusk with a low sun", "night": "at night"}
ZERO_SHOT_WORDS: dict[str, str] = {
    c.name: f"a photo of {_SKY_AND_ROAD[c.weather]} {_TIME_OF_DAY[c.light]}" for c in CORE12
}
"""Condition -> the sentence that a picture of it should be closest to."""


class TrainedClassifier:
    """A `PictureClassifier` around the project's own network.

    Args:
        folder: weights written by `syndiff train-condition-classifier`; None takes the shipped ones.
    """

    def __init__(self, folder: Path | None = None) -> None:
        weights = (SHIPPED_WEIGHTS if folder is None else folder) / "model.safetensors"
        self._classifier = ConditionClassifier.load(folder)
        self.name = "condition-classifier"
        self.provenance: dict[str, Any] = {"weights": sha256(weights.read_bytes()).hexdigest()[:12]}
        self.conditions = tuple(condition.name for condition in CORE12)

    def score(self, rgb: np.ndarray) -> np.ndarray:
        """See `PictureClassifier`."""
        return self._classifier.score(rgb)


class ZeroShotClassifier:
    """A `PictureClassifier` that asks a CLIP or SigLIP which sentence fits a picture best.

    Both embeddings are brought to length 1 before they are compared.

    Args:
        model: a folder, or a name on the Hugging Face hub whose files are in the local cache or can be fetched;
            only safetensors are read.
        words: condition -> sentence.

    Raises:
        ValueError: the model is not there, is no CLIP or SigLIP, or has pickled weights only.
    """

    def __init__(self, model: str, words: Mapping[str, str] | None = None) -> None:
        words = dict(words or ZERO_SHOT_WORDS)
        folder = model_folder(model)
        try:
            self._model: Any = AutoModel.from_pretrained(folder, local_files_only=True, use_safetensors=True).eval()
            self._pictures: Any = AutoImageProcessor.from_pretrained(folder, local_files_only=True)
            tokenizer: Any = AutoTokenizer.from_pretrained(folder, local_files_only=True)
        except (OSError, ValueError, KeyError) as error:
            raise ValueError(f"{folder} cannot be loaded as a CLIP or SigLIP: {error}") from error
        if not (hasattr(self._model, "get_text_features") and hasattr(self._model, "logit_scale")):
            raise ValueError(f"{folder} holds a {self._model.config.model_type}; zero-shot needs a CLIP or SigLIP")
        self.name = f"zero-shot-{Path(model).name}"[:80]
        self.provenance: dict[str, Any] = {"model": model, "weights": weights_digest(folder), "words": words}
        self.conditions = tuple(words)
        longest = self._model.config.text_config.max_position_embeddings
        # SigLIP was trained with sentences filled up to full length; CLIP reads the end mark wherever it is.
        tokens = tokenizer(
            list(words.values()), padding="max_length", max_length=longest, truncation=True, return_tensors="pt"
        )
        with torch.inference_mode():
            self._text = _unit(self._model.get_text_features(**tokens))

    @torch.inference_mode()
    def score(self, rgb: np.ndarray) -> np.ndarray:
        """See `PictureClassifier`."""
        pixels = self._pictures([Image.fromarray(p) for p in rgb], return_tensors="pt")
        pictures = _unit(self._model.get_image_features(**pixels))
        # The learned temperature of the model; SigLIP's bias is the same for all sentences and drops out.
        logits = self._model.logit_scale.exp() * pictures @ self._text.T
        return logits.softmax(1).float().numpy()


def make_picture_classifier(kind: str) -> TrainedClassifier | ZeroShotClassifier:
    """`trained`, a folder of our classifier, or a CLIP or SigLIP by folder or name.

    Raises:
        ValueError: see there.
    """
    if kind == "trained":
        return TrainedClassifier()
    folder = Path(kind)
    if folder.is_dir() and _is_ours(folder):
        return TrainedClassifier(folder)
    return ZeroShotClassifier(kind)


def _is_ours(folder: Path) -> bool:
    try:
        config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return False
    return isinstance(config, dict) and "conditions" in config and "weights_sha256" in config


def _unit(features: Any) -> torch.Tensor:
    """Embeddings of length 1; newer versions of transformers wrap them in an output object."""
    vectors = features if isinstance(features, torch.Tensor) else features.pooler_output
    return torch.nn.functional.normalize(vectors.float(), dim=-1)
