"""All instanced meshes of a renderer in one vertex array, each in up to four levels of detail."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from carla_server.render.indexing import shared_vertices
from carla_server.roads.mesh import VERTEX_DTYPE, Mesh

LEVELS = 4
"""From a few pixels (0) over far (1) and middle (2) to near (3)."""


@dataclass(frozen=True)
class LibraryMesh:
    """Where a mesh's levels lie in the vertex array.

    Attributes:
        first, count: (LEVELS,) int, index ranges from the farthest level to the nearest.
        radius_m: bounding radius around the mesh's origin.
        foliage: drawn by the foliage shader.
    """

    first: tuple[int, ...]
    count: tuple[int, ...]
    radius_m: float
    foliage: bool


class MeshLibrary:
    """Grows as new shapes appear; `take_vertices` says when the copy on the graphics card is stale."""

    def __init__(self) -> None:
        self._chunks: list[np.ndarray] = []
        self._index_chunks: list[np.ndarray] = []
        self._length = self._vertex_count = 0
        self._changed = False
        self.meshes: list[LibraryMesh] = []
        self.first = np.zeros((0, LEVELS), np.int64)
        self.count = np.zeros((0, LEVELS), np.int64)
        self.radius_m = np.zeros(0)
        self.foliage = np.zeros(0, bool)

    def add(self, levels: tuple[Mesh, ...], *, foliage: bool = False) -> int:
        """Add a mesh given from far to near (one level serves all distances); returns its number."""
        levels = levels if len(levels) == LEVELS else (levels[0],) * LEVELS
        first, count, seen = [], [], {}
        for mesh in levels:
            if id(mesh) not in seen:
                seen[id(mesh)] = self._length
                vertices, indices = shared_vertices(mesh.vertices)
                self._chunks.append(vertices)
                self._index_chunks.append(indices + np.uint32(self._vertex_count))
                self._vertex_count += len(vertices)
                self._length += len(indices)
            first.append(seen[id(mesh)])
            count.append(len(mesh.vertices))
        radius = float(np.linalg.norm(levels[-1].vertices["position_m"], axis=1).max(initial=0.0))
        self.meshes.append(LibraryMesh(tuple(first), tuple(count), radius, foliage))
        self.first = np.array([mesh.first for mesh in self.meshes])
        self.count = np.array([mesh.count for mesh in self.meshes])
        self.radius_m = np.array([mesh.radius_m for mesh in self.meshes])
        self.foliage = np.array([mesh.foliage for mesh in self.meshes], bool)
        self._changed = True
        return len(self.meshes) - 1

    def take_vertices(self) -> np.ndarray | None:
        """All vertices if they changed since the last call, else None."""
        if not self._changed:
            return None
        self._changed = False
        self._chunks = [np.concatenate(self._chunks)] if self._chunks else [np.zeros(0, VERTEX_DTYPE)]
        return self._chunks[0]

    @property
    def indices(self) -> np.ndarray:
        """(I,) uint32 into the vertices; `first` and `count` are ranges of it."""
        self._index_chunks = [np.concatenate(self._index_chunks)] if self._index_chunks else [np.zeros(0, np.uint32)]
        return self._index_chunks[0]
