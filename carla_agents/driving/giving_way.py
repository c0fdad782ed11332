"""`GivingWay`: who was in the way is still given way for a moment after he seems harmless."""

from __future__ import annotations

from collections.abc import Iterable

MEMORY_S = 1.0
NOTICE_S = 0.12


class GivingWay:
    """Remembers who would have crossed the way, and before which place on the route one waits for him.

    Whoever slows down for us looks as if he came later, which would let us go, which makes him brake: without memory
    both end up standing in the middle of the junction. Who seems to be in the way for a tick or two only, on the edge
    of a gap that fits, is not remembered. The ticks need not follow each other: braking itself may make him seem
    harmless, so that he is in the way, and is not, by turns, all the way to the crash.

    Args:
        delta_s: time between two updates.
    """

    def __init__(self, delta_s: float) -> None:
        self._delta_s = delta_s
        self._noticed: dict[int, tuple[float, float]] = {}
        self._lines: dict[int, tuple[float, float]] = {}

    def update(self, now_s: float, crossing: Iterable[tuple[int, float]]) -> list[float]:
        """Takes in who is in the way now; returns before which places to wait, distances along the route, m.

        Args:
            now_s: simulated time.
            crossing: actor id, and the place before which one waits for him, of everyone who would cross the way.
        """
        for actor_id, line_m in crossing:
            before_s, _ = self._noticed.get(actor_id, (0.0, 0.0))
            self._noticed[actor_id] = (before_s + self._delta_s, now_s + MEMORY_S)
            if before_s > NOTICE_S:
                self._lines[actor_id] = (line_m, now_s + MEMORY_S)
        self._noticed = {user: kept for user, kept in self._noticed.items() if kept[1] > now_s}
        self._lines = {user: kept for user, kept in self._lines.items() if kept[1] > now_s}
        return [line_m for line_m, _ in self._lines.values()]
