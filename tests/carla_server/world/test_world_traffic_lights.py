"""Lights take turns, obey and freeze; vehicles know which light is theirs."""

import numpy as np
import pytest

from carla_server.dynamics import VehicleFleet, VehicleSpec
from carla_server.world.regulation import Regulation
from carla_server.world.traffic_lights import LightState, TrafficLights

CAR = VehicleSpec.from_extent((2.4, 1.0, 0.75), 1800.0, "car")


@pytest.fixture
def lights(tiny_town):
    return TrafficLights(tiny_town.traffic_lights)


def run(lights, seconds):
    for _ in range(round(seconds / 0.05)):
        lights.step(0.05)


def test_one_controller_is_green_at_a_time_and_they_take_turns(lights):
    shown = []
    for _ in range(30):
        shown.append(tuple(LightState(state).name for state in lights.state))
        run(lights, 1.0)
    assert shown[:10] == [("GREEN", "RED")] * 10
    assert shown[10:13] == [("YELLOW", "RED")] * 3
    assert shown[13:15] == [("RED", "RED")] * 2
    assert shown[15:25] == [("RED", "GREEN")] * 10
    assert shown[25:28] == [("RED", "YELLOW")] * 3


def test_a_frozen_junction_stands_still_and_goes_on_where_it_was(lights):
    run(lights, 9.0)
    lights.freeze(True, 0)
    run(lights, 30.0)
    assert lights.state[0] == LightState.GREEN
    assert lights.elapsed_s[0] == pytest.approx(9.0)
    lights.freeze(False)
    run(lights, 1.1)
    assert lights.state[0] == LightState.YELLOW


def test_a_set_state_holds_until_the_next_change(lights):
    lights.set_state(0, LightState.RED)
    run(lights, 5.0)
    assert lights.state[0] == LightState.RED
    run(lights, 5.1)
    assert lights.state[0] == LightState.YELLOW


def test_a_light_that_was_set_green_stays_so_until_its_own_controller_has_its_turn(lights):
    lights.set_state(1, LightState.GREEN)
    run(lights, 14.9)
    assert lights.state.tolist() == [LightState.RED, LightState.GREEN]
    assert lights.elapsed_s[1] == pytest.approx(14.9)
    run(lights, 10.2)
    assert lights.state.tolist() == [LightState.RED, LightState.YELLOW]


def test_a_changed_green_time_is_kept_by_the_whole_controller(lights):
    lights.set_time(0, LightState.GREEN, 1.0)
    run(lights, 1.05)
    assert lights.state[0] == LightState.YELLOW
    assert lights.times_s[0].tolist() == [1.0, 3.0, 2.0]


def test_reset_starts_with_the_first_controller(lights):
    run(lights, 17.0)
    lights.reset()
    assert lights.state.tolist() == [LightState.GREEN, LightState.RED]
    assert not lights.elapsed_s.any()


def lights_seen(town, *poses, shown=LightState.RED):
    """Actor id of the light that a car at each pose is at; the town's lights have 7 and 8 and show the same."""
    fleet = VehicleFleet()
    for actor_id, (x, y, z, yaw_deg) in enumerate(poses, start=1):
        fleet.add(actor_id, CAR, (x, y, z, 0.0, yaw_deg, 0.0))
    ids, states = np.array((7, 8), np.uint32), np.full(2, int(shown), np.uint8)
    seen, state = Regulation(town.traffic_lights, ()).seen_by(fleet, ids, states, 0.0)
    assert state.tolist() == [int(shown if light else LightState.GREEN) for light in seen]
    return seen.tolist()


def test_a_vehicle_is_at_the_light_whose_box_holds_it_and_only_along_the_lane(tiny_town):
    places = ((40.0, 0.0, 0.0), (34.5, 0.0, 0.0), (50.0, 0.0, 0.0), (60.0, 0.0, 0.0), (40.0, 0.0, 9.0))
    assert lights_seen(tiny_town, *((*place, 0.0) for place in places)) == [7, 7, 0, 8, 0]
    assert lights_seen(tiny_town, *((*place, 90.0) for place in places)) == [0, 0, 0, 0, 0]
    assert lights_seen(tiny_town) == []


def test_a_green_light_holds_nobody(tiny_town):
    assert lights_seen(tiny_town, (40.0, 0.0, 0.0, 0.0), shown=LightState.GREEN) == [0]
    assert lights_seen(tiny_town, (40.0, 0.0, 0.0, 0.0), shown=LightState.YELLOW) == [7]
    assert lights_seen(tiny_town, (40.0, 0.0, 0.0, 0.0), shown=LightState.OFF) == [7]


def test_a_vehicle_far_from_all_lights_is_at_none(tiny_town):
    far = ((-1e6, 0.0, 0.0, 0.0), (1e6, 1e6, 0.0, 0.0), (40.0, -1e6, 0.0, 0.0))
    assert lights_seen(tiny_town, *far, (40.0, 0.0, 0.0, 0.0)) == [0, 0, 0, 7]
