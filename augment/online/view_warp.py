"""`ViewWarp`: where each pixel of the present view was in an earlier one, from depth and ego motion."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from augment.layout import LayoutGroup, groups
from augment.view_geometry import camera_to_ego, focal_px
from carla_agents.policies.base import CameraSpec

_MOVING = (LayoutGroup.VEHICLE, LayoutGroup.PERSON)
_DEPTH_TOLERANCE = (0.05, 0.30)  # share of the distance, metres
_MOVING_TOLERANCE = (0.02, 0.15)
_SAME_LEVELS, _OTHER_LEVELS = 14.0, 40.0
_ALIKE = np.clip((_OTHER_LEVELS - np.arange(256)) / (_OTHER_LEVELS - _SAME_LEVELS), 0.0, 1.0).astype(np.float32)
_IS_MOVING = np.isin(np.arange(256), _MOVING)


@dataclass(frozen=True)
class View:
    """One frame as a view of the world.

    Attributes:
        rgb: (H, W, 3) uint8 as recorded.
        group: (H, W) uint8 LayoutGroup.
        depth_m: (H, W) float32 metres along the camera's axis.
        ego_to_world: (4, 4) float64.
    """

    rgb: np.ndarray
    group: np.ndarray
    depth_m: np.ndarray
    ego_to_world: np.ndarray

    @classmethod
    def of(cls, rgb: np.ndarray, seg: np.ndarray, depth_m: np.ndarray, ego_to_world: np.ndarray) -> View:
        """A view from CARLA tags instead of groups."""
        return cls(rgb, groups(seg), np.asarray(depth_m, np.float32), ego_to_world)


@dataclass(frozen=True)
class Correspondence:
    """The present view's pixels in an earlier view.

    Attributes:
        x_px, y_px: (H, W) float32 pixel coordinates in the earlier view.
        trust: (H, W) float32 in [0, 1]: 1 where both views see the same unmoved surface in the same light, 0 where
            the earlier view did not see it, or something has moved or changed its colour (a lamp, a traffic light).
    """

    x_px: np.ndarray
    y_px: np.ndarray
    trust: np.ndarray

    def sample(self, picture: np.ndarray) -> np.ndarray:
        """A picture of the earlier view, seen from the present one."""
        return cv2.remap(picture, self.x_px, self.y_px, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)


class ViewWarp:
    """Backward warping for one camera.

    Args:
        camera: its size, field of view and mount on the ego vehicle.
    """

    def __init__(self, camera: CameraSpec) -> None:
        self.camera = camera
        width, height = camera.width_px, camera.height_px
        self._focal_px = focal_px(camera, width)
        self._centre_px = (width / 2.0 - 0.5, height / 2.0 - 0.5)
        # Camera axes are CARLA's: x forward, y right, z up; a ray has x = 1.
        self._right = ((np.arange(width, dtype=np.float32) - self._centre_px[0]) / self._focal_px)[None]
        self._up = ((self._centre_px[1] - np.arange(height, dtype=np.float32)) / self._focal_px)[:, None]
        self._camera_to_ego = camera_to_ego(camera)
        self._ego_to_camera = np.linalg.inv(self._camera_to_ego)

    def find(self, then: View, now: View) -> Correspondence:
        """Where the pixels of `now` were in `then`.

        Trust falls to 0 where the earlier depth, label or colour do not fit; things that may move are held to a
        tighter depth, and traffic lights never count as unchanged.
        """
        self._check(then)
        self._check(now)
        ego_to_then = np.linalg.inv(then.ego_to_world) @ now.ego_to_world
        motion = (self._ego_to_camera @ ego_to_then @ self._camera_to_ego).astype(np.float32)
        depth_m = now.depth_m
        forward, right, up = (
            depth_m * (row[0] + row[1] * self._right + row[2] * self._up) + row[3] for row in motion[:3]
        )
        ahead = np.maximum(forward, 0.05)
        x_px = self._centre_px[0] + self._focal_px * right / ahead
        y_px = self._centre_px[1] - self._focal_px * up / ahead
        height, width = depth_m.shape
        known = (forward > 0.1) & (x_px > -0.5) & (x_px < width - 0.5) & (y_px > -0.5) & (y_px < height - 0.5)
        column = np.clip(np.rint(x_px), 0, width - 1).astype(np.intp)
        row = np.clip(np.rint(y_px), 0, height - 1).astype(np.intp)
        flat = (row * width + column).ravel()
        then_depth_m = then.depth_m.ravel()[flat].reshape(height, width)
        then_group = then.group.ravel()[flat].reshape(height, width)
        moving = _IS_MOVING[now.group]
        share = np.where(moving, np.float32(_MOVING_TOLERANCE[0]), np.float32(_DEPTH_TOLERANCE[0]))
        least_m = np.where(moving, np.float32(_MOVING_TOLERANCE[1]), np.float32(_DEPTH_TOLERANCE[1]))
        known &= np.abs(then_depth_m - forward) <= share * forward + least_m
        known &= (then_group == now.group) & (now.group != LayoutGroup.TRAFFIC_CONTROL)
        before = cv2.remap(then.rgb, x_px, y_px, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
        red, green, blue = cv2.split(cv2.absdiff(before, now.rgb))
        alike = _ALIKE[cv2.max(cv2.max(red, green), blue)]
        return Correspondence(x_px, y_px, alike * known)

    def _check(self, view: View) -> None:
        height, width = view.depth_m.shape
        camera = self.camera
        if (width, height) != (camera.width_px, camera.height_px):
            raise ValueError(f"the camera has {camera.width_px}x{camera.height_px} px, the frame {width}x{height}")
