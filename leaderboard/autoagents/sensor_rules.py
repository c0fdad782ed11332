"""Which sensors a track allows, how many of each, and what the evaluator sets on them."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from leaderboard.autoagents.autonomous_agent import Track
from leaderboard.envs.sensor_interface import SensorConfigurationInvalid

MAX_RADIUS_M = 3.0
"""How far from the vehicle's origin a sensor may be."""

_LIMITS = {
    "sensor.camera.rgb": 8,
    "sensor.lidar.ray_cast": 2,
    "sensor.other.radar": 4,
    "sensor.other.gnss": 1,
    "sensor.other.imu": 1,
    "sensor.opendrive_map": 1,
    "sensor.speedometer": 1,
}
_LIMITS_QUALIFIER = {**_LIMITS, "sensor.camera.rgb": 4, "sensor.lidar.ray_cast": 1, "sensor.other.radar": 2}
_LABELS = {
    "sensor.camera.semantic_segmentation": 8,
    "sensor.camera.depth": 8,
    "sensor.camera.instance_segmentation": 8,
}
SENSOR_LIMITS: dict[Track, dict[str, int]] = {
    Track.SENSORS: _LIMITS,
    Track.MAP: _LIMITS,
    Track.SENSORS_QUALIFIER: _LIMITS_QUALIFIER,
    Track.MAP_QUALIFIER: _LIMITS_QUALIFIER,
    Track.COLLECTION: {**_LIMITS, **_LABELS},
}
"""How many of each type a track allows; a type that is not listed is not allowed."""

SENSOR_ICONS = {
    "sensor.camera.rgb": "carla_camera",
    "sensor.camera.semantic_segmentation": "carla_semantic_camera",
    "sensor.camera.depth": "carla_depth_camera",
    "sensor.camera.instance_segmentation": "carla_instance_camera",
    "sensor.lidar.ray_cast": "carla_lidar",
    "sensor.other.radar": "carla_radar",
    "sensor.other.gnss": "carla_gnss",
    "sensor.other.imu": "carla_imu",
    "sensor.opendrive_map": "carla_opendrive_map",
    "sensor.speedometer": "carla_speedometer",
}
"""Words for the sensors in a result file."""

PSEUDO_SENSORS = ("sensor.opendrive_map", "sensor.speedometer")


def track_of(value: Any) -> Track:
    """A track from a `Track`, from another package's enum of that name, or from text.

    Raises:
        SensorConfigurationInvalid: there is no such track.
    """
    name = getattr(value, "value", value)
    try:
        return Track(name)
    except ValueError:
        known = ", ".join(track.value for track in Track)
        raise SensorConfigurationInvalid(f"there is no track {name!r}; tracks are {known}") from None


def check_sensors(
    sensors: Sequence[Mapping[str, Any]], agent_track: Any, selected_track: Any, max_radius_m: float = MAX_RADIUS_M
) -> None:
    """Refuse a sensor suite that a track does not allow.

    Args:
        sensors: what the agent's `sensors()` returned.
        agent_track: the agent's `track`.
        selected_track: the evaluation's.
        max_radius_m: how far from the vehicle's origin a sensor may be.

    Raises:
        SensorConfigurationInvalid: the reason, with the sensor and its value.
    """
    of_agent, selected = track_of(agent_track), track_of(selected_track)
    if selected is not Track.COLLECTION and of_agent is not selected:
        raise SensorConfigurationInvalid(
            f"the agent is made for track {of_agent.value}, the evaluation runs track {selected.value}"
        )
    limits = SENSOR_LIMITS[selected]
    ids = [sensor.get("id") for sensor in sensors]
    for sensor in sensors:
        kind, name = sensor.get("type"), sensor.get("id")
        if not isinstance(name, str) or not name:
            raise SensorConfigurationInvalid(f"a sensor of type {kind!r} has no id")
        if ids.count(name) > 1:
            raise SensorConfigurationInvalid(f"two sensors have the id {name!r}; ids must be unique")
        if kind not in limits:
            raise SensorConfigurationInvalid(
                f"illegal sensor {kind!r} ({name!r}): track {selected.value} allows {', '.join(limits)}"
            )
        if kind == "sensor.opendrive_map" and selected in (Track.SENSORS, Track.SENSORS_QUALIFIER):
            raise SensorConfigurationInvalid(f"illegal sensor {kind!r}: only the MAP tracks allow the map")
        if kind not in PSEUDO_SENSORS:
            _check_place(sensor, name, max_radius_m)
        if str(kind).startswith("sensor.camera."):
            _check_numbers(sensor, name, ("width", "height", "fov"))
    for kind, count in Counter(sensor["type"] for sensor in sensors).items():
        if count > limits[kind]:
            raise SensorConfigurationInvalid(
                f"too many sensors of type {kind!r}: {count}, track {selected.value} allows {limits[kind]}"
            )


def _check_place(sensor: Mapping[str, Any], name: str, max_radius_m: float) -> None:
    _check_numbers(sensor, name, ("x", "y", "z"))
    radius_m = math.sqrt(sum(float(sensor[axis]) ** 2 for axis in "xyz"))
    if radius_m > max_radius_m:
        raise SensorConfigurationInvalid(
            f"sensor {name!r} is {radius_m:.2f} m from the vehicle's origin, allowed {max_radius_m:g}"
        )


def _check_numbers(sensor: Mapping[str, Any], name: str, keys: Sequence[str]) -> None:
    for key in keys:
        value = sensor.get(key)
        if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
            raise SensorConfigurationInvalid(f"sensor {name!r} needs a finite number {key!r}, got {value!r}")


def blueprint_attributes(sensor: Mapping[str, Any]) -> dict[str, str]:
    """The attributes that the evaluator sets on a sensor's blueprint; agents cannot change them."""
    kind = str(sensor["type"])
    if kind.startswith("sensor.camera."):
        return {
            "image_size_x": str(int(sensor["width"])),
            "image_size_y": str(int(sensor["height"])),
            "fov": str(sensor["fov"]),
        }
    if kind == "sensor.lidar.ray_cast":
        return dict(_LIDAR)
    if kind == "sensor.other.radar":
        horizontal = sensor.get("horizontal_fov", sensor.get("fov", 30.0))
        vertical = sensor.get("vertical_fov", sensor.get("fov", 30.0))
        fixed = {"points_per_second": "1500", "range": "100"}
        return {"horizontal_fov": str(horizontal), "vertical_fov": str(vertical), **fixed}
    if kind == "sensor.other.gnss":
        stddev = {f"noise_{axis}_stddev": "0.000005" for axis in ("alt", "lat", "lon")}
        return {**stddev, **{f"noise_{axis}_bias": "0.0" for axis in ("alt", "lat", "lon")}}
    if kind == "sensor.other.imu":
        accel = {"noise_accel_stddev_x": "0.001", "noise_accel_stddev_y": "0.001", "noise_accel_stddev_z": "0.015"}
        return {**accel, **{f"noise_gyro_stddev_{axis}": "0.001" for axis in "xyz"}}
    return {}


_LIDAR = {
    "range": "85",
    "rotation_frequency": "10",
    "channels": "64",
    "upper_fov": "10",
    "lower_fov": "-30",
    "points_per_second": "600000",
    "atmosphere_attenuation_rate": "0.004",
    "dropoff_general_rate": "0.45",
    "dropoff_intensity_limit": "0.8",
    "dropoff_zero_intensity": "0.4",
}
