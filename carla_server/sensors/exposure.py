"""Lens, exposure and gamma of a colour camera; the latter as a curve from the renderer's bytes to the camera's.

The renderer develops a picture as CARLA's camera does by default. A camera with other settings is that many stops
brighter or darker and has another gamma; the curve works on the developed picture, so what was white stays white.
"""

from __future__ import annotations

import math

import numpy as np

from carla_server.render.lens import Lens
from carla_server.sensors.ranges import Range, read_ranges
from carla_server.world.actors import Sensor

_ATTRIBUTES = {
    "gamma": Range(0.1, 10),
    "exposure_compensation": Range(-20, 20),
    "shutter_speed": Range(1e-3, 1e6),
    "iso": Range(1e-3, 1e7),
    "fstop": Range(0.1, 100),
}
_GAMMA = 2.2
_SHUTTER_PER_S, _ISO, _FSTOP = 200.0, 100.0, 1.4
"""CARLA's defaults, at which the manual mode shows what the automatic one does."""


_LENS = {
    "bloom_intensity": Range(0, 10),
    "lens_flare_intensity": Range(0, 10),
    "chromatic_aberration_intensity": Range(0, 100),
    "chromatic_aberration_offset": Range(0, 1),
    "lens_k": Range(-100, 100),
    "lens_kcube": Range(-100, 100),
    "lens_circle_multiplier": Range(0, 100),
    "lens_circle_falloff": Range(0, 100),
    "lens_x_size": Range(0, 1),
    "lens_y_size": Range(0, 1),
}


def lens_of(sensor: Sensor) -> Lens:
    """What a colour camera adds to its picture. Without post-processing nothing is metered, glows or flares.

    Raises:
        InvalidArgument: an attribute is out of range.
    """
    values = read_ranges(sensor, _LENS)
    processed = sensor.attributes["enable_postprocess_effects"].lower() != "false"
    return Lens(
        metered=processed and sensor.attributes["exposure_mode"] != "manual",
        bloom=values["bloom_intensity"] if processed else 0.0,
        flare=values["lens_flare_intensity"] if processed else 0.0,
        fringe=values["chromatic_aberration_intensity"] if processed else 0.0,
        fringe_from=values["chromatic_aberration_offset"],
        k=values["lens_k"],
        kcube=values["lens_kcube"],
        circle_gain=values["lens_circle_multiplier"],
        circle_falloff=values["lens_circle_falloff"],
        x_share=values["lens_x_size"],
        y_share=values["lens_y_size"],
    )


def exposure_curve(sensor: Sensor) -> np.ndarray | None:
    """Curve of a camera.

    Args:
        sensor: its attributes `gamma`, `exposure_compensation` (stops) and, if its `exposure_mode` is manual,
            `shutter_speed` (1/s), `iso` and `fstop` are read.

    Returns:
        (256,) uint8, or None where nothing changes.

    Raises:
        InvalidArgument: an attribute is out of range.
    """
    values = read_ranges(sensor, _ATTRIBUTES)
    stops = values["exposure_compensation"]
    if sensor.attributes["exposure_mode"] == "manual":
        light = (_SHUTTER_PER_S / values["shutter_speed"]) * (values["iso"] / _ISO) * (_FSTOP / values["fstop"]) ** 2
        stops += math.log2(light)
    if abs(stops) < 1e-6 and values["gamma"] == _GAMMA:
        return None
    linear = (np.arange(256) / 255.0) ** _GAMMA * 2.0**stops
    return np.round(255.0 * np.minimum(linear, 1.0) ** (1.0 / values["gamma"])).astype(np.uint8)


def expose(picture: np.ndarray, curve: np.ndarray) -> np.ndarray:
    """An (H, W, 4) uint8 BGRA picture through a curve; the alpha channel stays."""
    out = picture.copy()
    out[..., :3] = curve[picture[..., :3]]
    return out
