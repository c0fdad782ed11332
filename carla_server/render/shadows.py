"""Sun shadows: maps of the town, drawn when the camera has moved on, and one for what moves."""

from __future__ import annotations

from functools import lru_cache

import moderngl
import numpy as np

from carla_server.render.geometry import GeometryPass, InstanceBatch

_STATIC_PX, _MOVING_PX = 1024, 1024
_RADIUS_M = 72.0
_STEP_M = 16.0
_DEPTH_M = 160.0
_STATIC_MAPS = 2  # a camera that goes to and fro across a step would redraw a single map all the time


class SunShadows:
    """Depth maps around the camera, seen from the sun.

    Attributes:
        static_map: what stands still, as of the last `draw`.
        moving_map: what moves.
    """

    def __init__(self, context: moderngl.Context, geometry: GeometryPass) -> None:
        self._context, self._geometry = context, geometry
        spare = [self._depth_map(_STATIC_PX) for _ in range(_STATIC_MAPS)]
        self._static: dict[tuple[float, ...], tuple[moderngl.Texture, moderngl.Framebuffer]] = {
            (float(number),): maps for number, maps in enumerate(spare)
        }
        self.static_map = spare[0][0]
        self.moving_map, self._moving_frame = self._depth_map(_MOVING_PX)
        self._moving_drawn: tuple[tuple[float, ...], tuple[float, ...], InstanceBatch] | None = None

    def draw(self, eye_m: np.ndarray, sun: np.ndarray, moving: InstanceBatch) -> np.ndarray:
        """Bring both maps up to date; returns the (4, 4) world-to-map matrix.

        The matrix depends on the eye and the sun only, never on earlier frames.
        """
        center = np.round(eye_m / _STEP_M) * _STEP_M
        context = self._context
        context.enable_only(moderngl.DEPTH_TEST)
        context.polygon_offset = (2.0, 4.0)
        key = (*center.tolist(), *sun.tolist())
        projection = _sun_projection(key)
        if key in self._static:
            self._static[key] = self._static.pop(key)  # to the end: used last
        else:
            texture, frame = self._static.pop(next(iter(self._static)))
            frame.use()
            frame.clear()
            self._geometry.draw_static_shadow(projection, center)
            self._static[key] = texture, frame
        self.static_map = self._static[key][0]
        eye, last = tuple(eye_m.tolist()), self._moving_drawn
        # The very same batch under the same sun: one instant under several weathers.
        if last is None or last[:2] != (key, eye) or last[2] is not moving:
            self._moving_drawn = None  # until it is whole
            self._moving_frame.use()
            self._moving_frame.clear()
            self._geometry.draw_moving_shadow(projection, moving, eye_m)
            self._moving_drawn = key, eye, moving
        context.polygon_offset = (0.0, 0.0)
        return projection

    def _depth_map(self, side_px: int) -> tuple[moderngl.Texture, moderngl.Framebuffer]:
        texture = self._context.depth_texture((side_px, side_px))
        texture.compare_func = "<="
        texture.filter = (moderngl.LINEAR, moderngl.LINEAR)
        texture.repeat_x = texture.repeat_y = False
        return texture, self._context.framebuffer(depth_attachment=texture)


@lru_cache(maxsize=16)
def _sun_projection(place: tuple[float, ...]) -> np.ndarray:
    """(4, 4) world-to-map matrix of a map's middle (x, y, z) and the direction to the sun (x, y, z)."""
    center_m, sun = np.array(place[:3]), np.array(place[3:])
    helper = np.array([0.0, 0.0, 1.0]) if abs(sun[2]) < 0.99 else np.array([1.0, 0.0, 0.0])
    right = np.cross(helper, sun)
    right /= np.linalg.norm(right)
    up = np.cross(sun, right)
    out = np.eye(4)
    for row, axis, reach in ((0, right, _RADIUS_M), (1, up, _RADIUS_M), (2, -sun, _DEPTH_M)):
        out[row, :3] = axis / reach
        out[row, 3] = -axis @ center_m / reach
    out.flags.writeable = False
    return out
