"""Debug texts, written over a finished picture where their place in the world is."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np

from carla_server.render.camera import CameraView, Viewpoint

_FONT = cv2.FONT_HERSHEY_SIMPLEX
_SCALE = 0.4
_NEAREST_M = 0.1


@dataclass(frozen=True)
class Caption:
    """A text at a place in the world.

    Attributes:
        position_m: where its lower left corner is.
        text: ASCII is drawn, other letters as question marks.
        color: sRGB bytes.
        shadow: whether a dark copy lies behind it.
    """

    position_m: tuple[float, float, float]
    text: str
    color: tuple[int, int, int]
    shadow: bool = False


def write_captions(picture: np.ndarray, view: CameraView, pose: Sequence[float], captions: Sequence[Caption]) -> None:
    """Write texts into an (H, W, 4) uint8 BGRA picture; as in CARLA, nothing hides them and they never shrink."""
    viewpoint = Viewpoint.of(view, np.asarray(pose, np.float64))
    for caption in captions:
        ahead, right, up = viewpoint.axes.T @ (np.array(caption.position_m) - viewpoint.eye_m)
        if ahead < _NEAREST_M:
            continue
        column = view.width_px / 2.0 + viewpoint.focal_px * right / ahead
        row = view.height_px / 2.0 - viewpoint.focal_px * up / ahead
        if not (abs(column) < 2 * view.width_px and abs(row) < 2 * view.height_px):
            continue
        place = round(column), round(row)
        if caption.shadow:
            cv2.putText(picture, caption.text, (place[0] + 1, place[1] + 1), _FONT, _SCALE, (0, 0, 0, 255), 1)
        color = (*caption.color[::-1], 255)
        cv2.putText(picture, caption.text, place, _FONT, _SCALE, color, 1, cv2.LINE_8)
