"""Writes `TownRiver.xodr`: a river with two bridges, and a bypass that passes over a street.

Run it as ``python -m carla_server.towns.make_town_river [output file]``.

The river runs along y at x = 130 m, under a concrete bridge in the south and a steel one in the north. West of it the
bypass climbs to 6.8 m, passes over Mill Road and comes down again; its ramps rise by up to 10 %.
"""

from __future__ import annotations

import sys
from pathlib import Path

from carla_server.towns.network import Node, Pose, Profile, Street, build_network

DRIVING, SIDEWALK = ("driving", 3.5), ("sidewalk", 2.5)
BRIDGE_STREET = Profile.both((DRIVING, ("biking", 1.6), SIDEWALK), 50)
VILLAGE = Profile.both((DRIVING, SIDEWALK), 30)
MARKET = Profile.both((DRIVING, ("parking", 2.3), SIDEWALK), 30)
BYPASS = Profile.both((("driving", 3.6), ("shoulder", 1.5)), 60)

RIVER_M, BRIDGE_M, CROWN_M = 130.0, 44.0, 2.2
"""x of the river's middle; length of its bridges and their height in the middle."""

OVER_M, DECK_M = 6.8, 24.0
"""Height of the bypass above Mill Road, and half the length of its level part."""

NODES = {
    "A": Node(0.0, 0.0, control="signal"),
    "B": Node(0.0, 150.0, arm_control={"mill_road": "stop", "bypass": "yield"}),
    "C": Node(260.0, 0.0, arm_control={"park_road": "yield"}),
    "D": Node(260.0, 150.0, control="stop"),
}


def _bridge_street(name: str, start: str, end: str, y_m: float, material: str) -> Street:
    mouth_m = NODES[start].x_m + NODES[start].mouth_m
    crown = Pose(RIVER_M, y_m, 0.0, CROWN_M)
    bridge = (material, RIVER_M - mouth_m - BRIDGE_M / 2, BRIDGE_M)
    return Street(name, start, end, BRIDGE_STREET, 0.0, 180.0, (crown,), (bridge,))


STREETS = [
    _bridge_street("south_bridge", "A", "C", 0.0, "concrete"),
    _bridge_street("north_bridge", "B", "D", 150.0, "steel"),
    Street("west_street", "A", "B", MARKET, 90.0, -90.0),
    Street("east_street", "C", "D", VILLAGE, 90.0, -90.0),
    Street(
        "mill_road",
        "A",
        "B",
        VILLAGE,
        180.0,
        90.0,
        (Pose(-110.0, 0.0, 180.0), Pose(-210.0, 90.0, 95.0), Pose(-115.0, 230.0, 10.0)),
    ),
    Street(
        "bypass",
        "B",
        "A",
        BYPASS,
        180.0,
        -90.0,
        (
            Pose(-110.0, 122.0, -90.0),
            Pose(-110.0, DECK_M, -90.0, OVER_M),
            Pose(-110.0, -DECK_M, -90.0, OVER_M),
            Pose(-110.0, -127.0, -90.0),
            Pose(-55.0, -180.0, 0.0),
            Pose(0.0, -125.0, 90.0),
        ),
    ),
    Street("park_road", "C", "D", VILLAGE, 0.0, 0.0, (Pose(370.0, 75.0, 90.0),)),
]


def build_opendrive() -> str:
    """TownRiver as OpenDRIVE text."""
    return build_network("TownRiver", NODES, STREETS, digits=9)


if __name__ == "__main__":
    output = Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).with_name("TownRiver.xodr")
    output.write_text(build_opendrive(), encoding="utf-8")
