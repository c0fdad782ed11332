"""`Journal`: how a store changes: files first, then the index line that makes them exist.

Files are immutable, written under a temporary name and renamed. A killed process therefore leaves either a record
with all its files, or files that no record names and the next run overwrites.
"""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from carla_agents.data.disk import Disk, link_file, remove_tree, sync_path, write_file
from carla_agents.data.errors import StoreError, disk_error
from carla_agents.data.index import IndexWriter, pack_record, read_index
from carla_agents.data.repair import SYNC_EVERY_FILES, whole_prefix

_log = logging.getLogger(__name__)
UNFINISHED = ".unfinished"
"""Folder of the one file being written; gone when the store is closed."""


class Journal:
    """The files and the index of one store, changed through `commit`.

    Args:
        root: the store's folder, locked by the caller.
        disk: where the calls go.
        durable: wait for the medium after every record.

    Attributes:
        repaired_bytes: bytes of unfinished records that `open` cut off the index.
        linked_files, copied_files: files taken over by hard link, and those that had to be copied.
    """

    def __init__(self, root: Path, disk: Disk, *, durable: bool) -> None:
        self.repaired_bytes = self.linked_files = self.copied_files = 0
        self._root = root
        self._disk = disk
        self._durable = durable
        self._index: IndexWriter | None = None
        self._unsynced: list[Path] = []

    def begin(self) -> None:
        """Make the folder for unfinished files anew.

        Raises:
            OSError: the disk refused it.
        """
        remove_tree(self._disk, self._root / UNFINISHED)
        self._disk.make_directory(self._root / UNFINISHED)

    def open(self) -> list[dict[str, Any]]:
        """Open the index, its tail repaired if needed; returns the records that it holds.

        Raises:
            OSError: the disk refused it.
            StoreError: damaged before its last line.
        """
        path = self._root / "index.log"
        records, good, torn = read_index(path) if path.exists() else ([], 0, 0)
        kept = records[: whole_prefix(self._root, records)]
        lost = sum(len(pack_record(r)) for r in records[len(kept) :])
        self._index = IndexWriter(path, self._disk, good - lost)
        self.repaired_bytes = torn + lost
        if self.repaired_bytes:
            _log.warning("%s: cut %d bytes of unfinished records off its index", self._root, self.repaired_bytes)
        return kept

    def close(self) -> None:
        """Close the index; nothing is buffered, so nothing is written."""
        if self._index is not None:
            self._index.close()
            self._index = None
            with contextlib.suppress(OSError):
                remove_tree(self._disk, self._root / UNFINISHED)

    def write(self, path: Path, data: bytes) -> None:
        """Write one whole file.

        Raises:
            OSError: the disk refused it; the file is as it was.
        """
        write_file(self._disk, path, data, temporary=self._root / UNFINISHED / "part", durable=self._durable)

    def commit(
        self,
        record: dict[str, Any],
        contents: Mapping[str, bytes],
        action: str,
        links: Mapping[str, Path] | None = None,
    ) -> None:
        """Write or link files, then the index line that makes them exist.

        Args:
            record: JSON-able.
            contents: name below the store -> content.
            action: what is being done, for messages.
            links: name -> existing file that becomes a part of the store by a hard link, instead of being written.

        Raises:
            ValueError: the record is not JSON or too large.
            StoreError: the disk refused it, or the store is closed; what was acknowledged stays.
        """
        index = self._writer()
        pack_record(record)
        try:
            for name, data in contents.items():
                self._place(self._root / name, data, (links or {}).get(name))
                if not self._durable:
                    self._unsynced.append(self._root / name)
            index.append(record)
            if self._durable:
                index.sync()
        except OSError as error:
            raise disk_error(action, error) from error

    def settle(self) -> None:
        """Force files to the medium once many wait for it.

        Raises:
            StoreError: the disk refused it.
        """
        if len(self._unsynced) >= SYNC_EVERY_FILES:
            self.sync()

    def sync(self) -> None:
        """Force everything acknowledged to the medium.

        Raises:
            StoreError: the disk refused it.
        """
        try:
            self.sync_files()
            self._writer().sync()
        except OSError as error:
            raise disk_error("force the store to the medium", error) from error

    def sync_files(self, folder: Path | None = None) -> None:
        """Force the files written so far, and a folder's entries, to the medium.

        Raises:
            OSError: the disk refused it.
        """
        for path in self._unsynced if folder is None else (*self._unsynced, folder):
            sync_path(self._disk, path)
        self._unsynced.clear()

    def rewrite_without(self, route_id: str) -> list[dict[str, Any]]:
        """Replace the index by one without a route, in one step; returns the records that stay.

        Raises:
            OSError: the disk refused it; reopen the store to see which index it has.
            StoreError: the store is closed.
        """
        path = self._root / "index.log"
        self._writer().close()
        self._index = None
        kept = [r for r in read_index(path)[0] if str(r.get("route", r.get("key"))).partition("/")[0] != route_id]
        data = b"".join(pack_record(r) for r in kept)
        write_file(self._disk, path, data, temporary=self._root / UNFINISHED / "part", durable=True)
        self._index = IndexWriter(path, self._disk, len(data))
        return kept

    def forget_files(self, folder: Path) -> None:
        """Files below a folder that was removed need no longer reach the medium."""
        self._unsynced = [path for path in self._unsynced if folder not in path.parents]

    def _place(self, path: Path, data: bytes, original: Path | None) -> None:
        if original is None:
            self.write(path, data)
        elif link_file(self._disk, original, path):
            self.linked_files += 1
            if self._durable:
                sync_path(self._disk, path)
        else:
            self.write(path, data)
            self.copied_files += 1

    def _writer(self) -> IndexWriter:
        if self._index is None:
            raise StoreError(f"the store {self._root} is closed for writing: open it again with StoreWriter.open()")
        return self._index
