"""Every class set is total in both directions, and translations keep what both sets can tell."""

import numpy as np
import pytest

from augment.layout import ade20k_image
from carla_agents.segmentation.carla_sets import CARLA_0_9_5, CARLA_0_9_13, CARLA_0_9_16, GROUPS12
from carla_agents.segmentation.class_sets import IGNORED, ClassSet, SegClass, color_ids, translate, translation
from carla_agents.segmentation.known_sets import CLASS_SETS, class_set
from carla_server.semantics import PALETTE_RGB, SemanticTag

ALL = sorted(CLASS_SETS)


@pytest.mark.parametrize(
    ("name", "count"),
    [
        ("carla-0.9.16", 29),
        ("carla-0.9.13", 23),
        ("carla-0.9.5", 13),
        ("neat", 28),
        ("cityscapes", 19),
        ("cityscapes-label-ids", 34),
        ("bdd100k", 19),
        ("waymo", 29),
        ("ade20k", 150),
        ("ade20k-annotations", 150),
        ("groups12", 12),
    ],
)
def test_a_set_has_all_its_classes(name, count):
    assert len(class_set(name).classes) == count


@pytest.mark.parametrize("name", ALL)
def test_every_carla_tag_becomes_one_class_or_is_explicitly_ignored(name):
    classes = class_set(name)
    ids = {c.id for c in classes.classes}
    for tag in SemanticTag:
        wanted = classes.id_of_tag(tag)
        assert wanted is None or wanted in ids
    assert not ids & classes.ignored_ids
    assert IGNORED in classes.ignored_ids


@pytest.mark.parametrize("source", ALL)
@pytest.mark.parametrize("target", ALL)
def test_between_any_two_sets_every_id_has_an_answer_that_the_target_defines(source, target):
    answers = set(translation(class_set(source), class_set(target)).tolist())
    assert answers <= {c.id for c in class_set(target).classes} | {IGNORED}
    assert answers != {IGNORED}


@pytest.mark.parametrize("name", ALL)
def test_a_class_that_stands_for_a_tag_survives_the_way_to_carla_and_back(name):
    classes = class_set(name)
    there, back = translation(classes, CARLA_0_9_16), translation(CARLA_0_9_16, classes)
    for tag in SemanticTag:
        wanted = classes.id_of_tag(tag)
        chosen = [c for c in classes.classes if c.id == wanted and c.tag == tag]
        for c in chosen:
            assert back[there[c.id]] == c.id, c


def test_the_twelve_groups_hold_what_the_issue_names():
    def group(tag):
        number = GROUPS12.id_of_tag(tag)
        return None if number is None else GROUPS12.classes[number].name

    assert group(SemanticTag.RIDER) == group(SemanticTag.PEDESTRIANS) == "person"
    assert {group(t) for t in (SemanticTag.CAR, SemanticTag.TRUCK, SemanticTag.BUS)} == {"vehicle"}
    assert {group(t) for t in (SemanticTag.MOTORCYCLE, SemanticTag.BICYCLE)} == {"two-wheeler"}
    assert group(SemanticTag.ROAD_LINES) == "lane paint"
    assert group(SemanticTag.NONE) is None


def test_a_drive_of_0_9_13_reads_as_the_same_scene_in_0_9_16():
    old = np.array([[7, 6, 10, 13, 18, 22, 4]], np.uint8)
    new = translate(old, CARLA_0_9_13, CARLA_0_9_16)
    assert [SemanticTag(v).name for v in new[0]] == [
        "ROADS",
        "ROAD_LINES",
        "CAR",
        "SKY",
        "TRAFFIC_LIGHT",
        "TERRAIN",
        "PEDESTRIANS",
    ]


def test_0_9_5_has_no_sky_and_says_so():
    assert not CARLA_0_9_5.labels(SemanticTag.SKY)
    assert translate(np.zeros((1, 1), np.uint8), CARLA_0_9_5, CARLA_0_9_16).item() == IGNORED


def test_ids_outside_the_set_are_named_with_the_picture_and_the_remedy():
    ids = np.array([[7, 24]], np.uint8)
    with pytest.raises(ValueError, match=r"seg/0001.png holds ids \[24\].*carla-0.9.13.*class set") as error:
        translate(ids, CARLA_0_9_13, CARLA_0_9_16, "seg/0001.png")
    assert "0 to 22" in str(error.value)


def test_palettes_agree_with_carla_and_with_the_control_picture_of_public_controlnets():
    tags = np.arange(29, dtype=np.uint8)[None]
    assert (color_ids(tags, CARLA_0_9_16) == PALETTE_RGB[None]).all()
    ade = class_set("ade20k")
    shown = ade20k_image(tags)[0]
    for tag in SemanticTag:
        wanted = ade.id_of_tag(tag)
        if wanted is not None and tag != SemanticTag.GUARD_RAIL:  # a railing here, drawn as a fence there
            assert tuple(shown[tag]) == ade.classes[wanted].rgb, tag.name


def test_an_incomplete_set_cannot_be_made():
    with pytest.raises(ValueError, match="says nothing about"):
        ClassSet("half", (SegClass(0, "road", (1, 2, 3), SemanticTag.ROADS),), frozenset({IGNORED}), {}, "test")
    with pytest.raises(ValueError, match=r"known are carla-0\.9\.16"):
        class_set("kitti")
