from __future__ import annotations

import numpy as np
import pytest

from augment.conditions import DOMINANT, HELD_OUT, Condition
from augment.quality.label_probe import LabelProbe, LabelProbeConfig
from augment.quality.probe_agreement import agreement, evaluate_synthesizers, measure_quality
from augment.synthesizers.check import drawn_scenes
from augment.synthesizers.procedural import ProceduralSynthesizer
from augment.training.pairs import PairedFrames
from carla_server.semantics import SemanticTag


@pytest.fixture(scope="module")
def night_probe() -> LabelProbe:
    frames = drawn_scenes(6, (96, 48), DOMINANT)
    return LabelProbe.train(frames.rgb // 4, frames.seg, LabelProbeConfig(steps=60, batch_size=4))


def test_variants_that_look_like_the_target_are_read_better_than_copies_and_noise(night_probe: LabelProbe):
    frames = drawn_scenes(3, (96, 48), DOMINANT)
    target = frames.rgb // 4
    quality = measure_quality(night_probe, (frames.rgb // 5 + 2).astype(np.uint8), frames.rgb, frames.seg, target)
    assert quality.variant.miou > quality.random_noise.miou + 0.3
    assert quality.variant.miou > quality.copy_source.miou
    assert quality.target is not None
    assert quality.target.miou > 0.6
    assert quality.variant_error is not None
    assert quality.copy_source_error is not None
    assert quality.variant_error < quality.copy_source_error
    assert "other" not in quality.variant.iou


def test_agreement_falls_when_the_layout_moves(night_probe: LabelProbe):
    frames = drawn_scenes(3, (96, 48), DOMINANT)
    night = frames.rgb // 4
    moved = np.roll(night, 24, axis=1)
    assert agreement(night_probe, moved, frames.seg).miou < agreement(night_probe, night, frames.seg).miou - 0.2


def test_agreement_of_frames_without_any_named_group_is_refused(night_probe: LabelProbe):
    with pytest.raises(ValueError, match="no group but OTHER"):
        agreement(night_probe, np.zeros((1, 16, 16, 3), np.uint8), np.full((1, 16, 16), SemanticTag.NONE, np.uint8))


def test_probe_refuses_pictures_it_cannot_halve_three_times(night_probe: LabelProbe):
    with pytest.raises(ValueError, match="multiples of 8"):
        night_probe.predict(np.zeros((1, 20, 16, 3), np.uint8))


def test_a_synthesizer_is_measured_on_held_out_pairs_and_only_on_conditions_they_show(pairs: PairedFrames):
    train, held_out = pairs.subset(np.arange(4)), pairs.subset(np.arange(4, 6))
    quick = LabelProbeConfig(steps=3, batch_size=2)
    qualities = evaluate_synthesizers([ProceduralSynthesizer()], train, held_out, [HELD_OUT], probe=quick)
    record = qualities[ProceduralSynthesizer.name]["rain-night"].as_record()
    assert record["copy_source_error"] > record["variant_error"] > 0
    with pytest.raises(ValueError, match="dust-day"):
        evaluate_synthesizers([ProceduralSynthesizer()], train, held_out, [Condition("dust", "day")], probe=quick)
