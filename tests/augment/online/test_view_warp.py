"""A variant seen from another place: where it was seen before, and where it was not."""

import numpy as np

from augment.conditions import HELD_OUT
from augment.online.keyframe import Keyframe
from augment.online.view_warp import View, ViewWarp
from carla_server.semantics import SemanticTag

from .conftest import CAMERA, darker, view


def as_view(frames):
    return View.of(frames.rgb[0], frames.seg[0], frames.depth_m[0], frames.ego_to_world[0])


def keyframe(frames):
    return Keyframe(darker(frames.rgb)[0], HELD_OUT, 0, 0, 0.0, as_view(frames))


def error(picture, frames):
    return np.abs(picture.astype(int) - darker(frames.rgb)[0])


def test_from_the_same_place_a_warped_variant_is_the_variant():
    frames = view(0.0)
    shown, share = keyframe(frames).seen_from(as_view(frames), ViewWarp(CAMERA))
    np.testing.assert_array_equal(shown, darker(frames.rgb)[0])
    assert share == 1.0


def test_from_another_place_a_warped_variant_shows_the_world_from_there():
    before, now = view(0.0), view(1.5)
    shown, share = keyframe(before).seen_from(as_view(now), ViewWarp(CAMERA))
    stale = error(darker(before.rgb)[0], now)
    assert share > 0.75
    assert error(shown, now).mean() < 0.25 * stale.mean()


def test_a_car_that_has_moved_is_where_it_is_now_in_the_variants_tone_and_leaves_no_ghost():
    before, now = view(0.0, (12.0, -3.0)), view(0.5, (12.0, 2.0))
    shown, _ = keyframe(before).seen_from(as_view(now), ViewWarp(CAMERA))
    car = now.seg[0] == SemanticTag.CAR
    assert car.sum() >= 20
    assert error(shown, now)[car].mean() < 12
    was = (before.seg[0] == SemanticTag.CAR) & ~car
    assert error(shown, now)[was].mean() < 12, "where it stood, the wall and the road are seen"


def test_a_lamp_that_changed_its_colour_is_never_warped():
    before, now = view(0.0), view(0.0)
    for frames, colour in ((before, (220, 20, 20)), (now, (20, 220, 20))):
        frames.seg[0, 5:9, 30:34] = SemanticTag.TRAFFIC_LIGHT
        frames.rgb[0, 5:9, 30:34] = colour
    shown, _ = keyframe(before).seen_from(as_view(now), ViewWarp(CAMERA))
    red, green, _ = shown[5:9, 30:34].reshape(-1, 3).mean(0)
    assert green > red + 20
