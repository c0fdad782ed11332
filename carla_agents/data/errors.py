"""The one exception of the data package for faults of the disk or of the data on it."""

from __future__ import annotations

import errno

_ADVICE = {
    errno.ENOSPC: "the disk is full: free some space, then run the same command again",
    errno.EDQUOT: "the disk quota is used up: free some space, then run the same command again",
    errno.EIO: "the disk reports an I/O error: check it, or copy the store to another disk and go on there",
    errno.EROFS: "the file system is read-only: choose another folder, or remount it",
    errno.EACCES: "permission is missing: choose another folder, or change its owner or mode",
    errno.EPERM: "the operation is not permitted: choose another folder, or change its owner or mode",
    errno.ENOENT: "it is not there: was the folder moved or removed while in use?",
    errno.ELOOP: "it is a symbolic link, which a store never follows: replace it by the real folder",
    errno.EMFILE: "too many files are open: raise `ulimit -n`",
}


class StoreError(RuntimeError):
    """A store cannot be read or written; the message says what happened and what to do next.

    What was acknowledged before stays valid: reopening the store repairs an unfinished tail.
    """


def disk_error(action: str, error: OSError) -> StoreError:
    """A failed system call -> a StoreError that says what to do.

    Args:
        action: what was being done, e.g. `write frame r1/000003`.
        error: what the system said.
    """
    advice = _ADVICE.get(error.errno or 0, "see the cause")
    return StoreError(
        f"could not {action}: {error.strerror or error} - {advice}. What the store acknowledged before is safe"
    )
