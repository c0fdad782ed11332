"""Geometry pass: what is visible goes to the G-buffer, or to a shadow map, in a few draws."""

from __future__ import annotations

from dataclasses import dataclass

import moderngl
import numpy as np

from carla_server.render.actors import INSTANCE_ATTRIBUTES, INSTANCE_DTYPE
from carla_server.render.camera import Viewpoint, spheres_in_frustum
from carla_server.render.far_ground import COUNTRY, STREETS, FarGround
from carla_server.render.program import bind, link, set_uniforms
from carla_server.render.scenery import BREADTHS_M, Scenery
from carla_server.render.shapes.library import MeshLibrary
from carla_server.render.static_draw import VERTEX_LAYOUT, StaticDraw

_INSTANCE_LAYOUT = tuple(zip(INSTANCE_ATTRIBUTES, ("4f4", "4f4", "4f4", "4f1", "4f1", "4f4"), (16, 16, 16, 4, 4, 16)))
_RECORD_WORDS = 5
"""An indirect draw record: index count, instances, first index, base vertex, base instance."""
_LEVEL_PX = np.array([9.0, 26.0, 60.0])
"""Projected radius from which a mesh is drawn at levels 1, 2 and 3."""
_DROP_PX = 0.7
_SHADOW_LEVEL, _LEAF_SHADOW_LEVEL = 1, 2


@dataclass(frozen=True)
class InstanceBatch:
    """Instances with the number of each one's mesh and its scale."""

    instances: np.ndarray
    mesh: np.ndarray
    scale: np.ndarray

    @classmethod
    def join(cls, *batches: InstanceBatch) -> InstanceBatch:
        return cls(
            np.concatenate([batch.instances for batch in batches]),
            np.concatenate([batch.mesh for batch in batches]),
            np.concatenate([batch.scale for batch in batches]),
        )

    def where(self, chosen: np.ndarray) -> InstanceBatch:
        return InstanceBatch(self.instances[chosen], self.mesh[chosen], self.scale[chosen])

    @property
    def origin_m(self) -> np.ndarray:
        """(N, 3) world positions of the instances' origins."""
        return np.stack([self.instances[name][:, 3] for name in ("row0", "row1", "row2")], -1)


class _InstancedDraw:
    """The mesh library on the card, drawn as objects or as foliage."""

    def __init__(self, context: moderngl.Context, library: MeshLibrary) -> None:
        self._context, self._library = context, library
        self.programs = {
            "object": link(context, "object_vert", "gbuffer_frag", ("OBJECT",)),
            "foliage": link(context, "object_vert", "gbuffer_frag", ("FOLIAGE_PASS",)),
            "shadow": link(context, "object_vert", "shadow_frag"),
        }
        self._instances = context.buffer(reserve=4096 * INSTANCE_DTYPE.itemsize, dynamic=True)
        self._records = context.buffer(reserve=1024 * 4 * _RECORD_WORDS, dynamic=True)
        self._vertices: moderngl.Buffer | None = None
        self._indices: moderngl.Buffer | None = None
        self._arrays: dict[str, moderngl.VertexArray] = {}

    def draw(self, kind: str, batch: InstanceBatch, level: np.ndarray) -> None:
        """Draw instances at their levels of detail, grouped by mesh."""
        if not len(batch.mesh):
            return
        self._refresh(len(batch.mesh))
        levels = self._library.first.shape[1]
        key = batch.mesh * levels + level
        order = np.argsort(key, kind="stable")
        keys, first, count = np.unique(key[order], return_index=True, return_counts=True)
        records = np.zeros((len(keys), _RECORD_WORDS), np.uint32)
        records[:, 0] = self._library.count[keys // levels, keys % levels]
        records[:, 1] = count
        records[:, 2] = self._library.first[keys // levels, keys % levels]
        records[:, 4] = first
        self._instances.write(batch.instances[order].tobytes())
        self._records.write(records.tobytes())
        self._arrays[kind].render_indirect(self._records, count=len(records))

    def _refresh(self, instance_count: int) -> None:
        vertices = self._library.take_vertices()
        grown = False
        if instance_count * INSTANCE_DTYPE.itemsize > self._instances.size:
            self._instances.release()
            self._instances = self._context.buffer(reserve=2 * instance_count * INSTANCE_DTYPE.itemsize, dynamic=True)
            grown = True
        needed = 4 * _RECORD_WORDS * self._library.first.size
        if needed > self._records.size:
            self._records.release()
            self._records = self._context.buffer(reserve=2 * needed, dynamic=True)
        if vertices is not None:
            for stale in (self._vertices, self._indices):
                if stale is not None:
                    stale.release()
            self._vertices = self._context.buffer(vertices.tobytes())
            self._indices = self._context.buffer(self._library.indices.tobytes())
            grown = True
        if not grown:
            return
        for array in self._arrays.values():
            array.release()
        self._arrays = {
            kind: self._context.vertex_array(
                program,
                [
                    bind(self._vertices, program, VERTEX_LAYOUT),
                    bind(self._instances, program, _INSTANCE_LAYOUT, per_instance=True),
                ],
                self._indices,
            )
            for kind, program in self.programs.items()
        }


class GeometryPass:
    """Owns every vertex on the card and draws what a viewpoint or the sun sees."""

    def __init__(self, context: moderngl.Context, scenery: Scenery, library: MeshLibrary) -> None:
        self._context, self._library = context, library
        self._ground_program = link(context, "static_vert", "gbuffer_frag", ("GROUND",))
        self._building_program = link(context, "static_vert", "gbuffer_frag", ("BUILDING",))
        self._shadow_program = link(context, "static_vert", "shadow_frag")
        map_program = link(context, "static_vert", "map_frag")
        self._ground = StaticDraw(context, scenery.surface, (self._ground_program, map_program), 1)
        self._far_program = link(context, "static_vert", "gbuffer_frag", ("FAR_GROUND",))
        self._far_grounds = tuple(
            FarGround(context, scenery.surface, bounds_m, grade, self._ground, map_program, self._far_program)
            for bounds_m, grade in ((scenery.bounds_m, STREETS), (scenery.surface.bounds_m, COUNTRY))
        )
        programs = (self._building_program, self._shadow_program)
        self._buildings = StaticDraw(context, scenery.buildings, programs, len(BREADTHS_M))
        self._instanced = _InstancedDraw(context, library)
        self._furniture = InstanceBatch(scenery.furniture, scenery.furniture_mesh, scenery.furniture_scale)

    def draw_view(self, view: Viewpoint, moving: InstanceBatch) -> None:
        """Fill the bound G-buffer: objects, houses, trees, ground, near before far."""
        context = self._context
        ground, far_program, building = self._ground_program, self._far_program, self._building_program
        for program in (ground, far_program, building, *self._instanced.programs.values()):
            values = {
                "view_projection": _matrix(view.view_projection),
                "eye": tuple(view.eye_m),
                "focal_px": view.focal_px,
            }
            set_uniforms(program, values)
        batch, level = self._visible(view, InstanceBatch.join(moving, self._furniture))
        foliage = self._is_foliage(batch)
        # A camera inside a vehicle looks through its back faces, as through CARLA's one-sided bodies.
        context.enable_only(moderngl.DEPTH_TEST | moderngl.CULL_FACE)
        self._instanced.draw("object", batch.where(~foliage), level[~foliage])
        context.enable_only(moderngl.DEPTH_TEST)
        cells, away_m = self._buildings.in_sight(view.view_projection, view.eye_m)
        self._buildings.draw(building, cells, away_m, view.focal_px)
        self._instanced.draw("foliage", batch.where(foliage), level[foliage])
        cells, away_m = self._ground.in_sight(view.view_projection, view.eye_m)
        left, passed_on = np.ones(len(cells), bool), []
        for far_ground in self._far_grounds:
            far = left & far_ground.serves(cells, away_m, view.focal_px)
            passed_on.append((far_ground, cells[far]))
            left &= ~far
        self._ground.draw(ground, cells[left], away_m[left], view.focal_px)
        for far_ground, far_cells in passed_on:
            far_ground.draw(far_cells)

    def draw_static_shadow(self, projection: np.ndarray, center_m: np.ndarray) -> None:
        """Fill the bound depth map with everything that stands still and throws a shadow."""
        self._set_shadow(projection)
        self._buildings.draw(self._shadow_program, *self._buildings.in_sight(projection, center_m))
        batch = self._furniture
        batch = batch.where(spheres_in_frustum(projection, batch.origin_m, self._reach_m(batch)))
        self._instanced.draw("shadow", batch, np.where(self._is_foliage(batch), _LEAF_SHADOW_LEVEL, _SHADOW_LEVEL))

    def draw_moving_shadow(self, projection: np.ndarray, moving: InstanceBatch) -> None:
        """Fill the bound depth map with the actors."""
        self._set_shadow(projection)
        batch = moving.where(spheres_in_frustum(projection, moving.origin_m, self._reach_m(moving)))
        self._instanced.draw("shadow", batch, np.full(len(batch.mesh), _SHADOW_LEVEL))

    def _set_shadow(self, projection: np.ndarray) -> None:
        for program in (self._shadow_program, self._instanced.programs["shadow"]):
            # Shadows keep true widths: at an infinite focal length nothing is thin.
            set_uniforms(program, {"view_projection": _matrix(projection), "focal_px": 1e9})

    def _visible(self, view: Viewpoint, batch: InstanceBatch) -> tuple[InstanceBatch, np.ndarray]:
        origin = batch.origin_m
        reach = self._reach_m(batch)
        distance = np.linalg.norm(origin - view.eye_m, axis=1)
        size_px = view.focal_px * reach / np.maximum(distance - reach, 0.5)
        chosen = spheres_in_frustum(view.view_projection, origin, reach) & (size_px > _DROP_PX)
        size_px = size_px[chosen]
        return batch.where(chosen), np.searchsorted(_LEVEL_PX, size_px)

    def _reach_m(self, batch: InstanceBatch) -> np.ndarray:
        return self._library.radius_m[batch.mesh] * batch.scale

    def _is_foliage(self, batch: InstanceBatch) -> np.ndarray:
        flags = np.array([mesh.foliage for mesh in self._library.meshes], bool)
        return flags[batch.mesh]


def _matrix(matrix: np.ndarray) -> bytes:
    return matrix.T.astype(np.float32).tobytes()
