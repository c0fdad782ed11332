"""Vehicles on slopes, in the air, frozen, pushed, teleported; and the order of rows."""

from __future__ import annotations

import math

import carla
import numpy as np
import pytest
from dynamics_fields import (
    COAST,
    FLAT,
    FULL_BRAKE,
    FULL_THROTTLE,
    MODEL3,
    MOTORCYCLE,
    SEDAN,
    TRUCK,
    Plane,
    drive,
    one_vehicle,
)

from carla_server.dynamics import VehicleFleet, VehicleSpec
from carla_server.roads.towns import load_town
from carla_server.world.vehicle_blueprints import VEHICLES

HAND_BRAKE = (0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0)


@pytest.mark.parametrize("control", [FULL_BRAKE, HAND_BRAKE], ids=["brake", "hand brake"])
def test_a_braked_car_stays_where_it_is_parked_on_a_slope(control: tuple[float, ...]) -> None:
    hill = Plane(rise_x=0.12, rise_y=0.05)
    fleet = one_vehicle()
    drive(fleet, control, 1.0, ground=hill)
    parked = fleet.position_m[0].copy()
    drive(fleet, control, 20.0, ground=hill)
    assert np.abs(fleet.position_m[0] - parked).max() < 1e-3


def test_a_free_car_rolls_down_the_slope() -> None:
    fleet = one_vehicle()
    drive(fleet, COAST, 4.0, ground=Plane(rise_x=0.1))
    assert fleet.position_m[0, 0] < -3.0
    assert fleet.position_m[0, 2] == pytest.approx(0.1 * fleet.position_m[0, 0], abs=0.02)


def test_pitch_and_roll_follow_the_ground_with_carlas_signs() -> None:
    rise_forward, rise_right, yaw_deg = 0.08, -0.05, 30.0
    c, s = math.cos(math.radians(yaw_deg)), math.sin(math.radians(yaw_deg))
    hill = Plane(rise_forward * c - rise_right * s, rise_forward * s + rise_right * c)
    fleet = one_vehicle(pose6=(3.0, 2.0, hill.height_m(np.array(3.0), np.array(2.0)), 0.0, yaw_deg, 0.0))
    drive(fleet, FULL_BRAKE, 2.0, ground=hill)
    pitch, yaw, roll = np.degrees(fleet.rotation_rad[0])
    pose = carla.Transform(carla.Location(), carla.Rotation(pitch=pitch, yaw=yaw, roll=roll))
    forward, right = pose.get_forward_vector(), pose.get_right_vector()
    assert forward.z == pytest.approx(hill.rise_x * forward.x + hill.rise_y * forward.y, abs=2e-3)
    assert right.z == pytest.approx(hill.rise_x * right.x + hill.rise_y * right.y, abs=2e-3)


def test_a_car_spawned_above_the_ground_falls_and_settles() -> None:
    fleet = one_vehicle(pose6=(0.0, 0.0, 0.6, 0.0, 0.0, 0.0))
    heights = []
    for _ in range(60):
        drive(fleet, COAST, 0.05)
        heights.append(fleet.position_m[0, 2])
    assert 0.2 < heights[4] < 0.6
    assert abs(heights[-1]) < 0.005
    assert min(heights) > -0.1


def test_no_pedal_lets_a_vehicle_creep_for_ever() -> None:
    """A pedal that just balances the friction either sets a vehicle rolling or leaves it standing."""
    fleet = VehicleFleet()
    throttles = np.arange(0.0, 0.1, 0.004)
    for vehicle in VEHICLES:
        for throttle in throttles.tolist():
            fleet.add(len(fleet) + 1, vehicle.spec, (0.0,) * 6)
            fleet.control[-1, :3] = throttle, 0.0, 0.005 if len(fleet) % 2 else 0.0
    for _ in range(400):
        fleet.step(0.05, FLAT)
    speed_mps, acceleration_mps2 = fleet.forward_speed_mps(), fleet.acceleration_mps2[:, 0]
    assert ((speed_mps == 0.0) | (speed_mps > 0.03) | (acceleration_mps2 > 0.04)).all()
    assert 0.1 < (speed_mps == 0.0).mean() < 0.9


def test_a_frozen_car_moves_only_by_set_pose() -> None:
    fleet = one_vehicle(speed_mps=5.0)
    fleet.set_simulate_physics(1, False)
    drive(fleet, FULL_THROTTLE, 1.0, ground=Plane(rise_x=0.1))
    assert (fleet.position_m[0] == 0.0).all()
    assert (fleet.velocity_mps[0] == 0.0).all()
    fleet.set_pose(1, (4.0, 5.0, 6.0, 1.0, 90.0, 2.0))
    fleet.step(0.05, FLAT)
    assert fleet.position_m[0].tolist() == [4.0, 5.0, 6.0]
    assert np.degrees(fleet.rotation_rad[0]) == pytest.approx([1.0, 90.0, 2.0])


def test_constant_velocity_is_kept_in_the_cars_own_frame_until_released() -> None:
    fleet = one_vehicle(pose6=(0.0, 0.0, 0.0, 0.0, 90.0, 0.0))
    fleet.set_constant_velocity(1, (7.0, 0.0, 0.0))
    drive(fleet, FULL_BRAKE, 2.0)
    assert fleet.velocity_mps[0, :2] == pytest.approx([0.0, 7.0], abs=1e-6)
    assert fleet.position_m[0, 1] == pytest.approx(14.0, rel=1e-6)
    fleet.set_constant_velocity(1, None)
    drive(fleet, FULL_BRAKE, 2.0)
    assert fleet.forward_speed_mps()[0] == 0.0


def test_impulses_and_forces_change_velocity_by_newtons_law() -> None:
    fleet = one_vehicle()
    fleet.add_impulse(1, (MODEL3.mass_kg * 2.0, 0.0, 0.0))
    assert fleet.velocity_mps[0, 0] == pytest.approx(2.0)
    fleet.add_force(1, (MODEL3.mass_kg * 40.0, 0.0, 0.0))
    fleet.step(0.05, FLAT)
    assert fleet.velocity_mps[0, 0] == pytest.approx(4.0, rel=0.01)
    fleet.step(0.05, FLAT)
    assert fleet.velocity_mps[0, 0] == pytest.approx(4.0, rel=0.02)
    fleet.add_angular_impulse(1, (0.0, 0.0, MODEL3.yaw_inertia_kgm2))
    assert fleet.angular_velocity_radps[0, 2] == pytest.approx(1.0)


def test_a_motorcycle_leans_into_the_bend() -> None:
    fleet = one_vehicle(MOTORCYCLE, 10.0)
    drive(fleet, (0.3, 0.1, 0.0, 0.0, 0.0, 0.0, 0.0), 1.5)
    assert fleet.angular_velocity_radps[0, 2] > 0.0
    assert fleet.rotation_rad[0, 2] > 0.05


def test_manual_gears_are_obeyed() -> None:
    fleet = one_vehicle(SEDAN, 8.0)
    drive(fleet, (0.3, 0.0, 0.0, 0.0, 0.0, 1.0, 3.0), 1.0)
    assert fleet.gear[0] == 3
    drive(fleet, (1.0, 0.0, 0.0, 0.0, 0.0, 1.0, 0.0), 1.0)
    assert fleet.gear[0] == 0
    assert fleet.forward_speed_mps()[0] < 10.0


def test_removing_a_vehicle_keeps_the_others_and_their_order() -> None:
    fleet = VehicleFleet()
    for actor_id in (7, 3, 9):
        fleet.add(actor_id, SEDAN, (actor_id, 0.0, 0.0, 0.0, 0.0, 0.0))
    fleet.remove(3)
    assert fleet.actor_ids.tolist() == [7, 9]
    assert fleet.position_m[fleet.index_of(9), 0] == 9.0
    assert 3 not in fleet
    with pytest.raises(KeyError, match="3"):
        fleet.index_of(3)


def test_a_car_moves_to_the_last_bit_alike_alone_and_among_many() -> None:
    """Few vehicles are moved one by one as numbers, many as arrays."""
    random = np.random.default_rng(8)
    town = load_town("TownGrid")
    places = town.spawn_points[:24]
    specs = [(MODEL3, SEDAN, TRUCK, MOTORCYCLE)[row % 4] for row in range(len(places))]
    fleets = [VehicleFleet() for _ in range(len(places) // 4 + 1)]
    everyone, small = fleets[0], fleets[1:]
    for row, (spec, pose) in enumerate(zip(specs, places.tolist(), strict=True)):
        for fleet in (everyone, small[row // 4]):
            fleet.add(row, spec, pose)
            if row % 7 == 3:
                fleet.set_constant_velocity(row, (4.0, 0.5, 0.0))
            if row % 11 == 5:
                fleet.set_simulate_physics(row, False)
            if row % 13 == 6:
                fleet.set_gravity(row, False)
    for _ in range(150):
        for row in range(len(places)):
            throttle, brake = random.uniform(0, 1), float(random.random() < 0.2)
            levers = random.random(3) < 0.1
            control = (throttle, random.uniform(-1, 1), brake, *levers.tolist(), float(random.integers(-1, 5)))
            push = random.normal(0.0, 2e4, 3)
            for fleet in (everyone, small[row // 4]):
                fleet.set_control(row, control)
                if row % 5 == 0 and throttle < 0.1:
                    fleet.add_force(row, push, push)
        for fleet in fleets:
            fleet.step(0.05, town.ground)
    assert np.ptp(everyone.position_m[:, :2], axis=0).min() > 50.0
    assert everyone.state.tobytes() == b"".join(fleet.state.tobytes() for fleet in small)


def test_the_same_commands_give_the_same_bits() -> None:
    runs = []
    for _ in range(2):
        fleet = VehicleFleet()
        for actor_id in range(12):
            fleet.add(actor_id, SEDAN, (0.0, 10.0 * actor_id, 0.5, 0.0, 5.0 * actor_id, 0.0))
        for tick in range(200):
            for actor_id in range(12):
                fleet.set_control(actor_id, (0.6, math.sin(0.1 * tick + actor_id), 0.0, 0.0, 0.0, 0.0, 0.0))
            fleet.step(0.05, Plane(0.02, 0.01))
        runs.append((fleet.position_m.tobytes(), fleet.rotation_rad.tobytes(), fleet.velocity_mps.tobytes()))
    assert runs[0] == runs[1]


@pytest.mark.parametrize("delta_s", [0.01, 0.05, 0.1])
def test_wild_commands_never_break_the_numbers(delta_s: float) -> None:
    random = np.random.default_rng(4)
    fleet = VehicleFleet()
    for actor_id in range(10):
        fleet.add(actor_id, (SEDAN, MOTORCYCLE)[actor_id % 2], (0.0, 20.0 * actor_id, 0.3, 0.0, 0.0, 0.0))
    for _ in range(300):
        for actor_id in range(10):
            throttle, steer, brake = random.uniform(0, 1), random.uniform(-1, 1), float(random.random() < 0.2)
            fleet.set_control(actor_id, (throttle, steer, brake, random.random() < 0.1, random.random() < 0.1, 0, 0))
        fleet.step(delta_s, FLAT)
    assert np.isfinite(fleet.position_m).all()
    assert np.abs(fleet.velocity_mps).max() < 70.0
    assert np.abs(fleet.angular_velocity_radps).max() < 15.0


@pytest.mark.parametrize("values", [(math.nan, 0, 0, 0, 0, 0, 0), (1.0, 2.0)])
def test_controls_that_are_no_numbers_are_refused(values: tuple[float, ...]) -> None:
    fleet = one_vehicle()
    with pytest.raises(ValueError, match="seven finite values"):
        fleet.set_control(1, values)


def test_poses_that_are_no_numbers_are_refused_and_add_nothing() -> None:
    fleet = VehicleFleet()
    with pytest.raises(ValueError, match="pose6"):
        fleet.add(1, SEDAN, (0.0, 0.0, math.inf, 0.0, 0.0, 0.0))
    assert len(fleet) == 0


def test_a_specification_names_the_field_that_makes_no_sense() -> None:
    with pytest.raises(ValueError, match="mass_kg is -5"):
        VehicleSpec.from_extent((2.0, 1.0, 0.7), -5.0, "car")
    with pytest.raises(ValueError, match="hovercraft"):
        VehicleSpec.from_extent((2.0, 1.0, 0.7), 1500.0, "hovercraft")
