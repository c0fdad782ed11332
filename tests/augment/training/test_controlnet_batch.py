from __future__ import annotations

import numpy as np
import torch

from augment.conditions import DOMINANT, HELD_OUT, Condition
from augment.layout import LayoutGroup
from augment.synthesizers.embedded_noise import NOISE_CHANNELS
from augment.training.controlnet_batch import make_batch, noise_of_target
from augment.training.pairs import PairedFrames

SIZE = (48, 64)


def grey(level: float) -> torch.Tensor:
    return torch.full((1, 3, *SIZE), level)


def of_group(group: LayoutGroup) -> torch.Tensor:
    return torch.full((1, *SIZE), int(group))


def nothing_drawn() -> torch.Tensor:
    return torch.zeros(1, NOISE_CHANNELS, *SIZE)


def test_a_thin_bright_line_of_a_rainy_target_is_a_streak_unless_the_dry_picture_has_it_too():
    rainy, dry = grey(0.3), grey(0.3)
    rainy[..., 10:30, 20] = 0.5
    rainy[..., 10:30, 50] = dry[..., 10:30, 50] = 0.5
    streaks = noise_of_target(nothing_drawn(), of_group(LayoutGroup.ROAD), grey(0.4), rainy, dry, HELD_OUT)[0, 0]
    assert streaks[10:30, 20].min() == 1.0
    streaks[10:30, 20] = 0.0
    assert streaks.max() == 0.0


def test_a_dot_in_a_clear_night_sky_is_a_star_and_a_broad_light_is_none():
    night = grey(0.05)
    night[..., 5, 7] = 0.4
    night[..., 20:40, 20:40] = 0.4
    clear_night = Condition("clear", "night")
    points = noise_of_target(nothing_drawn(), of_group(LayoutGroup.SKY), grey(0.6), night, night, clear_night)[0, 1]
    assert points[5, 7] > 0.1
    assert int((points > 0).sum()) == 1


def test_a_part_of_a_building_that_night_makes_brighter_lights_its_cell():
    night = grey(0.05)
    night[..., 18:22, 34:38] = 0.9
    kinds = of_group(LayoutGroup.BUILDING)
    cells = noise_of_target(nothing_drawn(), kinds, grey(0.4), night, night, Condition("clear", "night"))[0, 2]
    assert cells[16:24, 32:40].min() == 1.0
    assert int(cells.sum()) == 64


def test_a_dry_day_keeps_what_was_drawn_so_that_the_network_learns_to_ignore_it():
    drawn = torch.rand(1, NOISE_CHANNELS, *SIZE)
    cloudy = Condition("cloudy", "day")
    kept = noise_of_target(drawn, of_group(LayoutGroup.BUILDING), grey(0.4), grey(0.3), grey(0.3), cloudy)
    assert torch.equal(kept, drawn)


def test_batches_repeat_and_every_part_of_an_example_shows_the_same_place(pairs: PairedFrames):
    first, again = (make_batch(pairs, DOMINANT, 6, (32, 16), 0, "batch", 3) for _ in range(2))
    assert all(torch.equal(a, b) for a, b in zip(vars(first).values(), vars(again).values(), strict=True))
    assert first.rgb.shape == first.target.shape == (6, 3, 16, 32)
    assert first.place.shape == (6, 2, 16, 32)
    width, height = pairs.seg.shape[2], pairs.seg.shape[1]
    for example in range(6):
        x = ((first.place[example, 0, 0] + 1.0) * width - 1.0) / 2.0
        y = ((first.place[example, 1, :, 0] + 1.0) * height - 1.0) / 2.0
        left, top = round(float(x.min())), round(float(y.min()))
        crop = first.rgb[example].permute(1, 2, 0).mul(255.0).round().numpy().astype(np.uint8)
        found = False
        for rgb in pairs.rgb[DOMINANT]:
            for seen in (rgb, rgb[:, ::-1]):
                found |= bool(np.array_equal(seen[top : top + 16, left : left + 32], crop))
        assert found


def test_targets_are_dealt_evenly(pairs: PairedFrames):
    batch = make_batch(pairs, DOMINANT, 4, (32, 16), 0)
    assert len(np.unique(batch.weather.numpy(), axis=0)) == 2
