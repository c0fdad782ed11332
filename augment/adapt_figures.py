"""Figures of the three models on a user's held-out frames, for the card of an adaptation."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from augment.condition_classifier import ConditionClassifier
from augment.conditions import CORE12, Condition
from augment.seeds import derive_seed
from augment.synthesizers.base import FrameBatch
from augment.synthesizers.embedded import EmbeddedSynthesizer
from augment.training.condition_classifier import measure_accuracy
from augment.training.condition_pictures import ConditionPictures
from augment.training.pairs import PairedFrames
from carla_agents.segmentation.carla_sets import CARLA_0_9_16
from carla_agents.segmentation.class_sets import translate
from carla_agents.segmentation.metrics import confusion, mean_iou
from carla_agents.segmentation.segmentation_set import SegmentationSet
from carla_agents.segmentation.segmenter import Segmenter
from carla_agents.segmentation.weights import load_segmenter


def segmenter_figures(folder: Path, data: SegmentationSet) -> dict[str, Any]:
    """`{"pictures", "miou"}` of one accumulated confusion matrix."""
    segmenter = load_segmenter(folder)
    pictures = [data.load(number) for number in range(len(data))]
    return {"pictures": len(data), "miou": _miou(segmenter, pictures)}


def classifier_figures(folder: Path, pictures: ConditionPictures) -> dict[str, Any]:
    """`{"pictures", "right"}`: share whose likeliest condition is the recorded one."""
    accuracy = measure_accuracy(ConditionClassifier.load(folder), pictures, normalised=False)
    return {"pictures": accuracy.count, "right": round(accuracy.share, 4)}


def generator_figures(
    folder: Path, pairs: PairedFrames, source: str, segmenter_folder: Path, classifier_folder: Path
) -> dict[str, Any]:
    """Variants of the source frames against the true pictures.

    Returns:
        `{"pictures", "psnr_db", "accepted", "accepted_of_true", "miou", "miou_of_true"}`: mean PSNR, share of
        variants and of true pictures that the condition classifier takes for the target, mean IoU of the segmenter
        against the labels on both.
    """
    synthesizer = EmbeddedSynthesizer.from_folder(folder)
    segmenter, classifier = load_segmenter(segmenter_folder), ConditionClassifier.load(classifier_folder)
    start = Condition.parse(source)
    keys = tuple(f"held-out/{number:06d}" for number in range(len(pairs)))
    frames = FrameBatch(pairs.rgb[start], pairs.seg, pairs.depth_m, (start,) * len(pairs), keys)
    labels = translate(pairs.seg, CARLA_0_9_16, segmenter.classes, "held-out labels")
    errors_db: list[float] = []
    accepted: list[bool] = []
    accepted_of_true: list[bool] = []
    made: list[tuple[np.ndarray, np.ndarray]] = []
    truth: list[tuple[np.ndarray, np.ndarray]] = []
    known = set(synthesizer.config.targets)
    for target, true in pairs.rgb.items():
        if target == start or target.name not in known:
            continue
        seeds = np.array([derive_seed("adapt", key, target.name) for key in keys], np.uint64)
        variants = synthesizer(frames, [target] * len(frames), seeds)
        errors = ((variants.astype(np.float32) - true.astype(np.float32)) ** 2).mean((1, 2, 3))
        errors_db += (10.0 * np.log10(255.0**2 / np.maximum(errors, 0.25))).tolist()
        made += list(zip(variants, labels))
        truth += list(zip(true, labels))
        if target in CORE12:
            accepted += (classifier.score(variants).argmax(1) == CORE12.index(target)).tolist()
            accepted_of_true += (classifier.score(true).argmax(1) == CORE12.index(target)).tolist()
    return {
        "pictures": len(made),
        "psnr_db": round(float(np.mean(errors_db)), 2) if made else None,
        "accepted": round(float(np.mean(accepted)), 4) if accepted else None,
        "accepted_of_true": round(float(np.mean(accepted_of_true)), 4) if accepted else None,
        "miou": _miou(segmenter, made),
        "miou_of_true": _miou(segmenter, truth),
    }


def _miou(segmenter: Segmenter, pictures: list[tuple[np.ndarray, np.ndarray]]) -> float | None:
    if not pictures:
        return None
    count = len(segmenter.classes.classes)
    total = np.zeros((count, count), np.int64)
    for rgb, labels in pictures:
        total += confusion(labels, segmenter.predict(rgb[None], pad=True)[0], count)
    return round(float(mean_iou(total)), 4)
