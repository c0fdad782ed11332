from __future__ import annotations

import numpy as np

from augment.conditions import DOMINANT, Condition
from augment.synthesizers.base import FrameBatch
from augment.synthesizers.check import check_synthesizer
from augment.synthesizers.falling_rain import FallingRainSynthesizer, add_streaks, draw_streaks
from augment.synthesizers.procedural import ProceduralSynthesizer
from augment.synthesizers.protected import ProtectedSynthesizer
from carla_server.semantics import SemanticTag

RAIN, NIGHT = Condition("rain", "day"), Condition("clear", "night")


def grey(level: int, tag: SemanticTag, count: int = 1) -> FrameBatch:
    shape = (count, 96, 160)
    keys = tuple(str(number) for number in range(count))
    seg = np.full(shape, tag, np.uint8)
    return FrameBatch(np.full((*shape, 3), level, np.uint8), seg, None, (DOMINANT,) * count, keys)


def test_it_keeps_the_contract_of_a_synthesizer():
    check_synthesizer(FallingRainSynthesizer(ProceduralSynthesizer()), targets=[RAIN, NIGHT], source=DOMINANT)


def test_streaks_fall_in_rain_alone_and_where_the_seed_says():
    frames = grey(60, SemanticTag.ROADS, 4)
    rainy = add_streaks(frames, frames.rgb, [RAIN, RAIN, RAIN, NIGHT], np.array([1, 1, 2, 1], np.uint64))
    assert (rainy[0] == rainy[1]).all()
    assert (rainy[0] != rainy[2]).any()
    assert (rainy[3] == frames.rgb[3]).all()


def test_streaks_fall_before_people_whose_pixels_are_protected():
    frames = grey(60, SemanticTag.PEDESTRIANS)
    rainy = FallingRainSynthesizer(ProtectedSynthesizer(Unchanged()))(frames, [RAIN], np.zeros(1, np.uint64))
    assert rainy.max() > 90


def test_streaks_brighten_what_is_dark_and_darken_nothing():
    dark, bright = grey(30, SemanticTag.VEGETATION), grey(240, SemanticTag.SKY)
    seeds = np.zeros(1, np.uint64)
    assert add_streaks(dark, dark.rgb, [RAIN], seeds).mean() > 32.0
    assert (add_streaks(bright, bright.rgb, [RAIN], seeds) == 240).all()


def test_a_streak_is_one_pixel_wide_and_longer_than_wide():
    streaks = draw_streaks(np.random.default_rng(0), 144, 256)
    strong = streaks > 0.9
    beside = np.mean(strong[:, 1:] & strong[:, :-1])
    below = np.mean(strong[1:] & (strong[:-1] | np.roll(strong, 1, 1)[:-1] | np.roll(strong, -1, 1)[:-1]))
    assert 0.005 < strong.mean() < 0.03
    assert below > 0.8 * strong.mean()
    assert beside < 0.2 * strong.mean()


class Unchanged:
    name, provenance = "unchanged", {}

    def __call__(self, frames: FrameBatch, targets: list[Condition], seeds: np.ndarray) -> np.ndarray:
        return frames.rgb.copy()
