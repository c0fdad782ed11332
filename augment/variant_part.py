"""`VariantPart`: variants made apart from their store, to be merged into it by its one writer.

A store has one writer, so jobs that run beside each other (shards, machines, Ray tasks) each write a part: a folder
with pictures and a CRC-framed index, as safe against being killed as a store. Merged in the order of the plan, the
parts give the store the same bytes as one job that made everything.
"""

from __future__ import annotations

import fcntl
import json
import os
import zlib
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import numpy as np

from augment.work import VariantTask
from carla_agents.data import images
from carla_agents.data.disk import Disk, read_file
from carla_agents.data.errors import StoreError, disk_error
from carla_agents.data.journal import Journal
from carla_agents.data.records import StoredFile, VariantFailure
from carla_agents.data.store import MAX_FILE_BYTES
from carla_agents.data.store_writer import StoreWriter

FORMAT, VERSION = "syndiff-variant-part", 1


class VariantPart:
    """Variants and failures of one job, in the order of making. Use `open`; a context manager.

    Attributes:
        root: the folder.
        identity: says which job, shard and store the part belongs to.
    """

    def __init__(self, root: Path, identity: dict[str, Any], lock: int) -> None:
        self.root = root
        self.identity = identity
        self._lock: int | None = lock
        self._journal = Journal(root, Disk(), durable=False)
        self.records: list[dict[str, Any]] = []
        self._made: dict[tuple[str, str, str, int], dict[str, Any]] = {}

    @classmethod
    def open(cls, root: str | os.PathLike[str], identity: dict[str, Any] | None = None) -> Self:
        """Open a part for writing; made if the folder is absent or empty.

        Args:
            root: the folder.
            identity: JSON-able; must be what an existing part was begun with. None takes what is there.

        Raises:
            StoreError: another process writes to it, it is something else, or it belongs to another job.
        """
        folder = Path(root)
        try:
            if identity is not None:
                folder.mkdir(parents=True, exist_ok=True)
            folder = folder.resolve()
            lock = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        except OSError as error:
            raise disk_error(f"open the part {folder}", error) from error
        part = cls(folder, identity or {}, lock)
        try:
            part._start(identity)
        except BlockingIOError as error:
            part.close()
            raise StoreError(f"another process is writing to the part {folder}: wait for it") from error
        except BaseException:
            part.close()
            raise
        return part

    def close(self) -> None:
        """Release the lock; harmless when repeated."""
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

    def has_variant(self, key: str, condition: str, synthesizer: str, seed: int) -> bool:
        """Whether this variant was made."""
        return (key, condition, synthesizer, seed) in self._made

    def variant_rgb(self, key: str, condition: str, synthesizer: str, seed: int) -> np.ndarray | None:
        """The picture of this variant, (H, W, 3) uint8 RGB; None if it was not made.

        Raises:
            StoreError: missing or damaged.
        """
        record = self._made.get((key, condition, synthesizer, seed))
        return None if record is None else self.load_rgb(record)

    def failures(self) -> list[VariantFailure]:
        """What could not be made."""
        fields = ("key", "condition", "synthesizer", "seed", "reason")
        return [VariantFailure(*(r[name] for name in fields)) for r in self.records if r["kind"] == "variant_failure"]

    def add_variant(
        self, order: int, task: VariantTask, seed: int, rgb: np.ndarray, provenance: dict[str, Any]
    ) -> None:
        """Keep a variant; `order` is its place in the plan. See `StoreWriter.add_variant`."""
        data = images.encode_rgb(rgb, "png")
        synthesizer = provenance["synthesizer"]
        name = f"variants/{task.key.replace('/', '.')}.{task.condition}.{synthesizer}.{seed}.png"
        file = StoredFile(name, len(data), zlib.crc32(data))
        record = {
            "kind": "variant",
            "order": order,
            "key": task.key,
            "condition": task.condition,
            "synthesizer": synthesizer,
            "seed": seed,
            "provenance": provenance,
            "file": file.to_json(),
        }
        self._journal.commit(record, {name: data}, f"write {name}")
        self._journal.settle()
        self._take(record)

    def add_failure(self, order: int, task: VariantTask, synthesizer: str, reason: str) -> None:
        """Keep a failure; see `StoreWriter.add_failure`."""
        record = {
            "kind": "variant_failure",
            "order": order,
            "key": task.key,
            "condition": task.condition,
            "synthesizer": synthesizer,
            "seed": task.seed,
            "reason": reason,
        }
        self._journal.commit(record, {}, "record a failed variant")
        self._take(record)

    def load_rgb(self, record: dict[str, Any]) -> np.ndarray:
        """The picture of a variant's record, (H, W, 3) uint8 RGB.

        Raises:
            StoreError: missing or damaged.
        """
        name, size_bytes, crc32 = record["file"]
        path = self.root / "variants" / Path(str(name)).name
        try:
            data = read_file(path, max_bytes=MAX_FILE_BYTES)
        except OSError as error:
            raise disk_error(f"read {path}", error) from error
        if len(data) != size_bytes or zlib.crc32(data) != crc32:
            raise StoreError(f"{path} is not the file that the part's index describes: make this part anew")
        return images.decode_rgb(data, str(path), images.picture_size_px(data, str(path)))

    def _start(self, identity: dict[str, Any] | None) -> None:
        fcntl.flock(self._lock or 0, fcntl.LOCK_EX | fcntl.LOCK_NB)
        form_path = self.root / "part.json"
        strangers = sorted(e.name for e in os.scandir(self.root) if e.name != ".unfinished")
        if not form_path.exists() and (identity is None or strangers):
            raise StoreError(f"{self.root} is no part of variants (it has {strangers[:5]} and no part.json)")
        self._journal.begin()
        if not form_path.exists():
            form = {"format": FORMAT, "version": VERSION, "identity": identity}
            (self.root / "variants").mkdir(exist_ok=True)
            self._journal.write(form_path, (json.dumps(form, indent=1, sort_keys=True) + "\n").encode())
        try:
            there = json.loads(read_file(form_path, max_bytes=1 << 20))
        except (OSError, ValueError) as error:
            raise StoreError(f"{form_path} cannot be read ({error}): make this part anew") from error
        if not isinstance(there, dict) or there.get("format") != FORMAT or there.get("version") != VERSION:
            raise StoreError(f"{form_path} does not describe a {FORMAT} of version {VERSION}")
        if identity is not None and there.get("identity") != json.loads(json.dumps(identity)):
            raise StoreError(
                f"{self.root} is a part of another job: {there.get('identity')} there, {identity} now; "
                "choose another folder, or remove this one"
            )
        self.identity = there["identity"]
        for record in self._journal.open():
            self._take(record)

    def _take(self, record: dict[str, Any]) -> None:
        self.records.append(record)
        if record["kind"] == "variant":
            self._made[record["key"], record["condition"], record["synthesizer"], record["seed"]] = record


def merge_parts(store: StoreWriter, parts: Sequence[VariantPart]) -> int:
    """Take the variants and failures of parts into their store, in the order of the plan.

    A merge that is killed goes on when it is repeated; the parts are left as they are.

    Args:
        store: that the parts were made from.
        parts: all shards of one job, so that the order is right.

    Returns:
        Variants added now.

    Raises:
        ValueError: the parts belong to different jobs, or a shard is missing.
        StoreError: a picture of a part is damaged, or the store cannot be written.
    """
    jobs = {json.dumps({k: v for k, v in p.identity.items() if k != "shard"}, sort_keys=True) for p in parts}
    if len(jobs) != 1:
        raise ValueError(f"{len(parts)} parts belong to {len(jobs)} jobs; merge those of one job together")
    shards = sorted(str(part.identity.get("shard")) for part in parts)
    count = int(shards[0].partition("/")[2] or 1)
    missing = sorted({f"{k + 1}/{count}" for k in range(count)} - set(shards))
    if missing or len(shards) != count:
        raise ValueError(f"the job has {count} shards; missing {missing}, given {shards}")
    rows = sorted(
        ((record["order"], number, record, part) for part in parts for number, record in enumerate(part.records)),
        key=lambda row: row[:2],
    )
    known = {(f.key, f.condition, f.synthesizer, f.seed) for f in store.failures()}
    added = 0
    for _, _, record, part in rows:
        identity = (record["key"], record["condition"], record["synthesizer"], record["seed"])
        if record["kind"] == "variant_failure":
            if identity not in known:
                key, condition, synthesizer, seed = identity
                store.add_failure(key, condition, seed, synthesizer, record["reason"])
        elif store.variant(*identity) is None:
            key, condition, _, seed = identity
            store.add_variant(key, condition, seed, part.load_rgb(record), record["provenance"])
            added += 1
    return added
