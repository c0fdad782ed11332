"""`StoreWriter`: a `Store` that grows, safe against being killed at any moment.

Theory of operation. Pictures are immutable files; a frame exists once its line is in the append-only index, which is
written last (see `journal.py`). So a killed process leaves either a whole frame or none, and a torn last line is cut
when the store is opened for writing. One writer at a time (a lock on the folder), any number of readers.
Process crash: at most the frame in flight is lost. Power loss: at most the route in flight and the last few hundred
variants, or nothing acknowledged with `durable`.
"""

from __future__ import annotations

import fcntl
import json
import os
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import numpy as np

from carla_agents.data import images
from carla_agents.data.disk import Disk, remove_tree
from carla_agents.data.errors import StoreError, disk_error
from carla_agents.data.index import pack_record
from carla_agents.data.journal import UNFINISHED, Journal
from carla_agents.data.planes import check_planes, encoded_planes, original_plane
from carla_agents.data.records import StoredFile, StoredVariant, check_id, frame_key, frame_record
from carla_agents.data.scene import SceneState
from carla_agents.data.store import FORMAT, VERSION, Store
from carla_agents.simulator.frame import Frame


@dataclass(frozen=True)
class StoreConfig:
    """How a new store keeps its frames."""

    rgb_codec: images.RgbCodec = "png"
    """`png` (lossless) or `jpeg` (quality 95, smaller; then the decoded pixels are the frame)."""
    durable: bool = False
    """Wait for the medium after every frame, so that power loss loses nothing acknowledged (a few ms per frame)."""

    def __post_init__(self) -> None:
        if self.rgb_codec not in ("png", "jpeg"):
            raise ValueError(f"rgb_codec is {self.rgb_codec!r}, expected 'png' or 'jpeg'")


class StoreWriter(Store):
    """The only writer of a store; a context manager that releases its lock.

    Example:
        `with StoreWriter.open(root) as store: store.begin_route("r0"); store.append("r0", frame); ...`
    """

    def __init__(self, root: Path, disk: Disk, lock: int, *, durable: bool) -> None:
        """Use `StoreWriter.open`."""
        super().__init__(root)
        self._disk = disk
        self._lock: int | None = lock
        self._journal = Journal(root, disk, durable=durable)

    @property
    def repaired_bytes(self) -> int:
        """Bytes of unfinished records that were cut off the index when it was opened."""
        return self._journal.repaired_bytes

    @property
    def linked_files(self) -> int:
        """Original files that became part of the store by a hard link."""
        return self._journal.linked_files

    @property
    def copied_files(self) -> int:
        """Original files that the file system could not link."""
        return self._journal.copied_files

    @classmethod
    def open(cls, root: str | os.PathLike[str], config: StoreConfig | None = None, disk: Disk | None = None) -> Self:
        """Open a store for writing, created if the folder is absent or empty, its tail repaired if needed.

        Args:
            root: the store's folder.
            config: how to keep frames; must agree with an existing store; None takes what exists, or the default.
            disk: where writing calls go.

        Raises:
            StoreError: in use by another writer, not a store, of another codec, damaged, or not writable.
        """
        disk = disk or Disk()
        folder = Path(root)
        try:
            disk.make_directory(folder)
            folder = folder.resolve()
            lock = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        except OSError as error:
            raise disk_error(f"open the store {folder} for writing", error) from error
        store = cls(folder, disk, lock, durable=bool(config and config.durable))
        try:
            store._start(config)
        except BaseException:
            store.close()
            raise
        return store

    def close(self) -> None:
        """Release the lock; harmless when repeated. Nothing is buffered, so nothing is written."""
        self._journal.close()
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def begin_route(self, route_id: str, *, split: str = "train", metadata: dict[str, Any] | None = None) -> None:
        """Declare a route before its frames.

        Args:
            route_id: new name, 1 to 80 of `A-Z a-z 0-9 . _ -`.
            split: e.g. `train`, `val`, `eval`.
            metadata: JSON-able facts known before the drive: map, seed, condition, waypoints.

        Raises:
            ValueError: bad name, or the route exists.
            StoreError: the disk refused it.
        """
        if check_id(route_id, "route_id") in self._splits:
            raise ValueError(f"route {route_id} exists already: discard_route() it first, or use another name")
        record = {"kind": "route", "route": route_id, "split": check_id(split, "split"), "metadata": metadata or {}}
        pack_record(record)
        try:
            remove_tree(self._disk, self._folder(route_id))
            for part in ("frames", "variants"):
                self._disk.make_directory(self._folder(route_id) / part)
        except OSError as error:
            raise disk_error(f"begin route {route_id}", error) from error
        self._commit(record, {}, f"begin route {route_id}")

    def append(
        self,
        route_id: str,
        frame: Frame,
        originals: Mapping[str, Path] | None = None,
        scene: SceneState | None = None,
    ) -> str:
        """Keep the next frame of a route; once this returns, killing the process does not lose it.

        Args:
            route_id: a begun route.
            frame: what to keep.
            originals: plane (`rgb`, `seg`, `depth`) -> an existing PNG or JPEG file that holds exactly that plane as
                the store would read it. It becomes part of the store by a hard link, so its pixels exist once on the
                disk; where the file system cannot link it is copied (`copied_files` counts these). Changing such an
                original in place later is found by its CRC and refused, as any change of the store is.
            scene: where everybody was, so that the frame can be replayed.

        Returns:
            its key, `<route_id>/<000000>`, counted from 0.

        Raises:
            ValueError: the route was not begun or is finished, the frame breaks its contract, an original holds
                something else than the frame, or the store is too old for scenes.
            StoreError: the disk refused it; the store is as it was before.
        """
        self._check_open_route(route_id)
        check_id(frame.condition, "condition")
        check_planes(frame)
        key = frame_key(route_id, len(self._frames[route_id]))
        sources = {plane: Path(path).resolve() for plane, path in (originals or {}).items()}
        planes = {
            plane: original_plane(frame, plane, sources[plane], self.rgb_codec) for plane in sources
        } | encoded_planes(frame, self.rgb_codec, without=sources)
        if scene is not None:
            if not self.keeps_scenes:
                raise ValueError(
                    f"the store {self.root} has format version 1, which keeps no scenes: use a new folder"
                )
            planes["scene"] = (scene.pack(), "bin")
        stem = f"routes/{route_id}/frames/{key[-6:]}"
        files = {
            plane: StoredFile(f"{stem}.{plane}.{suffix}", len(data), zlib.crc32(data))
            for plane, (data, suffix) in planes.items()
        }
        contents = {files[plane].name: data for plane, (data, _) in planes.items()}
        links = {files[plane].name: path for plane, path in sources.items()}
        self._commit(frame_record(key, frame, files), contents, f"write frame {key}", links)
        return key

    def finish_route(self, route_id: str, outcome: dict[str, Any] | None = None) -> None:
        """Mark a route as complete and force it to the medium.

        Args:
            route_id: a begun route.
            outcome: JSON-able facts known after the drive.

        Raises:
            ValueError: not begun, or finished before.
            StoreError: the disk refused it.
        """
        self._check_open_route(route_id)
        try:
            self._journal.sync_files(self._folder(route_id) / "frames")
        except OSError as error:
            raise disk_error(f"finish route {route_id}", error) from error
        self._commit(
            {"kind": "route_end", "route": route_id, "outcome": outcome or {}}, {}, f"finish route {route_id}"
        )
        self.sync()

    def sync(self) -> None:
        """Force everything acknowledged to the medium."""
        self._journal.sync()

    def discard_route(self, route_id: str) -> None:
        """Forget a route, its frames and their variants, as if it had never been begun.

        Raises:
            StoreError: the disk refused it; reopen the store to see whether the route is gone, it is never half gone.
        """
        try:
            self._load(self._journal.rewrite_without(route_id))
            remove_tree(self._disk, self._folder(route_id))
        except OSError as error:
            raise disk_error(f"discard route {route_id}", error) from error
        self._journal.forget_files(self._folder(route_id))

    def resume(self) -> list[str]:
        """Discard the routes that a stopped run left unfinished, so that they can be driven anew.

        Returns:
            their names.

        Raises:
            StoreError: the disk refused it.
        """
        unfinished = [route_id for route_id in self._splits if route_id not in self._outcomes]
        for route_id in unfinished:
            self.discard_route(route_id)
        return unfinished

    def add_variant(
        self, key: str, condition: str, seed: int, rgb: np.ndarray, provenance: dict[str, Any]
    ) -> StoredVariant:
        """Keep a synthesized picture of a frame, always as lossless PNG.

        Args:
            key: the frame's key.
            condition: name of the target condition.
            seed: unsigned 64-bit seed.
            rgb: (H, W, 3) uint8 RGB of the frame's size.
            provenance: JSON-able; `provenance["synthesizer"]` names what made it and is part of its identity.

        Raises:
            ValueError: unknown key, wrong shape, or this (frame, condition, synthesizer, seed) exists.
            StoreError: the disk refused it; the store is as it was before.
        """
        frame = self.frame(key)
        check_id(condition, "condition")
        synthesizer = check_id(provenance.get("synthesizer", ""), 'provenance["synthesizer"]')
        number = _check_seed(seed)
        if rgb.shape != (frame.size_px[1], frame.size_px[0], 3) or rgb.dtype != np.uint8:
            raise ValueError(f"rgb is {rgb.shape} {rgb.dtype}, frame {key} needs {(*frame.size_px[::-1], 3)} uint8")
        if self.variant(key, condition, synthesizer, number) is not None:
            raise ValueError(f"variant {key} {condition} {synthesizer} {number} exists already")
        data = images.encode_rgb(rgb, "png")
        name = f"{frame.ordinal:06d}.{condition}.{synthesizer}.{number}.png"
        file = StoredFile(f"routes/{frame.route_id}/variants/{name}", len(data), zlib.crc32(data))
        record = {
            "kind": "variant",
            "key": key,
            "condition": condition,
            "synthesizer": synthesizer,
            "seed": number,
            "provenance": provenance,
            "file": file.to_json(),
        }
        self._commit(record, {file.name: data}, f"write variant {name}")
        return self._variants[key][condition, synthesizer, number]

    def add_failure(self, key: str, condition: str, seed: int, synthesizer: str, reason: str) -> None:
        """Record that a variant could not be made, so that a resumed job neither hides it nor tries for ever.

        Raises:
            ValueError: unknown key or bad name.
            StoreError: the disk refused it.
        """
        record = {
            "kind": "variant_failure",
            "key": self.frame(key).key,
            "condition": check_id(condition, "condition"),
            "synthesizer": check_id(synthesizer, "synthesizer"),
            "seed": _check_seed(seed),
            "reason": reason[:1000],
        }
        self._commit(record, {}, f"record a failed variant of {key}")

    def _start(self, config: StoreConfig | None) -> None:
        try:
            fcntl.flock(self._lock or 0, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise StoreError(
                f"another process is writing to the store {self.root}: wait for it, or choose another folder"
            ) from error
        try:
            is_new = not (self.root / "store.json").exists()
            strangers = sorted({e.name for e in os.scandir(self.root)} - {UNFINISHED, "run.json"})
            if is_new and strangers:
                raise StoreError(f"{self.root} is not empty and not a store (it has {strangers[:5]}): choose another")
            self._journal.begin()
            if is_new:
                codec = (config or StoreConfig()).rgb_codec
                form = json.dumps({"format": FORMAT, "version": VERSION, "rgb_codec": codec}, indent=2) + "\n"
                self._journal.write(self.root / "store.json", form.encode())
            self._read_format()
            if config and config.rgb_codec != self.rgb_codec:
                raise StoreError(
                    f"{self.root} keeps rgb as {self.rgb_codec}, not {config.rgb_codec}: use another folder"
                )
            self._load(self._journal.open())
        except OSError as error:
            raise disk_error(f"open the store {self.root} for writing", error) from error

    def _folder(self, route_id: str) -> Path:
        return self.root / "routes" / route_id

    def _check_open_route(self, route_id: str) -> None:
        if route_id not in self._splits:
            raise ValueError(f"route {route_id!r} was not begun: call begin_route() first")
        if route_id in self._outcomes:
            raise ValueError(f"route {route_id!r} is finished: nothing can be added to it")

    def _commit(
        self,
        record: dict[str, Any],
        contents: dict[str, bytes],
        action: str,
        links: Mapping[str, Path] | None = None,
    ) -> None:
        """Commit a record with its files, then take it into the tables."""
        self._journal.commit(record, contents, action, links)
        self._apply(record)
        self._journal.settle()


def _check_seed(seed: int) -> int:
    if not 0 <= int(seed) < 2**64:
        raise ValueError(f"seed is {seed}, expected an unsigned 64-bit number")
    return int(seed)
