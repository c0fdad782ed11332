"""`Ruler`: everything that is measured on one picture, by frozen networks, once."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from augment.condition_classifier import ConditionClassifier
from augment.conditions import CORE12
from augment.quality.features import (
    FEATURE_NAMES,
    ClipFeatures,
    Features,
    FeaturesAbsent,
    InceptionFeatures,
    Lite0Features,
    SegmenterFeatures,
)
from augment.quality.perceptual import Lpips, LpipsAbsent
from augment.quality.picture_metrics import mean_squared_error, ssim
from carla_agents.segmentation.carla_sets import CARLA_0_9_16
from carla_agents.segmentation.class_sets import translate
from carla_agents.segmentation.default import default_segmenter
from carla_agents.segmentation.metrics import confusion
from carla_agents.segmentation.segmenter import Segmenter

CONDITION_NAMES = tuple(condition.name for condition in CORE12)


@dataclass(frozen=True)
class Reading:
    """What frozen networks find in one picture.

    Attributes:
        matrix: (C, C) int64 pixels by (label, class read); all zero without labels.
        condition_scores: (12,) float32 probabilities in the order of `CORE12`.
        features: name -> (D,) float64.
    """

    matrix: np.ndarray
    condition_scores: np.ndarray
    features: Mapping[str, np.ndarray]


@dataclass(frozen=True)
class Likeness:
    """A picture beside the true picture of the same instant.

    Attributes:
        squared_error: mean, in squared levels.
        ssim: in [-1, 1].
        lpips: or None where LPIPS is absent.
    """

    squared_error: float
    ssim: float
    lpips: float | None


class Ruler:
    """Measures pictures; make one and use it for everything that is compared.

    Attributes:
        segmenter: reads classes.
        features: name -> network.
        absent: name of what cannot be measured here -> why.
    """

    def __init__(
        self,
        segmenter: Segmenter | None = None,
        classifier: ConditionClassifier | None = None,
        wanted: Sequence[str] | None = None,
        clip_folder: Path | None = None,
        inception_weights: Path | None = None,
    ) -> None:
        """Load the networks.

        Args:
            segmenter: None takes the shipped one.
            classifier: of conditions; None takes the shipped one.
            wanted: names of features; None takes those that are here, and those that a file is given for.
            clip_folder, inception_weights: where the user keeps them.

        Raises:
            ValueError: an unknown name of features, or wanted ones that are absent.
        """
        unknown = sorted(set(wanted or ()) - set(FEATURE_NAMES))
        if unknown:
            raise ValueError(f"unknown features {unknown}; known are {', '.join(FEATURE_NAMES)}")
        self.segmenter = segmenter or default_segmenter()
        self._classifier = classifier or ConditionClassifier.load()
        self.features: dict[str, Features] = {}
        self.absent: dict[str, str] = {}
        makers: dict[str, Callable[[], Features]] = {
            "segmenter": lambda: SegmenterFeatures(self.segmenter),
            "lite0": Lite0Features,
            "clip": lambda: ClipFeatures(clip_folder),
            "inception": lambda: InceptionFeatures(inception_weights),
        }
        for name in FEATURE_NAMES if wanted is None else wanted:
            try:
                self.features[name] = makers[name]()
            except FeaturesAbsent as error:
                if wanted is not None or {"clip": clip_folder, "inception": inception_weights}.get(name) is not None:
                    raise
                self.absent[name] = str(error)
        self._lpips: Lpips | None = None
        try:
            self._lpips = Lpips()
        except LpipsAbsent as error:
            self.absent["lpips"] = str(error)

    def labels(self, seg: np.ndarray, what: str) -> np.ndarray:
        """CARLA tags of a recorded frame -> ids of the segmenter's classes, 255 ignored."""
        return translate(seg, CARLA_0_9_16, self.segmenter.classes, what)

    def classes_of(self, rgb: np.ndarray) -> np.ndarray:
        """(N, H, W, 3) uint8 -> (N, H, W) uint8 classes that the segmenter reads."""
        return self.segmenter.predict(rgb, pad=True)

    def read(self, rgb: np.ndarray, labels: np.ndarray | None) -> list[Reading]:
        """Read N pictures of one size.

        Args:
            rgb: (N, H, W, 3) uint8.
            labels: (H, W) uint8 ids that all of them should show, or None.
        """
        found: dict[str, np.ndarray] = {}
        ids: np.ndarray | None = None
        for name, network in self.features.items():
            if isinstance(network, SegmenterFeatures):
                ids, found[name] = network.read(rgb)
            else:
                found[name] = network(rgb)
        scores = self._classifier.score(rgb)
        count = len(self.segmenter.classes.classes)
        matrices = np.zeros((len(rgb), count, count), np.int64)
        if labels is not None:
            ids = self.classes_of(rgb) if ids is None else ids
            matrices = np.stack([confusion(labels, shown, count) for shown in ids])
        return [
            Reading(matrices[i], scores[i], {name: values[i] for name, values in found.items()})
            for i in range(len(rgb))
        ]

    def compare(self, rgb: np.ndarray, true_rgb: np.ndarray) -> list[Likeness]:
        """N pictures of one instant beside its true picture.

        Args:
            rgb: (N, H, W, 3) uint8.
            true_rgb: (H, W, 3) uint8.
        """
        beside = np.broadcast_to(true_rgb, rgb.shape)
        errors, alike = mean_squared_error(rgb, beside), ssim(rgb, beside)
        lpips = [None] * len(rgb) if self._lpips is None else [float(v) for v in self._lpips(rgb, beside)]
        return [Likeness(float(e), float(s), p) for e, s, p in zip(errors, alike, lpips)]
