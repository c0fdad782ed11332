"""`ThreadWatch`: waits until threads of this process wait for an event, as Linux sees them."""

from __future__ import annotations

import os
import time
from types import TracebackType

_LONGEST_NAP_S = 0.001
_FUTEX = b"202"  # system call number on x86-64, the only architecture the carla package exists for
_WAIT_BITSET = 9


def thread_ids() -> set[int]:
    """Ids of all threads of this process, those of C++ libraries included."""
    return {int(name) for name in os.listdir("/proc/self/task")}


class ThreadWatch:
    """Watches the threads that were started inside its `with` block.

    The Traffic Manager of CARLA 0.9.16's client notifies without holding the lock. At the end of a step its thread
    asks the server for the settings and only then waits for the next step; if `world.tick()` notifies it between its
    look at the flag and its sleep, the wake-up is lost and `tick` never returns, nor does anything else in Python, as
    it holds the interpreter's lock. A simulator that ticks ten thousand times a minute meets that moment. Waiting
    until the thread waits on its condition variable (a futex without a time limit; remote calls have one) closes it.
    A second such moment, at the step's end, cannot be closed from here; `StallWatch` frees the tick that meets it.
    """

    def __init__(self) -> None:
        self._files: list[int] = []
        self._thread_ids: list[int] = []

    @property
    def watched(self) -> tuple[int, ...]:
        """Ids of the watched threads."""
        return tuple(self._thread_ids)

    def __enter__(self) -> ThreadWatch:
        self._before = thread_ids()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for thread_id in sorted(thread_ids() - self._before):
            self._thread_ids.append(thread_id)
            self._files.append(os.open(f"/proc/self/task/{thread_id}/syscall", os.O_RDONLY | os.O_CLOEXEC))

    def wait_settled(self, timeout_s: float) -> bool:
        """Wait until no watched thread is at work; False if one still was after `timeout_s`.

        At work are threads that run or that wait for the answer to a remote call; not at work are threads that have
        ended, that wait on a condition variable, or that wait for network traffic.
        """
        deadline_s = 0.0
        nap_s = 0.00002
        while not all(_is_settled(file) for file in self._files):
            now_s = time.monotonic()
            deadline_s = deadline_s or now_s + timeout_s
            if now_s > deadline_s:
                return False
            time.sleep(nap_s)
            nap_s = min(2 * nap_s, _LONGEST_NAP_S)
        return True

    def close(self) -> None:
        """Stop watching."""
        for file in self._files:
            os.close(file)
        self._files.clear()
        self._thread_ids.clear()


def _is_settled(file: int) -> bool:
    try:
        words = os.pread(file, 256, 0).split()
    except ProcessLookupError:
        return True
    if not words or words[0] == b"running":
        return False
    if words[0] != _FUTEX:
        return True
    # futex(address, operation, value, timeout): a condition variable waits with a bit set and here without a timeout;
    # a mutex waits without a bit set, a remote call with a timeout.
    operation, timeout = int(words[2], 16), int(words[4], 16)
    return operation & 0x7F == _WAIT_BITSET and timeout == 0
