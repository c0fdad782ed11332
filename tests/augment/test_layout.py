from __future__ import annotations

import numpy as np

from augment.layout import GROUP_COUNT, ade20k_image, groups, palette_image
from carla_agents.segmentation.street_sets import BDD100K, WAYMO
from carla_server.semantics import PALETTE_RGB, SemanticTag


def test_every_tag_has_one_group_and_every_group_but_other_has_a_tag():
    seg = np.array([[int(tag) for tag in SemanticTag]], np.uint8)
    assert set(groups(seg).ravel()) == set(range(GROUP_COUNT))


def test_control_images_take_any_byte_and_show_roads_in_their_palettes_colour():
    seg = np.arange(256, dtype=np.uint8).reshape(16, 16)
    assert palette_image(seg).shape == ade20k_image(seg).shape == (16, 16, 3)
    assert palette_image(seg)[0, 1].tolist() == PALETTE_RGB[SemanticTag.ROADS].tolist()
    assert ade20k_image(seg)[0, 1].tolist() == [140, 140, 140]
    assert palette_image(seg)[15, 15].tolist() == [0, 0, 0]


def test_labels_of_other_data_sets_get_the_same_ade20k_colours_as_carlas():
    car, sign = ade20k_image(np.array([[SemanticTag.CAR, SemanticTag.TRAFFIC_SIGNS]], np.uint8))[0].tolist()
    assert (car, sign) == ([0, 102, 200], [255, 5, 153])
    assert ade20k_image(np.array([[13, 7]], np.uint8), BDD100K)[0].tolist() == [car, sign]
    assert ade20k_image(np.array([[2, 17]], np.uint8), WAYMO)[0].tolist() == [car, sign]
    assert ade20k_image(np.array([[255, 0]], np.uint8), WAYMO)[0].tolist() == [[0, 0, 0], [0, 0, 0]]
