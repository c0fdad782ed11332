"""Corrupted pictures to learn from: things erased, inserted and moved, paint shifted, pictures degraded.

For training the guard's content network only. The guard's benchmark corrupts in its own ways and shares nothing with
this file.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import cv2
import numpy as np

from augment.guards.content import KINDS
from carla_server.semantics import SemanticTag

TAGS_OF_KIND: dict[str, tuple[SemanticTag, ...]] = {
    "vehicle": (SemanticTag.CAR, SemanticTag.TRUCK, SemanticTag.BUS),
    "person": (SemanticTag.PEDESTRIANS, SemanticTag.RIDER),
}
LEAST_PX = {"vehicle": 120, "person": 40}
_VISIBLE = 3
"""Levels of 255; renders carry no noise, so that even in the dark so small a change is one."""
_RIM_PX = 2
_SEEN_LEVELS = 4.0
"""A thing put in that changes its place by less, on average, is not to be learned from."""
_TRIES = 3


@dataclass(frozen=True, eq=False)
class Cutout:
    """Something cut out of a picture.

    Attributes:
        kind: `vehicle` or `person`.
        rgb: (h, w, 3) uint8, with a rim of what was around it.
        mask: (h, w) bool.
        foot_px: row of the lowest pixel of `rgb` in its picture.
    """

    kind: str
    rgb: np.ndarray
    mask: np.ndarray
    foot_px: int


@dataclass(frozen=True, eq=False)
class Corrupted:
    """A corrupted picture.

    Attributes:
        rgb: (H, W, 3) uint8.
        changed: (3, H, W) bool per kind of `KINDS`: where content changed visibly.
        unsure: (H, W) bool: pixels that changed too little to be seen, and soft rims; they should teach nothing.
    """

    rgb: np.ndarray
    changed: np.ndarray
    unsure: np.ndarray


def things(seg: np.ndarray, kind: str) -> list[np.ndarray]:
    """(H, W) bool masks of the things of a kind that are large enough to matter."""
    mask = np.isin(seg, TAGS_OF_KIND[kind]).astype(np.uint8)
    count, labels, stats, _ = cv2.connectedComponentsWithStats(mask, connectivity=8)
    return [labels == i for i in range(1, count) if stats[i, cv2.CC_STAT_AREA] >= LEAST_PX[kind]]


def cut_out(rgb: np.ndarray, mask: np.ndarray, kind: str) -> Cutout:
    """Cut the masked thing out of a picture, with its rim."""
    window = _around(mask, _RIM_PX)
    return Cutout(kind, rgb[window].copy(), mask[window].copy(), window[0].stop - 1)


def corrupt(
    rng: np.random.Generator, rgb: np.ndarray, seg: np.ndarray, cutouts: list[Cutout], deed: str
) -> Corrupted | None:
    """Do one deed to a picture.

    Args:
        rng: decides everything.
        rgb: (H, W, 3) uint8, a true picture.
        seg: (H, W) uint8 CARLA tags of it.
        cutouts: from other pictures in the same condition.
        deed: `erase`, `insert` or `move`, then `:vehicle` or `:person`; or `shift:paint`.

    Returns:
        the corrupted picture, or None where the picture offers nothing to do it to.
    """
    action, _, kind = deed.partition(":")
    touched = np.zeros(seg.shape, bool)
    result: np.ndarray | None
    if action == "shift":
        result = _shift_paint(rng, rgb, seg, touched)
    elif action == "insert":
        fitting = [cutout for cutout in cutouts if cutout.kind == kind]
        if not fitting:
            return None
        result = _insert_faintly(rng, rgb, seg, fitting, touched)
    else:
        masks = things(seg, kind)
        if not masks:
            return None
        mask = masks[int(rng.integers(len(masks)))]
        thing = cut_out(rgb, mask, kind)
        result = _erase(rng, rgb, seg, mask)
        touched |= mask
        if action == "move":
            result = _move(rng, result, rgb, thing, mask, touched)
    if result is None:
        return None
    difference = cv2.absdiff(result, rgb)
    difference = np.maximum(np.maximum(difference[..., 0], difference[..., 1]), difference[..., 2])
    visible = cv2.blur((difference > _VISIBLE).astype(np.float32), (5, 5)) > 0.15
    changed = np.zeros((len(KINDS), *seg.shape), bool)
    changed[KINDS.index(kind)] = touched & visible
    return Corrupted(result, changed, (touched | (difference > 0)) & ~(touched & visible))


def degrade(rng: np.random.Generator, rgb: np.ndarray, source: np.ndarray) -> np.ndarray:
    """Make a picture look as a network might have made it: softer, another tone, noise, traces of compression."""
    picture = rgb
    if rng.random() < 0.4:
        picture = cv2.GaussianBlur(picture, (0, 0), float(rng.uniform(0.3, 1.1)))
    if rng.random() < 0.5:
        curve = (np.arange(256) / 255.0) ** float(rng.uniform(0.8, 1.25))
        table = np.clip(255.0 * curve[:, None] * rng.uniform(0.85, 1.15, 3), 0, 255).astype(np.uint8)
        picture = cv2.LUT(picture, table[None])
    if rng.random() < 0.2:
        share = float(rng.uniform(0.0, 0.25))
        level = min(1.0, float(picture[::4, ::4].mean()) / max(float(source[::4, ::4].mean()), 1.0))
        picture = cv2.addWeighted(picture, 1.0 - share, source, share * level, 0.0)
    if rng.random() < 0.1:
        grain = rng.standard_normal(picture.shape, np.float32) * np.float32(rng.uniform(0.5, 5.0))
        picture = np.clip(picture + grain, 0, 255).astype(np.uint8)
    if rng.random() < 0.1:
        _, code = cv2.imencode(".jpg", picture, [cv2.IMWRITE_JPEG_QUALITY, int(rng.integers(50, 95))])
        decoded = cv2.imdecode(code, cv2.IMREAD_COLOR)
        picture = picture if decoded is None else decoded
    return picture


def _erase(rng: np.random.Generator, rgb: np.ndarray, seg: np.ndarray, mask: np.ndarray) -> np.ndarray:
    hole = cv2.dilate(mask.astype(np.uint8), np.ones((3, 3), np.uint8)) > 0
    way = rng.random()
    if way < 0.3:
        return _grainy(rng, rgb, _inpainted(rng, rgb, hole), hole)
    if way < 0.6:
        return _grainy(rng, rgb, _spanned(rgb, hole), hole)
    # What stands beside it in the same rows is what probably stands behind it.
    width = int(mask.any(0).sum())
    step = int(rng.choice([-1, 1])) * (width + int(rng.integers(2, 10)))
    beside = np.roll(rgb, step, axis=1)
    if np.roll(mask, -step, axis=1)[mask].any():
        beside = _inpainted(rng, rgb, hole)
    return _blend(rgb, beside, hole, float(rng.uniform(0.4, 1.2)))


def _inpainted(rng: np.random.Generator, rgb: np.ndarray, hole: np.ndarray) -> np.ndarray:
    window = _around(hole, 8)
    method = cv2.INPAINT_TELEA if rng.random() < 0.5 else cv2.INPAINT_NS
    filled = rgb.copy()
    filled[window] = cv2.inpaint(np.ascontiguousarray(rgb[window]), hole[window].astype(np.uint8), 3, method)
    return filled


def _spanned(rgb: np.ndarray, hole: np.ndarray) -> np.ndarray:
    """Every row of the hole goes evenly from the colour on its left to the one on its right."""
    columns = np.arange(hole.shape[1])
    filled = rgb.copy()
    for row in np.flatnonzero(hole.any(1)):
        missing = hole[row]
        if not missing.all():
            for channel in range(3):
                filled[row, missing, channel] = np.interp(
                    columns[missing], columns[~missing], rgb[row, ~missing, channel]
                )
    return filled


def _grainy(rng: np.random.Generator, rgb: np.ndarray, filled: np.ndarray, hole: np.ndarray) -> np.ndarray:
    result = rgb.copy()
    grain = rng.normal(0.0, rng.uniform(0.0, 3.0), (np.count_nonzero(hole), 3))
    result[hole] = np.clip(filled[hole] + grain, 0, 255).astype(np.uint8)
    return result


def _insert_faintly(
    rng: np.random.Generator, rgb: np.ndarray, seg: np.ndarray, cutouts: list[Cutout], touched: np.ndarray
) -> np.ndarray | None:
    """Put one of the things in; half of the time the one that shows least of a few, since those are missed most."""
    found: list[tuple[float, np.ndarray, np.ndarray]] = []
    for _ in range(_TRIES if rng.random() < 0.5 else 1):
        # The smaller of two, since small things are hardest to see.
        drawn = [cutouts[int(number)] for number in rng.integers(len(cutouts), size=2)]
        place = np.zeros(seg.shape, bool)
        result = _insert(rng, rgb, seg, min(drawn, key=lambda cutout: cutout.mask.sum()), place)
        if result is not None:
            levels = float(cv2.absdiff(result, rgb)[place].max(1).mean())
            if levels >= _SEEN_LEVELS:
                found.append((levels, result, place))
    if not found:
        return None
    _, result, place = min(found, key=lambda one: one[0])
    touched |= place
    return result


def _insert(
    rng: np.random.Generator, rgb: np.ndarray, seg: np.ndarray, thing: Cutout, touched: np.ndarray
) -> np.ndarray | None:
    height, width = seg.shape
    picture, mask = thing.rgb, thing.mask
    if rng.random() < 0.5:
        picture, mask = picture[:, ::-1], mask[:, ::-1]
    scale = min(float(rng.uniform(0.8, 1.25)), height / mask.shape[0])
    size = max(2, round(mask.shape[1] * scale)), min(max(2, round(mask.shape[0] * scale)), height)
    picture = cv2.resize(picture, size, interpolation=cv2.INTER_AREA)
    mask = cv2.resize(mask.astype(np.float32), size, interpolation=cv2.INTER_LINEAR) > 0.5
    taken = np.isin(seg, [tag for tags in TAGS_OF_KIND.values() for tag in tags])
    for _ in range(8):
        foot = int(np.clip(thing.foot_px + rng.integers(-6, 7), size[1] - 1, height - 1))
        left = int(rng.integers(-size[0] // 4, width - size[0] // 2))
        place = np.zeros(seg.shape, bool)
        layer = rgb.copy()
        rows = slice(foot + 1 - size[1], foot + 1)
        first, last = max(left, 0), min(left + size[0], width)
        part = slice(first - left, last - left)
        place[rows, first:last] = mask[:, part]
        layer[rows, first:last] = picture[:, part]  # with its rim, which is not part of the place
        if place.sum() >= LEAST_PX[thing.kind] and not (place & taken).any():
            touched |= place
            way = rng.random()
            if way < 0.35:
                layer = _in_the_tone(rgb, layer, place)
            elif way < 0.65:
                layer = np.clip(layer * rng.uniform(0.85, 1.15, 3), 0, 255)
            return _blend(rgb, layer, place, float(rng.uniform(0.3, 1.0)))
    return None


def _in_the_tone(rgb: np.ndarray, layer: np.ndarray, place: np.ndarray) -> np.ndarray:
    """The layer, toned so that its rim meets the picture: what lies inside takes the tone of the nearest rim."""
    reach_px = 0.25 * math.sqrt(np.count_nonzero(place)) + 1.0
    window = _around(place, math.ceil(3.0 * reach_px))
    inside = place[window]
    rim = (cv2.dilate(inside.astype(np.uint8), np.ones((3, 3), np.uint8)) > 0) & ~inside
    missing = np.where(rim[..., None], rgb[window].astype(np.float32) - layer[window], np.float32(0.0))
    weight = cv2.GaussianBlur(rim.astype(np.float32), (0, 0), reach_px)[..., None]
    tone = cv2.GaussianBlur(missing, (0, 0), reach_px) / (weight + 1e-3)
    result = layer.copy()
    result[window] = np.clip(layer[window] + tone, 0, 255).astype(np.uint8)
    return result


def _move(
    rng: np.random.Generator,
    emptied: np.ndarray,
    rgb: np.ndarray,
    thing: Cutout,
    mask: np.ndarray,
    touched: np.ndarray,
) -> np.ndarray | None:
    width = int(thing.mask.any(0).sum())
    step = int(rng.choice([-1, 1])) * int(rng.integers(max(5, width // 3), max(8, 2 * width)))
    place, layer = np.zeros_like(mask), emptied.copy()
    rows, columns = np.nonzero(mask)
    inside = (columns + step >= 0) & (columns + step < mask.shape[1])
    if np.count_nonzero(inside) < LEAST_PX[thing.kind]:
        return None
    rows, columns = rows[inside], columns[inside]
    place[rows, columns + step] = True
    layer[rows, columns + step] = rgb[rows, columns]
    touched |= place
    return _blend(emptied, layer, place, float(rng.uniform(0.3, 0.9)))


def _shift_paint(
    rng: np.random.Generator, rgb: np.ndarray, seg: np.ndarray, touched: np.ndarray
) -> np.ndarray | None:
    count, labels, stats, _ = cv2.connectedComponentsWithStats(
        (seg == SemanticTag.ROAD_LINES).astype(np.uint8), connectivity=8
    )
    large = [i for i in range(1, count) if stats[i, cv2.CC_STAT_AREA] >= 40]
    if not large:
        return None
    paint = np.isin(labels, large if rng.random() < 0.5 else [int(rng.choice(large))])
    road = np.isin(seg, (SemanticTag.ROADS, SemanticTag.ROAD_LINES))
    hole = cv2.dilate(paint.astype(np.uint8), np.ones((3, 3), np.uint8))
    bare = cv2.inpaint(rgb, hole, 3, cv2.INPAINT_TELEA)
    # The paint's brightness against the road under it, put where the paint goes.
    ratio = (rgb.astype(np.float32) + 4.0) / (bare + 4.0)
    step = int(rng.choice([-1, 1])) * int(rng.integers(4, 13))
    moved = np.roll(paint, step, axis=1)
    moved[:, :step] &= step < 0
    if step < 0:
        moved[:, step:] = False
    moved &= road
    layer = bare.astype(np.float32)
    layer[moved] = ((layer + 4.0) * np.roll(ratio, step, axis=1) - 4.0)[moved]
    touched |= paint | moved
    return np.clip(layer, 0, 255).astype(np.uint8)


def _around(mask: np.ndarray, margin_px: int) -> tuple[slice, slice]:
    """Rows and columns of a mask, with a margin where the picture has room."""
    rows, columns = np.flatnonzero(mask.any(1)), np.flatnonzero(mask.any(0))
    return (
        slice(max(int(rows[0]) - margin_px, 0), min(int(rows[-1]) + 1 + margin_px, mask.shape[0])),
        slice(max(int(columns[0]) - margin_px, 0), min(int(columns[-1]) + 1 + margin_px, mask.shape[1])),
    )


def _blend(rgb: np.ndarray, layer: np.ndarray, place: np.ndarray, softness_px: float) -> np.ndarray:
    share = cv2.GaussianBlur(place.astype(np.float32), (0, 0), softness_px)[..., None]
    return (rgb + share * (layer.astype(np.float32) - rgb)).astype(np.uint8)
