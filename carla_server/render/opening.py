"""Opens renderers, and does beforehand what of it needs no OpenGL, in small steps while nobody waits."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from carla_server.render.scenery import Scenery, scenery_in_steps
from carla_server.render.shapes.library import MeshLibrary
from carla_server.roads.town import Town

if TYPE_CHECKING:
    from carla_server.render.renderer import Renderer


class RendererOpener:
    """Call it with a town to open a `Renderer`.

    A server whose clients never ask for a picture opens no OpenGL, which would cost it memory and threads. But the
    meshes of the first town are half of the first camera's wait: `prepare` makes them in idle moments.

    Args:
        style: of the renderers, one of `STYLES`.
    """

    def __init__(self, style: str = "default") -> None:
        self._style = style
        self._town: Town | None = None
        self._library = MeshLibrary()
        self._scenery: Scenery | None = None
        self._steps: Iterator[Scenery | None] = iter(())

    def prepare(self, town: Town) -> None:
        """Begin with the meshes of a town; `step` goes on with them."""
        self._town, self._library, self._scenery = town, MeshLibrary(), None
        self._steps = scenery_in_steps(town, self._library)

    def step(self) -> bool:
        """Do some milliseconds of what was begun; whether something is left to do."""
        try:
            self._scenery = next(self._steps)
        except StopIteration:
            return False
        return True

    def __call__(self, town: Town) -> Renderer:
        """Open a renderer for a town, prepared or not.

        Raises:
            GLUnavailable: no GL (the message names the packages to install).
        """
        from carla_server.render.renderer import Renderer  # only a server that renders pays for GL

        if town is not self._town:
            return Renderer(town, style=self._style)
        while self.step():
            pass
        library, scenery = self._library, self._scenery
        self._town = self._scenery = None  # a renderer adds meshes to its library: it is nobody else's
        return Renderer(town, style=self._style, made=None if scenery is None else (library, scenery))
