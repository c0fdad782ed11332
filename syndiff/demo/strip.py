"""`FrameStrip`: keeps a picture now and then while a policy drives, for the report and for a video."""

from __future__ import annotations

import numpy as np

from leaderboard.criteria import TickFacts
from leaderboard.drive import DriveView, OnTick
from leaderboard.results import DriveKey


class FrameStrip:
    """Watches drives and remembers what the camera saw.

    Attributes:
        pictures: drive -> list of (seconds, speed_mps, (H, W, 3) uint8), one about every `every_s`.
    """

    def __init__(self, every_s: float = 0.2) -> None:
        self.every_s = every_s
        self.pictures: dict[DriveKey, list[tuple[float, float, np.ndarray]]] = {}

    def watch(self, key: DriveKey) -> OnTick:
        """Give this to `evaluate` as `on_tick`."""
        kept = self.pictures.setdefault(key, [])
        kept.clear()

        def look(view: DriveView, facts: TickFacts) -> None:
            if view.rgb is not None and (not kept or facts.elapsed_s >= kept[-1][0] + self.every_s - 1e-6):
                kept.append((facts.elapsed_s, view.state.speed_mps, view.rgb))

        return look

    def evenly(self, key: DriveKey, count: int) -> list[tuple[str, np.ndarray]]:
        """`count` captioned pictures spread over a drive; fewer if it was shorter."""
        kept = self.pictures.get(key, [])
        if not kept:
            return []
        chosen = np.unique(np.linspace(0, len(kept) - 1, min(count, len(kept))).astype(int))
        # Rounded to an integer first: a standing car that rolls by thousandths would read "-0 km/h".
        return [(f"{kept[i][0]:.0f} s, {round(kept[i][1] * 3.6)} km/h", kept[i][2]) for i in chosen]
