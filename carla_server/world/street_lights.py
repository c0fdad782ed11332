"""Street lamps as the client's light manager sees them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from carla_server.roads.town import Placement, PropKind
from carla_server.wire.structs import Vector, read_array, read_bool, read_float, read_int

GROUP_STREET = 2
"""carla.LightGroup.Street."""

_LAMP_INTENSITY = 5000.0
_LAMP_COLOR = (255, 214, 160)


@dataclass(frozen=True)
class LampState:
    """One lamp: where it shines from, how strongly (in CARLA's unit), in what colour, and whether it is on."""

    position_m: Vector
    intensity: float = _LAMP_INTENSITY
    group: int = GROUP_STREET
    color: tuple[int, int, int] = _LAMP_COLOR
    active: bool = False


class StreetLights:
    """All street lamps of a town by id (their placement's instance number)."""

    def __init__(self, placements: Sequence[Placement]) -> None:
        self._lamps = {
            lamp.instance: LampState((*lamp.position_m[:2], lamp.position_m[2] + lamp.size_m[2]))
            for lamp in placements
            if lamp.kind is PropKind.STREET_LAMP
        }
        self._switched_by_hand: set[int] = set()
        self._day_night_cycle = True
        self._night = False

    def follow_day_and_night(self, active: bool) -> None:
        """Let the sun switch all lamps (as at the start), or leave them to clients as they are."""
        self._day_night_cycle = active
        if active:
            self._switched_by_hand.clear()

    def follow_sun(self, altitude_deg: float) -> None:
        """Switch the lamps that the sun switches: on while it is below the horizon."""
        self._night = altitude_deg < 0.0

    def to_wire(self) -> list:
        """List of carla.LightState arrays."""
        night = self._day_night_cycle and self._night
        by_hand = self._switched_by_hand
        return [
            [
                number,
                list(lamp.position_m),
                lamp.intensity,
                lamp.group,
                list(lamp.color),
                lamp.active if number in by_hand else night,
            ]
            for number, lamp in self._lamps.items()
        ]

    @property
    def states(self) -> tuple[LampState, ...]:
        """All lamps as they are; equal as long as nothing was switched."""
        return tuple(self._lamps.values())

    def update(self, states: Any) -> None:
        """Apply a client's list of light states; unknown ids are left out, as a client may hold an old list.

        Raises:
            InvalidArgument: an entry is malformed.
        """
        for entry in read_array(states, "light states"):
            number, _, intensity, group, color, active = read_array(entry, "light state", 6)[:6]
            lamp = self._lamps.get(read_int(number, "light id"))
            if lamp is None:
                continue
            self._switched_by_hand.add(number)
            channels = [read_int(channel, "light colour", 0, 255) for channel in read_array(color, "light colour", 3)]
            self._lamps[number] = replace(
                lamp,
                intensity=read_float(intensity, "light intensity"),
                group=read_int(group, "light group", 0, 255),
                color=(channels[0], channels[1], channels[2]),
                active=read_bool(active, "light active"),
            )
