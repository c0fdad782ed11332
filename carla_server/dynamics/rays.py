"""Rays and swept spheres against oriented boxes."""

from __future__ import annotations

import numpy as np


def ray_hits(
    origin_m: np.ndarray,
    direction: np.ndarray,
    range_m: float,
    centers_m: np.ndarray,
    extents_m: np.ndarray,
    headings: np.ndarray,
    radius_m: float = 0.0,
) -> np.ndarray:
    """Distance along a ray to each box (slab test in the box's frame).

    Args:
        origin_m: (3,) start, world frame.
        direction: (3,) unit vector.
        range_m: length of the ray.
        centers_m, extents_m: (M, 3) centres and half lengths of the boxes.
        headings: (M, 2) cosine and sine of their yaws.
        radius_m: radius of a sphere that is swept along the ray; the boxes grow by it on every side.

    Returns:
        (M,) float64 metres; 0 when the start lies inside, inf when the box is missed.
    """
    if not len(headings):
        return np.zeros(0)
    cosine, sine = headings.T
    offset = np.asarray(origin_m, dtype=np.float64) - centers_m
    local = np.stack(
        (offset[:, 0] * cosine + offset[:, 1] * sine, offset[:, 1] * cosine - offset[:, 0] * sine, offset[:, 2])
    )
    along = np.stack(
        (
            direction[0] * cosine + direction[1] * sine,
            direction[1] * cosine - direction[0] * sine,
            np.full_like(cosine, direction[2]),
        )
    )
    along = np.where(np.abs(along) < 1e-12, 1e-12, along)
    reach = extents_m.T + radius_m
    first = (-np.sign(along) * reach - local) / along
    second = (np.sign(along) * reach - local) / along
    enter = np.maximum(first.max(axis=0), 0.0)
    leave = second.min(axis=0)
    return np.where((enter <= leave) & (enter <= range_m), enter, np.inf)
