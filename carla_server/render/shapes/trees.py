"""Trees in five kinds and four levels of detail, one unit high (crown half a unit wide or less)."""

from __future__ import annotations

import numpy as np

from carla_server.render.shapes.solids import cylinder, unit_sphere
from carla_server.roads.mesh import Material, Mesh, MeshBuilder
from carla_server.semantics import SemanticTag

TREE_KINDS = 5
BUSH = 4
_TAG = int(SemanticTag.VEGETATION)
_BARK = (0.30, 0.24, 0.18)
_GREEN, _NEEDLES = np.array([0.25, 0.36, 0.15]), np.array([0.15, 0.26, 0.16])
_CONIFER = 3
# (x, y, z, radius across, radius up) of each clump of leaves.
_CLUMPS = (
    (
        (0, 0, 0.66, 0.30, 0.26),
        (0.17, 0.10, 0.56, 0.22, 0.18),
        (-0.15, -0.12, 0.58, 0.23, 0.19),
        (0.0, 0.06, 0.82, 0.2, 0.17),
    ),
    ((0, 0, 0.50, 0.20, 0.30), (0.03, 0.03, 0.72, 0.16, 0.27), (-0.04, 0.0, 0.36, 0.17, 0.18)),
    (
        (0.12, -0.05, 0.70, 0.30, 0.18),
        (-0.18, 0.1, 0.64, 0.28, 0.17),
        (0.02, 0.2, 0.78, 0.26, 0.18),
        (0.0, -0.2, 0.6, 0.22, 0.15),
    ),
    (
        (0, 0, 0.26, 0.25, 0.15),
        (0, 0, 0.44, 0.20, 0.15),
        (0, 0, 0.62, 0.145, 0.15),
        (0, 0, 0.82, 0.085, 0.19),
    ),
    ((0, 0, 0.22, 0.36, 0.23), (0.2, 0.12, 0.16, 0.26, 0.17), (-0.2, -0.1, 0.17, 0.27, 0.18)),
)


def tree_mesh(kind: int, detail: int) -> Mesh:
    """A round tree (0), a tall narrow one (1), a wide one (2), a conifer (3) or a bush (4).

    Detail 3 is near, 2 middle, 1 far, 0 a few pixels: that has one blob over all clumps.
    """
    builder = MeshBuilder()
    clumps = _CLUMPS[kind] if detail else (_around(_CLUMPS[kind]),)
    top = min(clump[2] for clump in _CLUMPS[kind]) + 0.05
    sides = (3, 3, 5, 8)[detail]
    trunk = (0.035, 0.028, 0.03, 0.024, 0.03)[kind]
    cylinder(
        builder, (0, 0, -0.02), (0, 0, top), trunk, _BARK, Material.BARK, _TAG, end_radius_m=trunk * 0.55, sides=sides
    )
    if detail == 3:
        for x, y, z, across, _ in _CLUMPS[kind][1:]:
            cylinder(
                builder, (0, 0, top * 0.6), (x, y, z - across * 0.2), trunk * 0.5, _BARK, Material.BARK, _TAG, sides=5
            )
    sphere = unit_sphere(max(detail - 1, 0)).reshape(-1, 3)
    leaf_color = _NEEDLES if kind == _CONIFER else _GREEN
    for number, (x, y, z, across, up) in enumerate(clumps):
        wobble = np.sin(sphere[:, 0] * 5 + number) * np.sin(sphere[:, 1] * 6 + 2 * number) * np.cos(sphere[:, 2] * 5)
        wobble += 0.6 * np.sin(sphere[:, 0] * 11 + 3 * number) * np.sin(sphere[:, 1] * 9) * np.sin(sphere[:, 2] * 12)
        swell = 1.0 + 0.15 * wobble
        points = np.array([x, y, z]) + sphere * swell[:, None] * np.array([across, across, up])
        # Leaves are darker below and inside: cheap sky occlusion.
        height = np.clip((points[:, 2] - 0.35) / 0.6, 0, 1)
        shade = (0.55 + 0.30 * height + 0.22 * np.clip(sphere[:, 2], -1, 1)) * (1 + 0.18 * wobble)
        builder.triangles(
            points,
            np.clip(leaf_color * shade[:, None], 0, 1),
            Material.FOLIAGE,
            _TAG,
            normals=sphere,
        )
    return builder.build()


def _around(clumps: tuple[tuple[float, ...], ...]) -> tuple[float, ...]:
    """One clump that covers others."""
    table = np.array(clumps)
    reach = table[:, [3, 3, 4]]
    low, high = (table[:, :3] - reach).min(0), (table[:, :3] + reach).max(0)
    middle, half = (low + high) / 2, 1.04 * (high - low) / 2
    return (*middle.tolist(), float(half[:2].mean()), float(half[2]))
