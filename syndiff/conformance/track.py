"""A test track made in code: one flat, straight, very wide road, served through `generate_opendrive_world`."""

from __future__ import annotations

import math
from dataclasses import dataclass

import carla

LENGTH_M = 1600.0
LANES_PER_SIDE = 9
LANE_WIDTH_M = 4.0
REFERENCE_LAT_DEG, REFERENCE_LON_DEG = 49.0, 8.0
"""Where the track lies on Earth; `sensor.other.gnss` must agree with it."""


@dataclass(frozen=True)
class Track:
    """A straight to drive on.

    Attributes:
        name: `generated`, or the map whose longest straight it is.
        start: pose of the beginning; x points along the straight.
        length_m: how far it goes.
        half_width_m: room on each side of the line.
    """

    name: str
    start: carla.Transform
    length_m: float
    half_width_m: float

    def pose(self, along_m: float, right_m: float = 0.0, up_m: float = 0.5) -> carla.Transform:
        """A pose that looks along the track, `along_m` from its start and `right_m` right of its line."""
        yaw_rad = math.radians(self.start.rotation.yaw)
        forward, right = (math.cos(yaw_rad), math.sin(yaw_rad)), (-math.sin(yaw_rad), math.cos(yaw_rad))
        at = self.start.location
        return carla.Transform(
            carla.Location(
                x=at.x + along_m * forward[0] + right_m * right[0],
                y=at.y + along_m * forward[1] + right_m * right[1],
                z=at.z + up_m,
            ),
            carla.Rotation(yaw=self.start.rotation.yaw),
        )


def opendrive() -> str:
    """The generated track as OpenDRIVE 1.4: straight along x, `LENGTH_M` by 2 x `LANES_PER_SIDE` lanes, flat."""
    left = "".join(_lane(number) for number in range(LANES_PER_SIDE, 0, -1))
    right = "".join(_lane(-number) for number in range(1, LANES_PER_SIDE + 1))
    reference = f"+proj=tmerc +lat_0={REFERENCE_LAT_DEG} +lon_0={REFERENCE_LON_DEG} +k=1 +x_0=0 +y_0=0 +datum=WGS84"
    half_m = LANES_PER_SIDE * LANE_WIDTH_M
    return (
        '<?xml version="1.0" standalone="yes"?>'
        f'<OpenDRIVE><header revMajor="1" revMinor="4" name="conformance" version="1" north="{half_m}" '
        f'south="-{half_m}" east="{LENGTH_M}" west="0"><geoReference><![CDATA[{reference}]]></geoReference></header>'
        f'<road name="track" length="{LENGTH_M}" id="1" junction="-1"><link/>'
        '<type s="0" type="motorway"><speed max="130" unit="km/h"/></type>'
        f'<planView><geometry s="0" x="0" y="0" hdg="0" length="{LENGTH_M}"><line/></geometry></planView>'
        '<elevationProfile><elevation s="0" a="0" b="0" c="0" d="0"/></elevationProfile><lateralProfile/>'
        f'<lanes><laneSection s="0"><left>{left}</left><center><lane id="0" type="none" level="false">'
        '<roadMark sOffset="0" type="solid" weight="standard" color="white" width="0.15" laneChange="none"/>'
        f"</lane></center><right>{right}</right></laneSection></lanes></road></OpenDRIVE>"
    )


def generated_track() -> Track:
    """Where to drive on the generated road; its line is the middle, 10 m after the beginning."""
    half_m = LANES_PER_SIDE * LANE_WIDTH_M
    return Track("generated", carla.Transform(carla.Location(x=10.0)), LENGTH_M - 20.0, half_m)


def longest_straight(road_map: carla.Map, *, step_m: float = 5.0, tolerance_deg: float = 0.5) -> Track:
    """The longest run of one lane whose heading stays within a tolerance.

    Args:
        road_map: any map.
        step_m: distance between the points looked at.
        tolerance_deg: how far the heading may leave that of the start.

    Raises:
        ValueError: the map has no driving lane.
    """
    best: Track | None = None
    for start, _ in road_map.get_topology():
        here, length_m = start, 0.0
        while length_m < LENGTH_M:
            ahead = [w for w in here.next(step_m) if _turn_deg(start, w) <= tolerance_deg]
            if not ahead:
                break
            here, length_m = min(ahead, key=lambda w: _turn_deg(start, w)), length_m + step_m
        if best is None or length_m > best.length_m:
            name = road_map.name.rsplit("/", 1)[-1]
            best = Track(name, start.transform, length_m, start.lane_width / 2)
    if best is None:
        raise ValueError(f"map {road_map.name} has no driving lane to test vehicles on")
    return best


def _turn_deg(one: carla.Waypoint, other: carla.Waypoint) -> float:
    difference = other.transform.rotation.yaw - one.transform.rotation.yaw
    return abs((difference + 180.0) % 360.0 - 180.0)


def _lane(number: int) -> str:
    return (
        f'<lane id="{number}" type="driving" level="false"><link/>'
        f'<width sOffset="0" a="{LANE_WIDTH_M}" b="0" c="0" d="0"/>'
        '<roadMark sOffset="0" type="none" weight="standard" color="white" width="0" laneChange="both"/></lane>'
    )
