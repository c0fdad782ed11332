"""What moves or changes its lamps in a town: vehicles, people and props, and traffic lights."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from carla_server.render.actors import ACTOR_DTYPE, actor_instances, lights_at
from carla_server.render.beams import Beams, headlamp_beams
from carla_server.render.camera import Viewpoint
from carla_server.render.geometry import InstanceBatch
from carla_server.render.shapes.families import shape_builder
from carla_server.render.shapes.library import LEVELS, MeshLibrary
from carla_server.render.shapes.pieces import piece_mesh


class MovingThings:
    """The world as the renderer was told of it last.

    Args:
        library: holds the meshes.
        heads: (H,) INSTANCE_DTYPE of the traffic lights' heads as they are drawn; written to.
        head_site: (H,) the traffic light of each head.
        site_count: how many traffic lights the town has.
    """

    def __init__(self, library: MeshLibrary, heads: np.ndarray, head_site: np.ndarray, site_count: int) -> None:
        self._library, self._heads, self._head_site, self._site_count = library, heads, head_site, site_count
        self._mesh_ids: dict[tuple[str, tuple[float, ...]], int] = {}
        self._nose_m: dict[int, float] = {}
        self._actors = np.zeros(0, ACTOR_DTYPE)

    def mesh_id(self, blueprint_id: str, extent_m: Sequence[float]) -> int:
        """See `Renderer.mesh_id`."""
        size = _checked(blueprint_id, extent_m)
        key = (blueprint_id, tuple(np.round(size, 3)))
        if key not in self._mesh_ids:
            build = shape_builder(blueprint_id)
            levels = tuple(build(size, detail) for detail in range(LEVELS))
            self._mesh_ids[key] = self._library.add(levels)
            self._nose_m[self._mesh_ids[key]] = size[0]
        return self._mesh_ids[key]

    def piece_id(self, blueprint_id: str, extent_m: Sequence[float], piece: str) -> int:
        """See `Renderer.piece_id`."""
        size = _checked(blueprint_id, extent_m)
        key = (f"{piece} of {blueprint_id}", tuple(np.round(size, 3)))
        if key not in self._mesh_ids:
            self._mesh_ids[key] = self._library.add((piece_mesh(blueprint_id, size, piece),))
        return self._mesh_ids[key]

    def set_actors(self, actors: np.ndarray) -> None:
        """See `Renderer.set_actors`."""
        if actors.dtype != ACTOR_DTYPE:
            raise ValueError(f"actors must have ACTOR_DTYPE, got {actors.dtype}")
        if not (np.isfinite(actors["position_m"]).all() and np.isfinite(actors["rotation_deg"]).all()):
            raise ValueError("an actor's position or rotation is not finite")
        if len(actors) and not (actors["mesh"].min() >= 0 and actors["mesh"].max() < len(self._library.meshes)):
            raise ValueError(f"mesh numbers come from mesh_id(); got {sorted(set(actors['mesh'].tolist()))}")
        self._actors = actors.copy()

    def set_traffic_lights(self, states: np.ndarray, actor_ids: np.ndarray | None = None) -> None:
        """See `Renderer.set_traffic_lights`."""
        states = np.asarray(states)
        if states.shape != (self._site_count,):
            raise ValueError(f"the town has {self._site_count} traffic lights, got states of shape {states.shape}")
        bits = np.where(states <= 2, 1 << np.minimum(states, 2).astype(np.int64), 0)
        heads = self._heads
        heads["motion"][:, 3] = bits[self._head_site]
        if actor_ids is not None:
            ids = np.asarray(actor_ids).astype(np.int64)[self._head_site]
            heads["ids"][:, 1], heads["ids"][:, 2] = ids & 0xFF, ids >> 8 & 0xFF

    def batch(self, elapsed_s: float) -> InstanceBatch:
        """The actors with their lamps as they are at this moment."""
        instances = actor_instances(self._actors)
        instances["motion"][:, 3] = lights_at(self._actors["lights"], elapsed_s)
        return InstanceBatch.of(instances, self._actors["mesh"].astype(np.int64), self._library)

    def beams(self, view: Viewpoint) -> Beams:
        """Headlamps whose light this view may see."""
        return headlamp_beams(self._actors, self._nose_m, view)


def _checked(blueprint_id: str, extent_m: Sequence[float]) -> tuple[float, float, float]:
    extent = np.asarray(extent_m, np.float64)
    if extent.shape != (3,) or not np.isfinite(extent).all() or (extent <= 0).any() or (extent > 50).any():
        raise ValueError(f"extent_m of {blueprint_id} must be three numbers in (0, 50] metres, got {extent_m}")
    return float(extent[0]), float(extent[1]), float(extent[2])
