"""A disk that fails at any single call costs an error message, never what was acknowledged."""

from __future__ import annotations

import errno
import hashlib

import pytest

from carla_agents.data.check import check_store
from carla_agents.data.disk import Disk
from carla_agents.data.errors import StoreError
from carla_agents.data.store import Store
from carla_agents.data.store_writer import StoreWriter


class FailingDisk(Disk):
    """Fails one numbered call, or all from it on, after writing half of what that call should write."""

    def __init__(self, failing_call: int, error: int, for_ever: bool) -> None:
        self.calls = 0
        self._failing_call = failing_call
        self._error = error
        self._for_ever = for_ever

    def _count(self) -> None:
        self.calls += 1
        if self.calls == self._failing_call or (self._for_ever and self.calls > self._failing_call):
            raise OSError(self._error, "injected")

    def write(self, descriptor, data):
        try:
            self._count()
        except OSError:
            super().write(descriptor, data[: len(data) // 2])
            raise
        return super().write(descriptor, data)


def _counted(name):
    def call(self, *arguments):
        self._count()
        return getattr(Disk, name)(self, *arguments)

    return call


for _name in (
    "make_directory",
    "open_new",
    "open_append",
    "sync",
    "truncate",
    "rename",
    "remove",
    "remove_directory",
):
    setattr(FailingDisk, _name, _counted(_name))


def _run(root, frame, disk=None):
    """A resumable run of two routes, with a variant; returns the keys acknowledged before it ended or failed."""
    acknowledged = []
    try:
        with StoreWriter.open(root, disk=disk) as store:
            for number in range(2):
                route_id = f"r{number}"
                store.resume()
                if route_id not in {r.route_id for r in store.routes()}:
                    store.begin_route(route_id)
                    acknowledged += [store.append(route_id, frame(step)) for step in range(2)]
                    store.finish_route(route_id, {"completion": 1.0})
            if store.variant("r0/000001", "rain-day", "s", 1) is None:
                store.add_variant("r0/000001", "rain-day", 1, frame(9).rgb, {"synthesizer": "s"})
    except StoreError as error:
        return acknowledged, error
    return acknowledged, None


def _digest(root):
    digest = hashlib.sha256()
    for path in sorted(p for p in root.rglob("*") if p.is_file()):
        digest.update(str(path.relative_to(root)).encode() + b"\0" + path.read_bytes())
    return digest.hexdigest()


@pytest.mark.parametrize(("error", "for_ever"), [(errno.EIO, False), (errno.ENOSPC, True)])
def test_every_single_failing_call_leaves_a_valid_store_that_resumes_to_the_same_bytes(
    tmp_path, frame, error, for_ever
):
    counting = FailingDisk(0, error, False)
    assert _run(tmp_path / "whole", frame, counting)[1] is None
    expected = _digest(tmp_path / "whole")
    for failing_call in range(1, counting.calls + 1):
        root = tmp_path / f"fails-at-{failing_call}"
        acknowledged, failure = _run(root, frame, FailingDisk(failing_call, error, for_ever))
        if (root / "index.log").exists():
            store = Store.read(root)
            assert {f.key for f in store.frames()} >= set(acknowledged)
            assert store.verify() == []
        if failure is not None:
            assert ("full" if error == errno.ENOSPC else "I/O error") in str(failure)
        _, again = _run(root, frame)
        assert again is None, f"call {failing_call}: {again}"
        assert _digest(root) == expected, f"call {failing_call}"
        check_store(root)


def test_a_writer_goes_on_after_a_failed_frame_when_space_is_free_again(tmp_path, frame):
    disk = FailingDisk(0, errno.ENOSPC, False)
    with StoreWriter.open(tmp_path / "s", disk=disk) as store:
        store.begin_route("r")
        store.append("r", frame(0))
        disk._failing_call = disk.calls + 2
        with pytest.raises(StoreError, match=r"disk is full.*run the same command again"):
            store.append("r", frame(1))
        assert store.append("r", frame(1)) == "r/000001"
        store.finish_route("r")
    assert check_store(tmp_path / "s").frames == 2


def test_a_half_written_index_line_that_cannot_be_cut_blocks_the_writer_until_reopened(tmp_path, frame):
    disk = FailingDisk(10**9, errno.EIO, True)
    with StoreWriter.open(tmp_path / "s", disk=disk) as store:
        store.begin_route("r")
        store.append("r", frame(0))
        calls_of_pictures = 4 * 3
        disk._failing_call = disk.calls + calls_of_pictures + 1
        with pytest.raises(StoreError, match="I/O error"):
            store.append("r", frame(1))
        disk._failing_call = 10**9
        with pytest.raises(StoreError, match="open it again"):
            store.append("r", frame(1))
    assert len(Store.read(tmp_path / "s").frames()) == 1
    with StoreWriter.open(tmp_path / "s") as store:
        assert store.repaired_bytes > 0
        assert store.append("r", frame(1)) == "r/000001"


def test_a_folder_without_permission_is_named_with_advice(tmp_path):
    class Locked(Disk):
        def make_directory(self, path):
            raise PermissionError(errno.EACCES, "Permission denied", str(path))

    with pytest.raises(StoreError, match=r"locked.*permission is missing"):
        StoreWriter.open(tmp_path / "locked", disk=Locked())
