"""Packets of a recording: their numbers, their records, and bytes to and from them.

A file is a header, then packets `id: u8 | size: u32 | payload`, little endian; a frame is what lies between the
packets FRAME_START and FRAME_END. Most payloads are `count: u16` and that many records of one of `TABLES`. Lengths
are in centimetres, rotations in the order roll, pitch, yaw, except in our own packets.

Compared byte by byte with two recordings of real CARLA servers (the logs that ScenarioRunner ships, version 1): the
header and all packets up to LIGHT_TIMES except COLLISION, WALKER and LAMP, which follow CARLA's published sources.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import IntEnum
from types import MappingProxyType

import numpy as np

from carla_server.wire.structs import InvalidArgument

MAGIC = "CARLA_RECORDER"
VERSION = 1
MAP_GEOMETRY = 0xFFFFFFFF
"""Actor id in a collision with something that is no actor."""

HEADER = struct.Struct("<BI")
FRAME_START = struct.Struct("<Qdd")
_ACTOR = struct.Struct("<IB6fI")
_PHYSICS = struct.Struct("<I5fB4f3f")
_MAX_RECORDS = 0xFFFF


class Packet(IntEnum):
    """Packet numbers; those from STATES on are ours."""

    FRAME_START = 0
    FRAME_END = 1
    ACTORS_ADDED = 2
    ACTORS_REMOVED = 3
    PARENTS = 4
    COLLISIONS = 5
    POSITIONS = 6
    LIGHTS = 7
    VEHICLES = 8
    WALKERS = 9
    VEHICLE_LIGHTS = 10
    LAMPS = 11
    KINEMATICS = 12
    BOXES = 13
    PLATFORM_TIME = 14
    PHYSICS = 15
    LIGHT_TIMES = 16
    TRIGGERS = 17
    STATES = 200
    WEATHER = 201
    DOORS = 202
    CHECKSUM = 255


class ActorKind(IntEnum):
    """What CARLA's recorder tells actors apart by."""

    OTHER = 0
    VEHICLE = 1
    WALKER = 2
    TRAFFIC_LIGHT = 3
    TRAFFIC_SIGN = 4
    SENSOR = 5


_BOX = np.dtype([("actor_id", "<u4"), ("origin_cm", "<f4", 3), ("extent_cm", "<f4", 3)])

TABLES: Mapping[Packet, np.dtype] = MappingProxyType(
    {
        Packet.ACTORS_REMOVED: np.dtype([("actor_id", "<u4")]),
        Packet.PARENTS: np.dtype([("actor_id", "<u4"), ("parent_id", "<u4")]),
        Packet.COLLISIONS: np.dtype(
            [("number", "<u4"), ("actor_id", "<u4"), ("other_id", "<u4"), ("is_hero", "u1"), ("other_is_hero", "u1")]
        ),
        Packet.POSITIONS: np.dtype([("actor_id", "<u4"), ("location_cm", "<f4", 3), ("rotation_deg", "<f4", 3)]),
        Packet.LIGHTS: np.dtype([("actor_id", "<u4"), ("frozen", "u1"), ("elapsed_s", "<f4"), ("state", "u1")]),
        Packet.VEHICLES: np.dtype(
            [("actor_id", "<u4"), ("steer_throttle_brake", "<f4", 3), ("hand_brake", "u1"), ("gear", "<i4")]
        ),
        Packet.WALKERS: np.dtype([("actor_id", "<u4"), ("speed_mps", "<f4")]),
        Packet.VEHICLE_LIGHTS: np.dtype([("actor_id", "<u4"), ("flags", "<u4")]),
        Packet.LAMPS: np.dtype(
            [("lamp_id", "<i4"), ("intensity", "<f4"), ("rgba", "<f4", 4), ("on", "u1"), ("type", "u1")]
        ),
        Packet.KINEMATICS: np.dtype(
            [("actor_id", "<u4"), ("velocity_mps", "<f4", 3), ("angular_velocity_degps", "<f4", 3)]
        ),
        Packet.BOXES: _BOX,
        Packet.TRIGGERS: _BOX,
        Packet.LIGHT_TIMES: np.dtype([("actor_id", "<u4"), ("green_yellow_red_s", "<f4", 3)]),
        Packet.STATES: np.dtype(
            [
                ("actor_id", "<u4"),
                ("transform", "<f4", 6),
                ("velocity_mps", "<f4", 3),
                ("angular_velocity_degps", "<f4", 3),
                ("acceleration_mps2", "<f4", 3),
            ]
        ),
        Packet.WEATHER: np.dtype([("values", "<f4", 14)]),
        Packet.DOORS: np.dtype([("actor_id", "<u4"), ("open_doors", "<u4")]),
    }
)
"""Records of packets that are a count and records. STATES: x, y, z (m), pitch, yaw, roll (deg) as in a snapshot."""


class DamagedRecording(InvalidArgument):
    """The file is no recording, or its bytes are not what a recorder wrote; the text names the byte."""


@dataclass(frozen=True)
class ActorAdded:
    """An actor's birth.

    Attributes:
        location_cm, rotation_deg: in the world; roll, pitch, yaw.
        attributes: (type, id, value) of each.
    """

    actor_id: int
    kind: int
    location_cm: tuple[float, float, float]
    rotation_deg: tuple[float, float, float]
    uid: int
    type_id: str
    attributes: tuple[tuple[int, str, str], ...]

    @property
    def is_hero(self) -> bool:
        """Whether its role_name is "hero"."""
        return any(name == "role_name" and value == "hero" for _, name, value in self.attributes)


@dataclass(frozen=True)
class PhysicsRecord:
    """A vehicle's carla.VehiclePhysicsControl, in the order of the wire but without the gear switch time.

    Attributes:
        engine: max_rpm, moi and three damping rates.
        drive: clutch_strength, final_ratio, mass, drag_coefficient.
        gears: (ratio, down_ratio, up_ratio) each; wheels: twelve numbers each, the last three its position.
    """

    actor_id: int
    engine: tuple[float, ...]
    use_gear_autobox: bool
    drive: tuple[float, ...]
    center_of_mass: tuple[float, ...]
    torque_curve: tuple[tuple[float, ...], ...]
    gears: tuple[tuple[float, ...], ...]
    steering_curve: tuple[tuple[float, ...], ...]
    wheels: tuple[tuple[float, ...], ...]


def pack_packet(packet: Packet, payload: bytes = b"") -> bytes:
    """One packet with its header."""
    return HEADER.pack(packet, len(payload)) + payload


def pack_table(packet: Packet, rows: np.ndarray | Sequence[tuple]) -> bytes:
    """A packet of records; more than a packet can hold (65,535) are cut off, as in CARLA."""
    records = np.array(rows[:_MAX_RECORDS], TABLES[packet])
    return pack_packet(packet, struct.pack("<H", len(records)) + records.tobytes())


def pack_header(map_name: str, date_s: int) -> bytes:
    """The beginning of a file; `date_s` is Unix time."""
    return struct.pack("<H", VERSION) + _text(MAGIC) + struct.pack("<q", date_s) + _text(map_name)


def pack_actors(actors: Sequence[ActorAdded]) -> bytes:
    """The packet ACTORS_ADDED."""
    parts = [struct.pack("<H", len(actors))]
    for actor in actors:
        numbers = (*actor.location_cm, *actor.rotation_deg, actor.uid)
        parts += [_ACTOR.pack(actor.actor_id, actor.kind, *numbers), _text(actor.type_id)]
        parts.append(struct.pack("<H", len(actor.attributes)))
        for kind, name, value in actor.attributes:
            parts += [bytes((kind & 0xFF,)), _text(name), _text(value)]
    return pack_packet(Packet.ACTORS_ADDED, b"".join(parts))


def pack_physics(records: Sequence[PhysicsRecord]) -> bytes:
    """The packet PHYSICS."""
    parts = [struct.pack("<H", len(records))]
    for record in records:
        numbers = (*record.engine, record.use_gear_autobox, *record.drive, *record.center_of_mass)
        parts.append(_PHYSICS.pack(record.actor_id, *numbers))
        for rows in (record.torque_curve, record.gears, record.steering_curve, record.wheels):
            parts.append(struct.pack("<I", len(rows)) + np.array(rows, "<f4").tobytes())
    return pack_packet(Packet.PHYSICS, b"".join(parts))


def pack_checksum(frame: bytes) -> bytes:
    """The packet CHECKSUM over a frame's bytes so far."""
    return pack_packet(Packet.CHECKSUM, struct.pack("<I", zlib.crc32(frame)))


class Cursor:
    """Reads numbers and texts off bytes, and never beyond their end.

    Args:
        data: the bytes.
        begin, end: the part that may be read.
        file_name: for the error's text.
    """

    def __init__(self, data: bytes, begin: int, end: int, file_name: str) -> None:
        self.data = data
        self.at = begin
        self.end = end
        self._file_name = file_name

    def damaged(self, why: str, at: int | None = None) -> DamagedRecording:
        """The error to raise for what was found at a byte."""
        return DamagedRecording(
            f"recording {self._file_name} is damaged at byte {self.at if at is None else at}: {why}"
        )

    def take(self, count: int) -> bytes:
        """The next bytes."""
        if self.at + count > self.end:
            raise self.damaged(f"{count} bytes are expected, {self.end - self.at} are left")
        self.at += count
        return self.data[self.at - count : self.at]

    def unpack(self, layout: struct.Struct) -> tuple:
        """The next numbers."""
        return layout.unpack(self.take(layout.size))

    def count(self) -> int:
        """A u16."""
        return int.from_bytes(self.take(2), "little")

    def text(self) -> str:
        """A length and as many bytes of UTF-8."""
        start = self.at
        try:
            return self.take(self.count()).decode()
        except UnicodeDecodeError:
            raise self.damaged("a text is not UTF-8", start) from None

    def table(self, packet: Packet) -> np.ndarray:
        """(N,) records of a packet's kind, which fill what may be read."""
        kind, start = TABLES[packet], self.at
        count = self.count()
        if self.end - self.at != count * kind.itemsize:
            found = self.end - self.at
            raise self.damaged(
                f"{count} records of {packet.name} take {count * kind.itemsize} bytes, not {found}", start
            )
        return np.frombuffer(self.take(count * kind.itemsize), kind)

    def actors(self) -> list[ActorAdded]:
        """The records of ACTORS_ADDED."""
        actors = []
        for _ in range(self.count()):
            actor_id, kind, x, y, z, roll, pitch, yaw, uid = self.unpack(_ACTOR)
            type_id = self.text()
            attributes = tuple((self.take(1)[0], self.text(), self.text()) for _ in range(self.count()))
            actors.append(ActorAdded(actor_id, kind, (x, y, z), (roll, pitch, yaw), uid, type_id, attributes))
        return actors

    def physics(self) -> list[PhysicsRecord]:
        """The records of PHYSICS."""
        records = []
        for _ in range(self.count()):
            actor_id, *numbers = self.unpack(_PHYSICS)
            curves = [self._rows(width) for width in (2, 3, 2, 12)]
            records.append(
                PhysicsRecord(
                    actor_id, tuple(numbers[:5]), bool(numbers[5]), tuple(numbers[6:10]), tuple(numbers[10:]), *curves
                )
            )
        return records

    def _rows(self, width: int) -> tuple[tuple[float, ...], ...]:
        count = int.from_bytes(self.take(4), "little")
        values = np.frombuffer(self.take(4 * width * count), "<f4").reshape(-1, width)
        return tuple(tuple(row) for row in values.tolist())


def _text(text: str) -> bytes:
    encoded = text.encode()[:_MAX_RECORDS]
    return struct.pack("<H", len(encoded)) + encoded
