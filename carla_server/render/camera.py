"""A pinhole camera in CARLA's frame: matrices, frustum and what is visible."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

NEAR_M = 0.15
FAR_M = 1000.0
"""CARLA's depth camera saturates at 1 km."""
MAX_SIDE_PX = 8192
MAX_FOV_DEG = 170.0


@dataclass(frozen=True)
class CameraView:
    """Size and horizontal field of view of a picture, as CARLA's camera attributes."""

    width_px: int
    height_px: int
    fov_deg: float = 90.0

    def __post_init__(self) -> None:
        for name in ("width_px", "height_px"):
            if not 1 <= getattr(self, name) <= MAX_SIDE_PX:
                raise ValueError(f"{name} must be in [1, {MAX_SIDE_PX}], got {getattr(self, name)}")
        if not 1.0 <= self.fov_deg <= MAX_FOV_DEG:
            raise ValueError(f"fov_deg must be in [1, {MAX_FOV_DEG:g}], got {self.fov_deg}")

    @property
    def half_width(self) -> float:
        """Half the picture's width on the plane one metre ahead."""
        return float(np.tan(np.radians(self.fov_deg) / 2.0))

    @property
    def half_height(self) -> float:
        """Half the picture's height on the plane one metre ahead."""
        return self.half_width * self.height_px / self.width_px

    @property
    def focal_px(self) -> float:
        return self.width_px / (2.0 * self.half_width)


def rotation_matrix(rotation_deg: np.ndarray) -> np.ndarray:
    """World-from-body rotation of CARLA rotations.

    Args:
        rotation_deg: (..., 3) pitch, yaw, roll; pitch up, yaw clockwise from above, roll to the right.

    Returns:
        (..., 3, 3) float64; columns are the body's forward, right and up axes.

    Source: the matrix of `carla.Transform.get_matrix`.
    """
    angle = np.radians(np.asarray(rotation_deg, np.float64))
    (cp, cy, cr), (sp, sy, sr) = (part(angle).T for part in (np.cos, np.sin))
    out = np.empty((*angle.shape[:-1], 3, 3)).T  # indices reversed: column, row, then the leading axes
    out[0, 0], out[1, 0], out[2, 0] = cp * cy, cy * sp * sr - sy * cr, -cy * sp * cr - sy * sr
    out[0, 1], out[1, 1], out[2, 1] = cp * sy, sy * sp * sr + cy * cr, -sy * sp * cr + cy * sr
    out[0, 2], out[1, 2], out[2, 2] = sp, -cp * sr, cp * cr
    return out.T


@dataclass(frozen=True)
class Viewpoint:
    """A camera at a pose.

    Attributes:
        eye_m: (3,) world position.
        axes: (3, 3) columns forward, right, up.
        view_projection: (4, 4), world to clip space; the picture's top row comes first in memory.
        focal_px: focal length.
    """

    eye_m: np.ndarray
    axes: np.ndarray
    view_projection: np.ndarray
    focal_px: float

    @cached_property
    def planes(self) -> np.ndarray:
        """(6, 4) by `frustum_planes`."""
        return frustum_planes(self.view_projection)

    @classmethod
    def of(cls, camera: CameraView, pose: np.ndarray) -> Viewpoint:
        """Put a camera at `pose` = x, y, z (m), pitch, yaw, roll (degrees).

        Raises:
            ValueError: the pose is not six finite numbers.
        """
        pose = np.asarray(pose, np.float64)
        if pose.shape != (6,) or not np.isfinite(pose).all():
            raise ValueError(f"a camera pose is six finite numbers x, y, z, pitch, yaw, roll, got {pose}")
        axes = rotation_matrix(pose[3:])
        view = np.eye(4)
        view[:3, :3] = axes.T
        view[:3, 3] = -axes.T @ pose[:3]
        depth_scale = (FAR_M + NEAR_M) / (FAR_M - NEAR_M)
        projection = np.zeros((4, 4))
        projection[0, 1] = 1.0 / camera.half_width
        # GL writes the bottom row first; with "up" negated the top row comes first and nothing needs flipping.
        projection[1, 2] = -1.0 / camera.half_height
        projection[2, 0] = depth_scale
        projection[2, 3] = -NEAR_M * (1.0 + depth_scale)
        projection[3, 0] = 1.0
        return cls(pose[:3], axes, projection @ view, camera.focal_px)


def spheres_in_frustum(planes: np.ndarray, middle_m: np.ndarray, radius_m: np.ndarray) -> np.ndarray:
    """(N,) bool: which spheres, (N, 3) middles and (N,) radii, may be seen; planes by `frustum_planes`."""
    return (middle_m @ planes[:, :3].T + radius_m[:, None] > -planes[:, 3]).all(1)


def frustum_planes(view_projection: np.ndarray) -> np.ndarray:
    """(6, 4) planes of a (4, 4) world-to-clip matrix; their unit normals point inward."""
    rows = view_projection
    planes = np.concatenate([rows[3] + rows[:3], rows[3] - rows[:3]])
    return planes / np.sqrt((planes[:, :3] ** 2).sum(1, keepdims=True))
