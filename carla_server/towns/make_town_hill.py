"""Writes `TownHill.xodr`: country roads over hills, with bends and junctions without traffic lights but one.

Run it as ``python -m carla_server.towns.make_town_hill [output file]``.

Six junctions between 0 m and 26 m of height, a pass of 33 m in the north and a valley road below zero in the south;
slopes up to about 14 %. Only the market place (B) has traffic lights; elsewhere side roads stop or give way.
"""

from __future__ import annotations

import sys
from pathlib import Path

from carla_server.towns.network import Node, Pose, Profile, Street, build_network

DRIVING, SIDEWALK = ("driving", 3.5), ("sidewalk", 2.2)
COUNTRY = Profile.both((("driving", 3.6), ("shoulder", 1.5)), 60)
PASS = Profile.both((DRIVING, ("shoulder", 1.0)), 50)
VILLAGE = Profile.both((DRIVING, SIDEWALK), 30)
MARKET = Profile.both((DRIVING, ("parking", 2.3), SIDEWALK), 30)
CYCLING = Profile.both((DRIVING, ("biking", 1.6), SIDEWALK), 40)

NODES = {
    "A": Node(0.0, 0.0, 0.0, arm_control={"mill_lane": "yield"}),
    "B": Node(170.0, 30.0, 7.0, control="signal"),
    "C": Node(345.0, -20.0, 14.0, arm_control={"orchard_road": "stop"}),
    "D": Node(40.0, 185.0, 11.0, arm_control={"church_street": "stop"}),
    "E": Node(200.0, 195.0, 20.0, control="stop"),
    "F": Node(365.0, 170.0, 26.0, arm_control={"ridge_street": "yield"}),
}

STREETS = [
    Street("market_street", "A", "B", MARKET, 15.0, 180.0, (Pose(85.0, 8.0, 12.0, 5.0),)),
    Street("castle_street", "B", "C", VILLAGE, 0.0, 170.0, (Pose(255.0, 22.0, -25.0, 7.0),)),
    Street("mill_lane", "A", "D", CYCLING, 95.0, -100.0, (Pose(2.0, 95.0, 75.0, 5.5),)),
    Street("church_street", "D", "E", VILLAGE, 5.0, 185.0, (Pose(118.0, 205.0, -8.0, 15.5),)),
    Street("brook_lane", "B", "E", CYCLING, 85.0, -95.0, (Pose(196.0, 112.0, 95.0, 13.5),)),
    Street("ridge_street", "E", "F", MARKET, -5.0, 180.0, ()),
    Street("orchard_road", "C", "F", COUNTRY, 80.0, -95.0, (Pose(372.0, 75.0, 100.0, 20.0),)),
    Street(
        "valley_road",
        "A",
        "C",
        COUNTRY,
        -75.0,
        -100.0,
        (Pose(60.0, -125.0, -25.0, -5.0), Pose(180.0, -130.0, 20.0, -2.0), Pose(290.0, -120.0, 10.0, 7.0)),
    ),
    Street(
        "pass_road",
        "D",
        "F",
        PASS,
        110.0,
        80.0,
        (
            Pose(60.0, 290.0, 40.0, 20.0),
            Pose(150.0, 285.0, -35.0, 27.0),
            Pose(225.0, 300.0, 40.0, 33.0),
            Pose(320.0, 305.0, -35.0, 33.5),
        ),
    ),
]


def build_opendrive() -> str:
    """TownHill as OpenDRIVE text."""
    return build_network("TownHill", NODES, STREETS)


if __name__ == "__main__":
    output = Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).with_name("TownHill.xodr")
    output.write_text(build_opendrive(), encoding="utf-8")
