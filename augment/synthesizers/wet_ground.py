"""Puddles: what stands at the road is seen again in the water on it, upside down.

One-step networks make wet ground dark and even. A true street in rain shows the outlines of houses, cars and people a
second time on the ground, and a segmenter that never saw that takes them for cars and people.
"""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np

from augment.conditions import Condition
from augment.layout import LayoutGroup, groups
from augment.seeds import generator
from augment.synthesizers import weather_layers as layers
from augment.synthesizers.base import FrameBatch, Synthesizer, check_variants
from augment.synthesizers.scene_cues import guessed_depth_m, horizon_row_px

_TO_LINEAR = ((np.arange(256) / 255.0) ** 2.2).astype(np.float32)
_TO_SRGB = np.round(255.0 * (np.arange(4096) / 4095.0) ** (1 / 2.2)).astype(np.uint8)
_WET = (LayoutGroup.ROAD, LayoutGroup.ROAD_LINE, LayoutGroup.SIDEWALK)
_PUDDLE_M = 2.5
_DRY_SHARE = 0.5
"""Where the noise of the ground is higher than this there is water: about two fifths of it."""
_WET_SHARE = np.float32(0.3)
"""Ground that is only wet mirrors this share of what water does."""
_UNDER_WATER = np.float32(0.65)
"""So bright is ground under water beside ground that is only wet."""
_FARTHEST_M = 150.0
_LEAST_GROUND_PX = 50


class PuddlesSynthesizer:
    """A synthesizer whose variants in rain have puddles that mirror the street.

    Deterministic, plain numpy and OpenCV; about 20 ms of processor time for a frame of 256x144 in rain.
    """

    def __init__(self, inner: Synthesizer) -> None:
        self._inner = inner
        self.name = f"{inner.name}-puddles"
        self.provenance: dict[str, Any] = {**inner.provenance, "puddles": 1}

    def __call__(self, frames: FrameBatch, targets: list[Condition], seeds: np.ndarray) -> np.ndarray:
        """Synthesize one variant of each frame; see `Synthesizer.__call__`."""
        return add_puddles(frames, self._inner(frames, targets, seeds), targets, seeds)


def add_puddles(frames: FrameBatch, variants: np.ndarray, targets: list[Condition], seeds: np.ndarray) -> np.ndarray:
    """Put puddles with mirror images on roads and pavements of variants in rain; other variants stay as they are.

    Args:
        frames: N labelled frames; without depth it is guessed from the labels.
        variants: (N, H, W, 3) uint8, of the same frames.
        targets: N conditions that the variants show.
        seeds: (N,) unsigned; decide where the puddles are.

    Returns:
        (N, H, W, 3) uint8, newly allocated.

    Raises:
        ValueError: the variants are not of these frames.
    """
    check_variants(frames, variants, targets)
    result = variants.copy()
    for index, target in enumerate(targets):
        if target.weather == "rain":
            group = groups(frames.seg[index])
            depth_m = guessed_depth_m(group) if frames.depth_m is None else frames.depth_m[index]
            _flood(result[index], group, depth_m, int(seeds[index]))
    return result


def _flood(variant: np.ndarray, group: np.ndarray, depth_m: np.ndarray, seed: int) -> None:
    """Change `variant` in place."""
    ground = np.isin(group, _WET)
    if np.count_nonzero(ground) < _LEAST_GROUND_PX:
        return
    depth_m = np.where(group == LayoutGroup.SKY, np.float32(1000.0), depth_m)
    horizon_px = horizon_row_px(group, depth_m)
    light = _TO_LINEAR[variant]
    mirror = _mirror_image(light, ground, depth_m, horizon_px)
    noise = layers.ground_noise(depth_m, horizon_px, generator(seed, "puddles"), _PUDDLE_M)
    water = np.where(ground, np.clip((noise - _DRY_SHARE) * 12.0, 0.0, 1.0), 0.0).astype(np.float32)
    height, width = ground.shape
    # Schlick's law for water; the focal length is that of a view of 90 degrees, as in `weather_layers`.
    steep = np.clip((np.arange(height, dtype=np.float32) - horizon_px) / (width / 2.0), 0.0, 1.0)
    mirrors = ground * (_WET_SHARE + (1.0 - _WET_SHARE) * water)
    share = (mirrors * (0.02 + 0.98 * (1.0 - steep) ** 5)[:, None])[..., None]
    bottom = light * (1.0 - (1.0 - _UNDER_WATER) * water[..., None])
    level = np.clip(bottom + share * (mirror - bottom), 0.0, 1.0) * 4095.0 + 0.5
    variant[ground] = _TO_SRGB[level.astype(np.uint16)[ground]]


def _mirror_image(light: np.ndarray, ground: np.ndarray, depth_m: np.ndarray, horizon_px: float) -> np.ndarray:
    """(H, W, 3) float32: what a mirror as flat as the ground shows at each pixel below the horizon.

    A thing whose foot is seen at row f is mirrored about f, and f follows from its distance.
    """
    height = len(light)
    rows = np.arange(height, dtype=np.float32)
    below = ground & (rows[:, None] > horizon_px + 1.0)
    image = layers.mirrored(light, horizon_px)
    if np.count_nonzero(below) < _LEAST_GROUND_PX:
        return image
    drop_px_m = float(np.median(((rows - horizon_px)[:, None] * depth_m)[below]))
    row, column = np.nonzero(~ground & (depth_m < _FARTHEST_M))
    foot = horizon_px + drop_px_m / np.maximum(depth_m[row, column], 0.5)
    seen_at = np.round(2.0 * foot - row).astype(np.intp)
    inside = (seen_at >= 0) & (seen_at < height) & (row < foot)
    row, column, seen_at = row[inside], column[inside], seen_at[inside]
    # Near things are drawn last, over far ones.
    order = np.argsort(-depth_m[row, column], kind="stable")
    image[seen_at[order], column[order]] = light[row[order], column[order]]
    return cv2.blur(image, (1, 3))
