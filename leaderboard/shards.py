"""One evaluation on several machines: shards of its drives, and putting their files together again."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from leaderboard.results import DriveKey, Results, ResultsError


def parse_shard(text: str) -> tuple[int, int]:
    """`2/8` -> (2, 8).

    Raises:
        ValueError: not a shard, or not one of its count.
    """
    found = re.fullmatch(r"(\d+)/(\d+)", text)
    if found is None or not int(found.group(1)) < int(found.group(2)):
        raise ValueError(f"shard must look like 2/8, counted from 0, got {text!r}")
    return int(found.group(1)), int(found.group(2))


def shard_of(
    planned: Sequence[DriveKey], text: str, identity: dict[str, Any]
) -> tuple[list[DriveKey], dict[str, Any]]:
    """The drives of one shard, and the identity that its file carries.

    Args:
        planned: all drives.
        text: e.g. `2/8`; shard k takes every eighth drive from the k-th on.
        identity: of the whole evaluation; the shard's also names all drives, so that a merge knows what is missing.
    """
    number, count = parse_shard(text)
    whole = {"count": count, "drives": [str(key) for key in planned]}
    return list(planned[number::count]), {**identity, "shard_of": whole}


def merge_results(paths: Sequence[Path], out: Path) -> Results:
    """Put the files of shards together.

    Args:
        paths: their files.
        out: the file to write; it must not exist.

    Returns:
        The whole evaluation; drives of shards that are not there are missing in it.

    Raises:
        ResultsError: the files are not of one evaluation: other drivers, routes, versions or simulators.
    """
    if out.exists():
        raise ResultsError(f"{out} exists already; choose another file or delete it")
    parts = [Results.read(path) for path in paths]
    if not parts:
        raise ResultsError("nothing to merge: give at least one result file")
    first = parts[0]
    for path, part in zip(paths, parts, strict=True):
        for name in sorted({*first.identity, *part.identity}):
            if first.identity.get(name) != part.identity.get(name):
                raise ResultsError(f"{path} is of another evaluation than {paths[0]}: {name} differs")
        if part.simulator != first.simulator:
            raise ResultsError(
                f"{path} was driven in {part.simulator}, {paths[0]} in {first.simulator}; these do not mix"
            )
    identity = dict(first.identity)
    whole = identity.pop("shard_of", None)
    if whole is None:
        raise ResultsError(f"{paths[0]} is no shard; only files made with --shard can be merged")
    merged = Results(out, identity, [DriveKey.parse(text) for text in whole["drives"]])
    if first.simulator is not None:
        merged.name_simulator(first.simulator)
    for path, part in zip(paths, parts, strict=True):
        for record in part.records.values():
            if record.key in merged.records:
                raise ResultsError(f"{path} holds drive {record.key}, which another shard holds too")
            merged.records[record.key] = record
        merged.crashes += part.crashes
    merged.save()
    return merged


def slurm_script(command: Sequence[str], count: int, out: Path) -> str:
    """An sbatch script that runs each shard as one task of an array.

    Args:
        command: the `syndiff evaluate ...` command without `--out`, `--shard` and `--slurm-array`.
        count: number of shards.
        out: result file of the whole; each shard writes beside it.
    """
    quoted = " ".join(_quoted(word) for word in command)
    stem = _quoted(str(out.with_suffix("")))
    return f"""#!/bin/bash
#SBATCH --job-name=syndiff-evaluate
#SBATCH --array=0-{count - 1}
#SBATCH --cpus-per-task=2
#SBATCH --requeue
# Resumes by itself: a task that is started again goes on where its file ends.
{quoted} --shard "$SLURM_ARRAY_TASK_ID/{count}" --out {stem}.shard-"$SLURM_ARRAY_TASK_ID".json
# When all tasks are done:
#   syndiff merge-results {_quoted(str(out))} {stem}.shard-*.json
"""


def _quoted(word: str) -> str:
    return word if re.fullmatch(r"[\w@%+=:,./-]+", word) else "'" + word.replace("'", "'\"'\"'") + "'"
