"""A recorder killed at random moments loses nothing acknowledged and resumes to the same bytes."""

from __future__ import annotations

import hashlib
import os
import random
import signal
import subprocess
import sys
import textwrap
import time

import pytest

from carla_agents.data.check import check_store
from carla_agents.data.store import Store

_WRITER = textwrap.dedent(
    """
    import sys
    import numpy as np
    from carla_agents.data.store_writer import StoreWriter
    from carla_agents.simulator.frame import Command, Control, Frame

    root, routes, frames, discard = sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), sys.argv[4] == "discard"
    with StoreWriter.open(root) as store:
        print("open", flush=True)
        if discard:
            store.resume()
        for number in range(routes):
            route_id = f"r{number}"
            known = {r.route_id: r for r in store.routes()}
            if route_id not in known:
                store.begin_route(route_id)
            elif known[route_id].outcome is not None:
                continue
            for step in range(len(store.frames(route_id=route_id)), frames):
                rng = np.random.default_rng([number, step])
                key = store.append(route_id, Frame(
                    frame_id=step, elapsed_s=0.05 * step, rgb=rng.integers(0, 256, (36, 64, 3), np.uint8),
                    seg=rng.integers(0, 29, (36, 64), np.uint8), depth_m=rng.random((36, 64), np.float32),
                    instance=None, speed_mps=1.0, ego_to_world=np.eye(4), command=Command.STRAIGHT,
                    target_point_in_ego_m=np.zeros(2, np.float32), control=Control(), condition="clear-day"))
                print(key, flush=True)
            store.finish_route(route_id)
    """
)


def _digest(root) -> str:
    digest = hashlib.sha256()
    for path in sorted(p for p in root.rglob("*") if p.is_file()):
        digest.update(str(path.relative_to(root)).encode() + b"\0" + path.read_bytes())
    return digest.hexdigest()


def _start(root, routes: int, frames: int, mode: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-c", _WRITER, str(root), str(routes), str(frames), mode]
    path = os.pathsep.join(p for p in sys.path if p)
    environment = {**os.environ, "PYTHONPATH": path}
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment)


def _kill_until_done(tmp_path, kills: int, mode: str) -> None:
    routes, frames = 4, 60
    whole = _start(tmp_path / "whole", routes, frames, mode)
    assert whole.wait() == 0
    expected = _digest(tmp_path / "whole")

    root = tmp_path / "killed"
    rng = random.Random(kills)
    for _ in range(kills):
        process = _start(root, routes, frames, mode)
        assert process.stdout is not None
        process.stdout.readline()
        time.sleep(rng.uniform(0.0, 0.06))
        process.send_signal(signal.SIGKILL)
        acknowledged = process.stdout.read().split()
        process.wait()
        store = Store.read(root)
        if not store.routes():
            continue
        assert {f.key for f in store.frames()} >= {k for k in acknowledged if k[-6:].isdigit()}
        assert store.verify() == []
    last = _start(root, routes, frames, mode)
    assert last.wait() == 0
    assert _digest(root) == expected
    assert check_store(root).frames == routes * frames


@pytest.mark.parametrize("mode", ["continue", "discard"])
def test_a_killed_recorder_loses_only_the_frame_in_flight(tmp_path, mode):
    _kill_until_done(tmp_path, 10, mode)


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_three_hundred_kills_lose_nothing(tmp_path):
    _kill_until_done(tmp_path, 300, "continue")
