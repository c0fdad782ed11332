"""Training pairs out of stored true variants."""

from __future__ import annotations

import numpy as np
import pytest

from augment.conditions import DOMINANT, HELD_OUT, Condition
from augment.training.true_pairs import load_true_pairs, true_conditions
from carla_agents.data.store import Store
from carla_agents.data.store_writer import StoreWriter
from carla_agents.simulator.frame import Command, Control, Frame
from syndiff.training import paired_drives

FOG = Condition("fog", "day")


def _frame(number):
    rng = np.random.default_rng(number)
    return Frame(
        frame_id=number,
        elapsed_s=0.1 * number,
        rgb=rng.integers(0, 256, (18, 32, 3), np.uint8),
        seg=rng.integers(0, 29, (18, 32), np.uint8),
        depth_m=rng.uniform(1.0, 90.0, (18, 32)).astype(np.float32),
        instance=None,
        speed_mps=0.0,
        ego_to_world=np.eye(4),
        command=Command.STRAIGHT,
        target_point_in_ego_m=np.zeros(2, np.float32),
        control=Control(),
        condition=DOMINANT.name,
    )


@pytest.fixture
def store(tmp_path):
    """Two splits; the second frame of each was rejected under fog."""
    with StoreWriter.open(tmp_path / "s") as writer:
        for split in ("pairs", "train"):
            writer.begin_route(split, split=split)
            for number in range(4):
                frame = _frame(number)
                key = writer.append(split, frame)
                if split == "train":
                    continue
                writer.add_variant(key, HELD_OUT.name, 0, frame.rgb // 4, {"synthesizer": "relight"})
                if number != 1:
                    writer.add_variant(key, FOG.name, 0, 255 - frame.rgb, {"synthesizer": "replay"})
                writer.add_variant(key, FOG.name, 7, frame.rgb, {"synthesizer": "procedural-1"})
            writer.finish_route(split)
    return Store.read(tmp_path / "s")


def test_frames_that_are_shown_under_every_condition_become_pairs(store):
    assert [c.name for c in true_conditions(store)] == ["clear-day", "fog-day", "rain-night"]
    pairs = load_true_pairs(store, (DOMINANT, HELD_OUT, FOG), split="pairs")
    assert len(pairs) == 3
    for index, number in enumerate((0, 2, 3)):
        wanted = _frame(number)
        np.testing.assert_array_equal(pairs.rgb[DOMINANT][index], wanted.rgb)
        np.testing.assert_array_equal(pairs.rgb[HELD_OUT][index], wanted.rgb // 4)
        np.testing.assert_array_equal(pairs.rgb[FOG][index], 255 - wanted.rgb)
        np.testing.assert_array_equal(pairs.seg[index], wanted.seg)
    assert pairs.depth_m is not None
    assert len(load_true_pairs(store, (DOMINANT, FOG), split="pairs", most=2)) == 2


def test_the_commands_take_true_pairs_of_the_asked_split(store):
    assert len(paired_drives(store, split="pairs")) == 3
    assert true_conditions(store, split="train") == ()
    with pytest.raises(ValueError, match="record with `--pairs rain-night`"):
        paired_drives(store, split="train")


def test_what_is_shown_under_too_few_conditions_is_refused(store):
    with pytest.raises(ValueError, match="at least two conditions"):
        load_true_pairs(store, (DOMINANT,))
    with pytest.raises(ValueError, match=r"no frame .* is shown under all of \['clear-day', 'clear-night'\]"):
        load_true_pairs(store, (DOMINANT, Condition("clear", "night")))
