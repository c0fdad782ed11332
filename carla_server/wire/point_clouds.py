"""Bodies of lidar, radar and event camera measurements; little endian.

A lidar body is a header of 32-bit words `angle: f32 | channels: u32 | points of each channel: u32 ...` and the
points, channel by channel. Radar and event bodies are their records alone.
"""

from __future__ import annotations

import struct

import numpy as np

from carla_server.wire.stream import Buffer

_LIDAR_HEADER = struct.Struct("<fI")

LIDAR_POINT_DTYPE = np.dtype([("position_m", "<f4", 3), ("intensity", "<f4")])
"""16 bytes; position in the sensor's frame."""

SEMANTIC_POINT_DTYPE = np.dtype(
    [("position_m", "<f4", 3), ("cos_incidence", "<f4"), ("actor_id", "<u4"), ("tag", "<u4")]
)
"""24 bytes; position in the sensor's frame."""

RADAR_DETECTION_DTYPE = np.dtype(
    [("velocity_mps", "<f4"), ("azimuth_rad", "<f4"), ("altitude_rad", "<f4"), ("depth_m", "<f4")]
)
"""16 bytes."""

DVS_EVENT_DTYPE = np.dtype([("x", "<u2"), ("y", "<u2"), ("t_ns", "<i8"), ("positive", "u1")])
"""13 bytes, packed."""


def pack_lidar(horizontal_angle_rad: float, points_in_channel: np.ndarray, points: np.ndarray) -> list[Buffer]:
    """Body of a lidar measurement.

    Args:
        horizontal_angle_rad: where the next sweep begins.
        points_in_channel: (C,) counts, in the order of the channels.
        points: (sum of the counts,) of `LIDAR_POINT_DTYPE` or `SEMANTIC_POINT_DTYPE`.

    Raises:
        ValueError: the counts do not add up to the number of points.
    """
    if int(points_in_channel.sum()) != len(points):
        raise ValueError(f"{len(points)} points do not fill channels of {points_in_channel.tolist()}")
    header = _LIDAR_HEADER.pack(horizontal_angle_rad, len(points_in_channel))
    return [header + points_in_channel.astype("<u4").tobytes(), points.tobytes()]
