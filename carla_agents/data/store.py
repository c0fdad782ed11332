"""`Store`: recorded drives and their variants on disk, read lazily.

A store is a folder: `store.json` (format), `index.log` (the append-only table of everything, see `index.py`) and
`routes/<route>/{frames,variants}/` with one picture file per recorded plane. Only `StoreWriter` changes it.
"""

from __future__ import annotations

import json
import os
import zlib
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, Self

import numpy as np

from carla_agents.data import images
from carla_agents.data.disk import read_file
from carla_agents.data.errors import StoreError, disk_error
from carla_agents.data.index import read_index
from carla_agents.data.records import (
    StoredFile,
    StoredFrame,
    StoredRoute,
    StoredVariant,
    VariantFailure,
    check_id,
    frame_from_record,
    variant_from_record,
)

FORMAT = "syndiff-store"
VERSION = 2
"""Written by new stores. Version 2 added the scene of a frame; stores of version 1 are read, and grow without it."""
_FIRST_WITH_SCENES = 2
MAX_FILE_BYTES = 64 << 20
"""Largest picture file that is read."""


class Store:
    """Recorded routes, their frames, and variants of those frames: a view of a folder as it was when opened.

    Example:
        `for frame in Store.read("runs/drive").frames(condition="clear-day"): show(frame.load_rgb())`
    """

    def __init__(self, root: Path) -> None:
        """Use `Store.read` (or `StoreWriter.open`)."""
        self.root = root
        self.rgb_codec: images.RgbCodec = "png"
        self._version = VERSION
        self._splits: dict[str, tuple[str, dict[str, Any]]] = {}
        self._outcomes: dict[str, dict[str, Any]] = {}
        self._frames: dict[str, list[StoredFrame]] = {}
        self._variants: dict[str, dict[tuple[str, str, int], StoredVariant]] = {}
        self._failures: list[VariantFailure] = []
        self._safe_folders: set[Path] = set()

    @classmethod
    def read(cls, root: str | os.PathLike[str]) -> Self:
        """Open an existing store; other processes may go on writing to it.

        Raises:
            StoreError: not a store, made by a newer version, or damaged.
        """
        store = cls(Path(root).resolve())
        store._read_format()
        store._load(read_index(store.root / "index.log")[0])
        return store

    @property
    def keeps_scenes(self) -> bool:
        """Whether frames of this store may have scenes; False for stores of version 1."""
        return self._version >= _FIRST_WITH_SCENES

    def routes(self) -> list[StoredRoute]:
        """Every route, in order of recording."""
        return [
            StoredRoute(route_id, split, metadata, self._outcomes.get(route_id), len(self._frames[route_id]))
            for route_id, (split, metadata) in self._splits.items()
        ]

    def frames(
        self,
        where: Callable[[StoredFrame], bool] | None = None,
        *,
        condition: str | None = None,
        split: str | None = None,
        route_id: str | None = None,
    ) -> list[StoredFrame]:
        """Lazy views of the frames that satisfy every given criterion, in order of recording."""
        routes = self._frames.values() if route_id is None else [self._frames.get(route_id, [])]
        return [
            frame
            for frames in routes
            for frame in frames
            if condition in (None, frame.condition)
            and split in (None, frame.split)
            and (where is None or where(frame))
        ]

    def frame(self, key: str) -> StoredFrame:
        """The lazy view of one frame.

        Raises:
            ValueError: no such frame.
        """
        route_id, _, digits = key.partition("/")
        frames = self._frames.get(route_id, [])
        if not (digits.isascii() and digits.isdecimal()) or int(digits) >= len(frames):
            raise ValueError(f"the store {self.root} has no frame {key!r}; routes: {list(self._splits)[:5]} ...")
        return frames[int(digits)]

    def variants(
        self, key: str | None = None, *, condition: str | None = None, synthesizer: str | None = None
    ) -> list[StoredVariant]:
        """Variants of one frame (or of all), of one target condition, by one synthesizer, in order of making."""
        pools: Iterable[dict] = self._variants.values() if key is None else [self._variants.get(key, {})]
        return [
            variant
            for pool in pools
            for variant in pool.values()
            if condition in (None, variant.condition) and synthesizer in (None, variant.synthesizer)
        ]

    def variant(self, key: str, condition: str, synthesizer: str, seed: int) -> StoredVariant | None:
        """The variant with exactly this identity, or None if it was not made."""
        return self._variants.get(key, {}).get((condition, synthesizer, int(seed)))

    def failures(self) -> list[VariantFailure]:
        """Variants that could not be made, and why."""
        return list(self._failures)

    def verify(self) -> list[str]:
        """Check that every file the index vouches for is there with its size and CRC.

        Returns:
            one line per fault, empty when all is well. `check_store` also decodes the pictures.
        """
        pictures = [f for frame in self.frames() for f in frame.files.values()]
        pictures += [variant.file for variant in self.variants()]
        faults = []
        for picture in pictures:
            try:
                self.read_bytes(picture)
            except StoreError as error:
                faults.append(str(error))
        return faults

    def read_bytes(self, file: StoredFile) -> bytes:
        """The content of one file, checked against the index.

        Raises:
            StoreError: missing, a symbolic link, of another size or CRC.
        """
        path = self.root / file.name
        try:
            if path.parent not in self._safe_folders:
                if path.parent.resolve() != path.parent:
                    raise StoreError(f"{path.parent} is reached through a symbolic link, which a store never follows")
                self._safe_folders.add(path.parent)
            data = read_file(path, max_bytes=MAX_FILE_BYTES)
        except OSError as error:
            raise disk_error(f"read {path}", error) from error
        if len(data) != file.size_bytes or zlib.crc32(data) != file.crc32:
            raise StoreError(
                f"{path} has {len(data)} bytes and CRC {zlib.crc32(data):08x}, the index says {file.size_bytes} and "
                f"{file.crc32:08x}: it was changed or damaged; restore it or record the route again"
            )
        return data

    def read_rgb(self, file: StoredFile, size_px: tuple[int, int]) -> np.ndarray:
        """One picture file -> (H, W, 3) uint8 RGB."""
        return images.decode_rgb(self.read_bytes(file), file.name, size_px)

    def _read_format(self) -> None:
        path = self.root / "store.json"
        try:
            form = json.loads(read_file(path, max_bytes=1 << 16))
        except FileNotFoundError as error:
            raise StoreError(
                f"{self.root} is not a store (no store.json): record one, or correct the path"
            ) from error
        except OSError as error:
            raise disk_error(f"read {path}", error) from error
        except ValueError as error:
            raise StoreError(
                f"{path} is not JSON ({error}): restore it from another store of the same kind"
            ) from error
        if not isinstance(form, dict) or form.get("format") != FORMAT or form.get("rgb_codec") not in ("png", "jpeg"):
            raise StoreError(f"{path} does not describe a {FORMAT}: {str(form)[:200]}")
        if form.get("version") not in range(1, VERSION + 1):
            raise StoreError(
                f"{self.root} has format version {form.get('version')}, this program reads 1 to {VERSION}"
            )
        self._version = int(form["version"])
        self.rgb_codec = form["rgb_codec"]

    def _load(self, records: list[dict[str, Any]]) -> None:
        for table in (self._splits, self._outcomes, self._frames, self._variants, self._failures):
            table.clear()
        for record in records:
            self._apply(record)

    def _apply(self, record: dict[str, Any]) -> None:
        """Take one index record into the tables."""
        try:
            kind = record["kind"]
            if kind == "route":
                route_id = check_id(record["route"], "route")
                self._splits[route_id] = (check_id(record["split"], "split"), dict(record["metadata"]))
                self._frames[route_id] = []
            elif kind == "frame":
                route_id = str(record["key"]).partition("/")[0]
                frame = frame_from_record(record, self._splits[route_id][0], self)
                if frame.ordinal != len(self._frames[route_id]):
                    raise ValueError(f"frame {frame.key} follows {len(self._frames[route_id])} frames")
                self._frames[route_id].append(frame)
            elif kind == "variant":
                variant = variant_from_record(record, self.frame(record["key"]))
                identity = (variant.condition, variant.synthesizer, variant.seed)
                self._variants.setdefault(variant.frame.key, {})[identity] = variant
            elif kind == "variant_failure":
                fields = {name: record[name] for name in ("key", "condition", "synthesizer", "seed", "reason")}
                self._failures.append(VariantFailure(**fields))
            elif kind == "route_end":
                self._outcomes[record["route"]] = dict(record["outcome"])
            else:
                raise ValueError(f"unknown kind {kind!r}")
        except (KeyError, TypeError, ValueError) as error:
            raise StoreError(
                f"the index of {self.root} has a record this version cannot read ({error}): {str(record)[:200]}"
            ) from error
