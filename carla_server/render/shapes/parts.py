"""Part numbers: how a vertex tells the vertex shader that it moves or shines.

A moving part keeps its pivot in otherwise unused vertex fields: uv_m = (x, z) and normal.w = y * 40, metres.
The same numbers stand in `shaders/object_vert.glsl`.
"""

from __future__ import annotations

from enum import IntEnum

import numpy as np

from carla_server.roads.mesh import VERTEX_DTYPE, Mesh

_PIVOT_Y_PER_M = 40.0


class Part(IntEnum):
    RIGID = 0
    FRONT_WHEEL = 1
    REAR_WHEEL = 2
    LEFT_LEG = 3
    RIGHT_LEG = 4
    LEFT_ARM = 5
    RIGHT_ARM = 6
    SECOND_COLOR = 7
    """Trousers and the like: the colour is picked by the instance id."""
    HEADLAMP = 8
    TAIL_LAMP = 9
    LEFT_BLINKER = 10
    RIGHT_BLINKER = 11
    REVERSE_LAMP = 12
    SPECIAL1 = 13
    SPECIAL2 = 14
    SIGNAL_RED = 16
    SIGNAL_YELLOW = 17
    SIGNAL_GREEN = 18


def with_pivot(mesh: Mesh, part: Part, pivot_m: tuple[float, float, float]) -> Mesh:
    """The same mesh as a moving part around a pivot (metres, mesh frame)."""
    vertices = mesh.vertices.astype(VERTEX_DTYPE, copy=True)
    vertices["ids"][:, 3] = int(part)
    vertices["uv_m"] = (pivot_m[0], pivot_m[2])
    vertices["normal"][:, 3] = np.clip(round(pivot_m[1] * _PIVOT_Y_PER_M), -127, 127)
    return Mesh(vertices)
