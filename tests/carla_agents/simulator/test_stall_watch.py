"""A tick that hangs on the Traffic Manager is freed from outside; one that is merely slow is left alone."""

from __future__ import annotations

import mmap
import os
import select
import signal
import socket
import struct
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from types import SimpleNamespace

import msgpack
import pytest

from carla_agents.simulator import stall_rescue
from carla_agents.simulator import traffic_manager as traffic_manager_module
from carla_agents.simulator.errors import SimulatorError, TrafficManagerStalled
from carla_agents.simulator.session import Session, SimulatorConfig
from carla_agents.simulator.stall_rescue import (
    BOARD_BYTES,
    ENDED_AT,
    MANAGER,
    MANAGER_AT,
    MARGIN_S,
    POLL_S,
    RESCUES,
    RESCUES_AT,
    THREADS_AT,
    TICK_BEGUN,
    TICK_ENDED,
    Rescuer,
    wake,
)
from carla_agents.simulator.stall_watch import StallWatch

_SLEEPER = "import sys; print(flush=True); sys.stdin.read()"
_BUSY = "print(flush=True)\nwhile True: pass"
_BUSY_BESIDE = """
import signal, threading
def work():
    while True: pass
threading.Thread(target=work, daemon=True).start()
print(flush=True)
signal.pause()
"""


class FakeTrafficManager:
    """Answers like the Traffic Manager's RPC server, and frees who waits for a step that never ends."""

    def __init__(self) -> None:
        self.calls: list[tuple[str, list]] = []
        self._unfinished = threading.Lock()
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._socket.getsockname()[1]
        threading.Thread(target=self._serve, daemon=True).start()

    def hang(self) -> int:
        """Does not return until somebody makes the Traffic Manager take a step."""
        self._unfinished.acquire()
        self._unfinished.acquire()
        self._unfinished.release()
        return 1

    def close(self) -> None:
        self._socket.close()

    def _serve(self) -> None:
        while True:
            try:
                peer, _ = self._socket.accept()
            except OSError:
                return
            unpacker = msgpack.Unpacker()
            with peer:
                while data := peer.recv(4096):
                    unpacker.feed(data)
                    for message in unpacker:
                        if not isinstance(message, list):
                            break  # a stranger who looks for servers knocks at every port
                        kind, number, name, arguments = message
                        assert kind == 0
                        self.calls.append((name, arguments))
                        peer.sendall(msgpack.packb([1, number, None, None]))
                        if arguments == [True] and self._unfinished.locked():
                            self._unfinished.release()


@pytest.fixture
def manager() -> Iterator[FakeTrafficManager]:
    fake = FakeTrafficManager()
    yield fake
    fake.close()


@pytest.fixture
def process() -> Iterator:
    """Starts a process that stands for the client or the server, and waits until it does what it should."""
    started = []

    def start(code: str) -> int:
        popen = subprocess.Popen([sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        started.append(popen)
        assert popen.stdout.readline()
        before = None
        while code != _BUSY and (before is None or before != switches_if_asleep(popen.pid)):
            before = switches_if_asleep(popen.pid)
            time.sleep(0.02)
        return popen.pid

    yield start
    for popen in started:
        popen.kill()
        popen.wait()
        popen.stdin.close()
        popen.stdout.close()


def switches_if_asleep(pid: int) -> str | None:
    """How often the main thread of a sleeping process was taken off its processor."""
    status = Path(f"/proc/{pid}/status").read_text()
    return status[status.index("voluntary_ctxt") :] if "State:\tS" in status else None


@pytest.fixture
def watch_on() -> Iterator:
    """Starts watches; they end with the test."""
    watches = []

    def start(server_pid: int | None) -> StallWatch:
        watches.append(StallWatch(server_pid, timeout_s=60.0))
        return watches[-1]

    yield start
    for watch in watches:
        watch.close()


def is_freed(
    client_pid: int, server_pid: int | None, port: int, threads: Sequence[int] = (), looks: int = 20
) -> bool:
    """Whether a rescuer that looks every half second, by a clock of our own, wakes the Traffic Manager."""
    with mmap.mmap(-1, BOARD_BYTES) as board:
        TICK_BEGUN.pack_into(board, 0, 1, client_pid)
        MANAGER.pack_into(board, MANAGER_AT, port, len(threads))
        struct.pack_into(f"<{len(threads)}I", board, THREADS_AT, *threads)
        rescuer = Rescuer(board, client_pid, server_pid, timeout_s=60.0)
        freed = [rescuer.look(100.0 + POLL_S * k) for k in range(looks)]
        assert RESCUES.unpack_from(board, RESCUES_AT)[0] == sum(freed)
        return any(freed)


def test_a_tick_that_stands_still_beside_an_idle_server_is_freed(manager, process, watch_on) -> None:
    watch = watch_on(process(_SLEEPER))
    watch.follow(manager.port, [])
    watch.tick_begins()
    manager.hang()
    watch.tick_ends()
    assert manager.calls == [("set_synchronous_mode", [False]), ("set_synchronous_mode", [True])]
    assert (watch.take_rescues(), watch.take_rescues()) == (1, 0)


def test_a_tick_is_freed_only_if_the_server_is_idle_too(manager, process) -> None:
    client, idle = process(_SLEEPER), process(_SLEEPER)
    assert is_freed(client, idle, manager.port)
    manager.calls.clear()
    assert not is_freed(client, process(_BUSY), manager.port)
    assert not is_freed(client, None, manager.port), "a server elsewhere has until its time-out"
    assert not is_freed(client, idle, manager.port, looks=5), "two seconds are no proof"
    assert not is_freed(client, idle, port=0), "there is no Traffic Manager"
    os.kill(idle, signal.SIGSTOP)
    os.waitid(os.P_PID, idle, os.WSTOPPED | os.WNOWAIT)
    assert not is_freed(client, idle, manager.port), "a stopped server goes on where it was"
    assert manager.calls == []


def test_a_tick_is_freed_only_if_the_traffic_manager_stands_still_too(manager, process) -> None:
    server = process(_SLEEPER)
    assert not is_freed(process(_BUSY), server, manager.port)
    client = process(_BUSY_BESIDE)
    threads = sorted({int(name) for name in os.listdir(f"/proc/{client}/task")} - {client})
    assert not is_freed(client, server, manager.port, threads)
    assert manager.calls == []
    assert is_freed(client, server, manager.port), "what other threads do is no matter"


def test_a_tick_beside_a_server_elsewhere_is_freed_after_its_time_out(manager, process) -> None:
    client = process(_SLEEPER)
    with mmap.mmap(-1, BOARD_BYTES) as board:
        TICK_BEGUN.pack_into(board, 0, 1, client)
        MANAGER.pack_into(board, MANAGER_AT, manager.port, 0)
        rescuer = Rescuer(board, client, None, timeout_s=20.0)
        freed_s = [POLL_S * k for k in range(60) if rescuer.look(100.0 + POLL_S * k)]
    assert freed_s == [20.0 + MARGIN_S]


def test_time_between_ticks_and_time_that_nobody_looked_does_not_count(manager, process) -> None:
    client, server = process(_SLEEPER), process(_SLEEPER)
    with mmap.mmap(-1, BOARD_BYTES) as board:
        MANAGER.pack_into(board, MANAGER_AT, manager.port, 0)
        rescuer = Rescuer(board, client, server, timeout_s=60.0)
        for number in range(1, 10):
            TICK_BEGUN.pack_into(board, 0, number, client)
            assert not any(rescuer.look(20.0 * number + POLL_S * k) for k in range(5))
            TICK_ENDED.pack_into(board, ENDED_AT, number)
            assert not any(rescuer.look(20.0 * number + POLL_S * k) for k in range(5, 20))
        TICK_BEGUN.pack_into(board, 0, 10, client)
        assert not any(rescuer.look(1000.0 + 10.0 * k) for k in range(10))
    assert manager.calls == []


def test_the_watching_process_ends_with_its_watch_and_its_death_is_noticed(watch_on) -> None:
    watch = watch_on(None)
    assert os.path.exists(f"/proc/{watch.pid}")
    watch.close()
    watch.close()
    assert not os.path.exists(f"/proc/{watch.pid}")
    another = watch_on(None)
    os.kill(another.pid, signal.SIGKILL)
    os.waitid(os.P_PID, another.pid, os.WEXITED | os.WNOWAIT)
    with pytest.raises(SimulatorError, match="ended with -9"):
        another.follow(1, [])


def test_the_watching_process_ends_when_its_parent_is_killed() -> None:
    code = (
        "from carla_agents.simulator.stall_watch import StallWatch; w = StallWatch(None, 1.0); print(w.pid); input()"
    )
    parent = subprocess.Popen(
        [sys.executable, "-u", "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert parent.stdin is not None
    assert parent.stdout is not None
    descriptor = os.pidfd_open(int(parent.stdout.readline()))
    parent.kill()
    parent.wait()
    assert select.select([descriptor], [], [], 60.0)[0]
    os.close(descriptor)
    parent.stdin.close()
    parent.stdout.close()


def test_the_watching_process_imports_neither_numpy_nor_carla() -> None:
    code = f"import runpy, sys; runpy.run_path({stall_rescue.__file__!r}); print(*sys.modules)"
    modules = subprocess.run([sys.executable, "-P", "-c", code], capture_output=True, text=True, check=True).stdout
    assert "msgpack" in modules.split()
    assert not {"numpy", "carla", "gymnasium", "carla_agents"} & set(modules.split())


@pytest.fixture(scope="module")
def session() -> Iterator[Session]:
    with Session.embedded(SimulatorConfig(rendering=False)) as opened:
        yield opened


def test_a_session_reports_a_stalled_tick_and_a_reset_makes_it_whole(session, manager, monkeypatch) -> None:
    silent = SimpleNamespace(
        set_synchronous_mode=lambda on: None, set_random_device_seed=lambda seed: None, shut_down=lambda: None
    )
    with monkeypatch.context() as patch:
        patch.setattr(traffic_manager_module, "_free_port", lambda: manager.port)
        patch.setattr(session, "client", SimpleNamespace(get_trafficmanager=lambda port: silent))
        session.traffic_manager(seed=0)
    session.tick()
    with monkeypatch.context() as patch:
        patch.setattr(session, "world", SimpleNamespace(tick=manager.hang))
        with pytest.raises(TrafficManagerStalled, match=r"call reset\(\) and drive again"):
            session.tick()
    session.tick()
    session.reset()
    session.tick()


def test_the_real_traffic_manager_understands_the_call_and_survives_it(session) -> None:
    for seed in range(2):
        manager = session.traffic_manager(seed)
        session.tick()
        wake(manager.get_port())
        for _ in range(3):
            session.tick()
        session.reset()
    session.tick()
