"""A drive through a drawn room, seen by a camera whose every pixel is known, and synthesizers that misbehave."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pytest

from augment.conditions import DOMINANT, Condition
from augment.synthesizers.base import FrameBatch
from carla_agents.policies.base import CameraSpec
from carla_server.semantics import SemanticTag

CAMERA = CameraSpec(width_px=64, height_px=40, fov_deg=90.0, position_in_ego_m=(0.0, 0.0, 1.5), pitch_deg=0.0)
_WALL_M = 40.0


def view(x_m: float, car_at_m: tuple[float, float] | None = None, key: str = "") -> FrameBatch:
    """One frame of a street that ends at a painted wall, from `x_m` along it.

    Args:
        x_m: the ego's place.
        car_at_m: forward and right of the world's origin; a flat red car of 2 m width stands there.
        key: of the frame.
    """
    width, height = CAMERA.width_px, CAMERA.height_px
    right = (np.arange(width) - width / 2 + 0.5) / (width / 2)
    up = (height / 2 - 0.5 - np.arange(height)) / (width / 2)
    right, up = np.meshgrid(right, up)
    on_road_m = np.where(up < -1e-3, 1.5 / np.maximum(-up, 1e-3), np.inf)
    depth = np.minimum(on_road_m, _WALL_M - x_m)
    road = on_road_m < _WALL_M - x_m
    seg = np.where(road, SemanticTag.ROADS, SemanticTag.BUILDINGS).astype(np.uint8)
    x, y, z = x_m + depth, right * depth, 1.5 + up * depth
    stripes = 90 + 40 * np.sin(0.4 * x) * road + 50 * np.sin(0.3 * y) + 30 * np.sin(0.4 * z) * ~road
    rgb = np.stack([stripes, 0.8 * stripes + 20, 1.1 * stripes], 2)
    if car_at_m is not None:
        ahead_m = car_at_m[0] - x_m
        car = (np.abs(right * ahead_m - car_at_m[1]) < 1.0) & (up * ahead_m < 0.0) & (up * ahead_m > -1.5)
        car &= depth > ahead_m
        depth, seg = np.where(car, ahead_m, depth), np.where(car, SemanticTag.CAR, seg).astype(np.uint8)
        rgb[car] = 200, 40, 40
    pose = np.eye(4)
    pose[0, 3] = x_m
    return FrameBatch(
        np.clip(rgb, 0, 255).astype(np.uint8)[None],
        seg[None],
        depth.astype(np.float32)[None],
        (DOMINANT,),
        (key or f"room/{x_m:.3f}",),
        ego_to_world=pose[None],
        camera=CAMERA,
    )


def darker(rgb: np.ndarray) -> np.ndarray:
    """What `Darken` makes of a picture."""
    return (rgb.astype(np.int32) // 3 + 10).astype(np.uint8)


@dataclass
class Darken:
    """A synthesizer that darkens, counts its calls, can sleep, raise or return NaN."""

    sleep_s: float = 0.0
    trouble: dict[int, str] = field(default_factory=dict)
    """Number of a call -> `raise`, `nan` or `shape`."""
    name: str = "darken"
    provenance: dict[str, Any] = field(default_factory=dict)
    calls: list[int] = field(default_factory=list)
    seeds: list[int] = field(default_factory=list)

    def __call__(self, frames: FrameBatch, targets: list[Condition], seeds: np.ndarray) -> np.ndarray:
        number = len(self.calls)
        self.calls.append(len(frames))
        self.seeds += [int(seed) for seed in seeds]
        time.sleep(self.sleep_s)
        trouble = self.trouble.get(number)
        if trouble == "raise":
            raise FloatingPointError("the engine is on fire")
        if trouble == "nan":
            return np.full(frames.rgb.shape, np.nan, np.float32)
        if trouble == "shape":
            return frames.rgb[:, ::2]
        return darker(frames.rgb)


@pytest.fixture
def darken() -> Darken:
    return Darken()
