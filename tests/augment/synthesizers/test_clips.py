from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from diffusers.models.controlnets import controlnet_cosmos
from diffusers.models.transformers import transformer_cosmos

from augment.conditions import DOMINANT, HELD_OUT
from augment.synthesizers.check import ContractError
from augment.synthesizers.clip_check import check_clip_synthesizer, drawn_clip
from augment.synthesizers.clips import PerFrameClips
from augment.synthesizers.cosmos import CosmosClips
from augment.synthesizers.preset_pipelines import PresetError
from augment.synthesizers.preset_synthesizer import PresetSynthesizer
from augment.synthesizers.presets import PRESETS, tuned
from augment.synthesizers.procedural import ProceduralSynthesizer
from tests.augment.tiny_models import PassingChecker, Transforms, weights_folder

SIZE_PX = (64, 32)


def test_a_per_frame_synthesizer_makes_clips_with_one_seed():
    clips = PerFrameClips(ProceduralSynthesizer())
    check_clip_synthesizer(clips, targets=[HELD_OUT], source=DOMINANT)
    clip = drawn_clip(3, SIZE_PX, DOMINANT)
    alone = ProceduralSynthesizer()(clip.select([2]), [HELD_OUT], np.array([5], np.uint64))
    assert np.array_equal(clips(clip, HELD_OUT, 5)[2], alone[0])


@pytest.mark.parametrize(
    ("flaw", "message"),
    [
        (lambda clip, out: out[:-1], "one variant per frame"),
        (lambda clip, out: out.astype(np.float32), "uint8"),
        (lambda clip, out: clip.rgb, "shares with its input"),
        (lambda clip, out: np.random.default_rng().integers(0, 255, out.shape, np.uint8), "the second time"),
    ],
)
def test_the_check_of_clips_names_a_broken_promise(flaw, message: str):
    class Flawed:
        name, provenance = "flawed", {}

        def __call__(self, clip, target, seed):
            return flaw(clip, PerFrameClips(ProceduralSynthesizer())(clip, target, seed))

    with pytest.raises(ContractError, match=message):
        check_clip_synthesizer(Flawed(), targets=[HELD_OUT], source=DOMINANT)


@pytest.fixture(scope="module")
def cosmos_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return weights_folder("cosmos", tmp_path_factory.mktemp("cosmos"))


@pytest.mark.parametrize("control", ["seg", "edge"])
def test_cosmos_keeps_the_contract_of_clips(control, cosmos_folder: Path, monkeypatch: pytest.MonkeyPatch):
    for module in (controlnet_cosmos, transformer_cosmos):
        monkeypatch.setattr(module, "transforms", Transforms, raising=False)
    preset = tuned(PRESETS["cosmos"], steps=2, working_height_px=32, controls=(control,))
    cosmos = CosmosClips.from_weights(preset, cosmos_folder, safety_checker=PassingChecker())
    check_clip_synthesizer(cosmos, targets=[HELD_OUT], source=DOMINANT, frames=6, size_px=SIZE_PX)
    clip = drawn_clip(3, SIZE_PX, DOMINANT)
    assert not np.array_equal(cosmos(clip, HELD_OUT, 1), cosmos(clip, HELD_OUT, 2))


def test_cosmos_says_which_packages_it_lacks(cosmos_folder: Path, monkeypatch: pytest.MonkeyPatch):
    preset = tuned(PRESETS["cosmos"], controls=("edge",))
    monkeypatch.delattr(controlnet_cosmos, "transforms", raising=False)
    with pytest.raises(PresetError, match="needs another package: torchvision"):
        CosmosClips.from_weights(preset, cosmos_folder)
    monkeypatch.setattr(controlnet_cosmos, "transforms", Transforms, raising=False)
    with pytest.raises(PresetError, match="cosmos_guardrail"):
        CosmosClips.from_weights(preset, cosmos_folder)


def test_frame_and_clip_presets_are_not_mixed_up():
    with pytest.raises(ValueError, match="makes clips"):
        PresetSynthesizer(None, PRESETS["cosmos"], {}, None)
    with pytest.raises(ValueError, match="makes single frames"):
        CosmosClips(None, PRESETS["syndiff"], {}, None)
