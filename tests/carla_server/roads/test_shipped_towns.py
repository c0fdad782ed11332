"""What every shipped town promises, judged by libcarla's reading of its map."""

from __future__ import annotations

from collections import defaultdict
from importlib import import_module
from pathlib import Path

import carla
import numpy as np
import pytest
from defusedxml import ElementTree

from carla_server.roads.read_opendrive import parse_opendrive
from carla_server.roads.town import Box
from carla_server.roads.towns import SHIPPED_DIR, available_towns, load_town
from carla_server.semantics import SemanticTag
from carla_server.towns import SHIPPED_TOWNS, Split, towns_of
from carla_server.world.blueprints import LIBRARY
from carla_server.world.overlap import BoxArray, overlapping

SCRIPTS = {
    "TownRing": "make_town_ring",
    "TownArterial": "make_town_arterial",
    "TownHill": "make_town_hill",
    "TownRiver": "make_town_river",
}
NAMES = [town.name for town in SHIPPED_TOWNS]


@pytest.fixture(scope="module", params=SHIPPED_TOWNS, ids=NAMES)
def facts(request):
    return request.param


@pytest.fixture(scope="module")
def text(facts):
    return (SHIPPED_DIR / f"{facts.name}.xodr").read_text("utf-8")


@pytest.fixture(scope="module")
def town_map(facts, text):
    return carla.Map(facts.name, text)


@pytest.fixture(scope="module")
def waypoints(town_map):
    return town_map.generate_waypoints(2.0)


@pytest.fixture(scope="module")
def loaded(facts):
    return load_town(facts.name)


def test_the_table_names_every_shipped_map_and_two_are_held_out():
    assert sorted(NAMES) == available_towns()
    assert towns_of(Split.TRAINING) == ("TownGrid", "TownRing")
    assert towns_of(Split.HELD_OUT) == ("TownArterial", "TownHill")
    assert towns_of(Split.NEITHER) == ("TownRiver",)


@pytest.mark.parametrize("name", sorted(SCRIPTS))
def test_a_town_is_what_its_script_makes(name):
    pytest.importorskip("roadgen")
    script = import_module(f"carla_server.towns.{SCRIPTS[name]}")
    assert script.build_opendrive() == (SHIPPED_DIR / f"{name}.xodr").read_text("utf-8")


def test_the_maps_stay_small():
    sizes = {path.stem: path.stat().st_size for path in SHIPPED_DIR.glob("*.xodr")}
    assert max(sizes.values()) < 1_000_000
    assert sum(sizes.values()) < 2_500_000


def test_the_table_tells_the_truth(facts, text, waypoints, loaded):
    roads = parse_opendrive(text).roads.values()
    heights = [waypoint.transform.location.z for waypoint in waypoints]
    assert facts.driving_lanes_m == pytest.approx(2 * sum(not w.is_junction for w in waypoints), abs=2)
    assert facts.driving_lanes_m >= 3000
    assert facts.junctions == len({road.junction_id for road in roads if road.junction_id >= 0})
    assert facts.lit_junctions == len({light.junction_id for light in loaded.traffic_lights})
    assert facts.climb_m == pytest.approx(max(heights) - min(heights), abs=0.2)
    assert facts.limits_kmh == tuple(sorted({round(kmh) for road in roads for _, kmh in road.speed_limits_kmh}))


def test_no_lane_ends_and_every_lane_can_be_reached_from_every_other(town_map, waypoints):
    assert all(waypoint.next(2.0) for waypoint in waypoints)
    onward, backward = defaultdict(set), defaultdict(set)
    for first, second in town_map.get_topology():
        a, b = ((w.road_id, w.lane_id) for w in (first, second))
        onward[a].add(b)
        backward[b].add(a)
    everything = set(onward) | set(backward)
    for graph in (onward, backward):
        seen, stack = set(), [min(everything)]
        while stack:
            lane = stack.pop()
            if lane not in seen:
                seen.add(lane)
                stack.extend(graph[lane])
        assert seen == everything


def test_lanes_join_without_steps_or_kinks(waypoints):
    for waypoint in waypoints[::3]:
        for ahead in waypoint.next(1.0):
            assert waypoint.transform.location.distance(ahead.transform.location) < 1.5
            turn = (ahead.transform.rotation.yaw - waypoint.transform.rotation.yaw + 180) % 360 - 180
            assert abs(turn) < 10


def test_it_has_sidewalks_crosswalks_lights_and_signs(text, town_map, loaded):
    kinds = {lane.get("type") for lane in ElementTree.fromstring(text).iter("lane")}
    assert {"driving", "sidewalk"} <= kinds
    assert len(kinds & {"parking", "biking", "shoulder"}) >= 2
    assert len(town_map.get_crosswalks()) >= 5 * 4
    assert loaded.traffic_lights
    signs = {sign.type_id for sign in loaded.signs}
    assert {"traffic.stop", "traffic.yield", "traffic.speed_limit.30"} <= signs
    assert loaded.navmesh


def test_junction_controllers_list_every_light(text):
    root = ElementTree.fromstring(text)
    top = {c.get("id"): [k.get("signalId") for k in c.findall("control")] for c in root.findall("controller")}
    referenced = [c.get("id") for junction in root.findall("junction") for c in junction.findall("controller")]
    lights = {s.get("id") for s in root.iter("signal") if s.get("type") == "1000001"}
    assert sorted(referenced) == sorted(top)
    assert {signal for controller in referenced for signal in top[controller]} == lights


def test_every_vehicle_fits_every_spawn_point(loaded):
    obstacles = loaded.obstacles
    centers = np.array([box.center_m[:2] for box in obstacles])
    extents = {blueprint.extent_m for blueprint in LIBRARY.values() if blueprint.vehicle is not None}
    for x, y, z, _, yaw, _ in loaded.spawn_points:
        near = [obstacles[index] for index in np.flatnonzero(np.hypot(*(centers - (x, y)).T) < 30.0)]
        boxes = BoxArray.of(near)
        for extent_m in extents:
            assert not overlapping(Box((x, y, z + extent_m[2]), extent_m, yaw), boxes).any(), (extent_m, x, y)


def test_every_driving_lane_has_a_spawn_point(town_map, waypoints, loaded):
    lanes = {(w.road_id, w.lane_id) for w in waypoints if not w.is_junction}
    found = {
        (w.road_id, w.lane_id)
        for w in (town_map.get_waypoint(carla.Location(*point[:3])) for point in loaded.spawn_points)
    }
    assert lanes == found


def test_nothing_stands_on_a_road(loaded):
    for kind in ("building", "tree", "street_lamp", "bench", "hydrant"):
        feet = np.array([item.position_m for item in loaded.placements if item.kind == kind]).reshape(-1, 3)
        assert (loaded.ground.tag(*feet.T) != SemanticTag.ROADS).all(), kind


def test_the_hills_are_real_and_can_be_driven():
    town_map = carla.Map("TownHill", (SHIPPED_DIR / "TownHill.xodr").read_text("utf-8"))
    pitch = [w.transform.rotation.pitch for w in town_map.generate_waypoints(2.0)]
    slope = np.tan(np.deg2rad(np.abs((np.array(pitch) + 180) % 360 - 180)))
    assert 0.08 < slope.max() < 0.16
    assert (slope > 0.05).mean() > 0.2


def test_a_lane_is_added_before_each_exit_and_merges_behind_each_entry():
    town_map = carla.Map("TownArterial", (SHIPPED_DIR / "TownArterial.xodr").read_text("utf-8"))
    fast = {(w.road_id, w.lane_id) for w in town_map.generate_waypoints(5.0) if abs(w.lane_width - 3.6) < 0.01}
    splits, merges = defaultdict(set), defaultdict(set)
    for first, second in town_map.get_topology():
        a, b = ((w.road_id, w.lane_id) for w in (first, second))
        if a in fast and second.is_junction:
            splits[a].add(b)
        if first.is_junction and b in fast:
            merges[b].add(a)
    third_lanes = [lane for lane in splits if lane[1] == -3]
    assert len(third_lanes) == 4
    assert all(len(splits[lane]) == 1 for lane in third_lanes)
    assert sum(len(ways) == 2 for ways in splits.values()) == 2
    assert sum(len(ways) == 2 for ways in merges.values()) == 2


def test_the_page_about_towns_says_what_the_table_says():
    page = (Path(__file__).resolve().parents[3] / "docs" / "towns.md").read_text("utf-8")
    for town in SHIPPED_TOWNS:
        cells = (town.name, town.split.value, town.topology, f"{town.driving_lanes_m / 1000:.1f} km")
        cells += (
            str(town.junctions),
            str(town.lit_junctions),
            f"{town.climb_m} m",
            ", ".join(map(str, town.limits_kmh)),
        )
        assert f"| {' | '.join(cells)} |" in page
