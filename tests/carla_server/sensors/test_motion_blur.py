"""Streaks of known flows."""

from __future__ import annotations

import numpy as np
import pytest

from carla_server.sensors.motion_blur import MotionBlur

DOT = np.zeros((9, 41, 4), np.uint8)
DOT[..., 3] = 255
DOT[4, 20, :3] = 200


def flow_px(right: float, down: float) -> np.ndarray:
    flow = np.empty((9, 41, 2), np.float32)
    flow[..., 0], flow[..., 1] = right / 20.5, -down / 4.5
    return flow


def test_a_dot_becomes_a_streak_as_long_as_it_moved_while_the_shutter_was_open():
    streak = MotionBlur(0.5, 1.0, 0.0).blurred(DOT, flow_px(20.0, 0.0))
    lit = np.flatnonzero(streak[4, :, 0])
    assert (lit.min(), lit.max()) == (pytest.approx(15, abs=1), pytest.approx(25, abs=1))
    assert not streak[[3, 5], :, :3].any()
    assert (streak[..., 3] == 255).all()
    light = (streak[4, :, :3].astype(float) ** 2).sum() / (DOT[4, :, :3].astype(float) ** 2).sum()
    assert light == pytest.approx(1.0, abs=0.15)


def test_no_streak_is_longer_than_allowed_and_none_shorter_than_a_pixel_is_drawn():
    streak = MotionBlur(1.0, 4.0 / 41.0, 0.0).blurred(DOT, flow_px(40.0, 0.0))
    assert np.count_nonzero(streak[4, :, 0]) <= 6
    for blur, flow in (
        (MotionBlur(0.5, 1.0, 0.0), flow_px(1.8, 0.0)),
        (MotionBlur(1.0, 0.9 / 41.0, 0.0), flow_px(9.0, 2.0)),
    ):
        assert (blur.blurred(DOT, flow) == DOT).all()


def test_a_picture_that_may_not_be_written_to_is_blurred_as_well():
    read_only = np.frombuffer(DOT.tobytes(), np.uint8).reshape(DOT.shape)
    assert (MotionBlur(0.5, 1.0, 0.0).blurred(read_only, flow_px(0.0, 6.0))[..., 0].sum(1) > 0).sum() >= 3
