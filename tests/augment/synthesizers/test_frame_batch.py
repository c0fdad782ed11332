"""`FrameBatch`: what synthesizers are given."""

import dataclasses

import numpy as np
import pytest

from augment.conditions import DOMINANT
from augment.synthesizers.base import FrameBatch


def batch(count: int) -> FrameBatch:
    rgb = np.arange(count * 2 * 4 * 3, dtype=np.uint8).reshape(count, 2, 4, 3)
    poses = np.stack([np.eye(4) * (i + 1) for i in range(count)])
    keys = tuple(f"drive/{i:06d}" for i in range(count))
    return FrameBatch(rgb, rgb[..., 0].copy(), None, (DOMINANT,) * count, keys, ego_to_world=poses)


def test_selected_frames_keep_their_own_keys_labels_and_poses():
    frames = batch(4)
    chosen = frames.select([3, 1])
    assert chosen.frame_keys == ("drive/000003", "drive/000001")
    np.testing.assert_array_equal(chosen.rgb, frames.rgb[[3, 1]])
    np.testing.assert_array_equal(chosen.seg, frames.seg[[3, 1]])
    np.testing.assert_array_equal(chosen.ego_to_world, frames.ego_to_world[[3, 1]])
    assert chosen.prompts is None
    assert chosen.depth_m is None


def test_poses_of_another_count_of_frames_are_refused():
    with pytest.raises(ValueError, match=r"ego_to_world must be \(2, 4, 4\)"):
        dataclasses.replace(batch(2), ego_to_world=np.eye(4)[None])


def test_prompts_of_another_count_of_frames_are_refused():
    with pytest.raises(ValueError, match="2 prompts"):
        dataclasses.replace(batch(2), prompts=())
