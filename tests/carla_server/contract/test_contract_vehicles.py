"""Vehicles through the real client: Ackermann, pushes, friction, physics parameters, wheels, telemetry, lights."""

import math
import subprocess
import sys
from pathlib import Path

import carla
import pytest


@pytest.fixture
def library(world):
    return world.get_blueprint_library()


@pytest.fixture
def points(world):
    return world.get_map().get_spawn_points()


@pytest.fixture
def car(world, library, points):
    vehicle = world.spawn_actor(library.find("vehicle.tesla.model3"), points[0])
    for _ in range(20):
        world.tick()
    return vehicle


def speed_along(vehicle):
    forward, velocity = vehicle.get_transform().get_forward_vector(), vehicle.get_velocity()
    return forward.x * velocity.x + forward.y * velocity.y


def test_ackermann_control_reaches_its_speed_until_pedals_take_over(world, car):
    car.apply_ackermann_control(carla.VehicleAckermannControl(speed=5.0, acceleration=2.0))
    for _ in range(200):
        world.tick()
    assert speed_along(car) == pytest.approx(5.0, abs=0.3)
    car.apply_control(carla.VehicleControl(brake=1.0))
    for _ in range(60):
        world.tick()
    assert speed_along(car) == pytest.approx(0.0, abs=0.05)


def test_ackermann_settings_come_back_as_set(world, car):
    assert car.get_ackermann_controller_settings().speed_kp == pytest.approx(0.15)
    wanted = carla.AckermannControllerSettings(
        speed_kp=0.2, speed_ki=0.01, speed_kd=0.3, accel_kp=0.02, accel_ki=0.0, accel_kd=0.03
    )
    car.apply_ackermann_controller_settings(wanted)
    assert car.get_ackermann_controller_settings() == wanted


def test_ackermann_control_works_in_a_batch(client, world, car):
    command = carla.command.ApplyVehicleAckermannControl(car.id, carla.VehicleAckermannControl(speed=4.0))
    assert not client.apply_batch_sync([command], False)[0].has_error()
    for _ in range(100):
        world.tick()
    assert speed_along(car) > 2.0


def test_impulses_and_forces_change_the_speed_by_newtons_law(world, car):
    mass = car.get_physics_control().mass
    forward = car.get_transform().get_forward_vector()
    car.add_impulse(4.0 * mass * forward)
    world.tick()
    assert speed_along(car) == pytest.approx(4.0, abs=0.2)
    before = speed_along(car)
    car.add_force(10.0 * mass * forward)
    world.tick()
    assert speed_along(car) - before == pytest.approx(10.0 * 0.05, abs=0.1)


def test_an_impulse_beside_the_middle_turns_the_car(server, wire, world, car):
    place = car.get_transform()
    mass = car.get_physics_control().mass
    push = mass * place.get_right_vector()
    ahead = place.location + 2.0 * place.get_forward_vector()
    answer = wire(server).call(
        "add_actor_impulse_at_location", car.id, [push.x, push.y, push.z], [ahead.x, ahead.y, ahead.z]
    )
    assert answer == [[False]]
    world.tick()
    assert car.get_angular_velocity().z > 5.0  # degrees per second, to the right


def test_a_torque_turns_the_car(world, car):
    car.add_angular_impulse(carla.Vector3D(0.0, 0.0, 3000.0))
    world.tick()
    assert car.get_angular_velocity().z > 5.0


def test_constant_velocity_holds_on_any_road_and_ends(world, car):
    car.enable_constant_velocity(carla.Vector3D(7.0, 0.0, 0.0))
    for _ in range(20):
        world.tick()
    assert speed_along(car) == pytest.approx(7.0, abs=0.05)
    car.disable_constant_velocity()
    car.apply_control(carla.VehicleControl(brake=1.0))
    for _ in range(60):
        world.tick()
    assert speed_along(car) == pytest.approx(0.0, abs=0.05)


def test_target_velocity_and_angular_velocity_act_at_once(world, car):
    forward = car.get_transform().get_forward_vector()
    car.set_target_velocity(6.0 * forward)
    world.tick()
    assert speed_along(car) == pytest.approx(6.0, abs=0.3)
    car.set_target_angular_velocity(carla.Vector3D(0.0, 0.0, 40.0))
    world.tick()
    assert car.get_angular_velocity().z > 5.0


def test_a_car_without_physics_stays_and_one_without_gravity_does_not_fall(world, library, points):
    place = carla.Transform(points[3].location + carla.Location(z=5.0), points[3].rotation)
    frozen = world.spawn_actor(library.find("vehicle.audi.tt"), place)
    frozen.set_simulate_physics(False)
    place.location.z += 4.0
    floating = world.spawn_actor(library.find("vehicle.audi.tt"), place)
    floating.set_enable_gravity(False)
    for _ in range(20):
        world.tick()
    assert frozen.get_location().z == pytest.approx(place.location.z - 4.0, abs=1e-3)
    assert floating.get_location().z == pytest.approx(place.location.z, abs=0.05)
    frozen.set_simulate_physics(True)
    for _ in range(60):
        world.tick()
    assert frozen.get_location().z < points[3].location.z + 0.6


def test_inside_a_friction_trigger_a_car_does_not_brake_and_outside_it_does(world, library, car):
    trigger = library.find("static.trigger.friction")
    trigger.set_attribute("friction", "0.0")
    for axis in "xyz":
        trigger.set_attribute(f"extent_{axis}", "100000.0")  # centimetres: 1 km
    actor = world.spawn_actor(trigger, carla.Transform(car.get_location()))
    forward = car.get_transform().get_forward_vector()
    car.set_target_velocity(10.0 * forward)
    car.apply_control(carla.VehicleControl(brake=1.0))
    for _ in range(20):
        world.tick()
    assert car.get_velocity().length() > 9.0
    actor.destroy()
    for _ in range(40):
        world.tick()
    assert car.get_velocity().length() == pytest.approx(0.0, abs=0.1)


def test_physics_control_comes_back_as_set_for_every_field(world, car):
    physics = car.get_physics_control()
    physics.torque_curve = [carla.Vector2D(0.0, 400.0), carla.Vector2D(6000.0, 300.0)]
    physics.max_rpm = 6500.0
    physics.moi = 0.7
    physics.damping_rate_full_throttle = 0.11
    physics.damping_rate_zero_throttle_clutch_engaged = 0.6
    physics.damping_rate_zero_throttle_clutch_disengaged = 0.22
    physics.use_gear_autobox = False
    physics.gear_switch_time = 0.4
    physics.clutch_strength = 8.0
    physics.final_ratio = 5.0
    physics.forward_gears = [carla.GearPhysicsControl(3.0, 0.3, 0.7), carla.GearPhysicsControl(1.5, 0.3, 0.7)]
    physics.mass = 1500.0
    physics.drag_coefficient = 0.5
    physics.center_of_mass = carla.Vector3D(0.2, 0.0, 0.5)
    physics.steering_curve = [carla.Vector2D(0.0, 1.0), carla.Vector2D(100.0, 0.5)]
    physics.use_sweep_wheel_collision = True
    wheels = physics.wheels
    for number, wheel in enumerate(wheels):
        wheel.tire_friction = 2.0 + 0.1 * number
        wheel.damping_rate = 0.3
        wheel.max_steer_angle = 40.0 if number < 2 else 0.0
        wheel.radius = 36.0
        wheel.max_brake_torque = 1300.0 + number
        wheel.max_handbrake_torque = 900.0
        wheel.lat_stiff_max_load = 3.0
        wheel.lat_stiff_value = 20.0
        wheel.long_stiff_value = 2000.0
    physics.wheels = wheels
    car.apply_physics_control(physics)
    world.tick()
    again = car.get_physics_control()
    names = (
        "max_rpm moi damping_rate_full_throttle damping_rate_zero_throttle_clutch_engaged mass clutch_strength "
        "damping_rate_zero_throttle_clutch_disengaged use_gear_autobox gear_switch_time final_ratio "
        "drag_coefficient use_sweep_wheel_collision"
    )
    for name in names.split():
        assert getattr(again, name) == pytest.approx(getattr(physics, name), rel=1e-3), name
    assert [part for p in again.torque_curve for part in (p.x, p.y)] == pytest.approx([0.0, 400.0, 6000.0, 300.0])
    assert [part for p in again.steering_curve for part in (p.x, p.y)] == pytest.approx([0.0, 1.0, 100.0, 0.5])
    assert [gear.ratio for gear in again.forward_gears] == pytest.approx([3.0, 1.5])
    assert again.center_of_mass.x == pytest.approx(0.2)
    for number, wheel in enumerate(again.wheels):
        assert wheel.tire_friction == pytest.approx(2.0 + 0.1 * number, rel=1e-3)
        assert wheel.max_brake_torque == pytest.approx(1300.0 + number, rel=1e-3)
        assert (wheel.radius, wheel.lat_stiff_max_load, wheel.long_stiff_value) == pytest.approx((36.0, 3.0, 2000.0))


def test_two_wheelers_have_the_four_wheels_that_carlas_have(world, library, points):
    bicycle = world.spawn_actor(library.find("vehicle.bh.crossbike"), points[4])
    world.tick()
    physics = bicycle.get_physics_control()
    assert len(physics.wheels) == len(bicycle.get_telemetry_data().wheels) == 4
    bicycle.apply_physics_control(physics)
    assert bicycle.get_physics_control() == physics


def test_inside_a_friction_trigger_the_wheels_tell_its_friction(world, library, car):
    physics = car.get_physics_control()
    wheels = physics.wheels
    for wheel in wheels:
        wheel.tire_friction = 0.0
    physics.wheels = wheels
    car.apply_physics_control(physics)
    trigger = library.find("static.trigger.friction")
    trigger.set_attribute("friction", "3.0")
    for axis in "xyz":
        trigger.set_attribute(f"extent_{axis}", "10000")
    actor = world.spawn_actor(trigger, carla.Transform(car.get_location()))
    world.tick()
    assert car.get_physics_control().wheels[0].tire_friction == pytest.approx(3.0, rel=1e-3)
    car.set_target_velocity(10.0 * car.get_transform().get_forward_vector())
    car.apply_control(carla.VehicleControl(brake=1.0))
    for _ in range(40):
        world.tick()
    assert car.get_velocity().length() == pytest.approx(0.0, abs=0.05)
    actor.destroy()
    world.tick()
    assert car.get_physics_control().wheels[0].tire_friction == 0.0


def test_a_control_that_does_not_stick_acts_for_one_tick(world, library, points):
    def speed_after(sticky):
        blueprint = library.find("vehicle.tesla.model3")
        blueprint.set_attribute("sticky_control", sticky)
        vehicle = world.spawn_actor(blueprint, points[7])
        for _ in range(10):
            world.tick()
        vehicle.apply_control(carla.VehicleControl(throttle=1.0))
        for _ in range(20):
            world.tick()
        speed = speed_along(vehicle)
        vehicle.destroy()
        world.tick()
        return speed

    assert speed_after("true") > 4.0
    assert speed_after("False") < 0.5


def test_telemetry_tells_speed_engine_and_the_load_on_each_wheel(world, car):
    car.apply_control(carla.VehicleControl(throttle=0.7))
    for _ in range(40):
        world.tick()
    telemetry = car.get_telemetry_data()
    assert telemetry.speed == pytest.approx(speed_along(car), rel=0.01)
    assert telemetry.throttle == pytest.approx(0.7)
    assert telemetry.engine_rpm > 100.0
    assert telemetry.drag > 0.0
    loads = [wheel.tire_load for wheel in telemetry.wheels]
    assert sum(loads) == pytest.approx(car.get_physics_control().mass * 9.81, rel=0.02)
    assert loads[2] > loads[0]  # accelerating presses on the rear axle
    radius_m = car.get_physics_control().wheels[0].radius / 100.0
    assert telemetry.wheels[0].omega == pytest.approx(telemetry.speed / radius_m, rel=0.02)
    assert telemetry.wheels[0].long_force > 0.0
    car.show_debug_telemetry(True)
    world.tick()


def test_wheels_turned_by_hand_read_back_and_move_nothing(server, wire, world, car):
    before = car.get_transform()
    car.set_wheel_steer_direction(carla.VehicleWheelLocation.FR_Wheel, 25.0)
    world.tick()
    assert car.get_wheel_steer_angle(carla.VehicleWheelLocation.FR_Wheel) == pytest.approx(25.0)
    raw = wire(server)
    assert raw.call("set_wheel_pitch_angle", car.id, 2, 90.0) == [[False]]
    assert raw.value("get_wheel_pitch_angle", car.id, 2) == pytest.approx(90.0)
    assert car.get_transform().location.distance(before.location) < 0.02


def test_the_front_wheels_show_the_steering(world, car):
    car.apply_control(carla.VehicleControl(throttle=0.2, steer=0.5))
    for _ in range(20):
        world.tick()
    assert car.get_wheel_steer_angle(carla.VehicleWheelLocation.FL_Wheel) > 5.0
    assert car.get_wheel_steer_angle(carla.VehicleWheelLocation.BL_Wheel) == 0.0


def test_the_bones_of_a_car_are_its_wheels(server, wire, world, car):
    raw = wire(server)
    names = raw.value("get_actor_bone_names", car.id)
    assert names[1:] == ["Wheel_Front_Left", "Wheel_Front_Right", "Wheel_Rear_Left", "Wheel_Rear_Right"]
    poses = raw.value("get_vehicle_bone_world_transforms", car.id)
    wheels = car.get_physics_control().wheels
    for (location, _), wheel in zip(poses[1:], wheels, strict=True):
        assert math.dist(location[:2], (wheel.position.x / 100.0, wheel.position.y / 100.0)) < 0.02
    assert raw.value("get_actor_socket_names", car.id) == []


def test_a_mesh_is_a_component_with_a_place_and_others_are_refused_by_name(server, wire, world, library, points, car):
    walker = world.spawn_actor(library.find("walker.pedestrian.0001"), points[4])
    world.tick()
    assert car.get_component_names() == ["root", "VehicleMesh"]
    assert car.get_component_world_transform("VehicleMesh").location.distance(car.get_location()) < 1e-3
    assert walker.get_component_names() == ["root", "CharacterMesh0"]
    feet = walker.get_component_world_transform("CharacterMesh0").location
    assert walker.get_location().z - feet.z == pytest.approx(walker.bounding_box.extent.z, abs=1e-3)
    below = walker.get_component_relative_transform("CharacterMesh0").location.z
    assert below == pytest.approx(feet.z - walker.get_location().z, abs=1e-3)
    for unknown in ("front-blinker-r-1", ["VehicleMesh"]):
        answer = wire(server).call("get_actor_component_world_transform", car.id, unknown)
        assert answer[0][0] == 0, unknown
    with pytest.raises(RuntimeError, match=r"'front-blinker-r-1' does not exist.*VehicleMesh"):
        car.get_component_world_transform("front-blinker-r-1")


def test_doors_open_and_close_and_a_seventh_door_is_refused(server, wire, world, car):
    car.open_door(carla.VehicleDoor.FL)
    car.close_door(carla.VehicleDoor.FL)
    answer = wire(server).call("open_vehicle_door", car.id, 7)
    assert answer[0][0] is True
    assert "door is 7" in answer[0][1][0]


def test_bonnet_and_boot_open_by_their_numbers_and_with_all_doors(world, library, points):
    car = world.spawn_actor(library.find("vehicle.dodge.charger_2020"), points[4])
    for _ in range(20):
        world.tick()
    place, length_m = car.get_transform(), car.bounding_box.extent.x

    def free_m(towards):
        """How far one sees along the car at breast height, from four metres before its nose or behind its tail."""
        ahead = place.get_forward_vector()
        start = place.location + towards * (length_m + 4.0) * ahead + carla.Location(z=1.3)
        met = world.project_point(start, -towards * ahead, 20.0)
        return met.location.distance(start)

    shut = free_m(1.0), free_m(-1.0)
    for doors in ((carla.VehicleDoor(4), carla.VehicleDoor(5)), (carla.VehicleDoor.All,)):
        for door in doors:
            car.open_door(door)
        for _ in range(20):
            world.tick()
        assert free_m(1.0) < shut[0] - 0.3
        assert free_m(-1.0) < shut[1] - 0.1
        car.close_door(carla.VehicleDoor.All)
        world.tick()
        assert (free_m(1.0), free_m(-1.0)) == pytest.approx(shut, abs=0.05)


def test_light_states_of_all_vehicles_are_told_in_one_call(world, library, points, car):
    other = world.spawn_actor(library.find("vehicle.audi.tt"), points[5])
    car.set_light_state(carla.VehicleLightState(carla.VehicleLightState.LeftBlinker))
    other.set_light_state(carla.VehicleLightState.All)
    world.tick()
    states = world.get_vehicles_light_states()
    assert states[car.id] == carla.VehicleLightState.LeftBlinker
    assert states[other.id] == carla.VehicleLightState.All


def test_the_traffic_manager_switches_lights_at_night(fresh_server):
    command = [sys.executable, str(Path(__file__).with_name("drive_at_night.py")), str(fresh_server().port)]
    driven = subprocess.run(command, capture_output=True, text=True, timeout=120, check=True)
    assert int(driven.stdout) & int(carla.VehicleLightState.LowBeam)


def test_street_lamps_go_on_at_night_and_obey_the_light_manager(world):
    lamps = world.get_lightmanager()
    some = lamps.get_all_lights(carla.LightGroup.Street)
    assert some
    lamps.turn_on(some)
    world.tick()
    assert all(lamps.is_active(some))
    lamps.turn_off(some)
    world.tick()
    assert not any(lamps.is_active(some))
    lamps.set_day_night_cycle(False)
    lamps.set_day_night_cycle(True)


def test_a_car_rolls_over_debris_and_is_stopped_by_a_barrier(world, library, points, car):
    place = points[0]
    ahead = place.location + 8.0 * place.get_forward_vector()
    debris = world.spawn_actor(library.find("static.prop.dirtdebris01"), carla.Transform(ahead, place.rotation))
    farther = carla.Transform(place.location + 22.0 * place.get_forward_vector(), place.rotation)
    farther.rotation.yaw += 90.0
    barrier = world.spawn_actor(library.find("static.prop.streetbarrier"), farther)
    sensor = world.spawn_actor(library.find("sensor.other.collision"), carla.Transform(), attach_to=car)
    events = []
    sensor.listen(events.append)
    world.tick()
    car.set_target_velocity(9.0 * place.get_forward_vector())
    for _ in range(60):
        world.tick()
    assert {event.other_actor.id for event in events} == {barrier.id}
    assert debris.get_location().distance(ahead) < 0.1
    assert car.get_location().distance(place.location) < 22.0
    sensor.stop()
    sensor.destroy()


def test_a_head_on_crash_at_30_kmh_conserves_momentum_within_5_percent(world, library, points):
    place = points[0]
    ahead = carla.Transform(place.location + 14.0 * place.get_forward_vector(), place.rotation)
    ahead.rotation.yaw += 180.0
    first = world.spawn_actor(library.find("vehicle.lincoln.mkz_2017"), place)
    second = world.spawn_actor(library.find("vehicle.audi.a2"), ahead)
    sensor = world.spawn_actor(library.find("sensor.other.collision"), carla.Transform(), attach_to=first)
    events = []
    sensor.listen(events.append)
    for _ in range(20):
        world.tick()
    masses = [car.get_physics_control().mass for car in (first, second)]
    first.set_target_velocity(30 / 3.6 * place.get_forward_vector())
    second.set_target_velocity(30 / 3.6 * ahead.get_forward_vector())
    forward = place.get_forward_vector()

    def momentum():
        return sum(m * forward.dot(car.get_velocity()) for m, car in zip(masses, (first, second), strict=True))

    before, total = [], 30 / 3.6 * sum(masses)
    for _ in range(60):
        before.append(momentum())
        world.tick()
        if events:
            break
    assert events, "the cars never met"
    assert momentum() == pytest.approx(before[-1], abs=0.05 * total)
    assert events[0].other_actor.id == second.id
    assert events[0].normal_impulse.length() > 0.3 * masses[1] * 30 / 3.6
    sensor.stop()
    sensor.destroy()
