"""`StallWatch`: has another process watch over the ticks of this one, and wake the Traffic Manager if they stall."""

from __future__ import annotations

import mmap
import os
import struct
import subprocess
import sys
import threading
from collections.abc import Sequence

from carla_agents.simulator import stall_rescue
from carla_agents.simulator.errors import SimulatorError
from carla_agents.simulator.stall_rescue import (
    BOARD_BYTES,
    ENDED_AT,
    MANAGER,
    MANAGER_AT,
    MAX_THREADS,
    RESCUES,
    RESCUES_AT,
    THREADS_AT,
    TICK_BEGUN,
    TICK_ENDED,
)


class StallWatch:
    """Owns the watching process; it ends with `close`, or by itself when this process dies.

    `ThreadWatch` closes one of the two moments at which CARLA 0.9.16's Traffic Manager can lose a wake-up. The other
    lies inside the client library, between the ticking thread's look at "has the step ended?" and its going to sleep:
    a machine under load interrupts it there about once in ten thousand ticks, and then `world.tick()` never returns.
    A process outside can still wake the Traffic Manager through its own port, at the price of one step more.

    Args:
        server_pid: the embedded server; None if the server runs elsewhere.
        timeout_s: of this client's calls.
    """

    def __init__(self, server_pid: int | None, timeout_s: float) -> None:
        descriptor = os.memfd_create("ticks")
        try:
            os.ftruncate(descriptor, BOARD_BYTES)
            self._board = mmap.mmap(descriptor, BOARD_BYTES)
            numbers = [str(number) for number in (descriptor, os.getpid(), server_pid or 0, timeout_s)]
            # By path and without that path's folder (-P), so that the child imports nothing of this project. In its
            # own session, so that Ctrl-C in a terminal reaches only us.
            self._process = subprocess.Popen(  # noqa: S603 - our own interpreter and file
                [sys.executable, "-P", stall_rescue.__file__, *numbers],
                stdin=subprocess.PIPE,
                stdout=subprocess.DEVNULL,
                pass_fds=(descriptor,),
                start_new_session=True,
            )
        finally:
            os.close(descriptor)
        self._ticks = 0
        self._rescues = 0

    @property
    def pid(self) -> int:
        """Process id of the watching process."""
        return self._process.pid

    def follow(self, port: int, thread_ids: Sequence[int]) -> None:
        """Watch a new Traffic Manager from the next tick on.

        Args:
            port: its own RPC port.
            thread_ids: the threads of this process that it started.

        Raises:
            SimulatorError: the watching process has ended.
        """
        if self._process.poll() is not None:
            raise SimulatorError(
                f"the process that watches the Traffic Manager ended with {self._process.returncode}; see its "
                "message on stderr, and open another session"
            )
        if len(thread_ids) > MAX_THREADS:
            raise ValueError(f"the Traffic Manager has {len(thread_ids)} threads, at most {MAX_THREADS} are watched")
        struct.pack_into(f"<{len(thread_ids)}I", self._board, THREADS_AT, *thread_ids)
        MANAGER.pack_into(self._board, MANAGER_AT, port, len(thread_ids))

    def forget(self) -> None:
        """The Traffic Manager is gone; ticks cannot stall until the next one."""
        MANAGER.pack_into(self._board, MANAGER_AT, 0, 0)

    def tick_begins(self) -> None:
        """To be called by the ticking thread right before the tick."""
        self._ticks += 1
        TICK_BEGUN.pack_into(self._board, 0, self._ticks, threading.get_native_id())

    def tick_ends(self) -> None:
        """To be called right after the tick."""
        TICK_ENDED.pack_into(self._board, ENDED_AT, self._ticks)

    def take_rescues(self) -> int:
        """How often the Traffic Manager was woken since this was last asked."""
        (rescues,) = RESCUES.unpack_from(self._board, RESCUES_AT)
        new, self._rescues = rescues - self._rescues, rescues
        return new

    def close(self) -> None:
        """End the watching process; safe to call twice."""
        if self._process.stdin is not None and not self._process.stdin.closed:
            self._process.stdin.close()
            self._process.wait()
            self._board.close()
