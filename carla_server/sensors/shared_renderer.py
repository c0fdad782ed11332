"""The one renderer of all cameras: opened with the first, and anew if its driver fails."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import TYPE_CHECKING, TypeVar

import numpy as np

from carla_server.render.actors import ACTOR_DTYPE
from carla_server.render.failure import DrawingFailed
from carla_server.sensors.drawn_actors import DrawnActors
from carla_server.sensors.picture_source import PictureSource
from carla_server.wire.structs import InvalidArgument

if TYPE_CHECKING:
    from carla_server.roads.town import Town
    from carla_server.world.world import World

_Drawn = TypeVar("_Drawn")


class SharedRenderer:
    """The renderer and what it was told of the world.

    If the driver fails while drawing, the renderer is opened anew, once, and the picture drawn again. If that fails
    too, nothing draws, and says so, until `open` tries the driver again.

    Attributes:
        actors: (N,) ACTOR_DTYPE as shown last.
        failure: why nothing can be drawn; empty if nothing was wrong.
        generation: grows with each renderer that is opened; what one knew (mesh numbers) is the next one's no more.
    """

    def __init__(self, open_renderer: Callable[[Town], PictureSource] | None) -> None:
        self._open_renderer = open_renderer
        self._renderer: PictureSource | None = None
        self._town: Town | None = None
        self._described = DrawnActors()
        self._shows_lines = False
        self.actors = np.zeros(0, ACTOR_DTYPE)
        self.failure = ""
        self.generation = 0

    @property
    def renderer(self) -> PictureSource | None:
        """The renderer, None while there is none."""
        return self._renderer

    def enter(self, town: Town) -> None:
        """Begin an episode; the renderer is kept if the map stays the same."""
        self._described.forget()
        self.failure = ""
        if town is not self._town:
            self._drop()
        self._town = town

    def scenery_changed(self, town: Town) -> None:
        """Draw another set of scenery of the same map from now on."""
        self._town = town
        if self._renderer is not None:
            self._drop()
            self.open()

    def open(self) -> PictureSource:
        """Open it if it is not.

        Raises:
            InvalidArgument: nothing can be rendered, with the reason.
        """
        if self._renderer is not None:
            return self._renderer
        if self._open_renderer is None:
            raise InvalidArgument("this server was started with --no-rendering; restart it without to use cameras")
        if self._town is None:
            raise InvalidArgument("no map is loaded")
        try:
            self._renderer = self._open_renderer(self._town)
        except RuntimeError as error:  # GLUnavailable: the text names the packages to install
            raise InvalidArgument(f"cameras cannot be rendered: {error}") from error
        self.failure = ""
        self.generation += 1
        self._described.forget()
        return self._renderer

    def show(self, world: World) -> np.ndarray:
        """Tell the renderer what the world looks like now; returns the actors, (N,) ACTOR_DTYPE."""
        renderer = self.open()
        lines = world.sensors.debug_shapes.lines
        if len(lines) or self._shows_lines:
            renderer.set_debug_lines(lines)
            self._shows_lines = len(lines) > 0
        self.actors = self._described.of(world, renderer)
        renderer.set_actors(self.actors)
        renderer.set_traffic_lights(world.lights.state, world.light_ids)
        return self.actors

    def draw(self, world: World, draw: Callable[[PictureSource], _Drawn]) -> _Drawn:
        """Let the renderer draw, and a new one if its driver fails.

        Raises:
            InvalidArgument: the new one could not be opened or failed as well.
        """
        if self._renderer is None:
            raise InvalidArgument(self.failure or "no renderer is open: spawn a camera")
        try:
            return draw(self._renderer)
        except DrawingFailed as error:
            print(f"carla_server: the renderer failed ({error}); opening a new one", file=sys.stderr, flush=True)
            reason = str(error)
        try:
            self._drop()
            renderer = self.open()
            self.show(world)
            return draw(renderer)
        except (InvalidArgument, DrawingFailed) as error:
            self._drop()
            self.failure = (
                f"no camera can draw: the renderer failed ({reason}), and a new one did not help ({error}). Free "
                "GPU memory or restart the server; a newly spawned camera tries the driver again, and ticks without "
                "cameras go on"
            )
            raise InvalidArgument(self.failure) from error

    def _drop(self) -> None:
        renderer, self._renderer = self._renderer, None
        self._shows_lines = False
        if renderer is not None:
            renderer.close()
