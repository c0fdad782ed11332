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
from augment.synthesizers.base import FrameBatch, Synthesizer, check_variants
from augment.synthesizers.ground_view import GroundView
from augment.synthesizers.scene_cues import guessed_depth_m

_TO_LINEAR = ((np.arange(256) / 255.0) ** 2.2).astype(np.float32)
_TO_SRGB = np.round(255.0 * (np.arange(4096) / 4095.0) ** (1 / 2.2)).astype(np.uint8)
# The figures below were read off true re-renders of the training towns: three lights of rain, each explained by the
# dry ground and the mirror image.
_GRAZING_POWER = 4.0
"""Water seen under the angle a mirrors (1 - sin a) to this power."""
_WET_SHARE = np.float32(0.2)
"""Ground that is only wet mirrors this share of what water does."""
_PUDDLES = ((2.6, 1.0), (0.9, 0.45))
"""Sizes of patches in metres, and their weights."""
_ROAD_DRY, _PAVEMENT_DRY = 0.52, 0.6
"""Where the patches are higher than this there is water: on two fifths of roads, a quarter of pavements."""
_EDGE = 8.0
_ROAD_MEAN, _PAVEMENT_MEAN = np.float32(0.47), np.float32(0.3)
"""Of what water mirrors, ground mirrors this share on average: networks know that."""
_LEAST_KEPT = np.float32(0.3)
_UNDER_WATER = np.float32(0.7)
"""So bright is ground under water beside ground that is only wet."""
_RIPPLE_M, _RIPPLE_RAD = 0.12, 0.05
_TILE = 64


class PuddlesSynthesizer:
    """A synthesizer whose variants in rain have puddles that mirror the street.

    Where poses and camera are known a puddle lies still in the world: frames of one drive show the same water at the
    same place. Otherwise the seed decides where it is. Deterministic, plain numpy and OpenCV.
    """

    def __init__(self, inner: Synthesizer) -> None:
        self._inner = inner
        self.name = f"{inner.name}-puddles"
        self.provenance: dict[str, Any] = {**inner.provenance, "puddles": 2}

    def __call__(self, frames: FrameBatch, targets: list[Condition], seeds: np.ndarray) -> np.ndarray:
        """Synthesize one variant of each frame; see `Synthesizer.__call__`."""
        return add_puddles(frames, self._inner(frames, targets, seeds), targets, seeds)


def add_puddles(frames: FrameBatch, variants: np.ndarray, targets: list[Condition], seeds: np.ndarray) -> np.ndarray:
    """Put puddles with mirror images on roads and pavements of variants in rain; other variants stay as they are.

    Args:
        frames: N labelled frames; without depth it is guessed from the labels, without a camera from the depth. With
            poses and a camera water lies still in the world, and drives (what the key says before its last slash)
            differ.
        variants: (N, H, W, 3) uint8, of the same frames.
        targets: N conditions that the variants show.
        seeds: (N,) unsigned; decide where the puddles are of frames without pose or camera.

    Returns:
        (N, H, W, 3) uint8, newly allocated.

    Raises:
        ValueError: the variants are not of these frames.
    """
    check_variants(frames, variants, targets)
    result = variants.copy()
    for index, target in enumerate(targets):
        if target.weather != "rain":
            continue
        group = groups(frames.seg[index])
        depth_m = guessed_depth_m(group) if frames.depth_m is None else frames.depth_m[index]
        view = GroundView.of(group, depth_m, frames.camera)
        if view is None:
            continue
        if frames.ego_to_world is None or frames.camera is None:
            names: tuple[str | int, ...] = ("puddles", int(seeds[index]))
            pose = np.eye(4)
        else:
            names = ("puddles of", frames.frame_keys[index].rpartition("/")[0])
            pose = frames.ego_to_world[index]
        _flood(result[index], group, view, pose, generator(*names))
    return result


def _flood(
    variant: np.ndarray, group: np.ndarray, view: GroundView, pose: np.ndarray, rng: np.random.Generator
) -> None:
    """Change `variant` in place; `pose` (4, 4) puts the ego vehicle into the frame in which water lies still."""
    place_m = np.tensordot(pose[:2, :3], view.points_in_ego_m, 1) + pose[:2, 3, None, None]
    # Along the line of sight a pixel covers so many metres of ground.
    covers_m = view.points_in_ego_m[0] / (view.focal_px * np.maximum(view.steepness, 0.01))
    large, small = (weight * _noise(place_m, size_m, covers_m, rng) for size_m, weight in _PUDDLES)
    patches = 0.5 + (large + small) / sum(weight for _, weight in _PUDDLES)
    pavement = group == LayoutGroup.SIDEWALK
    dry = np.where(pavement, np.float32(_PAVEMENT_DRY), np.float32(_ROAD_DRY))
    water = np.clip((patches - dry) * _EDGE + 0.5, 0.0, 1.0).astype(np.float32)
    ripple = _noise(place_m, _RIPPLE_M, covers_m, rng)

    light = _TO_LINEAR[variant]
    image = view.mirror_image(light)
    height, width = group.shape
    columns, rows = np.meshgrid(np.arange(width, dtype=np.float32), np.arange(height, dtype=np.float32))
    rows += ripple * np.float32(2.0 * _RIPPLE_RAD * view.focal_px)
    rippled = cv2.remap(image, columns, rows, cv2.INTER_NEAREST, borderMode=cv2.BORDER_REPLICATE)
    of_water = (1.0 - view.steepness) ** _GRAZING_POWER
    mean = np.where(pavement, _PAVEMENT_MEAN, _ROAD_MEAN) * of_water
    even = cv2.blur(image, (width // 8 | 1, height // 8 | 1))
    dull = np.maximum(light - mean[..., None] * even, _LEAST_KEPT * light)
    share = ((_WET_SHARE + (1.0 - _WET_SHARE) * water) * of_water)[..., None]
    dull = dull * (1.0 - (1.0 - _UNDER_WATER) * water[..., None])
    level = np.clip(dull + share * (1.0 + ripple[..., None]) * rippled, 0.0, 1.0) * 4095.0 + 0.5
    variant[view.ground] = _TO_SRGB[level.astype(np.uint16)[view.ground]]


def _noise(place_m: np.ndarray, size_m: float, covers_m: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """(H, W) float32, around 0, seldom beyond -0.5..0.5: a field of patches that lies on the ground of the world.

    It fades where a pixel covers more than a patch: what cannot be resolved would flicker.
    """
    field = rng.random((_TILE, _TILE), dtype=np.float32) - np.float32(0.5)
    # Two wrapped cells at each side let a cubic lookup run across the seam.
    padded = np.pad(field, 2, mode="wrap")
    x, y = (np.mod(axis / size_m, _TILE).astype(np.float32) + 2.0 for axis in place_m)
    noise = cv2.remap(padded, x, y, cv2.INTER_CUBIC)
    return (noise / (1.0 + covers_m / size_m)).astype(np.float32)
