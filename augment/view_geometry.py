"""Where a camera on the ego vehicle sees what: pixels to points and back, in CARLA's axes (forward, right, up)."""

from __future__ import annotations

import math

import numpy as np

from carla_agents.policies.base import CameraSpec


def focal_px(camera: CameraSpec, width_px: int) -> float:
    """Focal length of pictures of this width."""
    return width_px / (2.0 * math.tan(math.radians(camera.fov_deg) / 2.0))


def camera_to_ego(camera: CameraSpec) -> np.ndarray:
    """(4, 4) float64 pose of the camera on the ego vehicle."""
    pitch = math.radians(camera.pitch_deg)
    c, s = math.cos(pitch), math.sin(pitch)
    x, y, z = camera.position_in_ego_m
    return np.array([[c, 0, -s, x], [0, 1, 0, y], [s, 0, c, z], [0, 0, 0, 1]], np.float64)


def rays_in_ego(camera: CameraSpec, height_px: int, width_px: int) -> np.ndarray:
    """(3, H, W) float32: what a pixel sees at depth d lies at the camera's place plus d times its ray."""
    focal = focal_px(camera, width_px)
    right = (np.arange(width_px) - (width_px - 1) / 2.0) / focal
    up = ((height_px - 1) / 2.0 - np.arange(height_px)) / focal
    in_camera = np.stack(np.broadcast_arrays(1.0, right[None], up[:, None]))
    return np.tensordot(camera_to_ego(camera)[:3, :3], in_camera, 1).astype(np.float32)


def project(
    camera: CameraSpec, points_in_ego_m: np.ndarray, height_px: int, width_px: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Columns and rows at which the camera sees points, and their depths in metres.

    Args:
        camera: where and how it looks.
        points_in_ego_m: (3, ...) forward, right, up.
        height_px, width_px: size of the picture.

    Returns:
        three float arrays (...); with a depth below 0.1 m columns and rows mean nothing.
    """
    pose = camera_to_ego(camera).astype(points_in_ego_m.dtype)
    place = pose[:3, 3].reshape(3, *[1] * (points_in_ego_m.ndim - 1))
    forward, right, up = np.tensordot(pose[:3, :3].T, points_in_ego_m - place, 1)
    focal = focal_px(camera, width_px)
    safe = np.maximum(forward, 0.1)
    return right / safe * focal + (width_px - 1) / 2.0, (height_px - 1) / 2.0 - up / safe * focal, forward
