"""Triangle soup to shared vertices, so that the vertex shader runs once for each distinct corner."""

from __future__ import annotations

import numpy as np

from carla_server.roads.mesh import VERTEX_DTYPE

_WORDS = VERTEX_DTYPE.itemsize // 4
_MULTIPLIERS = np.random.default_rng(0x1D).integers(1, 2**63, _WORDS, np.uint64) | np.uint64(1)


def shared_vertices(vertices: np.ndarray, group: np.ndarray | None = None) -> tuple[np.ndarray, np.ndarray]:
    """Distinct vertices and the index of each corner's.

    Args:
        vertices: (N,) VERTEX_DTYPE.
        group: (N,) integers in rising order; corners of different groups share nothing, so that each group's
            vertices lie together. One group if None.

    Returns:
        (V,) VERTEX_DTYPE in the order of first use, (N,) uint32 indices with `out[indices] == vertices`.
    """
    words = np.ascontiguousarray(vertices).view(np.uint32).reshape(-1, _WORDS).astype(np.uint64)
    mixed = np.zeros(len(words), np.uint64)
    for column, multiplier in enumerate(_MULTIPLIERS):
        mixed = (mixed ^ words[:, column]) * multiplier
        mixed ^= mixed >> np.uint64(29)
    if group is not None:
        mixed = (mixed ^ group.astype(np.uint64)) * _MULTIPLIERS[0]
    _, first, inverse = np.unique(mixed, return_index=True, return_inverse=True)
    rank = np.empty(len(first), np.int64)
    order = np.argsort(first, kind="stable")
    rank[order] = np.arange(len(first))
    distinct, indices = vertices[first[order]], rank[inverse].astype(np.uint32)
    if (distinct[indices] != vertices).any():  # two vertices with one 64-bit hash: as likely as never
        return vertices, np.arange(len(vertices), dtype=np.uint32)
    return distinct, indices
