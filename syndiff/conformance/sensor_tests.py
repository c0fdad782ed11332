"""Part `sensors`: what each sensor says where the answer is known, and how often and when it speaks."""

from __future__ import annotations

import math
from collections import Counter

import carla
import numpy as np

from carla_agents.simulator.frame import Control
from carla_agents.simulator.session import Session
from syndiff.conformance.figures import Figure, Part
from syndiff.conformance.listening import Listener, depth_m, open_sensor, pixels
from syndiff.conformance.track import Track

CAR = "vehicle.tesla.model3"
_EARTH_M_PER_DEG = math.pi * 6378137.0 / 180.0
_CAMERA = {"image_size_x": 320, "image_size_y": 180, "fov": 90.0}
_HEIGHT_M, _PITCH_DEG = 2.0, -30.0
_CAR_AHEAD_M = 12.0
_STATION_M = 60.0
"""Where on the track everything but the motion sensors is tested."""
_ROOM_TO_TURN_M = 30.0
_LIDAR = {
    "channels": 16,
    "points_per_second": 64000,
    "rotation_frequency": 20,
    "range": 50,
    "upper_fov": 5,
    "lower_fov": -25,
}
_NO_LOSSES = {"dropoff_general_rate": 0, "dropoff_intensity_limit": 0, "dropoff_zero_intensity": 0, "noise_stddev": 0}


def measure_sensors(session: Session, track: Track) -> Part:
    """Sensor values, rates and frame numbers on the track."""
    part = Part("sensors")
    _motion(session, track, part)
    _cameras(session, track, part)
    _rays(session, track, part)
    _collision(session, track, part)
    return part


def _motion(session: Session, track: Track, part: Part) -> None:
    """IMU at rest and in a turn, GNSS at a known place, rate of a sensor with its own clock."""
    car = session.spawn(CAR, track.pose(20.0))
    opened = {
        "imu": open_sensor(session, "sensor.other.imu", carla.Transform(), {}, car),
        "gnss": open_sensor(session, "sensor.other.gnss", carla.Transform(), {}, car),
        "slow imu": open_sensor(session, "sensor.other.imu", carla.Transform(), {"sensor_tick": 0.2}, car),
    }
    refused = {name: sensor for name, sensor in opened.items() if isinstance(sensor, str)}
    sensors = {name: sensor for name, sensor in opened.items() if isinstance(sensor, Listener)}
    for name, why in refused.items():
        part.figures[f"{name}/present"] = Figure.missing(why)
    _advance(session, car, Control(brake=1.0), 40)
    for sensor in sensors.values():
        sensor.drain()
    frames = _advance(session, car, Control(brake=1.0), 40)
    rest = {name: sensor.drain() for name, sensor in sensors.items()}
    if "imu" in rest:
        _imu_at_rest(rest["imu"], frames, part)
    if "slow imu" in rest:
        part.figures["imu/samples_in_2_s_at_tick_0_2_s"] = Figure(len(rest["slow imu"]), "", absolute=1.0)
    if rest.get("gnss"):
        _gnss(session, rest["gnss"][-1], car.get_location(), part)
    if "imu" in rest and track.half_width_m >= _ROOM_TO_TURN_M:
        _imu_in_a_turn(session, car, sensors["imu"], part)
    session.destroy([*(sensor.actor for sensor in sensors.values()), car])
    session.tick()


def _imu_at_rest(samples: list, frames: list[int], part: Part) -> None:
    part.figures["imu/samples_in_40_ticks"] = Figure(len(samples))
    part.figures["imu/frames_match_ticks"] = Figure([sample.frame for sample in samples] == frames)
    if not samples:
        return
    for axis in "xyz":
        accel = float(np.mean([getattr(sample.accelerometer, axis) for sample in samples]))
        gyro = float(np.mean([getattr(sample.gyroscope, axis) for sample in samples]))
        part.figures[f"imu/rest_accel_{axis}_mps2"] = Figure.number(accel, "m/s^2", absolute=0.15)
        part.figures[f"imu/rest_gyro_{axis}_rps"] = Figure.number(gyro, "rad/s", absolute=0.01)
    compass_deg = math.degrees(samples[-1].compass)
    part.figures["imu/compass_looking_along_x_deg"] = Figure.number(compass_deg, "deg", absolute=1.0)


def _imu_in_a_turn(session: Session, car: carla.Actor, imu: Listener, part: Part) -> None:
    """A steady right turn: what the IMU says, and whether it fits the motion that the snapshot shows."""
    _advance(session, car, Control(throttle=0.5), 60)
    _advance(session, car, Control(throttle=0.3, steer=0.2), 40)
    imu.drain()
    motion = []
    for _ in range(20):
        _advance(session, car, Control(throttle=0.3, steer=0.2), 1)
        seen = session.snapshot().find(car.id)
        velocity = seen.get_velocity()
        motion.append((math.hypot(velocity.x, velocity.y), math.radians(seen.get_angular_velocity().z)))
    samples = imu.drain()
    if not samples:
        return
    accel_y = float(np.mean([sample.accelerometer.y for sample in samples]))
    gyro_z = float(np.mean([sample.gyroscope.z for sample in samples]))
    speed_mps, yaw_rate_rps = np.mean(motion, axis=0)
    part.figures["imu/turn_gyro_z_rps"] = Figure.number(gyro_z, "rad/s", relative=0.15)
    part.figures["imu/turn_accel_y_mps2"] = Figure.number(accel_y, "m/s^2", relative=0.2)
    part.figures["imu/turn_gyro_z_per_yaw_rate"] = Figure.number(gyro_z / yaw_rate_rps, "", absolute=0.05)
    centripetal = accel_y / (speed_mps * yaw_rate_rps)
    part.figures["imu/turn_accel_y_per_v_omega"] = Figure.number(centripetal, "", absolute=0.15)


def _gnss(session: Session, sample: carla.GnssMeasurement, place: carla.Location, part: Part) -> None:
    expected = session.map.transform_to_geolocation(place)
    north_m = (sample.latitude - expected.latitude) * _EARTH_M_PER_DEG
    east_m = (sample.longitude - expected.longitude) * _EARTH_M_PER_DEG * math.cos(math.radians(expected.latitude))
    part.figures["gnss/north_of_map_m"] = Figure.number(north_m, "m", absolute=0.1)
    part.figures["gnss/east_of_map_m"] = Figure.number(east_m, "m", absolute=0.1)
    part.figures["gnss/above_ground_m"] = Figure.number(sample.altitude - place.z, "m", absolute=0.1)


def _cameras(session: Session, track: Track, part: Part) -> None:
    """Cameras that look down on the track from a known height, a car at a known place ahead."""
    along_m = _STATION_M
    car = session.spawn(CAR, track.pose(along_m + _CAR_AHEAD_M))
    eye = track.pose(along_m, 0.0, _HEIGHT_M)
    eye.rotation.pitch = _PITCH_DEG
    level = track.pose(along_m, 0.0, _HEIGHT_M)
    for kind in ("rgb", "depth", "semantic_segmentation", "instance_segmentation", "normals"):
        for name, pose in (("down", eye), ("level", level)):
            camera = open_sensor(session, f"sensor.camera.{kind}", pose, _CAMERA)
            if isinstance(camera, str):
                part.figures[f"camera/{kind}/present"] = Figure.missing(camera)
                continue
            frame = 0
            for _ in range(5):
                frame = session.tick()
                image = camera.next()
            part.figures[f"camera/{kind}/frames_late"] = Figure(frame - image.frame)
            part.figures[f"camera/{kind}/alpha"] = Figure(int(pixels(image)[0, 0, 3]))
            _read_camera(kind, name, image, part)
            session.destroy([camera.actor])
    session.destroy([car])
    session.tick()


def _read_camera(kind: str, view: str, image: carla.Image, part: Part) -> None:
    values = pixels(image)
    if kind == "depth" and view == "down":
        half_height = image.height / 2.0
        focal_px = image.width / 2.0 / math.tan(math.radians(image.fov) / 2.0)
        for name, row in (("middle", image.height // 2), ("bottom", image.height - 1)):
            below_rad = math.radians(-_PITCH_DEG) + math.atan((row + 0.5 - half_height) / focal_px)
            along_axis = math.cos(below_rad - math.radians(-_PITCH_DEG)) / math.sin(below_rad)
            seen_m = float(depth_m(image)[row, image.width // 2 - 40])
            ratio = seen_m / (_HEIGHT_M * along_axis)
            part.figures[f"camera/depth/{name}_per_geometry"] = Figure.number(ratio, "", absolute=0.02)
    if kind == "normals" and view == "down":
        for name, value in zip(("blue", "green", "red"), values[image.height // 2, image.width // 2 - 40]):
            part.figures[f"camera/normals/ground_{name}"] = Figure(int(value), "of 255", absolute=6.0)
    if kind == "depth" and view == "level":
        part.figures["camera/depth/sky_m"] = Figure.number(float(depth_m(image)[0].max()), "m", absolute=1.0)
    if kind == "semantic_segmentation":
        tags = values[..., 2]
        present = [f"tag {tag}" for tag, count in sorted(Counter(tags.ravel().tolist()).items()) if count >= 20]
        part.figures[f"camera/semantic_segmentation/tags_{view}"] = Figure(present)
        if view == "level" and (tags == 14).any():
            columns = np.flatnonzero((tags == 14).any(axis=0))
            rows = np.flatnonzero((tags == 14).any(axis=1))
            for name, extent in (("width", columns), ("height", rows)):
                size = float(extent[-1] - extent[0] + 1)
                part.figures[f"camera/semantic_segmentation/car_{name}_px"] = Figure(size, "px", absolute=4.0)
    if kind == "instance_segmentation" and view == "level":
        cars = values[..., 2] == 14
        part.figures["camera/instance_segmentation/sees_the_car"] = Figure(bool(cars.any()))


def _rays(session: Session, track: Track, part: Part) -> None:
    """LiDAR and radar over flat ground with a car ahead."""
    along_m = _STATION_M
    car = session.spawn(CAR, track.pose(along_m + _CAR_AHEAD_M))
    pose = track.pose(along_m, 0.0, _HEIGHT_M)
    wanted = (
        ("sensor.lidar.ray_cast", _LIDAR | _NO_LOSSES),
        ("sensor.lidar.ray_cast_semantic", _LIDAR),
        ("sensor.other.radar", {"points_per_second": 3000, "range": 50}),
    )
    for blueprint, attributes in wanted:
        name = blueprint.removeprefix("sensor.").replace("other.", "")
        sensor = open_sensor(session, blueprint, pose, attributes)
        if isinstance(sensor, str):
            part.figures[f"{name}/present"] = Figure.missing(sensor)
            continue
        frame = 0
        for _ in range(4):
            frame = session.tick()
            measured = sensor.next()
        part.figures[f"{name}/frames_late"] = Figure(frame - measured.frame)
        part.figures[f"{name}/points"] = Figure(float(len(measured)), "", relative=0.05, absolute=5.0)
        if "lidar" in name:
            _read_lidar(name, measured, part)
        session.destroy([sensor.actor])
    session.destroy([car])
    session.tick()


def _read_lidar(name: str, measured: carla.LidarMeasurement, part: Part) -> None:
    counts = [measured.get_point_count(channel) for channel in range(measured.channels)]
    part.figures[f"{name}/channels_sum_to_points"] = Figure(sum(counts) == len(measured))
    part.figures[f"{name}/channels_with_points"] = Figure(sum(count > 0 for count in counts), "", absolute=1.0)
    columns = 4 if name == "lidar.ray_cast" else 6
    points = np.frombuffer(measured.raw_data, np.float32).reshape(-1, columns)[:, :3]
    if not len(points):
        return
    ground = points[points[:, 2] < -_HEIGHT_M + 0.15]
    if len(ground):
        nearest_m = float(np.hypot(ground[:, 0], ground[:, 1]).min())
        part.figures[f"{name}/ground_height_m"] = Figure.number(float(ground[:, 2].mean()), "m", absolute=0.05)
        part.figures[f"{name}/nearest_ground_m"] = Figure.number(nearest_m, "m", absolute=0.15)
    ahead = points[(np.abs(points[:, 1]) < 0.7) & (points[:, 0] > 0.0) & (points[:, 2] > -_HEIGHT_M + 0.3)]
    if len(ahead):
        part.figures[f"{name}/car_ahead_m"] = Figure.number(float(ahead[:, 0].min()), "m", absolute=0.3)


def _collision(session: Session, track: Track, part: Part) -> None:
    """A car rolls into a standing one: what the collision sensor reports."""
    car, other = session.spawn(CAR, track.pose(_STATION_M)), session.spawn(CAR, track.pose(_STATION_M + 30.0))
    sensor = open_sensor(session, "sensor.other.collision", carla.Transform(), {}, car)
    if isinstance(sensor, str):
        part.figures["collision/present"] = Figure.missing(sensor)
        session.destroy([car, other])
        return
    _advance(session, car, Control(brake=1.0), 20)
    _advance(session, car, Control(throttle=0.6), 120)
    events = sensor.drain()
    part.figures["collision/happens"] = Figure(bool(events))
    if events:
        impulse_ns = max(event.normal_impulse.length() for event in events)
        part.figures["collision/other_actor"] = Figure(str(events[0].other_actor.type_id))
        part.figures["collision/largest_impulse_ns"] = Figure.number(impulse_ns, "N s", relative=0.5)
    session.destroy([sensor.actor, car, other])
    session.tick()


def _advance(session: Session, car: carla.Actor, control: Control, ticks: int) -> list[int]:
    session.apply(car, control)
    return [session.tick() for _ in range(ticks)]
