"""Draws debug lines over a finished picture, hidden by what stands before them."""

from __future__ import annotations

import moderngl
import numpy as np

from carla_server.render.camera import Viewpoint
from carla_server.render.lines import RIBBON_DTYPE, ribbons
from carla_server.render.program import link, set_uniforms
from carla_server.render.targets import Targets


class DebugPass:
    """Compiled with the first line that is drawn."""

    def __init__(self, context: moderngl.Context) -> None:
        self._context = context
        self._program: moderngl.Program | None = None

    def draw(self, targets: Targets, view: Viewpoint, lines: np.ndarray, *, hide_each_other: bool = False) -> None:
        """Add lines to `targets.bgra`.

        Args:
            targets: the G-buffer's depth must be that of the same view.
            view: where from.
            lines: (N,) LINE_DTYPE.
            hide_each_other: write their depth too; otherwise the last one drawn wins and the depth stays.
        """
        if self._program is None:
            self._program = link(self._context, "debug_vert", "debug_frag")
            self._buffer = self._context.buffer(reserve=6 * RIBBON_DTYPE.itemsize, dynamic=True)
            content = [(self._buffer, "3f4 4f1", "in_position", "in_color")]
            self._array = self._context.vertex_array(self._program, content)
        vertices = ribbons(lines, view)
        self._buffer.orphan(vertices.nbytes)
        self._buffer.write(vertices.tobytes())
        set_uniforms(self._program, {"view_projection": view.view_projection.T.astype(np.float32).tobytes()})
        targets.overlay.use()
        targets.overlay.depth_mask = hide_each_other
        self._context.enable_only(moderngl.DEPTH_TEST)
        self._array.render(vertices=len(vertices))
