"""Lines and texts that clients draw into the world for colour cameras to show."""

from __future__ import annotations

import math

import numpy as np

from carla_server.render.captions import Caption
from carla_server.render.lines import LINE_DTYPE
from carla_server.wire.structs import InvalidArgument

MOST_SHAPES = 100_000
_TIME_SLACK_S = 1e-6


class DebugShapes:
    """What is drawn at the moment, each with its end."""

    def __init__(self) -> None:
        self._lines: list[tuple[float, np.ndarray]] = []
        self._captions: list[tuple[float, Caption]] = []
        self._joined: np.ndarray | None = None

    @property
    def lines(self) -> np.ndarray:
        """(N,) LINE_DTYPE."""
        if self._joined is None:
            parts = [lines for _, lines in self._lines]
            self._joined = np.concatenate(parts) if parts else np.zeros(0, LINE_DTYPE)
        return self._joined

    @property
    def captions(self) -> list[Caption]:
        """Texts."""
        return [caption for _, caption in self._captions]

    def add(self, shape: np.ndarray | Caption, until_s: float) -> None:
        """Draw lines ((N,) LINE_DTYPE) or a text.

        Args:
            until_s: episode time from which it is gone; one that has passed means for one tick, inf for ever.

        Raises:
            InvalidArgument: there are too many already.
        """
        if len(self._lines) + len(self._captions) >= MOST_SHAPES:
            raise InvalidArgument(f"{MOST_SHAPES} debug shapes are drawn already; clear_debug_shape removes them")
        if isinstance(shape, Caption):
            self._captions.append((until_s, shape))
        else:
            self._lines.append((until_s, shape))
            self._joined = None

    def clear_lines(self) -> None:
        """Remove everything but texts."""
        self._lines, self._joined = [], None

    def clear_captions(self) -> None:
        """Remove all texts."""
        self._captions = []

    def end_tick(self, elapsed_s: float) -> None:
        """Remove what has been shown long enough."""
        due_s = elapsed_s + _TIME_SLACK_S
        if any(until_s <= due_s for until_s, _ in self._lines):
            self._lines = [entry for entry in self._lines if entry[0] > due_s]
            self._joined = None
        if any(until_s <= due_s for until_s, _ in self._captions):
            self._captions = [entry for entry in self._captions if entry[0] > due_s]


def end_of(elapsed_s: float, life_time_s: float, *, persistent: bool) -> float:
    """When a shape drawn now is gone: after its life time if that is above 0, else never if it is persistent."""
    if life_time_s > 0.0:
        return elapsed_s + life_time_s
    return math.inf if persistent else elapsed_s
