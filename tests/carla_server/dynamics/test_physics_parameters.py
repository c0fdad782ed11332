"""Each parameter of VehiclePhysicsControl changes how a car drives, in the direction that mechanics tells."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from dynamics_fields import COAST, FLAT, FULL_BRAKE, FULL_THROTTLE, SEDAN, drive, one_vehicle

from carla_server.dynamics import (
    VehicleFigures,
    VehicleFleet,
    VehicleSpec,
    physics_control_of,
    spec_with_physics_control,
)

TORQUE, MAX_RPM, MOI, FULL_DAMPING, ENGAGED_DAMPING = range(5)
AUTOBOX, SWITCH_TIME, FINAL, GEARS, MASS, DRAG, CENTER = 6, 7, 9, 10, 11, 12, 13
STEERING, WHEELS = 14, 15
FRICTION, WHEEL_DAMPING, STEER_ANGLE, RADIUS, BRAKE, HAND_BRAKE, _, STIFFNESS = range(8)
REAR_DRIVEN = VehicleSpec.from_extent((2.4, 0.95, 0.7), 1700.0, "car", figures=VehicleFigures(driven="rear"))
HAND_BRAKE_ON = (0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0)
BEND = (0.3, 0.2, 0.0, 0.0, 0.0, 0.0, 0.0)

Change = Callable[[list[Any]], None]


def _changed(change: Change | None, speed_mps: float = 0.0) -> VehicleFleet:
    """One sedan whose physics control went through the change, rolling at a speed."""
    fields = physics_control_of(SEDAN)
    if change is not None:
        change(fields)
    fleet = one_vehicle(SEDAN, speed_mps)
    fleet.set_spec(1, spec_with_physics_control(SEDAN, fields))
    return fleet


def _set(field: int, value: Any) -> Change:
    def change(fields: list[Any]) -> None:
        fields[field] = value

    return change


def _scale(field: int, factor: float) -> Change:
    def change(fields: list[Any]) -> None:
        fields[field] *= factor

    return change


def _scale_wheels(field: int, factor: float) -> Change:
    def change(fields: list[Any]) -> None:
        for wheel in fields[WHEELS]:
            wheel[field] *= factor

    return change


def _scale_torque(factor: float) -> Change:
    return lambda fields: fields.__setitem__(TORQUE, [[rpm, factor * torque] for rpm, torque in fields[TORQUE]])


def _scale_gears(factor: float) -> Change:
    return lambda fields: fields.__setitem__(GEARS, [[factor * r, down, up] for r, down, up in fields[GEARS]])


def _pull_mps(change: Change | None, seconds: float = 4.0) -> float:
    """Speed after full throttle from rest."""
    fleet = _changed(change)
    drive(fleet, FULL_THROTTLE, seconds)
    return float(fleet.forward_speed_mps()[0])


def _coast_mps(change: Change | None, speed_mps: float = 20.0) -> float:
    """Speed that is left after 5 s without pedals."""
    fleet = _changed(change, speed_mps)
    drive(fleet, COAST, 5.0)
    return float(fleet.forward_speed_mps()[0])


def _stop_m(change: Change | None, control: tuple[float, ...] = FULL_BRAKE) -> float:
    """Distance to stop from 20 m/s."""
    fleet = _changed(change, 20.0)
    drive(fleet, control, 15.0)
    return float(fleet.position_m[0, 0])


def _turned_rad(change: Change | None, speed_mps: float) -> float:
    """Change of heading in a bend of 2 s."""
    fleet = _changed(change, speed_mps)
    drive(fleet, BEND, 2.0)
    return float(fleet.rotation_rad[0, 1])


def test_more_torque_pulls_harder() -> None:
    assert _pull_mps(_scale_torque(1.3)) > 1.1 * _pull_mps(None)
    assert _pull_mps(_scale_torque(0.5)) < 0.7 * _pull_mps(None)


def test_a_lower_engine_limit_ends_a_gear_at_a_lower_speed() -> None:
    def top_mps(max_rpm: float) -> float:
        def change(fields: list[Any]) -> None:
            fields[MAX_RPM] = max_rpm
            fields[GEARS] = fields[GEARS][:1]

        return _pull_mps(change, 15.0)

    assert top_mps(4000.0) == pytest.approx(top_mps(6000.0) * 4.0 / 6.0, rel=0.05)


def test_a_heavier_engine_pulls_less() -> None:
    assert _pull_mps(_set(MOI, 1.0)) < 0.9 * _pull_mps(None)


def test_damping_at_full_throttle_takes_torque_and_at_zero_throttle_brakes() -> None:
    assert _pull_mps(_set(FULL_DAMPING, 0.3)) < 0.95 * _pull_mps(None)
    assert _coast_mps(_scale(ENGAGED_DAMPING, 5.0)) < _coast_mps(None) - 0.3
    assert _pull_mps(_scale(ENGAGED_DAMPING, 5.0)) == pytest.approx(_pull_mps(None), rel=0.01)


def test_a_shorter_gearing_pulls_harder_from_rest() -> None:
    assert _pull_mps(_scale(FINAL, 0.5), 1.5) < 0.8 * _pull_mps(None, 1.5)
    assert _pull_mps(_scale_gears(0.5), 1.5) < 0.8 * _pull_mps(None, 1.5)


def test_a_longer_gear_change_costs_speed_and_a_manual_box_stays_in_first() -> None:
    assert _pull_mps(_set(SWITCH_TIME, 1.0), 6.0) < _pull_mps(None, 6.0) - 0.5
    fleet = _changed(_set(AUTOBOX, False))
    drive(fleet, FULL_THROTTLE, 10.0)
    assert fleet.gear[0] == 1


def test_more_mass_and_more_drag_slow_a_car() -> None:
    assert _pull_mps(_scale(MASS, 2.0)) < 0.7 * _pull_mps(None)
    assert _coast_mps(_scale(DRAG, 4.0), 30.0) < _coast_mps(None, 30.0) - 1.0


def test_less_tyre_friction_brakes_later_and_turns_less_at_speed() -> None:
    assert _stop_m(_scale_wheels(FRICTION, 0.5)) == pytest.approx(2.0 * _stop_m(None), rel=0.1)
    assert abs(_turned_rad(_scale_wheels(FRICTION, 0.3), 20.0)) < 0.7 * abs(_turned_rad(None, 20.0))


def test_weaker_brakes_stop_later_and_the_hand_brake_alone_stops_too() -> None:
    assert _stop_m(_scale_wheels(BRAKE, 0.3)) > 1.8 * _stop_m(None)
    with_hand = _stop_m(None, HAND_BRAKE_ON)
    assert _stop_m(_scale_wheels(HAND_BRAKE, 0.4), HAND_BRAKE_ON) > 1.5 * with_hand


def test_a_larger_wheel_angle_and_a_flatter_steering_curve_turn_more() -> None:
    assert _turned_rad(_scale_wheels(STEER_ANGLE, 0.5), 5.0) == pytest.approx(0.5 * _turned_rad(None, 5.0), rel=0.15)
    halved = _set(STEERING, [[0.0, 1.0], [10.0, 0.5], [120.0, 0.5]])
    assert _turned_rad(halved, 8.0) < 0.7 * _turned_rad(None, 8.0)


def test_stiffer_tyres_answer_the_wheel_more_directly() -> None:
    assert _turned_rad(_scale_wheels(STIFFNESS, 0.3), 15.0) < 0.97 * _turned_rad(None, 15.0)


def test_weight_in_front_makes_a_car_turn_less_than_weight_behind() -> None:
    front, rear = ([x, 0.0, 0.5] for x in (0.4, -0.25))
    assert _turned_rad(_set(CENTER, front), 15.0) < 0.97 * _turned_rad(_set(CENTER, rear), 15.0)


def test_larger_wheels_pull_less_and_are_braked_less() -> None:
    assert _pull_mps(_scale_wheels(RADIUS, 1.5), 1.5) < 0.8 * _pull_mps(None, 1.5)

    def weak_brakes_and_larger_wheels(fields: list[Any]) -> None:
        _scale_wheels(BRAKE, 0.4)(fields)
        _scale_wheels(RADIUS, 1.5)(fields)

    assert _stop_m(weak_brakes_and_larger_wheels) > 1.3 * _stop_m(_scale_wheels(BRAKE, 0.4))


def test_damped_wheels_roll_less_far() -> None:
    assert _coast_mps(_scale_wheels(WHEEL_DAMPING, 20.0)) < _coast_mps(None) - 0.5


def test_a_higher_centre_of_mass_lets_a_rear_driven_car_pull_harder() -> None:
    def pull(height_m: float) -> float:
        def change(fields: list[Any]) -> None:
            fields[CENTER] = [0.2, 0.0, height_m]
            _scale_torque(3.0)(fields)

        fields = physics_control_of(REAR_DRIVEN)
        change(fields)
        fleet = one_vehicle(REAR_DRIVEN)
        fleet.set_spec(1, spec_with_physics_control(REAR_DRIVEN, fields))
        drive(fleet, FULL_THROTTLE, 1.0)
        return float(fleet.forward_speed_mps()[0])

    assert pull(0.9) > 1.05 * pull(0.3)


def test_more_throttle_never_means_less_speed() -> None:
    speeds = []
    for throttle in np.linspace(0.0, 1.0, 11):
        fleet = one_vehicle(SEDAN)
        drive(fleet, (throttle, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0), 5.0, ground=FLAT)
        speeds.append(float(fleet.forward_speed_mps()[0]))
    assert all(np.diff(speeds) > -0.1)
    assert speeds[0] == 0.0
    assert speeds[-1] > 10.0


def test_without_friction_and_drag_a_car_keeps_its_speed_and_course_whatever_the_driver_does() -> None:
    def change(fields: list[Any]) -> None:
        fields[DRAG] = 0.0
        _scale_wheels(FRICTION, 0.0)(fields)

    for control in (FULL_THROTTLE, FULL_BRAKE, BEND, HAND_BRAKE_ON):
        fleet = _changed(change, 100.0 / 3.6)
        drive(fleet, control, 5.0)
        assert fleet.velocity_mps[0] == pytest.approx([100.0 / 3.6, 0.0, 0.0], abs=0.01)
