"""Drives vehicles on the track, several side by side, and records what they do."""

from __future__ import annotations

import math
from collections.abc import Sequence

import carla
import numpy as np

from carla_agents.simulator.frame import Control
from carla_agents.simulator.session import Session
from syndiff.conformance.manoeuvres import Driver, Now
from syndiff.conformance.responses import Trace
from syndiff.conformance.track import Track

LONGEST_S = 180.0
"""Simulated seconds after which a drive ends whatever its driver says."""


def drive(
    session: Session, track: Track, starts: Sequence[tuple[str, float, float]], drivers: Sequence[Driver]
) -> list[Trace]:
    """Let one driver per vehicle drive, all in the same ticks; the vehicles are gone afterwards.

    Args:
        session: in synchronous mode, on the track's map.
        starts: (blueprint id, metres along, metres right of the track's line) of each vehicle.
        drivers: one fresh driver each; a vehicle whose driver is done stands with the brake on.

    Returns:
        One trace each, until its driver was done.

    Raises:
        SpawnFailed: a blueprint is unknown or its place is taken.
    """
    vehicles = [session.spawn(blueprint, track.pose(along, right)) for blueprint, along, right in starts]
    rows: list[list[tuple[float, ...]]] = [[] for _ in vehicles]
    controls: list[Control | None] = [Control(brake=1.0)] * len(vehicles)
    try:
        began_s = session.snapshot().timestamp.elapsed_seconds
        while any(control is not None for control in controls):
            for vehicle, control in zip(vehicles, controls, strict=True):
                session.apply(vehicle, control if control is not None else Control(brake=1.0))
            session.tick()
            snapshot = session.snapshot()
            now_s = snapshot.timestamp.elapsed_seconds - began_s
            for index, (vehicle, driver) in enumerate(zip(vehicles, drivers, strict=True)):
                control = controls[index]
                if control is None:
                    continue
                row = _row(now_s, snapshot.find(vehicle.id), track, control)
                rows[index].append(row)
                left_m = track.length_m - row[1]
                controls[index] = driver(Now(now_s, row[4], left_m)) if now_s < LONGEST_S else None
    finally:
        session.destroy(vehicles)
        session.tick()
    return [_trace(table) for table in rows]


def _row(now_s: float, seen: carla.ActorSnapshot, track: Track, control: Control) -> tuple[float, ...]:
    pose, velocity, start = seen.get_transform(), seen.get_velocity(), track.start
    track_rad, yaw_rad = math.radians(start.rotation.yaw), math.radians(pose.rotation.yaw)
    dx, dy = pose.location.x - start.location.x, pose.location.y - start.location.y
    return (
        now_s,
        dx * math.cos(track_rad) + dy * math.sin(track_rad),
        dy * math.cos(track_rad) - dx * math.sin(track_rad),
        yaw_rad - track_rad,
        velocity.x * math.cos(yaw_rad) + velocity.y * math.sin(yaw_rad),
        math.radians(seen.get_angular_velocity().z),
        pose.rotation.roll,
        control.throttle,
        control.brake,
        control.steer,
    )


def _trace(rows: list[tuple[float, ...]]) -> Trace:
    columns = np.array(rows, np.float64).T.copy()
    columns[3] = np.unwrap(columns[3])
    return Trace(*columns)
