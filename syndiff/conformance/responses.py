"""Figures out of a recorded drive: pure functions of arrays, so that they can be tested without a simulator."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

KMH = 1.0 / 3.6
"""One km/h in m/s."""


@dataclass(frozen=True)
class Trace:
    """One vehicle's motion, one row per tick.

    Attributes:
        time_s: (N,) seconds since the drive's first tick.
        along_m, right_m: (N,) position of the vehicle's origin on the track.
        heading_rad: (N,) unwrapped, 0 along the track, positive to the right.
        speed_mps: (N,) speed along the vehicle's own forward axis.
        yaw_rate_rps: (N,) positive to the right.
        roll_deg: (N,) as CARLA gives it.
        throttle, brake, steer: (N,) what was commanded for the tick.
    """

    time_s: np.ndarray
    along_m: np.ndarray
    right_m: np.ndarray
    heading_rad: np.ndarray
    speed_mps: np.ndarray
    yaw_rate_rps: np.ndarray
    roll_deg: np.ndarray
    throttle: np.ndarray
    brake: np.ndarray
    steer: np.ndarray

    @property
    def path_m(self) -> np.ndarray:
        """(N,) metres driven since the first row."""
        steps = np.hypot(np.diff(self.along_m), np.diff(self.right_m))
        return np.concatenate([[0.0], np.cumsum(steps)])

    def since(self, row: int) -> Trace:
        """The rows from `row` on, same clock."""
        return Trace(*(getattr(self, name)[row:] for name in self.__dataclass_fields__))


def time_to_speed_s(trace: Trace, speed_mps: float) -> float:
    """Seconds from the first throttle until a speed is reached, interpolated between ticks; nan if it never is."""
    pressed = np.flatnonzero(trace.throttle > 0.0)
    if not len(pressed):
        return float("nan")
    began = max(int(pressed[0]) - 1, 0)
    above = np.flatnonzero(trace.speed_mps[began:] >= speed_mps)
    if not len(above) or above[0] == 0:
        return float("nan")
    row = began + int(above[0])
    low, high = trace.speed_mps[row - 1], trace.speed_mps[row]
    part = (speed_mps - low) / max(high - low, 1e-9)
    moment_s = trace.time_s[row - 1] + part * (trace.time_s[row] - trace.time_s[row - 1])
    return float(moment_s - trace.time_s[began])


def braking_distance_m(trace: Trace, from_mps: float, still_mps: float = 0.1) -> float:
    """Metres from the full brake's command to rest, scaled by the speed's square to exactly `from_mps`.

    Returns:
        nan if the trace has no braking from within 10 % of that speed, or does not come to rest.
    """
    for row in np.flatnonzero((trace.brake[1:] > 0.5) & (trace.brake[:-1] <= 0.5)):
        began = int(row)  # the last row before the brake acts
        speed_mps = trace.speed_mps[began]
        stopped = np.flatnonzero(np.abs(trace.speed_mps[began:]) < still_mps)
        if abs(speed_mps - from_mps) > 0.1 * from_mps or not len(stopped):
            continue
        path_m = trace.path_m
        return float((path_m[began + int(stopped[0])] - path_m[began]) * (from_mps / speed_mps) ** 2)
    return float("nan")


def coasting_speed_mps(trace: Trace, from_mps: float, after_s: float) -> float:
    """Speed some time after the throttle was let go near `from_mps`, shifted to have begun at exactly that speed."""
    let_go = (trace.throttle[1:] == 0.0) & (trace.throttle[:-1] > 0.0) & (trace.brake[1:] == 0.0)
    for row in np.flatnonzero(let_go):
        began = int(row)
        if abs(trace.speed_mps[began] - from_mps) > 0.1 * from_mps:
            continue
        moment_s = trace.time_s[began] + after_s
        if moment_s > trace.time_s[-1]:
            continue
        return float(np.interp(moment_s, trace.time_s, trace.speed_mps) - trace.speed_mps[began] + from_mps)
    return float("nan")


def turning_circle_m(trace: Trace, last_s: float = 6.0) -> float:
    """Diameter of the circle through the last seconds of the origin's path (Kasa fit); nan if there is no arc."""
    rows = trace.time_s >= trace.time_s[-1] - last_s
    x, y = trace.along_m[rows], trace.right_m[rows]
    turned_rad = abs(trace.heading_rad[rows][-1] - trace.heading_rad[rows][0])
    if turned_rad < 0.3 or len(x) < 5:
        return float("nan")
    middle_x, middle_y = x.mean(), y.mean()
    x, y = x - middle_x, y - middle_y
    (a, b, c), *_ = np.linalg.lstsq(np.column_stack([2.0 * x, 2.0 * y, np.ones_like(x)]), x * x + y * y, rcond=None)
    return float(2.0 * np.sqrt(max(c + a * a + b * b, 0.0)))


def settled(values: np.ndarray, time_s: np.ndarray, last_s: float = 1.5) -> float:
    """Mean over the last seconds."""
    return float(values[time_s >= time_s[-1] - last_s].mean())


def rise_time_s(values: np.ndarray, time_s: np.ndarray, share: float = 0.9) -> float:
    """Seconds from the first row until a share of the settled value is reached, interpolated; nan if it never is."""
    target = share * settled(values, time_s)
    reached = np.flatnonzero(values >= target) if target > 0.0 else np.flatnonzero(values <= target)
    if not len(reached) or reached[0] == 0:
        return float("nan")
    row = int(reached[0])
    part = (target - values[row - 1]) / (values[row] - values[row - 1])
    return float(time_s[row - 1] + part * (time_s[row] - time_s[row - 1]) - time_s[0])
