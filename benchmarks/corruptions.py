"""Corruptions planted into true re-renders, to find out what a guard lets pass.

This file imports nothing of the guard, of its training or of the synthesizers, and works in other ways than the
pictures that the guard's network learned from: holes are filled from coarse to fine, things are put in by Poisson
blending, paint is moved by bending the picture.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

ROAD, SIDEWALK, LIGHT, TERRAIN, PAINT = 1, 2, 7, 10, 24
CAR_TAGS, PERSON_TAGS = (14, 15, 16), (12, 13)
"""CARLA 0.9.16 semantic tags."""
LEAST_CAR_PX, LEAST_PERSON_PX, LEAST_LAMP_PX, LEAST_SHIFT_PX = 200, 60, 12, 4
VISIBLE_LEVELS = 4.0
"""A planted change counts as visible if its region changed by so many levels of 255 on average."""
_WORN_PX = 3
"""OpenCV's Poisson blending wears so much off its mask; of an arm or leg nothing would be left."""


@dataclass(frozen=True, eq=False)
class Planted:
    """A corrupted picture.

    Attributes:
        rgb: (H, W, 3) uint8.
        region: (H, W) bool, what was meant to change.
        levels: mean absolute change of the region, strongest channel, 0 to 255.
    """

    rgb: np.ndarray
    region: np.ndarray
    levels: float

    @property
    def visible(self) -> bool:
        return self.levels >= VISIBLE_LEVELS


@dataclass(frozen=True, eq=False)
class Donor:
    """A thing in another picture of the same condition."""

    rgb: np.ndarray
    mask: np.ndarray


def pieces(seg: np.ndarray, tags: tuple[int, ...], least_px: int) -> list[np.ndarray]:
    """(H, W) bool masks of connected pieces, at least `least_px` large, that do not fill the picture's lower edge."""
    count, labels = cv2.connectedComponents(np.isin(seg, tags).astype(np.uint8), connectivity=8)
    sizes = np.bincount(labels.ravel(), minlength=count)
    return [labels == i for i in range(1, count) if least_px <= sizes[i] <= 0.15 * seg.size]


def erased(rng: np.random.Generator, rgb: np.ndarray, mask: np.ndarray) -> Planted:
    """Take a thing away: coarse colours from around it, fine texture from a place beside it."""
    return _planted(_without(rng, rgb, mask), rgb, mask)


def inserted(rng: np.random.Generator, rgb: np.ndarray, seg: np.ndarray, donor: Donor) -> Planted | None:
    """Put a thing from another picture in, near the height where it stood there; None if no free place is found."""
    rows, columns = np.nonzero(donor.mask)
    busy = np.isin(seg, (*CAR_TAGS, *PERSON_TAGS))
    for _ in range(12):
        step = int(rng.integers(-columns.min(), seg.shape[1] - columns.max()))
        drop = int(np.clip(rng.integers(-3, 4), -rows.min(), seg.shape[0] - 1 - rows.max()))
        place = np.zeros(seg.shape, bool)
        place[rows + drop, columns + step] = True
        below = np.roll(place, 2, axis=0) & ~place
        ground = np.isin(seg[below], (ROAD, SIDEWALK, TERRAIN, PAINT)).mean() if below.any() else 0.0
        if not (place & busy).any() and ground > 0.3:
            layer = np.roll(donor.rgb, (drop, step), axis=(0, 1))
            return _planted(_composed(rng, rgb, layer, place), rgb, place)
    return None


def moved(rng: np.random.Generator, rgb: np.ndarray, mask: np.ndarray) -> Planted | None:
    """Move a thing to the side by half its width to twice its width; None where it has no room."""
    rows, columns = np.nonzero(mask)
    width = int(np.ptp(columns)) + 1
    steps = [
        step
        for step in (*range(-2 * width, -(width // 2) + 1), *range((width + 1) // 2, 2 * width + 1))
        if abs(step) >= 4 and columns.min() + step >= 0 and columns.max() + step < mask.shape[1]
    ]
    if not steps:
        return None
    step = int(rng.choice(steps))
    place = np.zeros_like(mask)
    place[rows, columns + step] = True
    background = _without(rng, rgb, mask)
    return _planted(_composed(rng, background, np.roll(rgb, step, axis=1), place), rgb, mask | place)


def lamp_is_lit(night_rgb: np.ndarray, head: np.ndarray) -> bool:
    """Whether a head shows a burning lamp, by the true night picture, where nothing else of a head shines."""
    pixels = night_rgb[head].astype(int)
    return bool(((pixels.max(1) > 140) & (np.abs(pixels[:, 0] - pixels[:, 1]) > 70)).any())


def flipped(rgb: np.ndarray, head: np.ndarray) -> Planted:
    """Turn a head upside down and red into green, so that the other lamp burns in its right place."""
    rows, columns = np.flatnonzero(head.any(1)), np.flatnonzero(head.any(0))
    window = (slice(rows[0], rows[-1] + 1), slice(columns[0], columns[-1] + 1))
    box = rgb[window][::-1].astype(np.float32)
    grey = np.minimum(box.min(2), np.quantile(box.min(2), 0.7))
    light = np.maximum(box - grey[..., None], 0.0)
    red, green = light[..., 0], light[..., 1]
    to_red = np.stack([green, 0.18 * green, 0.14 * green], -1)
    to_green = np.stack([0.14 * red, red, 0.75 * red], -1)
    turned = np.where((green > red)[..., None], to_red, to_green) + grey[..., None]
    result = rgb.copy()
    result[window] = np.where(head[window][..., None], np.clip(turned, 0, 255), rgb[window]).astype(np.uint8)
    return _planted(result, rgb, head)


def shifted(rng: np.random.Generator, rgb: np.ndarray, seg: np.ndarray) -> Planted | None:
    """Bend the road so that a piece of lane paint lies 4 to 9 px beside its place; None without such paint."""
    found = pieces(seg, (PAINT,), 80)
    if not found:
        return None
    paint = found[int(rng.integers(len(found)))]
    rows = np.flatnonzero(paint.any(1))
    columns = np.arange(rgb.shape[1], dtype=np.float32)
    step = float(rng.choice([-1, 1])) * float(rng.uniform(LEAST_SHIFT_PX, 9.0))
    shift = np.zeros(seg.shape, np.float32)
    for row in rows:
        at = np.flatnonzero(paint[row])
        reach = 1.6 * abs(step) + 0.5 * (at[-1] - at[0])
        outside = np.maximum(np.maximum(at[0] - columns, columns - at[-1]), 0.0)
        shift[row] = step * np.exp(-0.5 * (outside / reach) ** 2)
    here = np.indices(seg.shape, np.float32)
    bent = cv2.remap(rgb, here[1] - shift, here[0], cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    there = cv2.remap(paint.astype(np.uint8), here[1] - shift, here[0], cv2.INTER_NEAREST) > 0
    apart = paint ^ there
    # A line across the picture that moves along itself is no shift.
    return _planted(bent, rgb, apart) if np.count_nonzero(apart) >= 0.5 * np.count_nonzero(paint) else None


def _planted(result: np.ndarray, rgb: np.ndarray, region: np.ndarray) -> Planted:
    change = np.abs(result.astype(np.int16) - rgb).max(2)
    return Planted(result, region, float(change[region].mean()))


def _without(rng: np.random.Generator, rgb: np.ndarray, mask: np.ndarray) -> np.ndarray:
    hole = cv2.dilate(mask.astype(np.uint8), cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (5, 5))) > 0
    known = (~hole).astype(np.float32)
    levels = [(rgb.astype(np.float32) * known[..., None], known)]
    while min(levels[-1][1].shape) > 3:
        picture, weight = levels[-1]
        levels.append((cv2.pyrDown(picture), cv2.pyrDown(weight)))
    filled = levels[-1][0] / np.maximum(levels[-1][1], 1e-4)[..., None]
    for picture, weight in reversed(levels[:-1]):
        filled = cv2.pyrUp(filled, dstsize=(weight.shape[1], weight.shape[0]))
        filled = picture + np.clip(1.0 - weight, 0.0, 1.0)[..., None] * filled
    fine = rgb - cv2.GaussianBlur(rgb, (0, 0), 2.0).astype(np.float32)
    width = int(np.ptp(np.flatnonzero(hole.any(0)))) + 4
    texture = np.roll(fine, int(rng.choice([-1, 1])) * width, axis=1)
    share = cv2.GaussianBlur(hole.astype(np.float32), (0, 0), 0.7)[..., None]
    return np.clip(rgb + share * (filled + texture - rgb), 0, 255).astype(np.uint8)


def _composed(rng: np.random.Generator, rgb: np.ndarray, layer: np.ndarray, place: np.ndarray) -> np.ndarray:
    """Poisson blending where it is possible and by chance, else a soft-edged overlay."""
    rows, columns = np.flatnonzero(place.any(1)), np.flatnonzero(place.any(0))
    margin_px = _WORN_PX + 1
    room_px = min(rows[0], columns[0], place.shape[0] - 1 - rows[-1], place.shape[1] - 1 - columns[-1])
    if room_px > margin_px + 1 and rng.random() < 0.3:
        mask = cv2.dilate(place.astype(np.uint8) * 255, np.ones((2 * margin_px + 1,) * 2, np.uint8))
        spots = np.nonzero(mask)
        centre = (
            (int(spots[1].min()) + int(spots[1].max()) + 1) // 2,
            (int(spots[0].min()) + int(spots[0].max()) + 1) // 2,
        )
        return cv2.seamlessClone(layer, rgb, mask, centre, cv2.NORMAL_CLONE)
    inside = cv2.distanceTransform(place.astype(np.uint8), cv2.DIST_L2, 3)
    share = np.clip(inside / 1.5, 0.0, 1.0)[..., None]
    return (rgb * (1.0 - share) + layer * share).astype(np.uint8)
