"""What a tick does to actors, snapshot and sensors, without sockets."""

import struct
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest

from carla_server.api.vehicles import set_wheel_steer_direction
from carla_server.wire.layouts import LAYOUTS
from carla_server.wire.stream import ACTOR_STATE_DTYPE
from carla_server.wire.structs import ActorDescription, InvalidArgument
from carla_server.world.overlap import BoxArray, overlapping
from carla_server.world.seeds import derive_seed
from carla_server.world.traffic_lights import LightState

HERE = (0.0, 0.0, 0.3, 0.0, 0.0, 0.0)
CAMERA = ActorDescription(0, "sensor.camera.rgb", (("image_size_x", 1, "32.0"), ("image_size_y", 1, "18")))
LABELS = ActorDescription(0, "sensor.camera.semantic_segmentation", CAMERA.attributes)


def car(name="audi.tt"):
    return ActorDescription(0, f"vehicle.{name}", ())


def states(output):
    return {int(row["actor_id"]): row for row in np.frombuffer(output.snapshot[84:], ACTOR_STATE_DTYPE)}


def test_the_snapshot_has_a_row_for_every_actor_also_after_many_have_come_and_gone(make_world):
    world = make_world()
    ids = [
        world.spawn(car("nissan.micra"), (8.0 * index, -20.0, 0.3, 0.0, 0.0, 0.0)).actor_id for index in range(150)
    ]
    for actor_id in ids[::2]:
        world.destroy(actor_id)
    rows = states(world.tick(0.05, {}))
    assert set(rows) == set(world.actors)
    for index in range(1, 150, 2):
        assert rows[ids[index]]["transform"][0] == pytest.approx(8.0 * index, abs=0.2)
    assert rows[1]["sign_id"] == b"100"
    assert rows[1]["light_state"] == 2


def test_a_vehicle_row_shows_control_limit_and_light(make_world):
    world = make_world()
    vehicle = world.spawn(car(), (40.0, 0.0, 0.1, 0.0, 0.0, 0.0))
    world.vehicles.set_control(vehicle.actor_id, (0.0, 0.25, 1.0, 0, 0, 0, 0))
    world.lights.set_state(0, LightState.RED)
    row = states(world.tick(0.05, {}))[vehicle.actor_id]
    assert row["vehicle_throttle_steer_brake"].tolist() == [0.0, 0.25, 1.0]
    assert row["vehicle_speed_limit_kmh"] == 50.0
    assert (row["vehicle_has_light"], row["vehicle_light_id"], row["vehicle_light_state"]) == (1, 1, 0)
    world.lights.set_state(0, LightState.GREEN)
    row = states(world.tick(0.05, {}))[vehicle.actor_id]
    assert (row["vehicle_has_light"], row["vehicle_light_id"], row["vehicle_light_state"]) == (0, 0, 2)


def test_ids_go_on_over_episodes_unless_somebody_asks_for_those_of_the_first_one(make_world, tiny_town):
    world = make_world()
    first = world.spawn(car(), HERE).actor_id
    world.begin_episode(tiny_town)
    assert world.spawn(car(), HERE).actor_id == first + 1
    world.count_ids_anew = True
    world.begin_episode(tiny_town)
    assert world.spawn(car(), HERE).actor_id == first
    world.begin_episode(tiny_town)
    assert world.spawn(car(), HERE).actor_id == first + 1


def test_a_new_episode_resets_time_and_actors_but_not_the_frame(make_world, tiny_town):
    world = make_world()
    first_episode = world.episode_id
    world.spawn(car(), HERE)
    world.tick(0.05, {})
    world.begin_episode(tiny_town)
    assert world.episode_id != first_episode
    assert world.last_snapshot is None
    assert not world.vehicle_actors
    output = world.tick(0.05, {})
    assert struct.unpack_from("<QQd", output.snapshot)[1:] == (2, 0.05)
    assert struct.unpack_from("<I", output.snapshot, 80)[0] == 1
    assert struct.unpack_from("<I", world.tick(0.05, {}).snapshot, 80)[0] == 0


def test_cameras_of_one_view_share_one_drawing(make_world, renderers):
    world = make_world()
    vehicle = world.spawn(car(), HERE)
    mount = (1.5, 0.0, 2.0, 0.0, 0.0, 0.0)
    colour = world.spawn(CAMERA, mount, vehicle.actor_id)
    labels = world.spawn(LABELS, mount, vehicle.actor_id)
    behind = world.spawn(CAMERA, (-5.0, 0.0, 3.0, 0.0, 180.0, 0.0), vehicle.actor_id)
    output = world.tick(0.05, {colour.stream_id, labels.stream_id, behind.stream_id})
    (renderer,) = renderers
    assert [call[2] for call in renderer.calls] == [frozenset({"rgb", "semantic"}), frozenset({"rgb"})]
    assert [stream for stream, _ in output.measurements] == [colour.stream_id, labels.stream_id, behind.stream_id]
    header, image_header, pixels = output.measurements[0][1]
    assert struct.unpack_from("<Q", header)[0] == 13
    assert struct.unpack("<IIf", image_header) == (32, 18, 90.0)
    assert memoryview(pixels).nbytes == 32 * 18 * 4
    assert renderer.actors["instance"].tolist() == [vehicle.actor_id]
    assert renderer.light_ids == [1, 2]


def test_colour_labels_depth_normals_and_flow_of_one_view_share_one_drawing(make_world, renderers):
    world = make_world()
    vehicle = world.spawn(car(), HERE)
    mount = (1.5, 0.0, 2.0, 0.0, 0.0, 0.0)
    families = ("rgb", "depth", "semantic_segmentation", "instance_segmentation", "normals", "optical_flow")
    cameras = [
        world.spawn(replace(CAMERA, blueprint_id=f"sensor.camera.{family}"), mount, vehicle.actor_id)
        for family in families
    ]
    output = world.tick(0.05, {camera.stream_id for camera in cameras})
    (call,) = renderers[0].calls
    assert call[2] == {"rgb", "depth", "semantic", "instance", "normals"}
    assert [stream for stream, _ in output.measurements] == [camera.stream_id for camera in cameras]


def test_shaders_are_compiled_when_a_camera_or_the_weather_comes_never_in_a_tick(make_world, renderers):
    world = make_world()
    fog = (10.0,) * 14
    world.set_weather(fog)
    assert renderers == []
    camera = world.spawn(CAMERA, HERE)
    assert [(weather, len(views)) for weather, views in renderers[0].warmed] == [(fog, 1)]
    rain = (20.0,) * 14
    world.set_weather(rain)
    world.tick(0.05, {camera.stream_id})
    assert [weather for weather, _ in renderers[0].warmed] == [fog, rain]


def test_the_actors_drawn_follow_who_comes_and_goes(make_world, renderers):
    world = make_world()
    camera = world.spawn(CAMERA, HERE)
    cone = world.spawn(ActorDescription(0, "static.prop.trafficcone01", ()), (8.0, 8.0, 0.0, 0.0, 0.0, 0.0))
    walker = world.spawn(ActorDescription(0, "walker.pedestrian.0001", ()), (0.0, -9.0, 1.0, 0.0, 0.0, 0.0))
    vehicle = world.spawn(car(), (20.0, 0.0, 0.1, 0.0, 90.0, 0.0))
    world.tick(0.05, {camera.stream_id})
    drawn = {int(row["instance"]): row for row in renderers[0].actors}
    assert set(drawn) == {cone.actor_id, walker.actor_id, vehicle.actor_id}
    assert drawn[cone.actor_id]["position_m"].tolist() == [8.0, 8.0, 0.0]
    assert drawn[walker.actor_id]["position_m"][1] == pytest.approx(-9.0)
    assert drawn[vehicle.actor_id]["rotation_deg"][1] == pytest.approx(90.0)
    world.destroy(walker.actor_id)
    world.tick(0.05, {camera.stream_id})
    assert {int(row["instance"]) for row in renderers[0].actors} == {cone.actor_id, vehicle.actor_id}


def test_wheels_turned_by_hand_are_drawn_so(make_world, renderers):
    world = make_world()
    camera = world.spawn(CAMERA, HERE)
    vehicle = world.spawn(car(), (20.0, 0.0, 0.1, 0.0, 90.0, 0.0))
    set_wheel_steer_direction(SimpleNamespace(world=world), vehicle.actor_id, 1, 30.0)
    world.tick(0.05, {camera.stream_id})
    assert renderers[0].actors["steer_rad"][0] == pytest.approx(np.radians(30.0))
    assert world.vehicles.steer_rad[0] == 0.0
    world.destroy(vehicle.actor_id)
    world.tick(0.05, {camera.stream_id})
    assert len(renderers[0].actors) == 0


def test_what_nobody_listens_to_is_not_drawn(make_world, renderers):
    world = make_world()
    camera = world.spawn(CAMERA, HERE)
    assert world.tick(0.05, {}).measurements == []
    assert renderers[0].calls == []
    assert len(world.tick(0.05, {camera.stream_id}).measurements) == 1


def test_a_reload_of_the_same_map_keeps_the_renderer(make_world, renderers, tiny_town):
    world = make_world()
    world.spawn(CAMERA, HERE)
    world.begin_episode(tiny_town)
    world.spawn(CAMERA, HERE)
    assert len(renderers) == 1
    assert not renderers[0].closed


def test_a_machine_without_gl_refuses_cameras_with_the_reason_and_goes_on(make_world):
    def no_gl(town):
        raise RuntimeError("no GL here; apt-get install libegl1 libgl1 libgl1-mesa-dri")

    world = make_world(open_renderer=no_gl)
    with pytest.raises(InvalidArgument, match="libegl1"):
        world.spawn(CAMERA, HERE)
    with pytest.raises(InvalidArgument, match="--no-rendering"):
        make_world(open_renderer=None).spawn(CAMERA, HERE)
    world.tick(0.05, {})
    world.spawn(car(), HERE)


@pytest.mark.parametrize(
    ("description", "told"),
    [
        (ActorDescription(0, "vehicle.tesla.model4", ()), "model3"),
        (ActorDescription(0, "sensor.camera.rgb", (("fov", 2, "wide"),)), "fov"),
        (ActorDescription(0, "sensor.camera.rgb", (("fov", 2, "179"),)), "fov of sensor.camera.rgb is 179"),
        (ActorDescription(0, "vehicle.audi.tt", (("color", 4, "red"),)), "color is 'red', it must be 'r,g,b'"),
    ],
)
def test_an_impossible_actor_is_refused_by_name(make_world, description, told):
    with pytest.raises(InvalidArgument, match=told):
        make_world().spawn(description, HERE)


def test_a_place_inside_a_house_or_a_car_is_taken_but_one_beside_it_is_free(make_world):
    world = make_world()
    with pytest.raises(InvalidArgument, match="collision"):
        world.spawn(car(), (0.0, 30.0, 0.3, 0.0, 0.0, 0.0))
    world.spawn(car(), HERE)
    with pytest.raises(InvalidArgument, match="collision"):
        world.spawn(car(), (3.0, 0.5, 0.3, 0.0, 45.0, 0.0))
    world.spawn(car(), (0.0, 2.5, 0.3, 0.0, 0.0, 0.0))


def drive_towards_ten_metres(world):
    vehicle = world.spawn(car(), HERE)
    world.vehicles.set_control(vehicle.actor_id, (1.0, 0.0, 0.0, 0, 0, 0, 0))
    for _ in range(80):
        world.tick(0.05, {})
    return world.pose_of(vehicle)[0]


def test_a_barrier_stops_a_car_and_after_its_removal_does_not(make_world):
    barrier = ActorDescription(0, "static.prop.streetbarrier", ())
    free = make_world()
    assert drive_towards_ten_metres(free) > 15.0
    blocked = make_world()
    placed = blocked.spawn(barrier, (10.0, 0.0, 0.0, 0.0, 90.0, 0.0))
    assert drive_towards_ten_metres(blocked) < 10.0
    blocked.destroy(placed.actor_id)
    for _ in range(80):
        blocked.tick(0.05, {})
    assert blocked.pose_of(blocked.vehicle_actors[0])[0] > 15.0


def test_a_barrier_put_out_of_reach_or_attached_to_a_car_hinders_nobody(make_world):
    world = make_world()
    barrier = ActorDescription(0, "static.prop.streetbarrier", ())
    moved = world.spawn(barrier, (10.0, 0.0, 0.0, 0.0, 90.0, 0.0))
    world.set_pose(moved, (9e5, -9e5, 0.0, 0.0, 0.0, 0.0))
    carrier = world.spawn(car(), (0.0, -8.0, 0.3, 0.0, 0.0, 0.0))
    world.spawn(barrier, (1.0, 0.0, 1.0, 0.0, 0.0, 0.0), carrier.actor_id)
    world.vehicles.set_control(carrier.actor_id, (1.0, 0.0, 0.0, 0, 0, 0, 0))
    assert drive_towards_ten_metres(world) > 15.0
    assert world.pose_of(carrier)[0] > 15.0


def test_dirt_on_the_road_is_drawn_and_driven_over(make_world, renderers):
    world = make_world()
    camera = world.spawn(CAMERA, (0.0, 0.0, 3.0, 0.0, 0.0, 0.0))
    debris = world.spawn(ActorDescription(0, "static.prop.dirtdebris01", ()), (10.0, 0.0, 0.0, 0.0, 0.0, 0.0))
    assert drive_towards_ten_metres(world) > 15.0
    world.tick(0.05, {camera.stream_id})
    assert debris.actor_id in renderers[0].actors["instance"]


def test_props_may_be_put_onto_each_other_and_vehicles_may_not(make_world):
    world = make_world()
    barrier = ActorDescription(0, "static.prop.streetbarrier", ())
    place = (10.0, 0.0, 0.0, 0.0, 90.0, 0.0)
    assert world.spawn(barrier, place).actor_id != world.spawn(barrier, place).actor_id
    with pytest.raises(InvalidArgument, match="collision"):
        world.spawn(car(), place)


def test_actors_of_the_map_cannot_be_destroyed(make_world):
    world = make_world()
    for actor_id in (1, 3, world.spectator.actor_id):
        with pytest.raises(InvalidArgument, match="belongs to the map"):
            world.destroy(actor_id)


def test_a_spring_arm_keeps_level_where_a_rigid_mount_leans(make_world):
    world = make_world()
    vehicle = world.spawn(car(), (0.0, 0.0, 0.3, 10.0, 0.0, 0.0))
    rigid = world.spawn(CAMERA, (-4.0, 0.0, 2.0, 0.0, 0.0, 0.0), vehicle.actor_id)
    arm = world.spawn(CAMERA, (-4.0, 0.0, 2.0, 0.0, 0.0, 0.0), vehicle.actor_id, spring_arm=True)
    assert world.pose_of(rigid)[3] == pytest.approx(10.0)
    assert world.pose_of(arm)[2:4] == pytest.approx((2.3, 0.0))


def test_the_trigger_of_a_light_is_given_in_the_lights_own_frame(make_world):
    light = make_world().actors[1]
    assert light.box.extent_m == (2.0, 4.0, 1.0)
    assert light.box.center_m == pytest.approx((-6.0, 0.0, 1.0))
    assert light.box.rotation_deg[1] == pytest.approx(0.0)


def test_equal_seeds_give_equal_episodes_and_others_differ(make_world):
    assert make_world(seed=5).episode_id == make_world(seed=5).episode_id
    assert make_world(seed=5).episode_id != make_world(seed=6).episode_id
    assert derive_seed(1, "imu", 7) != derive_seed(1, "imu", 8)


def test_a_car_of_0_9_15_is_described_without_the_box_owner(make_world):
    old, new = LAYOUTS["0.9.15"], LAYOUTS["0.9.16"]
    actor = make_world(layout=old).spawn(car(), HERE)
    assert len(actor.to_wire(old, b"")[3]) == 3
    assert actor.to_wire(new, b"")[3][3] == actor.actor_id


def test_boxes_overlap_only_where_they_really_do(tiny_town):
    from carla_server.roads.town import Box

    long_box = Box((0.0, 0.0, 0.0), (5.0, 1.0, 1.0), 45.0)
    others = BoxArray.of(
        [
            Box((3.0, 3.0, 0.0), (0.5, 0.5, 1.0), 0.0),
            Box((3.0, -3.0, 0.0), (0.5, 0.5, 1.0), 0.0),
            Box((0.0, 0.0, 2.5), (1.0, 1.0, 1.0), 0.0),
            Box((0.0, 0.0, 1.9), (1.0, 1.0, 1.0), 10.0),
        ]
    )
    assert overlapping(long_box, others).tolist() == [True, False, False, True]
    assert len(overlapping(long_box, BoxArray.of([]))) == 0
