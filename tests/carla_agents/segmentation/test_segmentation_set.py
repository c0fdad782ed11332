"""A store read as a training set: chosen, mixed and balanced as its configuration says."""

import dataclasses
import json

import cv2
import numpy as np
import pytest

from carla_agents.data.errors import StoreError
from carla_agents.data.store import Store
from carla_agents.data.store_writer import StoreWriter
from carla_agents.segmentation.exporting import export_set
from carla_agents.segmentation.segmentation_set import SegmentationSetConfig, load_segmentation_set
from carla_agents.simulator.frame import Command, Control, Frame
from carla_server.semantics import SemanticTag


def frame(number, condition="clear-day", seg=None):
    rng = np.random.default_rng(number)
    return Frame(
        frame_id=number,
        elapsed_s=float(number),
        rgb=rng.integers(0, 256, (16, 32, 3), np.uint8),
        seg=rng.integers(0, 29, (16, 32), np.uint8) if seg is None else seg,
        depth_m=None,
        instance=None,
        speed_mps=0.0,
        ego_to_world=np.eye(4),
        command=Command.STRAIGHT,
        target_point_in_ego_m=np.zeros(2, np.float32),
        control=Control(),
        condition=condition,
    )


@pytest.fixture
def store(tmp_path):
    """Six clear-day frames, two rain-night, three synthesized rain-night, one foreign split."""
    with StoreWriter.open(tmp_path / "store") as writer:
        for route, condition, count, town, split in (
            ("r0", "clear-day", 6, "A", "train"),
            ("r1", "rain-night", 2, "B", "train"),
            ("r2", "clear-day", 1, "A", "val"),
        ):
            writer.begin_route(route, split=split, metadata={"map": town})
            for number in range(count):
                writer.append(route, frame(number, condition))
            writer.finish_route(route)
        for number in range(3):
            rgb = frame(100 + number).rgb
            writer.add_variant(f"r0/{number:06d}", "rain-night", number, rgb, {"synthesizer": "procedural"})
    return Store.read(tmp_path / "store")


def chance(data, **wanted):
    return sum(
        c
        for s, c in zip(data.samples, data.chances, strict=True)
        if all(getattr(s, name) == value for name, value in wanted.items())
    )


def test_pictures_are_chosen_by_split_condition_map_and_source(store):
    def count(**changes):
        return load_segmentation_set(store, SegmentationSetConfig(**changes)).table()

    assert count() == {("clear-day", "real"): 6, ("rain-night", "procedural"): 3, ("rain-night", "real"): 2}
    assert count(synthesizers=()) == {("clear-day", "real"): 6, ("rain-night", "real"): 2}
    assert count(conditions=("rain-night",), real=False) == {("rain-night", "procedural"): 3}
    assert count(maps=("B",)) == {("rain-night", "real"): 2}
    assert count(split="val") == {("clear-day", "real"): 1}


def test_a_variant_shows_its_own_picture_with_the_labels_of_its_frame(store):
    data = load_segmentation_set(store, SegmentationSetConfig(classes="carla-0.9.16"))
    rgb, labels = data.load(len(data) - 1)
    assert (rgb == frame(102).rgb).all()
    assert (labels == frame(2).seg).all()
    groups = load_segmentation_set(store, SegmentationSetConfig()).load(0)[1]
    assert set(np.unique(groups)) <= {*range(12), 255}


def test_shares_and_balance_are_what_the_configuration_says(store):
    data = load_segmentation_set(store, SegmentationSetConfig(synthesized_share=0.5, balance="condition"))
    assert chance(data, source="procedural") == pytest.approx(0.5)
    assert chance(data, source="real", condition="clear-day") == pytest.approx(0.25)
    assert chance(data, source="real", condition="rain-night") == pytest.approx(0.25)
    assert load_segmentation_set(store, SegmentationSetConfig()).chances == pytest.approx([1 / 11] * 11)


def test_pictures_of_rare_classes_are_drawn_more_often_within_their_condition(tmp_path):
    road = np.full((16, 32), SemanticTag.ROADS, np.uint8)
    light = road.copy()
    light[:8, :8] = SemanticTag.TRAFFIC_LIGHT
    dot = road.copy()
    dot[0, :9] = SemanticTag.TRAFFIC_SIGNS  # too few pixels to count
    with StoreWriter.open(tmp_path / "store") as writer:
        writer.begin_route("r")
        for number, seg in enumerate([light, dot, road, road]):
            writer.append("r", frame(number, seg=seg))
        writer.append("r", frame(4, "rain-night", road))
        writer.finish_route("r")
    config = SegmentationSetConfig(balance="condition-and-class")
    chances = load_segmentation_set(Store.read(tmp_path / "store"), config).chances
    rarity = 1 / np.sqrt(1 / 5)
    assert chances == pytest.approx(np.array([rarity, 1, 1, 1, rarity + 3]) / (rarity + 3) / 2)


def test_shares_that_cannot_be_had_are_refused(store):
    for share in (0.5, 1.0):
        with pytest.raises(ValueError, match="0 synthesized"):
            load_segmentation_set(store, SegmentationSetConfig(synthesizers=(), synthesized_share=share))
    with pytest.raises(ValueError, match="nothing is left"):
        SegmentationSetConfig(real=False, synthesizers=())


def test_an_empty_condition_is_named_with_what_there_is(store):
    with pytest.raises(ValueError, match=r"no picture of fog-day.*clear-day.*record or synthesize"):
        load_segmentation_set(store, SegmentationSetConfig(conditions=("clear-day", "fog-day")))
    with pytest.raises(ValueError, match="on maps C"):
        load_segmentation_set(store, SegmentationSetConfig(maps=("C",)))


def test_frames_without_labels_and_labels_without_meaning_are_named(tmp_path):
    with StoreWriter.open(tmp_path / "s") as writer:
        writer.begin_route("r")
        writer.append("r", frame(0, seg=np.full((16, 32), 77, np.uint8)))
        writer.append("r", dataclasses.replace(frame(1), seg=None))
    with pytest.raises(StoreError, match=r"r/000001 of .* has no labels"):
        load_segmentation_set(Store.read(tmp_path / "s"), SegmentationSetConfig())
    with StoreWriter.open(tmp_path / "t") as writer:
        writer.begin_route("r")
        writer.append("r", frame(0, seg=np.full((16, 32), 77, np.uint8)))
    with pytest.raises(ValueError, match=r"frames/000000.seg.png holds ids \[77\]"):
        load_segmentation_set(Store.read(tmp_path / "t"), SegmentationSetConfig()).load(0)


def test_label_sets_that_cannot_tell_the_same_classes_are_not_mixed(tmp_path, store):
    with StoreWriter.open(tmp_path / "city") as writer:
        writer.begin_route("bonn", metadata={"labels": "cityscapes"})
        writer.append("bonn", frame(0))
    both = [store, Store.read(tmp_path / "city")]
    with pytest.raises(ValueError, match=r"r0 is labelled in carla-0.9.16, route bonn in cityscapes.*lane paint"):
        load_segmentation_set(both, SegmentationSetConfig())
    assert len(load_segmentation_set(both, SegmentationSetConfig(label_sets=("cityscapes",)))) == 1
    assert len(load_segmentation_set(both, SegmentationSetConfig(classes="cityscapes"))) == 12


def test_the_fingerprint_changes_with_pictures_and_chances(store):
    prints = {
        load_segmentation_set(store, SegmentationSetConfig(**changes)).fingerprint()
        for changes in ({}, {"synthesizers": ()}, {"balance": "condition"}, {"split": "val"})
    }
    assert len(prints) == 4


@pytest.mark.parametrize(
    ("layout", "picture", "labels"),
    [
        ("mmseg", "img_dir/train/r0_000001.png", "ann_dir/train/r0_000001.png"),
        (
            "cityscapes",
            "leftImg8bit/train/r0/r0_000001_leftImg8bit.png",
            "gtFine/train/r0/r0_000001_gtFine_labelTrainIds.png",
        ),
    ],
)
def test_exports_hold_the_same_pictures_with_labels_in_the_set_s_numbers(store, tmp_path, layout, picture, labels):
    data = load_segmentation_set(store, SegmentationSetConfig(classes="cityscapes"))
    assert export_set(data, tmp_path / "out", layout) == 11
    assert (cv2.imread(str(tmp_path / "out" / picture))[..., ::-1] == data.load(1)[0]).all()
    assert (cv2.imread(str(tmp_path / "out" / labels), cv2.IMREAD_UNCHANGED) == data.load(1)[1]).all()
    meta = json.loads((tmp_path / "out" / "meta_info.json").read_text())
    assert len(meta["classes"]) == len(meta["palette"]) == 19
