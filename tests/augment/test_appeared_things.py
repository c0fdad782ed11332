from __future__ import annotations

import numpy as np
import pytest

from augment.conditions import DOMINANT
from augment.guards.content import ContentChange
from augment.guards.labels import LabelConsistency
from augment.synthesizers.check import drawn_scenes
from carla_agents.segmentation.default import default_segmenter
from carla_server.semantics import SemanticTag

SHAPE = (80, 100)
THERE, NEW = (slice(20, 36), slice(20, 28)), (slice(20, 36), slice(60, 68))


class Reader:
    """Stands in for a segmenter: tells a person where it is told to."""

    def __init__(self) -> None:
        self.classes = default_segmenter().classes
        self.person = next(row.id for row in self.classes.classes if row.name == "person")

    def probabilities(self, rgb: np.ndarray, *, pad: bool = False) -> np.ndarray:
        assert pad
        read = np.zeros((*rgb.shape[:3], len(self.classes.classes)), np.float32)
        person = rgb[..., 0] / 255.0
        read[..., self.person] = person
        read[..., 0 if self.person else 1] = 1.0 - person
        return read


def test_only_what_neither_labels_nor_source_have_has_appeared():
    seg = np.full(SHAPE, SemanticTag.ROADS, np.uint8)
    source, variant = np.zeros((*SHAPE, 3), np.uint8), np.zeros((*SHAPE, 3), np.uint8)
    seg[THERE] = SemanticTag.PEDESTRIANS
    source[THERE], variant[THERE], variant[NEW] = 200, 250, 102
    figures, appeared = LabelConsistency(Reader()).figures(source, seg, variant)  # type: ignore[arg-type]
    assert appeared["person"][THERE].max() == 0.0
    assert appeared["person"][NEW].min() == pytest.approx(0.4)
    assert figures["appeared:person"] == 0.0, "not yet the most probable class"
    assert figures["kept:person"] == 1.0
    variant[NEW] = 204
    figures, _ = LabelConsistency(Reader()).figures(source, seg, variant)  # type: ignore[arg-type]
    assert figures["appeared:person"] == 128.0


def test_what_a_segmenter_half_sees_makes_the_content_network_surer():
    scene = drawn_scenes(1, (SHAPE[1] + 4, SHAPE[0]), DOMINANT)
    source, seg = scene.rgb[0], scene.seg[0]
    content = ContentChange.load()
    alone = content.figures(source, seg, source // 2)
    nothing = np.zeros(seg.shape, np.float32)
    assert content.figures(source, seg, source // 2, {"person": nothing}) == pytest.approx(alone)
    half_seen = nothing.copy()
    half_seen[NEW] = 0.5
    surer = content.figures(source, seg, source // 2, {"person": half_seen})
    assert surer["changed:person"] > alone["changed:person"]
    assert surer["changed:vehicle"] == alone["changed:vehicle"]
