from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from augment.conditions import DOMINANT, HELD_OUT, Condition
from augment.synthesizers.base import FrameBatch
from augment.synthesizers.check import check_synthesizer
from augment.synthesizers.embedded import EmbeddedSynthesizer
from augment.synthesizers.embedded_step import EmbeddedStep, TorchStep
from augment.synthesizers.small_controlnet import SmallControlNet, weights_hash
from augment.training.controlnet import ControlNetTrainingConfig, train_controlnet
from augment.training.pairs import PairedFrames, same_scene


class Interrupted(Exception):
    pass


@pytest.mark.parametrize("optimizer", ["adamw", "muon"])
def test_training_resumed_after_an_interruption_gives_the_same_weights(
    pairs: PairedFrames, quick_training: ControlNetTrainingConfig, tmp_path: Path, optimizer: str
):
    quick_training = replace(quick_training, optimizer=optimizer)

    def stop(step: int, loss: float) -> None:
        if step == 6:
            raise Interrupted

    whole = train_controlnet(pairs, quick_training, tmp_path / "whole")
    with pytest.raises(Interrupted):
        train_controlnet(pairs, quick_training, tmp_path / "broken", stop)
    resumed = train_controlnet(pairs, quick_training, tmp_path / "broken")
    assert resumed.resumed_at == 4
    assert resumed.losses == whole.losses
    assert weights_hash(tmp_path / "whole") == weights_hash(tmp_path / "broken")
    assert not (tmp_path / "broken" / "checkpoint.safetensors").exists()


def test_a_finished_run_is_not_trained_again_and_another_configuration_is_refused(
    pairs: PairedFrames, quick_training: ControlNetTrainingConfig, tmp_path: Path
):
    config = replace(quick_training, steps=2)
    first = train_controlnet(pairs, config, tmp_path)
    again = train_controlnet(pairs, config, tmp_path)
    assert again.resumed_at == 2
    assert again.losses == first.losses
    with pytest.raises(ValueError, match="another configuration"):
        train_controlnet(pairs, replace(config, seed=1), tmp_path)


def test_another_seed_gives_other_weights(
    pairs: PairedFrames, quick_training: ControlNetTrainingConfig, tmp_path: Path
):
    for seed in (0, 1):
        train_controlnet(pairs, replace(quick_training, steps=1, seed=seed), tmp_path / str(seed))
    assert weights_hash(tmp_path / "0") != weights_hash(tmp_path / "1")


@pytest.mark.parametrize(("optimizer", "learning_rate"), [("adamw", 2e-3), ("muon", 6e-3)])
def test_trained_model_moves_frames_towards_the_target_and_keeps_the_contract(
    pairs: PairedFrames,
    quick_training: ControlNetTrainingConfig,
    tmp_path: Path,
    optimizer: str,
    learning_rate: float,
):
    config = replace(quick_training, steps=40, batch_size=3, optimizer=optimizer, learning_rate=learning_rate)
    train_controlnet(pairs, config, tmp_path)
    synthesizer = EmbeddedSynthesizer.from_folder(tmp_path)
    keys = tuple(f"r/{i:06d}" for i in range(len(pairs)))
    frames = FrameBatch(pairs.rgb[DOMINANT], pairs.seg, pairs.depth_m, (DOMINANT,) * len(pairs), keys)
    variants = synthesizer(frames, [HELD_OUT] * len(pairs), np.arange(len(pairs)))
    truth, copy = pairs.rgb[HELD_OUT].astype(np.float32), pairs.rgb[DOMINANT].astype(np.float32)
    assert np.abs(variants - truth).mean() < 0.5 * np.abs(copy - truth).mean()
    assert set(synthesizer.config.targets) == {"rain-night", "fog-day"}
    check_synthesizer(synthesizer, targets=[HELD_OUT], source=DOMINANT, size_px=(64, 32))
    with pytest.raises(ValueError, match="has not learned"):
        synthesizer(frames, [Condition("snow", "day")] * len(pairs), np.arange(len(pairs)))
    assert synthesizer.name == f"embedded-{weights_hash(tmp_path)}-torch"


def test_model_card_and_record_say_what_was_trained(
    pairs: PairedFrames, quick_training: ControlNetTrainingConfig, tmp_path: Path
):
    run = train_controlnet(pairs, replace(quick_training, steps=2), tmp_path)
    card = (tmp_path / "README.md").read_text()
    assert "rain-night" in card
    assert weights_hash(tmp_path) in card
    assert "not Stable Diffusion" in card.replace("\n", " ")
    assert json.loads((tmp_path / "training.json").read_text())["losses"] == run.losses


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"crop_height_px": 20}, "crop_height_px is 20"),
        ({"crop_width_px": 128}, "do not fit"),
        ({"source": "fog-night"}, "fog-night"),
        ({"steps": 0}, "steps is 0"),
        ({"learning_rate": -1.0}, r"learning_rate is -1\.0"),
        ({"optimizer": "sgd"}, "optimizer is 'sgd'"),
    ],
)
def test_configurations_that_cannot_work_are_refused_by_name(
    pairs: PairedFrames, quick_training: ControlNetTrainingConfig, tmp_path: Path, change: dict, message: str
):
    with pytest.raises(ValueError, match=message):
        train_controlnet(pairs, replace(quick_training, **change), tmp_path)


def test_a_folder_that_is_no_model_is_refused(tmp_path: Path):
    with pytest.raises(ValueError, match=r"no config\.json"):
        SmallControlNet.load(tmp_path)
    (tmp_path / "config.json").write_text('{"kind": "other"}')
    (tmp_path / "model.safetensors").write_bytes(b"")
    with pytest.raises(ValueError, match="kind 'other'"):
        SmallControlNet.load(tmp_path)


def test_untrained_network_returns_the_source(quick_training: ControlNetTrainingConfig, pairs: PairedFrames):
    torch.manual_seed(0)
    model = SmallControlNet(replace(quick_training.network, targets=("rain-night",)))
    frames = FrameBatch(pairs.rgb[DOMINANT][:1], pairs.seg[:1], pairs.depth_m[:1], (DOMINANT,), ("r/000000",))
    synthesizer = EmbeddedSynthesizer(model.config, TorchStep(EmbeddedStep(model)), None)
    variant = synthesizer(frames, [HELD_OUT], np.zeros(1, np.uint64))
    assert np.abs(variant.astype(int) - frames.rgb).max() <= 1


def test_scenes_that_drifted_apart_are_not_the_same(pairs: PairedFrames):
    assert same_scene(pairs.seg[0], pairs.seg[0].copy())
    assert not same_scene(pairs.seg[0], np.roll(pairs.seg[0], 12, axis=1))
