from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from augment.conditions import DOMINANT, HELD_OUT
from augment.synthesizers.check import check_synthesizer
from augment.synthesizers.preset_synthesizer import PresetSynthesizer
from augment.synthesizers.preset_weights import folder_hash
from augment.synthesizers.presets import PRESETS, tuned
from augment.training.finetune_controlnet import FinetuneConfig, finetune_controlnet
from augment.training.finetune_examples import FinetuneExamples
from carla_agents.data.store import Store
from tests.augment.drawn_store import record_drawn
from tests.augment.tiny_models import weights_folder


class Interrupted(Exception):
    pass


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return weights_folder("syndiff", tmp_path_factory.mktemp("models"))


@pytest.fixture(scope="module")
def examples(tmp_path_factory: pytest.TempPathFactory) -> FinetuneExamples:
    return FinetuneExamples(Store.read(record_drawn(tmp_path_factory.mktemp("store"), night=True)), height_px=32)


@pytest.fixture
def quick(models: Path) -> FinetuneConfig:
    return FinetuneConfig(
        base=models / "base",
        controlnet=models / "controlnet-seg",
        steps=6,
        batch_size=2,
        learning_rate=1e-3,
        checkpoint_every=2,
        cpu=True,
    )


def test_examples_are_frames_and_true_variants_with_captions_of_their_condition(examples: FinetuneExamples):
    assert {name: len(found) for name, found in examples.by_condition().items()} == {"clear-day": 3, "clear-night": 3}
    rgb, hint, caption = examples.load(5)
    assert rgb.shape == hint.shape == (32, 64, 3)
    assert "night" in caption
    assert "daylight" in examples.load(0)[2]
    assert rgb.mean() < examples.load(2)[0].mean() / 2


@pytest.mark.parametrize("rank", [0, 2])
def test_a_resumed_run_is_the_uninterrupted_one_and_its_result_runs_in_the_preset(
    examples: FinetuneExamples, quick: FinetuneConfig, models: Path, tmp_path: Path, rank: int
):
    def stop(step: int, loss: float) -> None:
        if step == 5:
            raise Interrupted

    config = replace(quick, lora_rank=rank)
    whole = finetune_controlnet(examples, config, tmp_path / "whole")
    with pytest.raises(Interrupted):
        finetune_controlnet(examples, config, tmp_path / "broken", stop)
    resumed = finetune_controlnet(examples, config, tmp_path / "broken")
    assert resumed.resumed_at == 4
    assert resumed.losses == whole.losses
    assert folder_hash(tmp_path / "whole") == folder_hash(tmp_path / "broken")
    assert not (tmp_path / "broken" / "checkpoint.safetensors").exists()
    assert (tmp_path / "whole" / "lora.safetensors").exists() == (rank > 0)
    assert "clear-night (3)" in (tmp_path / "whole" / "README.md").read_text()

    preset = tuned(PRESETS["syndiff"], steps=2, working_height_px=32)
    made = PresetSynthesizer.from_weights(preset, models, replaced={"controlnet-seg": tmp_path / "whole"})
    check_synthesizer(made, targets=[HELD_OUT], source=DOMINANT, size_px=(64, 32))
    before = PresetSynthesizer.from_weights(preset, models)
    assert made.name != before.name


def test_the_loss_falls_on_a_batch_seen_again_and_again(
    examples: FinetuneExamples, quick: FinetuneConfig, tmp_path: Path
):
    done = finetune_controlnet(examples, replace(quick, steps=60, batch_size=4, learning_rate=3e-3), tmp_path)
    assert np.mean(done.losses[-15:]) < 0.97 * np.mean(done.losses[:15])


def test_a_finished_run_is_kept_and_another_one_refused(
    examples: FinetuneExamples, quick: FinetuneConfig, tmp_path: Path
):
    first = finetune_controlnet(examples, replace(quick, steps=1), tmp_path)
    again = finetune_controlnet(examples, replace(quick, steps=1), tmp_path)
    assert (again.resumed_at, again.losses) == (1, first.losses)
    with pytest.raises(ValueError, match="another configuration"):
        finetune_controlnet(examples, replace(quick, steps=2), tmp_path)


def test_bad_weights_and_values_are_named(quick: FinetuneConfig, examples: FinetuneExamples, tmp_path: Path):
    (tmp_path / "pickles").mkdir()
    (tmp_path / "pickles" / "diffusion_pytorch_model.bin").touch()
    with pytest.raises(ValueError, match="pickles are refused"):
        replace(quick, controlnet=tmp_path / "pickles")
    with pytest.raises(ValueError, match="lora_rank is -1"):
        replace(quick, lora_rank=-1)
    with pytest.raises(ValueError, match="do not load as Stable Diffusion"):
        finetune_controlnet(examples, replace(quick, base=quick.controlnet), tmp_path / "out")
    with pytest.raises(ValueError, match="multiple of 8"):
        FinetuneExamples(Store.read(record_drawn(tmp_path / "s", 1)), height_px=30)
