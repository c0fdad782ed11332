"""Open doors and posed walkers: cameras, labels and rays see them; closed and at ease nothing differs."""

from __future__ import annotations

from types import SimpleNamespace

import msgpack
import numpy as np
import pytest

from carla_server.api import bones, vehicles
from carla_server.render.context import GLUnavailable
from carla_server.render.renderer import Renderer
from carla_server.render.shapes.families import vehicle_profile
from carla_server.render.shapes.limbs import ANKLE, FOREARM, LIMBS, SHANK, THIGH, UPPER_ARM
from carla_server.render.shapes.pieces import DOORWAYS, LEAVES, piece_mesh
from carla_server.wire.structs import ActorDescription
from carla_server.world.doors import BONNET_DEG, BOOT_DEG, SWING_DEG, SWING_S
from carla_server.world.pieces import walker_gait
from carla_server.world.skeleton import BONES
from carla_server.world.vehicle_blueprints import VEHICLES, WITH_DOORS
from carla_server.world.world import World

CHARGER = "vehicle.dodge.charger_2020"
FRONT_LEFT, BONNET, BOOT, ALL_DOORS = 0, 4, 5, 6
AT_THE_LEFT = (-7.0, -3.0, 1.6, 0.0, 18.0, 0.0)
FAMILIES = ("rgb", "semantic_segmentation", "instance_segmentation", "depth")


@pytest.fixture(scope="module")
def stage(square):
    """A world whose four cameras look along the left side of what stands at the origin."""
    world = World(square, seed=3, open_renderer=Renderer)
    try:
        Renderer(square).close()
    except GLUnavailable as error:
        pytest.skip(str(error))
    return world


@pytest.fixture
def see(stage, square):
    """Spawns cameras anew and returns what draws one picture of each family after some time."""
    stage.begin_episode(square)
    size = (("image_size_x", 1, "160"), ("image_size_y", 1, "90"))
    cameras = {
        family: stage.spawn(ActorDescription(0, f"sensor.camera.{family}", size), AT_THE_LEFT) for family in FAMILIES
    }
    number_of = {camera.stream_id: family for family, camera in cameras.items()}

    def see_after(seconds: float) -> dict[str, np.ndarray]:
        output = stage.tick(seconds, number_of)
        assert not output.failure
        pictures = {}
        for stream_id, buffers in output.measurements:
            pictures[number_of[stream_id]] = np.frombuffer(buffers[-1], np.uint8).reshape(90, 160, 4).copy()
        return pictures

    return see_after


def put(stage, blueprint, z=0.05, yaw=0.0):
    return stage.spawn(ActorDescription(0, blueprint, ()), (0.0, 0.0, z, 0.0, yaw, 0.0))


def pixels_of(pictures, actor) -> np.ndarray:
    ids = pictures["instance_segmentation"].astype(int)
    return ids[..., 1] + 256 * ids[..., 0] == actor.actor_id & 0xFFFF


def settle(stage, actor):
    """Let a vehicle come to rest on its wheels, then hold it, so that only doors change pictures."""
    for _ in range(40):
        stage.tick(0.05, {})
    stage.vehicles.simulate_physics[stage.vehicles.index_of(actor.actor_id)] = False


def test_cameras_of_all_kinds_see_an_open_door_and_nothing_of_a_closed_one(stage, see):
    car, simulator = put(stage, CHARGER), SimpleNamespace(world=stage)
    settle(stage, car)
    closed = see(0.05)
    vehicles.open_vehicle_door(simulator, car.actor_id, FRONT_LEFT)
    ajar = see(SWING_S / 2)
    wide = see(SWING_S)
    assert pixels_of(closed, car).sum() < pixels_of(ajar, car).sum() < pixels_of(wide, car).sum()
    door = pixels_of(wide, car) & ~pixels_of(closed, car)
    assert (wide["semantic_segmentation"][door][:, 2] == car.semantic_tags[-1]).all()
    assert (wide["depth"][door] != closed["depth"][door]).any(axis=1).all()
    assert (wide["rgb"][door] != closed["rgb"][door]).any(axis=1).mean() > 0.9
    vehicles.close_vehicle_door(simulator, car.actor_id, ALL_DOORS)
    again = see(0.05)
    for family in FAMILIES[1:]:
        assert (again[family] == closed[family]).all(), family


def test_an_open_door_stands_where_rays_meet_it(stage, see):
    car, simulator = put(stage, CHARGER), SimpleNamespace(world=stage)
    settle(stage, car)
    beside = np.array([-4.0, -car.box.extent_m[1] - 0.5, 0.8])
    ahead = np.array([[1.0, 0.0, 0.0]])
    assert stage.sensors.rays.cast(stage, beside, ahead, 15.0).actor_id[0] == 0
    vehicles.open_vehicle_door(simulator, car.actor_id, FRONT_LEFT)
    stage.tick(SWING_S, {})
    hits = stage.sensors.rays.cast(stage, beside, ahead, 15.0)
    hinge_x = car.doors[FRONT_LEFT].leaf_pose(stage.pose_of(car))[0]
    assert hits.actor_id[0] == car.actor_id
    assert hits.tag[0] == car.semantic_tags[-1]
    assert hinge_x - 1.0 < beside[0] + hits.distance_m[0] < hinge_x


@pytest.mark.parametrize("number", [BONNET, BOOT])
def test_bonnet_and_boot_stand_up_where_cameras_and_rays_meet_them(stage, see, number):
    car, simulator = put(stage, CHARGER), SimpleNamespace(world=stage)
    settle(stage, car)
    closed, end_m = see(0.05), car.box.extent_m[0]
    vehicles.open_vehicle_door(simulator, car.actor_id, number)
    ajar = see(SWING_S / 2)
    seen = see(SWING_S)
    lid = pixels_of(seen, car) & ~pixels_of(closed, car)
    assert 0 < (pixels_of(ajar, car) & ~pixels_of(closed, car)).sum() < lid.sum()
    assert (seen["semantic_segmentation"][lid][:, 2] == car.semantic_tags[-1]).all()
    assert car.doors[number].angle_deg == (BONNET_DEG if number == BONNET else -BOOT_DEG)
    far, ahead = np.array([12.0 if number == BONNET else -12.0, 0.0, 1.35]), -1.0 if number == BONNET else 1.0
    hit = stage.sensors.rays.cast(stage, far, np.array([[ahead, 0.0, -0.01]]), 20.0)
    assert hit.actor_id[0] == car.actor_id
    assert abs(far[0] + ahead * hit.distance_m[0]) > 0.35 * end_m, "it is met before the cabin"
    vehicles.close_vehicle_door(simulator, car.actor_id, ALL_DOORS)
    again = see(0.05)
    for family in FAMILIES[1:]:
        assert (again[family] == closed[family]).all(), family


def test_lids_turn_with_a_car_on_a_slope(stage, see):
    car, simulator = put(stage, CHARGER), SimpleNamespace(world=stage)
    vehicles.open_vehicle_door(simulator, car.actor_id, BONNET)
    stage.tick(SWING_S, {})
    level, tilted = (car.doors[BONNET].leaf_pose((0.0, 0.0, 0.0, pitch, 90.0, 0.0)) for pitch in (0.0, 10.0))
    assert level[3:5] == pytest.approx((BONNET_DEG, 90.0))
    assert tilted[3:5] == pytest.approx((BONNET_DEG + 10.0, 90.0))
    assert tilted[2] > level[2], "its hinge rises with the nose"


def drive_past(stage, car, left_m, ticks=60, speed_mps=8.0):
    """A car passes the standing one so far to its left; every collision it is told of, with the door's angles."""
    y_m = -car.box.extent_m[1] - left_m
    passing = stage.spawn(ActorDescription(0, "vehicle.audi.tt", ()), (-12.0, y_m, 0.05, 0.0, 0.0, 0.0))
    detector = stage.spawn(
        ActorDescription(0, "sensor.other.collision", ()), (0.0, 0.0, 0.0, 0.0, 0.0, 0.0), passing.actor_id
    )
    row = stage.vehicles.index_of(passing.actor_id)
    stage.vehicles.velocity_mps[row, 0] = speed_mps
    told, angles = [], []
    for _ in range(ticks):
        output = stage.tick(0.05, {detector.stream_id})
        told += [msgpack.unpackb(buffers[-1]) for _, buffers in output.measurements]
        angles += [door.angle_deg for door in car.doors.values()]
    return told, angles, float(stage.vehicles.velocity_mps[row, 0])


def test_a_car_that_passes_hits_an_open_door_once_and_the_door_gives_way(stage, see):
    car, simulator = put(stage, CHARGER), SimpleNamespace(world=stage)
    settle(stage, car)
    told, _, free_mps = drive_past(stage, car, left_m=1.5)
    assert told == []
    stage.destroy(max(actor.actor_id for actor in stage.vehicle_actors))
    vehicles.open_vehicle_door(simulator, car.actor_id, FRONT_LEFT)
    for _ in range(20):
        stage.tick(0.05, {})
    assert car.doors[FRONT_LEFT].angle_deg == SWING_DEG
    told, angles, speed_mps = drive_past(stage, car, left_m=1.5)
    assert [other[0] for _, other, _ in told] == [car.actor_id]
    (_, _, impulse) = told[0]
    assert impulse[0] < 0.0, "it is slowed down"
    assert 25.0 < -impulse[0] < 400.0, "by a door's weight"
    assert free_mps - 0.5 < speed_mps < free_mps
    assert min(angles) < 0.6 * SWING_DEG
    assert angles[-1] == SWING_DEG, "the door swings back when the car has gone"


def test_a_door_opens_no_farther_than_what_stands_beside_it(stage, see):
    car, simulator = put(stage, CHARGER), SimpleNamespace(world=stage)
    walker = stage.spawn(
        ActorDescription(0, "walker.pedestrian.0001", ()), (0.3, -car.box.extent_m[1] - 0.6, 1.0, 0.0, 0.0, 0.0)
    )
    settle(stage, car)
    vehicles.open_vehicle_door(simulator, car.actor_id, FRONT_LEFT)
    for _ in range(30):
        stage.tick(0.05, {})
    assert 5.0 < car.doors[FRONT_LEFT].angle_deg < 0.9 * SWING_DEG
    stage.destroy(walker.actor_id)
    for _ in range(30):
        stage.tick(0.05, {})
    assert car.doors[FRONT_LEFT].angle_deg == SWING_DEG


def test_models_without_doors_keep_them_shut_whatever_is_asked(stage, see):
    simulator = SimpleNamespace(world=stage)
    for name in ("vehicle.tesla.model3", "vehicle.bh.crossbike", "vehicle.mitsubishi.fusorosa"):
        vehicle = put(stage, name)
        vehicles.open_vehicle_door(simulator, vehicle.actor_id, ALL_DOORS)
        assert vehicle.open_doors
        assert vehicle.actor_id not in stage.in_pieces
        stage.destroy(vehicle.actor_id)


@pytest.mark.parametrize("name", sorted(WITH_DOORS))
def test_every_model_with_doors_has_leaves_that_lie_in_its_sides(name):
    extent_m = next(vehicle.extent_m for vehicle in VEHICLES if vehicle.blueprint_id == name)
    profile = vehicle_profile(name)
    assert profile is not None
    assert profile.doors
    for number in range(2 * len(profile.doors)):
        doorway = piece_mesh(name, extent_m, DOORWAYS[number]).vertices["position_m"]
        side = -1.0 if number % 2 == 0 else 1.0
        assert (np.abs(doorway) <= (extent_m[0], extent_m[1] + 0.03, 2.0 * extent_m[2])).all()
        assert (side * doorway[:, 1] > 0.5 * extent_m[1]).all()
        leaf = piece_mesh(name, extent_m, LEAVES[number]).vertices["position_m"]
        assert 0.5 < np.ptp(leaf[:, 0]) < 1.9, "metres that a door is long"
        assert leaf[:, 0].max() < 0.01, "its hinge is in front"
    with pytest.raises(ValueError, match="no piece 'door leaf 3'"):
        piece_mesh("vehicle.mercedes.sprinter", extent_m, LEAVES[3])


@pytest.mark.parametrize("name", sorted(WITH_DOORS))
def test_cars_and_vans_have_lids_that_lie_in_their_tops_and_trucks_have_none(name):
    blueprint = next(vehicle for vehicle in VEHICLES if vehicle.blueprint_id == name)
    extent_m = blueprint.extent_m
    has = {"car": {BONNET, BOOT}, "van": {BOOT} if "t2" in name else {BONNET, BOOT}, "truck": set()}
    for number in (BONNET, BOOT):
        if number not in has[blueprint.base_type]:
            with pytest.raises(ValueError, match=f"no piece 'doorway {number}'"):
                piece_mesh(name, extent_m, DOORWAYS[number])
            continue
        bay = piece_mesh(name, extent_m, DOORWAYS[number]).vertices["position_m"]
        ahead = 1.0 if number == BONNET else -1.0
        assert (np.abs(bay) <= (extent_m[0] + 0.04, extent_m[1], 2.0 * extent_m[2] + 0.04)).all()
        assert (ahead * bay[:, 0] > 0.3 * extent_m[0]).all()
        leaf = piece_mesh(name, extent_m, LEAVES[number]).vertices["position_m"]
        assert 0.3 < np.hypot(*np.ptp(leaf[:, [0, 2]], axis=0)) < 1.6, "metres that a lid is long"
        assert np.ptp(leaf[:, 1]) > 0.5 * 2.0 * extent_m[1]
        assert (ahead * leaf[:, 0]).min() > -0.05, "its hinge is next to the cabin"


def test_a_posed_walker_is_drawn_so_and_one_at_ease_as_before(stage, see):
    walker, simulator = put(stage, "walker.pedestrian.0001", z=1.0, yaw=180.0), SimpleNamespace(world=stage)
    stage.tick(0.05, {})
    at_ease = see(0.05)
    gait = walker_gait(stage, walker)
    raised = [["crl_arm__L", [list(gait["crl_arm__L"][:3]), [0.0, 0.0, 150.0]]]]
    bones.set_bones_transform(simulator, walker.actor_id, [raised])
    assert (pixels_of(see(0.05), walker) == pixels_of(at_ease, walker)).all()
    bones.blend_pose(simulator, walker.actor_id, 1.0)
    posed = see(0.05)
    added = pixels_of(posed, walker) & ~pixels_of(at_ease, walker)
    top = np.flatnonzero(pixels_of(at_ease, walker).any(axis=1))[0]
    assert added[:top].any(), "the hand is above the head"
    assert (posed["semantic_segmentation"][added][:, 2] == walker.semantic_tags[-1]).all()
    above = np.array([-3.0, 0.0, walker.box.extent_m[2] * 2.0 + 0.1])
    aims = np.array([[3.0, y, 0.0] for y in np.linspace(-0.6, 0.6, 61)])
    hits = stage.sensors.rays.cast(stage, above, aims / np.linalg.norm(aims, axis=1, keepdims=True), 6.0)
    assert (hits.actor_id == walker.actor_id).any()
    bones.blend_pose(simulator, walker.actor_id, 0.0)
    again = see(0.05)
    for family in FAMILIES[1:]:
        assert (again[family] == at_ease[family]).all(), family


def test_pieces_go_with_their_owners(stage, see):
    simulator = SimpleNamespace(world=stage)
    car = put(stage, CHARGER)
    vehicles.open_vehicle_door(simulator, car.actor_id, ALL_DOORS)
    assert list(stage.in_pieces) == [car.actor_id]
    stage.destroy(car.actor_id)
    assert not stage.in_pieces
    assert not pixels_of(see(0.05), car).any()


def test_limbs_are_as_long_as_the_bones_that_carry_them():
    offset = {bone.name: bone.offset for bone in BONES}
    assert set(LIMBS) <= set(offset)
    for side in "LR":
        assert offset[f"crl_foreArm__{side}"][2] == -UPPER_ARM
        assert offset[f"crl_hand__{side}"][2] == -FOREARM
        assert offset[f"crl_leg__{side}"][2] == -THIGH
        assert offset[f"crl_foot__{side}"][2] == -SHANK
    assert offset["crl_hips__C"][2] - THIGH - SHANK == pytest.approx(ANKLE)
