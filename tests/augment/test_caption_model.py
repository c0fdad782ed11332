"""A tiny random LLaVA stands for the real one: what is tested is all but the sense of its words."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

os.environ.setdefault("HF_HUB_OFFLINE", "1")
pytest.importorskip("transformers")
from tokenizers import Tokenizer, decoders, models, pre_tokenizers
from transformers import (
    CLIPImageProcessorPil,
    CLIPVisionConfig,
    LlamaConfig,
    LlavaConfig,
    LlavaForConditionalGeneration,
    LlavaProcessor,
    PreTrainedTokenizerFast,
)

from augment.caption_model import CaptionModelConfig, ModelCaptioner
from augment.conditions import CONDITIONS
from augment.prompt import compose_prompt


@pytest.fixture(scope="module")
def tiny_llava(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A LLaVA of two layers that speaks in single bytes."""
    folder = tmp_path_factory.mktemp("llava")
    words = ["<pad>", "<s>", "</s>", "<image>", *sorted(pre_tokenizers.ByteLevel.alphabet())]
    tokenizer = Tokenizer(models.BPE(vocab={word: i for i, word in enumerate(words)}, merges=[]))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.add_special_tokens(words[:4])
    marks = dict(zip(("pad_token", "bos_token", "eos_token"), words[:3], strict=True))
    fast = PreTrainedTokenizerFast(tokenizer_object=tokenizer, **marks)
    small: dict[str, Any] = {
        "hidden_size": 32,
        "intermediate_size": 48,
        "num_hidden_layers": 2,
        "num_attention_heads": 2,
    }
    vision = CLIPVisionConfig(**small, image_size=32, patch_size=16)
    text = LlamaConfig(**small, vocab_size=len(words), bos_token_id=1, eos_token_id=2, pad_token_id=0)
    torch.manual_seed(3)
    model = LlavaForConditionalGeneration(LlavaConfig(vision_config=vision, text_config=text, image_token_index=3))
    pictures = CLIPImageProcessorPil(size={"shortest_edge": 32}, crop_size={"height": 32, "width": 32})
    processor = LlavaProcessor(
        image_processor=pictures,
        tokenizer=fast,
        patch_size=16,
        vision_feature_select_strategy="default",
        num_additional_image_tokens=1,
    )
    model.save_pretrained(folder)
    processor.save_pretrained(folder)
    return folder


def picture() -> tuple[np.ndarray, np.ndarray]:
    rgb = np.random.default_rng(0).integers(0, 256, (48, 64, 3), np.uint8)
    return rgb, np.ones((48, 64), np.uint8)


def test_a_model_describes_a_picture_the_same_way_every_time(tiny_llava: Path):
    rgb, seg = picture()
    captioner = ModelCaptioner(CaptionModelConfig(str(tiny_llava), most_tokens=24))
    caption = captioner(rgb, seg, None)
    assert caption.captioner == captioner.name == f"model-{tiny_llava.name}"
    assert captioner(rgb, seg, None) == caption
    assert len(captioner.provenance["weights"]) == 12
    assert "weather" in captioner.provenance["instruction"]
    assert "rain" in compose_prompt(caption, CONDITIONS["rain-day"]).positive


def test_what_a_model_says_of_the_weather_is_taken_out(tiny_llava: Path, monkeypatch: pytest.MonkeyPatch):
    rgb, seg = picture()
    captioner = ModelCaptioner(CaptionModelConfig(str(tiny_llava), most_tokens=2))
    said = "two cars ahead, a cloudy sky, a pedestrian on the left"
    monkeypatch.setattr(captioner._processor, "decode", lambda *args, **options: said)
    caption = captioner(rgb, seg, None)
    assert caption.parts == ("two cars ahead", "a pedestrian on the left")
    assert caption.dropped == ("a cloudy sky",)


def test_a_model_that_is_not_here_is_refused_with_what_to_download():
    with pytest.raises(ValueError, match="hf download llava-hf/none"):
        ModelCaptioner(CaptionModelConfig("llava-hf/none"))
    with pytest.raises(ValueError, match="most_tokens is 0"):
        CaptionModelConfig("x", most_tokens=0)
