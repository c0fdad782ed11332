"""Normals, optical flow and event cameras through the real client."""

import carla
import numpy as np
import pytest

SIZE = {"image_size_x": 96, "image_size_y": 54}
EVENT = np.dtype([("x", "<u2"), ("y", "<u2"), ("t", "<i8"), ("pol", "?")])
NIGHT = carla.WeatherParameters(sun_altitude_angle=-60.0)


@pytest.fixture
def eye(road):
    """A camera's place on the road, looking ahead."""
    return carla.Transform(road.transform(carla.Location(z=2.0)), road.rotation)


def pixels(image):
    return np.frombuffer(image.raw_data, np.uint8).reshape(image.height, image.width, 4)


def flow_of(image):
    return np.frombuffer(image.raw_data, np.float32).reshape(image.height, image.width, 2)


def test_the_ground_has_a_normal_that_points_up(world, eye, listen):
    eye.rotation.pitch = -60.0
    normals = listen("sensor.camera.normals", eye, **SIZE)
    tags = listen("sensor.camera.semantic_segmentation", eye, **SIZE)
    frame = world.tick()
    image, labels = normals.get(timeout=30), tags.get(timeout=30)
    assert image.frame == labels.frame == frame
    road = pixels(image)[pixels(labels)[..., 2] == 1]
    assert len(road) > 1000
    assert road[:, 0].min() >= 250  # blue is up
    assert np.abs(road[:, 1:3].astype(int) - 127).max() <= 4


def test_flow_of_a_camera_that_is_moved_agrees_with_its_depth(world, eye, listen):
    flow = listen("sensor.camera.optical_flow", eye, **SIZE)
    depth = listen("sensor.camera.depth", eye, **SIZE)
    world.tick()
    assert np.abs(flow_of(flow.get(timeout=30))).max() < 1e-4
    depth.get(timeout=30)
    step_m = 0.4
    right = eye.get_right_vector()
    moved = carla.Transform(eye.location + carla.Location(right.x * step_m, right.y * step_m, 0.0), eye.rotation)
    for camera in world.get_actors().filter("sensor.camera.*"):
        camera.set_transform(moved)
    frame = world.tick()
    image, distance = flow.get(timeout=30), depth.get(timeout=30)
    assert (image.frame, image.width, image.height, image.fov) == (frame, 96, 54, pytest.approx(90.0))
    blue, green, red = (pixels(distance)[..., channel].astype(float) for channel in range(3))
    depth_m = 1000.0 * (red + 256.0 * green + 65536.0 * blue) / (2.0**24 - 1.0)
    near = depth_m < 500.0
    # A step to the right makes everything go left, by focal length / depth; CARLA's unit is half a picture.
    assert flow_of(image)[..., 0][near] == pytest.approx(-step_m / depth_m[near], rel=1e-3)
    assert np.abs(flow_of(image)[..., 1]).max() < 1e-4
    assert np.abs(flow_of(image)[..., 0][~near]).max(initial=0.0) < 1e-3
    coded = image.get_color_coded_flow()  # its bytes live only as long as it does
    colours = pixels(coded)[..., :3].max(axis=2)
    assert colours.shape == (54, 96)
    assert colours[depth_m < 5.0].min() > 100 > 10 > colours[~near].max(initial=0)


def test_motion_blurs_only_the_pictures_of_a_camera_that_was_told_to(world, eye, listen):
    plain = listen("sensor.camera.rgb", eye, **SIZE)
    told = listen("sensor.camera.rgb", eye, **SIZE, motion_blur_intensity=0.5, motion_blur_max_distortion=20)
    tags = listen("sensor.camera.semantic_segmentation", eye, **SIZE)
    world.tick()
    sharp, first = pixels(plain.get(timeout=30)), pixels(told.get(timeout=30))
    tags.get(timeout=30)
    assert (sharp == first).all()  # nothing is known of the time before
    world.tick()
    assert (pixels(plain.get(timeout=30)) == pixels(told.get(timeout=30))).all()  # nothing has moved
    labels_at_rest = pixels(tags.get(timeout=30)).copy()
    turned = carla.Transform(eye.location, carla.Rotation(eye.rotation.pitch, eye.rotation.yaw + 8.0, 0.0))
    back = [eye, turned, eye]
    for place in back:
        for camera in world.get_actors().filter("sensor.camera.*"):
            camera.set_transform(place)
        world.tick()
        sharp, blurred, labels = (pixels(queue.get(timeout=30)) for queue in (plain, told, tags))
    assert (labels == labels_at_rest).all()
    across, upwards = (
        np.abs(np.diff(blurred[..., :3].astype(int), axis=axis)).mean()
        / np.abs(np.diff(sharp[..., :3].astype(int), axis=axis)).mean()
        for axis in (1, 0)
    )
    assert across < 0.6 < upwards  # streaks lie along the turn
    assert blurred[..., :3].mean() == pytest.approx(sharp[..., :3].mean(), rel=0.03)


def test_flow_of_a_car_that_crosses_points_the_way_it_drives(world, road, eye, listen):
    crossing = carla.Transform(road.transform(carla.Location(x=10.0)), carla.Rotation(yaw=road.rotation.yaw + 90.0))
    car = world.spawn_actor(world.get_blueprint_library().find("vehicle.tesla.model3"), crossing)
    flow = listen("sensor.camera.optical_flow", eye, **SIZE)
    ids = listen("sensor.camera.instance_segmentation", eye, **SIZE)
    car.enable_constant_velocity(carla.Vector3D(x=5.0))
    for _ in range(6):
        world.tick()
        image, instance = flow.get(timeout=30), pixels(ids.get(timeout=30))
    mine = instance[..., 1] + 256 * instance[..., 0].astype(int) == car.id
    right = flow_of(image)[mine][:, 0]
    assert len(right) > 20
    speed_ndc = 5.0 * 0.05 / 10.0  # metres a tick over half the picture's width at ten metres
    assert np.median(right) == pytest.approx(speed_ndc, rel=0.2)
    assert np.abs(flow_of(image)[~mine]).max() < 1e-3
    car.destroy()


def test_an_event_camera_sees_the_brake_lights_of_the_car_ahead(world, road, eye, listen):
    car = world.spawn_actor(
        world.get_blueprint_library().find("vehicle.tesla.model3"),
        carla.Transform(road.transform(carla.Location(x=8.0, z=0.1)), road.rotation),
    )
    world.set_weather(NIGHT)
    for _ in range(30):
        world.tick()
    events = listen("sensor.camera.dvs", eye, **SIZE, positive_threshold=0.3)
    ids = listen("sensor.camera.instance_segmentation", eye, **SIZE)
    for _ in range(3):
        world.tick()
        ids.get(timeout=30)
    while not events.empty():
        events.get()
    car.set_light_state(carla.VehicleLightState(carla.VehicleLightState.Brake | carla.VehicleLightState.Position))
    frame = world.tick()
    array, instance = events.get(timeout=30), pixels(ids.get(timeout=30))
    assert array.frame == frame
    assert (array.width, array.height) == (96, 54)
    fired = np.frombuffer(array.raw_data, EVENT)
    assert len(fired) == len(array)
    mine = instance[..., 1] + 256 * instance[..., 0].astype(int) == car.id
    on_car = fired[mine[fired["y"], fired["x"]]]
    assert on_car["pol"].mean() > 0.9
    assert len(on_car) > 4
    first = array[0]
    assert (first.x, first.y, first.t, first.pol) == tuple(fired[0].tolist())
    assert (np.diff(fired["t"]) >= 0).all()
    now_ns = array.timestamp * 1e9
    assert now_ns - 50_000_001 <= fired["t"].min() <= fired["t"].max() <= now_ns + 1
    world.set_weather(carla.WeatherParameters.ClearNoon)
    car.destroy()


def test_an_event_camera_before_which_nothing_happens_sends_nothing(world, eye, listen):
    """As in CARLA: a measurement without events is never sent, so nobody should wait for one."""
    eye.rotation.pitch = -89.0
    events = listen("sensor.camera.dvs", eye, **SIZE)
    rgb = listen("sensor.camera.rgb", eye, **SIZE)
    for _ in range(4):
        world.tick()
        rgb.get(timeout=30)
    assert events.empty()
    world.set_weather(NIGHT)
    frame = world.tick()
    array = events.get(timeout=30)
    assert array.frame == frame
    assert not np.frombuffer(array.raw_data, EVENT)["pol"].any()
    world.set_weather(carla.WeatherParameters.ClearNoon)


@pytest.mark.parametrize("family", ["normals", "optical_flow", "depth"])
def test_cameras_keep_their_sensor_tick(world, eye, listen, family):
    received = listen(f"sensor.camera.{family}", eye, **SIZE, sensor_tick=0.1)
    for _ in range(7):
        world.tick()
    frames = [received.get(timeout=30).frame for _ in range(4)]
    assert set(np.diff(frames)) == {2}
    assert received.empty()


def test_exposure_and_gamma_are_seen(world, eye, listen):
    usual, darker, flatter = (
        listen("sensor.camera.rgb", eye, **SIZE, **attributes)
        for attributes in ({}, {"exposure_compensation": -2.0}, {"gamma": 3.5})
    )
    world.tick()
    means = [pixels(received.get(timeout=30))[..., :3].mean() for received in (usual, darker, flatter)]
    assert means[1] < 0.65 * means[0] < 0.65 * means[2] / 1.1


def test_a_cosmos_camera_draws_the_road_map_and_boxes_on_black(world, road, eye, listen):
    cosmos = listen("sensor.camera.cosmos_visualization", eye, image_size_x=320, image_size_y=180)
    ids = listen("sensor.camera.instance_segmentation", eye, image_size_x=320, image_size_y=180)
    world.tick()
    empty = pixels(cosmos.get(timeout=30))
    ids.get(timeout=30)
    colours = {tuple(colour) for colour in empty.reshape(-1, 4)[:, 2::-1].tolist()}
    # black, lane lines, edges of the road, crosswalks, stop lines, traffic lights and poles, and nothing else
    known = {(0, 0, 0), (98, 183, 249), (200, 36, 35), (206, 131, 63), (185, 63, 34), (252, 157, 155), (66, 40, 144)}
    assert known <= colours
    assert colours <= known | {(131, 175, 155), (255, 0, 0)}  # signs, parked cars
    assert (empty[:60, :, :3] == 0).mean() > 0.9
    car = world.spawn_actor(
        world.get_blueprint_library().find("vehicle.tesla.model3"),
        carla.Transform(road.transform(carla.Location(x=9.0)), carla.Rotation(yaw=road.rotation.yaw + 90.0)),
    )
    for _ in range(10):
        world.tick()
        picture, instance = pixels(cosmos.get(timeout=30)), pixels(ids.get(timeout=30))
    red = (picture[..., 2] == 255) & (picture[..., 1] == 0) & (picture[..., 0] == 0)
    mine = instance[..., 1] + 256 * instance[..., 0].astype(int) == car.id
    for axis in (0, 1):
        box, body = np.flatnonzero(red.any(axis=axis)), np.flatnonzero(mine.any(axis=axis))
        assert abs(box.min() - body.min()) <= 5
        assert abs(box.max() - body.max()) <= 5
    car.destroy()
