"""Part `driving`: how vehicles answer to throttle, brake and steering."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from typing import TypeVar

import numpy as np

from carla_agents.simulator.session import Session
from syndiff.conformance.driving import drive
from syndiff.conformance.figures import Figure, Part
from syndiff.conformance.manoeuvres import Coast, Driver, SpeedAndStop, SteerAt, full_lock, lane_change, step_steer
from syndiff.conformance.responses import (
    KMH,
    Trace,
    braking_distance_m,
    coasting_speed_mps,
    rise_time_s,
    settled,
    time_to_speed_s,
    turning_circle_m,
)
from syndiff.conformance.track import Track

VEHICLES = (
    "vehicle.tesla.model3",
    "vehicle.lincoln.mkz_2020",
    "vehicle.carlamotors.carlacola",
    "vehicle.diamondback.century",
)
_SIDE_BY_SIDE_M = 16.0
_APART_ALONG_M = 150.0
_ROOM_TO_TURN_M = 30.0
_TURN_KMH, _TURN_STEER = 30.0, 0.1
_STEERING_FIGURES = {
    "lane change at 60": ("lane_change_shift_m", "lane_change_yaw_rate_dps", "lane_change_left_heading_deg"),
    "full lock right": ("turning_circle_right_m",),
    "full lock left": ("turning_circle_left_m",),
    "step steer at 30": ("turn_yaw_rate_dps", "turn_lateral_mps2", "turn_rise_time_s", "turn_roll_deg"),
}
_Item = TypeVar("_Item")


def measure_driving(session: Session, track: Track, vehicles: Sequence[str]) -> Part:
    """Step responses of each vehicle on the track.

    What a vehicle or a track cannot do (a bicycle at 100 km/h, a turning circle on a street) is a missing figure
    with its reason.
    """
    part = Part("driving")
    available = {blueprint.id for blueprint in session.world.get_blueprint_library().filter("vehicle.*")}
    present = [name for name in vehicles if name in available]
    for name in vehicles:
        if name not in available:
            part.figures[f"{name}/present"] = Figure.missing("the server has no such blueprint")
    tests: list[tuple[str, Callable[[], Driver], bool]] = [
        ("100 and stop", lambda: SpeedAndStop(100.0 * KMH), False),
        ("50, 20 and stop", lambda: SpeedAndStop(50.0 * KMH, 20.0 * KMH, give_up_s=15.0), False),
        ("coast from 50", lambda: Coast(50.0 * KMH), False),
        ("coast from 20", lambda: Coast(20.0 * KMH), False),
        ("lane change at 60", lane_change, False),
        ("full lock right", lambda: full_lock(1.0), True),
        ("full lock left", lambda: full_lock(-1.0), True),
        ("step steer at 30", lambda: step_steer(_TURN_KMH * KMH, _TURN_STEER), True),
    ]
    for test, new_driver, needs_room in tests:
        if needs_room and track.half_width_m < _ROOM_TO_TURN_M:
            reason = f"the track ({track.name}) is {2 * track.half_width_m:.0f} m wide, 60 m are needed"
            for name in present:
                for key in _STEERING_FIGURES[test]:
                    part.figures[f"{name}/{key}"] = Figure.missing(reason)
            continue
        for group in _groups(present, _at_a_time(track, needs_room)):
            drivers = [new_driver() for _ in group]
            traces = drive(session, track, _starts(group, needs_room), drivers)
            for name, driver, trace in zip(group, drivers, traces, strict=True):
                part.traces[f"{name}/{test}"] = _columns(trace)
                for key, figure in _figures(test, trace, driver).items():
                    part.figures[f"{name}/{key}"] = figure
    return part


def _figures(test: str, trace: Trace, driver: Driver) -> dict[str, Figure]:
    if isinstance(driver, SteerAt):
        if driver.began_s is None:
            top = trace.speed_mps.max() / KMH
            reason = f"it does not hold the speed of this test (top speed seen {top:.0f} km/h)"
            return {key: Figure.missing(reason) for key in _STEERING_FIGURES[test]}
        return _steering(test, trace.since(int(np.searchsorted(trace.time_s, driver.began_s + 1e-6)) - 1))
    top = trace.speed_mps.max() / KMH
    if test == "100 and stop":
        times = {kmh: time_to_speed_s(trace, kmh * KMH) for kmh in (20, 50, 80, 100)}
        seconds = {f"time_0_{kmh}_s": _reached(value, "s", top, 0.1, 0.3) for kmh, value in times.items()}
        return {
            **seconds,
            "braking_100_m": _reached(braking_distance_m(trace, 100 * KMH), "m", top, 0.1, 0.5),
            "top_speed_40_s_kmh": Figure.number(min(top, 100.0), "km/h", relative=0.05, absolute=1.0),
        }
    if test == "50, 20 and stop":
        return {
            f"braking_{kmh}_m": _reached(braking_distance_m(trace, kmh * KMH), "m", top, 0.1, 0.3) for kmh in (50, 20)
        }
    kmh = int(test.split()[-1])
    return {
        f"coasting_{kmh}_after_{after_s}_s_kmh": _reached(
            coasting_speed_mps(trace, kmh * KMH, after_s) / KMH, "km/h", top, 0.05, 1.0
        )
        for after_s in (5, 10)
    }


def _steering(test: str, trace: Trace) -> dict[str, Figure]:
    yaw_rate_dps = np.degrees(trace.yaw_rate_rps)
    if test.startswith("full lock"):
        side = test.split()[-1]
        return {f"turning_circle_{side}_m": Figure.number(turning_circle_m(trace), "m", relative=0.1, absolute=0.2)}
    if test.startswith("step steer"):
        speed_mps = settled(trace.speed_mps, trace.time_s)
        lateral_mps2 = speed_mps * settled(trace.yaw_rate_rps, trace.time_s)
        roll_deg = settled(trace.roll_deg, trace.time_s)
        return {
            "turn_yaw_rate_dps": Figure.number(settled(yaw_rate_dps, trace.time_s), "deg/s", relative=0.1),
            "turn_lateral_mps2": Figure.number(lateral_mps2, "m/s^2", relative=0.15),
            "turn_rise_time_s": Figure.number(rise_time_s(trace.yaw_rate_rps, trace.time_s), "s", absolute=0.15),
            "turn_roll_deg": Figure.number(roll_deg, "deg", absolute=1.0),
        }
    heading_rad = trace.heading_rad[0]
    dx, dy = trace.along_m - trace.along_m[0], trace.right_m - trace.right_m[0]
    moved_m = dy * math.cos(heading_rad) - dx * math.sin(heading_rad)
    turned_deg = math.degrees(trace.heading_rad[-1] - heading_rad)
    return {
        "lane_change_shift_m": Figure.number(moved_m.max(), "m", relative=0.2, absolute=0.3),
        "lane_change_yaw_rate_dps": Figure.number(np.abs(yaw_rate_dps).max(), "deg/s", relative=0.15),
        "lane_change_left_heading_deg": Figure.number(turned_deg, "deg", absolute=1.5),
    }


def _reached(value: float, unit: str, top_kmh: float, relative: float, absolute: float) -> Figure:
    if not math.isfinite(value):
        return Figure.missing(f"the vehicle reached {top_kmh:.0f} km/h only", unit)
    return Figure.number(value, unit, relative=relative, absolute=absolute)


def _columns(trace: Trace) -> dict[str, list[float]]:
    return {name: getattr(trace, name).round(4).tolist() for name in trace.__dataclass_fields__}


def _at_a_time(track: Track, needs_room: bool) -> int:
    room = track.length_m / (2.0 * _APART_ALONG_M) if needs_room else 2.0 * track.half_width_m / _SIDE_BY_SIDE_M
    return max(min(int(room), 4), 1)


def _starts(group: Sequence[str], needs_room: bool) -> list[tuple[str, float, float]]:
    if needs_room:
        return [(name, 10.0 + _APART_ALONG_M * index, 0.0) for index, name in enumerate(group)]
    return [(name, 10.0, _SIDE_BY_SIDE_M * (index - (len(group) - 1) / 2.0)) for index, name in enumerate(group)]


def _groups(items: Sequence[_Item], size: int) -> Iterator[Sequence[_Item]]:
    return (items[begin : begin + size] for begin in range(0, len(items), size))
