"""Art styles: the same geometry and labels, drawn by another hand.

`default` is what every shipped weight was trained on. `painted` is held out: ink outlines, flat washes of light,
other colours and patterns of surfaces, other clouds, fog, rain and stars. Nothing shipped was ever trained on it, so
that a driver or a segmenter can be asked how much of what it learned was the look of one renderer.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Literal, get_args

import numpy as np

from carla_server.render.atmosphere import Atmosphere

Style = Literal["default", "painted"]
STYLES: tuple[str, ...] = get_args(Style)
_PAINTED = "PAINTED"
_COLORS = ("sun_color", "sky_zenith", "sky_horizon", "sky_light", "afterglow", "moon_color", "fog_color", "bounce")
_PALETTE = np.array([[0.86, 0.18, 0.02], [0.06, 0.92, 0.06], [0.10, 0.22, 0.70]])
"""Mixes red, green and blue of the light into another painter's: blues go to teal, greys to cream."""
_LIFT = {"sun_color": (1.06, 0.98, 0.80), "sky_zenith": (0.75, 1.10, 1.00), "fog_color": (0.92, 1.06, 0.98)}


def check_style(style: str) -> None:
    """Raises ValueError for an unknown style; the message names the known ones."""
    if style not in STYLES:
        raise ValueError(f"unknown style {style!r}: choose from {', '.join(STYLES)}")


def styled(atmosphere: Atmosphere, style: str) -> Atmosphere:
    """The light of a weather in the palette of a style, with the switches of its shaders."""
    if style == "default":
        return atmosphere
    uniforms = dict(atmosphere.uniforms)
    for name in _COLORS:
        mixed = _PALETTE @ np.asarray(uniforms[name], np.float64)
        uniforms[name] = tuple((mixed * np.array(_LIFT.get(name, (1.0, 1.0, 1.0)))).tolist())
    return replace(
        atmosphere,
        switches=(*atmosphere.switches, _PAINTED),
        post_switches=(*atmosphere.post_switches, _PAINTED),
        uniforms=uniforms,
    )
