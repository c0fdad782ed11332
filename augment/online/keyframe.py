"""`Keyframe`: a synthesized frame that later views are warped from."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from augment.conditions import Condition
from augment.online.tone import ToneField
from augment.online.view_warp import View, ViewWarp


@dataclass(frozen=True)
class Keyframe:
    """A frame, its variant, and what is needed to show the variant from another place.

    Attributes:
        variant: (H, W, 3) uint8.
        condition: what it shows.
        seed: that made it.
        step: number of the frame in its episode.
        synthesis_ms: how long the synthesizer took.
        view: the frame as a view of the world; None if depth, pose or camera are unknown.
    """

    variant: np.ndarray
    condition: Condition
    seed: int
    step: int
    synthesis_ms: float
    view: View | None

    def seen_from(self, now: View, warp: ViewWarp) -> tuple[np.ndarray, float]:
        """The variant from the present place.

        What the keyframe saw is warped; what it did not see, and what has moved or changed its colour since, is the
        present frame in the tone of the variant. Nothing moves that does not move in the present frame.

        Returns:
            (H, W, 3) uint8, and the share of pixels that was warped, in [0, 1].
        """
        if self.view is None:
            raise ValueError("warping needs depth_m, ego_to_world and camera in the FrameBatch")
        found = warp.find(self.view, now)
        shown = found.sample(self.variant)
        doubtful = np.nonzero(found.trust < 1.0)
        toned = self._tone.apply(now.rgb[doubtful], now.group[doubtful], found.x_px[doubtful], found.y_px[doubtful])
        trust = found.trust[doubtful][:, None]
        shown[doubtful] = np.rint(toned + trust * (shown[doubtful] - toned)).astype(np.uint8)
        return shown, float(found.trust.mean())

    @cached_property
    def _tone(self) -> ToneField:
        assert self.view is not None  # noqa: S101 - `seen_from` has checked
        return ToneField(self.view.rgb, self.variant, self.view.group)
