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


@pytest.fixture
def street():
    """A world with one car that has come to rest on a street, and where it stands."""
    town = load_town("TownGrid")
    world, place = World(town, seed=1), tuple(town.spawn_points[0].tolist())
    car = world.spawn(CAR, place).actor_id
    for _ in range(40):
        world.tick(0.05, ())
    return world, car, place


def ticked(world, ticks):
    """Speed along the ground and height of the only car after each tick."""
    seen = []
    for _ in range(ticks):
        world.tick(0.05, ())
        x, y, _ = world.vehicles.velocity_mps[0]
        seen.append((float(np.hypot(x, y)), float(world.vehicles.position_m[0, 2])))
    return np.array(seen).T


@pytest.mark.parametrize("spin_degps", [300.0, 1000.0, 3600.0, 1e6])
@pytest.mark.parametrize("speed_mps", [0.0, 20.0])
def test_a_spinning_car_slides_to_a_stop_and_gains_no_speed(street, spin_degps, speed_mps):
    world, car, place = street
    ahead = np.radians(place[4])
    world.vehicles.set_velocity(car, (speed_mps * np.cos(ahead), speed_mps * np.sin(ahead), 0.0))
    world.vehicles.set_angular_velocity(car, (0.0, 0.0, np.radians(spin_degps)))
    speed, height = ticked(world, 300)
    assert speed.max() < max(1.5 * speed_mps, 1.0)
    assert speed[-1] < 0.5 * speed_mps + 0.01
    assert np.abs(height).max() < 0.5


@pytest.mark.parametrize("depth_m", [0.3, 1.0, 5.0])
def test_a_car_put_into_the_ground_comes_up_and_is_not_thrown(street, depth_m):
    world, car, (x, y, _, _, yaw, _) = street
    world.vehicles.set_pose(car, (x, y, -depth_m, 0.0, yaw, 0.0))
    _, height = ticked(world, 60)
    assert height.max() < 0.1
    assert abs(height[-1]) < 0.01


def test_a_car_hidden_far_below_the_ground_does_not_come_up(street):
    world, car, (x, y, _, _, yaw, _) = street
    world.vehicles.set_pose(car, (x, y, -100.0, 0.0, yaw, 0.0))
    _, height = ticked(world, 60)
    assert (np.diff(height) < 0.0).all()
    assert height[-1] == pytest.approx(-100.0 - 0.5 * 9.81 * 3.0**2, rel=0.05)
