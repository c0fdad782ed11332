from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from augment.conditions import DOMINANT, HELD_OUT, Condition
from augment.synthesize_clips import ClipJobConfig, synthesize_clips
from augment.synthesizers.check import check_synthesizer, drawn_scenes
from augment.synthesizers.clips import PerFrameClips
from augment.synthesizers.embedded_noise import NOISE_CHANNELS
from augment.synthesizers.procedural import ProceduralSynthesizer
from augment.synthesizers.small_controlnet import weights_hash
from augment.synthesizers.translator import TranslatorConfig, TranslatorStep, TranslatorSynthesizer
from augment.training.translator import TranslatorTrainingConfig, taught_variants, train_translator
from carla_agents.data.store import Store
from carla_agents.data.store_writer import StoreWriter
from tests.augment.drawn_store import record_drawn

QUICK = TranslatorTrainingConfig(
    steps=6,
    batch_size=2,
    crop_width_px=32,
    crop_height_px=16,
    checkpoint_every=2,
    network=TranslatorConfig(channels=(16, 24), film_width=16),
)


class Interrupted(Exception):
    pass


@pytest.fixture(scope="module")
def taught(tmp_path_factory: pytest.TempPathFactory):
    root = record_drawn(tmp_path_factory.mktemp("store"))
    teacher = ProceduralSynthesizer()
    with StoreWriter.open(root) as store:
        synthesize_clips(store, PerFrameClips(teacher), ClipJobConfig(("rain-night", "fog-day"), frames=1))
    return taught_variants(Store.read(root), "procedural", source="clear-day")


def test_a_resumed_run_is_the_uninterrupted_one_and_the_result_keeps_the_contract(taught, tmp_path: Path):
    def stop(step: int, loss: float) -> None:
        if step == 5:
            raise Interrupted

    whole = train_translator(taught, QUICK, tmp_path / "whole")
    with pytest.raises(Interrupted):
        train_translator(taught, QUICK, tmp_path / "broken", stop)
    resumed = train_translator(taught, QUICK, tmp_path / "broken")
    assert resumed.resumed_at == 4
    assert resumed.losses == whole.losses
    assert weights_hash(tmp_path / "whole") == weights_hash(tmp_path / "broken")

    student = TranslatorSynthesizer.from_folder(tmp_path / "whole")
    assert student.config.teacher == taught[0].synthesizer
    check_synthesizer(student, targets=[HELD_OUT, Condition("fog", "day")], source=DOMINANT, size_px=(64, 32))
    with pytest.raises(ValueError, match="has not learned"):
        student(drawn_scenes(1, (64, 32), DOMINANT), [Condition("clear", "night")], np.zeros(1, np.uint64))
    assert "fog-day, rain-night" in (tmp_path / "whole" / "README.md").read_text()


def test_the_student_comes_closer_to_its_teacher_than_the_source_is(taught, tmp_path: Path):
    config = replace(QUICK, steps=150, batch_size=4, learning_rate=5e-3)
    train_translator(taught, config, tmp_path)
    student = TranslatorSynthesizer.from_folder(tmp_path)
    frames = drawn_scenes(3, (64, 32), DOMINANT)
    seeds = np.arange(3, dtype=np.uint64)
    for target in (HELD_OUT, Condition("fog", "day")):
        wanted = ProceduralSynthesizer()(frames, [target] * 3, seeds).astype(float)
        error = np.abs(student(frames, [target] * 3, seeds) - wanted).mean()
        assert error < 0.7 * np.abs(frames.rgb - wanted).mean()


def test_a_new_translator_changes_nothing():
    step = TranslatorStep(QUICK.network).eval()
    rgb = torch.rand(1, 3, 16, 32)
    with torch.no_grad():
        out = step(
            rgb,
            torch.zeros(1, 16, 32, dtype=torch.int64),
            torch.ones(1, 16, 32),
            torch.zeros(1, 28),
            torch.zeros(1, NOISE_CHANNELS, 16, 32),
        )
    assert torch.equal(out, rgb)


def test_missing_teachers_and_damaged_weights_are_named(taught, tmp_path: Path):
    store = taught[0].frame.store
    with pytest.raises(ValueError, match=r"0 synthesizers whose name begins with 'cosmos'.*procedural"):
        taught_variants(store, "cosmos", source="clear-day")
    with pytest.raises(ValueError, match="larger than the frames"):
        train_translator(taught, replace(QUICK, crop_width_px=128), tmp_path)
    train_translator(taught, replace(QUICK, steps=1), tmp_path)
    with pytest.raises(ValueError, match="another configuration"):
        train_translator(taught, replace(QUICK, steps=2), tmp_path)
    with pytest.raises(ValueError, match="holds no translator"):
        TranslatorStep.load(tmp_path / "absent")
    data = bytearray((tmp_path / "model.safetensors").read_bytes())
    data[-1] ^= 1
    (tmp_path / "model.safetensors").write_bytes(bytes(data))
    with pytest.raises(ValueError, match="damaged"):
        TranslatorStep.load(tmp_path)
