"""`Schedule`: which condition an episode shows, and when it changes."""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass
from itertools import pairwise
from typing import Literal

from augment.conditions import Condition
from augment.seeds import generator


@dataclass(frozen=True)
class Schedule:
    """One condition drawn for each episode; or, with `starts`, all of them one after the other in every episode.

    Attributes:
        conditions: names such as `rain-night`.
        starts: when each begins, in `unit`, rising from 0; None draws one for the whole episode.
        unit: simulated seconds or steps since the episode began.

    Raises:
        ValueError: no or an unknown condition, or starts that do not fit.
    """

    conditions: tuple[str, ...]
    starts: tuple[float, ...] | None = None
    unit: Literal["s", "steps"] = "s"

    def __post_init__(self) -> None:
        if not self.conditions:
            raise ValueError("conditions is empty; name at least one to be seen")
        for name in self.conditions:
            Condition.parse(name)
        if self.unit not in ("s", "steps"):
            raise ValueError(f"unit is {self.unit!r}, allowed 's' or 'steps'")
        if self.starts is None:
            return
        if len(self.starts) != len(self.conditions):
            raise ValueError(f"{len(self.conditions)} conditions need as many starts, got {len(self.starts)}")
        if self.starts[0] != 0 or any(later <= earlier for earlier, later in pairwise(self.starts)):
            raise ValueError(f"starts is {self.starts}; expected numbers that rise from 0")

    def at(self, episode_seed: int, step: int, elapsed_s: float) -> Condition:
        """The condition at a moment of an episode.

        Args:
            episode_seed: decides what is drawn.
            step, elapsed_s: since the episode began.
        """
        if self.starts is None:
            chosen = int(generator(episode_seed, "condition").integers(len(self.conditions)))
        else:
            # A tick's time is a sum of fractions: a hair before the second is the second.
            moment = step if self.unit == "steps" else elapsed_s + 1e-6
            chosen = bisect_right(self.starts, moment) - 1
        return Condition.parse(self.conditions[max(chosen, 0)])
