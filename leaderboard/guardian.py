"""Ends a launched simulator when whoever launched it is gone, even by SIGKILL.

Run as `python -m leaderboard.guardian GROUP` with a pipe as stdin: a line means that the group was ended in order;
the end of the pipe without one means that the launcher died, and the group is ended here. Embedded servers need no
guardian: they exit with their parent by themselves.
"""

from __future__ import annotations

import subprocess
import sys

from leaderboard.process_group import kill_groups


def guard(group: int) -> subprocess.Popen[bytes]:
    """Start a guardian of a process group, in a session of its own so that a signal to ours does not reach it."""
    return subprocess.Popen(  # noqa: S603 - our own module
        [sys.executable, "-m", "leaderboard.guardian", str(group)],
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        start_new_session=True,
    )


def dismiss(guardian: subprocess.Popen[bytes]) -> None:
    """Tell a guardian that its group has been ended; waits until the guardian is gone."""
    guardian.communicate(b"ended\n")


if __name__ == "__main__":
    if not sys.stdin.buffer.readline():
        kill_groups([int(sys.argv[1])])
