"""Criteria that watch the ego's motion: collisions, leaving the route, standing still, taking too long.

Each criterion sees one `TickFacts` per tick and answers with the infractions it noticed. Constants are those of the
CARLA leaderboard 2.x criteria (scenario_runner, `atomic_criteria.py`).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np

from leaderboard.infractions import Infraction, InfractionKind


@dataclass(frozen=True)
class Contact:
    """A collision event: the other actor's id, its type id and where the ego was."""

    other_id: int
    other_type_id: str


@dataclass(frozen=True)
class TickFacts:
    """What the criteria may know about one tick.

    Attributes:
        frame_id: ticks since the drive began, so that equal drives give equal records.
        elapsed_s: simulation time since the route began.
        position_in_world_m: (3,) float64 ego origin.
        yaw_rad: ego heading, clockwise seen from above.
        speed_mps: ego speed.
        route_progress_m: how far along the route the ego has come; never falls.
        route_offset_m: distance from the ego to the route.
        contacts: collisions reported in this tick.
        red_light_ids: ids of the traffic lights that are red.
        outside_lanes: whether the ego is off the driving and parking lanes or on a lane against its direction.
        traffic_speed_mps: mean speed of the background traffic, or None if there is none.
    """

    frame_id: int
    elapsed_s: float
    position_in_world_m: np.ndarray
    yaw_rad: float
    speed_mps: float
    route_progress_m: float
    route_offset_m: float
    contacts: tuple[Contact, ...] = ()
    red_light_ids: frozenset[int] = frozenset()
    outside_lanes: bool = False
    traffic_speed_mps: float | None = None

    def infraction(self, kind: InfractionKind, message: str, percentage: float | None = None) -> Infraction:
        """An infraction at this tick and place."""
        x, y, z = (float(v) for v in self.position_in_world_m)
        return Infraction(kind, self.frame_id, self.elapsed_s, (x, y, z), message, percentage)

    def place(self) -> str:
        """The place as the leaderboard writes it."""
        x, y, z = (round(float(v), 3) for v in self.position_in_world_m)
        return f"(x={x}, y={y}, z={z})"


class Criterion(Protocol):
    """Watches a drive tick by tick."""

    def update(self, facts: TickFacts) -> list[Infraction]:
        """Infractions noticed in this tick."""
        ...

    def finish(self, facts: TickFacts) -> list[Infraction]:
        """Infractions that are only known when the drive is over."""
        ...


class CollisionCriterion:
    """Counts collisions once each.

    A contact is ignored while the ego stands, within 5 m of the last counted one, and with the same actor for 5 s
    after the last contact with it.
    """

    near_m = 5.0
    again_s = 5.0
    standing_mps = 0.1

    def __init__(self) -> None:
        self._last_place: np.ndarray | None = None
        self._last_seen_s: dict[int, float] = {}

    def update(self, facts: TickFacts) -> list[Infraction]:
        found: list[Infraction] = []
        for contact in facts.contacts:
            kind = collision_kind(contact.other_type_id)
            if kind is None:
                continue
            last_s = self._last_seen_s.get(contact.other_id)
            self._last_seen_s[contact.other_id] = facts.elapsed_s
            if last_s is not None and facts.elapsed_s - last_s < self.again_s:
                continue
            here = facts.position_in_world_m[:2]
            if self._last_place is not None and np.linalg.norm(here - self._last_place) < self.near_m:
                continue
            if facts.speed_mps < self.standing_mps:
                continue
            self._last_place = np.array(here, dtype=np.float64)
            found.append(
                facts.infraction(
                    kind,
                    f"Agent collided against object with type={contact.other_type_id} and id={contact.other_id} "
                    f"at {facts.place()}",
                )
            )
        return found

    def finish(self, facts: TickFacts) -> list[Infraction]:
        return []


def collision_kind(type_id: str) -> InfractionKind | None:
    """Which infraction a collision with an actor of this type is; None for kerbs and other harmless things."""
    if ("static" in type_id or "traffic" in type_id) and "sidewalk" not in type_id:
        return InfractionKind.COLLISION_LAYOUT
    if "vehicle" in type_id:
        return InfractionKind.COLLISION_VEHICLE
    if "walker" in type_id:
        return InfractionKind.COLLISION_PEDESTRIAN
    return None


class RouteDeviationCriterion:
    """Fails when the ego is > 30 m from the route, or spent > 30 % of its length more than 15 m away."""

    far_m = 30.0
    away_m = 15.0
    away_share = 0.3

    def __init__(self, route_length_m: float) -> None:
        self._allowed_away_m = self.away_share * route_length_m
        self._away_m = 0.0
        self._last_position: np.ndarray | None = None
        self._failed = False

    def update(self, facts: TickFacts) -> list[Infraction]:
        moved_m = 0.0
        if self._last_position is not None:
            moved_m = float(np.linalg.norm(facts.position_in_world_m - self._last_position))
        self._last_position = np.array(facts.position_in_world_m, dtype=np.float64)
        if facts.route_offset_m > self.away_m:
            self._away_m += moved_m
        if not self._failed and (facts.route_offset_m > self.far_m or self._away_m > self._allowed_away_m):
            self._failed = True
            message = f"Agent deviated from the route at {facts.place()}"
            return [facts.infraction(InfractionKind.ROUTE_DEVIATION, message)]
        return []

    def finish(self, facts: TickFacts) -> list[Infraction]:
        return []


class BlockedCriterion:
    """Fails when the ego moves slower than 0.1 m/s for too long.

    Args:
        limit_s: how long; the leaderboard waits 180 s, Bench2Drive 60 s.
    """

    slow_mps = 0.1

    def __init__(self, limit_s: float = 180.0) -> None:
        self.limit_s = limit_s
        self._since_s: float | None = None
        self._failed = False

    def update(self, facts: TickFacts) -> list[Infraction]:
        if facts.speed_mps >= self.slow_mps:
            self._since_s = None
        elif self._since_s is None:
            self._since_s = facts.elapsed_s
        elif not self._failed and facts.elapsed_s - self._since_s > self.limit_s:
            self._failed = True
            return [facts.infraction(InfractionKind.BLOCKED, f"Agent got blocked at {facts.place()}")]
        return []

    def finish(self, facts: TickFacts) -> list[Infraction]:
        return []


class TimeoutCriterion:
    """Fails when the drive lasts longer than its limit.

    Args:
        limit_s: simulation time allowed.
    """

    def __init__(self, limit_s: float) -> None:
        self.limit_s = limit_s
        self._failed = False

    def update(self, facts: TickFacts) -> list[Infraction]:
        if not self._failed and facts.elapsed_s > self.limit_s:
            self._failed = True
            return [facts.infraction(InfractionKind.ROUTE_TIMEOUT, "Route timeout.")]
        return []

    def finish(self, facts: TickFacts) -> list[Infraction]:
        return []
