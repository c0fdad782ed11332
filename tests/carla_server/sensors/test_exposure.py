"""Curves of colour cameras with other than the usual settings."""

from __future__ import annotations

import numpy as np
import pytest

from carla_server.sensors.exposure import expose, exposure_curve
from carla_server.wire.structs import ActorDescription, InvalidArgument
from carla_server.world.actors import Sensor
from carla_server.world.blueprints import LIBRARY


def camera(**attributes: object) -> Sensor:
    text = {name: str(value) for name, value in attributes.items()}
    defaults = LIBRARY["sensor.camera.rgb"].defaults
    return Sensor(
        1, ActorDescription(0, "sensor.camera.rgb", ()), (0.0,) * 6, attributes=defaults | text, family="rgb"
    )


def test_a_camera_as_it_comes_changes_nothing():
    assert exposure_curve(camera()) is None
    assert exposure_curve(camera(exposure_mode="manual")) is None
    assert exposure_curve(camera(iso=800)) is None  # only the manual mode looks at it


def test_a_stop_is_twice_the_light():
    curve = exposure_curve(camera(exposure_compensation=1))
    assert curve[0] == 0
    assert curve[255] == 255
    assert (curve[100] / 255.0) ** 2.2 == pytest.approx(2.0 * (100 / 255.0) ** 2.2, rel=0.02)
    darker = exposure_curve(camera(exposure_compensation=-1))
    assert (darker[200] / 255.0) ** 2.2 == pytest.approx(0.5 * (200 / 255.0) ** 2.2, rel=0.02)


@pytest.mark.parametrize("brighter", [{"iso": 200}, {"shutter_speed": 100}, {"fstop": 1.4 / 2**0.5}])
def test_in_manual_mode_iso_shutter_and_aperture_give_their_stops(brighter):
    curve = exposure_curve(camera(exposure_mode="manual", **brighter))
    assert np.array_equal(curve, exposure_curve(camera(exposure_compensation=1)))


def test_a_higher_gamma_lifts_the_shadows():
    curve = exposure_curve(camera(gamma=3.0))
    assert curve[40] > 60
    assert (curve[0], curve[255]) == (0, 255)


def test_alpha_is_not_exposed():
    picture = np.full((2, 3, 4), 50, np.uint8)
    brighter = expose(picture, exposure_curve(camera(exposure_compensation=2)))
    assert (brighter[..., :3] > 80).all()
    assert (brighter[..., 3] == 50).all()
    assert (picture == 50).all()


def test_a_gamma_of_zero_is_refused():
    with pytest.raises(InvalidArgument, match=r"gamma of sensor\.camera\.rgb is 0"):
        exposure_curve(camera(gamma=0))
