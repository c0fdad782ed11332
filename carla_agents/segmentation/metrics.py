"""Intersection over union from one accumulated confusion matrix, per class, per group, with bootstrap intervals.

A mean over pictures of per-picture IoU is another number; it is never printed. A class that neither occurs nor is
predicted in a group has no IoU; one that is only predicted has IoU 0. Both as in mmsegmentation's `IoUMetric` and
torchmetrics' macro Jaccard index with `ignore_index`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np

from carla_agents.segmentation.class_sets import IGNORED

MIN_IMAGES = 30
"""Groups with fewer pictures are listed but given no number."""


def confusion(labels: np.ndarray, predicted: np.ndarray, class_count: int) -> np.ndarray:
    """Count pixels by (label, prediction).

    Args:
        labels: uint8 ids below `class_count`, or 255 where nothing counts.
        predicted: the same shape, ids below `class_count`.
        class_count: number of classes.

    Returns:
        (class_count, class_count) int64, rows are labels.

    Raises:
        ValueError: shapes differ, or ids are out of range.
    """
    if labels.shape != predicted.shape:
        raise ValueError(f"labels are {labels.shape}, predictions {predicted.shape}")
    counted = labels != IGNORED
    rows, columns = labels[counted].astype(np.int64), predicted[counted].astype(np.int64)
    for name, ids in (("labels", rows), ("predictions", columns)):
        if ids.size and not 0 <= ids.min() <= ids.max() < class_count:
            raise ValueError(f"{name} hold id {ids.max()}, there are {class_count} classes: translate them first")
    return np.bincount(rows * class_count + columns, minlength=class_count**2).reshape(class_count, class_count)


def without_small_objects(labels: np.ndarray, least_px: int) -> np.ndarray:
    """Labels in which connected pieces of a class under `least_px` pixels are ignored, whatever is predicted there.

    Args:
        labels: (H, W) uint8, 255 ignored.
        least_px: pieces of fewer pixels (touching at sides or corners) become 255.
    """
    kept = labels.copy()
    for number in np.unique(labels[labels != IGNORED]):
        _, pieces, stats, _ = cv2.connectedComponentsWithStats((labels == number).astype(np.uint8), connectivity=8)
        small = stats[:, cv2.CC_STAT_AREA] < least_px
        small[0] = False  # everything else
        kept[small[pieces]] = IGNORED
    return kept


def iou(matrix: np.ndarray) -> np.ndarray:
    """(..., C, C) confusion -> (..., C) float64 IoU; NaN where a class neither occurs nor is predicted."""
    hit = np.diagonal(matrix, axis1=-2, axis2=-1).astype(np.float64)
    union = matrix.sum(-1) + matrix.sum(-2) - hit
    return np.divide(hit, union, out=np.full(hit.shape, np.nan), where=union > 0)


def mean_iou(matrix: np.ndarray) -> np.ndarray:
    """(..., C, C) confusion -> (...) float64 mean IoU over the classes that have one; NaN if none has."""
    values = iou(matrix)
    known = ~np.isnan(values)
    return np.divide(
        np.where(known, values, 0.0).sum(-1),
        known.sum(-1),
        out=np.full(values.shape[:-1], np.nan),
        where=known.any(-1),
    )


@dataclass(frozen=True)
class GroupScore:
    """One row of a report.

    Attributes:
        images: number of pictures.
        miou: over classes that occur or are predicted; None below `MIN_IMAGES`.
        low, high: 95 % bootstrap interval over pictures; None below `MIN_IMAGES`.
        class_iou: per class, in the set's order; None for a class without IoU; empty below `MIN_IMAGES`.
    """

    images: int
    miou: float | None
    low: float | None
    high: float | None
    class_iou: tuple[float | None, ...]


def score_group(matrices: np.ndarray, seed: int, *, resamples: int = 1000) -> GroupScore:
    """Score a group of pictures.

    Args:
        matrices: (N, C, C) int64, one confusion per picture.
        seed: of the bootstrap.
        resamples: bootstrap samples.
    """
    if len(matrices) < MIN_IMAGES:
        return GroupScore(len(matrices), None, None, None, ())
    total = matrices.sum(0)
    if not total.any():
        return GroupScore(len(matrices), None, None, None, (None,) * len(total))
    low, high = np.nanpercentile(mean_iou(_resampled(matrices, seed, resamples)), (2.5, 97.5))
    values = tuple(None if np.isnan(v) else float(v) for v in iou(total))
    return GroupScore(len(matrices), float(mean_iou(total)), float(low), float(high), values)


@dataclass(frozen=True)
class PairedScore:
    """Second model minus first on the same pictures.

    Attributes:
        images: number of pictures.
        difference: of mIoU; None below `MIN_IMAGES`.
        low, high: 95 % interval of the paired bootstrap over pictures.
    """

    images: int
    difference: float | None
    low: float | None
    high: float | None


def compare_paired(first: np.ndarray, second: np.ndarray, seed: int, *, resamples: int = 1000) -> PairedScore:
    """Compare two models picture by picture: both are scored on the same bootstrap samples.

    Args:
        first, second: (N, C, C) int64 confusions of the same pictures in the same order.
        seed, resamples: of the bootstrap.

    Raises:
        ValueError: not the same pictures.
    """
    if first.shape != second.shape or not np.array_equal(first.sum(2), second.sum(2)):
        raise ValueError("the two models were not tested on the same labels: test both on the same store and split")
    if len(first) < MIN_IMAGES or not first.any():
        return PairedScore(len(first), None, None, None)
    spread = mean_iou(_resampled(second, seed, resamples)) - mean_iou(_resampled(first, seed, resamples))
    low, high = np.nanpercentile(spread, (2.5, 97.5))
    difference = float(mean_iou(second.sum(0)) - mean_iou(first.sum(0)))
    return PairedScore(len(first), difference, float(low), float(high))


def worst_first(matrices: np.ndarray, count: int) -> Sequence[int]:
    """Places of the pictures with the lowest mean IoU of their own, worst first; those without labels are out."""
    own = mean_iou(matrices)
    order = np.argsort(np.where(np.isnan(own), np.inf, own), kind="stable")
    return [int(i) for i in order[:count] if not np.isnan(own[i])]


def _resampled(matrices: np.ndarray, seed: int, resamples: int) -> np.ndarray:
    """(resamples, C, C): sums over pictures drawn with replacement; equal seeds and counts draw the same pictures."""
    count, classes = len(matrices), matrices.shape[-1]
    rng = np.random.default_rng([seed, count])
    drawn = rng.multinomial(count, np.full(count, 1.0 / count), size=resamples)
    flat = matrices.reshape(count, -1).astype(np.float64)
    return (drawn.astype(np.float64) @ flat).reshape(resamples, classes, classes)
