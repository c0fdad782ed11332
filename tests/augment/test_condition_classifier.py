"""The condition score: its network, its training, its files, and the weights that ship."""

from __future__ import annotations

import json
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch

from augment.condition_classifier import (
    SHIPPED_WEIGHTS,
    ConditionClassifier,
    ConditionNetwork,
    ConditionNetworkConfig,
    normalise,
)
from augment.conditions import CORE12
from augment.training.condition_classifier import (
    Accuracy,
    ConditionTrainingConfig,
    measure_accuracy,
    train_condition_classifier,
)
from augment.training.condition_pictures import ConditionPictures, weather_near

GOLDEN = Path(__file__).parent.parent / "golden" / "condition_pictures"


@pytest.fixture
def striped() -> ConditionPictures:
    """48 pictures; each condition has stripes of a width of its own and any brightness."""
    rng = np.random.default_rng(1)
    label = np.arange(48) % len(CORE12)
    wave = np.sin(np.arange(64)[None, None] / (1.0 + label[:, None, None] / 2.0)) + rng.normal(0, 0.1, (48, 48, 64))
    level = 90.0 + rng.uniform(-30, 30, (48, 1, 1)) + 40.0 * wave
    rgb = np.repeat(level[..., None], 3, axis=3).clip(0, 255).astype(np.uint8)
    return ConditionPictures(rgb, label.astype(np.int64))


def golden_pictures() -> ConditionPictures:
    paths = sorted(GOLDEN.glob("*.jpg"))
    names = [condition.name for condition in CORE12]
    label = [names.index(path.stem.rpartition("-")[0]) for path in paths]
    return ConditionPictures(np.stack([cv2.imread(str(path))[..., ::-1] for path in paths]), np.array(label))


def test_the_network_has_at_most_fifty_thousand_parameters():
    assert 30_000 < ConditionNetwork(ConditionNetworkConfig()).parameter_count() <= 50_000


def test_a_normalised_picture_has_mean_0_and_variance_1_in_every_channel_whatever_its_tone():
    rng = np.random.default_rng(0)
    rgb = rng.integers(100, 200, (2, 32, 48, 3)).astype(np.uint8)
    picture, tone = normalise(rgb)
    assert picture.mean((2, 3)).abs().max() < 1e-4
    assert (picture.std((2, 3), correction=0) - 1.0).abs().max() < 0.02
    assert tone.shape == (2, 7)
    darker, _ = normalise(rgb // 2)
    assert (picture - darker).abs().max() < 0.1


def test_a_score_is_twelve_probabilities_for_pictures_of_any_size_and_for_none():
    classifier = ConditionClassifier(ConditionNetwork(ConditionNetworkConfig()))
    for size in ((144, 256), (90, 160), (37, 61)):
        scores = classifier.score(np.zeros((2, *size, 3), np.uint8))
        assert scores.shape == (2, 12)
        assert scores.sum(1) == pytest.approx(1.0, abs=1e-5)
    assert classifier.score(np.zeros((0, 144, 256, 3), np.uint8)).shape == (0, 12)
    with pytest.raises(ValueError, match="float64"):
        classifier.score(np.zeros((1, 144, 256, 3)))


def test_training_learns_and_repeats_itself(striped):
    torch.set_num_threads(1)
    losses: list[float] = []
    long = ConditionTrainingConfig(epochs=20, batch_size=16, seed=3)
    train_condition_classifier(striped, long, lambda _, loss: losses.append(loss))
    assert np.mean(losses[-10:]) < 0.8 * np.mean(losses[:5])
    short = ConditionTrainingConfig(epochs=2, batch_size=16, seed=3)
    one, two = (train_condition_classifier(striped, short).score(striped.rgb) for _ in range(2))
    assert np.array_equal(one, two)
    with pytest.raises(ValueError, match="fewer than a batch"):
        train_condition_classifier(striped, ConditionTrainingConfig(batch_size=64))


def test_what_was_saved_is_loaded_and_files_that_do_not_belong_together_are_refused(tmp_path, striped):
    classifier = ConditionClassifier(ConditionNetwork(ConditionNetworkConfig()))
    classifier.save(tmp_path, {"seed": 1})
    again = ConditionClassifier.load(tmp_path)
    assert np.array_equal(again.score(striped.rgb), classifier.score(striped.rgb))
    ConditionClassifier(ConditionNetwork(ConditionNetworkConfig())).save(tmp_path / "other", {})
    (tmp_path / "other" / "model.safetensors").replace(tmp_path / "model.safetensors")
    with pytest.raises(ValueError, match="not the file"):
        ConditionClassifier.load(tmp_path)
    record = json.loads((tmp_path / "config.json").read_text())
    (tmp_path / "config.json").write_text(json.dumps({**record, "conditions": ["sunny"]}))
    with pytest.raises(ValueError, match="sunny"):
        ConditionClassifier.load(tmp_path)


def test_accuracy_has_an_interval_around_it():
    confusion = np.zeros((12, 12), np.int64)
    confusion[0, 0], confusion[1, 0] = 95, 5
    low, high = Accuracy(confusion).interval
    assert low == pytest.approx(0.888, abs=0.002)
    assert high == pytest.approx(0.978, abs=0.002)


def test_weather_stays_at_the_centre_of_a_condition_without_spread_and_its_light_with_it():
    rng = np.random.default_rng(0)
    for condition in CORE12:
        centre = condition.to_weather().as_tuple()
        assert weather_near(condition, 0.0, rng) == centre
        sun = [weather_near(condition, 1.0, rng)[5] for _ in range(20)]
        low, high = {"day": (30, 80), "dusk": (0, 8), "night": (-80, -30)}[condition.light]
        assert low < min(sun) < max(sun) < high


def test_the_shipped_weights_are_small_and_say_what_they_were_trained_on():
    record = json.loads((SHIPPED_WEIGHTS / "config.json").read_text())
    assert record["parameters"] <= 50_000
    assert "western half" in record["trained_on"]
    assert len(record["look"]) == 16
    assert (SHIPPED_WEIGHTS / "model.safetensors").stat().st_size < 300_000


def test_the_shipped_weights_tell_pictures_of_a_town_apart_that_training_never_saw():
    pictures, classifier = golden_pictures(), ConditionClassifier.load()
    assert set(pictures.label.tolist()) == set(range(len(CORE12)))
    assert measure_accuracy(classifier, pictures, normalised=False).share >= 0.85
    assert measure_accuracy(classifier, pictures, normalised=True).share >= 0.80
