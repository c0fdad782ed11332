"""A renderer whose meshes were made beforehand is like any other."""

from __future__ import annotations

import numpy as np
import pytest

from carla_server.render.camera import CameraView
from carla_server.render.context import GLUnavailable
from carla_server.render.opening import RendererOpener

from .conftest import street_town

CLEAR_DAY = (5, 0, 0, 10, -60, 55, 2, 0.75, 0.1, 0, 1, 0.03, 0.0331, 0)
POSE = np.array([0.0, 2.0, 1.6, 0.0, 0.0, 0.0])


def drawn(opener, town):
    try:
        renderer = opener(town)
    except GLUnavailable as error:
        pytest.skip(str(error))
    car = renderer.mesh_id("vehicle.tesla.model3", (2.4, 1.08, 0.74))
    pictures = renderer.render(CameraView(96, 54, 90.0), POSE, CLEAR_DAY)
    renderer.close()
    return {name: picture.tobytes() for name, picture in pictures.items()}, car


@pytest.mark.parametrize("steps", [0, 3, 10_000])
def test_pictures_are_the_same_however_much_was_prepared(steps):
    town, opener = street_town(), RendererOpener()
    plain = drawn(opener, town)
    opener.prepare(town)
    done = 0
    while done < steps and opener.step():
        done += 1
    assert 3 <= done < 1000 or not steps
    assert drawn(opener, town) == plain
    assert drawn(opener, town) == plain, "once more, from nothing"


def test_another_town_than_the_prepared_one_is_made_anew():
    opener = RendererOpener()
    opener.prepare(street_town())
    assert drawn(opener, street_town()) == drawn(RendererOpener(), street_town())
