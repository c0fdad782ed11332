"""`ThreadWatch`: waits until threads of this process are asleep, as Linux sees them."""

from __future__ import annotations

import os
import time
from types import TracebackType

_LONGEST_NAP_S = 0.001


def thread_ids() -> set[int]:
    """Ids of all threads of this process, those of C++ libraries included."""
    return {int(name) for name in os.listdir("/proc/self/task")}


class ThreadWatch:
    """Watches the threads that were started inside its `with` block.

    The Traffic Manager of CARLA 0.9.16's client loses a wake-up when it is ticked while its thread has just decided
    to sleep but does not sleep yet (it notifies without holding the lock); then `world.tick()` never returns, and as
    it holds Python's lock, nothing else runs either. A simulator that ticks ten thousand times a minute meets that
    moment. Waiting until the thread really sleeps closes it.
    """

    def __init__(self) -> None:
        self._files: list[int] = []

    def __enter__(self) -> ThreadWatch:
        self._before = thread_ids()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for thread_id in sorted(thread_ids() - self._before):
            self._files.append(os.open(f"/proc/self/task/{thread_id}/stat", os.O_RDONLY | os.O_CLOEXEC))

    def wait_asleep(self, timeout_s: float) -> bool:
        """Wait until every watched thread sleeps or has ended; False if one was still running after `timeout_s`."""
        deadline_s = 0.0
        nap_s = 0.00002
        while self._files:
            awake = [file for file in self._files if _is_running(file)]
            if not awake:
                return True
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


def _is_running(file: int) -> bool:
    try:
        line = os.pread(file, 128, 0)
    except ProcessLookupError:
        return False
    # "tid (name) state ...": the name may hold anything, the state follows the last parenthesis.
    return line[line.rindex(b")") + 2 : line.rindex(b")") + 3] in b"RD"
