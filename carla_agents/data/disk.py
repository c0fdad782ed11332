"""`Disk`: the only place of this package that changes files, so that tests can fail any single call."""

from __future__ import annotations

import contextlib
import errno
import os
import stat
from pathlib import Path


class Disk:
    """Primitive file operations; every method is one system call that may raise OSError.

    Subclass it in tests to make the k-th call fail (full disk, I/O error, lost permission).
    """

    def make_directory(self, path: Path) -> None:
        """Create `path` with its parents; an existing directory is fine."""
        path.mkdir(parents=True, exist_ok=True)

    def open_new(self, path: Path) -> int:
        """Open `path` for writing, emptied, never through a symbolic link."""
        return os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW | os.O_CLOEXEC, 0o644)

    def open_append(self, path: Path) -> int:
        """Open `path` for appending, created if absent, never through a symbolic link."""
        return os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_NOFOLLOW | os.O_CLOEXEC, 0o644)

    def write(self, descriptor: int, data: bytes) -> int:
        """Write some of `data`; returns how many bytes were taken."""
        return os.write(descriptor, data)

    def sync(self, descriptor: int) -> None:
        """Force what was written to the medium."""
        os.fsync(descriptor)

    def truncate(self, descriptor: int, size_bytes: int) -> None:
        """Cut an open file to `size_bytes`."""
        os.ftruncate(descriptor, size_bytes)

    def rename(self, source: Path, target: Path) -> None:
        """Give `source` the name `target` in one atomic step, replacing what had that name."""
        os.replace(source, target)

    def link(self, source: Path, target: Path) -> None:
        """Give the file `source` the further name `target` (a hard link), which must not exist."""
        os.link(source, target, follow_symlinks=False)

    def remove(self, path: Path) -> None:
        """Remove one file."""
        os.unlink(path)

    def remove_directory(self, path: Path) -> None:
        """Remove one empty directory."""
        os.rmdir(path)


def write_all(disk: Disk, descriptor: int, data: bytes) -> None:
    """Write all of `data`, going on after short writes."""
    view = memoryview(data)
    while view:
        view = view[disk.write(descriptor, bytes(view)) :]


def write_file(disk: Disk, target: Path, data: bytes, *, temporary: Path, durable: bool) -> None:
    """Write a whole file so that `target` is either absent (or as it was) or complete.

    Args:
        disk: where the calls go.
        target: final name; its directory exists.
        data: the whole content.
        temporary: name used until the content is complete; same file system as `target`.
        durable: wait until the medium has it (survives power loss, not only a killed process).

    Raises:
        OSError: the first call that failed; the temporary file is removed if the disk still allows it.
    """
    try:
        descriptor = disk.open_new(temporary)
        try:
            write_all(disk, descriptor, data)
            if durable:
                disk.sync(descriptor)
        finally:
            os.close(descriptor)
        disk.rename(temporary, target)
    except OSError:
        with contextlib.suppress(OSError):
            disk.remove(temporary)
        raise


def link_file(disk: Disk, source: Path, target: Path) -> bool:
    """Make `target` a hard link to `source`, replacing what had that name.

    A link appears whole or not at all, so no temporary name is needed; and none is used, because a later writer
    empties a temporary file, which here would be somebody's original.

    Returns:
        False where the file system cannot link these two (another disk, no hard links); nothing was changed then.

    Raises:
        OSError: any other failure.
    """
    try:
        with contextlib.suppress(FileNotFoundError):
            disk.remove(target)
        disk.link(source, target)
    except OSError as error:
        if error.errno in (errno.EXDEV, errno.EPERM, errno.EMLINK, errno.EOPNOTSUPP):
            return False
        raise
    return True


def sync_path(disk: Disk, path: Path) -> None:
    """Force one file or directory to the medium."""
    descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
    try:
        disk.sync(descriptor)
    finally:
        os.close(descriptor)


def remove_tree(disk: Disk, root: Path) -> None:
    """Remove a directory and all that is in it; an absent one is fine; symbolic links are not followed."""
    try:
        mode = os.lstat(root).st_mode
    except FileNotFoundError:
        return
    if not stat.S_ISDIR(mode):
        disk.remove(root)
        return
    for entry in sorted(os.scandir(root), key=lambda e: e.name):
        remove_tree(disk, Path(entry.path))
    disk.remove_directory(root)


def read_file(path: Path, *, max_bytes: int) -> bytes:
    """Read a regular file, never through a symbolic link and never more than `max_bytes`.

    Raises:
        OSError: it is absent, a link, not a regular file, or larger than `max_bytes`.
    """
    descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK)
    with os.fdopen(descriptor, "rb") as file:
        status = os.fstat(file.fileno())
        if not stat.S_ISREG(status.st_mode):
            raise OSError(f"{path} is not a regular file")
        if status.st_size > max_bytes:
            raise OSError(f"{path} has {status.st_size} bytes, at most {max_bytes} are accepted")
        return file.read()
