"""A child process that leads a group of its own: its memory is counted and it is ended with all its children.

Linux only, as far as memory is concerned: it reads `/proc`.
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import time
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import IO


def start_group(
    command: Sequence[str], log: IO[bytes] | int, *, pipes: bool, environment: Mapping[str, str] | None = None
) -> subprocess.Popen[bytes]:
    """Start a command as the leader of a new session and process group.

    Args:
        command: program and arguments.
        log: where its stderr, and without pipes its stdout too, goes.
        pipes: whether stdin and stdout are pipes to us.
        environment: ours if None.
    """
    return subprocess.Popen(  # noqa: S603 - the caller's command
        list(command),
        stdin=subprocess.PIPE if pipes else subprocess.DEVNULL,
        stdout=subprocess.PIPE if pipes else log,
        stderr=log,
        env=None if environment is None else dict(environment),
        start_new_session=True,
    )


def group_memory_mib(groups: Iterable[int]) -> float:
    """Resident memory of all processes of some groups, also of children whose parent is gone."""
    pages = 0
    for entry in _members(set(groups)):
        try:
            pages += int((entry / "statm").read_text(encoding="utf-8").split()[1])
        except (OSError, IndexError, ValueError):
            continue  # it ended while we looked
    return pages * os.sysconf("SC_PAGE_SIZE") / 2**20


def group_runs(group: int) -> bool:
    """Whether any process of a group still runs."""
    return bool(_members({group}))


def kill_groups(groups: Iterable[int], patience_s: float = 5.0) -> None:
    """End all processes of some groups at once, and wait until none of them runs any more."""
    wanted = set(groups)
    deadline_s = time.monotonic() + patience_s
    while True:
        for group in wanted:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(group, signal.SIGKILL)
        if not _members(wanted) or time.monotonic() > deadline_s:
            return
        time.sleep(0.02)


def _members(groups: set[int]) -> list[Path]:
    """`/proc` folders of the processes of some groups, without those that are dead but not waited for."""
    found = []
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit():
            continue
        try:
            # After the name, which may hold anything in brackets: state, parent, group.
            fields = (entry / "stat").read_text(encoding="utf-8", errors="replace").rpartition(")")[2].split()
            if int(fields[2]) in groups and fields[0] not in "ZX":
                found.append(entry)
        except (OSError, IndexError, ValueError):
            continue  # it ended while we looked
    return found
