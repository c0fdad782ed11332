"""Where another way meets the ego's."""

from __future__ import annotations

import numpy as np

from carla_agents.driving.route import Route

_MEETS_M = 2.0


def first_meeting_m(
    route: Route, distance_m: np.ndarray, line_m: np.ndarray, from_m: float, to_m: float
) -> tuple[float, float]:
    """Where another way first comes to a stretch of the ego's route, or comes closest to it, along either.

    Args:
        route: the ego's.
        distance_m: (K,) distances along the other way.
        line_m: (K, 2) its places.
        from_m, to_m: the stretch.
    """
    own = np.flatnonzero((route.distance_m >= from_m) & (route.distance_m <= to_m))
    away_m = np.linalg.norm(line_m[:, None] - route.points_m[None, own, :2], axis=-1)
    nearest_m = away_m.min(axis=1)
    near = np.flatnonzero(nearest_m < _MEETS_M)
    at = int(near[0]) if len(near) else int(nearest_m.argmin())
    return float(route.distance_m[own[int(away_m[at].argmin())]]), float(distance_m[at])
