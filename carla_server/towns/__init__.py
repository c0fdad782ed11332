"""The towns that ship with the server, and which of them a driver may learn from.

The maps are data (`.xodr`); `make_town_*.py` beside them wrote them with roadgen, which a server does not need.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Split(StrEnum):
    """What a town may be used for."""

    TRAINING = "training"
    HELD_OUT = "held out"
    """Never record training data or tune anything here: it shows how a driver does in a place it has not seen."""

    NEITHER = "neither"
    """To see and to try out; no figure is of it, and nothing that ships has learned from it."""


@dataclass(frozen=True)
class ShippedTown:
    """Facts of one town.

    Attributes:
        driving_lanes_m: length of all driving lanes outside junctions.
        junctions: how many; lit_junctions of them have traffic lights.
        climb_m: height of the highest road over the lowest.
        limits_kmh: speed limits that occur.
    """

    name: str
    split: Split
    topology: str
    driving_lanes_m: int
    junctions: int
    lit_junctions: int
    climb_m: float
    limits_kmh: tuple[int, ...]


SHIPPED_TOWNS = (
    ShippedTown(
        "TownGrid",
        Split.TRAINING,
        "grid of streets with an avenue, parking, bicycle lanes and a small hill",
        4116,
        12,
        4,
        4.5,
        (30, 50),
    ),
    ShippedTown(
        "TownRing",
        Split.TRAINING,
        "ring road round a village with curved streets and two roundabouts",
        3686,
        14,
        2,
        0.0,
        (30, 50),
    ),
    ShippedTown(
        "TownArterial",
        Split.HELD_OUT,
        "multi-lane arterial that becomes a dual carriageway with exits, entries and merges",
        6418,
        14,
        2,
        0.0,
        (30, 50, 70, 90),
    ),
    ShippedTown(
        "TownHill",
        Split.HELD_OUT,
        "country roads over hills with bends; side roads stop or give way",
        4092,
        6,
        1,
        38.5,
        (30, 40, 50, 60),
    ),
    ShippedTown(
        "TownRiver",
        Split.NEITHER,
        "river with a concrete and a steel bridge; a bypass that passes over a street",
        4388,
        4,
        1,
        6.8,
        (30, 50, 60),
    ),
)
"""Every shipped town; a test compares the figures with the maps."""


def towns_of(split: Split) -> tuple[str, ...]:
    """Names of the shipped towns of a split, in the order of the table."""
    return tuple(town.name for town in SHIPPED_TOWNS if town.split is split)
