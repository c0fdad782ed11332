"""CARLA's BGRA payloads to arrays with a meaning."""

from __future__ import annotations

import carla
import numpy as np

DEPTH_RANGE_M = 1000.0
_DEPTH_STEPS = 256.0**3 - 1.0


def view_bgra(image: carla.Image) -> np.ndarray:
    """(H, W, 4) uint8 view of a `carla.Image`; valid only while the image lives."""
    return np.frombuffer(image.raw_data, dtype=np.uint8).reshape(image.height, image.width, 4)


def rgb_from_bgra(bgra: np.ndarray) -> np.ndarray:
    """(H, W, 4) BGRA -> fresh (H, W, 3) uint8 RGB."""
    return bgra[..., 2::-1].copy()


def seg_from_bgra(bgra: np.ndarray) -> np.ndarray:
    """Semantic camera -> fresh (H, W) uint8 CARLA tags (the red channel)."""
    return bgra[..., 2].copy()


def instance_from_bgra(bgra: np.ndarray) -> np.ndarray:
    """Instance camera -> fresh (H, W) uint16 ids: green is the low byte, blue the high byte."""
    return bgra[..., 1] | (bgra[..., 0].astype(np.uint16) << 8)


def depth_m_from_bgra(bgra: np.ndarray) -> np.ndarray:
    """Depth camera -> fresh (H, W) float32 metres in [0, 1000].

    Source: CARLA documentation, depth camera: 1000 * (R + 256 G + 65536 B) / (256^3 - 1).
    """
    coded = bgra.astype(np.float32)
    steps = coded[..., 2] + 256.0 * coded[..., 1] + 65536.0 * coded[..., 0]
    return (steps * np.float32(DEPTH_RANGE_M / _DEPTH_STEPS)).astype(np.float32)
