from __future__ import annotations

import numpy as np
import pytest

from augment.conditions import DOMINANT, Condition
from augment.guard import Guard, GuardConfig
from augment.synthesizers.base import FrameBatch
from augment.synthesizers.check import drawn_scenes
from carla_agents.policies.base import CameraSpec
from carla_server.semantics import SemanticTag

DUST = Condition("dust", "day")
"""A condition that the classifier does not know, so that drawn scenes are judged by the other checks alone."""


@pytest.fixture(scope="module")
def guard() -> Guard:
    return Guard()


@pytest.fixture
def frames() -> FrameBatch:
    return drawn_scenes(3, (256, 144), DOMINANT)


def darker(rgb: np.ndarray) -> np.ndarray:
    return (rgb * 0.6 + 10).astype(np.uint8)


def test_a_variant_that_only_changes_the_light_is_accepted(guard: Guard, frames: FrameBatch):
    for verdict in guard(frames, darker(frames.rgb), [DUST] * 3):
        assert verdict.accepted, verdict.reason
        assert verdict.reason == ""
        assert verdict.figures["lane_agreement"] > 0.9


def test_shifted_lane_paint_is_rejected_with_figure_and_limit(guard: Guard, frames: FrameBatch):
    variants = darker(frames.rgb)
    paint = frames.seg == SemanticTag.ROAD_LINES
    variants[paint] = 60, 60, 64
    variants[np.roll(paint, 5, axis=2)] = 145, 145, 142
    for verdict in guard(frames, variants, [DUST] * 3):
        assert not verdict.accepted
        assert "lane_shift_gain is" in verdict.reason
        assert "is wanted" in verdict.reason


def test_what_is_no_picture_of_the_frame_is_rejected_and_never_raises(guard: Guard, frames: FrameBatch):
    assert "finite" in guard(frames, np.full(frames.rgb.shape, np.nan), [DUST] * 3)[0].reason
    assert (
        "float32"
        in guard(frames, np.random.default_rng(0).random(frames.rgb.shape, np.float32), [DUST] * 3)[1].reason
    )
    assert "(72, 256, 3)" in guard(frames, frames.rgb[:, :72], [DUST] * 3)[2].reason
    assert "one colour" in guard(frames, np.zeros_like(frames.rgb), [DUST] * 3)[0].reason
    with pytest.raises(ValueError, match="as many variants"):
        guard(frames, frames.rgb, [DUST])


def test_a_copy_of_the_source_does_not_pass_for_night(guard: Guard, frames: FrameBatch):
    verdict = guard(frames, frames.rgb, [Condition("clear", "night")] * 3)[0]
    assert not verdict.accepted
    assert "condition is" in verdict.reason


def test_flicker_is_judged_between_consecutive_frames_with_poses_only(frames: FrameBatch):
    guard = Guard(GuardConfig(most_flicker=0.1))
    still = drawn_scenes(1, (256, 144), DOMINANT)
    pictures = np.repeat(still.rgb, 2, axis=0)
    moving = FrameBatch(
        pictures,
        np.repeat(still.seg, 2, axis=0),
        None if still.depth_m is None else np.repeat(still.depth_m, 2, axis=0),
        (DOMINANT,) * 2,
        ("r0/000004", "r0/000005"),
        ego_to_world=np.stack([np.eye(4)] * 2),
        camera=CameraSpec(),
    )
    calm = guard(moving, darker(pictures), [DUST] * 2)
    assert "flicker" not in calm[0].figures
    assert calm[1].figures["flicker"] == pytest.approx(0.0, abs=1e-6)
    flickering = darker(pictures)
    flickering[1] = pictures[1] // 3
    assert "flicker is" in guard(moving, flickering, [DUST] * 2)[1].reason
    assert "flicker" not in guard(frames, darker(frames.rgb), [DUST] * 3)[1].figures


def test_limits_models_and_version_are_its_provenance(guard: Guard):
    assert guard.provenance["limits"]["least_condition"] == guard.config.least_condition
    assert "segmenter" in guard.provenance
