"""Engine torque, automatic gearbox and steering curve of vehicles, for numbers and arrays."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from carla_server.dynamics.arithmetic import CURVE_POINTS, Arithmetic
from carla_server.dynamics.spec import VehicleSpec

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


def choose_gears(
    arithmetic: Arithmetic,
    gear: Any,
    shift_timer_s: Any,
    engine_fraction: Any,
    up_fraction: Any,
    down_fraction: Any,
    top_gear: Any,
    switch_time_s: Any,
) -> tuple[Any, Any]:
    """Let the automatic gearboxes shift by at most one gear.

    Args:
        arithmetic: of the numbers or arrays that the others are.
        gear: current forward gear, 1..top_gear.
        shift_timer_s: time left of a running change; no shift while above 0.
        engine_fraction: engine speed over its maximum.
        up_fraction, down_fraction: thresholds.
        top_gear: the highest one.
        switch_time_s: duration of a change.

    Returns:
        New gear and shift timer.
    """
    free = shift_timer_s <= 0.0
    up = free & (engine_fraction > up_fraction) & (gear < top_gear)
    down = free & (engine_fraction < down_fraction) & (gear > 1.0)
    changed = up | down
    if not arithmetic.some(changed):
        return gear, shift_timer_s
    return gear + up - down, arithmetic.where(changed, switch_time_s, shift_timer_s)
