"""Imu, gnss, collision and obstacle sensors on vehicles that move."""

from __future__ import annotations

import math
from types import SimpleNamespace

import carla
import msgpack
import numpy as np
import pytest

from carla_server.dynamics import CollisionWorld, VehicleFleet, VehicleSpec, WalkerFleet
from carla_server.roads.height_field import HeightField
from carla_server.roads.town import Box
from carla_server.semantics import SemanticTag
from carla_server.sensors.collision import measure_collisions
from carla_server.sensors.gnss import GeoProjection, measure_gnss
from carla_server.sensors.imu import measure_imu
from carla_server.sensors.obstacle import measure_obstacle
from carla_server.wire.layouts import LAYOUTS
from carla_server.wire.structs import ActorDescription
from carla_server.world.actors import Attachment, Sensor, Vehicle
from carla_server.world.poses import compose

SPEC = VehicleSpec.from_extent((2.4, 1.0, 0.75), 1800.0, "car")
GEO = "+proj=tmerc +lat_0=49 +lon_0=8.4 +k=1 +x_0=0 +y_0=0 +datum=WGS84 +units=m"
ROADLESS = (
    '<?xml version="1.0"?><OpenDRIVE><header revMajor="1" revMinor="4">'
    f"<geoReference><![CDATA[{GEO}]]></geoReference></header></OpenDRIVE>"
)


class Flat:
    heights = HeightField(np.zeros((2, 2)), 0.0, 0.0, 1.0)

    def height_m(self, x_m: np.ndarray, y_m: np.ndarray, from_z_m: np.ndarray | None = None) -> np.ndarray:
        return np.zeros_like(x_m)


class Drive:
    """A world with one car (id 1) and perhaps a second (id 2), stepped by hand."""

    def __init__(self, *poses: tuple[float, ...], obstacles: tuple[Box, ...] = ()) -> None:
        self.seed, self.ticks, self.layout, self.first_id = 5, 0, LAYOUTS["0.9.16"], 1
        self.vehicles, self.walkers = VehicleFleet(), WalkerFleet()
        self.collisions = CollisionWorld(obstacles, [SemanticTag.BUILDINGS] * len(obstacles))
        self.town = SimpleNamespace(opendrive=ROADLESS)
        self.actors = {}
        for actor_id, pose in enumerate(poses, start=1):
            self.vehicles.add(actor_id, SPEC, pose)
            description = ActorDescription(1, "vehicle.tesla.model3", ())
            self.actors[actor_id] = Vehicle(actor_id, description, pose)
        self.contacts = []

    def sensor(self, kind: str, place: tuple[float, ...] = (0.0,) * 6, **attributes: object) -> Sensor:
        text = {name: str(value) for name, value in attributes.items()}
        description = ActorDescription(9, f"sensor.other.{kind}", ())
        sensor = Sensor(100, description, place, attachment=Attachment(1, place), attributes=text, family=kind)
        self.actors[100] = sensor
        self.follow(sensor)
        return sensor

    def follow(self, sensor: Sensor) -> None:
        row = self.vehicles.index_of(1)
        carrier = (*self.vehicles.position_m[row], *np.degrees(self.vehicles.rotation_rad[row]))
        sensor.pose = compose(carrier, sensor.attachment.pose)

    def tick(self, sensor: Sensor, times: int = 1) -> None:
        for _ in range(times):
            self.ticks += 1
            self.vehicles.step(0.05, Flat())
            self.contacts = self.collisions.step(self.vehicles, self.walkers, 0.05)
            self.follow(sensor)


def test_a_resting_imu_feels_gravity_upwards_and_points_its_compass() -> None:
    world = Drive((0.0, 0.0, 0.0, 0.0, 0.0, 0.0))
    imu = world.sensor("imu")
    world.tick(imu, 3)
    accelerometer, gyroscope, compass = msgpack.unpackb(measure_imu(world, imu))
    assert accelerometer == pytest.approx([0.0, 0.0, 9.81], abs=1e-6)
    assert gyroscope == pytest.approx([0.0, 0.0, 0.0], abs=1e-6)
    assert compass == pytest.approx(math.pi / 2, abs=1e-6)


@pytest.mark.parametrize(
    ("yaw_deg", "expected_rad"), [(-90.0, 0.0), (0.0, 0.5 * math.pi), (90.0, math.pi), (180.0, 1.5 * math.pi)]
)
def test_the_compass_is_zero_in_the_north_and_grows_clockwise(yaw_deg: float, expected_rad: float) -> None:
    world = Drive((0.0, 0.0, 0.0, 0.0, yaw_deg, 0.0))
    imu = world.sensor("imu")
    assert msgpack.unpackb(measure_imu(world, imu))[2] == pytest.approx(expected_rad, abs=1e-5)


def test_braking_and_turning_show_in_the_sensors_own_frame() -> None:
    world = Drive((0.0, 0.0, 0.0, 0.0, 60.0, 0.0))
    imu = world.sensor("imu")
    world.vehicles.set_velocity(1, (7.5, 7.5 * math.sqrt(3.0), 0.0))
    world.vehicles.set_control(1, (0.0, 0.0, 0.5, 0.0, 0.0, 0.0, 0.0))
    world.tick(imu, 3)
    accelerometer, _, _ = msgpack.unpackb(measure_imu(world, imu))
    assert accelerometer[0] < -4.0
    assert abs(accelerometer[1]) < 0.3
    world.vehicles.set_control(1, (0.3, 0.2, 0.0, 0.0, 0.0, 0.0, 0.0))
    world.tick(imu, 15)
    accelerometer, gyroscope, _ = msgpack.unpackb(measure_imu(world, imu))
    speed = world.vehicles.forward_speed_mps()[0]
    assert gyroscope[2] == pytest.approx(world.vehicles.angular_velocity_radps[0, 2], rel=1e-5)
    assert accelerometer[1] == pytest.approx(speed * gyroscope[2], rel=0.15)


def test_imu_noise_depends_on_seed_and_tick_only() -> None:
    def measure(noise_seed: int, tick: int) -> bytes:
        world = Drive((0.0,) * 6)
        imu = world.sensor("imu", noise_accel_stddev_x=0.1, noise_gyro_bias_z=0.5, noise_seed=noise_seed)
        world.ticks = tick
        return measure_imu(world, imu)

    assert measure(1, 7) == measure(1, 7)
    assert measure(1, 7) != measure(1, 8)
    assert measure(1, 7) != measure(2, 7)
    assert msgpack.unpackb(measure(1, 7))[1][2] == pytest.approx(0.5)
    spread = [msgpack.unpackb(measure(1, tick))[0][0] for tick in range(400)]
    assert np.std(spread) == pytest.approx(0.1, rel=0.15)


@pytest.mark.parametrize("place", [(0.0, 0.0, 0.0), (250.0, -130.5, 4.25), (-12.5, 900.0, -1.0)])
def test_gnss_agrees_with_the_clients_own_map(place: tuple[float, float, float]) -> None:
    expected = carla.Map("Roadless", ROADLESS).transform_to_geolocation(carla.Location(*place))
    assert GeoProjection(ROADLESS).locate(*place) == (expected.latitude, expected.longitude, expected.altitude)
    world = Drive((*place, 0.0, 0.0, 0.0))
    gnss = world.sensor("gnss", noise_alt_bias=2.0)
    latitude, longitude, altitude = msgpack.unpackb(measure_gnss(world, gnss))
    assert (latitude, longitude) == (expected.latitude, expected.longitude)
    assert latitude == pytest.approx(49.0, abs=0.02)
    assert altitude == pytest.approx(place[2] + 2.0)


@pytest.mark.parametrize("opendrive", ["<OpenDRIVE/>", "<OpenDRIVE><header/></OpenDRIVE>"])
def test_a_map_without_a_geo_reference_lies_where_the_clients_own_map_puts_it(opendrive: str) -> None:
    expected = carla.Map("Nowhere", opendrive).transform_to_geolocation(carla.Location(30.0, -40.0, 5.0))
    assert GeoProjection(opendrive).locate(30.0, -40.0, 5.0) == (
        expected.latitude,
        expected.longitude,
        expected.altitude,
    )


def test_both_sides_of_a_crash_are_told_with_opposite_impulses() -> None:
    world = Drive((0.0,) * 6, (8.0, 0.0, 0.0, 0.0, 0.0, 0.0))
    detector = world.sensor("collision")
    world.vehicles.set_velocity(1, (10.0, 0.0, 0.0))
    assert measure_collisions(world, detector, world.contacts) == []
    while not world.contacts:
        world.tick(detector)
    (body,) = measure_collisions(world, detector, world.contacts)
    actor, other, impulse = msgpack.unpackb(body)
    assert (actor[0], other[0]) == (1, 2)
    assert impulse[0] < -1000.0
    detector.attachment = Attachment(2, (0.0,) * 6)
    actor, other, opposite = msgpack.unpackb(measure_collisions(world, detector, world.contacts)[0])
    assert (actor[0], other[0]) == (2, 1)
    assert opposite == pytest.approx([-value for value in impulse])


def test_hitting_a_building_names_a_static_building() -> None:
    world = Drive((0.0,) * 6, obstacles=(Box((8.0, 0.0, 3.0), (2.0, 5.0, 3.0), 0.0),))
    detector = world.sensor("collision")
    world.vehicles.set_velocity(1, (10.0, 0.0, 0.0))
    while not world.contacts:
        world.tick(detector)
    _, other, _ = msgpack.unpackb(measure_collisions(world, detector, world.contacts)[0])
    assert other[0] == 0
    assert other[2][1] == "static.building"
    assert other[4] == bytes((SemanticTag.BUILDINGS,))


def test_the_obstacle_detector_measures_to_the_nearest_thing_ahead() -> None:
    building = Box((30.0, 0.0, 3.0), (2.0, 5.0, 3.0), 0.0)
    world = Drive((0.0,) * 6, (15.0, 0.0, 0.0, 0.0, 0.0, 0.0), obstacles=(building,))
    detector = world.sensor("obstacle", (2.5, 0.0, 1.0, 0.0, 0.0, 0.0), distance=50.0, hit_radius=0.5)
    (body,) = measure_obstacle(world, detector)
    actor, other, distance = msgpack.unpackb(body)
    assert (actor[0], other[0]) == (1, 2)
    assert distance == pytest.approx(15.0 - 2.4 - 2.5 - 0.5)
    world.vehicles.remove(2)
    _, other, distance = msgpack.unpackb(measure_obstacle(world, detector)[0])
    assert other[2][1] == "static.building"
    assert distance == pytest.approx(28.0 - 2.5 - 0.5)
    detector.attributes["only_dynamics"] = "true"
    assert measure_obstacle(world, detector) == []
