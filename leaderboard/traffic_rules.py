"""Criteria for the rules of the road: red lights, stop signs, staying on the lanes.

Geometry and constants follow the CARLA leaderboard 2.x criteria (scenario_runner, `atomic_criteria.py`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from leaderboard.criteria import TickFacts
from leaderboard.infractions import Infraction, InfractionKind


@dataclass(frozen=True)
class StopLine:
    """Where a traffic light wants cars to stop.

    Attributes:
        light_id: actor id of the light.
        left_m, right_m: ends of the line across one lane, (x, y) in the world.
        yaw_rad: direction of the lane.
    """

    light_id: int
    left_m: tuple[float, float]
    right_m: tuple[float, float]
    yaw_rad: float

    @classmethod
    def across_lane(
        cls, light_id: int, center_m: tuple[float, float], yaw_rad: float, lane_width_m: float
    ) -> StopLine:
        """A line 1.2 lane widths wide through a lane's centre."""
        half_m = 0.6 * lane_width_m
        across = (-np.sin(yaw_rad) * half_m, np.cos(yaw_rad) * half_m)
        left = (center_m[0] - across[0], center_m[1] - across[1])
        right = (center_m[0] + across[0], center_m[1] + across[1])
        return cls(light_id, left, right, yaw_rad)


class RedLightCriterion:
    """Fires when the tail of the ego crosses the stop line of a red light in the lane's direction.

    Args:
        stop_lines: one per light and lane.
        half_length_m: half the ego's length.
    """

    def __init__(self, stop_lines: Sequence[StopLine], half_length_m: float) -> None:
        self._light_ids = [line.light_id for line in stop_lines]
        self._left = np.array([line.left_m for line in stop_lines], dtype=np.float64).reshape(-1, 2)
        self._right = np.array([line.right_m for line in stop_lines], dtype=np.float64).reshape(-1, 2)
        yaw_rad = np.array([line.yaw_rad for line in stop_lines], dtype=np.float64)
        self._forward = np.stack([np.cos(yaw_rad), np.sin(yaw_rad)], axis=1).reshape(-1, 2)
        self._tail_m = (-0.8 * half_length_m, -half_length_m - 1.0)
        self._last_light_id: int | None = None

    def update(self, facts: TickFacts) -> list[Infraction]:
        if not facts.red_light_ids or not self._light_ids:
            return []
        heading = np.array([np.cos(facts.yaw_rad), np.sin(facts.yaw_rad)])
        front, back = (facts.position_in_world_m[:2] + offset * heading for offset in self._tail_m)
        crossed = _segments_cross(front, back, self._left, self._right) & (self._forward @ heading > 0.0)
        for index in np.flatnonzero(crossed):
            light_id = self._light_ids[index]
            if light_id in facts.red_light_ids and light_id != self._last_light_id:
                self._last_light_id = light_id
                message = f"Agent ran a red light {light_id} at {facts.place()}"
                return [facts.infraction(InfractionKind.RED_LIGHT, message)]
        return []

    def finish(self, facts: TickFacts) -> list[Infraction]:
        return []


def _segments_cross(a: np.ndarray, b: np.ndarray, c: np.ndarray, d: np.ndarray) -> np.ndarray:
    """Whether the segment a-b, each (2,), meets each of the segments c-d, each (N, 2)."""

    def side(p: np.ndarray, q: np.ndarray, r: np.ndarray) -> np.ndarray:
        u, v = q - p, r - p
        return u[..., 0] * v[..., 1] - u[..., 1] * v[..., 0]

    return (side(a, b, c) * side(a, b, d) <= 0.0) & (side(c, d, a) * side(c, d, b) <= 0.0)


@dataclass(frozen=True)
class StopBox:
    """The trigger volume of a stop sign, seen from above.

    Attributes:
        sign_id: actor id of the sign.
        center_m: (x, y) in the world.
        extent_m: half sizes along the box's own axes.
        box_yaw_rad: direction of the box's x axis.
        lane_yaw_rad: direction of the lane it guards.
    """

    sign_id: int
    center_m: tuple[float, float]
    extent_m: tuple[float, float]
    box_yaw_rad: float
    lane_yaw_rad: float

    def holds(self, position_m: np.ndarray, margin: float) -> bool:
        """Whether a point lies in the box enlarged by a factor."""
        dx, dy = float(position_m[0]) - self.center_m[0], float(position_m[1]) - self.center_m[1]
        cos, sin = np.cos(self.box_yaw_rad), np.sin(self.box_yaw_rad)
        along, across = cos * dx + sin * dy, -sin * dx + cos * dy
        return bool(abs(along) <= margin * self.extent_m[0] and abs(across) <= margin * self.extent_m[1])


class StopSignCriterion:
    """Fires when the ego leaves a stop sign's box without having stood still in it.

    Args:
        boxes: trigger volumes of the stop signs.
    """

    margin = 1.2
    near_m = 12.0
    standing_mps = 0.1

    def __init__(self, boxes: Sequence[StopBox]) -> None:
        self._boxes = list(boxes)
        self._centers = np.array([box.center_m for box in boxes], dtype=np.float64).reshape(-1, 2)
        self._slowest_mps: dict[int, float] = {}

    def update(self, facts: TickFacts) -> list[Infraction]:
        if not self._boxes:
            return []
        here = facts.position_in_world_m[:2]
        near = np.flatnonzero(np.abs(self._centers - here).max(axis=1) < self.near_m)
        inside = set()
        for index in near:
            box = self._boxes[index]
            with_lane = np.cos(facts.yaw_rad - box.lane_yaw_rad) > 0.0
            if with_lane and box.holds(here, self.margin):
                inside.add(box.sign_id)
                slowest = self._slowest_mps.get(box.sign_id, facts.speed_mps)
                self._slowest_mps[box.sign_id] = min(slowest, facts.speed_mps)
        found = []
        for sign_id in [known for known in self._slowest_mps if known not in inside]:
            if self._slowest_mps.pop(sign_id) >= self.standing_mps:
                message = f"Agent ran a stop with id={sign_id} at {facts.place()}"
                found.append(facts.infraction(InfractionKind.STOP, message))
        return found

    def finish(self, facts: TickFacts) -> list[Infraction]:
        return []


class OutsideLanesCriterion:
    """Measures how much of the completed route was driven off the lanes; reports once, at the end.

    The event's tick and place are those where the ego first left the lanes.
    """

    def __init__(self) -> None:
        self._outside_m = 0.0
        self._left: TickFacts | None = None
        self._last_progress_m: float | None = None

    def update(self, facts: TickFacts) -> list[Infraction]:
        if self._last_progress_m is not None and facts.outside_lanes:
            self._outside_m += max(0.0, facts.route_progress_m - self._last_progress_m)
            self._left = self._left if self._left is not None else facts
        self._last_progress_m = facts.route_progress_m
        return []

    def finish(self, facts: TickFacts) -> list[Infraction]:
        if self._left is None or self._outside_m <= 0.0:
            return []
        percentage = min(100.0, 100.0 * self._outside_m / max(facts.route_progress_m, 1e-3))
        message = (
            f"Agent went outside its route lanes for about {round(self._outside_m, 3)} meters "
            f"({round(percentage, 2)}% of the completed route)"
        )
        return [self._left.infraction(InfractionKind.OUTSIDE_LANES, message, percentage)]
