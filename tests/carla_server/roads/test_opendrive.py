"""The OpenDRIVE reader agrees with CARLA's own and refuses what is not a map."""

from __future__ import annotations

import carla
import numpy as np
import pytest

from carla_server.roads.opendrive import OpenDriveError
from carla_server.roads.read_opendrive import MAX_TEXT_BYTES, parse_opendrive
from carla_server.roads.towns import SHIPPED_DIR

ROAD = """<?xml version="1.0"?><OpenDRIVE><header revMajor="1" revMinor="4" name="t" north="0" south="0" east="0"
 west="0"><geoReference><![CDATA[+proj=tmerc +lat_0=49 +lon_0=8]]></geoReference></header>
<road name="r" length="{length}" id="7" junction="-1"><link/>
<type s="0" type="town"><speed max="25" unit="mph"/></type>
<planView><geometry s="0" x="10" y="-20" hdg="0.4" length="{length}">{shape}</geometry></planView>
<elevationProfile><elevation s="0" a="1" b="0.02" c="0.0001" d="0"/></elevationProfile><lateralProfile/>
<lanes><laneOffset s="0" a="0.5" b="0" c="0" d="0"/><laneSection s="0"><center><lane id="0" type="none" level="false">
<roadMark sOffset="0" type="solid" color="standard" width="0.12"/></lane></center><right>
<lane id="-1" type="driving" level="false"><width sOffset="0" a="3" b="0.01" c="0" d="0"/></lane>
<lane id="-2" type="sidewalk" level="false"><width sOffset="0" a="2" b="0" c="0" d="0"/></lane>
</right></laneSection></lanes></road></OpenDRIVE>"""

SHAPES = {
    "line": "<line/>",
    "arc": '<arc curvature="-0.02"/>',
    "spiral": '<spiral curvStart="0.0" curvEnd="0.03"/>',
    "poly3": '<poly3 a="0" b="0" c="0.004" d="0"/>',
    "paramPoly3": '<paramPoly3 aU="0" bU="39" cU="0" dU="-3" aV="0" bV="0" cV="14" dV="-4" pRange="normalized"/>',
}


def _worst_offset_m(text: str, spacing_m: float) -> float:
    """Largest distance between our lane middles and libcarla's waypoints."""
    ours, theirs = parse_opendrive(text), carla.Map("t", text)
    worst = 0.0
    for waypoint in theirs.generate_waypoints(spacing_m):
        road, s = ours.roads[waypoint.road_id], np.array([waypoint.s])
        inner, outer = road.lane_edges_m(road.section_at(waypoint.s), waypoint.lane_id, s)
        x, y, z = road.position_m(s, (inner + outer) / 2)[0]
        place = waypoint.transform.location
        worst = max(worst, float(np.hypot(x - place.x, y - place.y)) + abs(z - place.z))
    return worst


@pytest.mark.parametrize("shape", ["line", "arc", "spiral", "poly3", "paramPoly3"])
def test_each_shape_of_reference_line_lies_where_libcarla_puts_it(shape):
    length = 40.0
    if shape == "paramPoly3":
        p = np.linspace(0, 1, 20001)
        length = float(np.hypot(np.diff(39 * p - 3 * p**3), np.diff(14 * p**2 - 4 * p**3)).sum())
    assert _worst_offset_m(ROAD.format(length=length, shape=SHAPES[shape]), 3.0) < 0.05


def test_every_lane_of_the_shipped_town_lies_where_libcarla_puts_it():
    assert _worst_offset_m((SHIPPED_DIR / "TownGrid.xodr").read_text(), 7.0) < 0.02


def test_heading_speed_limit_and_mirrored_y_follow_carlas_frame():
    road = parse_opendrive(ROAD.format(length=40.0, shape="<line/>")).roads[7]
    x, y, z = road.position_m(np.array([0.0]), np.array([0.0]))[0]
    assert (x, y, z) == (10.0, 20.0, 1.0)
    assert road.yaw_deg(np.array([5.0]))[0] == pytest.approx(-np.rad2deg(0.4))
    assert road.speed_limit_kmh(3.0) == pytest.approx(25 * 1.609344)


GOOD = ROAD.format(length=40.0, shape="<line/>")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("not xml at all", "not plain XML"),
        ('<?xml version="1.0"?><!DOCTYPE a [<!ENTITY b "c">]><OpenDRIVE/>', "not plain XML"),
        ("<OpenSCENARIO/>", "root element"),
        ("<OpenDRIVE/>", "no road"),
        ("<OpenDRIVE>" + "<a>" * 60 + "</a>" * 60 + "</OpenDRIVE>", "nested deeper"),
        (GOOD.replace('length="40.0" id', 'length="forty" id'), "expected a number"),
        (GOOD.replace('hdg="0.4"', 'hdg="nan"'), "finite"),
        (GOOD.replace("<line/>", "<wiggle/>"), "wiggle"),
        (GOOD.replace("laneSection", "laneSelection"), "no lane section"),
        ("<OpenDRIVE>" + " " * MAX_TEXT_BYTES + "</OpenDRIVE>", "bytes"),
    ],
)
def test_what_is_not_a_map_is_refused_with_the_reason(text, message):
    with pytest.raises(OpenDriveError, match=message):
        parse_opendrive(text)
