"""Control pictures of a frame: what a pretrained ControlNet expects to see."""

from __future__ import annotations

import cv2
import numpy as np

from augment.layout import ade20k_image
from augment.synthesizers.base import FrameBatch
from augment.synthesizers.presets import ControlKind

NEAR_M, FAR_M = 3.0, 200.0
"""Depths shown white and black. Fixed, not stretched per frame as in the training of public depth ControlNets: the
same wall keeps its grey while the car drives."""
CANNY_LOW, CANNY_HIGH = 100, 200
"""Thresholds usual for public edge ControlNets."""


def control_image(frames: FrameBatch, index: int, kind: ControlKind) -> np.ndarray:
    """The control picture of one frame.

    Args:
        frames: labelled frames.
        index: which of them.
        kind: `seg` (ADE20K colours), `depth` (inverse depth, near is white), `edge` (Canny edges of the picture).

    Returns:
        (H, W, 3) uint8.

    Raises:
        ValueError: depth is wanted and the frames have none.
    """
    if kind == "seg":
        return ade20k_image(frames.seg[index])
    if kind == "edge":
        grey = cv2.cvtColor(frames.rgb[index], cv2.COLOR_RGB2GRAY)
        return _grey_to_rgb(cv2.Canny(grey, CANNY_LOW, CANNY_HIGH))
    if frames.depth_m is None:
        raise ValueError("control 'depth' needs depth_m, which these frames lack; record depth, or leave it out")
    return _grey_to_rgb(inverse_depth_grey(frames.depth_m[index]))


def inverse_depth_grey(depth_m: np.ndarray) -> np.ndarray:
    """Inverse depth between `NEAR_M` (255) and `FAR_M` (0).

    Args:
        depth_m: (H, W) float32 metres; what is not finite is far away.

    Returns:
        (H, W) uint8.
    """
    metres = np.clip(np.nan_to_num(depth_m, nan=FAR_M, posinf=FAR_M), NEAR_M, FAR_M)
    share = (1.0 / metres - 1.0 / FAR_M) / (1.0 / NEAR_M - 1.0 / FAR_M)
    return np.round(share * 255.0).astype(np.uint8)


def _grey_to_rgb(grey: np.ndarray) -> np.ndarray:
    return np.repeat(grey[..., None], 3, axis=2)
