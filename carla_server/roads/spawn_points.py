"""Places where a vehicle may appear: spread over the driving lanes, away from junctions and stop lines."""

from __future__ import annotations

import numpy as np

from carla_server.roads.lane_strips import LaneStrip

SPACING_M = 18.0
JUNCTION_CLEARANCE_M = 8.0
ABOVE_ROAD_M = 0.5
"""CARLA's own towns drop vehicles from about half a metre."""

MIN_WIDTH_M = 2.6
LARGEST_YAW_DEG = 179.999
"""Scripts compare a fresh vehicle's yaw with its spawn point's; from half a turn rounding leads to 180 or to -180."""

SHORTEST_LANE_M = 6.0
"""A lane between two junctions that is too short for the clearance has one point in its middle, from here on."""


def spawn_points(strips: list[LaneStrip]) -> np.ndarray:
    """Spawn points in the order of roads and lanes; every lane of `SHORTEST_LANE_M` and `MIN_WIDTH_M` has one.

    Returns:
        (N, 6) float64: x, y, z in metres, pitch, yaw, roll in degrees; yaw is the direction of travel.
    """
    points = []
    for strip in strips:
        if strip.kind != "driving" or strip.road.junction_id >= 0:
            continue
        first, last = strip.s_m[0], strip.s_m[-1]
        low = max(first, JUNCTION_CLEARANCE_M)
        high = min(last, strip.road.length_m - JUNCTION_CLEARANCE_M)
        if high > low:
            count = int((high - low) / SPACING_M) + 1
            s = low + (np.arange(count) + 0.5) * (high - low) / count
        elif last - first >= SHORTEST_LANE_M:
            s = np.array([(first + last) / 2])
        else:
            continue
        inner, outer = strip.road.lane_edges_m(strip.section, strip.lane_id, s)
        wide = np.abs(outer - inner) >= MIN_WIDTH_M
        s, t = s[wide], ((inner + outer) / 2)[wide]
        position = strip.road.position_m(s, t)
        sign = strip.travel_sign()
        rise = (strip.road.height_m(s + 0.5, t) - strip.road.height_m(s - 0.5, t)) * sign
        yaw = strip.road.yaw_deg(s) + (0.0 if sign > 0 else 180.0)
        yaw = np.clip(np.mod(yaw + 180.0, 360.0) - 180.0, -LARGEST_YAW_DEG, LARGEST_YAW_DEG)
        up = np.zeros(len(s))
        columns = [
            position[:, 0],
            position[:, 1],
            position[:, 2] + ABOVE_ROAD_M,
            np.rad2deg(np.arctan(rise)),
            yaw,
            up,
        ]
        points.append(np.stack(columns, axis=-1))
    return np.concatenate(points) if points else np.zeros((0, 6))
