"""Label consistency: what a segmenter reads in the variant, beside what it reads in the source."""

from __future__ import annotations

import numpy as np

from carla_agents.segmentation.carla_sets import CARLA_0_9_16
from carla_agents.segmentation.class_sets import translation
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

    def figures(self, source: np.ndarray, seg: np.ndarray, variant: np.ndarray) -> dict[str, float]:
        """Shares of the source's agreement that the variant keeps.

        Args:
            source, variant: (H, W, 3) uint8.
            seg: (H, W) uint8 CARLA tags.

        Returns:
            `labels:<class>` -> intersection over union read in the variant, divided by the one read in the source;
            classes that are too small, or that the segmenter does not find in the source (below 0.2), are left out.
        """
        wanted = self._table[seg]
        before, after = self._segmenter.predict(np.stack([source, variant]), pad=True)
        kept = {}
        for row in self._segmenter.classes.classes:
            in_labels = wanted == row.id
            if np.count_nonzero(in_labels) < self._least_px:
                continue
            known = wanted != 255
            scale = _iou(in_labels, (before == row.id) & known)
            if scale >= 0.2:
                name = row.name.replace(" ", "_")
                kept[f"labels:{name}"] = _iou(in_labels, (after == row.id) & known) / scale
        return kept


def _iou(a: np.ndarray, b: np.ndarray) -> float:
    return int(np.count_nonzero(a & b)) / max(int(np.count_nonzero(a | b)), 1)
