"""What a camera's lens adds, and what it leaves alone."""

from __future__ import annotations

import numpy as np
import pytest

from carla_server.render.camera import CameraView
from carla_server.render.lens import DEFAULT_LENS, Lens
from tests.carla_server.render.test_weather import weather

CAMERA = CameraView(192, 108, 90.0)
POSE = np.array([0.0, 2.0, 1.6, 0.0, 0.0, 0.0])
NIGHT = {"sun_altitude_angle": -60}


@pytest.fixture
def through(renderer):
    """Picture, (108, 192, 3) BGR 0..255, through a lens."""

    def draw(lens: Lens, pose: np.ndarray = POSE, **changed: float) -> np.ndarray:
        made = renderer.render(CAMERA, pose, weather(**changed), frozenset({"rgb"}), 1.0, 1, lens)
        return made["rgb"][..., :3].astype(float)

    return draw


def test_bloom_spreads_the_light_of_lamps_and_may_be_off(through, renderer):
    renderer.set_traffic_lights(np.array([0], np.uint8))
    off, usual, much = (through(Lens(metered=False, bloom=bloom), **NIGHT).mean() for bloom in (0.0, 0.675, 4.0))
    assert off < usual < much


def test_the_sun_flares_on_the_line_through_the_middle_only_where_it_is_seen(through):
    toward_sun = np.array([0.0, -30.0, 1.6, 30.0, -52.0, 0.0])
    plain, flared = (through(lens, toward_sun, sun_altitude_angle=40) for lens in (DEFAULT_LENS, Lens(flare=3.0)))
    assert (flared - plain).max() > 20
    away = toward_sun + np.array([0.0, 0.0, 0.0, 0.0, 180.0, 0.0])
    assert (
        through(Lens(flare=3.0), away, sun_altitude_angle=40) == through(DEFAULT_LENS, away, sun_altitude_angle=40)
    ).all()


def test_fringes_part_red_and_blue_at_the_rim_and_leave_the_middle(through):
    plain, fringed = through(DEFAULT_LENS), through(Lens(fringe=5.0, fringe_from=0.3))
    apart = np.abs(fringed - plain)
    assert apart[..., [0, 2]][:, :30].mean() > 1.0
    assert apart[45:63, 80:112].mean() < 0.5
    assert apart[..., [0, 2]].mean() > 2.0 * apart[..., 1].mean()


def test_distortion_needs_a_circle_and_grows_to_the_rim(through):
    plain = through(DEFAULT_LENS)
    assert (through(Lens(k=2.0)) == plain).all()
    bent = np.abs(through(Lens(k=-0.6, circle_gain=2.0, circle_falloff=1.0, x_share=1.0, y_share=1.0)) - plain)
    assert bent[:, :20].mean() > 3.0 * bent[48:60, 90:102].mean()


def test_labels_do_not_pass_through_the_lens(renderer):
    labels = frozenset({"rgb", "semantic", "instance", "depth"})
    bent = Lens(fringe=5.0, k=-0.6, circle_gain=2.0, x_share=1.0, y_share=1.0)
    plain, seen = (renderer.render(CAMERA, POSE, weather(), labels, 1.0, 1, lens) for lens in (DEFAULT_LENS, bent))
    assert (plain["rgb"] != seen["rgb"]).any()
    for name in labels - {"rgb"}:
        assert (plain[name] == seen[name]).all()


def test_relit_pictures_pass_through_the_same_lens(renderer):
    bent = Lens(metered=False, bloom=2.0, fringe=3.0)
    (relit,) = renderer.relight(CAMERA, POSE, [weather(**NIGHT)], 1.0, 1, bent)
    assert (relit == renderer.render(CAMERA, POSE, weather(**NIGHT), frozenset({"rgb"}), 1.0, 1, bent)["rgb"]).all()
