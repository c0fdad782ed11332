"""`TrafficEvent` and its types, with the numbers of ScenarioRunner."""

from __future__ import annotations

from enum import Enum
from typing import Any


class TrafficEventType(Enum):
    """What a criterion can notice."""

    NORMAL_DRIVING = 0
    COLLISION_STATIC = 1
    COLLISION_VEHICLE = 2
    COLLISION_PEDESTRIAN = 3
    ROUTE_DEVIATION = 4
    ROUTE_COMPLETION = 5
    ROUTE_COMPLETED = 6
    TRAFFIC_LIGHT_INFRACTION = 7
    WRONG_WAY_INFRACTION = 8
    ON_SIDEWALK_INFRACTION = 9
    STOP_INFRACTION = 10
    OUTSIDE_LANE_INFRACTION = 11
    OUTSIDE_ROUTE_LANES_INFRACTION = 12
    VEHICLE_BLOCKED = 13
    MIN_SPEED_INFRACTION = 14
    YIELD_TO_EMERGENCY_VEHICLE = 15
    SCENARIO_TIMEOUT = 16


class TrafficEvent:
    """One event: a type, a frame, a sentence and a few numbers."""

    def __init__(
        self,
        event_type: TrafficEventType,
        frame: int = 0,
        message: str = "",
        dictionary: dict[str, Any] | None = None,
    ) -> None:
        self._type = event_type
        self._frame = frame
        self._message = message
        self._dict = dictionary

    def get_type(self) -> TrafficEventType:
        return self._type

    def get_frame(self) -> int:
        return self._frame

    def set_frame(self, frame: int) -> None:
        self._frame = frame

    def set_message(self, message: str) -> None:
        self._message = message

    def get_message(self) -> str:
        """The sentence, or an empty one."""
        return self._message

    def set_dict(self, dictionary: dict[str, Any]) -> None:
        self._dict = dictionary

    def get_dict(self) -> dict[str, Any] | None:
        return self._dict
