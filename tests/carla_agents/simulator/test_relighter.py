"""True variants through a session: what they show, and what a server without them says."""

from __future__ import annotations

import carla
import numpy as np
import pytest

from carla_agents.driving.headlights import lamps_for_weather, switch_lamps
from carla_agents.policies.base import CameraSpec
from carla_agents.simulator.errors import ExtensionMissing, SimulatorError
from carla_agents.simulator.relighter import Relighter, RelitCondition
from carla_agents.simulator.rig import SensorRig, cameras
from carla_agents.simulator.session import Session, SimulatorConfig

DAY = (5.0, 0, 0, 10, -60, 55, 2, 0.75, 0.1, 0, 1, 0.03, 0.0331, 0)
NIGHT = (5.0, 0, 0, 10, -60, -60, 2, 0.75, 0.1, 0, 1, 0.03, 0.0331, 0)
FOG = (60.0, 0, 0, 10, -60, 55, 65, 3.0, 0.2, 0, 1, 0.03, 0.0331, 0)
CAMERA = CameraSpec(width_px=80, height_px=45)


def drive(session, weather):
    """A car behind another, under a weather with the lamps of careful drivers; the rig and the cars."""
    session.reset()
    session.set_weather(weather)
    start = session.map.get_spawn_points()[0]
    cars = [session.spawn("vehicle.tesla.model3", start)]
    ahead = carla.Transform(start.transform(carla.Location(x=12.0)), start.rotation)
    cars.append(session.spawn("vehicle.audi.tt", ahead))
    switch_lamps(session, cars, weather)
    rig = SensorRig(session, cars[0], cameras(CAMERA))
    session.tick()
    return cars, rig, rig.gather(session.tick())


@pytest.fixture(scope="module")
def session():
    with Session.embedded(SimulatorConfig(seed=4)) as running:
        yield running


def test_relit_pictures_equal_a_drive_in_that_weather_with_its_lamps(session):
    cars, rig, pictures = drive(session, DAY)
    weathers = (NIGHT, DAY, FOG)
    conditions = [RelitCondition(w, {car.id: lamps_for_weather(w) for car in cars}) for w in weathers]
    with Relighter(session) as relighter:
        relit = relighter.relight(rig.actor_id("rgb"), session.frame_id, conditions, (80, 45))
    np.testing.assert_array_equal(relit[1], pictures["rgb"])
    for weather, picture in zip(weathers, relit):
        _, _, native = drive(session, weather)
        np.testing.assert_array_equal(picture, native["rgb"])
        np.testing.assert_array_equal(pictures["seg"], native["seg"])
    assert len({picture.tobytes() for picture in relit}) == 3


def test_more_conditions_than_one_call_takes_are_asked_for_in_several(session):
    _, rig, pictures = drive(session, DAY)
    with Relighter(session) as relighter:
        made = relighter.relight(rig.actor_id("rgb"), session.frame_id, [RelitCondition(DAY)] * 70, (80, 45))
    assert len(made) == 70
    assert all((picture == pictures["rgb"]).all() for picture in made)


def test_an_instant_that_has_passed_is_refused_with_the_servers_reason(session):
    _, rig, _ = drive(session, DAY)
    passed = session.frame_id
    session.tick()
    with Relighter(session) as relighter, pytest.raises(SimulatorError, match=f"no picture of frame {passed} "):
        relighter.relight(rig.actor_id("rgb"), passed, [RelitCondition(NIGHT)], (80, 45))


def test_a_sensor_that_the_rig_has_not_is_named(session):
    _, rig, _ = drive(session, DAY)
    with pytest.raises(KeyError, match="no sensor 'left'"):
        rig.actor_id("left")


def test_a_plain_carla_server_is_said_to_have_no_relighting():
    with (
        Session.embedded(SimulatorConfig(rendering=False, extensions=False)) as plain,
        pytest.raises(ExtensionMissing, match=r"a plain CARLA 0\.9\.16 .*syndiff pairs"),
    ):
        Relighter(plain)
