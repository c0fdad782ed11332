from __future__ import annotations

from dataclasses import replace

import cv2
import numpy as np
import pytest

from augment.conditions import DOMINANT, Condition
from augment.synthesizers.base import FrameBatch
from augment.synthesizers.check import check_synthesizer
from augment.synthesizers.procedural import ProceduralSynthesizer
from augment.synthesizers.wet_ground import PuddlesSynthesizer, add_puddles
from carla_agents.policies.base import CameraSpec
from carla_server.semantics import SemanticTag

RAIN, NIGHT = Condition("rain", "day"), Condition("clear", "night")
HORIZON_PX, DROP_PX_M = 40.0, 120.0
FOOT, TOP, BOX = 60, 50, slice(70, 90)
"""A red box whose foot is seen at row 60, so 6 m away, and its top at row 50: its image reaches down to row 70."""


def street(count: int = 1) -> FrameBatch:
    rows = np.arange(96, dtype=np.float32)[:, None]
    depth_m = np.broadcast_to(
        np.where(rows > HORIZON_PX, DROP_PX_M / np.maximum(rows - HORIZON_PX, 0.1), 1000.0), (96, 160)
    )
    depth_m = depth_m.astype(np.float32)
    seg = np.where(np.arange(96)[:, None] > HORIZON_PX, SemanticTag.ROADS, SemanticTag.SKY)
    seg = np.broadcast_to(seg, (96, 160)).astype(np.uint8)
    rgb = np.where(seg[..., None] == SemanticTag.SKY, 180, 60) * np.ones(3)
    seg[TOP:FOOT, BOX], depth_m[TOP:FOOT, BOX], rgb[TOP:FOOT, BOX] = SemanticTag.CAR, 6.0, (230, 10, 10)
    keys = tuple(f"drive/{number:06d}" for number in range(count))
    repeated = [np.repeat(plane[None], count, axis=0) for plane in (rgb.astype(np.uint8), seg, depth_m)]
    return FrameBatch(repeated[0], repeated[1], repeated[2], (DOMINANT,) * count, keys)


LEVEL = CameraSpec(160, 96, fov_deg=90.0, position_in_ego_m=(0.0, 0.0, 1.5), pitch_deg=0.0)
FOCAL_PX, MIDDLE = 80.0, (47.5, 79.5)


def drive(step_m: float, *routes: str) -> FrameBatch:
    """An empty road under a bright sky, seen by `LEVEL`, which goes ahead by `step_m` from frame to frame."""
    below = np.arange(96) - MIDDLE[0]
    depth_m = np.where(below > 0, LEVEL.position_in_ego_m[2] * FOCAL_PX / np.maximum(below, 0.1), 1000.0)
    depth_m = np.repeat(depth_m[:, None], 160, axis=1).astype(np.float32)
    seg = np.where(depth_m < 1000.0, SemanticTag.ROADS, SemanticTag.SKY).astype(np.uint8)
    rgb = np.where(seg[..., None] == SemanticTag.SKY, 200, 60).astype(np.uint8).repeat(3, axis=2)
    poses = np.stack([np.eye(4)] * len(routes))
    poses[:, 0, 3] = step_m * np.arange(len(routes))
    keys = tuple(f"{route}/{number:06d}" for number, route in enumerate(routes))
    planes = [np.repeat(plane[None], len(routes), axis=0) for plane in (rgb, seg, depth_m)]
    return FrameBatch(*planes, (DOMINANT,) * len(routes), keys, None, poses, LEVEL)


def likeness(before: np.ndarray, after: np.ndarray, step_m: float) -> float:
    """Correlation, over the same points of the ground, of how much brighter each is than others as far away."""
    wet = [picture[..., 0].astype(np.float32) for picture in (before, after)]
    wet = [cv2.blur(w - w.mean(axis=1, keepdims=True), (3, 3)) for w in wet]
    rows, columns = np.mgrid[56:90, 0:160].astype(np.float32)
    depth_m = LEVEL.position_in_ego_m[2] * FOCAL_PX / (rows - MIDDLE[0])
    was_m = depth_m + step_m
    row = MIDDLE[0] + (rows - MIDDLE[0]) * depth_m / was_m
    column = MIDDLE[1] + (columns - MIDDLE[1]) * depth_m / was_m
    then = cv2.remap(wet[0], column.astype(np.float32), row.astype(np.float32), cv2.INTER_LINEAR)
    return float(np.corrcoef(then.ravel(), wet[1][56:90].ravel())[0, 1])


def redness(picture: np.ndarray) -> np.ndarray:
    return picture[..., 0].astype(float) - picture[..., 2]


def test_it_keeps_the_contract_of_a_synthesizer():
    check_synthesizer(PuddlesSynthesizer(ProceduralSynthesizer()), targets=[RAIN, NIGHT], source=DOMINANT)


def test_what_stands_on_the_road_is_mirrored_about_its_foot():
    frames = street(16)
    wet = add_puddles(frames, frames.rgb, [RAIN] * 16, np.arange(16, dtype=np.uint64))
    red = redness(wet).mean(0)
    assert red[FOOT + 1 : 69, 72:88].min() > 4.0
    assert red[74:, 72:88].max() < 1.0
    assert red[FOOT:, :50].max() < 1.0


def test_only_the_ground_gets_wet_and_only_in_rain():
    frames = street(2)
    wet = add_puddles(frames, frames.rgb, [RAIN, NIGHT], np.zeros(2, np.uint64))
    dry = frames.seg[0] != SemanticTag.ROADS
    assert (wet[0][dry] == frames.rgb[0][dry]).all()
    assert (wet[0] != frames.rgb[0]).any()
    assert (wet[1] == frames.rgb[1]).all()


def test_seeds_decide_where_the_water_is():
    frames = street(3)
    wet = add_puddles(frames, frames.rgb, [RAIN] * 3, np.array([5, 5, 6], np.uint64))
    assert (wet[0] == wet[1]).all()
    assert (wet[0] != wet[2]).any()


def test_water_lies_still_in_the_world_along_a_drive_and_elsewhere_in_another():
    frames = drive(2.0, "a", "a", "b")
    wet = add_puddles(frames, frames.rgb, [RAIN] * 3, np.array([1, 2, 3], np.uint64))
    assert likeness(wet[0], wet[1], 2.0) > 0.7
    assert abs(likeness(wet[0], wet[2], 4.0)) < 0.3


def test_without_a_pose_or_a_camera_the_seed_decides_where_the_water_is():
    frames, seeds = drive(2.0, "a", "a"), np.array([1, 2], np.uint64)
    for unknown in (replace(frames, ego_to_world=None), replace(frames, camera=None)):
        wet = add_puddles(unknown, frames.rgb, [RAIN] * 2, seeds)
        assert abs(likeness(wet[0], wet[1], 2.0)) < 0.5
        assert (wet[1] == add_puddles(unknown.select([1]), frames.rgb[1:], [RAIN], seeds[1:])[0]).all()


def test_the_sky_is_mirrored_most_where_the_road_is_far():
    frames = drive(5.0, *"abcdefgh")
    wet = add_puddles(frames, frames.rgb, [RAIN] * 8, np.zeros(8, np.uint64)).mean((0, 2, 3))
    assert wet[52] > wet[60] > wet[75] > wet[94]


def test_variants_of_other_frames_are_refused():
    with pytest.raises(ValueError, match="expected"):
        add_puddles(street(), np.zeros((1, 8, 8, 3), np.uint8), [RAIN], np.zeros(1, np.uint64))
