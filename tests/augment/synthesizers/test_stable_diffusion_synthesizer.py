from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch

from augment.conditions import DOMINANT, HELD_OUT
from augment.synthesizers.check import check_synthesizer
from augment.synthesizers.stable_diffusion import StableDiffusionConfig, StableDiffusionSynthesizer


def test_missing_or_pickled_weights_are_refused_and_nothing_is_downloaded(tmp_path: Path):
    with pytest.raises(ValueError, match="nothing is downloaded"):
        StableDiffusionConfig(base=tmp_path / "absent", controlnet=tmp_path)
    (tmp_path / "model.bin").write_bytes(b"pickle")
    with pytest.raises(ValueError, match="pickled weights are refused"):
        StableDiffusionConfig(base=tmp_path, controlnet=tmp_path)


def make_tiny_model(folder: Path) -> tuple[Path, Path]:
    """A randomly initialised model in the folder layout of Stable Diffusion 1.5, a few hundred kilobytes."""
    from diffusers import AutoencoderKL, ControlNetModel, DDIMScheduler, UNet2DConditionModel
    from diffusers import StableDiffusionImg2ImgPipeline as Pipeline
    from transformers import CLIPTextConfig, CLIPTextModel, CLIPTokenizer

    torch.manual_seed(0)
    unet = UNet2DConditionModel(
        block_out_channels=(16, 32),
        layers_per_block=1,
        sample_size=8,
        down_block_types=("DownBlock2D", "CrossAttnDownBlock2D"),
        up_block_types=("CrossAttnUpBlock2D", "UpBlock2D"),
        cross_attention_dim=16,
        attention_head_dim=4,
        norm_num_groups=8,
    )
    codec = AutoencoderKL(
        block_out_channels=(8, 8),
        down_block_types=("DownEncoderBlock2D",) * 2,
        up_block_types=("UpDecoderBlock2D",) * 2,
        norm_num_groups=8,
    )
    characters = [chr(c) for c in range(33, 127)]
    words = [*characters, *(c + "</w>" for c in characters), "<|startoftext|>", "<|endoftext|>"]
    folder.mkdir()
    (folder / "vocab.json").write_text(json.dumps({word: i for i, word in enumerate(words)}))
    (folder / "merges.txt").write_text("#version: 0.2\n")
    text = CLIPTextConfig(
        vocab_size=len(words),
        hidden_size=16,
        intermediate_size=16,
        num_attention_heads=2,
        num_hidden_layers=1,
        bos_token_id=len(words) - 2,
        eos_token_id=len(words) - 1,
        pad_token_id=len(words) - 1,
    )
    Pipeline(
        vae=codec,
        text_encoder=CLIPTextModel(text),
        tokenizer=CLIPTokenizer(str(folder / "vocab.json"), str(folder / "merges.txt"), model_max_length=77),
        unet=unet,
        scheduler=DDIMScheduler(),
        safety_checker=None,
        feature_extractor=None,
        requires_safety_checker=False,
    ).save_pretrained(folder / "base")
    ControlNetModel.from_unet(unet, conditioning_embedding_out_channels=(8, 8)).save_pretrained(folder / "control")
    return folder / "base", folder / "control"


@pytest.mark.slow
def test_a_local_model_in_the_layout_of_stable_diffusion_keeps_the_contract(tmp_path: Path):
    base, control = make_tiny_model(tmp_path / "model")
    config = StableDiffusionConfig(base=base, controlnet=control, steps=2, strength=0.9, guidance_scale=2.0)
    synthesizer = StableDiffusionSynthesizer(config)
    check_synthesizer(synthesizer, targets=[HELD_OUT], source=DOMINANT, size_px=(64, 32))
    assert synthesizer.provenance["settings"]["steps"] == 2
