"""Training is repeatable, resumes to the bit even after SIGKILL, and explains what is wrong."""

import json
import subprocess
import sys
import time
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from carla_agents.data.errors import StoreError
from carla_agents.segmentation.segmentation_set import SegmentationSetConfig, load_segmentation_set
from carla_agents.segmentation.segmenter import balanced_weights, pixel_loss
from carla_agents.segmentation.small import SmallSegmenter, SmallSegmenterConfig
from carla_agents.segmentation.training import (
    SegmentationTrainingConfig,
    TrainingDiverged,
    draw_rows,
    learning_rate,
    load_batch,
    train_segmenter,
)
from carla_agents.segmentation.weights import load_segmenter, save_segmenter

from .conftest import toy_store

TINY = SmallSegmenterConfig(widths=(8, 8, 12, 12))


def tiny():
    return SmallSegmenter(TINY)


def quick(**changes):
    return SegmentationTrainingConfig(**{"steps": 12, "batch_size": 4, "threads": 1, "log_every": 4, **changes})


def training_set(store, **changes):
    return load_segmentation_set(store, SegmentationSetConfig(**changes))


def weights_of(folder):
    return load_file(Path(folder) / "weights.safetensors")


def test_the_small_segmenter_has_half_a_million_parameters_and_learns(store, tmp_path):
    assert 0.4e6 < sum(p.numel() for p in SmallSegmenter(SmallSegmenterConfig()).parameters()) < 0.6e6
    data = training_set(store)
    trained = train_segmenter(tiny, data, quick(steps=60, learning_rate=1e-2), tmp_path)
    rgb, labels = data.load(0)
    shown = trained.predict(rgb[None])[0]
    assert shown.dtype == np.uint8
    assert np.mean(shown == labels) > 0.8
    log = [json.loads(line) for line in (tmp_path / "train.jsonl").read_text().splitlines()]
    assert log[-1]["loss"] < 0.6 * log[0]["loss"]
    again = load_segmenter(tmp_path)
    assert (again.predict(rgb[None])[0] == shown).all()


@pytest.mark.parametrize("optimizer", ["adamw", "muon"])
def test_a_stopped_and_resumed_run_ends_with_the_same_bits(store, tmp_path, optimizer):
    class Stopped(Exception):
        pass

    def stop(step, loss):
        if step == 9:
            raise Stopped

    data, config = training_set(store), quick(checkpoint_every=4, optimizer=optimizer)
    train_segmenter(tiny, data, config, tmp_path / "whole")
    with pytest.raises(Stopped):
        train_segmenter(tiny, data, config, tmp_path / "parts", stop)
    train_segmenter(tiny, data, config, tmp_path / "parts")
    whole, parts = weights_of(tmp_path / "whole"), weights_of(tmp_path / "parts")
    assert all(torch.equal(whole[name], parts[name]) for name in whole)
    assert (tmp_path / "whole/train.jsonl").read_text() == (tmp_path / "parts/train.jsonl").read_text()


@pytest.mark.slow
def test_a_run_killed_by_sigkill_resumes_to_the_same_bits(tmp_path):
    toy_store(tmp_path / "store")
    script = Path(__file__).with_name("train_until_killed.py")
    arguments = [sys.executable, str(script), str(tmp_path / "store")]
    subprocess.run([*arguments, str(tmp_path / "whole"), "0"], check=True, timeout=120)
    killed = subprocess.Popen([*arguments, str(tmp_path / "parts"), "0.05"])
    deadline = time.monotonic() + 120
    while not (tmp_path / "parts/checkpoint.safetensors").exists():
        assert killed.poll() is None
        assert time.monotonic() < deadline
        time.sleep(0.01)
    killed.kill()
    assert killed.wait() == -9
    assert not (tmp_path / "parts/weights.safetensors").exists()
    subprocess.run([*arguments, str(tmp_path / "parts"), "0"], check=True, timeout=120)
    whole, parts = weights_of(tmp_path / "whole"), weights_of(tmp_path / "parts")
    assert all(torch.equal(whole[name], parts[name]) for name in whole)


def test_equal_seeds_give_equal_weights_and_another_seed_others(store, tmp_path):
    data = training_set(store)
    for name, seed in (("a", 0), ("b", 0), ("c", 1)):
        train_segmenter(tiny, data, quick(steps=2, seed=seed), tmp_path / name)
    a, b, c = (weights_of(tmp_path / name) for name in "abc")
    assert all(torch.equal(a[name], b[name]) for name in a)
    assert not torch.equal(a["classify.weight"], c["classify.weight"])


def test_bf16_trains(store, tmp_path):
    train_segmenter(tiny, training_set(store), quick(steps=2, mixed_precision="bf16"), tmp_path)
    assert load_segmenter(tmp_path).classify.weight.dtype == torch.float32


def test_a_checkpoint_is_not_continued_with_another_configuration_data_or_network(store, tmp_path):
    data = training_set(store)
    train_segmenter(tiny, data, quick(steps=2), tmp_path)
    for build, used, config in (
        (tiny, data, quick(steps=3)),
        (tiny, training_set(store, split="val"), quick(steps=2)),
        (lambda: SmallSegmenter(replace(TINY, widths=(8, 8, 8, 8))), data, quick(steps=2)),
    ):
        with pytest.raises(ValueError, match=r"checkpoint\.safetensors belongs to a run with another"):
            train_segmenter(build, used, config, tmp_path)


def test_pictures_that_do_not_fit_the_stride_are_named_with_a_crop_that_does(tmp_path):
    data = training_set(toy_store(tmp_path / "store", 4, width_px=70, height_px=40))
    with pytest.raises(ValueError, match=r"70x40 pixels \(frame train/000000\).*multiples of 16.*crop_px 64 32"):
        train_segmenter(tiny, data, quick(), tmp_path / "out")
    train_segmenter(tiny, data, quick(steps=1, crop_px=(64, 32)), tmp_path / "out")
    with pytest.raises(ValueError, match=r"less than the crop"):
        train_segmenter(tiny, data, quick(crop_px=(96, 32)), tmp_path / "other")
    segmenter = load_segmenter(tmp_path / "out")
    rgb = data.load(0)[0][None]
    with pytest.raises(ValueError, match=r"train/000000 has 70x40 pixels.*--pad"):
        segmenter.predict(rgb, what="train/000000")
    assert segmenter.predict(rgb, pad=True).shape == (1, 40, 70)


def test_a_loss_that_is_no_number_names_the_pictures_and_the_remedy(store, tmp_path):
    def broken():
        segmenter = tiny()
        with torch.no_grad():
            segmenter.classify.bias.fill_(float("nan"))
        return segmenter

    with pytest.raises(TrainingDiverged, match=r"step 0 is nan on train/.*lower learning_rate"):
        train_segmenter(broken, training_set(store), quick(), tmp_path)


def test_a_damaged_picture_stops_the_training_with_its_name(tmp_path):
    store = toy_store(tmp_path / "store", 4)
    victim = tmp_path / "store" / store.frame("train/000002").files["rgb"].name
    victim.write_bytes(victim.read_bytes()[:-30])
    with pytest.raises(StoreError, match=victim.name):
        train_segmenter(tiny, training_set(store), quick(), tmp_path / "out")


def test_a_model_of_another_class_set_is_refused(store, tmp_path):
    with pytest.raises(ValueError, match="predicts cityscapes, the data are labelled in groups12"):
        train_segmenter(
            lambda: SmallSegmenter(SmallSegmenterConfig("cityscapes")), training_set(store), quick(), tmp_path
        )


def test_weights_of_another_architecture_pickles_and_damage_are_refused_by_name(tmp_path):
    save_segmenter(tiny(), tmp_path / "a", {})
    save_segmenter(SmallSegmenter(replace(TINY, widths=(8, 8, 8, 8))), tmp_path / "b", {})
    weights = tmp_path / "a" / "weights.safetensors"
    weights.write_bytes((tmp_path / "b" / "weights.safetensors").read_bytes())
    with pytest.raises(ValueError, match=r"a/weights\.safetensors holds weights of another architecture"):
        load_segmenter(tmp_path / "a")
    torch.save(tiny().state_dict(), weights)
    with pytest.raises(ValueError, match=r"pickled checkpoint.*safetensors\.torch\.save_file"):
        load_segmenter(tmp_path / "a")
    weights.write_bytes(b"\x10\0\0\0\0\0\0\0garbage")
    with pytest.raises(ValueError, match="damaged"):
        load_segmenter(tmp_path / "a")
    weights.unlink()
    with pytest.raises(ValueError, match="missing"):
        load_segmenter(tmp_path / "a")
    with pytest.raises(ValueError, match="no trained segmenter"):
        load_segmenter(tmp_path)


def test_the_form_of_an_earlier_version_is_refused_with_a_remedy(tmp_path):
    save_segmenter(tiny(), tmp_path, {})
    path = tmp_path / "segmenter.json"
    form = json.loads(path.read_text())
    del form["form"]
    path.write_text(json.dumps(form))
    with pytest.raises(ValueError, match=r"has form 1, this version knows form 2: .*train it again"):
        load_segmenter(tmp_path)


def test_the_loss_of_folded_pixels_is_that_of_the_picture():
    segmenter = tiny().eval()
    rgb = torch.rand(2, 3, 32, 48, generator=torch.Generator().manual_seed(2)) * 255
    labels = torch.randint(0, 12, (2, 32, 48), generator=torch.Generator().manual_seed(3))
    labels[:, :5] = 255
    weights = torch.ones(12)
    with torch.no_grad():
        assert torch.allclose(
            segmenter(rgb, labels), pixel_loss(segmenter.logits(rgb), labels, weights, 1.0), atol=1e-5
        )


def test_a_batch_depends_on_seed_and_step_alone_and_flips_labels_with_pictures(store):
    data, config = training_set(store), quick(jitter=0.0)
    rows = draw_rows(data, config, 7)
    assert (rows == draw_rows(data, config, 7)).all()
    rgb, labels = load_batch(data, config, 7, rows)
    for picture, ids, row in zip(rgb, labels, rows.tolist(), strict=True):
        stored, wanted = data.load(row)
        shown = picture.permute(1, 2, 0).numpy()
        mirrored = not np.array_equal(shown, stored)
        assert np.array_equal(shown, stored[:, ::-1] if mirrored else stored)
        assert np.array_equal(ids.numpy(), wanted[:, ::-1] if mirrored else wanted)


def test_ignored_pixels_do_not_change_the_loss():
    logits = torch.randn(1, 3, 4, 4, generator=torch.Generator().manual_seed(0))
    labels = torch.zeros(1, 4, 4, dtype=torch.long)
    labels[:, 2:] = 255
    other = logits.clone()
    other[:, :, 2:] = 9.0
    weights = torch.ones(3)
    assert torch.allclose(pixel_loss(logits, labels, weights), pixel_loss(other, labels, weights))
    assert float(pixel_loss(logits, torch.full((1, 4, 4), 255), weights)) == 0.0


def test_the_loss_is_weighted_cross_entropy_plus_half_the_mean_dice_of_the_classes_that_occur():
    generator = torch.Generator().manual_seed(1)
    logits = torch.randn(2, 4, 6, 5, generator=generator)
    labels = torch.randint(0, 3, (2, 6, 5), generator=generator)
    labels[0, 0] = 255
    weights = torch.tensor([1.0, 2.0, 0.5, 3.0])
    entropy = torch.nn.functional.cross_entropy(logits, labels, weight=weights, ignore_index=255)
    counted = labels != 255
    dice = []
    for number in range(3):
        share, is_it = logits.softmax(1)[:, number][counted], (labels[counted] == number).float()
        dice.append(1 - (2 * (share * is_it).sum() + 1) / (share.sum() + is_it.sum() + 1))
    expected = entropy + 0.5 * torch.stack(dice).mean()
    assert torch.allclose(pixel_loss(logits, labels, weights), expected, atol=1e-6)


def test_rare_classes_weigh_more_and_the_mean_is_one():
    weights = balanced_weights(np.array([900, 90, 10, 0]))
    assert weights[0] < weights[1] < weights[2] < weights[3]
    assert weights[:3].mean() == pytest.approx(1.0)
    assert balanced_weights(np.array([900, 90, 10]), 0.0) == pytest.approx([1.0, 1.0, 1.0])
    with pytest.raises(ValueError, match="rare_class_power"):
        SegmentationTrainingConfig(rare_class_power=2.0)


def test_the_learning_rate_warms_up_and_falls():
    config = quick(steps=100)
    rates = [learning_rate(step, config) for step in range(100)]
    assert rates[0] < rates[4] == config.learning_rate
    assert all(a >= b for a, b in pairwise(rates[5:]))


@pytest.mark.parametrize(
    ("field", "value"), [("steps", 0), ("learning_rate", 1.0), ("mixed_precision", "fp8"), ("optimizer", "sgd")]
)
def test_bad_settings_are_named(field, value):
    with pytest.raises(ValueError, match=field):
        SegmentationTrainingConfig(**{field: value})
