"""`whole_prefix`: how much of an index is backed by files after power was lost.

A killed process never leaves a line without its files. Power loss can, for what was not yet forced to the medium:
then the longest prefix whose files are all there is kept.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

SYNC_EVERY_FILES = 512
"""A writer forces its files to the medium at the latest after so many."""


def whole_prefix(root: Path, records: list[dict[str, Any]]) -> int:
    """Number of leading records to keep.

    Only records that may not have been forced to the medium are looked at: those after the last finished route, and
    of them at most the last `SYNC_EVERY_FILES` files' worth.

    Args:
        root: the store's folder.
        records: as `read_index` gives them.
    """
    keep, files = len(records), 0
    for at in range(len(records) - 1, -1, -1):
        if records[at].get("kind") == "route_end" or files > SYNC_EVERY_FILES:
            break
        for name, size_bytes, _ in _files(records[at]):
            files += 1
            if not _has_size(root / str(name), size_bytes):
                keep = at
    return keep


def _files(record: dict[str, Any]) -> list[Any]:
    if record.get("kind") == "frame":
        return list(record["files"].values())
    return [record["file"]] if record.get("kind") == "variant" else []


def _has_size(path: Path, size_bytes: int) -> bool:
    try:
        return os.lstat(path).st_size == size_bytes
    except FileNotFoundError:
        return False
