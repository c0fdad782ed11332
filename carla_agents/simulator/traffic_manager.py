"""`OwnTrafficManager`: a session's Traffic Manager, watched so that it neither outruns a tick nor hangs in one."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import contextmanager

import carla

from carla_agents.simulator.errors import SimulatorError
from carla_agents.simulator.stall_watch import StallWatch
from carla_agents.simulator.thread_watch import ThreadWatch


class OwnTrafficManager:
    """Starts CARLA's Traffic Manager when it is first asked for, and ends it before its server goes.

    Args:
        server_pid: process of the embedded server, None for one elsewhere.
        timeout_s: how long its threads may take to settle, and a tick to return.
    """

    def __init__(self, server_pid: int | None, timeout_s: float) -> None:
        self._server_pid = server_pid
        self._timeout_s = timeout_s
        self._manager: carla.TrafficManager | None = None
        self._threads = ThreadWatch()
        self._stall_watch: StallWatch | None = None

    @property
    def runs(self) -> bool:
        return self._manager is not None

    def started(self, client: carla.Client, seed: int) -> carla.TrafficManager:
        """The manager in synchronous mode, on a free port, with its dice set to `seed`."""
        if self._manager is None:
            port = _free_port()
            with self._threads:
                self._manager = client.get_trafficmanager(port)
            self._manager.set_synchronous_mode(True)
            if self._stall_watch is None:
                self._stall_watch = StallWatch(self._server_pid, self._timeout_s)
            self._stall_watch.follow(port, self._threads.watched)
        self._manager.set_random_device_seed(seed)
        return self._manager

    def wait_settled(self) -> None:
        """Waits until the manager's thread sleeps, so that a tick cannot lose its wake-up.

        Raises:
            SimulatorError: it did not settle in time.
        """
        if not self._threads.wait_settled(self._timeout_s):
            raise SimulatorError(
                f"the Traffic Manager of this process was still at work after {self._timeout_s:g} s; "
                "is the machine overloaded?"
            )

    @contextmanager
    def watching_tick(self) -> Iterator[None]:
        """Another process wakes the manager if the block, a tick, hangs."""
        watch = self._stall_watch
        if watch is None:
            yield
            return
        try:
            watch.tick_begins()
            yield
        finally:
            watch.tick_ends()

    def was_rescued(self) -> bool:
        """Whether a tick since the last question hung and was freed."""
        return self._stall_watch is not None and self._stall_watch.take_rescues() > 0

    def shut_down(self) -> None:
        """Ends the manager, if it runs; an asynchronous one whose server goes away aborts the whole process."""
        if self._manager is None:
            return
        # Shutting down wakes its thread as a tick does, and loses the wake-up in the same way.
        self._threads.wait_settled(self._timeout_s)
        self._manager.shut_down()
        self._manager = None
        self._threads.close()
        if self._stall_watch is not None:
            self._stall_watch.forget()

    def close(self) -> None:
        """Ends the watching process; the manager must be shut down before."""
        if self._stall_watch is not None:
            self._stall_watch.close()


def _free_port() -> int:
    with socket.socket() as probe_socket:
        probe_socket.bind(("127.0.0.1", 0))
        return probe_socket.getsockname()[1]
