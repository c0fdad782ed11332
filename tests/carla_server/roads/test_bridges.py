"""Roads that pass over one another: each level has its own ground, and what is on one never feels the other."""

from __future__ import annotations

import numpy as np
import pytest

from carla_server.dynamics import VehicleFleet, VehicleSpec, WalkerFleet
from carla_server.dynamics.obstacle_tags import tags_of
from carla_server.rays.triangles import town_triangles
from carla_server.roads.opendrive import OpenDriveError
from carla_server.roads.read_opendrive import parse_opendrive
from carla_server.roads.towns import load_town, town_from_opendrive
from carla_server.semantics import SemanticTag
from carla_server.wire.structs import ActorDescription
from carla_server.world.world import World
from tests.carla_server.roads.crossing_map import crossing, opendrive, over_a_valley, road

CLEAR_M = 7.0
CAR = VehicleSpec.from_extent((2.4, 1.0, 0.75), 1800.0, "car")
TRUCK = VehicleSpec.from_extent((4.2, 1.45, 1.9), 9000.0, "truck")


@pytest.fixture(scope="module")
def crossed():
    return town_from_opendrive("Crossing", crossing(CLEAR_M))


@pytest.fixture(scope="module")
def valley():
    return town_from_opendrive("Valley", over_a_valley())


def _height(town, x_m, y_m, from_z_m=None):
    x, y = np.atleast_1d(np.asarray(x_m, float)), np.atleast_1d(np.asarray(y_m, float))
    z = None if from_z_m is None else np.broadcast_to(np.asarray(from_z_m, float), x.shape)
    return town.ground.height_m(x, y, z)


def test_looking_down_meets_the_highest_road_below(crossed):
    assert _height(crossed, 1.0, 1.0, 50.0) == pytest.approx(CLEAR_M, abs=0.01)
    assert _height(crossed, 1.0, 1.0, CLEAR_M - 0.5) == pytest.approx(CLEAR_M, abs=0.01)
    assert _height(crossed, 1.0, 1.0, CLEAR_M - 2.0) == pytest.approx(0.0, abs=0.01)
    assert _height(crossed, 1.0, 1.0, -30.0) == pytest.approx(0.0, abs=0.01)
    assert _height(crossed, 1.0, 1.0) == pytest.approx(0.0, abs=0.01)


def test_the_upper_road_is_whole_from_ramp_to_ramp(crossed):
    y = np.arange(-149.0, 149.0, 0.1)
    expected = np.interp(y + 150.0, (0, 20, 110, 190, 280, 300), (0, 0, CLEAR_M, CLEAR_M, 0, 0))
    assert np.abs(_height(crossed, np.full_like(y, 1.5), y, expected) - expected).max() < 0.03


def test_the_lower_road_is_level_beneath(crossed):
    x = np.arange(-149.0, 149.0, 0.1)
    assert np.abs(_height(crossed, x, np.full_like(x, 1.5), 0.0)).max() < 0.02


def test_sidewalks_tags_and_limits_belong_to_their_level(crossed):
    x, y = np.array([4.5, 1.5, 1.5, 40.0]), np.array([8.0, 8.0, 1.5, 4.5])
    up, down = np.full(4, CLEAR_M), np.zeros(4)
    ground = crossed.ground
    assert ground.tag(x, y, up)[:3].tolist() == [SemanticTag.SIDEWALKS, SemanticTag.ROADS, SemanticTag.ROADS]
    assert ground.tag(x, y, down).tolist() == [
        SemanticTag.TERRAIN,
        SemanticTag.TERRAIN,
        SemanticTag.ROADS,
        SemanticTag.SIDEWALKS,
    ]
    assert _height(crossed, 4.5, 8.0, CLEAR_M) == pytest.approx(CLEAR_M + 0.14, abs=0.02)
    assert ground.speed_limit_kmh(x[1:3], y[1:3], up[1:3]).tolist() == [50.0, 50.0]


def test_land_leaves_open_space_below_and_banks_lead_up_to_the_deck(crossed):
    y = np.arange(-60.0, 60.0, 0.5)
    beneath = _height(crossed, np.full_like(y, 0.0), y)
    assert np.abs(beneath[np.abs(y) < 7.0]).max() < 0.6
    x = np.arange(6.0, 40.0, 0.5)
    beside = _height(crossed, x, np.full_like(x, 45.0))
    assert beside[0] > 4.0
    assert np.abs(beside[x > 25.0]).max() < 0.3


@pytest.mark.parametrize("spec", [CAR, TRUCK])
@pytest.mark.parametrize("sign", [1.0, -1.0])
def test_vehicles_keep_their_level_at_any_speed(crossed, spec, sign):
    for speed_mps in (3.0, 15.0, 25.0):
        fleet = VehicleFleet()
        fleet.add(1, spec, (-sign * 60.0, 1.7, 0.0, 0.0, 90.0 - sign * 90.0, 0.0))
        fleet.add(2, spec, (1.7, -sign * 60.0, 5.45, 0.0, sign * 90.0, 0.0))
        for actor_id in (1, 2):
            fleet.set_constant_velocity(actor_id, (speed_mps, 0.0, 0.0))
        climb = 0.0
        for _ in range(int(110.0 / speed_mps / 0.05)):
            before = fleet.position_m[:, 2].copy()
            fleet.step(0.05, crossed.ground)
            climb = max(climb, float(np.abs(fleet.position_m[:, 2] - before).max()))
            expected = np.interp(fleet.position_m[1, 1], (-130, -40, 40, 130), (0, CLEAR_M, CLEAR_M, 0))
            assert fleet.position_m[0, 2] == pytest.approx(0.0, abs=0.03)
            assert fleet.position_m[1, 2] == pytest.approx(expected, abs=0.25)
        assert climb < 0.08 * speed_mps * 0.05 + 0.06


def test_a_car_dropped_above_the_deck_lands_on_it_and_one_let_go_beneath_stays_there(crossed):
    fleet = VehicleFleet()
    fleet.add(1, CAR, (1.7, 0.0, CLEAR_M + 30.0, 0.0, 90.0, 0.0))
    fleet.add(2, CAR, (1.7, 0.0, CLEAR_M - 3.0, 0.0, 0.0, 0.0))
    for _ in range(120):
        fleet.step(0.05, crossed.ground)
    assert fleet.position_m[:, 2] == pytest.approx([CLEAR_M, 0.0], abs=0.02)


def test_walkers_keep_their_level(crossed):
    walkers = WalkerFleet()
    walkers.add(1, (0.2, 0.2, 0.9), (4.5, -40.0, CLEAR_M + 1.1, 0.0, 0.0, 0.0))
    walkers.add(2, (0.2, 0.2, 0.9), (-30.0, 4.5, 1.1, 0.0, 0.0, 0.0))
    walkers.set_control(1, (0.0, 1.0, 0.0, 3.0, 0.0))
    walkers.set_control(2, (1.0, 0.0, 0.0, 3.0, 0.0))
    for _ in range(400):
        walkers.step(0.05, crossed.ground)
        assert walkers.position_m[1, 2] == pytest.approx(1.04, abs=0.2)
        if abs(walkers.position_m[0, 1]) < 38.0:
            assert walkers.position_m[0, 2] == pytest.approx(CLEAR_M + 1.04, abs=0.2)
    assert walkers.position_m[1, 0] > 25.0


def test_a_spiral_passes_over_itself():
    turn, radius = 2.0 * np.pi, 30.0
    length = float(turn * radius * 1.9)
    spiral = opendrive(road(1, (0.0, 0.0), 0.0, length, ((0.0, 0.0), (length, 0.05 * length)), curvature=1 / radius))
    town = town_from_opendrive("Spiral", spiral)
    lane = parse_opendrive(spiral).roads[1]
    s = np.arange(3.0, length - 3.0, 1.0)
    points = lane.position_m(s, np.full_like(s, -1.7))
    assert np.abs(town.ground.height_m(*points.T) - points[:, 2]).max() < 0.2


def test_three_roads_over_one_another_are_three_levels():
    stack = opendrive(
        *(
            road(i, (-60.0 * np.cos(a), -60.0 * np.sin(a)), a, 120.0, ((0.0, 6.0 * i),))
            for i, a in enumerate((0.0, 1, 2))
        )
    )
    town = town_from_opendrive("Stack", stack)
    for level_m in (0.0, 6.0, 12.0):
        assert _height(town, 0.5, 0.5, level_m) == pytest.approx(level_m, abs=0.02)
        assert _height(town, 0.5, 0.5, level_m + 4.0) == pytest.approx(level_m, abs=0.02)


def test_a_bridge_record_opens_a_valley_below_the_road(valley):
    x = np.arange(-90.0, 90.0, 0.5)
    assert np.abs(_height(valley, x, np.full_like(x, 1.5), 0.0)).max() < 0.02
    bed = _height(valley, x, np.full_like(x, 1.5))
    assert bed[np.abs(x) < 8.0].max() < -4.0
    assert np.abs(bed[np.abs(x) > 22.0]).max() < 0.1
    beside = _height(valley, x, np.full_like(x, 20.0))
    assert beside[np.abs(x) < 8.0].max() < -4.0


@pytest.mark.parametrize(
    "record",
    [
        '<bridge s="80" length="-5" id="7" name="" type="concrete"/>',
        '<bridge s="80" length="0" id="7" type="concrete"/>',
        '<bridge s="-3" length="20" id="7" type="concrete"/>',
        '<bridge s="190" length="40" id="7" type="concrete"/>',
        '<bridge s="80" length="nan" id="7" type="concrete"/>',
        '<bridge s="80" id="7" type="concrete"/>',
    ],
)
def test_a_broken_bridge_record_is_refused_with_the_reason(record):
    with pytest.raises(OpenDriveError, match="bridge"):
        town_from_opendrive("Broken", over_a_valley(record))


def test_maps_without_bridges_have_one_level():
    for name in ("TownGrid", "TownRing", "TownArterial", "TownHill"):
        assert len(load_town(name).ground.heights.decks_m) == 0


class _Rays:
    """Straight rays through everything of a town that stands still."""

    def __init__(self, town):
        rtcore_scene = pytest.importorskip("embreex.rtcore_scene")
        from embreex.mesh_construction import TriangleMesh

        self.triangles = town_triangles(town)
        self.scene = rtcore_scene.EmbreeScene()
        TriangleMesh(self.scene, self.triangles.corners_m)

    def cast(self, origin_m, direction):
        """(distance, tag) of what each ray meets first."""
        origin = np.atleast_2d(np.asarray(origin_m, np.float32))
        along = np.tile(np.asarray(direction, np.float32), (len(origin), 1))
        hit = self.scene.run(origin, along, output=True)
        return hit["tfar"], self.triangles.tag[np.maximum(hit["primID"], 0)]


@pytest.fixture(scope="module")
def rays(crossed):
    return _Rays(crossed)


def test_a_ray_from_above_meets_the_deck_and_one_from_beneath_the_lower_road(rays):
    distance, tag = rays.cast([(1.5, 1.6, 50.0), (1.5, 1.6, 3.0)], (0, 0, -1))
    assert distance == pytest.approx([50.0 - CLEAR_M, 3.0], abs=0.03)
    assert np.isin(tag, (SemanticTag.ROADS, SemanticTag.ROAD_LINES)).all()


def test_from_the_lower_road_one_sees_the_bridge_above_and_the_way_through(rays):
    distance, tag = rays.cast((0.6, 1.6, 2.0), (0, 0, 1))
    assert tag == SemanticTag.BRIDGE
    assert 3.0 < distance < CLEAR_M - 2.0
    lanes = np.array([(-60.0, y, z) for y in (-4.5, -1.75, 1.75, 4.5) for z in (1.0, 3.0, 4.5)])
    distance, tag = rays.cast(lanes, (1, 0, 0))
    assert (distance > 120.0).all()


def test_the_deck_has_edges_that_can_be_seen(rays):
    _, tag = rays.cast([(-1.0, y, CLEAR_M + 0.4) for y in np.arange(-10.0, 10.0, 0.7)], (1, 0, 0))
    assert (tag == SemanticTag.BRIDGE).mean() > 0.9


def test_the_valley_has_water_below_the_bridge(valley):
    rays = _Rays(valley)
    _, tag = rays.cast([(0.0, 20.0, 30.0), (0.0, 1.6, 30.0), (0.0, 1.6, -2.5)], (0, 0, -1))
    assert tag[0] == SemanticTag.WATER
    assert tag[1] in (SemanticTag.ROADS, SemanticTag.ROAD_LINES)
    assert tag[2] == SemanticTag.WATER


def test_there_is_no_hole_in_the_land_round_bridges(crossed, valley):
    for town in (crossed, valley):
        random = np.random.default_rng(3)
        x0, y0, x1, y1 = town.bounds_m
        origin = np.stack([random.uniform(x0, x1, 60_000), random.uniform(y0, y1, 60_000), np.full(60_000, 90.0)], 1)
        rays = _Rays(town)
        hit = rays.scene.run(
            origin.astype(np.float32), np.tile(np.float32([0, 0, -1]), (len(origin), 1)), output=True
        )
        assert (hit["primID"] >= 0).all()


def test_parapets_keep_a_car_on_the_bridge_and_piers_stop_one_below(crossed):
    world = World(crossed, seed=1)
    model = ActorDescription(0, "vehicle.tesla.model3", ())
    over = world.spawn(model, (0.0, 0.0, CLEAR_M + 0.3, 0.0, 0.0, 0.0))
    pier = crossed.bridges[0].piers[0]
    x, y = pier.position_m
    column_x = x - 0.3 * pier.width_m * np.sin(np.radians(pier.yaw_deg))
    below = world.spawn(model, (column_x - 12.0, y, 1.0 + pier.foot_m, 0.0, 0.0, 0.0))
    for actor in (over, below):
        world.vehicles.set_constant_velocity(actor.actor_id, (8.0, 0.0, 0.0))
    for _ in range(60):
        world.tick(0.05, ())
    (x_over, _, z_over), (x_below, _, _) = world.vehicles.position_m
    assert (x_over, z_over) == (pytest.approx(4.0, abs=1.6), pytest.approx(CLEAR_M, abs=0.3))
    assert x_below < column_x - 2.0


def test_obstacles_of_a_bridge_are_named(crossed):
    tags = tags_of(crossed)[len(crossed.obstacles) - len(crossed.bridge_boxes) :]
    assert set(tags.tolist()) == {int(SemanticTag.BRIDGE), int(SemanticTag.FENCES)}
