"""What happens when vehicles meet vehicles, walkers, props and the map."""

from __future__ import annotations

import copy
import math

import numpy as np
import pytest
from dynamics_fields import COAST, FLAT, FULL_THROTTLE, MODEL3, SEDAN, TRUCK

from carla_server.dynamics import CollisionWorld, Contact, VehicleFleet, VehicleSpec, WalkerFleet
from carla_server.dynamics.boxes import BoxSet, touch
from carla_server.roads.town import Box
from carla_server.semantics import SemanticTag

WALL = Box((20.0, 0.0, 2.0), (0.5, 5.0, 2.0), 0.0)
PERSON = (0.19, 0.19, 0.93)


def run(
    vehicles: VehicleFleet, world: CollisionWorld, ticks: int, walkers: WalkerFleet | None = None
) -> list[list[Contact]]:
    walkers = walkers or WalkerFleet()
    found = []
    for _ in range(ticks):
        vehicles.step(0.05, FLAT)
        walkers.step(0.05, FLAT)
        found.append(world.step(vehicles, walkers, 0.05))
    return found


def cars(*places: tuple[float, float, float, float], spec: VehicleSpec = SEDAN) -> VehicleFleet:
    """Cars at (x, y, yaw_deg) that roll with a speed; ids from 1."""
    fleet = VehicleFleet()
    for actor_id, (x, y, yaw_deg, speed) in enumerate(places, start=1):
        fleet.add(actor_id, spec, (x, y, 0.0, 0.0, yaw_deg, 0.0))
        yaw = math.radians(yaw_deg)
        fleet.set_velocity(actor_id, (speed * math.cos(yaw), speed * math.sin(yaw), 0.0))
        fleet.set_control(actor_id, COAST)
    return fleet


def test_a_car_is_stopped_by_a_wall_and_the_contact_names_it() -> None:
    fleet = cars((0.0, 0.0, 0.0, 10.0))
    world = CollisionWorld([WALL], [SemanticTag.BUILDINGS])
    found = [contact for tick in run(fleet, world, 60) for contact in tick]
    assert found[0].actor_id == 1
    assert found[0].other_id == 0
    assert found[0].other_tag == SemanticTag.BUILDINGS
    assert found[0].normal == pytest.approx((-1.0, 0.0, 0.0), abs=1e-6)
    assert found[0].impulse_ns == pytest.approx(SEDAN.mass_kg * 10.0 * 1.15, rel=0.15)
    assert fleet.position_m[0, 0] + SEDAN.extent_m[0] < 19.6
    assert fleet.forward_speed_mps()[0] <= 0.0


def test_a_car_that_pushes_on_against_a_wall_does_not_get_through() -> None:
    fleet = cars((0.0, 0.3, 10.0, 10.0))
    fleet.set_control(1, FULL_THROTTLE)
    run(fleet, CollisionWorld([Box((20.0, 0.0, 2.0), (0.5, 200.0, 2.0), 0.0)]), 200)
    assert fleet.position_m[0, 0] < 19.5
    assert np.isfinite(fleet.position_m).all()


def test_a_rear_end_crash_conserves_momentum_and_parts_the_cars() -> None:
    fleet = cars((0.0, 0.0, 0.0, 8.0), (8.0, 0.0, 0.0, 0.0))
    world = CollisionWorld([])
    walkers = WalkerFleet()
    while True:
        fleet.step(0.05, FLAT)
        before = fleet.velocity_mps[:, 0].sum()
        contacts = world.step(fleet, walkers, 0.05)
        if contacts:
            break
    assert fleet.velocity_mps[:, 0].sum() == pytest.approx(before)
    assert fleet.velocity_mps[1, 0] > fleet.velocity_mps[0, 0] > 0.0
    assert [(contact.actor_id, contact.other_id) for contact in contacts] == [(1, 2)]


def test_a_hit_on_the_corner_turns_the_car_that_is_hit() -> None:
    fleet = cars((-8.0, 0.0, 0.0, 10.0), (0.0, 1.7, 90.0, 0.0))
    run(fleet, CollisionWorld([]), 20)
    assert abs(fleet.rotation_rad[1, 1] - math.pi / 2) > 0.02


def test_a_truck_throws_a_car_farther_than_a_car_does() -> None:
    speeds = []
    for spec in (SEDAN, TRUCK):
        fleet = VehicleFleet()
        fleet.add(1, spec, (0.0,) * 6)
        fleet.set_velocity(1, (10.0, 0.0, 0.0))
        fleet.add(2, SEDAN, (10.0, 0.0, 0.0, 0.0, 0.0, 0.0))
        run(fleet, CollisionWorld([]), 16)
        speeds.append(fleet.velocity_mps[1, 0])
    assert speeds[1] > 1.3 * speeds[0]


def test_cars_that_pass_side_by_side_or_one_above_the_other_do_not_touch() -> None:
    fleet = cars((0.0, 0.0, 0.0, 10.0), (30.0, 2.2, 180.0, 10.0))
    fleet.add(3, SEDAN, (10.0, 0.0, 5.0, 0.0, 0.0, 0.0))
    fleet.set_simulate_physics(3, False)
    assert not any(run(fleet, CollisionWorld([]), 60))


def test_a_walker_in_the_way_is_reported_and_knocked_away() -> None:
    fleet, walkers = cars((0.0, 0.0, 0.0, 10.0)), WalkerFleet()
    walkers.add(7, PERSON, (10.0, 0.0, 0.93, 0.0, 0.0, 0.0))
    found = [contact for tick in run(fleet, CollisionWorld([]), 40, walkers) for contact in tick]
    assert {(contact.actor_id, contact.other_id) for contact in found} == {(1, 7)}
    assert found[0].impulse_ns > 100.0
    assert walkers.position_m[0, 0] > 12.0
    assert fleet.forward_speed_mps()[0] > 7.0


def test_a_walker_without_collisions_is_still_reported_but_pushes_nobody() -> None:
    fleet, walkers, world = cars((0.0, 0.0, 0.0, 10.0)), WalkerFleet(), CollisionWorld([])
    walkers.add(7, PERSON, (10.0, 0.0, 0.93, 0.0, 0.0, 0.0))
    world.set_enabled(7, False)
    alone = cars((0.0, 0.0, 0.0, 10.0))
    found = [contact for tick in run(fleet, world, 40, walkers) for contact in tick]
    run(alone, CollisionWorld([]), 40)
    assert found
    assert fleet.position_m[0].tolist() == alone.position_m[0].tolist()
    assert walkers.position_m[0, :2].tolist() == [10.0, 0.0]


def test_a_car_with_collisions_off_drives_through_everything() -> None:
    fleet, world = cars((0.0, 0.0, 0.0, 15.0)), CollisionWorld([WALL])
    world.set_enabled(1, False)
    assert not any(run(fleet, world, 60))
    assert fleet.position_m[0, 0] > 25.0


def test_a_prop_blocks_until_it_is_removed_and_is_named_by_its_id() -> None:
    fleet, world = cars((0.0, 0.0, 0.0, 8.0)), CollisionWorld([])
    world.add_prop(50, (10.0, 0.0, 0.5), (0.3, 2.0, 0.5), 0.0)
    found = [contact for tick in run(fleet, world, 40) for contact in tick]
    assert {contact.other_id for contact in found} == {50}
    world.remove_prop(50)
    fleet.set_velocity(1, (8.0, 0.0, 0.0))
    assert not any(run(fleet, world, 40))
    assert fleet.position_m[0, 0] > 12.0


def test_parting_along_the_normal_by_the_depth_ends_the_overlap() -> None:
    random = np.random.default_rng(2)
    touched = 0
    for _ in range(200):
        boxes = BoxSet.of(
            np.column_stack((random.uniform(0, 3, (2, 2)), np.zeros(2))),
            random.uniform(0.5, 2.5, (2, 3)),
            random.uniform(-4, 4, 2),
        )
        depth, *normal = touch(boxes, 0, boxes, 1)
        if not depth:
            continue
        touched += 1
        center = boxes.center_m.copy()
        center[0, :2] += np.array(normal) * (depth + 1e-9)
        parted = BoxSet(center, boxes.extent_m, boxes.heading)
        assert touch(parted, 0, parted, 1)[0] == 0.0
    assert touched > 50


def test_the_obstacle_grid_finds_what_a_full_search_finds() -> None:
    random = np.random.default_rng(3)
    walls = [
        Box(
            (*random.uniform(-100, 100, 2), 1.0), tuple(random.uniform(0.2, 8.0, 3)), float(random.uniform(-180, 180))
        )
        for _ in range(150)
    ]
    hits = 0
    for _ in range(200):
        x, y, yaw_deg = *random.uniform(-110, 110, 2), random.uniform(-180, 180)
        fleet = cars((x, y, yaw_deg, 3.0))
        alone = [bool(CollisionWorld([wall]).step(fleet, WalkerFleet(), 0.05)) for wall in walls if _near(wall, x, y)]
        fleet = cars((x, y, yaw_deg, 3.0))
        together = CollisionWorld(walls).step(fleet, WalkerFleet(), 0.05)
        assert bool(together) == any(alone)
        hits += bool(together)
    assert hits > 10


def _near(wall: Box, x: float, y: float) -> bool:
    return math.hypot(wall.center_m[0] - x, wall.center_m[1] - y) < 25.0


def test_a_pile_up_runs_to_the_same_bits_twice() -> None:
    ends = []
    for _ in range(2):
        fleet = cars(*[(6.0 * i, 0.4 * (i % 3), 3.0 * i, 12.0 - i) for i in range(10)])
        run(fleet, CollisionWorld([WALL]), 150)
        ends.append(fleet.position_m.tobytes() + fleet.velocity_mps.tobytes())
        assert np.isfinite(fleet.position_m).all()
        assert np.abs(fleet.velocity_mps).max() < 30.0
    assert ends[0] == ends[1]


def test_in_a_heap_of_cars_every_pair_is_reported() -> None:
    fleet = cars(*[(0.01 * i, 0.0, 0.0, 0.0) for i in range(12)])
    contacts = CollisionWorld([]).step(fleet, WalkerFleet(), 0.05)
    assert [(contact.actor_id, contact.other_id) for contact in contacts] == [
        (first, second) for first in range(1, 13) for second in range(first + 1, 13)
    ]


def test_a_ray_meets_the_nearest_thing_and_passes_the_ignored_one() -> None:
    fleet, walkers = cars((0.0, 0.0, 0.0, 0.0), (10.0, 0.0, 90.0, 0.0)), WalkerFleet()
    world = CollisionWorld([WALL], [SemanticTag.BUILDINGS])
    ray = (0.0, 0.0, 1.0), (1.0, 0.0, 0.0), 50.0
    hit = world.first_hit(*ray, fleet, walkers, ignored_id=1)
    assert hit is not None
    assert (hit.other_id, hit.other_tag) == (2, SemanticTag.NONE)
    assert hit.distance_m == pytest.approx(10.0 - SEDAN.extent_m[1])
    fleet.remove(2)
    hit = world.first_hit(*ray, fleet, walkers, ignored_id=1, radius_m=0.5)
    assert hit is not None
    assert (hit.other_id, hit.other_tag) == (0, SemanticTag.BUILDINGS)
    assert hit.distance_m == pytest.approx(19.0)
    assert world.first_hit(*ray, fleet, walkers, ignored_id=1, only_actors=True) is None
    assert world.first_hit(ray[0], ray[1], 15.0, fleet, walkers, ignored_id=1) is None
    assert world.first_hit((0.0, 0.0, 9.0), ray[1], 50.0, fleet, walkers, ignored_id=1) is None


def test_a_world_that_has_run_finds_what_a_new_one_finds_while_bodies_come_and_go() -> None:
    random = np.random.default_rng(6)
    places = random.uniform(-60, 60, (20, 2))
    walls = [Box((x, y, 1.0), (3.0, 0.4, 1.0), float(random.uniform(-180, 180))) for x, y in places]
    fleet, people = VehicleFleet(), WalkerFleet()
    for actor_id in range(1, 16):
        fleet.add(actor_id, MODEL3, (*random.uniform(-60, 60, 2), 0.0, 0.0, random.uniform(-180, 180), 0.0))
    for actor_id in range(16, 20):
        people.add(actor_id, (0.3, 0.3, 0.9), (*random.uniform(-60, 60, 2), 0.9, 0.0, 0.0, 0.0))
    world, touched = CollisionWorld(walls), 0
    for tick in range(300):
        if tick == 100:
            fleet.remove(4)
        if tick == 200:
            fleet.set_pose(2, (*fleet.position_m[0, :2], 0.0, 0.0, 0.0, 0.0))
        for actor_id in fleet.actor_ids.tolist():
            throttle, steer, reverse = random.uniform(0.2, 1), random.uniform(-1, 1), random.random() < 0.3
            fleet.set_control(actor_id, (throttle, steer, 0, 0, reverse, 0, 0))
        fleet.step(0.05, FLAT)
        people.step(0.05, FLAT)
        expected = CollisionWorld(walls).step(*copy.deepcopy((fleet, people)), 0.05)
        assert world.step(fleet, people, 0.05) == expected
        touched += len(expected)
    assert touched > 50
