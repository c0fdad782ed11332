"""The append-only index of a store: one line per record, framed by length and CRC.

A line is `<length, 8 hex> <crc32, 8 hex> <JSON>\\n`, so the file can be read with any text tool, needs no footer,
and a torn last line is recognised and cut. Everything before it was acknowledged and stays.
"""

from __future__ import annotations

import json
import os
import zlib
from pathlib import Path
from typing import Any

from carla_agents.data.disk import Disk, write_all
from carla_agents.data.errors import StoreError

MAX_RECORD_BYTES = 1 << 20
"""Largest record, framing included."""
_FRAMING_BYTES = 18


def pack_record(record: dict[str, Any]) -> bytes:
    """A JSON-able dict -> one framed line.

    Raises:
        ValueError: not JSON (NaN and infinity included) or larger than `MAX_RECORD_BYTES`.
    """
    body = json.dumps(record, allow_nan=False, separators=(",", ":"), sort_keys=True).encode()
    if len(body) + _FRAMING_BYTES + 1 > MAX_RECORD_BYTES:
        raise ValueError(f"a record has {len(body)} bytes, at most {MAX_RECORD_BYTES} fit: store less metadata")
    return b"%08x %08x %s\n" % (len(body), zlib.crc32(body), body)


def unpack_record(line: bytes) -> dict[str, Any] | None:
    """One framed line -> the dict, or None if it is torn or damaged."""
    body = line[_FRAMING_BYTES:-1]
    if line[-1:] != b"\n" or line[:_FRAMING_BYTES] != b"%08x %08x " % (len(body), zlib.crc32(body)):
        return None
    record = json.loads(body)
    return record if isinstance(record, dict) else None


def read_index(path: Path) -> tuple[list[dict[str, Any]], int, int]:
    """Read every whole record.

    Returns:
        the records, the number of good bytes, the number of bytes of a torn last line after them.

    Raises:
        StoreError: unreadable, or damaged before its last line.
    """
    records: list[dict[str, Any]] = []
    good = 0
    try:
        with open(os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC), "rb") as file:
            while line := file.readline(MAX_RECORD_BYTES):
                record = unpack_record(line)
                if record is not None:
                    records.append(record)
                    good += len(line)
                    continue
                rest = file.read(1)
                if rest:
                    raise StoreError(
                        f"the index {path} is damaged at byte {good}, after {len(records)} good records, and goes on "
                        f"behind the damage: restore it from a copy, or cut it to {good} bytes to keep what precedes"
                    )
                return records, good, len(line)
    except OSError as error:
        raise StoreError(f"cannot read the index {path}: {error.strerror or error}") from error
    return records, good, 0


class IndexWriter:
    """Appends records to an index; after a failed call the file ends with a whole record or is marked broken."""

    def __init__(self, path: Path, disk: Disk, size_bytes: int) -> None:
        """Open the index and cut it to its good part.

        Args:
            path: the index file, created if absent.
            disk: where the calls go.
            size_bytes: length of the good part, from `read_index`.

        Raises:
            OSError: the file cannot be opened or cut.
        """
        self._disk = disk
        self._path = path
        self._size_bytes = size_bytes
        self._broken = False
        self._descriptor = disk.open_append(path)
        try:
            if os.fstat(self._descriptor).st_size != size_bytes:
                disk.truncate(self._descriptor, size_bytes)
        except OSError:
            os.close(self._descriptor)
            raise

    def append(self, record: dict[str, Any]) -> None:
        """Append one record.

        Raises:
            OSError: the disk refused it; the index is as it was before.
            StoreError: an earlier failure could not be undone.
            ValueError: the record is not JSON.
        """
        line = pack_record(record)
        if self._broken:
            raise StoreError(f"the index {self._path} has an unfinished last line: close the store and open it again")
        try:
            write_all(self._disk, self._descriptor, line)
        except OSError:
            try:
                self._disk.truncate(self._descriptor, self._size_bytes)
            except OSError:
                self._broken = True
            raise
        self._size_bytes += len(line)

    def sync(self) -> None:
        """Force the index to the medium."""
        self._disk.sync(self._descriptor)

    def close(self) -> None:
        """Close the file; nothing is buffered, so nothing is written."""
        os.close(self._descriptor)
