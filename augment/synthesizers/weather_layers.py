"""Layers that weather lays over a picture: skies, streaks, flakes, glows, ground noise. All in linear light."""

from __future__ import annotations

import cv2
import numpy as np


def sky_gradient(shape: tuple[int, int], horizon_px: float, zenith: np.ndarray, horizon: np.ndarray) -> np.ndarray:
    """(H, W, 3) float32 sky that goes from `horizon` colour at the horizon row to `zenith` at the top."""
    height, width = shape
    rise = np.clip((horizon_px - np.arange(height, dtype=np.float32)) / max(horizon_px, 1.0), 0.0, 1.0) ** 0.7
    column = horizon + (zenith - horizon) * rise[:, None]
    return np.repeat(column[:, None].astype(np.float32), width, axis=1)


def clouds(shape: tuple[int, int], rng: np.random.Generator) -> np.ndarray:
    """(H, W) float32 around 0: soft structure of a cloud cover, wider than high."""
    height, width = shape
    layer = np.zeros(shape, np.float32)
    for cells, weight in ((3, 1.0), (7, 0.5), (15, 0.25)):
        noise = rng.standard_normal((cells + 2, cells + 2), dtype=np.float32)
        layer += weight * cv2.resize(noise, (width, height), interpolation=cv2.INTER_CUBIC)
    return layer


def stars(shape: tuple[int, int], rng: np.random.Generator) -> np.ndarray:
    """(H, W) float32: about one bright pixel in 400."""
    height, width = shape
    layer = np.zeros(shape, np.float32)
    count = height * width // 400
    layer[rng.integers(0, height, count), rng.integers(0, width, count)] = rng.uniform(0.02, 0.25, count)
    return layer


_RAIN_LAYERS = ((2.5, 0.20, 18, 0.20), (6.0, 0.12, 110, 0.26), (15.0, 0.06, 260, 0.24))
"""Distance in metres, length as share of the picture height, streaks per 256 px of width, opacity."""


def rain_streaks(depth_m: np.ndarray, rng: np.random.Generator, amount: float) -> np.ndarray:
    """Streaks of falling rain in three depth layers, hidden by whatever stands nearer.

    Args:
        depth_m: (H, W) float32 metres.
        rng: places them.
        amount: 0 to 1.

    Returns:
        (H, W) float32 opacity in [0, 1].
    """
    height, width = depth_m.shape
    slant = rng.uniform(-0.18, 0.18)
    layer = np.zeros(depth_m.shape, np.float32)
    for distance_m, length, count, opacity in _RAIN_LAYERS:
        one = np.zeros(depth_m.shape, np.uint8)
        number = max(1, int(count * amount * width / 256))
        x, y = rng.uniform(-20, width + 20, number), rng.uniform(-20, height, number)
        span = length * height * rng.uniform(0.6, 1.3, number)
        ends = np.stack([x, y, x + slant * span, y + span], axis=1)
        lines = np.round(ends * 16).astype(np.int32).reshape(-1, 2, 2)
        cv2.polylines(one, list(lines), False, 255, 1, cv2.LINE_AA, shift=4)
        layer += one * np.float32(opacity / 255.0) * (depth_m > distance_m)
    return np.minimum(layer, 0.6)


def snow_flakes(depth_m: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """(H, W) float32 opacity of falling flakes, near ones larger."""
    height, width = depth_m.shape
    layer = np.zeros(depth_m.shape, np.float32)
    for distance_m, radius, count in ((2.0, 1.0, 30), (6.0, 0.6, 130), (15.0, 0.35, 320)):
        one = np.zeros(depth_m.shape, np.uint8)
        for x, y in rng.uniform((0, 0), (width, height), (max(1, int(count * width / 256)), 2)):
            centre = (round(float(x) * 16), round(float(y) * 16))
            cv2.circle(one, centre, max(8, round(radius * 16)), 255, -1, cv2.LINE_AA, shift=4)
        layer = np.maximum(layer, one * np.float32(0.75 / 255.0) * (depth_m > distance_m))
    return layer


def ground_noise(depth_m: np.ndarray, horizon_px: float, rng: np.random.Generator, cell_m: float) -> np.ndarray:
    """Smooth random field that lies on the ground plane, so that patches shrink with distance.

    Args:
        depth_m: (H, W) float32 metres.
        horizon_px: row of the horizon.
        rng: draws the field.
        cell_m: size of its patches.

    Returns:
        (H, W) float32 in [0, 1].
    """
    height, width = depth_m.shape
    near = np.minimum(depth_m, 120.0)
    lateral = (np.arange(width, dtype=np.float32) - width / 2.0)[None] / (width / 2.0) * near
    field = rng.random((64, 64), dtype=np.float32)
    x, y = np.mod(lateral / cell_m, 64).astype(np.float32), np.mod(near / cell_m, 64).astype(np.float32)
    # A border of one wrapped cell lets bilinear lookup run across the seam.
    padded = np.pad(field, ((0, 1), (0, 1)), mode="wrap")
    noise = cv2.remap(padded, x, y, cv2.INTER_LINEAR)
    below = np.arange(height)[:, None] > horizon_px
    return np.where(below, noise, 0.0).astype(np.float32)


def lamp_haze(shape: tuple[int, int], horizon_px: float, haze_per_m: float) -> np.ndarray:
    """(H, W, 3) float32: what lamps scatter in thick air, brightest above the street ahead."""
    height, width = shape
    across = (np.arange(width, dtype=np.float32)[None] - width / 2.0) / width
    above = (np.arange(height, dtype=np.float32)[:, None] - horizon_px) / height
    glow = np.exp(-((across / 0.45) ** 2) - (above / np.where(above < 0, 0.30, 0.18)) ** 2)
    thick = min(1.0, haze_per_m / 0.035)
    return (0.085 * thick * glow)[..., None] * np.array([1.0, 0.80, 0.56], np.float32)


def add_glow(
    light: np.ndarray, x_px: float, y_px: float, radius_px: float, colour: np.ndarray, strength: float
) -> None:
    """Add a lamp and its halo to `light` (H, W, 3) in place."""
    reach = int(np.ceil(radius_px * 5)) + 1
    height, width = light.shape[:2]
    left, right = max(0, int(x_px) - reach), min(width, int(x_px) + reach + 1)
    top, bottom = max(0, int(y_px) - reach), min(height, int(y_px) + reach + 1)
    if left >= right or top >= bottom:
        return
    dx = np.arange(left, right, dtype=np.float32)[None] - x_px
    dy = np.arange(top, bottom, dtype=np.float32)[:, None] - y_px
    squared = (dx * dx + dy * dy) / max(radius_px, 0.3) ** 2
    shape = np.exp(-squared) + 0.12 * np.exp(-squared / 9.0)
    light[top:bottom, left:right] += strength * shape[..., None] * colour


def mirrored(picture: np.ndarray, horizon_px: float) -> np.ndarray:
    """The picture as a wet flat ground below `horizon_px` would mirror it, (H, W, 3) float32."""
    height = picture.shape[0]
    rows = np.clip(np.round(2.0 * horizon_px - np.arange(height)), 0, height - 1).astype(np.intp)
    # Ripples smear a mirror image most along the line of sight.
    return cv2.blur(picture[rows], (5, max(9, int(0.12 * height) | 1)))
