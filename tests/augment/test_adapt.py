from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Literal

import numpy as np
import pytest

from augment.adapt import adapt, affordable_steps
from augment.adapt_data import NotEnoughData, split_frames, true_pairs
from augment.adapt_training import AdaptConfig
from augment.calibration import is_calibrated
from augment.condition_classifier import ConditionClassifier
from augment.conditions import DOMINANT, Condition
from augment.synthesizers.check import drawn_scenes
from augment.synthesizers.embedded import EmbeddedSynthesizer
from augment.synthesizers.small_controlnet import SmallControlNet, SmallControlNetConfig, weights_hash
from carla_agents.data.store import Store
from carla_agents.data.store_writer import StoreWriter
from carla_agents.data.true_variants import RELIGHT
from carla_agents.segmentation.small import SmallSegmenter, SmallSegmenterConfig
from carla_agents.segmentation.weights import load_segmenter, save_segmenter
from carla_agents.simulator.frame import Command, Control, Frame
from carla_agents.training.precision import native_precision

COUNT = 10


def recorded(root: Path, *, labels: bool = True, variants: tuple[str, ...] = ("clear-night", "fog-day")) -> Store:
    """Two drives of drawn scenes in a look that no shipped model knows; the night is dark, the fog is white."""
    scenes = drawn_scenes(COUNT, (64, 48), DOMINANT)
    with StoreWriter.open(root) as store:
        for number in range(COUNT):
            route_id = f"r{number * 2 // COUNT}"
            if number in (0, COUNT // 2):
                store.begin_route(route_id, metadata={"look": "embedded/painted"})
            frame = Frame(
                frame_id=number,
                elapsed_s=0.5 * number,
                rgb=scenes.rgb[number],
                seg=scenes.seg[number] if labels else None,
                depth_m=None if scenes.depth_m is None else scenes.depth_m[number],
                instance=None,
                speed_mps=5.0,
                ego_to_world=np.eye(4),
                command=Command.LANE_FOLLOW,
                target_point_in_ego_m=np.zeros(2, np.float32),
                control=Control(),
                condition="clear-day",
            )
            key = store.append(route_id, frame)
            for name in variants:
                shown = frame.rgb // 4 if name.endswith("night") else 160 + frame.rgb // 3
                store.add_variant(key, name, 0, shown.astype(np.uint8), {"synthesizer": RELIGHT})
            if number in (COUNT // 2 - 1, COUNT - 1):
                store.finish_route(route_id)
    return Store.read(root)


@pytest.fixture
def quick(tmp_path: Path) -> AdaptConfig:
    network = SmallControlNetConfig(channels=(16, 24), token_count=2, targets=("clear-night", "rain-day"))
    SmallControlNet(network).save(tmp_path / "start")
    return AdaptConfig(generator=tmp_path / "start", steps=3, threads=1)


def test_three_models_are_adapted_and_the_folder_says_what_they_now_know(tmp_path: Path, quick: AdaptConfig):
    store = recorded(tmp_path / "s")
    assert not is_calibrated(store)
    result = adapt(store, tmp_path / "out", quick)
    assert set(result.models) == {"segmenter", "condition_classifier", "generator"}
    for facts in result.models.values():
        assert 0 < facts["before"]["pictures"] <= facts["after"]["pictures"]
    assert is_calibrated(store, tmp_path / "out")
    load_segmenter(tmp_path / "out" / "segmenter")
    ConditionClassifier.load(tmp_path / "out" / "condition_classifier")
    generator = EmbeddedSynthesizer.from_folder(tmp_path / "out" / "generator")
    assert set(generator.config.targets) == {"clear-night", "fog-day", "rain-day"}
    card = (tmp_path / "out" / "README.md").read_text()
    assert "embedded/painted" in card
    assert "| generator | PSNR of variants, dB |" in card
    assert 0.0 <= result.models["generator"]["after"]["accepted_of_true"] <= 1.0


class Stopped(Exception):
    pass


def test_a_stopped_adaptation_goes_on_to_the_same_weights(tmp_path: Path, quick: AdaptConfig):
    store = recorded(tmp_path / "s")

    def stop(model: str, done: int, steps: int, loss: float) -> None:
        if model == "generator" and done == 2:
            raise Stopped

    adapt(store, tmp_path / "whole", quick)
    with pytest.raises(Stopped):
        adapt(store, tmp_path / "broken", quick, stop)
    assert not (tmp_path / "broken" / "adapted.json").exists()
    adapt(store, tmp_path / "broken", quick)
    assert weights_hash(tmp_path / "whole" / "generator") == weights_hash(tmp_path / "broken" / "generator")
    for name in ("segmenter/weights.safetensors", "condition_classifier/model.safetensors"):
        assert (tmp_path / "whole" / name).read_bytes() == (tmp_path / "broken" / name).read_bytes()
    with pytest.raises(ValueError, match="another configuration"):
        adapt(store, tmp_path / "broken", replace(quick, seed=1))


def test_the_generator_learns_through_the_segmenter_that_was_adapted_before_it(tmp_path: Path, quick: AdaptConfig):
    store = recorded(tmp_path / "s")
    save_segmenter(SmallSegmenter(SmallSegmenterConfig()).eval(), tmp_path / "other", {})
    made = set()
    for name, segmenter in (("shipped", None), ("other", tmp_path / "other")):
        config = replace(quick, models=("segmenter", "generator"), segmenter=segmenter)
        adapt(store, tmp_path / name / "out", config)
        made.add(weights_hash(tmp_path / name / "out" / "generator"))
    assert len(made) == 2


def test_the_arithmetic_is_the_processors_own_and_another_may_be_asked_for(tmp_path: Path, quick: AdaptConfig):
    assert AdaptConfig().mixed_precision == native_precision()
    store = recorded(tmp_path / "s")
    for name in ("no", "bf16"):
        adapt(store, tmp_path / name, replace(quick, models=("generator",), mixed_precision=name))
        record = json.loads((tmp_path / name / "adapted.json").read_text())
        assert record["config"]["mixed_precision"] == name
    assert weights_hash(tmp_path / "no" / "generator") != weights_hash(tmp_path / "bf16" / "generator")
    with pytest.raises(ValueError, match="mixed_precision is 'fp16'"):
        replace(quick, mixed_precision="fp16")


@pytest.mark.parametrize("clock", ["wall", "cpu"])
def test_a_budget_becomes_steps_once_and_is_kept(tmp_path: Path, quick: AdaptConfig, clock: Literal["wall", "cpu"]):
    store = recorded(tmp_path / "s")
    config = replace(quick, steps=None, minutes=0.001, models=("segmenter",), clock=clock)
    result = adapt(store, tmp_path / "out", config)
    steps = json.loads((tmp_path / "out" / "steps.json").read_text())["steps"]
    assert steps == {"segmenter": result.models["segmenter"]["steps"]}
    assert adapt(store, tmp_path / "out", config).models == result.models


def test_a_probe_that_was_disturbed_once_affords_as_many_steps():
    assert affordable_steps([0.0, 0.5, 1.0, 1.5, 2.0], 100.0) == 200
    assert affordable_steps([0.0, 0.5, 1.0, 9.0, 9.5], 100.0) == 200


def test_a_store_of_one_condition_adapts_the_segmenter_and_says_what_the_others_lack(
    tmp_path: Path, quick: AdaptConfig
):
    store = recorded(tmp_path / "s", variants=())
    result = adapt(store, tmp_path / "out", quick)
    assert set(result.models) == {"segmenter"}
    assert "at least 2 of" in result.left["condition_classifier"]
    assert "syndiff record --pairs" in result.left["generator"]
    assert not is_calibrated(store, tmp_path / "out")
    with pytest.raises(NotEnoughData, match="syndiff record --pairs"):
        adapt(store, tmp_path / "other", replace(quick, models=("generator",)))


def test_frames_without_labels_are_named(tmp_path: Path, quick: AdaptConfig):
    store = recorded(tmp_path / "s", labels=False)
    with pytest.raises(NotEnoughData, match=r"have no labels, the first is r0/000000"):
        adapt(store, tmp_path / "out", replace(quick, models=("segmenter",)))


def test_missing_weights_to_begin_with_are_named(tmp_path: Path, quick: AdaptConfig):
    config = replace(quick, generator=tmp_path / "nowhere", models=("generator",))
    with pytest.raises(ValueError, match=r"no weights of a generator to begin with in .*nowhere"):
        adapt(recorded(tmp_path / "s"), tmp_path / "out", config)


def test_the_last_drive_is_held_out_and_pairs_come_from_the_others(tmp_path: Path):
    store = recorded(tmp_path / "s")
    parts = split_frames(store)
    assert {key.partition("/")[0] for key in parts.held_out} == {"r1"}
    assert not parts.learn & parts.held_out
    pairs = true_pairs(store, parts.learn, DOMINANT, 3)
    assert len(pairs) == 3
    assert set(pairs.rgb) == {DOMINANT, Condition("clear", "night"), Condition("fog", "day")}
