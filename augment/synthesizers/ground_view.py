"""`GroundView`: the ground of a labelled frame as a plane, and what a mirror lying on it would show."""

from __future__ import annotations

import math
from dataclasses import dataclass

import cv2
import numpy as np

from augment.layout import LayoutGroup
from augment.synthesizers.scene_cues import horizon_row_px
from augment.view_geometry import camera_to_ego, focal_px, project, rays_in_ego
from carla_agents.policies.base import CameraSpec

GROUND = (LayoutGroup.ROAD, LayoutGroup.ROAD_LINE, LayoutGroup.SIDEWALK)
_LEAST_GROUND_PX = 50
_PLANE_REACH_M = 40.0
_SKY_M = 1000.0
_FARTHEST_M = 150.0
"""What is farther is mirrored as the sky is: as if it were infinitely far."""
_LOWEST_M = 0.05
"""Things stand at least so high above the plane; what is lower is ground that is not even."""
_GAP_SHARE = 0.08
"""Gaps up to this share of the picture's height are closed."""
_GUESSED_FOV_DEG = 90.0


@dataclass(frozen=True)
class GroundView:
    """One frame.

    Attributes:
        ground: (H, W) bool, roads and pavements.
        points_in_ego_m: (3, H, W) float32, what each pixel sees.
        steepness: (H, W) float32 in [0, 1], sine of the angle between the line of sight and the plane.
    """

    ground: np.ndarray
    points_in_ego_m: np.ndarray
    steepness: np.ndarray
    _camera: CameraSpec
    _depth_m: np.ndarray
    _plane: tuple[np.ndarray, float]

    @classmethod
    def of(cls, group: np.ndarray, depth_m: np.ndarray, camera: CameraSpec | None) -> GroundView | None:
        """The view of one frame; None where it shows too little ground.

        Args:
            group: (H, W) uint8 LayoutGroup.
            depth_m: (H, W) float32 metres.
            camera: that saw it; None guesses a level one with 90 degrees of view, from the depth of the road.
        """
        ground = np.isin(group, GROUND)
        if np.count_nonzero(ground) < _LEAST_GROUND_PX:
            return None
        depth_m = np.where(group == LayoutGroup.SKY, np.float32(_SKY_M), depth_m)
        camera = camera or _guessed_camera(group, depth_m, ground)
        rays = rays_in_ego(camera, *group.shape)
        eye = camera_to_ego(camera)[:3, 3].astype(np.float32)
        points = eye[:, None, None] + depth_m * rays
        road = ground & (group != LayoutGroup.SIDEWALK)
        plane = _fitted_plane(points, road if np.count_nonzero(road) >= _LEAST_GROUND_PX else ground, depth_m)
        normal, offset_m = plane
        above_m = max(float(normal @ eye) - offset_m, 0.1)
        distance_m = depth_m * np.sqrt((rays * rays).sum(0))
        steepness = np.clip(above_m / np.maximum(distance_m, above_m), 0.0, 1.0)
        return cls(ground, points, steepness, camera, depth_m, plane)

    @property
    def focal_px(self) -> float:
        """Focal length of the frame's camera."""
        return focal_px(self._camera, self.ground.shape[1])

    def mirror_image(self, light: np.ndarray) -> np.ndarray:
        """What a mirror on the plane shows at each pixel: what stands in the picture, before its sky.

        A thing that the picture shows only from above, from behind or not at all is missing in the image.

        Args:
            light: (H, W, 3) float32 linear light.

        Returns:
            (H, W, 3) float32; of use on the ground only.
        """
        normal, offset_m = self._plane
        height, width = self.ground.shape
        image, known = np.zeros_like(light), np.zeros((height, width), np.uint8)
        above_m = np.tensordot(normal, self.points_in_ego_m, 1) - offset_m
        row, column = np.nonzero(~self.ground & (self._depth_m < _FARTHEST_M) & (above_m > _LOWEST_M))
        points = self.points_in_ego_m[:, row, column] - 2.0 * above_m[row, column] * normal[:, None]
        column_there, row_there, forward_m = project(self._camera, points, height, width)
        to = np.rint(row_there).astype(np.intp), np.rint(column_there).astype(np.intp)
        inside = (forward_m > 0.1) & (to[0] >= 0) & (to[0] < height) & (to[1] >= 0) & (to[1] < width)
        # Near things are drawn last, over far ones.
        order = np.flatnonzero(inside)[np.argsort(-forward_m[inside], kind="stable")]
        image[to[0][order], to[1][order]] = light[row[order], column[order]]
        known[to[0][order], to[1][order]] = 1
        return _without_gaps(image, known, self._mirrored_sky(light), max(3, int(_GAP_SHARE * height) | 1))

    def _mirrored_sky(self, light: np.ndarray) -> np.ndarray:
        """The image of what is infinitely far; things in front of it do not stand in its way."""
        normal, _ = self._plane
        height, width = self.ground.shape
        far = self._depth_m >= _FARTHEST_M
        behind = light.copy()
        behind[~far] = light[far].mean(0) if far.any() else light[: max(height // 8, 1)].mean((0, 1))
        # What goes out of the picture at its top is thought to go on.
        behind[0] = light[0]
        rays = rays_in_ego(self._camera, height, width)
        turned = rays - 2.0 * np.tensordot(normal, rays, 1) * normal[:, None, None]
        eye = camera_to_ego(self._camera)[:3, 3].astype(np.float32)[:, None, None]
        columns, rows, _ = project(self._camera, eye + turned, height, width)
        return cv2.remap(
            behind,
            columns.astype(np.float32),
            rows.astype(np.float32),
            cv2.INTER_LINEAR,
            borderMode=cv2.BORDER_REPLICATE,
        )


def _without_gaps(image: np.ndarray, known: np.ndarray, sky: np.ndarray, side: int) -> np.ndarray:
    """The image before the sky, its gaps closed by the darkest that stands around them.

    Under a vehicle there is a gap: its underside is not seen, and the sky does not shine through.
    """
    upright, small = np.ones((side, 1), np.uint8), np.ones((3, 3), np.uint8)
    closed = cv2.morphologyEx(cv2.morphologyEx(known, cv2.MORPH_CLOSE, small), cv2.MORPH_CLOSE, upright)
    darkest = cv2.erode(np.where(known[..., None] == 1, image, np.float32(1e3)), np.ones((side + 2, 3), np.uint8))
    image = np.where(((closed == 1) & (known == 0))[..., None], darkest, image)
    return np.where(closed[..., None] == 1, image, sky)


def _fitted_plane(points_m: np.ndarray, ground: np.ndarray, depth_m: np.ndarray) -> tuple[np.ndarray, float]:
    """Unit normal (3,) float32, upwards, and its product with any point of the plane."""
    near = ground & (depth_m < _PLANE_REACH_M)
    chosen = points_m[:, near if np.count_nonzero(near) >= _LEAST_GROUND_PX else ground].astype(np.float64)
    chosen = chosen[:, :: max(1, chosen.shape[1] // 2000)]
    x, y, z = chosen
    # A pixel far away says little about its height.
    weight = 1.0 / (1.0 + (x / 10.0) ** 2)
    slope = np.linalg.lstsq(np.stack([x, y, np.ones_like(x)], 1) * weight[:, None], z * weight, rcond=None)[0]
    length = math.sqrt(slope[0] ** 2 + slope[1] ** 2 + 1.0)
    return np.array([-slope[0], -slope[1], 1.0], np.float32) / np.float32(length), float(slope[2] / length)


def _guessed_camera(group: np.ndarray, depth_m: np.ndarray, ground: np.ndarray) -> CameraSpec:
    height, width = group.shape
    horizon_px = horizon_row_px(group, depth_m)
    rows = np.arange(height, dtype=np.float32)[:, None] - horizon_px
    below = ground & (rows > 1.0)
    focal = width / (2.0 * math.tan(math.radians(_GUESSED_FOV_DEG) / 2.0))
    height_m = float(np.median((rows * depth_m)[below])) / focal if below.any() else 1.6
    pitch_deg = math.degrees(math.atan((horizon_px - (height - 1) / 2.0) / focal))
    return CameraSpec(width, height, _GUESSED_FOV_DEG, (0.0, 0.0, height_m), pitch_deg)
