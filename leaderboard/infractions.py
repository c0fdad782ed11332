"""What can go wrong on a route: the twelve kinds of CARLA leaderboard 2.x and one record of each event."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class InfractionKind(StrEnum):
    """The infraction keys of a leaderboard 2.x result file, in its order."""

    COLLISION_LAYOUT = "collisions_layout"
    COLLISION_PEDESTRIAN = "collisions_pedestrian"
    COLLISION_VEHICLE = "collisions_vehicle"
    RED_LIGHT = "red_light"
    STOP = "stop_infraction"
    OUTSIDE_LANES = "outside_route_lanes"
    MIN_SPEED = "min_speed_infractions"
    YIELD_EMERGENCY = "yield_emergency_vehicle_infractions"
    SCENARIO_TIMEOUT = "scenario_timeouts"
    ROUTE_DEVIATION = "route_dev"
    BLOCKED = "vehicle_blocked"
    ROUTE_TIMEOUT = "route_timeout"


ENDS_ROUTE = frozenset({InfractionKind.ROUTE_DEVIATION, InfractionKind.BLOCKED, InfractionKind.ROUTE_TIMEOUT})
"""Kinds after which the drive stops; they cost completion, not penalty."""


@dataclass(frozen=True)
class Infraction:
    """One event.

    Attributes:
        kind: what happened.
        frame_id: ticks from the beginning of the drive to when it was noticed.
        elapsed_s: simulation time since the route began.
        position_in_world_m: (x, y, z) of the ego.
        message: the sentence that the leaderboard writes into its record.
        percentage: for OUTSIDE_LANES the share of the completed route, for MIN_SPEED the share of the traffic's
            speed, in percent; None for every other kind.
    """

    kind: InfractionKind
    frame_id: int
    elapsed_s: float
    position_in_world_m: tuple[float, float, float]
    message: str
    percentage: float | None = None

    def __post_init__(self) -> None:
        needs = self.kind in (InfractionKind.OUTSIDE_LANES, InfractionKind.MIN_SPEED)
        if needs != (self.percentage is not None):
            raise ValueError(f"percentage of {self.kind} must {'be given' if needs else 'be None'}")
        if self.percentage is not None and self.percentage < 0.0:
            raise ValueError(f"percentage must be >= 0, got {self.percentage}")
