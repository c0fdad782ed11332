"""Writes `TownArterial.xodr`: a multi-lane arterial that becomes a dual carriageway with ramps.

Run it as ``python -m carla_server.towns.make_town_arterial [output file]``.

The arterial (two or three lanes each way, 70 km/h) crosses two streets at traffic lights. Both its ends sweep round
to the north and become the two carriageways of a motorway (90 km/h). The southern one has an exit to the town and an
entry from it, the northern one an exit and an entry of a service road; each exit has a lane of its own before it,
each entry one behind it, which merges.
"""

from __future__ import annotations

import sys
from pathlib import Path

from carla_server.towns.network import Node, Pose, Profile, Street, build_network

DRIVING, SIDEWALK, PARKING = ("driving", 3.5), ("sidewalk", 2.5), ("parking", 2.3)
ARTERIAL = Profile.both((DRIVING, DRIVING, ("shoulder", 1.5), SIDEWALK), 70)
BOULEVARD = Profile.both((DRIVING, DRIVING, DRIVING, SIDEWALK), 50)
STREET = Profile.both((DRIVING, SIDEWALK), 50)
PARKING_STREET = Profile.both((DRIVING, PARKING, SIDEWALK), 30)
BIKING_STREET = Profile.both((DRIVING, ("biking", 1.6), SIDEWALK), 30)
TWO = Profile((("driving", 3.6), ("driving", 3.6), ("shoulder", 2.5)), (("shoulder", 0.8),), 90)
THREE = Profile((("driving", 3.6),) * 3 + (("shoulder", 2.5),), (("shoulder", 0.8),), 90)
RAMP = Profile((("driving", 3.8), ("shoulder", 1.5)), (("shoulder", 0.8),), 50)
SERVICE = Profile((("driving", 3.8), PARKING, SIDEWALK), (("shoulder", 0.8),), 30)

WEST, EAST = 200.0, 340.0
NORTH_M, SOUTH_M = 110.0, -110.0
EASTBOUND_M, WESTBOUND_M, MIDDLE_M = 204.0, 220.0, 212.0
"""y of the carriageways' left edges and of the motorway's middle."""

HALF_M = 12.0
"""Half the length of a junction where lanes split or merge."""


def _carriageway() -> tuple[dict[str, Node], list[Street]]:
    """Both carriageways with their splits and merges, and the ramps."""
    nodes: dict[str, Node] = {
        "motorway_west": Node(50.0, MIDDLE_M, speed_kmh=70),
        "motorway_east": Node(490.0, MIDDLE_M, speed_kmh=70),
    }
    streets: list[Street] = []
    stops = (("widen", 100.0), ("exit", 160.0), ("entry", 380.0), ("narrow", 440.0))
    for side, y, eastward in (("eastbound", EASTBOUND_M, True), ("westbound", WESTBOUND_M, False)):
        heading = 0.0 if eastward else 180.0
        order = [(f"{side}_{key}", x if eastward else 540.0 - x) for key, x in stops]
        for key, x in order:
            is_ramp = key.endswith(("exit", "entry"))
            nodes[key] = Node(x, y, straight_deg=4.0 if is_ramp else 40.0, spread=not is_ramp, speed_kmh=90)
        begin, end = ("motorway_west", "motorway_east") if eastward else ("motorway_east", "motorway_west")
        chain = [(begin, nodes[begin].x_m), *order, (end, nodes[end].x_m)]
        step = 1.0 if eastward else -1.0
        for index, profile in enumerate((TWO, THREE, TWO, THREE, TWO)):
            (a, xa), (b, xb) = chain[index], chain[index + 1]
            margin_a, margin_b = (25.0 if index == 0 else HALF_M), (25.0 if index == 4 else HALF_M)
            leaves = Pose(xa + step * margin_a, y, heading)
            arrives = Pose(xb - step * margin_b, y, heading + 180.0)
            streets.append(Street(f"{side}_{index}", a, b, profile, leaves, arrives))
    # ramps leave and join beside the outermost lane; their own lane is on the right of their line
    streets.append(
        Street(
            "exit_ramp",
            "eastbound_exit",
            "town_west",
            RAMP,
            Pose(160.0 + HALF_M + 2.0, EASTBOUND_M - 7.8, -8.0),
            90.0,
            (Pose(198.0, 165.0, -75.0),),
        )
    )
    streets.append(
        Street(
            "entry_ramp",
            "town_east",
            "eastbound_entry",
            RAMP,
            90.0,
            Pose(380.0 - HALF_M - 2.0, EASTBOUND_M - 7.8, 188.0),
            (Pose(342.0, 165.0, 75.0),),
        )
    )
    streets.append(
        Street(
            "service_road",
            "westbound_exit",
            "westbound_entry",
            SERVICE,
            Pose(380.0 - HALF_M - 2.0, WESTBOUND_M + 7.8, 172.0),
            Pose(160.0 + HALF_M + 2.0, WESTBOUND_M + 7.8, 8.0),
            (Pose(320.0, 250.0, 180.0), Pose(220.0, 250.0, 180.0)),
        )
    )
    return nodes, streets


def build_opendrive() -> str:
    """TownArterial as OpenDRIVE text."""
    nodes, streets = _carriageway()
    nodes |= {
        "main_west": Node(WEST, 0.0, mouth_m=22.0, control="signal"),
        "main_east": Node(EAST, 0.0, mouth_m=22.0, control="signal"),
        "town_west": Node(WEST, NORTH_M, mouth_m=16.0, arm_control={"exit_ramp": "yield", "market": "yield"}),
        "town_east": Node(EAST, NORTH_M, mouth_m=16.0, arm_control={"market": "stop"}),
    }
    streets += [
        Street("boulevard", "main_west", "main_east", BOULEVARD, 0.0, 180.0),
        Street(
            "west_sweep",
            "main_west",
            "motorway_west",
            ARTERIAL,
            180.0,
            Pose(25.0, MIDDLE_M, 180.0),
            (Pose(90.0, 0.0, 180.0), Pose(-16.0, 106.0, 90.0)),
        ),
        Street(
            "east_sweep",
            "main_east",
            "motorway_east",
            ARTERIAL,
            0.0,
            Pose(515.0, MIDDLE_M, 0.0),
            (Pose(450.0, 0.0, 0.0), Pose(556.0, 106.0, 90.0)),
        ),
        Street("west_street", "main_west", "town_west", BIKING_STREET, 90.0, -90.0),
        Street("east_street", "main_east", "town_east", STREET, 90.0, -90.0),
        Street("market", "town_west", "town_east", PARKING_STREET, 0.0, 180.0),
        Street(
            "crescent",
            "main_west",
            "main_east",
            PARKING_STREET,
            -90.0,
            -90.0,
            (Pose(WEST + 35.0, SOUTH_M, 0.0), Pose(EAST - 35.0, SOUTH_M, 0.0)),
        ),
    ]
    return build_network("TownArterial", nodes, streets)


if __name__ == "__main__":
    output = Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).with_name("TownArterial.xodr")
    output.write_text(build_opendrive(), encoding="utf-8")
