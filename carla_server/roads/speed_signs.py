"""Speed limits that signs post along a road, for maps whose road types do not say them."""

from __future__ import annotations

import re
from collections.abc import Iterator

import numpy as np

from carla_server.roads.opendrive import Road, Signal

SPEED = "274"
"""OpenDRIVE signal type of a speed limit."""

_NAMED = re.compile(r"Speed_(\d{1,3})")


def speed_signs(road: Road) -> Iterator[tuple[Signal, int]]:
    """The road's own speed signs and their limits in km/h.

    CARLA's Town01 and Town02 have theirs as objects named `Speed_60` instead of as signals; they stand on the side
    of the lanes that they govern.
    """
    for signal in road.signals:
        if signal.kind == SPEED and not signal.is_reference:
            text = signal.subtype if signal.subtype.isdigit() else signal.name.rpartition("_")[2]
            if text.isdigit() and 0 < int(text) < 1000:
                yield signal, int(text)
    for item in road.objects:
        named = _NAMED.fullmatch(item.name)
        if named and int(named[1]) > 0:
            lanes, orientation = (((-99, -1),), "+") if item.t_m < 0 else (((1, 99),), "-")
            yield (
                Signal(
                    item.object_id, SPEED, named[1], item.name, item.s_m, item.t_m, orientation, False, lanes, False
                ),
                int(named[1]),
            )


def posted_limit_kmh(road: Road, side: int, s_m: np.ndarray, limit_kmh: np.ndarray) -> np.ndarray:
    """Limits along one side of a road: what its signs say from each sign on, before the first sign the road's own.

    Args:
        side: +1 for the lanes with positive ids, which run against s, else -1.
        s_m: (N,) places.
        limit_kmh: (N,) limits without signs.
    """
    found = []
    for signal, kmh in speed_signs(road):
        ends = [end for span in signal.validity for end in span] or [-1 if signal.orientation == "+" else 1]
        if any(end * side > 0 for end in ends):
            found.append((signal.s_m, kmh))
    limits = limit_kmh.copy()
    for place, kmh in sorted(found, reverse=side > 0):
        limits[s_m <= place if side > 0 else s_m >= place] = kmh
    return limits
