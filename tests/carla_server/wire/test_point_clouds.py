"""Bytes of lidar, radar and event measurements."""

import struct

import numpy as np
import pytest

from carla_server.wire.point_clouds import (
    DVS_EVENT_DTYPE,
    LIDAR_POINT_DTYPE,
    RADAR_DETECTION_DTYPE,
    SEMANTIC_POINT_DTYPE,
    pack_lidar,
)


def test_a_lidar_body_is_angle_channels_counts_and_points():
    points = np.zeros(3, LIDAR_POINT_DTYPE)
    points["position_m"] = [(1, 2, 3), (4, 5, 6), (7, 8, 9)]
    points["intensity"] = (0.25, 0.5, 0.75)
    body = b"".join(pack_lidar(1.5, np.array([2, 0, 1]), points))
    assert body == struct.pack("<fI3I", 1.5, 3, 2, 0, 1) + struct.pack(
        "<12f", 1, 2, 3, 0.25, 4, 5, 6, 0.5, 7, 8, 9, 0.75
    )


def test_a_semantic_point_has_24_bytes():
    point = np.zeros(1, SEMANTIC_POINT_DTYPE)
    point["position_m"], point["cos_incidence"], point["actor_id"], point["tag"] = (1, 2, 3), 0.5, 77, 14
    assert b"".join(pack_lidar(0.0, np.array([1]), point))[12:] == struct.pack("<4f2I", 1, 2, 3, 0.5, 77, 14)


def test_counts_that_do_not_fit_the_points_are_refused():
    with pytest.raises(ValueError, match="3 points do not fill"):
        pack_lidar(0.0, np.array([1, 1]), np.zeros(3, LIDAR_POINT_DTYPE))


def test_a_radar_detection_is_velocity_azimuth_altitude_depth():
    detection = np.zeros(1, RADAR_DETECTION_DTYPE)
    detection["velocity_mps"], detection["azimuth_rad"], detection["altitude_rad"], detection["depth_m"] = 1, 2, 3, 4
    assert detection.tobytes() == struct.pack("<4f", 1, 2, 3, 4)


def test_an_event_has_13_packed_bytes():
    event = np.zeros(1, DVS_EVENT_DTYPE)
    event["x"], event["y"], event["t_ns"], event["positive"] = 300, 200, 1_500_000_000, 1
    assert event.tobytes() == struct.pack("<HHqB", 300, 200, 1_500_000_000, 1)
