"""`TimeLimit`: what runs inside must end in time, or an exception is raised into it."""

from __future__ import annotations

import signal
import threading
from types import FrameType
from typing import Any


class TimeLimitExceeded(Exception):
    """Something took longer than it may."""


class TimeLimit:
    """Context manager around code of others; works in the main thread, elsewhere it does nothing.

    The exception comes from an alarm signal, so it interrupts Python code, sleeps and waits, but not a native library
    that never returns; for that the supervisor ends the process.

    Args:
        seconds: how long; infinity for no limit.
        what: names it in the message.
    """

    def __init__(self, seconds: float, what: str) -> None:
        self._seconds = seconds
        self._what = what
        self._active = threading.current_thread() is threading.main_thread() and seconds != float("inf")
        self._before: Any = None

    def __enter__(self) -> TimeLimit:
        if self._active:
            self._before = signal.signal(signal.SIGALRM, self._expire)
            signal.setitimer(signal.ITIMER_REAL, self._seconds)
        return self

    def __exit__(self, *_: Any) -> None:
        if self._active:
            signal.setitimer(signal.ITIMER_REAL, 0.0)
            signal.signal(signal.SIGALRM, self._before)

    def _expire(self, signum: int, frame: FrameType | None) -> None:
        raise TimeLimitExceeded(f"{self._what} took longer than {self._seconds:g} s")
