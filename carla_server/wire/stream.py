"""The streaming layer: tokens, frames, the sensor header and the world snapshot; little endian throughout.

A subscriber connects, sends the number of one stream and from then on only reads frames
`payload size: u32 | payload`. A sensor's payload is a 48-byte header and a body; the snapshot is the body of the
world observer: 36 bytes and 119 bytes per actor.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence

import numpy as np

from carla_server.wire.rpc import ProtocolError

Buffer = bytes | bytearray | memoryview

_FRAME = struct.Struct("<I")
_TOKEN = struct.Struct("<IHBB16s")
_SENSOR_HEADER = struct.Struct("<QQd6f")
_EPISODE_HEADER = struct.Struct("<Qdf3iI")
_IMAGE_HEADER = struct.Struct("<IIf")
_PROTOCOL_TCP = 1
_ADDRESS_UNSET = 0
_NO_ADDRESS = bytes(16)

TOKEN_BYTES = _TOKEN.size
SENSOR_HEADER_BYTES = _SENSOR_HEADER.size
SNAPSHOT_HEADER_BYTES = _SENSOR_HEADER.size + _EPISODE_HEADER.size

ACTOR_STATE_DTYPE = np.dtype(
    {
        "names": [
            "actor_id", "actor_state", "transform", "velocity_mps", "angular_velocity_degps", "acceleration_mps2",
            "vehicle_pose_to_brake", "vehicle_throttle_steer_brake", "vehicle_flags", "vehicle_gear",
            "vehicle_speed_limit_kmh",
            "vehicle_light_state", "vehicle_has_light", "vehicle_light_id", "vehicle_failure",
            "walker_direction", "walker_speed_mps", "walker_jump",
            "sign_id", "light_times_s", "light_elapsed_s", "light_pole_index", "light_frozen", "light_state",
        ],
        "formats": [
            "<u4", "u1", ("<f4", 6), ("<f4", 3), ("<f4", 3), ("<f4", 3),
            ("<f4", 18), ("<f4", 3), ("u1", 3), "<i4", "<f4", "u1", "u1", "<u4", "u1",
            ("<f4", 3), "<f4", "u1",
            "S32", ("<f4", 3), "<f4", "<u4", "u1", "u1",
        ],
        "offsets": [
            0, 4, 5, 29, 41, 53,
            5, 65, 77, 80, 84, 88, 89, 90, 94,
            65, 77, 81,
            65, 97, 109, 113, 117, 118,
        ],
        "itemsize": 119,
    }
)  # fmt: skip
"""One actor in a snapshot; the fields from byte 65 on overlap, by kind of actor (a C union, zero padded).

transform: x, y, z (m), pitch, yaw, roll (deg). vehicle_pose_to_brake: all from the transform to a vehicle's brake, so
that they can be written at once. vehicle_flags: hand brake, reverse, manual gear shift. light_times_s: green, yellow,
red. sign_id: the OpenDRIVE signal id.
"""


def pack_token(stream_id: int, port: int) -> bytes:
    """Pack the 24-byte name of a stream; the address is left unset, so the client uses the host it called.

    Raises:
        ValueError: a number does not fit.
    """
    if not 0 < stream_id < 1 << 32 or not 0 < port < 1 << 16:
        raise ValueError(f"no token for stream {stream_id} at port {port}: allowed are 1..2^32-1 and 1..65535")
    return _TOKEN.pack(stream_id, port, _PROTOCOL_TCP, _ADDRESS_UNSET, _NO_ADDRESS)


def frame_prefix(payload: Sequence[Buffer]) -> bytes:
    """Length prefix of a frame made of these buffers (their sizes in bytes added up).

    Raises:
        ValueError: the payload is empty (clients take that for an error) or 4 GiB or more.
    """
    size = sum(memoryview(part).nbytes for part in payload)
    if not 0 < size < 1 << 32:
        raise ValueError(f"a frame of {size} bytes cannot be sent: allowed are 1 .. 2^32-1")
    return _FRAME.pack(size)


class SubscriptionReader:
    """Reads the one thing a subscriber says: the number of its stream."""

    def __init__(self) -> None:
        self._received = b""
        self.stream_id: int | None = None

    def feed(self, data: bytes) -> int | None:
        """Take more bytes; returns the stream id once it is complete, else None.

        Raises:
            ProtocolError: the peer sent more than a stream id.
        """
        self._received += data[: _FRAME.size + 1]
        if len(self._received) > _FRAME.size:
            raise ProtocolError("a subscriber sends a 4-byte stream id and nothing else")
        if len(self._received) == _FRAME.size:
            self.stream_id = _FRAME.unpack(self._received)[0]
        return self.stream_id


def pack_sensor_header(type_id: int, frame: int, elapsed_s: float, pose: Sequence[float]) -> bytes:
    """48-byte header of one sensor measurement.

    Args:
        type_id: number of the sensor family in the client's registry (see `layouts`).
        frame: tick number.
        elapsed_s: seconds since the episode began.
        pose: x, y, z (m), pitch, yaw, roll (deg) in the world.
    """
    return _SENSOR_HEADER.pack(type_id, frame, elapsed_s, *pose)


def pack_image_header(width_px: int, height_px: int, fov_deg: float) -> bytes:
    """12 bytes that precede the BGRA pixels of a camera."""
    return _IMAGE_HEADER.pack(width_px, height_px, fov_deg)


def pack_snapshot(
    *,
    type_id: int,
    frame: int,
    elapsed_s: float,
    episode_id: int,
    platform_time_s: float,
    delta_s: float,
    map_changed: bool,
    actor_states: np.ndarray,
) -> bytes:
    """Pack the state of the world after a tick.

    Args:
        type_id: number of the world observer in the client's registry.
        platform_time_s: wall clock of the server; the only field that differs between equal runs.
        map_changed: whether this is the first snapshot of an episode.
        actor_states: (N,) of `ACTOR_STATE_DTYPE`.
    """
    return b"".join(
        (
            _SENSOR_HEADER.pack(type_id, frame, elapsed_s, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0),
            _EPISODE_HEADER.pack(episode_id, platform_time_s, delta_s, 0, 0, 0, 1 if map_changed else 0),
            actor_states.tobytes(),
        )
    )
