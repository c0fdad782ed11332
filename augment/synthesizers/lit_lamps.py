"""Burning traffic lamps shown through the air of another condition.

A lamp shines by itself: another light does not change it, only the air between takes from it and adds its own light.
Both are counted in radiance, before a camera has pressed bright light together: what is nearly white in a picture
was far brighter than white. The farther, the less of the lamp is left; but as long as a driver could tell its colour,
the picture must: it never gets paler than a colour that can be read.
"""

from __future__ import annotations

import numpy as np

from augment.conditions import Condition
from augment.lamps import Lamp

_HAZE_PER_M = {"clear": 0.0005, "cloudy": 0.001, "rain": 0.004, "fog": 0.035, "snow": 0.010, "dust": 0.030}
"""Share of a lamp's light that a metre of air swallows."""
_PRESSED = np.float32(0.75)
"""How much a camera presses bright light together: picture = radiance / (1 + pressed * radiance)."""
_HALO = 2.0
"""Thick air scatters a lamp's light mostly forward, around the lamp: fitted to true re-renders of training towns."""
_LEAST_COLOUR = 0.72
"""Least share of a burning lamp's light that is its colour and not white."""
_DARK_GLASS = np.float32(0.8)
"""Nothing of its head is brighter than so much of a burning lamp: glass that the sun lit, dark without it."""
_BISECTIONS = 8


def lit_pixels(lamps: list[Lamp], shape: tuple[int, int]) -> np.ndarray:
    """(H, W) bool: pixels of the lamps that burn."""
    lit = np.zeros(shape, bool)
    for lamp in lamps:
        lit[lamp.window] |= lamp.lit
    return lit


def lamps_through_air(
    lamps: list[Lamp],
    heads: np.ndarray,
    before: np.ndarray,
    shown: np.ndarray,
    depth_m: np.ndarray | None,
    clear_share: np.ndarray,
    target: Condition,
    margin_px: int,
) -> np.ndarray:
    """Show burning lamps as the target condition does, and dim dark glass that would outshine them.

    Args:
        lamps: of the source, as `lamp_colours` reads them.
        heads: (H, W) bool, pixels of traffic lights.
        before: (3, H, W) float32 linear light of the source.
        shown: (3, H, W) float32 linear light of the variant.
        depth_m: (H, W) float32 metres, or None: `clear_share` says what the air leaves then.
        clear_share: (H, W) float32 in [0, 1]: contrast that the variant's haze leaves.
        target: condition of the variant.
        margin_px: how far around a head its air is looked for.

    Returns:
        (3, H, W) float32: linear light of the variant with its heads lit.
    """
    result = shown.copy()
    for lamp in lamps:
        if lamp.colour is None:
            continue
        rows, columns = lamp.window
        around = (
            slice(max(rows.start - margin_px, 0), rows.stop + margin_px),
            slice(max(columns.start - margin_px, 0), columns.stop + margin_px),
        )
        beside = ~heads[around]
        if not beside.any():
            beside = np.ones_like(beside)
        air = _radiance(shown[:, *around][:, beside].mean(1))[:, None]
        if depth_m is None:
            left = float(clear_share[lamp.window][lamp.lit].mean())
        else:
            left = float(np.exp(-_HAZE_PER_M[target.weather] * np.median(depth_m[lamp.window][lamp.lit])))
        emitted = _radiance(before[:, *lamp.window][:, lamp.lit]) * (1.0 + _HALO * (1.0 - left))
        light = _readable(emitted, air, left)
        head = result[:, *lamp.window]
        dark = heads[lamp.window] & ~lamp.lit
        # Detail laid over a dark tone may lie below black.
        brightest = np.maximum(head[:, dark].max(0), 1e-6)
        head[:, dark] *= np.minimum(1.0, _DARK_GLASS * np.median(light.max(0)) / brightest)
        head[:, lamp.lit] = light
    return result


def _readable(lamp: np.ndarray, air: np.ndarray, left: float) -> np.ndarray:
    """(3, n) linear light of a lamp's pixels, with `left` or as little more as its colour needs to be told."""

    def seen(share: float) -> np.ndarray:
        return _picture(share * lamp + (1.0 - share) * air)

    low, high = left, 1.0
    if _colourful(seen(low)) or not _colourful(seen(high)):
        return seen(low)
    for _ in range(_BISECTIONS):
        middle = 0.5 * (low + high)
        low, high = (low, middle) if _colourful(seen(middle)) else (middle, high)
    return seen(high)


def _colourful(light: np.ndarray) -> bool:
    mean = light.mean(1)
    return bool(mean.max() - mean.min() >= _LEAST_COLOUR * mean.max())


def _radiance(picture: np.ndarray) -> np.ndarray:
    return picture / (1.0 - _PRESSED * np.minimum(picture, 1.0))


def _picture(radiance: np.ndarray) -> np.ndarray:
    return radiance / (1.0 + _PRESSED * radiance)
