from __future__ import annotations

import torch

from augment.synthesizers.pixel_codec import decode_levels, encode_levels


def test_levels_span_minus_one_to_one_and_lead_back_to_the_picture():
    rgb = torch.linspace(0.0, 1.0, 48).reshape(1, 3, 4, 4)
    levels = encode_levels(rgb)
    assert levels.min() == -1.0
    assert abs(float(levels.max()) - 1.0) < 1e-6
    assert torch.allclose(decode_levels(levels), rgb, atol=1e-6)


def test_half_the_light_is_nearly_the_same_step_on_a_bright_and_on_a_grey_surface():
    bright, grey = torch.full((1, 3, 1, 1), 0.9), torch.full((1, 3, 1, 1), 0.45)
    steps = [float((encode_levels(x) - encode_levels(x / 2)).mean()) for x in (bright, grey)]
    assert abs(steps[0] - steps[1]) < 0.1


def test_levels_outside_the_range_are_cut_off():
    rgb = decode_levels(torch.tensor([-3.0, 3.0, 0.0]).reshape(1, 3, 1, 1))
    assert rgb.flatten()[0] == 0.0
    assert abs(float(rgb.flatten()[1]) - 1.0) < 1e-6
