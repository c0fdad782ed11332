"""A recording on disk, checked as a whole when it is opened and then read frame by frame."""

from __future__ import annotations

import mmap
import struct
import zlib
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from carla_server.recorder.packets import (
    FRAME_START,
    HEADER,
    MAGIC,
    TABLES,
    ActorAdded,
    Cursor,
    DamagedRecording,
    Packet,
    PhysicsRecord,
)
from carla_server.world.traffic_lights import LightState

_LATEST_DATE_S = 1 << 36
_LARGEST = 1e9
_MAY_BE_INFINITE = (Packet.BOXES, Packet.TRIGGERS, Packet.KINEMATICS)


class Frame:
    """One recorded frame.

    Attributes:
        number: from 1.
        duration_s: time until the next frame; negative in the last one.
        elapsed_s: since the first frame.
    """

    def __init__(self, recording: Recording, offset: int) -> None:
        self._recording = recording
        cursor = recording.cursor(offset)
        cursor.unpack(HEADER)
        self.number, self.duration_s, self.elapsed_s = cursor.unpack(FRAME_START)
        self.packets: dict[int, tuple[int, int]] = {}
        packet = -1
        while packet != Packet.FRAME_END:
            packet, size = cursor.unpack(HEADER)
            self.packets[packet] = (cursor.at, cursor.at + size)
            cursor.take(size)

    def table(self, packet: Packet) -> np.ndarray:
        """(N,) records of one kind, empty if the frame has none."""
        if packet not in self.packets:
            return np.zeros(0, TABLES[packet])
        return self._recording.cursor(*self.packets[packet]).table(packet)

    def added(self) -> list[ActorAdded]:
        """Actors that came to be."""
        span = self.packets.get(Packet.ACTORS_ADDED)
        return self._recording.cursor(*span).actors() if span else []

    def physics(self) -> list[PhysicsRecord]:
        """Physics controls that were noted."""
        span = self.packets.get(Packet.PHYSICS)
        return self._recording.cursor(*span).physics() if span else []

    def platform_time_s(self) -> float | None:
        """Wall clock since the recording began, if it was noted."""
        span = self.packets.get(Packet.PLATFORM_TIME)
        return self._recording.cursor(*span).unpack(struct.Struct("<d"))[0] if span else None


class Recording:
    """A file that is known to be whole.

    Attributes:
        version, map_name: from its header.
        date_s: Unix time when it was begun.
        elapsed_s: (N,) float64 times of its frames.
    """

    def __init__(self, path: Path) -> None:
        """Open and check a file.

        Raises:
            DamagedRecording: it is no recording, is cut off, or was changed; the text names the byte.
            OSError: it cannot be read.
        """
        self._name = path.name
        with path.open("rb") as file:
            empty = path.stat().st_size == 0
            self._data = b"" if empty else mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
        cursor = self.cursor(0)
        try:
            self.version = cursor.count()
            magic = cursor.text()
        except DamagedRecording:
            magic = ""
        if magic != MAGIC:
            raise DamagedRecording(f"{self._name} is not a CARLA recording: {MAGIC!r} does not stand at byte 2")
        self.date_s = cursor.unpack(struct.Struct("<q"))[0]
        if not 0 <= self.date_s < _LATEST_DATE_S:
            raise cursor.damaged(f"its date is {self.date_s} s after 1970", cursor.at - 8)
        self.map_name = cursor.text()
        self._offsets: list[int] = []
        elapsed = []
        while cursor.at < cursor.end:
            self._offsets.append(cursor.at)
            elapsed.append(self._check_frame(cursor))
        self.elapsed_s = np.array(elapsed)
        if not np.all(np.diff(self.elapsed_s) >= 0.0):
            index = int(np.argmin(np.diff(self.elapsed_s))) + 1
            raise cursor.damaged("time goes backwards", self._offsets[index])

    def __len__(self) -> int:
        return len(self._offsets)

    def __iter__(self) -> Iterator[Frame]:
        return (Frame(self, offset) for offset in self._offsets)

    def frame(self, index: int) -> Frame:
        """A frame by its index from 0."""
        return Frame(self, self._offsets[index])

    @property
    def duration_s(self) -> float:
        """Time of the last frame."""
        return float(self.elapsed_s[-1]) if len(self) else 0.0

    def cursor(self, begin: int, end: int | None = None) -> Cursor:
        """A reader of a part of the file."""
        return Cursor(self._data, begin, len(self._data) if end is None else end, self._name)  # type: ignore[arg-type]

    def _check_frame(self, cursor: Cursor) -> float:
        """Step over one frame whose packets all can be read; returns its time."""
        begin = cursor.at
        packet, size = cursor.unpack(HEADER)
        if packet != Packet.FRAME_START or size != FRAME_START.size:
            raise cursor.damaged(f"a frame begins with packet {packet} of {size} bytes", begin)
        elapsed_s: float = cursor.unpack(FRAME_START)[2]
        if not 0.0 <= elapsed_s < 1e9:
            raise cursor.damaged(f"a frame's time is {elapsed_s!r}", begin)
        while packet != Packet.FRAME_END:
            at = cursor.at
            packet, size = cursor.unpack(HEADER)
            if packet == Packet.FRAME_START:
                raise cursor.damaged("a frame begins before the one before it has ended", at)
            inside = self.cursor(cursor.at, cursor.at + size)
            cursor.take(size)
            if packet == Packet.CHECKSUM and inside.unpack(struct.Struct("<I"))[0] != zlib.crc32(
                self._data[begin:at]
            ):
                raise cursor.damaged(f"the checksum of the frame that begins at byte {begin} does not match", at)
            if packet in TABLES:
                _check_values(inside, Packet(packet))
            elif packet == Packet.ACTORS_ADDED:
                for actor in inside.actors():
                    if not np.isfinite((*actor.location_cm, *actor.rotation_deg)).all():
                        raise cursor.damaged(f"actor {actor.actor_id} stands nowhere", at)
            elif packet == Packet.PHYSICS:
                inside.physics()
            elif packet == Packet.PLATFORM_TIME:
                inside.unpack(struct.Struct("<d"))
        return elapsed_s


def _check_values(cursor: Cursor, packet: Packet) -> None:
    """Read a table whose numbers a replay can use; real servers leave boxes of sensors infinite."""
    at = cursor.at
    table = cursor.table(packet)
    for name in () if packet in _MAY_BE_INFINITE else table.dtype.names or ():
        values = table[name]
        if values.dtype.kind == "f" and not (np.abs(values) < _LARGEST).all():
            raise cursor.damaged(f"a {name} of {packet.name} is no sensible number", at)
    if packet == Packet.LIGHTS and (table["state"] > LightState.UNKNOWN).any():
        raise cursor.damaged("a traffic light has a state that does not exist", at)
