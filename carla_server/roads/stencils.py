"""Turn arrows on the road, drawn from the stencil objects that CARLA's maps name."""

from __future__ import annotations

import numpy as np

from carla_server.roads.opendrive import Road, RoadObject

_SHAFT_M = [(-1.3, -0.08), (0.25, -0.08), (0.25, 0.08), (-1.3, 0.08)]
_BEND_M = [(0.09, 0.08), (0.25, 0.08), (0.25, 0.55), (0.09, 0.55)]
_HEAD_M = [(-0.18, 0.55), (0.52, 0.55), (0.17, 1.0), (0.17, 1.0)]
_STRAIGHT_HEAD_M = [(0.25, -0.35), (1.3, 0.0), (1.3, 0.0), (0.25, 0.35)]
_PREFIX = "Stencil_Arrow"


def arrow_quads_m(road: Road, item: RoadObject) -> list[np.ndarray]:
    """World corners of the quads of one arrow, each (4, 3); empty for other objects.

    The arrow points along the traffic of the lane it lies on, whatever the object's own heading: its name's last
    letter says where the lane leads (L left, R right, else straight on).
    """
    if not item.name.startswith(_PREFIX):
        return []
    turn = {"L": 1.0, "R": -1.0}.get(item.name[-1])
    shapes = [_SHAFT_M, _STRAIGHT_HEAD_M] if turn is None else [_SHAFT_M, _BEND_M, _HEAD_M]
    sign = 1.0 if item.t_m < 0 else -1.0
    quads = []
    for shape in shapes:
        along, left = np.array(shape).T
        s = np.clip(item.s_m + sign * along, 0.0, road.length_m)
        quads.append(road.position_m(s, item.t_m + sign * left * (turn or 1.0)))
    return quads
