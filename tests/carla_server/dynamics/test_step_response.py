"""The step of 0.05 s answers as the same model at 1 kHz does, and cars perform like cars."""

from __future__ import annotations

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
    drive,
    one_vehicle,
    trace,
)

MANOEUVRES = {
    "step throttle": (lambda t: FULL_THROTTLE, 0.0),
    "half throttle": (lambda t: (0.5, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0), 0.0),
    "step brake": (lambda t: FULL_BRAKE, 20.0),
    "small steer at speed": (lambda t: (0.3, 0.1, 0.0, 0.0, 0.0, 0.0, 0.0), 15.0),
    "turn in town": (lambda t: (0.3, 0.3 if t > 0.5 else 0.0, 0.0, 0.0, 0.0, 0.0, 0.0), 8.0),
    "full lock, slow": (lambda t: (0.2, 1.0, 0.0, 0.0, 0.0, 0.0, 0.0), 3.0),
    "too fast into a bend": (lambda t: (0.3, -0.5, 0.0, 0.0, 0.0, 0.0, 0.0), 20.0),
    "brake while turning": (lambda t: (0.0, 0.3, 0.6, 0.0, 0.0, 0.0, 0.0), 15.0),
    "reverse": (lambda t: (0.4, 0.3, 0.0, 0.0, 1.0, 0.0, 0.0), 0.0),
}


SPECS = {"model3": MODEL3, "sedan": SEDAN, "truck": TRUCK, "motorcycle": MOTORCYCLE}
CASES = [(spec, manoeuvre) for spec in SPECS for manoeuvre in MANOEUVRES]


@pytest.fixture(scope="module")
def traces() -> tuple[np.ndarray, np.ndarray]:
    """All cases at 1 kHz and at 20 Hz."""
    cases = [(SPECS[spec], *MANOEUVRES[manoeuvre]) for spec, manoeuvre in CASES]
    return trace(cases, 0.001, 4.0), trace(cases, 0.05, 4.0)


@pytest.mark.parametrize("case", range(len(CASES)), ids=[f"{spec}: {manoeuvre}" for spec, manoeuvre in CASES])
def test_a_tick_of_50_ms_agrees_with_1_khz_within_3_percent(case: int, traces: tuple[np.ndarray, np.ndarray]) -> None:
    fine, coarse = (trace[:, case] for trace in traces)
    path_m = np.hypot(*np.diff(fine[:, :2], axis=0).T).sum()
    assert np.abs(coarse[:, :2] - fine[:, :2]).max() <= 0.03 * max(path_m, 1.0)
    for column, least in ((2, 0.1), (3, 0.5), (4, 0.1)):
        error = np.abs(coarse[:, column] - fine[:, column]).max()
        assert error <= 0.03 * max(np.abs(fine[:, column]).max(), least), f"column {column}"


def test_a_model_3_needs_5_to_8_seconds_to_100_kmh() -> None:
    fleet = one_vehicle(MODEL3)
    fleet.set_control(1, FULL_THROTTLE)
    seconds = 0.0
    while fleet.forward_speed_mps()[0] < 100.0 / 3.6 and seconds < 20.0:
        fleet.step(0.05, FLAT)
        seconds += 0.05
    assert 5.0 <= seconds <= 8.0


def test_braking_from_100_kmh_takes_35_to_45_metres_and_ends_at_rest() -> None:
    fleet = one_vehicle(MODEL3, 100.0 / 3.6)
    drive(fleet, FULL_BRAKE, 5.0)
    assert 35.0 <= fleet.position_m[0, 0] <= 45.0
    assert (fleet.velocity_mps[0] == 0.0).all()


def test_the_turning_circle_of_a_model_3_is_that_of_a_car() -> None:
    fleet = one_vehicle(MODEL3, 2.0)
    track = []
    for _ in range(500):
        throttle = 0.2 if fleet.forward_speed_mps()[0] < 2.0 else 0.0
        fleet.set_control(1, (throttle, 1.0, 0.0, 0.0, 0.0, 0.0, 0.0))
        fleet.step(0.05, FLAT)
        track.append(fleet.position_m[0, 1])
    middle_radius_m = 0.5 * (max(track[100:]) - min(track[100:]))
    rear_radius_m = np.sqrt(middle_radius_m**2 - (0.5 * MODEL3.wheelbase_m) ** 2)
    outer_front_m = np.hypot(rear_radius_m + 0.5 * MODEL3.track_m, MODEL3.wheelbase_m)
    assert 2.0 * outer_front_m == pytest.approx(11.6, rel=0.15)


def test_positive_steer_turns_right_and_reverse_mirrors_the_path() -> None:
    ahead = one_vehicle()
    drive(ahead, (0.3, 0.3, 0.0, 0.0, 0.0, 0.0, 0.0), 3.0)
    assert ahead.position_m[0, 0] > 0.0
    assert ahead.position_m[0, 1] > 0.0
    assert ahead.rotation_rad[0, 1] > 0.0
    back = one_vehicle()
    drive(back, (0.3, 0.3, 0.0, 0.0, 1.0, 0.0, 0.0), 3.0)
    assert back.position_m[0, 0] < 0.0
    assert back.rotation_rad[0, 1] < 0.0
    assert back.gear[0] == -1


def test_tyres_limit_how_hard_a_car_can_corner() -> None:
    fleet = one_vehicle(MODEL3, 25.0)
    fleet.set_control(1, (0.4, 0.6, 0.0, 0.0, 0.0, 0.0, 0.0))
    most = 0.0
    for _ in range(40):
        fleet.step(0.05, FLAT)
        most = max(most, float(np.hypot(*fleet.acceleration_mps2[0, :2])))
    assert 5.0 < most < 1.15 * MODEL3.tyre_friction * 9.81


def test_slippery_tyres_brake_later() -> None:
    distances = []
    for scale in (1.0, 0.4):
        fleet = one_vehicle(MODEL3, 20.0)
        fleet.friction_scale[0] = scale
        drive(fleet, FULL_BRAKE, 8.0)
        distances.append(fleet.position_m[0, 0])
    assert distances[1] == pytest.approx(distances[0] / 0.4, rel=0.1)


def test_the_gearbox_shifts_up_while_accelerating_and_down_while_stopping() -> None:
    fleet = one_vehicle(SEDAN)
    drive(fleet, FULL_THROTTLE, 12.0)
    top = int(fleet.gear[0])
    assert top >= 4
    assert fleet.rpm[0] < SEDAN.max_rpm
    drive(fleet, FULL_BRAKE, 6.0)
    assert fleet.gear[0] == 1


def test_a_coasting_car_slows_down_without_ever_rolling_backwards() -> None:
    fleet = one_vehicle(SEDAN, 3.0)
    speeds = []
    for _ in range(600):
        drive(fleet, COAST, 0.05)
        speeds.append(fleet.forward_speed_mps()[0])
    assert min(speeds) >= 0.0
    assert speeds[-1] == 0.0
