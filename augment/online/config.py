"""`OnlineConfig`: how often to synthesize, within what time, and what to show when it does not work out."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

OnMiss = Literal["wait", "source", "warp-last"]
OnError = Literal["raise", "source", "warp-last"]
Overlap = Literal["off", "warp", "one-tick-old"]
SeedPer = Literal["frame", "episode"]


@dataclass(frozen=True)
class OnlineConfig:
    """Settings of an `OnlineAugmenter`.

    Raises:
        ValueError: a value or a combination that makes no sense.
    """

    every: int = 1
    """Synthesize every so many steps of an episode; in between the last variant is warped to the present view."""
    budget_ms: float | None = None
    """Time the loop may spend on a frame; None sets no limit. With a limit a run is no longer repeatable."""
    on_miss: OnMiss = "wait"
    """Over budget: `wait` for the variant and count it; or go on with the frame itself (`source`) or with the last
    variant warped to the present view (`warp-last`), while the late variant is finished for later frames to be warped
    from. Without a variant of this episode and condition `warp-last` shows the source."""
    on_error: OnError = "raise"
    """The synthesizer raised or returned no picture: raise `SynthesisFailed`, or show that instead and count it."""
    overlap: Overlap = "off"
    """`off`: a variant is made while the loop waits. Else it is made in a thread while the simulator goes on, and is
    taken when the next one is due: `warp` shows it warped to the present view, `one-tick-old` shows it as it is."""
    seed_per: SeedPer = "frame"
    """Whether randomness (streaks, grain) is drawn anew for each `frame` or once for each `episode`."""

    def __post_init__(self) -> None:
        for name, allowed in (
            ("on_miss", ("wait", "source", "warp-last")),
            ("on_error", ("raise", "source", "warp-last")),
            ("overlap", ("off", "warp", "one-tick-old")),
            ("seed_per", ("frame", "episode")),
        ):
            if getattr(self, name) not in allowed:
                raise ValueError(f"{name} is {getattr(self, name)!r}, allowed {', '.join(allowed)}")
        if self.every < 1:
            raise ValueError(f"every is {self.every}; expected at least 1")
        if self.budget_ms is not None and not self.budget_ms > 0.0:
            raise ValueError(f"budget_ms is {self.budget_ms}; expected a positive number or None")
        if self.on_miss != "wait" and self.budget_ms is None:
            raise ValueError(f"on_miss={self.on_miss!r} needs budget_ms: without a budget nothing is missed")
        if self.overlap == "one-tick-old" and self.every != 1:
            raise ValueError("overlap='one-tick-old' needs every=1; use overlap='warp' to synthesize less often")

    @property
    def warps(self) -> bool:
        """Whether variants may be warped, which needs depth, poses and the camera."""
        return self.every > 1 or self.overlap == "warp" or "warp-last" in (self.on_miss, self.on_error)

    @property
    def works_behind(self) -> bool:
        """Whether a variant may be made after its frame is over."""
        return self.overlap != "off" or self.on_miss != "wait"
