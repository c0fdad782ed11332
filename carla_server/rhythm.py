"""The rhythm of a client's Traffic Manager, and how a tick keeps out of the moment in which it would lose a wake-up.

At the end of a step the thread of CARLA 0.9.16's Traffic Manager asks for the episode's settings, looks at a flag and
falls asleep; `world.tick()` sets the flag and notifies without a lock as soon as it has the tick's reply. If that
happens between the look and the sleep, both wait for ever. A CARLA that renders takes so long for a tick that nobody
meets the moment; this server does thousands a second. So it lets a tick wait for the question that the last ticks
have seen, and keeps the tick's reply back until the answer is old enough for the thread to sleep.
"""

from __future__ import annotations

import time
from collections import deque

QUESTION = "get_episode_settings"
LONGEST_WAIT_S = 0.02
"""A question that has not come by then does not come: the Traffic Manager is gone."""

SETTLING_S = 0.0003
"""Time from an answer to a sleeping thread; generous, as the thread does next to nothing in between."""

_INTERVALS = 3


class Rhythm:
    """How often one connection asks for the settings between two ticks."""

    def __init__(self) -> None:
        self._asked = 0
        self._before: deque[int] = deque([0] * _INTERVALS, _INTERVALS)
        self._answered_s = 0.0

    @property
    def question_is_due(self) -> bool:
        """Whether every one of the last ticks saw more questions than have come since."""
        return self._asked < min(self._before)

    def asked_within(self, seconds: float) -> bool:
        """Whether a question was answered so lately."""
        return time.monotonic() - self._answered_s < seconds

    def answered(self) -> None:
        """Note a question that has just been answered."""
        self._asked += 1
        self._answered_s = time.monotonic()

    def ticked(self) -> None:
        """Before a tick's reply: wait until the thread that asked sleeps. Costs nothing where nobody asked."""
        if self._asked:
            pause_s = self._answered_s + SETTLING_S - time.monotonic()
            if pause_s > 0.0 and min(self._before):
                time.sleep(pause_s)
        self._before.append(self._asked)
        self._asked = 0
