"""Protected classes: what a driver must read keeps its detail, in the light of the variant.

Inside a protected region the variant keeps its own tone (its local mean) and takes the detail of the source on top,
as strong as the variant's contrast with the source is there. So paint in fog fades with distance, a sign at night is
as dark as what surrounds it, and nothing carries the light of the source with it. Burning lamps are the exception:
they shine by themselves, and only the air takes from them (`lit_lamps`).
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import cv2
import numpy as np

from augment.conditions import Condition
from augment.lamps import lamp_colours
from augment.synthesizers.base import FrameBatch, Synthesizer, check_variants
from augment.synthesizers.lit_lamps import lamps_through_air, lit_pixels
from carla_server.semantics import SemanticTag

_TO_LINEAR = ((np.arange(256) / 255.0) ** 2.2).astype(np.float32)
_TO_SRGB = np.round(255.0 * (np.arange(4096) / 4095.0) ** (1 / 2.2)).astype(np.uint8)
_ROAD = np.zeros(256, np.float32)
_ROAD[SemanticTag.ROADS] = 1.0
_LITTLE = np.float32(0.2)
"""Paint counts so much for the tone that the road beside it gives: it decides only where there is little road."""
_AROUND = 0.1
"""What surrounds a person or a sign counts so much for its tone; the rest is the variant's own tone inside it."""
_LEAST_HEAD_PX = 4
"""Smaller traffic lights are treated like signs."""
_HUE_TRUST = 2.0
"""What the variant shows with half its contrast or more takes the variant's own hue; what it erased, the source's."""
_HAZY = ("rain", "fog", "snow", "dust")
_BIN_OF_METRE = np.digitize(np.arange(256), [6, 10, 15, 22, 32, 48, 72, 110]).astype(np.uint8)
_BIN_COUNT = int(_BIN_OF_METRE[-1]) + 1


@dataclass(frozen=True)
class ProtectionConfig:
    """What is protected, and how."""

    tags: tuple[int, ...] = (
        SemanticTag.TRAFFIC_LIGHT,
        SemanticTag.TRAFFIC_SIGNS,
        SemanticTag.ROAD_LINES,
        SemanticTag.PEDESTRIANS,
        SemanticTag.RIDER,
    )
    """CARLA tags whose pixels are protected."""
    window_share: float = 0.05
    """Width of the window that tells tone from detail, as a share of the picture's width."""
    least_contrast: float = 0.8
    """Detail never gets weaker than this share of what the variant's tone and haze leave of it."""
    most_contrast: float = 1.1
    """Nor stronger than this share of the tone: paint that shines more belongs to another light."""
    most_contrast_at_night: float = 1.5
    """The same at night, where headlights make paint and signs shine."""

    def __post_init__(self) -> None:
        if not 0.01 <= self.window_share <= 0.5:
            raise ValueError(f"window_share is {self.window_share}; expected 0.01 to 0.5")
        most = min(self.most_contrast, self.most_contrast_at_night)
        if not 0.0 <= self.least_contrast <= most:
            raise ValueError(f"least_contrast {self.least_contrast} must be in 0..{most}, the lesser most_contrast")


class ProtectedSynthesizer:
    """A synthesizer whose variants keep traffic lights, signs, lane paint and people.

    Deterministic, plain numpy and OpenCV; it adds a few milliseconds to each frame of 256x144.
    """

    def __init__(self, inner: Synthesizer, config: ProtectionConfig | None = None) -> None:
        self._inner = inner
        self._config = config or ProtectionConfig()
        self.name = f"{inner.name}-protected"
        self.provenance: dict[str, Any] = {
            **inner.provenance,
            "protected": {**asdict(self._config), "tags": [int(tag) for tag in self._config.tags]},
        }

    def __call__(self, frames: FrameBatch, targets: list[Condition], seeds: np.ndarray) -> np.ndarray:
        """Synthesize one variant of each frame; see `Synthesizer.__call__`."""
        return protect(frames, self._inner(frames, targets, seeds), targets, self._config)


def protect(
    frames: FrameBatch, variants: np.ndarray, targets: list[Condition], config: ProtectionConfig | None = None
) -> np.ndarray:
    """Put the protected classes of the frames back into variants, relit.

    Args:
        frames: N labelled frames; depth makes haze follow distance, without it the haze of the near scene is used.
        variants: (N, H, W, 3) uint8, of the same frames.
        targets: N conditions that the variants show.
        config: what is protected; None takes the defaults.

    Returns:
        (N, H, W, 3) uint8, newly allocated.

    Raises:
        ValueError: the variants are not of these frames.
    """
    check_variants(frames, variants, targets)
    config = config or ProtectionConfig()
    result = variants.copy()
    for index, target in enumerate(targets):
        depth = None if frames.depth_m is None else frames.depth_m[index]
        _protect(result[index], frames.rgb[index], frames.seg[index], depth, target, config)
    return result


def _protect(
    variant: np.ndarray,
    source: np.ndarray,
    seg: np.ndarray,
    depth_m: np.ndarray | None,
    target: Condition,
    config: ProtectionConfig,
) -> None:
    """Change `variant` in place."""
    chosen = np.zeros(256, bool)
    chosen[list(config.tags)] = True
    protected = chosen[seg]
    if not protected.any():
        return
    before, after = _linear(source), _linear(variant)
    lamps = lamp_colours(source, seg, _LEAST_HEAD_PX) if SemanticTag.TRAFFIC_LIGHT in config.tags else []
    clear_share = _clear_share(before, after, seg, depth_m, target)
    contrast = (
        config.least_contrast,
        config.most_contrast_at_night if target.light == "night" else config.most_contrast,
    )
    side = max(5, int(config.window_share * seg.shape[1]) | 1)
    paint = protected & (seg == SemanticTag.ROAD_LINES)
    objects = protected & ~paint
    heads = seg == SemanticTag.TRAFFIC_LIGHT
    lamp = lit_pixels(lamps, seg.shape)
    not_lamp = cv2.dilate(lamp.astype(np.uint8), np.ones((3, 3), np.uint8)) == 0
    shown = after.copy()
    around = np.where(objects, np.float32(1.0), np.float32(_AROUND) * (seg != SemanticTag.SKY))
    for region, tone_from, contrast_from, own_hue in (
        (paint, _ROAD[seg] + _LITTLE * paint, _ROAD[seg] + paint, True),
        # Lamps among the objects would pull their hue.
        (objects, around, around, False),
    ):
        if region.any():
            window = _around(region, side)
            counts = (tone_from * not_lamp)[window], (contrast_from * not_lamp)[window]
            pictures = before[:, *window], after[:, *window]
            relit = _relit(region[window], *pictures, *counts, clear_share[window], side, contrast, own_hue)
            _add_feathered(shown[:, *window], region[window], relit)
    if lamp.any():
        lit = lamps_through_air(lamps, heads, before, shown, depth_m, clear_share, target, side)
        _add_feathered(shown, heads, lit[:, heads])
    touched = cv2.dilate(protected.astype(np.uint8), np.ones((5, 5), np.uint8)) > 0
    level = np.clip(shown[:, touched], 0.0, 1.0) * 4095.0 + 0.5
    variant[touched] = _TO_SRGB[level.astype(np.uint16)].T


def _relit(
    region: np.ndarray,
    before: np.ndarray,
    after: np.ndarray,
    tone_from: np.ndarray,
    contrast_from: np.ndarray,
    clear_share: np.ndarray,
    side: int,
    contrast: tuple[float, float],
    own_hue: bool,
) -> np.ndarray:
    """(3, n) the region's pixels: the detail of `before` on the tone of `after`, both (3, H, W).

    `tone_from` and `contrast_from` (H, W) say how much each pixel counts for the tone and for the contrast;
    `contrast` gives the least and the most of it; with `own_hue` what the variant shows keeps the variant's colour.
    """
    grey_before, grey_after = _grey(before), _grey(after)

    def local(plane: np.ndarray) -> np.ndarray:
        return cv2.boxFilter(plane, -1, (side, side))[region]

    share = np.maximum(local(tone_from), 1e-4)
    tone_before = np.stack([local(tone_from * plane) for plane in before]) / share
    tone_after = np.stack([local(tone_from * plane) for plane in after]) / share
    mean_before, mean_after = _grey(tone_before), _grey(tone_after)
    share = np.maximum(local(contrast_from), 1e-4)
    weighted = contrast_from * grey_before
    all_before, all_after = local(weighted) / share, local(contrast_from * grey_after) / share
    # Second moments about the tone, not about the mean: the step from road to paint is the contrast that counts.
    spread = local(weighted * grey_before) / share - mean_before * (2.0 * all_before - mean_before)
    shared = local(weighted * grey_after) / share - mean_after * all_before - mean_before * (all_after - mean_after)
    gain = mean_after / np.maximum(mean_before, 1e-3)
    slope = shared / np.maximum(spread, 1e-5)
    shown_share = slope / np.maximum(gain * clear_share[region], 1e-5)
    slope = np.clip(slope, contrast[0] * gain * clear_share[region], contrast[1] * gain)
    tint = tone_after / np.maximum(tone_before * gain, 1e-4)
    relit = tone_after + slope * np.clip(tint, 0.3, 3.0) * (before[:, region] - tone_before)
    if not own_hue:
        return relit
    return relit * _own_hue(region, relit, after, side) ** np.clip(_HUE_TRUST * shown_share, 0.0, 1.0)


def _own_hue(region: np.ndarray, relit: np.ndarray, after: np.ndarray, side: int) -> np.ndarray:
    """(3, n) factors that give the region's pixels the local colour of the variant, and leave how bright they are."""
    made = np.zeros_like(after)
    made[:, region] = relit
    made = np.stack([cv2.boxFilter(plane, -1, (side, side))[region] for plane in made])
    own = np.stack([cv2.boxFilter(plane * region, -1, (side, side))[region] for plane in after])
    hue = own * _grey(made) / np.maximum(made * _grey(own), 1e-6)
    return np.clip(hue, 0.3, 3.0)


def _add_feathered(shown: np.ndarray, region: np.ndarray, wanted: np.ndarray) -> None:
    """Set the region's pixels of `shown` (3, H, W) to `wanted` (3, n); what changes there fades over two pixels.

    A neighbour never ends beyond what is wanted beside it: dark road stays as it was beside paint that gets darker.
    """
    share = np.maximum(_blurred(region.astype(np.float32)), 1e-6)
    for plane, values in zip(shown, wanted):
        made = np.zeros_like(plane)
        made[region] = values - plane[region]
        faded = plane + _blurred(made)
        made[region] = values
        beside = _blurred(made) / share
        near = np.clip(faded, np.minimum(plane, beside), np.maximum(plane, beside))
        plane[:] = np.where(region, made, near)


def _blurred(plane: np.ndarray) -> np.ndarray:
    return cv2.GaussianBlur(plane, (5, 5), 0.8)


def _around(region: np.ndarray, margin_px: int) -> tuple[slice, slice]:
    rows, columns = np.flatnonzero(region.any(1)), np.flatnonzero(region.any(0))
    return (
        slice(max(int(rows[0]) - margin_px, 0), int(rows[-1]) + margin_px + 1),
        slice(max(int(columns[0]) - margin_px, 0), int(columns[-1]) + margin_px + 1),
    )


def _clear_share(
    before: np.ndarray, after: np.ndarray, seg: np.ndarray, depth_m: np.ndarray | None, target: Condition
) -> np.ndarray:
    """(H, W) float32 in [0, 1]: how much of the contrast the variant's haze leaves, by distance.

    Contrast relative to brightness does not change with the light, only with what the air adds. It is compared over
    all structure that both pictures share, in bins of distance, and never grows with distance.
    """
    share = np.ones(seg.shape, np.float32)
    if target.weather not in _HAZY:
        return share
    detail_before, detail_after = _relative_detail(before), _relative_detail(after)
    solid = seg != SemanticTag.SKY
    metres = np.zeros(seg.shape, np.uint8) if depth_m is None else np.minimum(depth_m, 255.0).astype(np.uint8)
    bins = _BIN_OF_METRE[metres]
    bins_solid = bins[solid]
    kept = np.bincount(bins_solid, (detail_before * detail_after)[solid], _BIN_COUNT)
    had = np.bincount(bins_solid, (detail_before * detail_before)[solid], _BIN_COUNT)
    enough = np.bincount(bins_solid, minlength=_BIN_COUNT) >= 40
    last, table = 1.0, np.ones(_BIN_COUNT, np.float32)
    for number in range(_BIN_COUNT):
        if enough[number]:
            last = min(last, float(np.clip(kept[number] / max(had[number], 1e-6), 0.03, 1.0)))
        table[number] = last
    return table[bins]


def _relative_detail(linear: np.ndarray) -> np.ndarray:
    """(H, W) float32: how much brighter than its neighbourhood a pixel is, relative to the neighbourhood."""
    grey = _grey(linear)
    mean = cv2.boxFilter(grey, -1, (7, 7))
    return np.clip((grey - mean) / np.maximum(mean, 2e-3), -1.0, 2.0)


def _linear(rgb: np.ndarray) -> np.ndarray:
    """(H, W, 3) uint8 -> (3, H, W) float32 linear light, each plane contiguous."""
    return np.stack([cv2.LUT(plane, _TO_LINEAR) for plane in cv2.split(rgb)])


def _grey(planes: np.ndarray) -> np.ndarray:
    return (planes[0] + planes[1] + planes[2]) * np.float32(1.0 / 3.0)
