from __future__ import annotations

import numpy as np
import pytest

from augment.lamps import lamp_colours
from carla_server.semantics import SemanticTag

GLASS = {"red": (143, 18, 19), "yellow": (150, 106, 17), "green": (20, 160, 110)}
LIT = {"red": (247, 40, 31), "yellow": (216, 211, 40), "green": (32, 241, 194)}


def head(lit: str | None, *, haze: float = 0.0, darkness: float = 1.0) -> tuple[np.ndarray, np.ndarray]:
    """A head of 6x12 px on a grey wall, its three lenses painted, one of them perhaps lit."""
    rgb = np.full((32, 48, 3), 120.0)
    seg = np.full((32, 48), SemanticTag.BUILDINGS, np.uint8)
    seg[8:20, 20:26] = SemanticTag.TRAFFIC_LIGHT
    rgb[8:20, 20:26] = 18
    for number, colour in enumerate(GLASS):
        rgb[9 + 4 * number : 11 + 4 * number, 22:24] = GLASS[colour]
    rgb *= darkness
    if lit is not None:
        row = 9 + 4 * list(GLASS).index(lit)
        rgb[row : row + 2, 22:24] = LIT[lit]
    linear = (rgb / 255.0) ** 2.2 * (1.0 - haze) + 0.5 * haze
    return np.clip(255.0 * linear ** (1 / 2.2), 0, 255).astype(np.uint8), seg


@pytest.mark.parametrize("colour", ["red", "yellow", "green"])
@pytest.mark.parametrize(("haze", "darkness"), [(0.0, 1.0), (0.0, 0.1), (0.5, 1.0)])
def test_the_burning_lamp_is_told_by_day_by_night_and_in_fog(colour: str, haze: float, darkness: float):
    (lamp,) = lamp_colours(*head(colour, haze=haze, darkness=darkness))
    assert lamp.colour == colour
    assert lamp.pixels == 72
    assert np.argwhere(lamp.lit)[0].tolist() == [1 + 4 * ["red", "yellow", "green"].index(colour), 2]


def test_a_green_lamp_wins_against_red_glass_in_full_sun():
    rgb, seg = head("green")
    rgb[9:11, 22:24] = 248, 24, 20
    (lamp,) = lamp_colours(rgb, seg)
    assert lamp.colour == "green"


def test_sunlit_green_glass_does_not_win_against_a_red_lamp():
    rgb, seg = head("red")
    rgb[17:19, 22:24] = 22, 244, 165
    (lamp,) = lamp_colours(rgb, seg)
    assert lamp.colour == "red"


def test_a_head_without_burning_lamp_has_no_colour_at_night():
    (lamp,) = lamp_colours(*head(None, darkness=0.15))
    assert lamp.colour is None
    assert not lamp.lit.any()


def test_small_heads_are_left_out_and_pictures_without_heads_have_no_lamps():
    rgb, seg = head("red")
    assert lamp_colours(rgb, seg, least_px=73) == []
    assert lamp_colours(rgb, np.zeros_like(seg)) == []


def test_a_picture_of_another_size_than_its_labels_is_refused():
    rgb, seg = head("red")
    with pytest.raises(ValueError, match="expected"):
        lamp_colours(rgb[:-1], seg)
