"""Label consistency: what a segmenter reads in the variant, beside what it reads in the source."""

from __future__ import annotations

import cv2
import numpy as np

from carla_agents.segmentation.carla_sets import CARLA_0_9_16
from carla_agents.segmentation.class_sets import IGNORED, translation
from carla_agents.segmentation.segmenter import Segmenter


class LabelConsistency:
    """Agreement with the labels, class by class, relative to the source frame.

    A segmenter is never perfect, and no better on a variant than on the picture it was made from; so the source
    frame sets the scale.

    Args:
        segmenter: reads pictures; its class set tells which classes are compared.
        least_px: a class with fewer labelled pixels in a frame is not judged there.
    """

    def __init__(self, segmenter: Segmenter, least_px: int = 200) -> None:
        self._segmenter = segmenter
        self._table = translation(CARLA_0_9_16, segmenter.classes)
        self._least_px = least_px

    def figures(
        self, source: np.ndarray, seg: np.ndarray, variant: np.ndarray
    ) -> tuple[dict[str, float], dict[str, np.ndarray]]:
        """Shares of the source's agreement that the variant keeps, and things that came or went.

        Args:
            source, variant: (H, W, 3) uint8.
            seg: (H, W) uint8 CARLA tags.

        Returns:
            Figures, and for `vehicle` and `person` (H, W) float32 in [0, 1]: by how much more probable the segmenter
            thinks one in the variant than in the source, 0 where labels or source have one, or labels
            tell nothing. The figures:
            `labels:<class>`: intersection over union read in the variant, divided by the one read in the source;
            classes that are too small, or that the segmenter does not find in the source (below 0.2), are left out.
            `appeared:vehicle`, `appeared:person`: pixels of the largest one read in the variant where neither labels
            nor source have one. `kept:vehicle`, `kept:person`: share of the worst labelled one that is read in the
            variant, over that in the source; absent without a large one that the segmenter finds in the source.
        """
        wanted = self._table[seg]
        probabilities = self._segmenter.probabilities(np.stack([source, variant]), pad=True)
        before, after = probabilities.argmax(3)
        known = wanted != IGNORED
        found: dict[str, float] = {}
        appeared: dict[str, np.ndarray] = {}
        for row in self._segmenter.classes.classes:
            in_labels, in_source, in_variant = wanted == row.id, (before == row.id) & known, (after == row.id) & known
            if np.count_nonzero(in_labels) >= self._least_px:
                scale = _iou(in_labels, in_source)
                if scale >= 0.2:
                    found[f"labels:{row.name.replace(' ', '_')}"] = _iou(in_labels, in_variant) / scale
            if row.name in _LEAST_PX:
                explained = cv2.dilate((in_labels | in_source).astype(np.uint8), np.ones((5, 5), np.uint8)) > 0
                more = probabilities[1, ..., row.id] - probabilities[0, ..., row.id]
                appeared[row.name] = np.where(explained | ~known, 0.0, np.maximum(more, 0.0)).astype(np.float32)
                found |= _comings_and_goings(row.name, in_labels, in_source, in_variant, explained)
        return found, appeared


_LEAST_PX = {"vehicle": 150, "person": 50}
"""Class -> a smaller thing is not judged by itself."""


def _comings_and_goings(
    name: str, in_labels: np.ndarray, in_source: np.ndarray, in_variant: np.ndarray, explained: np.ndarray
) -> dict[str, float]:
    new = (in_variant & ~explained).astype(np.uint8)
    found = {f"appeared:{name}": 0.0}
    if new.any():
        _, _, stats, _ = cv2.connectedComponentsWithStats(new, connectivity=8)
        found[f"appeared:{name}"] = float(stats[1:, cv2.CC_STAT_AREA].max())
    count, pieces, stats, _ = cv2.connectedComponentsWithStats(in_labels.astype(np.uint8), connectivity=8)
    kept = []
    for number in range(1, count):
        if stats[number, cv2.CC_STAT_AREA] >= _LEAST_PX[name]:
            piece = pieces == number
            seen = float(in_source[piece].mean())
            if seen >= 0.5:
                kept.append(float(in_variant[piece].mean()) / seen)
    return found | ({f"kept:{name}": min(kept)} if kept else {})


def _iou(a: np.ndarray, b: np.ndarray) -> float:
    return int(np.count_nonzero(a & b)) / max(int(np.count_nonzero(a | b)), 1)
