"""Debug lines as ribbons that face the camera."""

from __future__ import annotations

import numpy as np

from carla_server.render.camera import Viewpoint

LINE_DTYPE = np.dtype(
    [
        ("begin_m", "<f4", 3),
        ("end_m", "<f4", 3),  # the same place for a point, which becomes a square
        ("width_m", "<f4"),
        ("color", "u1", 3),  # sRGB
    ]
)
"""One line or point in the world."""

RIBBON_DTYPE = np.dtype([("position_m", "<f4", 3), ("color", "u1", 4)])
"""One vertex of a ribbon; three make a triangle."""

_LEAST_WIDTH_PX = 1.2
_CORNERS = np.array([(0, -1), (0, 1), (1, 1), (0, -1), (1, 1), (1, -1)])
"""(end, side) of the six vertices of a ribbon's two triangles."""


def ribbons(lines: np.ndarray, view: Viewpoint) -> np.ndarray:
    """Vertices of all lines as one camera sees them.

    Args:
        lines: (N,) LINE_DTYPE.
        view: they turn towards it, and are never thinner than about a pixel.

    Returns:
        (6 N,) RIBBON_DTYPE.
    """
    ends = np.stack([lines["begin_m"], lines["end_m"]], axis=1).astype(np.float64)
    is_point = (ends[:, 0] == ends[:, 1]).all(axis=1)
    # A point is a short line across the picture, as long as it is wide.
    half_m = lines["width_m"][:, None] / 2.0
    ends[is_point, 0] -= half_m[is_point] * view.axes[:, 1]
    ends[is_point, 1] += half_m[is_point] * view.axes[:, 1]
    sight = ends - view.eye_m
    side = np.cross(ends[:, 1] - ends[:, 0], sight.mean(axis=1))
    length = np.linalg.norm(side, axis=1, keepdims=True)
    side = np.where(length > 1e-9, side / np.maximum(length, 1e-9), view.axes[:, 2])
    away_m = np.linalg.norm(sight, axis=2)
    half = np.maximum(half_m, 0.5 * _LEAST_WIDTH_PX * away_m / view.focal_px)
    end, sign = _CORNERS.T
    out = np.empty((len(lines), 6), RIBBON_DTYPE)
    out["position_m"] = ends[:, end] + (half[:, end] * sign)[..., None] * side[:, None]
    out["color"][..., :3] = lines["color"][:, None]
    out["color"][..., 3] = 255
    return out.reshape(-1)
