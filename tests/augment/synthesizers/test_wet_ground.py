from __future__ import annotations

import numpy as np
import pytest

from augment.conditions import DOMINANT, Condition
from augment.synthesizers.base import FrameBatch
from augment.synthesizers.check import check_synthesizer
from augment.synthesizers.procedural import ProceduralSynthesizer
from augment.synthesizers.wet_ground import PuddlesSynthesizer, add_puddles
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


def redness(picture: np.ndarray) -> np.ndarray:
    return picture[..., 0].astype(float) - picture[..., 2]


def test_it_keeps_the_contract_of_a_synthesizer():
    check_synthesizer(PuddlesSynthesizer(ProceduralSynthesizer()), targets=[RAIN, NIGHT], source=DOMINANT)


def test_what_stands_on_the_road_is_mirrored_about_its_foot():
    frames = street(16)
    wet = add_puddles(frames, frames.rgb, [RAIN] * 16, np.arange(16, dtype=np.uint64))
    red = redness(wet).mean(0)
    assert red[FOOT + 1 : 69, 72:88].min() > 4.0
    assert np.abs(red[74:, 72:88]).max() < 1.0
    assert np.abs(red[FOOT:, :60]).max() < 1.0


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


def test_variants_of_other_frames_are_refused():
    with pytest.raises(ValueError, match="expected"):
        add_puddles(street(), np.zeros((1, 8, 8, 3), np.uint8), [RAIN], np.zeros(1, np.uint64))
