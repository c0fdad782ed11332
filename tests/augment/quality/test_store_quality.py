from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from augment.quality.features import distance_names
from augment.quality.folder_quality import FLOOR, measure_folders
from augment.quality.ruler import Ruler
from augment.quality.store_quality import COPY, NOISE, TRUE, QualityConfig, StoreQuality, measure_store
from carla_agents.data.store import Store
from tests.augment.quality.conftest import FRAMES, fill


@pytest.fixture(scope="module")
def ruler() -> Ruler:
    return Ruler(wanted=("segmenter",))


@pytest.fixture(scope="module")
def quality(store: Store, ruler: Ruler) -> StoreQuality:
    return measure_store([store], ruler, QualityConfig())


def test_synthesizers_and_baselines_of_a_condition_stay_apart(quality: StoreQuality):
    assert [(g.condition, g.made_by, g.pictures) for g in quality.groups] == [
        ("clear-night", name, FRAMES) for name in ("good", "moved", TRUE, COPY, NOISE)
    ]


def test_what_is_nearly_true_is_nearer_to_the_truth_than_baselines_by_every_paired_figure(quality: StoreQuality):
    good, moved, true, copy, noise = quality.groups
    for other in (moved, copy, noise):
        assert good.psnr_db.low > other.psnr_db.high
        assert good.ssim.low > other.ssim.high
    assert true.psnr_db is None
    assert good.of_true.value == pytest.approx(1.0, abs=0.2)
    assert moved.of_true.high < good.of_true.low
    assert noise.miou.value < moved.miou.value
    assert set(good.class_iou) == {c.name for c in Ruler(wanted=()).segmenter.classes.classes}


def test_distances_to_true_pictures_are_named_after_their_features(quality: StoreQuality):
    good, _, true, copy, noise = quality.groups
    assert set(good.distances) == {"frechet_segmenter", "kernel_segmenter"}
    assert good.distances["kernel_segmenter"].value < copy.distances["kernel_segmenter"].value
    assert copy.distances["frechet_segmenter"].value < noise.distances["frechet_segmenter"].value
    assert true.distances["frechet_segmenter"].value is None, "twenty-eight pictures a half are too few"
    assert distance_names("inception") == ("fid", "kid")


def test_the_worst_pictures_are_those_that_lost_their_labels_with_the_guards_verdict(quality: StoreQuality):
    worst = quality.worst("clear-night", 5)
    assert {p.made_by for p in worst} == {"moved"}
    assert all(p.guard is not None and p.guard["reason"] == "lane paint" for p in worst)


def test_small_groups_and_stores_without_true_pictures_have_fewer_figures(tmp_path: Path, ruler: Ruler):
    few = measure_store([fill(tmp_path / "few", 6)], ruler, QualityConfig(synthesizers=("good",)))
    assert few.groups[0].miou.value is None
    assert few.groups[0].class_iou == {}
    alone = measure_store([fill(tmp_path / "alone", true=False)], ruler, QualityConfig(most=30))
    good = alone.groups[0]
    assert (good.pictures, good.paired, good.psnr_db, good.of_true) == (30, 0, None, None)
    assert good.of_source is not None
    assert good.distances["kernel_segmenter"].value is None
    assert [g.made_by for g in alone.groups] == ["good", "moved", COPY, NOISE]


def test_frames_of_two_stores_with_one_key_are_two_frames(tmp_path: Path, store: Store, ruler: Ruler):
    both = [store, fill(tmp_path / "second", 4)]
    good = measure_store(both, ruler, QualityConfig(synthesizers=("good",))).groups[0]
    assert (good.pictures, good.frames) == (FRAMES + 4, FRAMES + 4)


def test_a_store_without_fitting_variants_says_what_it_has(store: Store, ruler: Ruler):
    with pytest.raises(ValueError, match=r"'good', 'clear-night', 'val'"):
        measure_store([store], ruler, QualityConfig(conditions=("fog-day",)))


def test_features_that_are_not_here_are_refused_when_asked_for_and_told_otherwise(tmp_path: Path):
    with pytest.raises(ValueError, match="--clip"):
        Ruler(wanted=("clip",))
    assert "--inception" in Ruler().absent["inception"]
    with pytest.raises(ValueError, match=r"no config\.json"):
        Ruler(clip_folder=tmp_path)
    with pytest.raises(ValueError, match="unknown features"):
        Ruler(wanted=("fid",))


def test_two_folders_are_compared_beside_their_sources_noise_and_floor(tmp_path: Path, store: Store, ruler: Ruler):
    for name in ("variants", "reference", "sources"):
        (tmp_path / name).mkdir()
    for frame in store.frames():
        made = {v.synthesizer: v.load_rgb() for v in store.variants(frame.key)}
        shown = {"variants": made["good"], "reference": made["relight"], "sources": frame.load_rgb()}
        for name, rgb in shown.items():
            cv2.imwrite(str(tmp_path / name / f"{frame.ordinal:03d}.png"), rgb[..., ::-1])
    folders = {name: tmp_path / name for name in ("variants", "reference", "sources")}
    found = {q.name: q for q in measure_folders(**folders, ruler=ruler)}
    kernels = {name: q.distances["kernel_segmenter"].value for name, q in found.items()}
    assert kernels["variants"] < kernels["sources"] < kernels["random noise"]
    assert kernels[FLOOR] is None
    assert sum(found["variants"].conditions.values()) == pytest.approx(1.0)
    (tmp_path / "empty").mkdir()
    with pytest.raises(ValueError, match="no PNG or JPEG"):
        measure_folders(tmp_path / "empty", tmp_path / "reference", ruler)


def test_clip_features_come_from_a_local_folder_and_have_unit_length(tmp_path: Path):
    from transformers import CLIPVisionConfig, CLIPVisionModelWithProjection

    config = CLIPVisionConfig(
        hidden_size=16,
        intermediate_size=16,
        num_hidden_layers=1,
        num_attention_heads=2,
        image_size=32,
        patch_size=8,
        projection_dim=12,
    )
    CLIPVisionModelWithProjection(config).save_pretrained(tmp_path)
    ruler = Ruler(wanted=("clip",), clip_folder=tmp_path)
    rgb = np.random.default_rng(0).integers(0, 256, (2, 48, 64, 3), dtype=np.uint8)
    features = np.stack([r.features["clip"] for r in ruler.read(rgb, None)])
    assert features.shape == (2, 12)
    np.testing.assert_allclose(np.linalg.norm(features, axis=1), 1.0, atol=1e-6)
