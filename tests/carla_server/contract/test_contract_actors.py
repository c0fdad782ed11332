"""Actors through the real client: spawn, drive, collide, attach, walk, destroy."""

import math

import carla
import pytest

NAN = float("nan")


@pytest.fixture
def library(world):
    return world.get_blueprint_library()


@pytest.fixture
def points(world):
    return world.get_map().get_spawn_points()


def test_a_car_spawns_drives_and_is_destroyed(world, library, points):
    blueprint = library.find("vehicle.tesla.model3")
    blueprint.set_attribute("role_name", "hero")
    car = world.spawn_actor(blueprint, points[0])
    assert car.attributes["role_name"] == "hero"
    assert car.bounding_box.extent.x == pytest.approx(2.395, abs=0.01)
    world.tick()
    start = car.get_location()
    car.apply_control(carla.VehicleControl(throttle=0.6))
    for _ in range(40):
        world.tick()
    assert car.get_location().distance(start) > 3.0
    assert car.get_velocity().length() > 3.0
    assert car.get_control().throttle == pytest.approx(0.6)
    assert car.destroy()
    world.tick()
    assert world.get_actor(car.id) is None or not [a for a in world.get_actors() if a.id == car.id]


def test_a_car_that_has_just_left_still_has_its_box(client, world, library, points):
    """The Traffic Manager asks for it on a thread whose error ends the client's process."""
    car = world.spawn_actor(library.find("vehicle.tesla.model3"), points[0])
    world.tick()
    client.apply_batch_sync([carla.command.DestroyActor(car)], False)
    assert car.bounding_box.extent.x == pytest.approx(2.395, abs=0.01)
    world.tick()
    assert car.bounding_box.extent.x == pytest.approx(2.395, abs=0.01)
    for _ in range(30):
        world.tick()
    with pytest.raises(RuntimeError, match="was destroyed"):
        _ = car.bounding_box


def test_an_unknown_blueprint_is_refused_with_similar_names(server, wire, world, library, points):
    answer = wire(server).call("spawn_actor", [0, "vehicle.tesla.model4", []], [[0.0, 0.0, 0.0], [0.0, 0.0, 0.0]])
    assert answer[0][0] == 0
    assert "vehicle.tesla.model4" in answer[0][1][0]
    assert "vehicle.tesla.model3" in answer[0][1][0]


def test_a_taken_place_is_refused_and_try_spawn_gives_none(world, library, points):
    blueprint = library.find("vehicle.audi.a2")
    world.spawn_actor(blueprint, points[5])
    with pytest.raises(RuntimeError, match="collision"):
        world.spawn_actor(blueprint, points[5])
    assert world.try_spawn_actor(blueprint, points[5]) is None


def test_every_spawn_point_takes_a_car(client, world, library, points):
    blueprint = library.find("vehicle.nissan.micra")
    answers = client.apply_batch_sync([carla.command.SpawnActor(blueprint, point) for point in points], True)
    assert [answer.error for answer in answers if answer.error] == []


def test_a_batch_answers_each_command_by_itself(client, world, library, points):
    blueprint = library.find("vehicle.audi.a2")
    throttle = carla.command.ApplyVehicleControl(carla.command.FutureActor, carla.VehicleControl(throttle=1.0))
    answers = client.apply_batch_sync(
        [
            carla.command.SpawnActor(blueprint, points[9]).then(throttle),
            carla.command.SpawnActor(blueprint, points[9]),
            carla.command.DestroyActor(999999),
        ],
        True,
    )
    assert answers[0].error == ""
    assert "collision" in answers[1].error
    assert "999999" in answers[2].error
    for _ in range(20):
        world.tick()
    assert world.get_actor(answers[0].actor_id).get_velocity().length() > 0.5


def test_a_transform_that_is_not_finite_is_refused_and_changes_nothing(server, wire, world, library, points):
    car = world.spawn_actor(library.find("vehicle.audi.a2"), points[0])
    world.tick()
    before = car.get_transform()
    answer = wire(server).call("set_actor_transform", car.id, [[NAN, 0.0, 0.0], [0.0, 0.0, 0.0]])
    assert answer[0][0] is True
    assert "nan" in answer[0][1][0]
    world.tick()
    assert car.get_location().distance(before.location) < 0.2


def test_destroying_twice_is_an_error_that_names_the_id(server, wire, world, library, points):
    car = world.spawn_actor(library.find("vehicle.audi.a2"), points[0])
    car_id = car.id
    world.tick()  # before its first snapshot the client takes a new actor for dead now and then
    assert car.destroy()
    answer = wire(server).call("destroy_actor", car_id)
    assert answer[0][0] == 0
    assert str(car_id) in answer[0][1][0]


def test_an_attached_sensor_follows_its_car(world, library, points):
    car = world.spawn_actor(library.find("vehicle.audi.tt"), points[2])
    imu = world.spawn_actor(
        library.find("sensor.other.imu"), carla.Transform(carla.Location(x=1.5, y=0.5, z=2.0)), attach_to=car
    )
    car.apply_control(carla.VehicleControl(throttle=0.7, steer=0.3))
    for _ in range(30):
        world.tick()
    expected = car.get_transform().transform(carla.Location(x=1.5, y=0.5, z=2.0))
    assert imu.get_location().distance(expected) < 0.02
    assert imu.parent.id == car.id


def test_a_teleported_car_is_where_it_was_put(world, library, points):
    car = world.spawn_actor(library.find("vehicle.audi.tt"), points[0])
    car.set_simulate_physics(False)
    car.set_transform(points[7])
    world.tick()
    assert car.get_location().distance(points[7].location) < 0.05
    difference = (car.get_transform().rotation.yaw - points[7].rotation.yaw + 180.0) % 360.0 - 180.0
    assert abs(difference) < 0.1


def test_physics_lights_and_doors_come_back_as_set(world, library, points):
    car = world.spawn_actor(library.find("vehicle.tesla.model3"), points[0])
    world.tick()
    physics = car.get_physics_control()
    assert len(physics.wheels) == 4
    physics.mass = 2345.0
    car.apply_physics_control(physics)
    assert car.get_physics_control().mass == pytest.approx(2345.0)
    lights = carla.VehicleLightState(carla.VehicleLightState.LowBeam | carla.VehicleLightState.Brake)
    car.set_light_state(lights)
    world.tick()
    assert car.get_light_state() == lights
    car.open_door(carla.VehicleDoor.All)
    assert car.get_wheel_steer_angle(carla.VehicleWheelLocation.FL_Wheel) == pytest.approx(0.0, abs=0.1)


def test_a_walker_walks_where_its_control_points(world, library):
    start = world.get_random_location_from_navigation()
    assert start is not None
    walker = world.spawn_actor(library.find("walker.pedestrian.0001"), carla.Transform(start + carla.Location(z=1.0)))
    for _ in range(10):
        world.tick()
    before = walker.get_location()
    walker.apply_control(carla.WalkerControl(carla.Vector3D(1.0, 0.0, 0.0), 1.5))
    for _ in range(20):
        world.tick()
    moved = walker.get_location() - before
    assert moved.x == pytest.approx(1.5, abs=0.1)
    assert abs(moved.y) < 0.1
    assert walker.get_control().speed == pytest.approx(1.5)


def test_navigated_walkers_stay_on_sidewalks_and_crosswalks(world, library):
    world.set_pedestrians_seed(4)
    spots = [world.get_random_location_from_navigation() for _ in range(4)]
    walkers = [
        world.try_spawn_actor(library.find("walker.pedestrian.0004"), carla.Transform(spot + carla.Location(z=1.0)))
        for spot in spots
        if spot is not None
    ]
    walkers = [walker for walker in walkers if walker is not None]
    world.tick()
    minds = [world.spawn_actor(library.find("controller.ai.walker"), carla.Transform(), walker) for walker in walkers]
    world.tick()
    for mind in minds:
        mind.start()
        mind.go_to_location(world.get_random_location_from_navigation())
        mind.set_max_speed(1.4)
    starts = [walker.get_location() for walker in walkers]
    for _ in range(200):
        world.tick()
    town = world.get_map()
    for walker, start in zip(walkers, starts, strict=True):
        here = walker.get_location()
        assert here.distance(start) > 3.0
        waypoint = town.get_waypoint(here, project_to_road=True, lane_type=carla.LaneType.Any)
        assert waypoint.transform.location.distance(here) < 4.0
    for mind in minds:
        mind.stop()


def test_the_spectator_moves_where_it_is_put(world):
    spectator = world.get_spectator()
    wanted = carla.Transform(carla.Location(1.0, 2.0, 30.0), carla.Rotation(pitch=-30.0, yaw=45.0))
    spectator.set_transform(wanted)
    world.tick()
    assert spectator.get_location().distance(wanted.location) < 1e-3
    assert math.isclose(spectator.get_transform().rotation.yaw, 45.0, abs_tol=1e-3)


def test_traffic_lights_cycle_freeze_and_obey(world):
    lights = world.get_actors().filter("traffic.traffic_light")
    assert len(lights) >= 3
    light = lights[0]
    light.set_state(carla.TrafficLightState.Green)
    light.freeze(True)
    for _ in range(300):
        world.tick()
    assert light.state == carla.TrafficLightState.Green
    assert light.is_frozen()
    world.freeze_all_traffic_lights(False)
    light.set_green_time(1.0)
    seen = set()
    for _ in range(1400):
        world.tick()
        seen.add(light.state)
    assert seen == {carla.TrafficLightState.Green, carla.TrafficLightState.Yellow, carla.TrafficLightState.Red}
    group = light.get_group_traffic_lights()
    assert light.id in {member.id for member in group}
    assert light.get_affected_lane_waypoints()
    assert light.get_opendrive_id()
