"""Numeric sensor attributes with the ranges they must lie in."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from carla_server.wire.structs import InvalidArgument
from carla_server.world.actors import Sensor


class Range(NamedTuple):
    """Least and greatest value, both allowed."""

    least: float
    greatest: float


def read_ranges(sensor: Sensor, ranges: Mapping[str, Range]) -> dict[str, float]:
    """Values of these attributes of a sensor.

    Raises:
        InvalidArgument: one lies outside its range; the message names it and the range.
    """
    values = {}
    for name, (least, greatest) in ranges.items():
        value = float(sensor.attributes[name])
        if not least <= value <= greatest:
            raise InvalidArgument(
                f"attribute {name} of {sensor.type_id} is {value:g}, it must lie in [{least:g}, {greatest:g}]"
            )
        values[name] = value
    return values
