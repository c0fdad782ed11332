"""Writes `TownRing.xodr`: a ring road, two roundabouts and curved village streets.

Run it as ``python -m carla_server.towns.make_town_ring [output file]``.

A two-lane ring road (50 km/h) of about 1.2 km runs round a village. Four curved streets lead inwards to a roundabout
in the middle; two more join them halfway. The eastern junction of the ring is a roundabout too, the northern and
the southern one have traffic lights, the western one gives way.
"""

from __future__ import annotations

import math
import sys
from pathlib import Path

from carla_server.towns.network import Node, Pose, Profile, Street, build_network

RING_M = 185.0
ROUNDABOUT_M = 22.0
"""Radius of a roundabout's lane's inner edge."""

DRIVING, SIDEWALK = ("driving", 3.5), ("sidewalk", 2.5)
RING_ROAD = Profile.both((DRIVING, ("shoulder", 1.5), SIDEWALK), 50)
RING_BIKING = Profile.both((DRIVING, ("biking", 1.6), SIDEWALK), 50)
STREET = Profile.both((DRIVING, SIDEWALK), 30)
PARKING = Profile.both((DRIVING, ("parking", 2.3), SIDEWALK), 30)
CIRCLE = Profile((("driving", 4.5), SIDEWALK), (("shoulder", 0.8),), 30)
INNER = {"north": 96.0, "west": 188.0, "south": 263.0, "east": 4.0}
"""Direction of each inner street at the middle, degrees."""

RING = {"north": 105.0, "west": 190.0, "south": 280.0}
"""Direction of the ring's junctions, degrees."""


def _on_circle(center: tuple[float, float], radius_m: float, degrees: float) -> tuple[float, float]:
    turn = math.radians(degrees)
    return center[0] + radius_m * math.cos(turn), center[1] + radius_m * math.sin(turn)


def _roundabout(
    name: str, center: tuple[float, float], exits: dict[str, float]
) -> tuple[dict[str, Node], list[Street], dict[str, Pose]]:
    """Nodes, arcs (driven counter-clockwise) and the mouth of each exit, heading outwards."""
    mouth_m, outward_m = 11.0, 13.5
    half = math.degrees(mouth_m / ROUNDABOUT_M)
    nodes, arcs, mouths = {}, [], {}
    order = sorted(exits.items(), key=lambda item: item[1])
    for (key, degrees), (following, next_degrees) in zip(order, order[1:] + order[:1], strict=True):
        x, y = _on_circle(center, ROUNDABOUT_M, degrees)
        entries = dict.fromkeys((key, f"{key}_inner"), "yield")
        nodes[f"{name}_{key}"] = Node(x, y, arm_control=entries)
        px, py = _on_circle(center, ROUNDABOUT_M + outward_m, degrees)
        mouths[key] = Pose(px, py, degrees)
        a, b = degrees + half, (next_degrees if next_degrees > degrees else next_degrees + 360.0) - half
        ax, ay = _on_circle(center, ROUNDABOUT_M, a)
        bx, by = _on_circle(center, ROUNDABOUT_M, b)
        leaves, arrives = Pose(ax, ay, a + 90.0), Pose(bx, by, b - 90.0)
        arcs.append(Street(f"{name}_arc_{key}", f"{name}_{key}", f"{name}_{following}", CIRCLE, leaves, arrives))
    return nodes, arcs, mouths


def build_opendrive() -> str:
    """TownRing as OpenDRIVE text."""
    east_center = (RING_M, 0.0)
    nodes, streets, inner = _roundabout("middle", (0.0, 0.0), INNER)
    east_nodes, east_arcs, outer = _roundabout(
        "gate", east_center, {"ring_north": 80.0, "east": 180.0, "ring_south": 280.0}
    )
    nodes |= east_nodes
    streets += east_arcs
    controls = {"north": ("signal", {}), "west": ("none", {"west_outer": "yield"}), "south": ("signal", {})}
    for key, degrees in RING.items():
        x, y = _on_circle((0.0, 0.0), RING_M, degrees)
        control, arm_control = controls[key]
        nodes[key] = Node(x, y, control=control, arm_control=arm_control)
    for key, distance_m in (("north", 104.0), ("west", 100.0), ("south", 104.0), ("east", 108.0)):
        far = RING.get(key, 0.0)
        x, y = _on_circle((0.0, 0.0), distance_m, (INNER[key] + far) / 2 if key != "east" else -4.0)
        # village crossings: the side street stops
        nodes[f"village_{key}"] = Node(x, y, mouth_m=13.0, arm_control={"lane_nw": "stop", "lane_se": "stop"})
    # the inner streets, in two parts each
    for key, profile in (("north", PARKING), ("west", STREET), ("south", PARKING), ("east", STREET)):
        village = nodes[f"village_{key}"]
        outward = math.degrees(math.atan2(village.y_m, village.x_m))
        streets.append(
            Street(f"{key}_inner", f"middle_{key}", f"village_{key}", profile, inner[key], outward + 180.0)
        )
        if key == "east":
            streets.append(Street("east", "village_east", "gate_east", profile, outward, outer["east"]))
        else:
            streets.append(Street(f"{key}_outer", f"village_{key}", key, profile, outward, RING[key] + 180.0))
    # two curved lanes through the village
    for name, a, b, turn_a, turn_b in (
        ("lane_nw", "north", "west", 90.0, -90.0),
        ("lane_se", "south", "east", 90.0, -90.0),
    ):
        first, second = nodes[f"village_{a}"], nodes[f"village_{b}"]
        leaves = math.degrees(math.atan2(first.y_m, first.x_m)) + turn_a
        arrives = math.degrees(math.atan2(second.y_m, second.x_m)) + turn_b
        streets.append(Street(name, f"village_{a}", f"village_{b}", STREET, leaves, arrives))
    # the ring road
    streets += [
        Street("ring_ne", "gate_ring_north", "north", RING_ROAD, outer["ring_north"], RING["north"] - 90.0),
        Street("ring_nw", "north", "west", RING_BIKING, RING["north"] + 90.0, RING["west"] - 90.0),
        Street("ring_sw", "west", "south", RING_BIKING, RING["west"] + 90.0, RING["south"] - 90.0),
        Street("ring_se", "south", "gate_ring_south", RING_ROAD, RING["south"] + 90.0, outer["ring_south"]),
    ]
    for key in ("ring_north", "ring_south"):
        node = nodes[f"gate_{key}"]
        street = {"ring_north": "ring_ne", "ring_south": "ring_se"}[key]
        nodes[f"gate_{key}"] = Node(node.x_m, node.y_m, arm_control={street: "yield"})
    return build_network("TownRing", nodes, streets)


if __name__ == "__main__":
    output = Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).with_name("TownRing.xodr")
    output.write_text(build_opendrive(), encoding="utf-8")
