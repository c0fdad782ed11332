from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from augment.conditions import CONDITIONS, DOMINANT, Condition
from augment.layout import LayoutGroup, groups
from augment.synthesizers.base import FrameBatch
from augment.synthesizers.check import check_synthesizer
from augment.synthesizers.procedural import ProceduralSynthesizer
from augment.synthesizers.scene_cues import guessed_depth_m, horizon_row_px, upward
from carla_server.semantics import SemanticTag

SEEDS = np.arange(4, dtype=np.uint64)


def shown(scenes: FrameBatch, name: str) -> np.ndarray:
    return ProceduralSynthesizer()(scenes, [CONDITIONS[name]] * 4, SEEDS).astype(np.float32)


def test_procedural_weather_keeps_the_contract():
    names = ("cloudy-day", "clear-dusk", "rain-night", "fog-day", "snow-day", "dust-day")
    check_synthesizer(ProceduralSynthesizer(), targets=[CONDITIONS[n] for n in names], source=DOMINANT)


def test_nights_are_dark_skies_darker_and_dusk_lies_between(scenes: FrameBatch):
    sky = scenes.seg == SemanticTag.SKY
    night, dusk = shown(scenes, "clear-night"), shown(scenes, "clear-dusk")
    assert night.mean() < 0.5 * scenes.rgb.mean()
    assert night[sky].mean() < 60
    assert night.mean() < dusk.mean() < scenes.rgb.mean()


def test_fog_hides_far_things_and_leaves_near_things(scenes: FrameBatch):
    fog = shown(scenes, "fog-day")
    house, near = scenes.seg == SemanticTag.BUILDINGS, np.zeros(scenes.seg.shape, bool)
    near[:, -6:] = True
    assert fog[house].std() < 0.75 * scenes.rgb[house].astype(np.float32).std()
    assert np.abs(fog[near] - scenes.rgb[near]).mean() < 45


def test_rain_differs_by_seed_and_mirrors_on_the_road(scenes: FrameBatch):
    rain = [CONDITIONS["rain-day"]] * 4
    synthesizer = ProceduralSynthesizer()
    assert (synthesizer(scenes, rain, SEEDS) != synthesizer(scenes, rain, SEEDS + 7)).any()
    road = scenes.seg == SemanticTag.ROADS
    assert np.abs(shown(scenes, "rain-day")[road] - shown(scenes, "cloudy-day")[road]).mean() > 8


def test_windows_and_vehicle_lamps_shine_at_night(scenes: FrameBatch):
    night = shown(scenes, "clear-night")
    house, car = scenes.seg == SemanticTag.BUILDINGS, scenes.seg == SemanticTag.CAR
    assert night[house].max() > 150
    reddish = night[..., 0] - night[..., 1]
    assert reddish[car].max() > 80


def test_a_picture_without_ground_has_no_headlights(scenes: FrameBatch):
    bare = replace(
        scenes, seg=np.full_like(scenes.seg, SemanticTag.VEGETATION), depth_m=None, rgb=scenes.rgb // 2 + 60
    )
    rows = shown(bare, "clear-night").mean((0, 2, 3)) / bare.rgb.mean((0, 2, 3))
    assert rows[-8:].max() < 1.3 * rows[:8].max()
    assert shown(scenes, "clear-night")[:, -8:].mean() > 1.3 * shown(bare, "clear-night")[:, -8:].mean()


def test_lane_paint_stays_brighter_than_the_road_in_every_condition(scenes: FrameBatch):
    paint, road = scenes.seg == SemanticTag.ROAD_LINES, scenes.seg == SemanticTag.ROADS
    paint[:, : paint.shape[1] * 3 // 4] = False
    road[:, : road.shape[1] * 3 // 4] = False
    for name in CONDITIONS:
        picture = shown(scenes, name)
        assert picture[paint].mean() > picture[road].mean() + 8, name


def test_a_burning_traffic_light_keeps_its_colour_at_night(scenes: FrameBatch):
    rgb, seg = scenes.rgb.copy(), scenes.seg.copy()
    seg[:, 20:26, 100:104] = SemanticTag.TRAFFIC_LIGHT
    rgb[:, 20:26, 100:104] = (20, 20, 20)
    rgb[:, 20:22, 100:104] = (240, 40, 30)
    night = shown(replace(scenes, rgb=rgb, seg=seg), "rain-night")
    lamp = night[:, 20:22, 100:104].reshape(-1, 3).mean(axis=0)
    assert lamp[0] > 120
    assert lamp[0] > 2 * lamp[1]


def test_horizon_is_found_from_road_depths(scenes: FrameBatch):
    assert scenes.depth_m is not None
    assert horizon_row_px(groups(scenes.seg[0]), scenes.depth_m[0]) == pytest.approx(43, abs=2)


def test_frames_recorded_at_night_are_refused(scenes: FrameBatch):
    night = replace(scenes, sources=(Condition("clear", "night"),) * 4)
    with pytest.raises(ValueError, match="clear-night"):
        ProceduralSynthesizer()(night, [CONDITIONS["fog-day"]] * 4, SEEDS)


def test_without_depth_a_flat_road_is_assumed_and_fog_still_hides_what_is_far(scenes: FrameBatch):
    fog = shown(replace(scenes, depth_m=None), "fog-day")
    rows = np.arange(scenes.seg.shape[1])[None, :, None]
    road = scenes.seg == SemanticTag.ROADS
    change = np.abs(fog - scenes.rgb).mean(axis=3)
    assert change[road & (rows < 50)].mean() > 1.5 * change[road & (rows > 85)].mean()


def test_a_guessed_depth_grows_towards_the_horizon_and_things_stand_where_they_touch_the_ground(scenes: FrameBatch):
    group = groups(scenes.seg[0])
    depth_m = guessed_depth_m(group)
    road = depth_m[50:, 5]
    assert (np.diff(road) < 0).all()
    assert (depth_m[group == LayoutGroup.SKY] == 1000.0).all()
    car = group == LayoutGroup.VEHICLE
    foot = int(np.nonzero(car)[0].max()) + 1
    column = int(np.nonzero(car)[1].mean())
    assert depth_m[car].std() < 0.5
    assert depth_m[foot, column] == pytest.approx(depth_m[car].mean(), rel=0.2)


def test_only_the_burning_lens_of_a_traffic_light_shines_at_night(scenes: FrameBatch):
    rgb, seg = scenes.rgb.copy(), scenes.seg.copy()
    seg[:, 16:28, 100:104] = SemanticTag.TRAFFIC_LIGHT
    rgb[:, 16:28, 100:104] = (20, 20, 20)
    rgb[:, 17:19, 100:104] = (225, 22, 18)  # an unlit lens in the sun
    rgb[:, 21:23, 100:104] = (252, 236, 24)
    rgb[:, 25:27, 100:104] = (21, 222, 150)
    night = shown(replace(scenes, rgb=rgb, seg=seg), "clear-night").max(axis=3)
    yellow = night[:, 21:23, 100:104].mean()
    assert yellow > 150
    assert yellow > 1.5 * night[:, 25:27, 100:104].mean()


def test_snow_lies_on_what_faces_up(scenes: FrameBatch):
    snow = shown(scenes, "snow-day")
    walls, pavement = scenes.seg == SemanticTag.BUILDINGS, scenes.seg == SemanticTag.SIDEWALKS
    assert snow[pavement].mean() > 215
    assert snow[pavement].mean() > snow[walls].mean() + 30


def test_level_ground_faces_up_and_walls_do_not(scenes: FrameBatch):
    assert scenes.depth_m is not None
    up = upward(scenes.depth_m[0], 43.2)
    assert np.median(up[60:][scenes.seg[0, 60:] == SemanticTag.ROADS]) > 0.9
    assert np.median(up[scenes.seg[0] == SemanticTag.BUILDINGS]) < 0.3
