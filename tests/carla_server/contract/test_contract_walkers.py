"""Walkers through the real client: control, bones and poses, falling, ground under the feet."""

import carla
import pytest


@pytest.fixture
def library(world):
    return world.get_blueprint_library()


@pytest.fixture
def walker(world, library):
    spot = world.get_random_location_from_navigation()
    walker = world.spawn_actor(library.find("walker.pedestrian.0015"), carla.Transform(spot + carla.Location(z=1.0)))
    for _ in range(10):
        world.tick()
    return walker


def test_a_walker_stands_on_the_ground(world, walker):
    below = world.ground_projection(walker.get_location(), 5.0)
    assert below is not None
    feet_m = walker.get_location().z - walker.bounding_box.extent.z
    assert feet_m == pytest.approx(below.location.z, abs=0.05)


def test_a_jumping_walker_comes_down_again(world, walker):
    rest = walker.get_location().z
    walker.apply_control(carla.WalkerControl(carla.Vector3D(1.0, 0.0, 0.0), 0.0, True))
    heights = []
    for _ in range(30):
        world.tick()
        heights.append(walker.get_location().z)
    assert max(heights) > rest + 0.4
    assert heights[-1] == pytest.approx(rest, abs=0.02)


def test_bones_have_carlas_names_and_lie_inside_the_body(world, walker):
    bones = {bone.name: bone.world for bone in walker.get_bones().bone_transforms}
    for name in ("crl_root", "crl_hips__C", "crl_Head__C", "crl_hand__L", "crl_foot__R", "crl_toeEnd__L"):
        assert name in bones
    here, box = walker.get_transform(), walker.bounding_box
    for name, pose in bones.items():
        local = here.inverse_transform(carla.Location(pose.location.x, pose.location.y, pose.location.z))
        assert abs(local.z) <= box.extent.z + 0.02, name
        assert max(abs(local.x), abs(local.y)) < 0.8, name
    assert bones["crl_Head__C"].location.z > bones["crl_hips__C"].location.z


def test_limbs_swing_while_walking(world, walker):
    def thigh():
        relative = {bone.name: bone.relative for bone in walker.get_bones().bone_transforms}
        return relative["crl_thigh__L"].rotation.pitch, relative["crl_thigh__R"].rotation.pitch

    assert thigh() == pytest.approx((0.0, 0.0), abs=0.5)
    walker.apply_control(carla.WalkerControl(carla.Vector3D(1.0, 0.0, 0.0), 1.4))
    seen = []
    for _ in range(30):
        world.tick()
        seen.append(thigh())
    assert max(left for left, _ in seen) > 15.0
    assert min(left for left, _ in seen) < -15.0
    assert all(left * right <= 0.0 for left, right in seen)


def test_a_pose_of_the_client_shows_by_its_weight(world, walker):
    def arm():
        return next(bone.relative for bone in walker.get_bones().bone_transforms if bone.name == "crl_arm__R")

    rest = arm()
    wanted = carla.Transform(rest.location, carla.Rotation(pitch=90.0))
    walker.set_bones(carla.WalkerBoneControlIn([("crl_arm__R", wanted)]))
    assert arm().rotation.pitch == pytest.approx(rest.rotation.pitch, abs=1.0)
    walker.blend_pose(0.5)
    assert arm().rotation.pitch == pytest.approx(45.0, abs=1.0)
    walker.show_pose()
    assert arm().rotation.pitch == pytest.approx(90.0, abs=1.0)
    walker.hide_pose()
    assert arm().rotation.pitch == pytest.approx(rest.rotation.pitch, abs=1.0)
    walker.get_pose_from_animation()
    walker.show_pose()
    assert arm().rotation.pitch == pytest.approx(rest.rotation.pitch, abs=1.0)


def test_an_unknown_bone_is_refused_by_name(server, wire, world, walker):
    answer = wire(server).call("set_bones_transform", walker.id, [[["tail", [[0.0] * 3, [0.0] * 3]]]])
    assert answer[0][0] is True
    assert "'tail'" in answer[0][1][0]


@pytest.mark.parametrize("invincible", [True, False])
def test_a_car_that_hits_a_walker_knocks_it_over_unless_it_is_invincible(world, library, invincible):
    place = world.get_map().get_spawn_points()[0]
    blueprint = library.find("walker.pedestrian.0020")
    blueprint.set_attribute("is_invincible", str(invincible).lower())
    car = world.spawn_actor(library.find("vehicle.audi.tt"), place)
    there = place.location + 12.0 * place.get_forward_vector() + carla.Location(z=1.0)
    walker = world.spawn_actor(blueprint, carla.Transform(there))
    sensor = world.spawn_actor(library.find("sensor.other.collision"), carla.Transform(), attach_to=car)
    events = []
    sensor.listen(events.append)
    for _ in range(10):
        world.tick()
    car.set_target_velocity(8.0 * place.get_forward_vector())
    for _ in range(40):
        world.tick()
    assert walker.id in {event.other_actor.id for event in events}
    assert (abs(walker.get_transform().rotation.pitch) > 45.0) is not invincible
    sensor.stop()
    sensor.destroy()


def test_a_dead_walker_lies_on_the_ground_and_obeys_nobody(server, wire, world, walker):
    assert wire(server).call("set_actor_dead", walker.id) == [[False]]
    world.tick()
    before = walker.get_location()
    walker.apply_control(carla.WalkerControl(carla.Vector3D(1.0, 0.0, 0.0), 2.0))
    for _ in range(20):
        world.tick()
    assert walker.get_location().distance(before) < 0.01
