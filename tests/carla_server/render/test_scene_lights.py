"""Lamps and wheels as an eye at the size of a policy's camera sees them, under every condition of `core12`."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest

from augment.conditions import CORE12, Condition
from carla_server.render.actors import ACTOR_DTYPE, VehicleLight
from carla_server.render.camera import CameraView
from carla_server.render.renderer import Renderer
from carla_server.semantics import SemanticTag

CAMERA = CameraView(256, 144, 90.0)
AT_30_M = np.array([0.0, 1.5, 1.5, 0.0, 0.0, 0.0])
"""Before the signal of the hand-made street, which stands at x = 30."""


def car(renderer: Renderer, **fields: float) -> np.ndarray:
    row = np.zeros(1, ACTOR_DTYPE)
    row["mesh"] = renderer.mesh_id("vehicle.tesla.model3", (2.4, 0.93, 0.74))
    row["position_m"], row["color"], row["tag"], row["instance"] = (32.4, -2.0, 0.0), (60, 60, 64), SemanticTag.CAR, 9
    for name, value in fields.items():
        row[name] = value
    return row


def rgb(renderer: Renderer, pose: np.ndarray, weather: tuple[float, ...]) -> np.ndarray:
    return renderer.render(CAMERA, pose, weather, frozenset({"rgb"}), 0.0, 1)["rgb"][..., :3].astype(int)


@pytest.mark.parametrize("condition", CORE12, ids=lambda condition: condition.name)
def test_the_state_of_a_signal_is_told_by_its_colour_at_30_metres(renderer: Renderer, condition: Condition):
    weather = condition.to_weather().as_tuple()
    renderer.set_actors(np.zeros(0, ACTOR_DTYPE))
    lamps = []
    for state in (0, 1, 2):
        renderer.set_traffic_lights(np.array([state], np.uint8))
        pictures = renderer.render(CAMERA, AT_30_M, weather, frozenset({"rgb", "semantic"}), 0.0, 1)
        head = pictures["rgb"][pictures["semantic"][..., 2] == SemanticTag.TRAFFIC_LIGHT][:, :3].astype(int)
        lamps.append(head[np.ptp(head, axis=1).argmax()])
    red, yellow, green = lamps
    assert red[2] > red[1] + 50
    assert green[1] > green[2] + 25
    assert min(yellow[1], yellow[2]) > yellow[0] + 30
    for one, other in combinations(lamps, 2):
        assert np.abs(one - other).max() > 40


@pytest.mark.parametrize("condition", CORE12, ids=lambda condition: condition.name)
def test_brake_position_and_fog_lamps_show_at_30_metres(renderer: Renderer, condition: Condition):
    weather, pictures = condition.to_weather().as_tuple(), {}
    for bits in (VehicleLight(0), VehicleLight.BRAKE, VehicleLight.POSITION, VehicleLight.FOG):
        renderer.set_actors(car(renderer, lights=int(bits)))
        pictures[bits] = rgb(renderer, AT_30_M, weather)
    dark = pictures.pop(VehicleLight(0))
    for picture in pictures.values():
        assert np.abs(picture - dark).max() > 15


def test_wheels_steer_and_roll(renderer: Renderer):
    weather = CORE12[0].to_weather().as_tuple()
    pose = np.array([28.0, -3.5, 1.0, -5.0, 50.0, 0.0])
    pictures = []
    for fields in ({}, {"steer_rad": 0.5}, {"wheel_turn_rad": 0.4}):
        renderer.set_actors(car(renderer, **fields))
        pictures.append(rgb(renderer, pose, weather))
    for one, other in combinations(pictures, 2):
        assert (np.abs(one - other).max(2) > 20).sum() > 15


def test_blinkers_and_reversing_lamps_show_at_30_metres(renderer: Renderer):
    weather = CORE12[0].to_weather().as_tuple()
    pictures = []
    for bits in (0, VehicleLight.LEFT_BLINKER, VehicleLight.RIGHT_BLINKER, VehicleLight.REVERSE):
        renderer.set_actors(car(renderer, lights=int(bits)))
        pictures.append(rgb(renderer, AT_30_M, weather))
    for one, other in combinations(pictures, 2):
        assert np.abs(one - other).max() > 15
