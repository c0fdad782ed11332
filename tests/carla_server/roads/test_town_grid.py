"""TownGrid offers what agents, traffic and scenarios look for, judged by libcarla's reading of it."""

from __future__ import annotations

from collections import Counter, defaultdict

import carla
import numpy as np
import pytest
from defusedxml import ElementTree

from carla_server.roads.towns import SHIPPED_DIR


@pytest.fixture(scope="module")
def text():
    return (SHIPPED_DIR / "TownGrid.xodr").read_text()


@pytest.fixture(scope="module")
def town_map(text):
    return carla.Map("TownGrid", text)


@pytest.fixture(scope="module")
def waypoints(town_map):
    return town_map.generate_waypoints(2.0)


def test_it_is_what_its_script_makes(text):
    pytest.importorskip("roadgen")
    from carla_server.towns.make_town_grid import build_opendrive

    assert build_opendrive() == text


def test_it_has_three_kilometres_of_driving_lanes_outside_junctions(waypoints):
    assert 2.0 * sum(not waypoint.is_junction for waypoint in waypoints) >= 3000.0


def test_no_lane_ends_and_every_lane_can_be_reached_from_every_other(town_map, waypoints):
    assert all(waypoint.next(2.0) for waypoint in waypoints)
    onward, backward = defaultdict(set), defaultdict(set)
    for first, second in town_map.get_topology():
        a, b = ((w.road_id, w.lane_id) for w in (first, second))
        onward[a].add(b)
        backward[b].add(a)
    everything = set(onward) | set(backward)
    for graph in (onward, backward):
        seen, stack = set(), [next(iter(sorted(everything)))]
        while stack:
            lane = stack.pop()
            if lane not in seen:
                seen.add(lane)
                stack.extend(graph[lane])
        assert seen == everything


def test_lane_changes_are_offered_on_the_avenue_only_and_never_across_the_middle(waypoints):
    allowed = Counter()
    for waypoint in waypoints:
        if waypoint.lane_change != carla.LaneChange.NONE:
            neighbour = (
                waypoint.get_left_lane()
                if waypoint.lane_change == carla.LaneChange.Left
                else waypoint.get_right_lane()
            )
            assert waypoint.lane_change in (carla.LaneChange.Left, carla.LaneChange.Right)
            assert neighbour.lane_id * waypoint.lane_id > 0
            assert neighbour.lane_type == carla.LaneType.Driving
            allowed[waypoint.lane_change] += 1
    assert allowed[carla.LaneChange.Left] == allowed[carla.LaneChange.Right] > 100


def test_the_outer_lane_turns_right_and_the_inner_lane_turns_left(town_map):
    turns = defaultdict(set)
    for first, second in town_map.get_topology():
        if first.is_junction or not second.is_junction:
            continue
        exit_yaw = second.next_until_lane_end(1.0)[-1].transform.rotation.yaw
        turn = (exit_yaw - second.transform.rotation.yaw + 180.0) % 360.0 - 180.0
        turns[first.road_id, first.lane_id].add("left" if turn < -45 else "right" if turn > 45 else "straight")
    two_lanes = {key for key in turns if (key[0], np.sign(key[1]) * 2) in turns}
    assert len(two_lanes) >= 10
    for road, lane in two_lanes:
        assert ("right" if abs(lane) == 1 else "left") not in turns[road, lane]


def test_all_lane_types_that_scenarios_ask_for_are_there(town_map, text):
    kinds = Counter(lane.get("type") for lane in ElementTree.fromstring(text).iter("lane"))
    for kind in ("driving", "sidewalk", "parking", "biking", "shoulder"):
        assert kinds[kind] >= 4, kind
    pavement = town_map.get_waypoint(carla.Location(50, 0, 0), lane_type=carla.LaneType.Sidewalk)
    assert pavement.lane_type == carla.LaneType.Sidewalk


def test_it_climbs_and_bends(waypoints):
    pitch = [abs((w.transform.rotation.pitch + 180) % 360 - 180) for w in waypoints]
    assert np.tan(np.deg2rad(max(pitch))) >= 0.04
    bends = 0
    for waypoint in waypoints[::7]:
        ahead = waypoint.next(5.0)
        if not waypoint.is_junction and len(ahead) == 1:
            turn = (ahead[0].transform.rotation.yaw - waypoint.transform.rotation.yaw + 180) % 360 - 180
            assert abs(turn) < 25
            bends += abs(turn) > 4
    assert bends > 15


def test_crosswalks_lights_and_signs_are_found_by_the_client(town_map):
    kinds = Counter(landmark.type for landmark in town_map.get_all_landmarks())
    assert kinds["1000001"] >= 12
    assert kinds["206"] >= 4
    assert kinds["205"] >= 2
    assert kinds["274"] >= 10
    assert len(town_map.get_crosswalks()) >= 5 * 16


def test_a_driver_before_each_light_finds_it_as_a_landmark(town_map):
    lights = [landmark for landmark in town_map.get_all_landmarks() if landmark.type == "1000001"]
    for light in lights:
        lane = light.get_lane_validities()[0][0]
        before = town_map.get_waypoint_xodr(light.road_id, lane, light.s).previous(20.0)[0]
        assert light.id in {found.id for found in before.get_landmarks_of_type(22.0, "1000001")}


def test_junction_controllers_list_every_light(text):
    root = ElementTree.fromstring(text)
    top = {c.get("id"): [k.get("signalId") for k in c.findall("control")] for c in root.findall("controller")}
    referenced = [c.get("id") for junction in root.findall("junction") for c in junction.findall("controller")]
    lights = {s.get("id") for s in root.iter("signal") if s.get("type") == "1000001"}
    assert sorted(referenced) == sorted(top)
    assert {signal for controller in referenced for signal in top[controller]} == lights


def test_it_lies_on_the_globe_where_its_header_says(town_map):
    place = town_map.transform_to_geolocation(carla.Location(0, 0, 0))
    assert (place.latitude, place.longitude) == (pytest.approx(49.0, abs=1e-6), pytest.approx(8.0, abs=1e-6))
