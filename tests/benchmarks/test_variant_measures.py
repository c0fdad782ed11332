from __future__ import annotations

from types import SimpleNamespace

import numpy as np

from benchmarks.lamp_states import find_lamps, shows
from benchmarks.variant_segmenters import TARGETS, Pictures, Town, compare_segmenters, halves
from carla_agents.segmentation.carla_sets import GROUPS12
from carla_server.semantics import SemanticTag

LENSES = {
    "red": ((235, 22, 18), slice(12, 16)),
    "yellow": ((236, 220, 24), slice(20, 24)),
    "green": ((21, 222, 150), slice(28, 32)),
}


def head(burning: str, unlit: float, washed: float = 0.0) -> np.ndarray:
    """A traffic light whose lens `burning` is as bright as can be and whose others are `unlit` times that."""
    rgb = np.full((48, 64, 3), 60.0)
    rgb[8:36, 20:28] = 20
    for name, (colour, rows) in LENSES.items():
        rgb[rows, 22:26] = np.array(colour) * (1.06 if name == burning else unlit)
    return (rgb + washed * (200 - rgb)).clip(0, 255).astype(np.uint8)


def labels() -> np.ndarray:
    seg = np.full((48, 64), SemanticTag.SKY, np.uint8)
    seg[8:36, 20:28] = SemanticTag.TRAFFIC_LIGHT
    return seg


def test_the_burning_lens_is_read_from_the_night_and_found_again_by_day():
    for colour in LENSES:
        lamps = find_lamps(head(colour, 0.92), head(colour, 0.15), labels())
        assert [list(LENSES)[lamp.colour] for lamp in lamps] == [colour]
        assert shows(lamps[0], head(colour, 0.92))
        others = [name for name in LENSES if name != colour]
        assert not any(shows(lamps[0], head(other, 0.15)) for other in others)


def test_a_lens_that_fog_has_washed_out_is_not_kept():
    lamps = find_lamps(head("red", 0.92), head("red", 0.15), labels())
    assert shows(lamps[0], head("red", 0.3, washed=0.3))
    assert not shows(lamps[0], head("red", 0.3, washed=0.95))


def test_a_head_in_which_nothing_burns_has_no_lamp():
    assert find_lamps(head("none", 0.9), head("none", 0.1), labels()) == []


def test_ratios_are_of_pooled_confusions_and_their_intervals_hold_them():
    rng = np.random.default_rng(0)
    true = np.zeros((1, len(TARGETS), 20, 12, 12), np.int64)
    true[..., range(12), range(12)] = 90
    true[..., range(12), np.roll(range(12), 1)] = 10
    worse = true.copy()
    moved = rng.integers(20, 40, worse.shape[:3])
    for k in range(12):
        worse[..., k, k] -= moved
        worse[..., k, (k + 1) % 12] += moved
    compared = compare_segmenters(true, worse)
    assert compared["miou"]["true"] == 90 / 110
    for name in ("miou", "lane paint", "traffic light", "person"):
        assert 0.4 < compared[name]["low"] <= compared[name]["ratio"] <= compared[name]["high"] < 0.7
    assert compare_segmenters(true, true)["miou"]["ratio"] == 1.0


def test_a_class_that_true_pictures_did_not_teach_has_no_ratio():
    true = np.zeros((1, len(TARGETS), 20, 12, 12), np.int64)
    true[..., range(12), range(12)] = 90
    lights = [c.name for c in GROUPS12.classes].index("traffic light")
    true[..., lights, 0], true[..., lights, lights] = 90, 0
    compared = compare_segmenters(true, true)
    assert compared["traffic light"]["ratio"] is None
    assert compared["person"]["ratio"] == 1.0


def test_pictures_of_other_pixels_are_another_data_set():
    shown, seen = np.zeros((1, 2, 4, 4, 3), np.uint8), np.zeros((2, 4, 4), np.uint8)
    other = shown.copy()
    other[0, 1, 2, 3, 0] = 1
    first, again, second = (
        Pictures([], GROUPS12, np.ones(2) / 2, shown=s, labels=seen) for s in (shown, shown, other)
    )
    assert first.fingerprint() == again.fingerprint() != second.fingerprint()


def small_town(name: str, drives: list[str]) -> Town:
    """A town of one-pixel pictures whose red value is the number of the frame."""
    count = len(drives)
    frames = [SimpleNamespace(route_id=drive, key=f"{drive}/{place:06d}") for place, drive in enumerate(drives)]
    rgb = np.zeros((count, 1, 1, 3), np.uint8)
    rgb[:, 0, 0, 0] = range(count)
    true = np.repeat(rgb[None] + 100, len(TARGETS), axis=0)
    return Town(name, frames, rgb, rgb[..., 0], rgb[..., 0].astype(np.float32), true)  # type: ignore[arg-type]


def test_halves_by_drive_hold_every_second_drive_of_each_town_with_its_pictures():
    towns = [small_town("A", ["a", "a", "b", "c"]), small_town("B", ["d", "e"])]
    shown = [town.true + np.uint8(50) for town in towns]
    first, second = halves(towns, shown, "drive")
    assert [[frame.route_id for frame in town.frames] for town in first.towns] == [["a", "a", "c"], ["d"]]
    assert [[frame.route_id for frame in town.frames] for town in second.towns] == [["b"], ["e"]]
    for half in (first, second):
        for town, pictures in zip(half.towns, half.shown, strict=True):
            assert (pictures[..., 0] == town.rgb[..., 0] + 150).all()
            assert (town.true[..., 0] == town.rgb[..., 0] + 100).all()
        assert all(true is town.true for true, town in zip(half.true().shown, half.towns, strict=True))


def test_halves_by_town_are_the_towns():
    towns = [small_town("A", ["a", "b"]), small_town("B", ["a"])]
    shown = [town.true for town in towns]
    assert [(half.name, half.towns, half.shown) for half in halves(towns, shown, "town")] == [
        ("A", towns[:1], shown[:1]),
        ("B", towns[1:], shown[1:]),
    ]
