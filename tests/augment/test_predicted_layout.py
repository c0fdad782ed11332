"""Labels of pictures that have none, by a segmenter whose certainty is the picture's to decide."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch

from augment.predicted_layout import PLAIN, LayoutConfig, predict_layout
from carla_agents.segmentation.carla_sets import GROUPS12
from carla_agents.segmentation.class_sets import ClassSet
from carla_agents.segmentation.segmenter import Segmenter
from carla_server.semantics import SemanticTag

BLUE, GREY, NAMES = (90, 140, 230), (110, 110, 110), [entry.name for entry in GROUPS12.classes]
SKY, ROAD = NAMES.index("sky"), NAMES.index("road")


class Colours(Segmenter):
    """Reads blue as sky and the rest as road, with a certainty of its own; `late_px` rows too low."""

    def __init__(self, strength: float, late_px: int = 0, classes: ClassSet = GROUPS12) -> None:
        super().__init__(classes, 8)
        self._strength, self._late_px = strength, late_px

    def forward(self, rgb: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
        raise AssertionError("nothing is learned here")

    def logits(self, rgb: torch.Tensor) -> torch.Tensor:
        blue = rgb[:, 2] - rgb[:, 0] > 60.0
        blue = torch.cat([blue[:, : self._late_px], blue[:, : blue.shape[1] - self._late_px]], dim=1)
        scores = torch.zeros(len(rgb), len(self.classes.classes), *rgb.shape[2:])
        scores[:, SKY], scores[:, ROAD] = self._strength * blue, self._strength * ~blue
        return scores

    def describe(self) -> dict[str, Any]:
        return {"backend": "colours"}


def picture(*patches: tuple[slice, slice], size: tuple[int, int] = (96, 128)) -> np.ndarray:
    rgb = np.full((*size, 3), GREY, np.uint8)
    for rows, columns in patches:
        rgb[rows, columns] = BLUE
    return rgb


UPPER = (slice(0, 40), slice(None))


def test_a_segmenter_that_is_sure_is_believed():
    layout = predict_layout(picture(UPPER), Colours(12.0))
    assert layout.known
    assert layout.sure_share == 1.0
    assert (layout.seg[:40] == SemanticTag.SKY).all()
    assert (layout.seg[40:] == SemanticTag.ROADS).all()


def test_of_an_unsure_one_only_a_large_sky_at_the_top_is_taken():
    spots = [(slice(0, 10), slice(118, 128)), (slice(60, 90), slice(20, 80))]
    layout = predict_layout(picture((slice(0, 40), slice(0, 100)), *spots), Colours(3.0))
    assert not layout.known
    assert layout.sure_share < 0.75
    assert (layout.seg[4:36, 4:96] == SemanticTag.SKY).all()
    assert (layout.seg[50:] == PLAIN).all(), "a blue thing on the ground is no sky"
    assert (layout.seg[:10, 118:] == PLAIN).all(), "neither is a small corner"


def test_the_sky_ends_where_the_picture_has_its_edge():
    layout = predict_layout(picture(UPPER), Colours(3.0, late_px=5))
    assert not layout.known
    edge = (layout.seg == SemanticTag.SKY).sum(0)[8:-8]
    assert np.abs(edge - 40).max() <= 1, "the segmenter alone would say 45"


def test_limits_are_the_callers_and_a_picture_of_any_size_is_taken():
    rgb = picture(UPPER, size=(90, 125))
    assert predict_layout(rgb, Colours(3.0), LayoutConfig(least_sure_share=0.0)).known
    layout = predict_layout(rgb, Colours(3.0), LayoutConfig(least_sky_share=0.9))
    assert layout.seg.shape == (90, 125)
    assert (layout.seg == PLAIN).all()
    with pytest.raises(ValueError, match="least_sky_share is 2"):
        LayoutConfig(least_sky_share=2.0)


def test_a_segmenter_without_a_sky_is_refused():
    rest = tuple(entry for entry in GROUPS12.classes if entry.name != "sky")
    ground = replace(GROUPS12, name="ground", classes=rest, of_tag={**GROUPS12.of_tag, SemanticTag.SKY: None})
    with pytest.raises(ValueError, match="ground have no sky"):
        predict_layout(picture(UPPER), Colours(3.0, classes=ground))
