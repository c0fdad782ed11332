"""Light that a day picture does not show: own headlights, street lamps, windows, vehicles, traffic lights."""

from __future__ import annotations

import cv2
import numpy as np

from augment.layout import LayoutGroup
from augment.synthesizers import weather_layers as layers
from augment.synthesizers.scene_cues import blobs, lit_lenses, lit_windows, luminance_of
from carla_server.semantics import SemanticTag

_SODIUM = np.array([1.0, 0.68, 0.36], np.float32)
_HEADLIGHT = np.array([1.0, 0.95, 0.84], np.float32)
_TAIL = np.array([1.0, 0.05, 0.03], np.float32)
_WINDOW = np.array([1.0, 0.78, 0.45], np.float32)
_GROUND = (LayoutGroup.ROAD, LayoutGroup.ROAD_LINE, LayoutGroup.SIDEWALK, LayoutGroup.TERRAIN)


def lamp_light(
    surface: np.ndarray, seg: np.ndarray, group: np.ndarray, depth_m: np.ndarray, horizon_px: float
) -> np.ndarray:
    """Light that the own headlights and the street lamps throw on surfaces.

    Args:
        surface: (H, W, 3) float32 linear light by day.
        seg: (H, W) uint8 CARLA tags.
        group: (H, W) uint8 LayoutGroup.
        depth_m: (H, W) float32 metres.
        horizon_px: row of the horizon.

    Returns:
        (H, W, 3) float32 linear light to add.
    """
    height, width = depth_m.shape
    across = (np.arange(width, dtype=np.float32)[None] - width / 2.0) / (width / 2.0)
    above = (horizon_px - np.arange(height, dtype=np.float32)[:, None]) / (width / 2.0)
    # Low beam: wide and flat, cut off just above the horizon; signs and lane paint throw it back.
    beam = np.exp(-((across / 0.42) ** 2)) / (1.0 + np.exp((above - 0.01) / 0.02))
    reach = np.exp(-(((depth_m - 8.0) / 15.0) ** 2)) * np.minimum(1.0, depth_m / 6.0) ** 2
    strength = 2.6 * beam * reach
    returns = np.ones(seg.shape, np.float32)
    returns[(seg == SemanticTag.ROAD_LINES) | (seg == SemanticTag.TRAFFIC_SIGNS)] = 1.5
    # A picture without any ground was not taken from a car.
    headlights = (strength * returns * np.isin(group, _GROUND).any())[..., None] * _HEADLIGHT
    near_lamps = np.zeros(seg.shape, np.float32)
    near_lamps[(group == LayoutGroup.SIDEWALK) | (group == LayoutGroup.BUILDING)] = 0.13
    near_lamps[(group == LayoutGroup.ROAD) | (group == LayoutGroup.ROAD_LINE)] = 0.06
    near_lamps[(group == LayoutGroup.VEHICLE) | (group == LayoutGroup.PERSON)] = 0.09
    lamps = cv2.blur(near_lamps, (9, 9)) * np.exp(-depth_m / 90.0)
    return surface * (headlights + lamps[..., None] * _SODIUM)


def add_lamps(
    source: np.ndarray,
    rgb: np.ndarray,
    seg: np.ndarray,
    depth_m: np.ndarray,
    haze_per_m: float,
    rng: np.random.Generator,
) -> np.ndarray:
    """Things that shine by themselves: windows, street lamps, vehicle lamps, lit lenses of traffic lights.

    Args:
        source: (H, W, 3) float32 linear light by day.
        rgb: (H, W, 3) uint8, the same picture.
        seg: (H, W) uint8 CARLA tags.
        depth_m: (H, W) float32 metres.
        haze_per_m: extinction of the air; in thick air lamps have wide halos.
        rng: decides which windows are lit.

    Returns:
        (H, W, 3) float32 linear light to add.
    """
    shine = (0.55 * lit_windows(luminance_of(source), seg, rng, 0.4))[..., None] * _WINDOW
    halo = 1.0 + 1.5 * min(1.0, haze_per_m / 0.035)
    _add_street_lamps(shine, seg, depth_m, halo)
    _add_vehicle_lamps(shine, seg, depth_m, halo)
    burning = lit_lenses(rgb, seg)
    if burning.any():
        lamp = source * burning[..., None]
        shine += 0.9 * lamp + 1.5 * cv2.blur(lamp, (5, 5))
    return shine


def _add_street_lamps(shine: np.ndarray, seg: np.ndarray, depth_m: np.ndarray, halo: float) -> None:
    height, width = depth_m.shape
    for pole in blobs(seg == SemanticTag.POLES, depth_m, least_px=8, most=8):
        upright = pole.height_px >= max(0.12 * height, 2.0 * pole.area_px / pole.height_px)
        if upright and pole.depth_m < 60.0:
            radius = halo * float(np.clip(0.03 * width / max(pole.depth_m, 1.0) * 3.0, 0.7, 4.0))
            centre = pole.left_px + pole.width_px / 2.0
            layers.add_glow(shine, centre, pole.top_px + 1.0, radius, _SODIUM, 0.9)


def _add_vehicle_lamps(shine: np.ndarray, seg: np.ndarray, depth_m: np.ndarray, halo: float) -> None:
    width = depth_m.shape[1]
    vehicles = (seg == SemanticTag.CAR) | (seg == SemanticTag.TRUCK) | (seg == SemanticTag.BUS)
    for vehicle in blobs(vehicles, depth_m, least_px=24, most=10):
        if vehicle.depth_m > 80.0 or vehicle.height_px < 5:
            continue
        # Seen from the side, or cut off by the edge: the box does not say where the lamps are.
        cut = vehicle.left_px == 0 or vehicle.left_px + vehicle.width_px == width
        whole = vehicle.area_px > 0.6 * vehicle.width_px * vehicle.height_px
        if cut or not whole or vehicle.width_px > 1.7 * vehicle.height_px:
            continue
        lateral_m = (vehicle.left_px + vehicle.width_px / 2.0 - width / 2.0) / (width / 2.0) * vehicle.depth_m
        # Traffic keeps right: what stands well to the left comes towards us.
        towards_us = lateral_m < -2.0
        radius = halo * float(np.clip(0.10 * width / 2.0 / max(vehicle.depth_m, 1.0), 0.6, 3.0))
        for place in (0.16, 0.84):
            layers.add_glow(
                shine,
                vehicle.left_px + place * vehicle.width_px,
                vehicle.top_px + 0.58 * vehicle.height_px,
                radius,
                _HEADLIGHT if towards_us else _TAIL,
                1.2 if towards_us else 0.6,
            )
