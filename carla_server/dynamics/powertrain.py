"""Engine torque, automatic gearbox and steering curve of many vehicles at once."""

from __future__ import annotations

import math

import numpy as np

from carla_server.dynamics.spec import VehicleSpec

CURVE_POINTS = 65
"""Samples per tabulated curve; curves are read by linear interpolation."""

MAX_GEARS = 16
STEERING_TABLE_MPS = 70.0
"""Speed at the end of the steering table; beyond it the last value holds."""

IDLE_RPM = 800.0
RPM_PER_RADPS = 60.0 / (2.0 * math.pi)


def torque_table(spec: VehicleSpec) -> np.ndarray:
    """Torque at full throttle over 0..max_rpm, (CURVE_POINTS,) float64, N m."""
    rpm, torque_nm = np.asarray(spec.torque_curve, dtype=np.float64).T
    return np.interp(np.linspace(0.0, spec.max_rpm, CURVE_POINTS), rpm, torque_nm)


def steering_table(spec: VehicleSpec) -> np.ndarray:
    """Share of the largest steering angle over 0..STEERING_TABLE_MPS, (CURVE_POINTS,) float64."""
    speed_kmh, share = np.asarray(spec.steering_curve, dtype=np.float64).T
    return np.interp(np.linspace(0.0, STEERING_TABLE_MPS * 3.6, CURVE_POINTS), speed_kmh, share)


def gear_table(spec: VehicleSpec) -> np.ndarray:
    """Total ratio by gear number, (MAX_GEARS + 2,) float64: index 0 neutral, 1.. forward, last reverse (negative)."""
    table = np.zeros(MAX_GEARS + 2)
    table[1 : len(spec.gear_ratios) + 1] = spec.gear_ratios
    table[-1] = -spec.gear_ratios[0]
    return table * spec.final_ratio


def read_tables(tables: np.ndarray, position: np.ndarray, rows: np.ndarray) -> np.ndarray:
    """Read one value from each row by linear interpolation.

    Args:
        tables: (N, CURVE_POINTS) float64.
        position: (N,) float64 in units of samples; clipped to the table.
        rows: (N,) int64, `arange(N) * CURVE_POINTS`.

    Returns:
        (N,) float64.
    """
    position = np.minimum(np.maximum(position, 0.0), CURVE_POINTS - 1.000001)
    index = position.astype(np.int64)
    fraction = position - index
    index += rows
    flat = tables.ravel()
    low = flat[index]
    return low + (flat[index + 1] - low) * fraction


def choose_gears(
    gear: np.ndarray,
    shift_timer_s: np.ndarray,
    engine_fraction: np.ndarray,
    up_fraction: np.ndarray,
    down_fraction: np.ndarray,
    top_gear: np.ndarray,
    switch_time_s: np.ndarray,
) -> tuple[np.ndarray, np.ndarray]:
    """Let the automatic gearboxes shift by at most one gear.

    Args:
        gear: (N,) int64 current forward gear, 1..top_gear.
        shift_timer_s: (N,) float64 time left of a running change; no shift while above 0.
        engine_fraction: (N,) float64 engine speed over its maximum.
        up_fraction, down_fraction: (N,) float64 thresholds.
        top_gear: (N,) int64.
        switch_time_s: (N,) float64 duration of a change.

    Returns:
        New gear (N,) int64 and shift timer (N,) float64.
    """
    free = shift_timer_s <= 0.0
    up = free & (engine_fraction > up_fraction) & (gear < top_gear)
    down = free & (engine_fraction < down_fraction) & (gear > 1)
    changed = up | down
    if not np.count_nonzero(changed):
        return gear, shift_timer_s
    return gear + up - down, np.where(changed, switch_time_s, shift_timer_s)
