"""Every vehicle of the library answers the tick as the same model at 1 kHz does, and performs as published."""

from __future__ import annotations

import math

import numpy as np
import pytest
from dynamics_fields import FLAT, FULL_BRAKE, FULL_THROTTLE, one_vehicle, trace

from benchmarks.vehicle_figures import PUBLISHED, TOLERANCE, Figure
from carla_server.dynamics import VehicleSpec
from carla_server.world.vehicle_blueprints import VEHICLES

SPECS = {vehicle.blueprint_id: vehicle.spec for vehicle in VEHICLES}
MANOEUVRES = {
    "throttle": (lambda t: FULL_THROTTLE, 0.0),
    "brake": (lambda t: FULL_BRAKE, 10.0),
    "steer": (lambda t: (0.2, 0.2, 0.0, 0.0, 0.0, 0.0, 0.0), 6.0),
}


@pytest.fixture(scope="module")
def traces() -> tuple[np.ndarray, np.ndarray]:
    """(T, vehicles x manoeuvres, 5) at 1 kHz and at 20 Hz."""
    cases = [(spec, *manoeuvre) for spec in SPECS.values() for manoeuvre in MANOEUVRES.values()]
    return trace(cases, 0.001, 3.0), trace(cases, 0.05, 3.0)


@pytest.mark.parametrize("vehicle", range(len(SPECS)), ids=list(SPECS))
def test_a_tick_of_50_ms_agrees_with_1_khz_within_3_percent(
    vehicle: int, traces: tuple[np.ndarray, np.ndarray]
) -> None:
    for number, name in enumerate(MANOEUVRES):
        fine, coarse = (trace[:, vehicle * len(MANOEUVRES) + number] for trace in traces)
        path_m = np.hypot(*np.diff(fine[:, :2], axis=0).T).sum()
        assert np.abs(coarse[:, :2] - fine[:, :2]).max() <= 0.03 * max(path_m, 1.0), name
        for column, least in ((2, 0.1), (3, 0.5), (4, 0.1)):
            error = np.abs(coarse[:, column] - fine[:, column]).max()
            assert error <= 0.03 * max(np.abs(fine[:, column]).max(), least), f"{name}, column {column}"


def _seconds_to(spec: VehicleSpec, speed_mps: float) -> float:
    fleet = one_vehicle(spec)
    fleet.set_control(1, FULL_THROTTLE)
    for tick in range(1200):
        fleet.step(0.05, FLAT)
        if fleet.forward_speed_mps()[0] >= speed_mps:
            return 0.05 * (tick + 1)
    return math.inf


def _metres_from(spec: VehicleSpec, speed_mps: float) -> float:
    fleet = one_vehicle(spec, speed_mps)
    fleet.set_control(1, FULL_BRAKE)
    while fleet.forward_speed_mps()[0] > 0.0:
        fleet.step(0.05, FLAT)
    return float(fleet.position_m[0, 0])


def _top_speed_kmh(spec: VehicleSpec) -> float:
    fleet = one_vehicle(spec)
    fleet.set_control(1, FULL_THROTTLE)
    for _ in range(1200):
        fleet.step(0.05, FLAT)
    return 3.6 * float(fleet.forward_speed_mps()[0])


def _circle_m(spec: VehicleSpec) -> float:
    """Diameter of the outer front wheel's circle at a crawl and full lock."""
    fleet = one_vehicle(spec, 1.0)
    wheel = []
    for _ in range(800):
        fleet.set_control(1, (0.15 if fleet.forward_speed_mps()[0] < 1.0 else 0.0, 1.0, 0.0, 0.0, 0.0, 0.0, 0.0))
        fleet.step(0.05, FLAT)
        yaw = fleet.rotation_rad[0, 1]
        half_track_m = 0.0 if spec.is_two_wheeler else 0.5 * spec.track_m
        wheel.append(fleet.position_m[0, 1] + 0.5 * spec.wheelbase_m * np.sin(yaw) - half_track_m * np.cos(yaw))
    return float(np.ptp(wheel[100:]))


def _measure(figure: Figure) -> float:
    spec = SPECS[figure.vehicle]
    if figure.quantity == "seconds to":
        return _seconds_to(spec, figure.speed_kmh / 3.6)
    if figure.quantity == "metres from":
        return _metres_from(spec, figure.speed_kmh / 3.6)
    return _circle_m(spec) if figure.quantity == "turning circle" else _top_speed_kmh(spec)


@pytest.mark.parametrize("figure", PUBLISHED, ids=[f"{figure.vehicle} {figure.name}" for figure in PUBLISHED])
def test_vehicles_perform_as_published_within_15_percent(figure: Figure) -> None:
    assert _measure(figure) == pytest.approx(figure.value, rel=TOLERANCE)


def test_the_library_holds_cars_that_differ_as_their_engines_do() -> None:
    mustang, micra = SPECS["vehicle.ford.mustang"], SPECS["vehicle.nissan.micra"]
    assert _seconds_to(mustang, 100 / 3.6) < 0.7 * _seconds_to(micra, 100 / 3.6)
