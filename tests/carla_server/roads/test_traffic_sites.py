"""Traffic lights and signs stand where drivers see them and stop where the map says."""

from __future__ import annotations

import carla
import numpy as np
import pytest

from carla_server.roads.read_opendrive import parse_opendrive
from carla_server.roads.towns import town_from_opendrive
from carla_server.semantics import SemanticTag


@pytest.fixture(scope="module")
def town_map(town):
    return carla.Map(town.name, town.opendrive)


def _unit(yaw_deg: float) -> np.ndarray:
    return np.array([np.cos(np.deg2rad(yaw_deg)), np.sin(np.deg2rad(yaw_deg))])


def _stop_waypoints(town_map, site):
    return [town_map.get_waypoint(carla.Location(*point)) for point in site.stop_points_m]


def test_there_is_one_site_for_each_signal(town, parsed):
    signals = {s.signal_id for road in parsed.roads.values() for s in road.signals if s.kind == "1000001"}
    assert {site.opendrive_id for site in town.traffic_lights} == signals
    assert len(town.signs) == len({sign.opendrive_id for sign in town.signs})
    kinds = {sign.type_id for sign in town.signs}
    assert {"traffic.stop", "traffic.yield", "traffic.speed_limit.30", "traffic.speed_limit.50"} <= kinds


def test_stop_points_lie_on_the_lanes_that_the_light_governs(town, town_map):
    for site in town.traffic_lights:
        for waypoint, lane in zip(_stop_waypoints(town_map, site), site.lanes, strict=True):
            assert (waypoint.road_id, waypoint.lane_id) == lane
            assert not waypoint.is_junction
            assert waypoint.next(9.0)[0].is_junction


def test_local_x_of_a_trigger_runs_across_the_lanes_before_the_stop_line(town, town_map):
    for site in town.traffic_lights:
        assert site.yaw_deg == site.trigger.yaw_deg
        across = _unit(site.trigger.yaw_deg)
        waypoints = _stop_waypoints(town_map, site)
        forward = _unit(waypoints[0].transform.rotation.yaw)
        assert abs(np.dot(across, forward)) < 0.05
        for stop in site.stop_points_m:
            ahead = np.dot(np.array(stop[:2]) - site.trigger.center_m[:2], forward)
            assert 0 < ahead <= site.trigger.extent_m[1] + 0.1
        for part in np.arange(-0.9, 0.91, 0.3):
            x, y = np.array(site.trigger.center_m[:2]) + part * site.trigger.extent_m[0] * across
            lane = town_map.get_waypoint(carla.Location(float(x), float(y), site.trigger.center_m[2]))
            assert (lane.road_id, lane.lane_id) in site.lanes


def test_heads_face_the_driver_and_are_in_view_of_a_waiting_cars_camera(town, town_map):
    """The camera: 3 m behind the stop line, 2.2 m up, 90 degrees wide, 16:9."""
    for site in town.traffic_lights:
        waypoint = _stop_waypoints(town_map, site)[0]
        forward = _unit(waypoint.transform.rotation.yaw)
        for stop in site.stop_points_m:
            camera = np.array(stop) + np.append(-3.0 * forward, 2.2)
            in_view = 0
            for x, y, z, yaw in site.heads:
                assert np.dot(_unit(yaw), forward) < -0.97
                ahead = np.dot((x - camera[0], y - camera[1]), forward)
                aside = np.dot((x - camera[0], y - camera[1]), (-forward[1], forward[0]))
                assert 7 < ahead < 50
                in_view += abs(aside) < 0.95 * ahead and abs(z - camera[2]) < 0.5 * ahead
                assert 2.4 <= z - waypoint.transform.location.z <= 6.0
            assert in_view == len(site.heads)


def test_poles_and_signs_stand_off_the_roadway(town):
    places = np.array([s.position_m for s in (*town.traffic_lights, *town.signs)])
    tags = town.ground.tag(places[:, 0], places[:, 1])
    assert (tags != SemanticTag.ROADS).all()
    assert np.abs(town.ground.height_m(places[:, 0], places[:, 1]) - places[:, 2]).max() < 0.05


def test_lights_of_a_junction_take_turns(town):
    groups = {}
    for site in town.traffic_lights:
        groups.setdefault((site.group, site.junction_id), []).append(site.phase)
    assert len(groups) == 4
    for phases in groups.values():
        assert sorted(phases) == list(range(len(phases)))


def test_signs_face_the_traffic_in_their_trigger(town, town_map):
    for sign in town.signs:
        x, y, z = sign.trigger.center_m
        lane = town_map.get_waypoint(carla.Location(x, y, z))
        assert np.dot(_unit(sign.yaw_deg), _unit(lane.transform.rotation.yaw)) < -0.95
        right = _unit(lane.transform.rotation.yaw + 90)
        assert np.dot(np.array(sign.position_m[:2]) - (x, y), right) > 1.5


POSTED_ROAD = """<OpenDRIVE><road name="r" length="60" id="7" junction="-1"><link/>
<planView><geometry s="0" x="10" y="-20" hdg="0.4" length="60"><line/></geometry></planView>
<lanes><laneSection s="0"><center><lane id="0" type="none"/></center>
<right><lane id="-1" type="driving"><width sOffset="0" a="3.5" b="0" c="0" d="0"/></lane></right>
</laneSection></lanes>
<objects><object id="9" name="Speed_60" s="20" t="-5" hdg="0" type="-1"/></objects></road></OpenDRIVE>"""


def test_a_speed_sign_that_a_map_has_as_an_object_stands_and_counts_from_there_on():
    lone = town_from_opendrive("Posted", POSTED_ROAD)
    (sign,) = lone.signs
    assert sign.type_id == "traffic.speed_limit.60"
    road = parse_opendrive(POSTED_ROAD).roads[7]
    for s_m, kmh in ((10.0, 30.0), (25.0, 60.0)):
        x, y, _ = road.position_m(np.array([s_m]), np.array([-1.6]))[0]
        assert lone.ground.speed_limit_kmh(np.array([x]), np.array([y])) == kmh
