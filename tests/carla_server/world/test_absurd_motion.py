"""Compiled code checks no index: nothing that clients can command may lead it out of its arrays."""

import numpy as np
import pytest

from carla_server.roads.towns import load_town
from carla_server.wire.structs import ActorDescription
from carla_server.world.world import World

CAR = ActorDescription(0, "vehicle.tesla.model3", ())
PERSON = ActorDescription(0, "walker.pedestrian.0001", ())
HUGE = (1e9, -1e9, 1e12)


def push(fleet, actor_id):
    fleet.add_force(actor_id, (1e300, -1e300, 1e300), (0.0, 0.0, 1e300))


def throw(fleet, actor_id):
    fleet.set_velocity(actor_id, HUGE)


def spin(fleet, actor_id):
    fleet.set_angular_velocity(actor_id, (0.0, 0.0, 1e300))


def banish(fleet, actor_id):
    fleet.set_pose(actor_id, (*HUGE, 1e6, 1e6, 1e6))


def drag(fleet, actor_id):
    fleet.set_constant_velocity(actor_id, HUGE)


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
@pytest.mark.parametrize("absurd", [push, throw, spin, banish, drag])
def test_a_car_in_absurd_motion_harms_nobody_else(absurd):
    town = load_town("TownGrid")
    alone, beside = World(town, seed=1), World(town, seed=1)
    for world in (alone, beside):
        places = [tuple(point) for point in town.spawn_points[:2].tolist()]
        cars = [world.spawn(CAR, place).actor_id for place in places]
        world.spawn(PERSON, tuple(town.spawn_points[5].tolist()))
        world.vehicles.set_control(cars[0], (0.3, 0.1, 0.0, 0.0, 0.0, 0.0, 0.0))
    absurd(beside.vehicles, cars[1])
    for _ in range(40):
        alone.tick(0.05, ())
        beside.tick(0.05, ())
    assert np.array_equal(beside.vehicles.state[0], alone.vehicles.state[0])
    assert np.isfinite(beside.vehicles.state[0]).all()
