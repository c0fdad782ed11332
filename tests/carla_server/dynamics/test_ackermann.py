"""Ackermann commands: speed, acceleration, steering angle and rate, gains."""

from __future__ import annotations

import math
from itertools import pairwise

import pytest
from dynamics_fields import FLAT, MODEL3, Plane, one_vehicle

from carla_server.dynamics.ackermann import AckermannDriver, AckermannGains, AckermannTarget, drive_all


def _drive(driver: AckermannDriver, target: AckermannTarget, seconds: float, speed_mps: float = 0.0) -> list[float]:
    """Speeds at every tick of a Model 3 that obeys the target."""
    fleet = one_vehicle(MODEL3, speed_mps)
    driver.command(target)
    speeds = []
    for _ in range(round(seconds / 0.05)):
        drive_all({1: driver}, fleet, 0.05)
        fleet.step(0.05, FLAT)
        speeds.append(float(fleet.forward_speed_mps()[0]))
    return speeds


@pytest.mark.parametrize(("wanted_mps", "start_mps"), [(8.0, 0.0), (20.0, 5.0), (5.0, 20.0), (-3.0, 0.0)])
def test_the_wanted_speed_is_reached_and_kept(wanted_mps: float, start_mps: float) -> None:
    speeds = _drive(AckermannDriver(), AckermannTarget(speed_mps=wanted_mps), 40.0, start_mps)
    assert speeds[-1] == pytest.approx(wanted_mps, abs=0.3)
    assert max(abs(speed - wanted_mps) for speed in speeds[-100:]) < 0.6


def test_a_smaller_acceleration_takes_longer() -> None:
    def seconds_to_8(acceleration_mps2: float) -> int:
        target = AckermannTarget(speed_mps=10.0, acceleration_mps2=acceleration_mps2)
        return next(i for i, speed in enumerate(_drive(AckermannDriver(), target, 40.0)) if speed > 8.0)

    assert seconds_to_8(0.5) > 1.5 * seconds_to_8(2.0)


def test_speed_zero_stops_and_holds() -> None:
    speeds = _drive(AckermannDriver(), AckermannTarget(speed_mps=0.0), 20.0, 10.0)
    assert speeds[-1] == 0.0


def test_a_reversed_command_stops_before_it_goes_back() -> None:
    speeds = _drive(AckermannDriver(), AckermannTarget(speed_mps=-2.0), 40.0, 5.0)
    assert speeds[-1] == pytest.approx(-2.0, abs=0.3)
    assert all(later - earlier < 0.3 for earlier, later in pairwise(speeds))


def test_the_front_wheels_turn_to_the_angle_at_the_wanted_rate() -> None:
    driver, fleet = AckermannDriver(), one_vehicle(MODEL3, 5.0)
    driver.command(AckermannTarget(steer_rad=0.3, steer_speed_radps=0.2, speed_mps=5.0))
    angles = []
    for _ in range(60):
        drive_all({1: driver}, fleet, 0.05)
        fleet.step(0.05, FLAT)
        angles.append(float(fleet.steer_rad[0]))
    assert angles[19] == pytest.approx(0.2, abs=0.03)
    assert angles[-1] == pytest.approx(0.3, abs=0.01)
    assert max(b - a for a, b in pairwise(angles)) < 0.02


def test_an_angle_beyond_full_lock_is_full_lock() -> None:
    driver = AckermannDriver()
    driver.command(AckermannTarget(steer_rad=2.0))
    assert driver.drive(0.0, 0.0, 0.0, 0.6, 0.05)[1] == 1.0
    driver.command(AckermannTarget(steer_rad=-math.pi))
    assert driver.drive(0.0, 0.0, 0.0, 0.6, 0.05)[1] == -1.0


def test_without_gain_nothing_moves() -> None:
    driver = AckermannDriver()
    driver.gains = AckermannGains(0.0, 0.0, 0.0, 0.0, 0.0, 0.0)
    assert max(_drive(driver, AckermannTarget(speed_mps=10.0), 5.0)) == 0.0


def test_a_driver_without_a_command_refuses_and_a_released_one_forgets() -> None:
    driver = AckermannDriver()
    with pytest.raises(ValueError, match="no Ackermann command"):
        driver.drive(0.0, 0.0, 0.0, 0.6, 0.05)
    driver.command(AckermannTarget(speed_mps=10.0))
    driver.release()
    assert driver.target is None


def test_a_hill_does_not_keep_a_car_from_its_speed() -> None:
    driver, fleet = AckermannDriver(), one_vehicle(MODEL3)
    driver.command(AckermannTarget(speed_mps=10.0))
    for _ in range(1000):
        drive_all({1: driver}, fleet, 0.05)
        fleet.step(0.05, Plane(rise_x=0.08))
    assert fleet.forward_speed_mps()[0] == pytest.approx(10.0, abs=0.4)
