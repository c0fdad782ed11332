"""The mmsegmentation export holds the same pixels and labels as the store."""

from __future__ import annotations

import json

import cv2
import numpy as np
import pytest

from carla_agents.data.errors import StoreError
from carla_agents.data.exports import export_mmseg
from carla_agents.data.store import Store
from carla_agents.data.store_writer import StoreConfig, StoreWriter


def _store(root, frame, codec="png"):
    with StoreWriter.open(root, StoreConfig(rgb_codec=codec)) as store:
        for split in ("train", "val"):
            store.begin_route(f"r-{split}", split=split)
            store.append(f"r-{split}", frame(0))
            store.finish_route(f"r-{split}")
        store.add_variant("r-train/000000", "rain-night", 7, frame(5).rgb, {"synthesizer": "s"})
    return Store.read(root)


def test_pictures_and_labels_pair_by_name_and_variants_share_the_labels_of_their_frame(tmp_path, frame):
    assert export_mmseg(_store(tmp_path / "s", frame), tmp_path / "out") == 3
    pictures = sorted(p.relative_to(tmp_path / "out/img_dir") for p in (tmp_path / "out/img_dir").rglob("*.png"))
    labels = sorted(p.relative_to(tmp_path / "out/ann_dir") for p in (tmp_path / "out/ann_dir").rglob("*.png"))
    assert pictures == labels
    assert len(pictures) == 3
    variant = tmp_path / "out/img_dir/train/r-train_000000_rain-night_s_7.png"
    assert (cv2.imread(str(variant))[..., ::-1] == frame(5).rgb).all()
    label = cv2.imread(str(tmp_path / "out/ann_dir/train" / variant.name), cv2.IMREAD_UNCHANGED)
    assert (label == frame(0).seg).all()
    meta = json.loads((tmp_path / "out/meta_info.json").read_text())
    assert len(meta["classes"]) == len(meta["palette"]) == 29


def test_a_repeated_export_writes_nothing_anew_and_selection_works(tmp_path, frame):
    store = _store(tmp_path / "s", frame)
    assert export_mmseg(store, tmp_path / "out", variants=False, where=lambda f: f.split == "train") == 1
    picture = tmp_path / "out/img_dir/train/r-train_000000.png"
    stamp = picture.stat().st_mtime_ns
    export_mmseg(store, tmp_path / "out")
    assert picture.stat().st_mtime_ns == stamp


def test_one_suffix_serves_all_pictures_when_frames_are_jpeg(tmp_path, frame):
    export_mmseg(_store(tmp_path / "s", frame, "jpeg"), tmp_path / "out")
    names = {p.suffix for p in (tmp_path / "out/img_dir").rglob("*.*")}
    assert names == {".jpg"}
    assert json.loads((tmp_path / "out/meta_info.json").read_text())["img_suffix"] == ".jpg"


def test_frames_without_labels_are_named(tmp_path, frame):
    import dataclasses

    with StoreWriter.open(tmp_path / "s") as store:
        store.begin_route("r")
        store.append("r", dataclasses.replace(frame(0), seg=None))
    with pytest.raises(StoreError, match=r"r/000000 has no seg"):
        export_mmseg(Store.read(tmp_path / "s"), tmp_path / "out")
    with pytest.raises(StoreError, match=r"r/000000 has no seg, only"):
        Store.read(tmp_path / "s").frame("r/000000").load_seg()
    assert np.array(Store.read(tmp_path / "s").frame("r/000000").load().seg).item() is None
