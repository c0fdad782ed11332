"""What became of each frame: never a picture that is not what the account says."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field
from enum import StrEnum
from typing import Any


class Outcome(StrEnum):
    """How the picture that was shown came about."""

    FRESH = "fresh"
    """The variant of this very frame."""
    WARPED = "warped"
    """As planned, an earlier variant warped to this frame's view."""
    DELAYED = "delayed"
    """As chosen, the variant of the frame before, as it was."""
    MISSED = "missed"
    """The variant was not ready within the budget; `shown` says what was shown instead."""
    FAILED = "failed"
    """The synthesizer raised or returned no picture; `shown` says what was shown instead."""
    UNCHANGED = "unchanged"
    """The frame's own condition was wanted."""


class Shown(StrEnum):
    """What the pixels are."""

    VARIANT = "variant"
    WARP = "warp"
    SOURCE = "source"


@dataclass(frozen=True)
class FrameAccount:
    """The account of one frame.

    Attributes:
        condition: name of the wanted condition.
        synthesizer: name of who makes the variants.
        seed: that the shown variant was made with, or should have been.
        outcome: see `Outcome`.
        shown: see `Shown`.
        late: the frame took longer than the budget, whatever was shown.
        age_ticks: how many steps ago the shown variant's frame was taken; 0 for a fresh variant and for the source.
        warped_share: share of pixels taken from the earlier variant, the rest being the present frame in its tone; 1
            for a variant shown as it is, 0 for the source.
        latency_ms: time that the loop spent on this frame, a batch's time for each of its frames.
        misses: frames of this run so far that were late or missed.
        failures: frames of this run so far on which the synthesizer failed.
        reason: what went wrong, or "".
    """

    condition: str
    synthesizer: str
    seed: int
    outcome: Outcome
    shown: Shown
    late: bool
    age_ticks: int
    warped_share: float
    latency_ms: float
    misses: int
    failures: int
    reason: str = ""

    def as_info(self) -> dict[str, Any]:
        """Plain values for `info["augment"]`."""
        return {**asdict(self), "outcome": self.outcome.value, "shown": self.shown.value}


@dataclass
class Totals:
    """Counts of a run.

    Attributes:
        outcomes: frames per `Outcome`.
        shown: frames per `Shown`.
        misses: frames that were late or missed.
    """

    outcomes: Counter[Outcome] = field(default_factory=Counter)
    shown: Counter[Shown] = field(default_factory=Counter)
    misses: int = 0

    def add(self, outcome: Outcome, shown: Shown, late: bool) -> None:
        """Count a frame."""
        self.outcomes[outcome] += 1
        self.shown[shown] += 1
        self.misses += late or outcome is Outcome.MISSED

    @classmethod
    def sum_of(cls, parts: Iterable[Totals]) -> Totals:
        """Several counts as one."""
        together = cls()
        for part in parts:
            together.outcomes += part.outcomes
            together.shown += part.shown
            together.misses += part.misses
        return together

    def as_record(self) -> dict[str, int]:
        """Plain values for JSON: frames, one count per outcome, how many showed the source, misses."""
        counts = {outcome.value: self.outcomes[outcome] for outcome in Outcome}
        return {
            "frames": self.outcomes.total(),
            **counts,
            "shown_source": self.shown[Shown.SOURCE],
            "misses": self.misses,
        }
