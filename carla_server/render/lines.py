"""Debug lines as ribbons that face the camera."""

from __future__ import annotations

from collections.abc import Sequence

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


_EDGES = np.array([(a, b) for a in range(8) for b in range(a) if (a ^ b).bit_count() == 1])
"""The twelve edges of a box whose corners are numbered by three bits."""
_SIGNS = np.array([[-1.0 if number >> bit & 1 else 1.0 for bit in range(3)] for number in range(8)])


def join_lines(
    begin_m: Sequence | np.ndarray, end_m: Sequence | np.ndarray, width_m: float, color: tuple[int, int, int]
) -> np.ndarray:
    """(N,) LINE_DTYPE of N begins and ends, world metres, all of one width and colour."""
    lines = np.zeros(len(begin_m), LINE_DTYPE)
    lines["begin_m"], lines["end_m"], lines["width_m"], lines["color"] = begin_m, end_m, width_m, color
    return lines


def box_lines(
    center_m: np.ndarray,
    extent_m: Sequence[float],
    turn: np.ndarray,
    width_m: float,
    color: tuple[int, int, int],
) -> np.ndarray:
    """(12,) LINE_DTYPE, the edges of a box: half lengths and a (3, 3) rotation from its frame into the world."""
    corners = center_m + (_SIGNS * np.asarray(extent_m)) @ turn.T
    return join_lines(corners[_EDGES[:, 0]], corners[_EDGES[:, 1]], width_m, color)


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
