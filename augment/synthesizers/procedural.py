"""Weather and light painted from picture, labels and depth, on a CPU, without weights.

Independent of the embedded renderer: it shares no weather code with it, so that the two can be compared. Everything
happens in linear light: the day picture stands for the surfaces, new light and haze are laid over it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np

from augment.conditions import Condition
from augment.layout import LayoutGroup, groups
from augment.seeds import generator
from augment.synthesizers import weather_layers as layers
from augment.synthesizers.base import FrameBatch
from augment.synthesizers.own_light import add_lamps, lamp_light
from augment.synthesizers.scene_cues import (
    guessed_depth_m,
    horizon_row_px,
    lit_lenses,
    luminance_of,
    upward,
    without_cast_shadows,
)
from carla_server.semantics import SemanticTag

_TO_LINEAR = ((np.arange(256) / 255.0) ** 2.2).astype(np.float32)
_TO_SRGB = np.round(255.0 * (np.arange(4096) / 4095.0) ** (1 / 2.2)).astype(np.uint8)


def _colour(red: float, green: float, blue: float) -> np.ndarray:
    return np.array([red, green, blue], np.float32)


@dataclass(frozen=True)
class _Light:
    ambient: np.ndarray
    zenith: np.ndarray
    horizon: np.ndarray
    lamps: float
    exposure: float


@dataclass(frozen=True)
class _Air:
    cover: float = 0.0
    haze_per_m: float = 0.0005
    rain: float = 0.0
    snow: float = 0.0
    tint: np.ndarray | None = None
    haze_level: float = 1.0
    sky_level: float = 1.0


_LIGHTS = {
    "day": _Light(_colour(1, 1, 1), _colour(0.13, 0.28, 0.62), _colour(0.55, 0.68, 0.85), 0.0, 1.0),
    "dusk": _Light(_colour(0.27, 0.225, 0.27), _colour(0.10, 0.11, 0.28), _colour(0.75, 0.36, 0.16), 0.35, 1.0),
    "night": _Light(
        _colour(0.030, 0.036, 0.056), _colour(0.004, 0.006, 0.018), _colour(0.020, 0.022, 0.034), 1.0, 1.0
    ),
}
_AIRS = {
    "clear": _Air(),
    "cloudy": _Air(cover=0.9, haze_per_m=0.001),
    "rain": _Air(cover=1.0, haze_per_m=0.004, rain=1.0, haze_level=0.9, sky_level=0.62),
    "fog": _Air(cover=1.0, haze_per_m=0.035),
    "snow": _Air(cover=1.0, haze_per_m=0.010, snow=1.0),
    "dust": _Air(cover=0.7, haze_per_m=0.030, tint=_colour(1.0, 0.70, 0.40), haze_level=0.8),
}
_OVERCAST = _colour(0.58, 0.60, 0.63)
_OVERCAST_DUSK = (_colour(0.13, 0.13, 0.18), _colour(0.27, 0.22, 0.235))
"""Zenith and horizon under clouds with a low sun behind them."""
_OVERCAST_NIGHT = (_colour(0.014, 0.013, 0.014), _colour(0.034, 0.029, 0.026))
_SOURCES = (Condition("clear", "day"), Condition("cloudy", "day"))


class ProceduralSynthesizer:
    """Shows day frames under any condition of `augment.conditions.CONDITIONS`.

    Frames must have been recorded on a clear or cloudy day: light that is not in the picture can be taken away, but
    not brought back. Without depth a flat road is assumed, on which everything stands that touches it.
    """

    name = "procedural-2"

    def __init__(self) -> None:
        self.provenance: dict[str, Any] = {"opencv": cv2.__version__}

    def __call__(self, frames: FrameBatch, targets: list[Condition], seeds: np.ndarray) -> np.ndarray:
        """Synthesize one variant of each frame; see `Synthesizer.__call__`."""
        if len(targets) != len(frames) or len(seeds) != len(frames):
            raise ValueError(f"{len(frames)} frames need as many targets and seeds, got {len(targets)}, {len(seeds)}")
        if min(frames.seg.shape[1:]) < 16:
            raise ValueError(f"frames are {frames.seg.shape[2]}x{frames.seg.shape[1]} px; expected at least 16x16")
        unusable = sorted({source.name for source in frames.sources if source not in _SOURCES})
        if unusable:
            raise ValueError(f"procedural weather starts from {[s.name for s in _SOURCES]}, not from {unusable}")
        variants = np.empty_like(frames.rgb)
        for index, target in enumerate(targets):
            seg = frames.seg[index]
            depth_m = guessed_depth_m(groups(seg)) if frames.depth_m is None else frames.depth_m[index]
            variants[index] = _paint(frames.rgb[index], seg, depth_m, target, int(seeds[index]))
        return variants


def _paint(rgb: np.ndarray, seg: np.ndarray, depth_m: np.ndarray, target: Condition, seed: int) -> np.ndarray:
    light, air = _LIGHTS[target.light], _AIRS[target.weather]
    group = groups(seg)
    sky = group == LayoutGroup.SKY
    depth_m = np.where(sky, np.float32(1000.0), depth_m)
    horizon_px = horizon_row_px(group, depth_m)
    source = _TO_LINEAR[rgb]
    surface = without_cast_shadows(source, group, 0.7 * max(air.cover, float(target.light != "day")))
    if air.cover:
        grey = luminance_of(surface)[..., None]
        surface = (surface + 0.25 * air.cover * (grey - surface)) * (1.0 - 0.12 * air.cover)
    if air.snow:
        surface = _snow_cover(surface, seg, group, depth_m, horizon_px, generator(seed, "snow cover"))
    wet = _wetness(group, depth_m, horizon_px, seed) if air.rain else None
    if wet is not None:
        surface = surface * np.where(wet > 0.0, np.float32(0.42), np.float32(0.85))[..., None]

    lit = surface * light.ambient
    if light.lamps:
        lit = lit + light.lamps * lamp_light(surface, seg, group, depth_m, horizon_px)
    closed_zenith, closed_horizon = _closed_sky(target.light, air.sky_level)
    zenith = light.zenith + air.cover * (closed_zenith - light.zenith)
    horizon = light.horizon + air.cover * (closed_horizon - light.horizon)
    backdrop = _sky(sky.shape, horizon_px, zenith, horizon, target, air, generator(seed, "sky"))
    lit = np.where(sky[..., None], backdrop, lit)
    if light.lamps:
        lit = lit + light.lamps * add_lamps(source, rgb, seg, depth_m, air.haze_per_m, generator(seed, "lamps"))
    if wet is not None:
        mirror = layers.mirrored(lit, horizon_px)
        lit = lit + wet[..., None] * (mirror - lit * 0.6)
    lit = _keep_readable(lit, source, seg, light)

    haze_colour = (horizon if air.cover else light.horizon) * air.haze_level
    if air.tint is not None:
        haze_colour, lit = haze_colour * air.tint, lit * air.tint
    clear_share = np.exp(-air.haze_per_m * np.minimum(depth_m, 300.0))
    if air.haze_per_m < 0.002:
        clear_share = np.where(sky, np.float32(1.0), clear_share)
    haze = np.broadcast_to(haze_colour, lit.shape)
    if light.lamps:
        haze = haze + light.lamps * layers.lamp_haze(depth_m.shape, horizon_px, air.haze_per_m)
    lit = haze + (lit - haze) * clear_share[..., None]
    lit = _through_haze(lit, source, lit_lenses(rgb, seg), clear_share)
    lit = _precipitation(lit, depth_m, air, horizon, light, seed)
    if light.lamps == 1.0:
        grain = generator(seed, "sensor noise").standard_normal(lit.shape[:2], dtype=np.float32)
        lit = lit + 0.0012 * grain[..., None]
    level = np.clip(lit * light.exposure, 0.0, 1.0)
    return _TO_SRGB[(level * 4095.0).astype(np.uint16)]


def _closed_sky(light: str, level: float) -> tuple[np.ndarray, np.ndarray]:
    """Colours at the zenith and at the horizon of a closed cloud cover."""
    if light == "night":
        return _OVERCAST_NIGHT
    if light == "dusk":
        zenith, horizon = _OVERCAST_DUSK
        return zenith * level, horizon * level
    return _OVERCAST * (0.85 * level), _OVERCAST * level


def _sky(
    shape: tuple[int, int],
    horizon_px: float,
    zenith: np.ndarray,
    horizon: np.ndarray,
    target: Condition,
    air: _Air,
    rng: np.random.Generator,
) -> np.ndarray:
    backdrop = layers.sky_gradient(shape, horizon_px, zenith, horizon)
    structure = 0.10 * air.cover + 0.02
    backdrop *= np.clip(1.0 + structure * layers.clouds(shape, rng), 0.6, 1.4)[..., None]
    if target.light == "night" and air.cover < 0.5:
        backdrop += layers.stars(shape, rng)[..., None]
    return backdrop


def _wetness(group: np.ndarray, depth_m: np.ndarray, horizon_px: float, seed: int) -> np.ndarray:
    """(H, W) share of mirrored light: grazing angles and puddles mirror most."""
    height = group.shape[0]
    ground = (group == LayoutGroup.ROAD) | (group == LayoutGroup.ROAD_LINE) | (group == LayoutGroup.SIDEWALK)
    down = np.clip((np.arange(height, dtype=np.float32) - horizon_px) / max(height - horizon_px, 1.0), 0.0, 1.0)
    grazing = (0.07 + 0.45 * (1.0 - down) ** 2)[:, None]
    rough = layers.ground_noise(depth_m, horizon_px, generator(seed, "puddles"), 2.5)
    puddle = np.clip((rough - 0.62) * 6.0, 0.0, 1.0)
    share = grazing * (0.55 + 0.45 * puddle) + 0.15 * puddle
    share[group == LayoutGroup.ROAD_LINE] *= 0.45
    return np.where(ground, share, 0.0).astype(np.float32)


def _snow_cover(
    surface: np.ndarray,
    seg: np.ndarray,
    group: np.ndarray,
    depth_m: np.ndarray,
    horizon_px: float,
    rng: np.random.Generator,
) -> np.ndarray:
    """Snow lies on what faces up: ground, roofs, cars; wheels keep the middle of the road half clear."""
    cover = np.zeros(group.shape, np.float32)
    for kind, share in (
        (LayoutGroup.TERRAIN, 0.95),
        (LayoutGroup.SIDEWALK, 0.85),
        (LayoutGroup.VEGETATION, 0.45),
        (LayoutGroup.ROAD, 0.35),
        (LayoutGroup.ROAD_LINE, 0.15),
        (LayoutGroup.BUILDING, 0.06),
    ):
        cover[group == kind] = share
    patches = 0.5 + layers.ground_noise(depth_m, horizon_px, rng, 1.5)
    flat = (group == LayoutGroup.ROAD) | (group == LayoutGroup.SIDEWALK) | (group == LayoutGroup.TERRAIN)
    cover = np.where(flat, np.minimum(cover * patches, 0.95), cover)
    standing = (group == LayoutGroup.BUILDING) | (group == LayoutGroup.VEHICLE) | (seg == SemanticTag.STATIC)
    on_top = np.clip((upward(depth_m, horizon_px) - 0.35) * 3.0, 0.0, 0.9)
    cover = np.where(standing, np.maximum(cover, on_top), cover)
    return surface + cover[..., None] * (_colour(0.80, 0.83, 0.88) - surface)


def _keep_readable(lit: np.ndarray, source: np.ndarray, seg: np.ndarray, light: _Light) -> np.ndarray:
    """Lane paint, signs and traffic lights never sink below a share of their own brightness."""
    floor = np.zeros(seg.shape, np.float32)
    dim = float(light.ambient.mean())
    floor[seg == SemanticTag.ROAD_LINES] = max(0.05, 0.35 * dim)
    floor[seg == SemanticTag.TRAFFIC_SIGNS] = max(0.08, 0.6 * dim)
    floor[seg == SemanticTag.TRAFFIC_LIGHT] = max(0.06, 0.6 * dim)
    return np.maximum(lit, source * floor[..., None])


def _through_haze(lit: np.ndarray, source: np.ndarray, burning: np.ndarray, clear_share: np.ndarray) -> np.ndarray:
    """What burns is seen farther through haze than what is lit: by the root of the share that gets through."""
    share = np.where(burning, np.sqrt(clear_share), np.float32(0.0))[..., None]
    return lit + share * (source - lit)


def _precipitation(
    lit: np.ndarray, depth_m: np.ndarray, air: _Air, horizon: np.ndarray, light: _Light, seed: int
) -> np.ndarray:
    bright = horizon * 1.5 + 0.10 * light.lamps + 0.05
    if air.rain:
        streaks = layers.rain_streaks(depth_m, generator(seed, "streaks"), air.rain)[..., None]
        lit = lit + streaks * (bright - lit)
    if air.snow:
        flakes = layers.snow_flakes(depth_m, generator(seed, "flakes"))[..., None]
        lit = lit + flakes * (_colour(0.9, 0.92, 0.95) * (0.15 + 0.85 * float(light.ambient.mean())) - lit)
    return lit
