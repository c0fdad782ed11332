"""`Watchdog`: interrupts the main thread if nobody calls `update` for too long."""

from __future__ import annotations

import _thread
import threading
import time


class Watchdog:
    """A timer that raises KeyboardInterrupt in the main thread when it runs out.

    Args:
        timeout: seconds without `update`.
        interval: seconds between two looks; a hundredth of the timeout, at most one second, if None.
    """

    def __init__(self, timeout: float = 1.0, interval: float | None = None) -> None:
        if timeout <= 0:
            raise ValueError(f"timeout must be positive, got {timeout}")
        self._timeout = timeout
        self._interval = interval if interval is not None else min(1.0, timeout / 100.0)
        self._left_s = timeout
        self._paused = False
        self._failed = False
        self._stop: threading.Event | None = None

    def start(self) -> None:
        """Begin to watch."""
        self._failed, self._paused, self._left_s = False, False, self._timeout
        self._stop = threading.Event()
        threading.Thread(target=self._watch, args=(self._stop,), daemon=True).start()

    def update(self) -> None:
        """All is well: begin to count anew."""
        self._left_s = self._timeout

    def pause(self) -> None:
        """Stop counting for now."""
        self._paused = True

    def resume(self) -> None:
        """Go on counting."""
        self._paused = False

    def stop(self) -> None:
        """Watch no more."""
        if self._stop is not None:
            self._stop.set()
            self._stop = None

    def get_status(self) -> bool:
        """False once the time has run out."""
        return not self._failed

    def _watch(self, stop: threading.Event) -> None:
        last_s = time.monotonic()
        while not stop.wait(self._interval):
            now_s = time.monotonic()
            if not self._paused:
                self._left_s -= now_s - last_s
            last_s = now_s
            if self._left_s <= 0.0:
                self._failed = True
                _thread.interrupt_main()
                return
