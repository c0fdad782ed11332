"""Geometry pass: what is visible goes to the G-buffer, or to a shadow map, in a few draws."""

from __future__ import annotations

from dataclasses import dataclass

import moderngl
import numpy as np

from carla_server.render.actors import INSTANCE_ATTRIBUTES, INSTANCE_DTYPE
from carla_server.render.camera import Viewpoint, frustum_planes, spheres_in_frustum
from carla_server.render.culling import RECORD_WORDS, draws_of, instances_in_sight, shadows_in_sight
from carla_server.render.far_ground import COUNTRY, STREETS, FarGround
from carla_server.render.program import bind, link, matrix_bytes, set_uniforms
from carla_server.render.scenery import BREADTHS_M, Scenery
from carla_server.render.shapes.library import LEVELS, MeshLibrary
from carla_server.render.static_draw import VERTEX_LAYOUT, StaticDraw

_INSTANCE_LAYOUT = tuple(zip(INSTANCE_ATTRIBUTES, ("4f4", "4f4", "4f4", "4f1", "4f1", "4f4"), (16, 16, 16, 4, 4, 16)))
_SHADOW_LEVEL, _LEAF_SHADOW_LEVEL = 1, 2
_FINE_SHADOW_M = 16.0


@dataclass(frozen=True)
class InstanceBatch:
    """Instances and what culling wants to know of them.

    Attributes:
        instances: (N,) INSTANCE_DTYPE.
        mesh: (N,) number of each one's mesh.
        origin_m: (N, 3) places in the world.
        reach_m: (N,) radii around them.
        foliage: (N,) bool, drawn by the foliage shader.
    """

    instances: np.ndarray
    mesh: np.ndarray
    origin_m: np.ndarray
    reach_m: np.ndarray
    foliage: np.ndarray

    @classmethod
    def of(
        cls, instances: np.ndarray, mesh: np.ndarray, library: MeshLibrary, scale: np.ndarray | None = None
    ) -> InstanceBatch:
        """Look up what the library knows; `scale` is the largest scale of each instance, 1 if None."""
        origin_m = np.stack([instances[name][:, 3] for name in ("row0", "row1", "row2")], -1).astype(np.float64)
        reach_m = library.radius_m[mesh] if scale is None else library.radius_m[mesh] * scale
        return cls(instances, mesh, origin_m, reach_m, library.foliage[mesh])

    @classmethod
    def join(cls, first: InstanceBatch, second: InstanceBatch) -> InstanceBatch:
        return cls(
            np.concatenate([first.instances, second.instances]),
            np.concatenate([first.mesh, second.mesh]),
            np.concatenate([first.origin_m, second.origin_m]),
            np.concatenate([first.reach_m, second.reach_m]),
            np.concatenate([first.foliage, second.foliage]),
        )

    def in_sight(self, planes: np.ndarray) -> np.ndarray:
        """(N,) bool: which may be seen within `frustum_planes`."""
        return spheres_in_frustum(planes, self.origin_m, self.reach_m)


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
        self._records = context.buffer(reserve=1024 * 4 * RECORD_WORDS, dynamic=True)
        self._vertices: moderngl.Buffer | None = None
        self._indices: moderngl.Buffer | None = None
        self._arrays: dict[str, moderngl.VertexArray] = {}

    def draw(self, kind: str, instances: np.ndarray, mesh: np.ndarray, level: np.ndarray) -> None:
        """Draw (N,) INSTANCE_DTYPE at their levels of detail, grouped by mesh."""
        order, records, _ = draws_of(mesh * LEVELS + level, self._library.first, self._library.count)
        self.take(instances[order], records)
        self.draw_taken(kind, 0, len(records))

    def take(self, instances: np.ndarray, records: np.ndarray) -> None:
        """Upload instances in drawing order and their (R, 5) draw records."""
        self._refresh(len(instances))
        self._instances.write(instances)
        self._records.write(records)

    def draw_taken(self, kind: str, first: int, end: int) -> None:
        """Draw the records from `first` to `end`."""
        if end > first:
            self._arrays[kind].render_indirect(self._records, count=end - first, first=first)

    def _refresh(self, instance_count: int) -> None:
        vertices = self._library.take_vertices()
        grown = False
        if instance_count * INSTANCE_DTYPE.itemsize > self._instances.size:
            self._instances.release()
            self._instances = self._context.buffer(reserve=2 * instance_count * INSTANCE_DTYPE.itemsize, dynamic=True)
            grown = True
        needed = 4 * RECORD_WORDS * self._library.first.size
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
    """Owns every vertex on the card and draws what a viewpoint or the sun sees.

    Attributes:
        heads: (H,) INSTANCE_DTYPE of the traffic lights' heads as they are drawn; write lamps and ids into it.
    """

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
        self._occluders = scenery.occluders
        self._instanced = _InstancedDraw(context, library)
        self._view_programs = (
            self._ground_program,
            self._far_program,
            self._building_program,
            self._instanced.programs["object"],
            self._instanced.programs["foliage"],
        )
        heads = InstanceBatch.of(scenery.heads, np.full(len(scenery.heads), scenery.head_mesh, np.int64), library)
        self._furniture = InstanceBatch.join(
            InstanceBatch.of(scenery.furniture, scenery.furniture_mesh, library, scenery.furniture_scale), heads
        )
        self.heads = self._furniture.instances[len(scenery.furniture) :]

    def draw_view(self, view: Viewpoint, moving: InstanceBatch) -> None:
        """Fill the bound G-buffer: objects, houses, trees, ground, near before far."""
        context = self._context
        planes = view.planes
        values: dict[str, object] = {
            "view_projection": matrix_bytes(view.view_projection),
            "eye": tuple(view.eye_m.tolist()),
            "focal_px": view.focal_px,
        }
        for program in self._view_programs:
            set_uniforms(program, values)
        houses = self._occluders.seen_from(view.eye_m, planes)
        things, library = InstanceBatch.join(moving, self._furniture), self._library
        rows, records, objects = instances_in_sight(
            planes,
            view.eye_m,
            view.focal_px,
            houses,
            things.origin_m,
            things.reach_m,
            things.mesh,
            things.foliage,
            library.first,
            library.count,
        )
        self._instanced.take(things.instances[rows], records)
        # A camera inside a vehicle looks through its back faces, as through CARLA's one-sided bodies.
        context.enable_only(moderngl.DEPTH_TEST | moderngl.CULL_FACE)
        self._instanced.draw_taken("object", 0, objects)
        cells, away_m = self._buildings.in_sight(planes, view.eye_m, houses)
        self._buildings.draw(self._building_program, cells, away_m, view.focal_px)
        context.enable_only(moderngl.DEPTH_TEST)
        self._instanced.draw_taken("foliage", objects, len(records))
        self._draw_ground(view, *self._ground.in_sight(planes, view.eye_m, houses))

    def _draw_ground(self, view: Viewpoint, cells: np.ndarray, away_m: np.ndarray) -> None:
        left, passed_on = np.ones(len(cells), bool), []
        for far_ground in self._far_grounds:
            far = left & far_ground.serves(cells, away_m, view.focal_px)
            passed_on.append((far_ground, cells[far]))
            left &= ~far
        self._ground.draw(self._ground_program, cells[left], away_m[left], view.focal_px)
        for far_ground, far_cells in passed_on:
            far_ground.draw(far_cells)

    def draw_static_shadow(self, projection: np.ndarray, center_m: np.ndarray) -> None:
        """Fill the bound depth map with everything that stands still and throws a shadow."""
        self._set_shadow(projection)
        planes = frustum_planes(projection)
        self._buildings.draw(self._shadow_program, *self._buildings.in_sight(planes, center_m))
        furniture = self._furniture
        chosen = furniture.in_sight(planes)
        level = np.where(furniture.foliage[chosen], _LEAF_SHADOW_LEVEL, _SHADOW_LEVEL)
        self._instanced.draw("shadow", furniture.instances[chosen], furniture.mesh[chosen], level)

    def draw_moving_shadow(self, projection: np.ndarray, moving: InstanceBatch, eye_m: np.ndarray) -> None:
        """Fill the bound depth map with the actors, finer near the eye."""
        self._set_shadow(projection)
        rows, records, _ = shadows_in_sight(
            frustum_planes(projection),
            eye_m,
            _FINE_SHADOW_M,
            moving.origin_m,
            moving.reach_m,
            moving.mesh,
            self._library.first,
            self._library.count,
        )
        self._instanced.take(moving.instances[rows], records)
        self._instanced.draw_taken("shadow", 0, len(records))

    def compile(self, gbuffer: moderngl.Framebuffer) -> None:
        """Draw a triangle with every program: software drivers compile with the first draw, not when linking."""
        gbuffer.use()
        self._context.enable_only(moderngl.DEPTH_TEST)
        self._ground.draw_triangle(self._ground_program)
        for far_ground in self._far_grounds:
            far_ground.draw_triangle()
        mesh = np.zeros(1, np.int64)
        if len(self._library.meshes):
            self._instanced.draw("foliage", np.zeros(1, INSTANCE_DTYPE), mesh, mesh)
            self._context.enable_only(moderngl.DEPTH_TEST | moderngl.CULL_FACE)
            self._buildings.draw_triangle(self._building_program)
            self._instanced.draw("object", np.zeros(1, INSTANCE_DTYPE), mesh, mesh)

    def _set_shadow(self, projection: np.ndarray) -> None:
        # Shadows keep true widths: at an infinite focal length nothing is thin.
        values: dict[str, object] = {"view_projection": matrix_bytes(projection), "focal_px": 1e9}
        for program in (self._shadow_program, self._instanced.programs["shadow"]):
            set_uniforms(program, values)
