"""Engine torque, automatic gearbox and steering curve of vehicles."""

from __future__ import annotations

import math

import numpy as np

from carla_server.compiled import compiled
from carla_server.dynamics.spec import VehicleSpec

CURVE_POINTS = 65
"""Samples per tabulated curve; curves are read by linear interpolation."""

_LAST_POINT = CURVE_POINTS - 1.000001

MAX_GEARS = 16
STEERING_TABLE_MPS = 70.0
"""Speed at the end of the steering table; beyond it the last value holds."""

IDLE_RPM = 800.0
RPM_PER_RADPS = 60.0 / (2.0 * math.pi)


def acceleration_table(spec: VehicleSpec) -> np.ndarray:
    """What the engine gives at full throttle per mass of the vehicle over 0..max_rpm, (CURVE_POINTS,) N m / kg.

    That is its torque without what damping takes.
    """
    rpm, torque_nm = np.asarray(spec.torque_curve, dtype=np.float64).T
    speed_rpm = np.linspace(0.0, spec.max_rpm, CURVE_POINTS)
    lost_nm = spec.full_throttle_damping_nms * speed_rpm / RPM_PER_RADPS
    return (np.interp(speed_rpm, rpm, torque_nm) - lost_nm) / spec.mass_kg


def steering_table(spec: VehicleSpec) -> np.ndarray:
    """Largest angle of the front wheels over 0..STEERING_TABLE_MPS, (CURVE_POINTS,) float64, rad."""
    speed_kmh, share = np.asarray(spec.steering_curve, dtype=np.float64).T
    return np.interp(np.linspace(0.0, STEERING_TABLE_MPS * 3.6, CURVE_POINTS), speed_kmh, share) * spec.max_steer_rad


def lever_table(spec: VehicleSpec) -> np.ndarray:
    """Force at the wheels per engine torque by gear, (MAX_GEARS + 2,) float64, 1/m.

    Index 0 reverse (negative), 1 neutral, then the forward gears.
    """
    ratio = np.zeros(MAX_GEARS + 2)
    ratio[0] = -spec.gear_ratios[0]
    ratio[2 : len(spec.gear_ratios) + 2] = spec.gear_ratios
    return ratio * spec.final_ratio / spec.wheel_radius_m


@compiled
def curve(values, position):
    """A tabulated curve at a position in samples; the last value holds beyond the end."""
    if not position > 0.0:
        return values[0]
    position = min(position, _LAST_POINT)
    index = int(position)
    low = values[index]
    return low + (values[index + 1] - low) * (position - index)


@compiled
def choose_gear(gear, shift_timer_s, engine_fraction, mechanics):
    """Let an automatic gearbox shift by at most one gear.

    Args:
        gear: current forward gear, 1 up to the highest.
        shift_timer_s: time left of a running change; no shift while above 0.
        engine_fraction: engine speed over its maximum.
        mechanics: record of `PARAMETERS_DTYPE`.

    Returns:
        New gear and shift timer.
    """
    if shift_timer_s > 0.0:
        return gear, shift_timer_s
    if engine_fraction > mechanics.shift_up and gear < mechanics.top_gear:
        return gear + 1.0, mechanics.switch_time_s
    if engine_fraction < mechanics.shift_down and gear > 1.0:
        return gear - 1.0, mechanics.switch_time_s
    return gear, shift_timer_s
