"""What cameras need of a renderer."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

import numpy as np

from carla_server.render.camera import CameraView
from carla_server.render.lens import DEFAULT_LENS, Lens
from carla_server.sensors.relighting import RelightSource


class PictureSource(RelightSource, Protocol):
    """`carla_server.render.Renderer` as cameras see it; what draws may raise `DrawingFailed`."""

    def mesh_id(self, blueprint_id: str, extent_m: tuple[float, float, float]) -> int:
        """Number of the mesh for a blueprint."""

    def piece_id(self, blueprint_id: str, extent_m: tuple[float, float, float], piece: str) -> int:
        """Number of the mesh for a piece of a blueprint."""

    def set_traffic_lights(self, states: np.ndarray, actor_ids: np.ndarray | None = None) -> None:
        """Take (n_sites,) uint8 states and ids for the instance camera."""

    def set_debug_lines(self, lines: np.ndarray) -> None:
        """Take (N,) LINE_DTYPE that the next colour pictures show."""

    def warm(
        self, weather: Sequence[float], cameras: Sequence[CameraView] = (), lenses: Sequence[Lens] = (DEFAULT_LENS,)
    ) -> None:
        """Compile what pictures of these views under this weather need."""

    def render(
        self,
        camera: CameraView,
        pose: Any,
        weather: Sequence[float],
        outputs: frozenset[str],
        elapsed_s: float,
        frame: int,
        lens: Lens = DEFAULT_LENS,
    ) -> dict[str, np.ndarray]:
        """Draw (H, W, 4) uint8 BGRA for each output: rgb, semantic, instance, depth, normals."""

    def render_lines(self, camera: CameraView, pose: Any, lines: np.ndarray) -> np.ndarray:
        """Draw (N,) LINE_DTYPE alone, on black; (H, W, 4) uint8 BGRA."""

    def close(self) -> None:
        """Give the GL context back."""
