"""Every frame preset end to end through diffusers' own pipeline class, with tiny random weights made here."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from augment.conditions import DOMINANT, HELD_OUT, Condition
from augment.prompt import Prompt
from augment.synthesizers.check import check_synthesizer, drawn_scenes
from augment.synthesizers.preset_pipelines import Placement, PresetError
from augment.synthesizers.preset_synthesizer import PresetSynthesizer
from augment.synthesizers.presets import PRESETS, tuned
from tests.augment.tiny_models import weights_folder

FRAME_PRESETS = [name for name, preset in PRESETS.items() if not preset.clips]


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    root = tmp_path_factory.mktemp("models")
    return {name: weights_folder(name, root / name) for name in FRAME_PRESETS}


def load(name: str, folder: Path, **changes) -> PresetSynthesizer:
    preset = tuned(PRESETS[name], **{"steps": 4, "working_height_px": 32, **changes})
    return PresetSynthesizer.from_weights(preset, folder)


@pytest.mark.parametrize("name", FRAME_PRESETS)
def test_a_preset_keeps_the_contract_of_synthesizers(name: str, folders: dict[str, Path]):
    synthesizer = load(name, folders[name])
    check_synthesizer(synthesizer, targets=[HELD_OUT], source=DOMINANT, size_px=(64, 32))
    assert synthesizer.name.startswith(f"{name}-")
    assert set(synthesizer.provenance["weights"]) >= {"base"}


@pytest.mark.parametrize("name", FRAME_PRESETS)
def test_seed_source_prompt_and_control_all_reach_the_pixels(name: str, folders: dict[str, Path]):
    strength = 0.75 if name == "syndiff" else PRESETS[name].strength
    synthesizer = load(name, folders[name], strength=strength)
    frames = drawn_scenes(1, (64, 32), DOMINANT)
    frames = replace(frames, prompts=(Prompt("night", "day"),))

    def made(frames=frames, seed=1):
        return synthesizer(frames, [HELD_OUT], np.array([seed], np.uint64))

    first = made()
    assert not np.array_equal(first, made(seed=2))
    assert not np.array_equal(first, made(replace(frames, rgb=255 - frames.rgb)))
    assert not np.array_equal(first, made(replace(frames, prompts=(Prompt("snow", "day"),))))
    moved = replace(frames, seg=frames.seg[:, :, ::-1], depth_m=frames.depth_m[:, :, ::-1])
    assert not np.array_equal(first, made(moved))


@pytest.mark.parametrize(("name", "controls"), [("syndiff", ("seg", "depth")), ("sdxl-union", ("seg",))])
def test_controls_can_be_chosen(name: str, controls: tuple, folders: dict[str, Path]):
    synthesizer = load(name, folders[name], controls=controls)
    frames = drawn_scenes(1, (64, 32), DOMINANT)
    variant = synthesizer(frames, [HELD_OUT], np.array([1], np.uint64))
    assert not np.array_equal(variant, load(name, folders[name])(frames, [HELD_OUT], np.array([1], np.uint64)))
    assert synthesizer.provenance["settings"]["controls"] == list(controls)
    assert synthesizer.name != load(name, folders[name]).name, "a store keeps the variants of both apart"


def test_frames_are_resized_to_the_working_height_and_back(folders: dict[str, Path]):
    frames = drawn_scenes(1, (50, 26), DOMINANT)
    assert load("syndiff", folders["syndiff"])(frames, [HELD_OUT], np.array([1], np.uint64)).shape == (1, 26, 50, 3)
    with pytest.raises(ValueError, match="multiples of 8"):
        load("syndiff", folders["syndiff"])(drawn_scenes(1, (60, 32), DOMINANT), [HELD_OUT], np.zeros(1, np.uint64))


def test_numbers_that_are_no_picture_are_an_error(folders: dict[str, Path]):
    synthesizer = load("syndiff", folders["syndiff"])
    torch.nn.init.constant_(synthesizer._pipeline.vae.decoder.conv_out.bias, float("nan"))
    with pytest.raises(PresetError, match="not finite at precision fp32"):
        synthesizer(drawn_scenes(1, (64, 32), DOMINANT), [HELD_OUT], np.zeros(1, np.uint64))


def test_exhausted_memory_says_what_to_reduce(folders: dict[str, Path], monkeypatch: pytest.MonkeyPatch):
    synthesizer = load("syndiff", folders["syndiff"])

    def exhausted(*args, **kwargs):
        raise torch.OutOfMemoryError("CUDA out of memory")

    monkeypatch.setattr(synthesizer._pipeline.unet, "forward", exhausted)
    with pytest.raises(PresetError, match="working height of 16, precision bf16"):
        synthesizer(drawn_scenes(1, (64, 32), DOMINANT), [HELD_OUT], np.zeros(1, np.uint64))


def test_weights_of_another_model_and_places_that_do_not_exist_are_explained(folders: dict[str, Path]):
    with pytest.raises(PresetError, match="preset sdxl-union does not load"):
        PresetSynthesizer.from_weights(
            tuned(PRESETS["sdxl-union"]),
            folders["sdxl-union"],
            replaced={"controlnet": folders["zimage"] / "controlnet"},
        )
    with pytest.raises(PresetError, match="unknown device 'tpu9'"):
        PresetSynthesizer.from_weights(PRESETS["syndiff"], folders["syndiff"], Placement("tpu9"))
    with pytest.raises(PresetError, match="fp16 is for accelerators"):
        PresetSynthesizer.from_weights(PRESETS["syndiff"], folders["syndiff"], Placement("cpu", "fp16"))


def test_any_condition_that_words_can_say_is_made(folders: dict[str, Path]):
    frames = drawn_scenes(2, (64, 32), DOMINANT)
    targets = [Condition("snow", "day"), Condition("fog", "dusk")]
    assert (
        load("sd-turbo", folders["sd-turbo"])(frames, targets, np.arange(2, dtype=np.uint64)).shape
        == frames.rgb.shape
    )
