"""What a labelled frame with depth tells about the scene: ground plane, objects, windows. No weights, no guesses
beyond simple geometry."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from augment.layout import LayoutGroup
from carla_server.semantics import SemanticTag


@dataclass(frozen=True)
class Blob:
    """One connected region of a label.

    Attributes:
        left_px, top_px, width_px, height_px: bounding box.
        area_px: its pixels.
        depth_m: median depth.
    """

    left_px: int
    top_px: int
    width_px: int
    height_px: int
    area_px: int
    depth_m: float


def horizon_row_px(group: np.ndarray, depth_m: np.ndarray) -> float:
    """Row of the horizon, from the depths of the road.

    On a flat road seen by a level-rolled camera, row = horizon + (camera height x focal length) / depth. With fewer
    than 50 road pixels nothing can be fitted and the middle row is returned.

    Args:
        group: (H, W) uint8 LayoutGroup.
        depth_m: (H, W) float32 metres.
    """
    height = group.shape[0]
    rows, columns = np.nonzero((group == LayoutGroup.ROAD) & (depth_m < 60.0) & (depth_m > 2.0))
    if len(rows) < 50:
        return height / 2.0
    thin = slice(None, None, max(1, len(rows) // 500))
    rows, columns = rows[thin], columns[thin]
    inverse = 1.0 / depth_m[rows, columns]
    spread = inverse - inverse.mean()
    denominator = float(spread @ spread)
    if denominator < 1e-9:
        return height / 2.0
    slope = float(spread @ rows) / denominator
    return float(np.clip(rows.mean() - slope * inverse.mean(), 0.05 * height, 0.9 * height))


def blobs(mask: np.ndarray, depth_m: np.ndarray, least_px: int, most: int) -> list[Blob]:
    """Connected regions of a mask, largest first.

    Args:
        mask: (H, W) bool.
        depth_m: (H, W) float32 metres.
        least_px: regions with fewer pixels are left out.
        most: at most this many.
    """
    count, labels, stats, _ = cv2.connectedComponentsWithStats(mask.astype(np.uint8), connectivity=8)
    order = sorted(range(1, count), key=lambda i: (-int(stats[i, cv2.CC_STAT_AREA]), i))
    found = []
    for i in order[:most]:
        left, top, width, height, area = (int(v) for v in stats[i])
        if area < least_px:
            break
        window = (slice(top, top + height), slice(left, left + width))
        found.append(Blob(left, top, width, height, area, float(np.median(depth_m[window][labels[window] == i]))))
    return found


def lit_windows(luminance: np.ndarray, seg: np.ndarray, rng: np.random.Generator, share: float) -> np.ndarray:
    """Windows behind which a light burns.

    Glass is darker than the wall around it by day; each dark region on a building is one window, lit or not by seed.

    Args:
        luminance: (H, W) float32 linear light.
        seg: (H, W) uint8 CARLA tags.
        rng: decides which windows are lit.
        share: how many of them.

    Returns:
        (H, W) float32 in [0, 1].
    """
    building = seg == SemanticTag.BUILDINGS
    inside = building.astype(np.float32)
    around = cv2.boxFilter(luminance * inside, -1, (31, 31)) / np.maximum(cv2.boxFilter(inside, -1, (31, 31)), 1e-3)
    glass = (building & (luminance < 0.55 * around)).astype(np.uint8)
    count, labels, stats, _ = cv2.connectedComponentsWithStats(glass, connectivity=4)
    area = stats[:, cv2.CC_STAT_AREA]
    box = stats[:, cv2.CC_STAT_WIDTH] * stats[:, cv2.CC_STAT_HEIGHT]
    long, short = (f(stats[:, cv2.CC_STAT_WIDTH], stats[:, cv2.CC_STAT_HEIGHT]) for f in (np.maximum, np.minimum))
    brightness = np.where(rng.random(count) < share, rng.uniform(0.5, 1.0, count), 0.0)
    # A very large dark region is a shaded wall, a ragged or long one an edge or an eave, not a window.
    brightness[(area < 3) | (area > 0.006 * luminance.size) | (area < 0.62 * box) | (long > 4 * short)] = 0.0
    brightness[0] = 0.0
    return brightness.astype(np.float32)[labels]


def luminance_of(linear: np.ndarray) -> np.ndarray:
    """Mean of the channels, (H, W) float32; several times faster than `mean(axis=2)`."""
    return (linear[..., 0] + linear[..., 1] + linear[..., 2]) * np.float32(1.0 / 3.0)


def without_cast_shadows(linear: np.ndarray, group: np.ndarray, strength: float) -> np.ndarray:
    """Even out sunlight and shadow on the ground, as under a closed cloud cover.

    Args:
        linear: (H, W, 3) float32 linear light.
        group: (H, W) uint8 LayoutGroup.
        strength: 0 leaves the picture, 1 removes the large-scale differences.

    Returns:
        (H, W, 3) float32, newly allocated.
    """
    luminance = luminance_of(linear)
    gain = np.ones_like(luminance)
    for ground in (LayoutGroup.ROAD, LayoutGroup.SIDEWALK, LayoutGroup.TERRAIN):
        mask = group == ground
        if np.count_nonzero(mask) < 50:
            continue
        inside = mask.astype(np.float32)
        local = cv2.boxFilter(luminance * inside, -1, (9, 9)) / np.maximum(cv2.boxFilter(inside, -1, (9, 9)), 1e-3)
        level = float(np.quantile(luminance[mask], 0.6))
        gain[mask] = np.clip((level + 1e-3) / (local[mask] + 1e-3), 0.5, 4.0) ** strength
    return linear * gain[..., None]


def lit_lenses(rgb: np.ndarray, seg: np.ndarray) -> np.ndarray:
    """Pixels of traffic lights that burn: in each head the lens whose colour is brightest, not what the sun lights.

    Args:
        rgb: (H, W, 3) uint8 picture taken by day.
        seg: (H, W) uint8 CARLA tags.

    Returns:
        (H, W) bool.
    """
    signal = seg == SemanticTag.TRAFFIC_LIGHT
    burning = np.zeros(seg.shape, bool)
    if not signal.any():
        return burning
    hue, saturation, value = cv2.split(cv2.cvtColor(rgb, cv2.COLOR_RGB2HSV))
    coloured = signal & (saturation > 110) & (value > 90)
    lenses = (
        coloured & ((hue < 12) | (hue > 172)),  # OpenCV's hue is in steps of two degrees
        coloured & (hue >= 15) & (hue < 38),
        coloured & (hue >= 42) & (hue < 100),
    )
    count, heads = cv2.connectedComponents(signal.astype(np.uint8), connectivity=8)
    for head in range(1, count):
        inside = heads == head
        levels = [float(value[lens & inside].max(initial=0)) for lens in lenses]
        best = int(np.argmax(levels))
        # One lens alone may be all that is seen of a head: then only one that is as bright as can be is lit.
        if sum(level > 0 for level in levels) > 1 or levels[best] >= _ALONE_LEVEL:
            burning |= lenses[best] & inside & (value >= 0.6 * levels[best])
    return burning


_ALONE_LEVEL = 238.0


def upward(depth_m: np.ndarray, horizon_px: float) -> np.ndarray:
    """How far each surface faces up, by the slope of its depth; the camera is taken for level, 90 degrees wide.

    Args:
        depth_m: (H, W) float32 metres.
        horizon_px: row of the horizon.

    Returns:
        (H, W) float32, 1 for level ground, 0 for walls.
    """
    height, width = depth_m.shape
    focal_px = width / 2.0
    rays = np.empty((height, width, 3), np.float32)
    rays[..., 0] = (np.arange(width, dtype=np.float32)[None] - width / 2.0) / focal_px
    rays[..., 1] = (np.arange(height, dtype=np.float32)[:, None] - horizon_px) / focal_px
    rays[..., 2] = 1.0
    points = rays * depth_m[..., None]
    normal = np.cross(np.gradient(points, axis=1), np.gradient(points, axis=0))
    up = np.abs(normal[..., 1]) / np.maximum(np.linalg.norm(normal, axis=2), 1e-6)
    # Across an outline the slope is that of no surface; level ground never changes so fast outside its far end.
    step = np.maximum(np.abs(np.gradient(depth_m, axis=1)), np.abs(np.gradient(depth_m, axis=0)))
    outline = cv2.dilate((step > 0.12 * depth_m).astype(np.uint8), np.ones((2, 2), np.uint8)) > 0
    return np.where(outline, np.float32(0.0), up).astype(np.float32)


_CAMERA_HEIGHT_M = 1.6
_GROUND = (LayoutGroup.ROAD, LayoutGroup.ROAD_LINE, LayoutGroup.SIDEWALK, LayoutGroup.TERRAIN)


def guessed_depth_m(group: np.ndarray) -> np.ndarray:
    """Depth from labels alone: a flat ground seen from 1.6 m with 90 degrees of view, and what stands on it.

    The horizon is where the ground begins, at most in the middle of the picture. Whatever is no ground stands where
    the ground under it ends; the sky is 1000 m away.

    Args:
        group: (H, W) uint8 LayoutGroup.

    Returns:
        (H, W) float32 metres.
    """
    height, width = group.shape
    ground = np.isin(group, _GROUND)
    rows = np.nonzero(ground.any(axis=1))[0]
    horizon_px = float(min(rows[0], height / 2.0)) - 0.5 if len(rows) else height / 2.0
    below = np.maximum(np.arange(height, dtype=np.float32) - horizon_px, 0.5)
    flat = np.minimum(_CAMERA_HEIGHT_M * width / 2.0 / below, 200.0)
    depth = np.empty((height, width), np.float32)
    standing = np.full(width, flat[-1], np.float32)
    for row in range(height - 1, -1, -1):
        standing = np.where(ground[row], flat[row], standing)
        depth[row] = standing
    depth[group == LayoutGroup.SKY] = 1000.0
    return depth
