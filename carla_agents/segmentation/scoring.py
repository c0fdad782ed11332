"""`score_segmenter`: one confusion matrix per picture, so that every score afterwards is a sum of matrices."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from carla_agents.segmentation.metrics import (
    MIN_IMAGES,
    GroupScore,
    PairedScore,
    compare_paired,
    confusion,
    score_group,
    without_small_objects,
    worst_first,
)
from carla_agents.segmentation.segmentation_set import REAL, SegmentationSet
from carla_agents.segmentation.segmenter import Segmenter

Group = tuple[str, str]
"""(condition, source); the condition `all` joins the conditions of one source. Sources are never joined."""
ALL = "all"


@dataclass(frozen=True, eq=False)
class SegmentationScores:
    """What a segmenter did on a set.

    Attributes:
        data: the pictures.
        matrices: (N, C, C) int64, rows are labels.
        seed: of the bootstraps.
    """

    data: SegmentationSet
    matrices: np.ndarray
    seed: int

    def groups(self) -> dict[Group, np.ndarray]:
        """(condition, source) -> places of its pictures; recorded pictures first, `all` before single conditions."""
        table: dict[Group, list[int]] = {}
        for place, sample in enumerate(self.data.samples):
            for condition in (ALL, sample.condition):
                table.setdefault((condition, sample.source), []).append(place)
        order = sorted(table, key=lambda g: (g[1] != REAL, g[1], g[0] != ALL, g[0]))
        return {group: np.array(table[group]) for group in order}

    def scores(self) -> dict[Group, GroupScore]:
        """Every group's score; those under 30 pictures have no number."""
        return {group: score_group(self.matrices[places], self.seed) for group, places in self.groups().items()}

    def compare(self, other: SegmentationScores) -> dict[Group, PairedScore]:
        """The other model minus this one, group by group, on the same pictures.

        Raises:
            ValueError: the other was tested on other pictures.
        """
        if [s.name for s in self.data.samples] != [s.name for s in other.data.samples]:
            raise ValueError("the two models were not tested on the same pictures: use one store, split and set")
        return {
            group: compare_paired(self.matrices[places], other.matrices[places], self.seed)
            for group, places in self.groups().items()
        }

    def worst(self, count: int) -> list[int]:
        """Places of the pictures with the lowest mean IoU, worst first."""
        return list(worst_first(self.matrices, count))

    def to_json(self) -> dict[str, Any]:
        """Scores, with the names of the classes and the rule for small groups."""
        return {
            "classes": [c.name for c in self.data.classes.classes],
            "class_set": self.data.classes.name,
            "pictures": len(self.data),
            "data": self.data.fingerprint(),
            "set": asdict(self.data.config),
            "seed": self.seed,
            "least_images": MIN_IMAGES,
            "groups": [
                {"condition": condition, "source": source, **asdict(score)}
                for (condition, source), score in self.scores().items()
            ],
        }


def score_segmenter(
    segmenter: Segmenter,
    data: SegmentationSet,
    *,
    seed: int = 0,
    pad: bool = False,
    least_object_px: int = 1,
    on_picture: Callable[[int, int], None] | None = None,
) -> SegmentationScores:
    """Predict every picture once.

    Args:
        segmenter: of the set's classes.
        data: pictures and labels.
        seed: of the bootstraps.
        pad: see `Segmenter.predict`.
        least_object_px: connected pieces of a class under so many pixels do not count.
        on_picture: called with pictures done and their total.

    Raises:
        ValueError: another class set, or a picture that does not fit the model's stride; names it.
        StoreError: a picture is damaged; names the file.
    """
    if segmenter.classes != data.classes:
        raise ValueError(
            f"the model predicts {segmenter.classes.name}, the data are read as {data.classes.name}: read them as "
            f"{segmenter.classes.name}"
        )
    count = len(data.classes.classes)
    matrices = np.zeros((len(data), count, count), np.int64)
    for place in range(len(data)):
        rgb, labels = data.load(place)
        shown = segmenter.predict(rgb[None], pad=pad, what=data.samples[place].name)[0]
        if least_object_px > 1:
            labels = without_small_objects(labels, least_object_px)
        matrices[place] = confusion(labels, shown, count)
        if on_picture is not None:
            on_picture(place + 1, len(data))
    return SegmentationScores(data, matrices, seed)
