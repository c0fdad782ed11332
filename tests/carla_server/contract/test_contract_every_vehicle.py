"""What holds for every vehicle of the library, all of them side by side on a wide flat road."""

from __future__ import annotations

import math

import carla
import pytest

from syndiff.conformance import track
from tests.conftest import start_server

pytestmark = pytest.mark.slow

FAST_MPS = 100 / 3.6
ABREAST = 17
ROW_M = 300.0


@pytest.fixture(scope="module")
def client():
    running = start_server("--no-rendering")
    client = running.client()
    client.generate_opendrive_world(track.opendrive())
    yield client
    running.stop()


@pytest.fixture
def world(client):
    client.reload_world()
    world = client.get_world()
    world.apply_settings(carla.WorldSettings(synchronous_mode=True, fixed_delta_seconds=0.05))
    yield world
    world.apply_settings(carla.WorldSettings())


@pytest.fixture
def pairs(world):
    """Every vehicle twice, each alone on its stretch of road and at rest."""
    blueprints = list(world.get_blueprint_library().filter("vehicle.*"))
    cars = []
    for number, blueprint in enumerate(blueprint for blueprint in blueprints for _ in range(2)):
        row, lane = divmod(number, ABREAST)
        place = carla.Location(x=60.0 + row * ROW_M, y=4.0 * (lane - ABREAST // 2), z=0.5)
        cars.append(world.spawn_actor(blueprint, carla.Transform(place)))
    wait(world, 20)
    return list(zip(cars[::2], cars[1::2], strict=True))


def wait(world, ticks):
    for _ in range(ticks):
        world.tick()


def change(car, wheels=None, **fields):
    """Apply other physics to a car; what is not named stays."""
    control = car.get_physics_control()
    for name, value in fields.items():
        setattr(control, name, value)
    changed = control.wheels
    for wheel in changed:
        for name, value in (wheels or {}).items():
            setattr(wheel, name, value)
    control.wheels = changed
    car.apply_physics_control(control)
    return control


def driven_m(pair, before):
    return [car.get_location().x - location.x for car, location in zip(pair, before, strict=True)]


def test_physics_comes_back_as_set_from_eighty_vehicles_at_once(world, pairs):
    wanted = {}
    for number, (first, second) in enumerate(pairs):
        wanted[first] = change(first, drag_coefficient=0.1 + 0.05 * number)
        wheels = {"tire_friction": 1.0 + 0.1 * number, "long_stiff_value": 500.0 + 20.0 * number}
        wanted[second] = change(second, wheels)
    wait(world, 2)
    for car, control in wanted.items():
        found = car.get_physics_control()
        assert found.drag_coefficient == pytest.approx(control.drag_coefficient, abs=1e-3), car.type_id
        assert found.mass == pytest.approx(control.mass), car.type_id
        assert len(found.wheels) == len(control.wheels) == 4, car.type_id
        for wheel, expected in zip(found.wheels, control.wheels, strict=True):
            assert wheel.tire_friction == pytest.approx(expected.tire_friction, abs=1e-3), car.type_id
            assert wheel.long_stiff_value == pytest.approx(expected.long_stiff_value, abs=1e-3), car.type_id


def test_nothing_slows_a_vehicle_without_grip_and_drag_or_in_the_air(world, pairs):
    for sliding, floating in pairs:
        change(sliding, {"tire_friction": 0.0}, drag_coefficient=0.0)
        change(floating, drag_coefficient=0.0)
        floating.set_enable_gravity(False)
        place = floating.get_transform()
        place.location.z += 0.5
        floating.set_transform(place)
    wait(world, 1)
    for pair in pairs:
        for car in pair:
            car.set_target_velocity(carla.Vector3D(FAST_MPS, 0.0, 0.0))
    wait(world, 1)
    for pair in pairs:
        for car in pair:
            assert car.get_velocity().x == pytest.approx(FAST_MPS, abs=1e-3), car.type_id
    wait(world, 100)
    for pair in pairs:
        for car in pair:
            assert car.get_velocity().x == pytest.approx(FAST_MPS, abs=0.1), car.type_id


def test_tyres_with_more_friction_brake_shorter(world, pairs):
    for slippery, sticky in pairs:
        change(slippery, {"tire_friction": 0.0}, drag_coefficient=0.0)
        change(sticky, {"tire_friction": 3.0}, drag_coefficient=0.0)
        for car in (slippery, sticky):
            car.set_target_velocity(carla.Vector3D(FAST_MPS, 0.0, 0.0))
    wait(world, 20)
    before = [[car.get_location() for car in pair] for pair in pairs]
    for pair in pairs:
        for car in pair:
            car.apply_control(carla.VehicleControl(brake=1.0))
    wait(world, 50)
    for pair, places in zip(pairs, before, strict=True):
        slid, braked = driven_m(pair, places)
        assert braked < 0.8 * slid, pair[0].type_id


def test_swept_wheels_roll_on_a_flat_road_as_far_as_rays(world, pairs):
    before = [[car.get_location() for car in pair] for pair in pairs]
    for rays, swept in pairs:
        change(rays, use_sweep_wheel_collision=False)
        change(swept, use_sweep_wheel_collision=True)
        for car in (rays, swept):
            car.set_target_velocity(carla.Vector3D(FAST_MPS, 0.0, 0.0))
    wait(world, 100)
    for pair, places in zip(pairs, before, strict=True):
        assert driven_m(pair, places)[0] == pytest.approx(driven_m(pair, places)[1], abs=0.5), pair[0].type_id
        speeds = [car.get_velocity().x for car in pair]
        assert speeds[0] == pytest.approx(speeds[1], abs=0.5), pair[0].type_id


def test_stiffer_tyres_do_not_pull_away_more_slowly(world, pairs):
    for soft, stiff in pairs:
        change(soft, {"long_stiff_value": 100.0}, drag_coefficient=0.0)
        change(stiff, {"long_stiff_value": 2000.0}, drag_coefficient=0.0)
    before = [[car.get_location() for car in pair] for pair in pairs]
    for pair in pairs:
        for car in pair:
            car.apply_control(carla.VehicleControl(throttle=1.0))
    wait(world, 100)
    for pair, places in zip(pairs, before, strict=True):
        soft_m, stiff_m = driven_m(pair, places)
        assert stiff_m > 3.0, pair[0].type_id
        assert stiff_m >= soft_m, pair[0].type_id


@pytest.fixture(scope="module")
def walled_street():
    """A client of a town, and a place before a building: the pose that looks at it."""
    running = start_server("--no-rendering")
    client = running.client()
    world = client.get_world()
    world.apply_settings(carla.WorldSettings(synchronous_mode=True, fixed_delta_seconds=0.05))
    world.tick()
    yield world, _before_a_building(world)
    running.stop()


def _before_a_building(world):
    for point in world.get_map().get_spawn_points():
        pose = carla.Transform(point.location, carla.Rotation(yaw=point.rotation.yaw + 90.0))
        eye = point.location + carla.Location(z=0.5)
        seen = world.cast_ray(eye, eye + 25.0 * pose.get_forward_vector())
        if seen and seen[0].label == carla.CityObjectLabel.Buildings and seen[0].location.distance(eye) > 10.0:
            return pose
    raise AssertionError("no spawn point looks at a building")


def test_every_vehicle_that_runs_into_a_building_is_told_so_and_stopped(walled_street):
    world, pose = walled_street
    library = world.get_blueprint_library()
    way = pose.get_forward_vector()
    for blueprint in library.filter("vehicle.*"):
        car = world.spawn_actor(blueprint, pose)
        sensor = world.spawn_actor(library.find("sensor.other.collision"), carla.Transform(), attach_to=car)
        events = []
        sensor.listen(events.append)
        wait(world, 20)
        car.set_target_velocity(10.0 * way)
        car.apply_control(carla.VehicleControl(throttle=0.4))
        wait(world, 80)
        assert events, blueprint.id
        assert math.isfinite(events[0].normal_impulse.length()), blueprint.id
        assert (car.get_location() - pose.location).dot(way) < 25.0, blueprint.id
        sensor.stop()
        sensor.destroy()
        car.destroy()
        world.tick()
