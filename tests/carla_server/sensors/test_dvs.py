"""Events of pictures made by hand."""

from __future__ import annotations

import math
from types import SimpleNamespace

import numpy as np
import pytest

from carla_server.sensors.dvs import EventCamera
from carla_server.wire.structs import ActorDescription, InvalidArgument
from carla_server.world.actors import Sensor
from carla_server.world.blueprints import LIBRARY

SIZE = (4, 6)


class Scene:
    """An event camera that is shown grey pictures every 50 ms."""

    def __init__(self, seed: int = 1, **attributes: object) -> None:
        text = {name: str(value) for name, value in attributes.items()}
        defaults = LIBRARY["sensor.camera.dvs"].defaults | {"image_size_x": "6", "image_size_y": "4"}
        self.sensor = Sensor(
            9, ActorDescription(0, "sensor.camera.dvs", ()), (0.0,) * 6, attributes=defaults | text, family="dvs"
        )
        self.world = SimpleNamespace(seed=seed, ticks=0, first_id=1, elapsed_s=0.0)
        self.camera = EventCamera(self.sensor)

    def show(self, grey: np.ndarray | int) -> np.ndarray:
        self.world.ticks += 1
        self.world.elapsed_s += 0.05
        picture = np.zeros((*SIZE, 4), np.uint8)
        picture[..., :3] = np.broadcast_to(np.asarray(grey, np.uint8), SIZE)[..., None]
        return self.camera.events(self.world, self.sensor, picture)


def log_of(grey: float) -> float:
    return math.log(0.001 + grey * (0.114 + 0.587 + 0.2989) / 255.0)


def test_the_first_picture_and_a_still_one_have_no_events():
    scene = Scene()
    assert len(scene.show(100)) == 0
    assert len(scene.show(100)) == 0


def test_a_pixel_that_lights_up_fires_as_often_as_it_crosses_the_threshold():
    scene = Scene(positive_threshold=0.3)
    scene.show(50)
    grey = np.full(SIZE, 50)
    grey[2, 5] = 200
    events = scene.show(grey)
    count = int((log_of(200) - log_of(50)) / 0.3)
    assert len(events) == count == 4
    assert set(zip(events["x"].tolist(), events["y"].tolist(), strict=True)) == {(5, 2)}
    assert events["positive"].all()
    share = 0.3 * np.arange(1, count + 1) / (log_of(200) - log_of(50))
    assert events["t_ns"] == pytest.approx(50_000_000 * (1.0 + share), rel=1e-5)


def test_darkening_fires_negative_events_by_its_own_threshold():
    scene = Scene(positive_threshold=0.3, negative_threshold=0.6)
    scene.show(200)
    events = scene.show(50)
    assert len(events) == 2 * SIZE[0] * SIZE[1]
    assert not events["positive"].any()


def test_events_come_in_the_order_of_time():
    scene = Scene()
    scene.show(np.arange(24).reshape(SIZE) * 5)
    events = scene.show(np.arange(24)[::-1].reshape(SIZE) * 5)
    assert len(events) > 20
    assert (np.diff(events["t_ns"]) >= 0).all()
    assert {0, 1} == set(events["positive"].tolist())


def test_slow_changes_add_up_to_an_event():
    scene = Scene(positive_threshold=0.3)
    counts = [len(scene.show(grey)) for grey in (100, 110, 121, 133, 147)]
    assert counts[:3] == [0, 0, 0]
    assert sum(counts) == SIZE[0] * SIZE[1]


def test_a_pixel_rests_for_the_refractory_period():
    scene = Scene(positive_threshold=0.3, refractory_period_ns=30_000_000)
    scene.show(50)
    events = scene.show(200)
    assert len(events) == 2 * SIZE[0] * SIZE[1]
    one = np.sort(events["t_ns"][(events["x"] == 0) & (events["y"] == 0)])
    assert np.diff(one).min() >= 30_000_000


def test_thresholds_count_grey_levels_without_the_logarithm():
    scene = Scene(use_log="false", positive_threshold=10)
    scene.show(100)
    assert len(scene.show(145)) == 4 * SIZE[0] * SIZE[1]


def test_noisy_thresholds_follow_the_seed():
    def events(noise_seed: int) -> bytes:
        scene = Scene(sigma_positive_threshold=0.1, noise_seed=noise_seed)
        scene.show(50)
        return scene.show(200).tobytes()

    assert events(1) == events(1)
    assert events(1) != events(2)


def test_a_threshold_of_zero_is_refused():
    with pytest.raises(InvalidArgument, match=r"positive_threshold of sensor\.camera\.dvs is 0"):
        Scene(positive_threshold=0)
