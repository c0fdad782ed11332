"""A town, or the shape of a blueprint, as triangles with what a ray wants to know of them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from carla_server.render.scenery import LIGHT_INSTANCE_OFFSET, build_scenery
from carla_server.render.shapes.families import shape_builder
from carla_server.render.shapes.library import LEVELS, MeshLibrary
from carla_server.render.shapes.pieces import piece_mesh
from carla_server.roads.mesh import Mesh
from carla_server.roads.town import Town

_DETAIL, _LEAF_DETAIL = LEVELS - 1, LEVELS - 2
"""Levels of detail: the one that cameras draw near by; for trees, of which a town has many, the next one."""


@dataclass(frozen=True)
class Triangles:
    """Triangles of something.

    Attributes:
        corners_m: (T, 3, 3) float32, three points a triangle.
        tag: (T,) uint8 SemanticTag; NONE where the owner decides.
        instance: (T,) uint16 id that the instance camera writes; 0 where the owner decides, or for the ground.
    """

    corners_m: np.ndarray
    tag: np.ndarray
    instance: np.ndarray

    @staticmethod
    def of(vertices: np.ndarray) -> Triangles:
        """Take (3 T,) of `VERTEX_DTYPE`; each triangle belongs to what its first corner belongs to."""
        ids = vertices["ids"][::3].astype(np.uint16)
        corners = np.ascontiguousarray(vertices["position_m"], np.float32).reshape(-1, 3, 3)
        return Triangles(corners, ids[:, 0].astype(np.uint8), ids[:, 1] | ids[:, 2] << np.uint16(8))


def town_triangles(town: Town) -> Triangles:
    """Everything of a town that stands still: ground, houses, props, signs, traffic lights."""
    shapes = _KeptShapes()
    scenery = build_scenery(town, shapes)
    heads = scenery.heads.copy()
    heads_instance = LIGHT_INSTANCE_OFFSET + scenery.head_site
    heads["ids"][:, 1], heads["ids"][:, 2] = heads_instance & 0xFF, heads_instance >> 8
    parts = [Triangles.of(scenery.surface.vertices), Triangles.of(scenery.buildings.vertices)]
    for instances, meshes in (
        (scenery.furniture, scenery.furniture_mesh),
        (heads, np.full(len(heads), scenery.head_mesh)),
    ):
        for mesh in np.unique(meshes):
            shape = Triangles.of(shapes.kept[mesh].vertices)
            parts.append(_placed(shape, instances[meshes == mesh]))
    return Triangles(
        np.concatenate([part.corners_m for part in parts]),
        np.concatenate([part.tag for part in parts]),
        np.concatenate([part.instance for part in parts]),
    )


def blueprint_triangles(blueprint_id: str, extent_m: tuple[float, float, float], piece: str = "") -> Triangles:
    """The shape of a vehicle, walker or prop in its own frame, as the cameras draw it near by.

    Args:
        blueprint_id: any; unknown ones get the shape of their kind.
        extent_m: half lengths of its box.
        piece: only this piece of it, by `shapes.pieces`; empty for the whole.
    """
    if piece:
        return Triangles.of(piece_mesh(blueprint_id, extent_m, piece).vertices)
    return Triangles.of(shape_builder(blueprint_id)(extent_m, _DETAIL).vertices)


class _KeptShapes(MeshLibrary):
    """A mesh library that keeps one level of each mesh as it is."""

    def __init__(self) -> None:
        super().__init__()
        self.kept: list[Mesh] = []

    def add(self, levels: tuple[Mesh, ...], *, foliage: bool = False) -> int:
        level = _LEAF_DETAIL if foliage else _DETAIL
        self.kept.append(levels[level] if len(levels) == LEVELS else levels[0])
        return len(self.kept) - 1


def _placed(shape: Triangles, instances: np.ndarray) -> Triangles:
    """A shape repeated at (N,) of `INSTANCE_DTYPE`."""
    matrix = np.stack([instances[name] for name in ("row0", "row1", "row2")], axis=1)
    corners = np.einsum("nij,tkj->ntki", matrix[:, :, :3], shape.corners_m) + matrix[:, None, None, :, 3]
    ids = instances["ids"].astype(np.uint16)
    own_instance = ids[:, 1] | ids[:, 2] << np.uint16(8)
    count = len(shape.tag)
    tag = np.tile(shape.tag, len(instances))
    instance = np.tile(shape.instance, len(instances))
    return Triangles(
        np.ascontiguousarray(corners.reshape(-1, 3, 3), np.float32),
        np.where(tag == 0, np.repeat(ids[:, 0].astype(np.uint8), count), tag),
        np.where(instance == 0, np.repeat(own_instance, count), instance),
    )
