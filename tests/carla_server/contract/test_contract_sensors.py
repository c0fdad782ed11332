"""Sensors through the real client."""

import queue

import carla
import numpy as np
import pytest

CAMERAS = ("rgb", "depth", "semantic_segmentation", "instance_segmentation")


class Listener:
    """A sensor and the queue of what it sends."""

    def __init__(self, world, type_id, parent, where=None, **attributes):
        blueprint = world.get_blueprint_library().find(type_id)
        for name, value in attributes.items():
            blueprint.set_attribute(name, str(value))
        where = where or carla.Transform(carla.Location(x=1.5, z=2.4))
        self.sensor = world.spawn_actor(blueprint, where, attach_to=parent)
        self.received = queue.Queue()
        self.sensor.listen(self.received.put)

    def next(self):
        return self.received.get(timeout=30.0)


@pytest.fixture
def car(world):
    blueprint = world.get_blueprint_library().find("vehicle.lincoln.mkz_2020")
    return world.spawn_actor(blueprint, world.get_map().get_spawn_points()[0])


def test_four_cameras_deliver_every_frame_and_agree_with_each_other(world, car):
    listeners = {
        name: Listener(world, f"sensor.camera.{name}", car, image_size_x=128, image_size_y=72) for name in CAMERAS
    }
    for _ in range(5):
        frame = world.tick()
        images = {name: listener.next() for name, listener in listeners.items()}
        assert {image.frame for image in images.values()} == {frame}
        assert {(image.width, image.height) for image in images.values()} == {(128, 72)}
    pixels = {name: np.frombuffer(image.raw_data, np.uint8).reshape(72, 128, 4) for name, image in images.items()}
    tags = pixels["semantic_segmentation"][..., 2]
    assert {1, 11} <= set(np.unique(tags))
    assert np.array_equal(pixels["instance_segmentation"][..., 2], tags)
    blue, green, red = (pixels["depth"][..., channel].astype(float) for channel in range(3))
    depth_m = 1000.0 * (red + 256.0 * green + 65536.0 * blue) / (2.0**24 - 1.0)
    assert depth_m[tags == 11].min() > 900.0
    assert depth_m[tags == 1].min() < 30.0
    assert pixels["rgb"][..., :3].std() > 5.0
    for listener in listeners.values():
        listener.sensor.stop()
        listener.sensor.destroy()


def test_measurements_carry_the_pose_that_their_sensor_has_in_that_frame(world, car):
    names = ("lidar.ray_cast", "lidar.ray_cast_semantic", "other.gnss", "other.radar", "other.imu", "camera.depth")
    mount = carla.Transform(carla.Location(x=1.6, z=1.7), carla.Rotation(pitch=-5.0, yaw=30.0))
    listeners = [Listener(world, f"sensor.{name}", car, mount) for name in names]
    car.apply_control(carla.VehicleControl(throttle=0.75, steer=0.1))
    for _ in range(40):
        frame = world.tick()
        for listener in listeners:
            measured = listener.next()
            assert measured.frame == frame
            assert measured.transform == listener.sensor.get_transform(), listener.sensor.type_id
            assert listener.received.empty()
    for listener in listeners:
        listener.sensor.stop()
        listener.sensor.destroy()


def test_inertial_and_satellite_sensors_show_a_car_at_rest(world, car):
    imu = Listener(world, "sensor.other.imu", car)
    gnss = Listener(world, "sensor.other.gnss", car)
    for _ in range(40):
        frame = world.tick()
        inertia, place = imu.next(), gnss.next()
        assert inertia.frame == place.frame == frame
    assert inertia.accelerometer.z == pytest.approx(9.81, abs=0.05)
    expected = world.get_map().transform_to_geolocation(gnss.sensor.get_location())
    assert place.latitude == pytest.approx(expected.latitude, abs=1e-7)
    assert place.longitude == pytest.approx(expected.longitude, abs=1e-7)


def test_a_crash_is_told_to_collision_and_obstacle_detectors(world, car):
    ahead = car.get_transform() if car.get_location().x else world.get_map().get_spawn_points()[0]
    position = ahead.transform(carla.Location(x=12.0))
    library = world.get_blueprint_library()
    other = world.spawn_actor(library.find("vehicle.audi.a2"), carla.Transform(position, ahead.rotation))
    crash = Listener(world, "sensor.other.collision", car)
    near = Listener(world, "sensor.other.obstacle", car, carla.Transform(carla.Location(x=2.5, z=0.8)), distance=8)
    car.apply_control(carla.VehicleControl(throttle=1.0))
    for _ in range(80):
        world.tick()
        if not crash.received.empty():
            break
    event = crash.next()
    assert event.actor.id == car.id
    assert event.other_actor.id == other.id
    assert event.normal_impulse.length() > 100.0
    assert near.next().other_actor.id == other.id


def test_crossing_a_marking_is_noticed_by_the_client(world, car):
    invasion = Listener(world, "sensor.other.lane_invasion", car)
    car.apply_control(carla.VehicleControl(throttle=0.6, steer=0.25))
    for _ in range(120):
        world.tick()
        if not invasion.received.empty():
            break
    assert invasion.next().crossed_lane_markings


def test_sensor_tick_thins_the_measurements(world, car):
    every = Listener(world, "sensor.other.imu", car)
    third = Listener(world, "sensor.other.imu", car, sensor_tick=0.15)
    for _ in range(30):
        world.tick()
    frames = [every.next().frame for _ in range(30)]
    thinned = [third.next().frame for _ in range(10)]
    assert len(frames) == 30
    assert set(np.diff(thinned)) == {3}
    assert third.received.empty()


def test_every_sensor_that_has_a_sensor_tick_keeps_it(world, car):
    """One second at 20 Hz: measurements at 0, 0.5 and 1 s; those that speak only of events are left out."""
    library, listeners = world.get_blueprint_library(), {}
    for blueprint in library.filter("sensor.*"):
        if blueprint.has_attribute("sensor_tick") and blueprint.id not in (
            "sensor.camera.dvs",
            "sensor.other.obstacle",
        ):
            size = {"image_size_x": 64, "image_size_y": 36} if "camera" in blueprint.id else {}
            listeners[blueprint.id] = Listener(world, blueprint.id, car, sensor_tick=0.5, **size)
    assert len(listeners) == 12
    for _ in range(21):
        world.tick()
    for name, listener in listeners.items():
        assert set(np.diff([listener.next().frame for _ in range(3)])) == {10}, name
        assert listener.received.empty(), name
        listener.sensor.stop()
        listener.sensor.destroy()


def test_a_stopped_sensor_is_silent_and_can_listen_again(world, car):
    imu = Listener(world, "sensor.other.imu", car)
    world.tick()
    imu.next()
    imu.sensor.stop()
    world.tick()
    world.tick()
    assert imu.received.empty()
    imu.sensor.listen(imu.received.put)
    frame = world.tick()
    assert imu.next().frame == frame


def test_no_first_frame_is_lost_over_many_subscriptions(world, car):
    for _ in range(15):
        imu = Listener(world, "sensor.other.imu", car)
        frame = world.tick()
        assert imu.next().frame == frame
        imu.sensor.stop()
        imu.sensor.destroy()


def test_a_camera_of_impossible_size_is_refused_with_the_range(world, car):
    blueprint = world.get_blueprint_library().find("sensor.camera.rgb")
    blueprint.set_attribute("image_size_x", "0")
    with pytest.raises(RuntimeError, match="image_size_x"):
        world.spawn_actor(blueprint, carla.Transform(), attach_to=car)


def test_many_sensors_are_stopped_and_destroyed_in_one_batch_before_the_next_tick(client, world):
    """The tick is `world.tick()`: the client's `apply_batch_sync(..., True)` keeps Python's lock while it waits for
    the snapshot, and its reader threads need that lock to forget the callbacks of the stopped sensors.
    """
    library = world.get_blueprint_library()
    points = world.get_map().get_spawn_points()
    for _ in range(5):
        cars = [world.spawn_actor(library.find("vehicle.audi.tt"), point) for point in points[:20:4]]
        listeners = [Listener(world, "sensor.other.imu", car) for car in cars]
        frame = world.tick()
        assert {listener.next().frame for listener in listeners} == {frame}
        for listener in listeners:
            listener.sensor.stop()
        doomed = [*(listener.sensor for listener in listeners), *cars]
        answers = client.apply_batch_sync([carla.command.DestroyActor(actor) for actor in doomed], False)
        assert not any(answer.error for answer in answers)
        assert world.tick() == frame + 1
        assert {actor.id for actor in doomed}.isdisjoint(actor.id for actor in world.get_snapshot())


def test_a_world_reloads_while_its_sensors_are_listening(client, world):
    blueprint = world.get_blueprint_library().find("vehicle.audi.tt")
    forgotten = []
    for _ in range(5):
        car = world.spawn_actor(blueprint, world.get_map().get_spawn_points()[0])
        forgotten += [Listener(world, "sensor.other.imu", car) for _ in range(3)]
        frame = world.tick()
        assert {listener.next().frame for listener in forgotten[-3:]} == {frame}
        world = client.reload_world(False)
        assert world.tick() > frame
    for listener in forgotten:
        listener.sensor.stop()
