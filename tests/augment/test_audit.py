from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import torch

from augment.audit import Audit, AuditConfig, audit, read_audit
from augment.conditions import CONDITIONS, Condition, Weather
from augment.picture_classifiers import ZERO_SHOT_WORDS, make_picture_classifier
from augment.picture_source import PictureSource, open_pictures

os.environ.setdefault("HF_HUB_OFFLINE", "1")


class Guessing:
    """Says `fog-day` to dark pictures and `rain-night` to bright ones."""

    name = "guessing-1"
    provenance: dict[str, Any] = {"weights": "none"}  # noqa: RUF012 - as the protocol has it
    conditions = ("rain-night", "fog-day")

    def score(self, rgb: np.ndarray) -> np.ndarray:
        dark = (rgb.mean((1, 2, 3)) < 100).astype(np.float32)
        return np.stack([1.0 - 0.6 * dark, 0.6 * dark], axis=1)


def never() -> Guessing:
    raise AssertionError("the classifier must not be asked where the truth was recorded")


def look(*sources: PictureSource, classifier: Any = never) -> Audit:
    return audit(sources, AuditConfig(), classifier)


def test_every_condition_is_read_off_its_own_weather():
    for condition in CONDITIONS.values():
        if condition.weather != "snow":
            assert Condition.of_weather(condition.to_weather()) == condition
    assert Condition.of_weather(Weather(sun_altitude_angle=-60.0, precipitation=60.0)).name == "rain-night"


def test_recorded_conditions_are_the_truth_and_other_names_are_read_off_the_weather(tmp_path: Path, drawn_store):
    drawn_store(tmp_path / "s", 3, "clear-day")
    weather = list(CONDITIONS["rain-dusk"].to_weather().as_tuple())
    drawn_store(tmp_path / "s", 2, "WetSunset", route="r1", metadata={"weather": weather})
    result = look(open_pictures(tmp_path / "s"))
    assert result.counts()["clear-day"] == 3
    assert result.counts()["rain-dusk"] == 2
    assert result.told_by() == {"recorded": 3, "weather": 2}
    assert result.classifier is None


def test_what_nobody_recorded_is_judged_and_the_row_says_by_whom(tmp_path: Path, drawn_store):
    drawn_store(tmp_path / "s", 2, "unknown")
    folder = tmp_path / "photos" / "deep"
    folder.mkdir(parents=True)
    for name, level in (("a.png", 20), ("b.jpg", 200)):
        cv2.imwrite(str(folder / name), np.full((30, 50, 3), level, np.uint8))
    (folder / "notes.txt").write_text("no picture")
    result = look(open_pictures(tmp_path / "s"), open_pictures(tmp_path / "photos"), classifier=Guessing)
    photos = [row for row in result.pictures if row.source == 1]
    assert [(row.key, row.condition, row.told_by) for row in photos] == [
        ("deep/a.png", "fog-day", "guessing-1"),
        ("deep/b.jpg", "rain-night", "guessing-1"),
    ]
    assert photos[0].probability == pytest.approx(0.6)
    assert photos[0].classes is None
    assert result.classifier == {"name": "guessing-1", "weights": "none"}
    assert result.labelled() == 2


def test_rare_groups_are_those_under_the_share_and_the_missing_ones(tmp_path: Path, drawn_store):
    drawn_store(tmp_path / "s", 30, "clear-day")
    drawn_store(tmp_path / "s", 1, "fog-night", route="r1")
    rare = look(open_pictures(tmp_path / "s")).rare()
    assert rare[-1] == "fog-night"
    assert "rain-day" in rare
    assert "clear-day" not in rare
    assert "snow-day" not in rare, "conditions outside core12 are no gap while nobody has them"


def test_class_presence_is_the_share_of_labelled_pictures(tmp_path: Path, drawn_store):
    source = open_pictures(drawn_store(tmp_path / "s", 6))
    presence = look(source).presence()
    assert presence["roads"] == 1.0
    assert presence["train"] == 0.0
    segs = [picture.load_seg() for picture in source.pictures if picture.load_seg is not None]
    with_cars = np.mean([(seg == 14).sum() >= 10 for seg in segs])
    assert presence["car"] == pytest.approx(with_cars)
    unlabelled = open_pictures(drawn_store(tmp_path / "u", 2, seg=False))
    assert look(unlabelled).presence() == {}


def test_an_audit_survives_its_file_and_other_files_are_refused(tmp_path: Path, drawn_store):
    result = look(open_pictures(drawn_store(tmp_path / "s")))
    path = tmp_path / "audit.json"
    path.write_text(json.dumps(result.to_json()))
    assert read_audit(path) == result
    path.write_text('{"format": "syndiff-audit", "version": 99}')
    with pytest.raises(ValueError, match="syndiff audit"):
        read_audit(path)


def test_fingerprints_change_with_the_pictures(tmp_path: Path, drawn_store):
    one, same = open_pictures(drawn_store(tmp_path / "a", 3)), open_pictures(drawn_store(tmp_path / "b", 3))
    assert one.fingerprint == same.fingerprint
    assert open_pictures(drawn_store(tmp_path / "c", 4)).fingerprint != one.fingerprint


def test_places_without_pictures_are_refused_with_what_is_there(tmp_path: Path, drawn_store):
    with pytest.raises(ValueError, match="neither a store nor a folder"):
        open_pictures(tmp_path / "absent")
    with pytest.raises(ValueError, match="holds no picture"):
        open_pictures(tmp_path)
    with pytest.raises(ValueError, match=r"splits are \['train'\]"):
        open_pictures(drawn_store(tmp_path / "s"), "val")
    (tmp_path / "bad").mkdir()
    (tmp_path / "bad" / "x.png").write_bytes(b"\x89PNG\r\n\x1a\n" + b"\0\0\0\rIHDR" + b"\xff" * 8)
    with pytest.raises(ValueError, match=r"x\.png"):
        look(open_pictures(tmp_path / "bad"), classifier=Guessing)


def test_the_trained_classifier_is_the_default_and_needs_no_network(tmp_path: Path):
    classifier = make_picture_classifier("trained")
    rgb = np.random.default_rng(0).integers(0, 256, (2, 48, 64, 3), np.uint8)
    assert classifier.score(rgb).shape == (2, 12)
    assert classifier.conditions == tuple(c for c in CONDITIONS if not c.startswith(("snow", "dust")))


def write_tiny_clip(folder: Path, siglip: bool) -> Path:
    """A random CLIP or SigLIP with a tokenizer of single bytes, as a folder of transformers."""
    from tokenizers import Tokenizer, models, pre_tokenizers
    from transformers import (
        CLIPConfig,
        CLIPImageProcessorPil,
        CLIPModel,
        PreTrainedTokenizerFast,
        SiglipConfig,
        SiglipImageProcessorPil,
        SiglipModel,
    )

    torch.manual_seed(0)
    ends = {"pad_token_id": 0, "bos_token_id": 1, "eos_token_id": 2}
    text = {"vocab_size": 300, "max_position_embeddings": 80, **ends}
    small = {"hidden_size": 32, "intermediate_size": 32, "num_hidden_layers": 1, "num_attention_heads": 2}
    vision = {**small, "image_size": 32, "patch_size": 16}
    if siglip:
        model: Any = SiglipModel(SiglipConfig(text_config={**text, **small}, vision_config=vision))
        pictures: Any = SiglipImageProcessorPil(size={"height": 32, "width": 32})
    else:
        model = CLIPModel(CLIPConfig(text_config={**text, **small}, vision_config=vision, projection_dim=16))
        pictures = CLIPImageProcessorPil(size={"shortest_edge": 32}, crop_size=32)
    words = ["<pad>", "<s>", "</s>", *sorted(pre_tokenizers.ByteLevel.alphabet())]
    tokenizer = Tokenizer(models.BPE(vocab={word: i for i, word in enumerate(words)}, merges=[]))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    marks = dict(zip(("pad_token", "bos_token", "eos_token"), words[:3], strict=True))
    fast = PreTrainedTokenizerFast(tokenizer_object=tokenizer, **marks)
    for part in (model, pictures, fast):
        part.save_pretrained(folder)
    return folder


@pytest.mark.parametrize("siglip", [False, True])
def test_zero_shot_compares_unit_embeddings_and_does_not_depend_on_the_batch(tmp_path: Path, siglip: bool):
    pytest.importorskip("transformers")
    classifier = make_picture_classifier(str(write_tiny_clip(tmp_path / "tiny", siglip)))
    rgb = np.random.default_rng(0).integers(0, 256, (3, 40, 60, 3), np.uint8)
    scores = classifier.score(rgb)
    assert scores.shape == (3, 12)
    assert np.allclose(scores.sum(1), 1.0, atol=1e-5)
    assert np.allclose(scores[1:2], classifier.score(rgb[1:2]), atol=1e-5)
    assert classifier.provenance["words"] == ZERO_SHOT_WORDS
    assert len(set(ZERO_SHOT_WORDS.values())) == 12


def test_models_that_are_not_here_or_are_pickles_are_refused_with_what_to_do(tmp_path: Path):
    with pytest.raises(ValueError, match="hf download openai/clip-of-nowhere"):
        make_picture_classifier("openai/clip-of-nowhere")
    (tmp_path / "config.json").write_text('{"model_type": "clip"}')
    (tmp_path / "pytest_model.bin").write_bytes(b"")
    with pytest.raises(ValueError, match=r"only the pickle pytest_model\.bin"):
        make_picture_classifier(str(tmp_path))
