"""Typical mechanics of each kind of vehicle, and the figures by which one model differs from its kind."""

from __future__ import annotations

import math
from dataclasses import dataclass

RPM_PER_RADPS = 60.0 / (2.0 * math.pi)
_POWER_SHARE_OF_RPM = 0.95
"""A combustion engine keeps its power up to this share of its highest speed."""


@dataclass(frozen=True)
class VehicleFigures:
    """What data sheets say about one model; 0 (or an empty text) means typical of its kind.

    Attributes:
        power_kw, torque_nm: peak engine output; of a bicycle the rider's, at the wheel.
        wheelbase_m: distance between the axles.
        track_m: distance between left and right wheels.
        turning_circle_m: diameter of the circle that the outer front wheel describes at full lock.
        top_speed_kmh: speed at which the top gear reaches the engine's power peak.
        drag_area_m2: drag coefficient times frontal area.
        driven: front, rear or all wheels.
    """

    power_kw: float = 0.0
    torque_nm: float = 0.0
    wheelbase_m: float = 0.0
    track_m: float = 0.0
    turning_circle_m: float = 0.0
    top_speed_kmh: float = 0.0
    drag_area_m2: float = 0.0
    driven: str = ""


@dataclass(frozen=True)
class Family:
    """Typical values of one kind of vehicle.

    Attributes:
        power_kw_per_kg, torque_nm_per_kg: engine per kilogram of vehicle.
        efficiency: share of the engine's torque that reaches the wheels.
        electric: constant torque, then constant power, down to standstill and without gears.
        max_rpm: highest engine speed; a model whose power needs more gets more.
        gears: ratios, first gear first.
        top_speed_kmh, wheel_radius_m, wheelbase_share (of the length), max_steer_deg, friction: as named.
        drag_area_factor: drag area over the rectangle around the front.
        front_drive: share of the torque on the front axle.
        brake_g: deceleration of full brakes on a road that holds, in standard gravities.
        engine_inertia_per_nm: moment of inertia of what turns with the engine, kg m^2 per N m of peak torque.
        wheel_damping_nms: torque per wheel speed that slows each wheel.
    """

    power_kw_per_kg: float
    torque_nm_per_kg: float
    efficiency: float
    electric: bool
    max_rpm: float
    gears: tuple[float, ...]
    top_speed_kmh: float
    wheel_radius_m: float
    wheelbase_share: float
    max_steer_deg: float
    friction: float
    drag_area_factor: float
    front_drive: float
    brake_g: float
    engine_inertia_per_nm: float
    wheel_damping_nms: float


_CAR_GEARS = (4.25, 2.52, 1.66, 1.22, 1.0, 0.78)
_TRUCK_GEARS = (6.57, 4.16, 2.75, 1.87, 1.36, 1.0, 0.78)
_BIKE_GEARS = (2.6, 1.9, 1.5, 1.25, 1.1, 1.0)

FAMILIES = {
    "car": Family(0.085, 0.18, 0.82, False, 6500, _CAR_GEARS, 200, 0.33, 0.6, 37, 1.05, 0.31, 0.5, 1.3, 3.5e-4, 0.1),
    "electric": Family(0.12, 0.22, 0.92, True, 16000, (1.0,), 180, 0.33, 0.6, 37, 1.05, 0.23, 0.3, 1.3, 6e-5, 0.1),
    "van": Family(0.05, 0.16, 0.82, False, 4500, _CAR_GEARS, 160, 0.35, 0.6, 38, 0.95, 0.4, 0.0, 1.2, 5e-4, 0.15),
    "truck": Family(0.02, 0.12, 0.76, False, 2600, _TRUCK_GEARS, 120, 0.5, 0.55, 42, 0.75, 0.6, 0.0, 0.9, 9e-4, 0.5),
    "bus": Family(0.02, 0.07, 0.78, False, 2800, _TRUCK_GEARS, 110, 0.42, 0.55, 45, 0.75, 0.23, 0.0, 0.9, 9e-4, 0.4),
    "motorcycle": Family(
        0.17, 0.25, 0.88, False, 10000, _BIKE_GEARS, 190, 0.32, 0.66, 35, 1.05, 0.4, 0.0, 1.1, 2e-4, 0.015
    ),
    "bicycle": Family(0.0035, 0.6, 0.97, True, 450, (1.0,), 50, 0.34, 0.62, 40, 0.8, 0.28, 0.0, 0.5, 0.0, 0.005),
}
"""CARLA's `base_type` (and `electric` cars) -> what is typical of it."""

FRONT_DRIVE = {"front": 1.0, "rear": 0.0, "all": 0.45}
"""Driven wheels -> share of the torque on the front axle."""


def torque_curve(
    power_kw: float, torque_nm: float, max_rpm: float, *, electric: bool
) -> tuple[tuple[float, float], ...]:
    """(engine speed in rpm, torque in N m at full throttle) of an engine with this peak torque and power.

    Full torque is held up to the speed at which it gives full power; beyond it power stays. A combustion engine
    pulls less at low speed and drops off at its highest.

    Args:
        power_kw, torque_nm: peaks, above 0.
        max_rpm: highest speed; must exceed the speed at which both peaks meet (`least_max_rpm`).
        electric: an electric motor, or a cyclist.
    """
    base_rpm = 1000.0 * power_kw / torque_nm * RPM_PER_RADPS
    power_rpm_nm = base_rpm * torque_nm
    if electric:
        points = [(0.0, torque_nm), (base_rpm, torque_nm)]
        steps = 6
        growth = (max_rpm / base_rpm) ** (1.0 / steps)
        return tuple(points + [(base_rpm * growth**k, torque_nm / growth**k) for k in range(1, steps + 1)])
    end_rpm = _POWER_SHARE_OF_RPM * max_rpm
    return (
        (0.0, 0.65 * torque_nm),
        (min(0.25 * max_rpm, 0.6 * base_rpm), 0.95 * torque_nm),
        (min(0.3 * max_rpm, 0.8 * base_rpm), torque_nm),
        (base_rpm, torque_nm),
        (end_rpm, power_rpm_nm / end_rpm),
        (max_rpm, 0.85 * power_rpm_nm / max_rpm),
    )


def least_max_rpm(power_kw: float, torque_nm: float) -> float:
    """Lowest highest engine speed with which peak torque and peak power agree, rpm."""
    return 1.15 * 1000.0 * power_kw / torque_nm * RPM_PER_RADPS


def steer_for_circle_rad(turning_circle_m: float, wheelbase_m: float, track_m: float) -> float:
    """Angle of the (single, middle) front wheel with which the outer front wheel describes a circle.

    Raises:
        ValueError: the circle is too small for the wheelbase.
    """
    radius_m = 0.5 * turning_circle_m
    if radius_m <= wheelbase_m:
        raise ValueError(
            f"turning_circle_m is {turning_circle_m}; it must be larger than twice the wheelbase of {wheelbase_m} m"
        )
    rear_m = math.sqrt(radius_m**2 - wheelbase_m**2) - 0.5 * track_m
    return math.atan2(wheelbase_m, rear_m)
