"""A short soak; `benchmarks/soak.py` runs the same parts for hours."""

import mmap
import os

import pytest

from benchmarks.soak import Footprint, run_cycles, run_reloads, run_ticks
from carla_agents.simulator.session import Session, SimulatorConfig

FEW_PAGES_KIB = 512


@pytest.fixture(scope="module")
def session():
    with Session.open(SimulatorConfig(rendering=False)) as session:
        yield session


@pytest.mark.parametrize(
    ("run", "count"), [(run_ticks, 1000), (run_reloads, 10), (run_cycles, 90)], ids=["ticks", "reloads", "sensors"]
)
def test_the_server_stays_as_it_was_over(session, run, count):
    warm, *later = run(session, count)
    for footprint in later:
        assert (footprint.threads, footprint.descriptors) == (warm.threads, warm.descriptors)
        assert footprint.memory_kib - warm.memory_kib <= FEW_PAGES_KIB


def test_a_footprint_sees_what_a_process_opens_and_keeps(tmp_path):
    before = Footprint.of(os.getpid())
    kept = mmap.mmap(
        -1, 8 << 20, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS
    )  # an allocator may reuse resident pages
    kept.write(b"x" * len(kept))
    with (tmp_path / "file").open("w"):
        after = Footprint.of(os.getpid())
    assert after.descriptors == before.descriptors + 1
    assert after.memory_kib - before.memory_kib > (len(kept) >> 10) // 2
