"""`StopRequest`: Ctrl-C and SIGTERM finish the frame in hand; a second one stops at once."""

from __future__ import annotations

import signal
import threading
from types import FrameType
from typing import Any, Self


class Stopped(Exception):
    """A long job ended early because it was asked to; what it had done is kept and it can be resumed.

    Attributes:
        exit_code: 130 after Ctrl-C, 143 after SIGTERM.
    """

    def __init__(self, signal_number: int, done: str) -> None:
        super().__init__(f"stopped by {signal.Signals(signal_number).name}: {done}")
        self.exit_code = 128 + signal_number


class StopRequest:
    """Context manager that turns the first SIGINT or SIGTERM into a flag to ask for between two frames.

    Outside the main thread, where Python allows no signal handlers, it never sees a request.
    """

    def __init__(self) -> None:
        self.signal_number: int | None = None
        self._previous: dict[int, Any] = {}

    def __enter__(self) -> Self:
        if threading.current_thread() is threading.main_thread():
            for number in (signal.SIGINT, signal.SIGTERM):
                self._previous[number] = signal.signal(number, self._note)
        return self

    def __exit__(self, *_: object) -> None:
        for number, handler in self._previous.items():
            signal.signal(number, handler)
        self._previous.clear()

    def check(self, done: str) -> None:
        """Raise if a stop was asked for.

        Args:
            done: what is safe, for the message.

        Raises:
            Stopped: it was.
        """
        if self.signal_number is not None:
            raise Stopped(self.signal_number, done)

    def _note(self, number: int, _: FrameType | None) -> None:
        if self.signal_number is not None:
            raise KeyboardInterrupt
        self.signal_number = number
