"""Walkers, and riders with their motorcycles and bicycles."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np

from carla_server.render.shapes.parts import Part, with_pivot
from carla_server.render.shapes.solids import box, cylinder, ellipsoid
from carla_server.render.shapes.specks import walker_speck
from carla_server.roads.mesh import Material, Mesh, MeshBuilder
from carla_server.semantics import SemanticTag

_ANY_TAG = 0
_DARK = (0.05, 0.05, 0.055)
SKIN = (0.78, 0.57, 0.45)
WHITE = (1.0, 1.0, 1.0)
"""Shirts and hair, which the shader tints."""
TROUSERS = (0.17, 0.18, 0.24)
SHOE = (0.06, 0.05, 0.05)


def walker_mesh(extent_m: tuple[float, float, float], detail: int) -> Mesh:
    """A standing person; origin at the centre of the bounding box, as CARLA's walkers.

    Args:
        extent_m: half extents of the bounding box; the height sets the size.
        detail: 3 near, 2 middle, 1 far, 0 a few pixels tall.
    """
    if not detail:
        return walker_speck(2.0 * extent_m[2])
    builder, limbs, sides = MeshBuilder(), max(0, detail - 2), (3, 5, 7)[detail - 1]
    hip, shoulder, size = 0.53, 0.81, 2.0 * extent_m[2]
    ellipsoid(
        builder, (0.0, 0.0, 0.935), (0.058, 0.05, 0.068), SKIN, Material.SKIN, 0, subdivisions=max(detail, 2) - 2
    )
    ellipsoid(builder, (-0.01, 0, 0.952), (0.06, 0.053, 0.056), WHITE, Material.CLOTH, 0, subdivisions=limbs, part=7)
    if detail > 1:
        cylinder(builder, (0, 0, 0.82), (0, 0, 0.89), 0.03, SKIN, Material.SKIN, 0, sides=6)
    rings = (
        (hip - 0.03, 0.062, 0.085),
        (hip + 0.06, 0.058, 0.085),
        (hip + 0.2, 0.07, 0.105),
        (shoulder, 0.06, 0.12),
        (shoulder + 0.04, 0.035, 0.05),
    )
    torso(builder, rings, sides + 1)
    for side, leg, arm in ((-1.0, Part.LEFT_LEG, Part.LEFT_ARM), (1.0, Part.RIGHT_LEG, Part.RIGHT_ARM)):
        y = 0.05 * side
        limb = MeshBuilder()
        cylinder(
            limb,
            (0, y, 0.04),
            (0, y, hip),
            0.034,
            TROUSERS,
            Material.MATTE,
            0,
            end_radius_m=0.052,
            sides=sides,
        )
        box(limb, (-0.04, y - 0.028, 0.0), (0.10, y + 0.028, 0.045), SHOE, Material.MATTE, 0)
        builder.append(with_pivot(limb.build(), leg, (0.0, y * size, hip * size)))
        limb = MeshBuilder()
        y = 0.125 * side
        cylinder(
            limb,
            (0.0, y * 1.12, 0.50),
            (0, y, shoulder),
            0.024,
            WHITE,
            Material.CLOTH,
            0,
            end_radius_m=0.036,
            sides=sides,
        )
        if detail > 1:
            ellipsoid(limb, (0.01, y * 1.14, 0.475), (0.024, 0.018, 0.035), SKIN, Material.SKIN, 0, subdivisions=0)
        builder.append(with_pivot(limb.build(), arm, (0.0, y * size, shoulder * size)))
    return scaled(builder.build(), size, -extent_m[2])


def torso(builder: MeshBuilder, rings: tuple[tuple[float, float, float], ...], sides: int) -> None:
    """Add a trunk in clothes: rings of (height, half depth, half width) joined to a skin."""
    angle = np.linspace(0, 2 * np.pi, sides + 1)
    for (z0, a0, b0), (z1, a1, b1) in pairwise(rings):
        low = np.c_[a0 * np.cos(angle), b0 * np.sin(angle), np.full(sides + 1, z0)]
        high = np.c_[a1 * np.cos(angle), b1 * np.sin(angle), np.full(sides + 1, z1)]
        quads = np.stack([low[:-1], low[1:], high[1:], high[:-1]], 1)[:, [0, 1, 2, 0, 2, 3]].reshape(-1, 3)
        around = np.stack([angle[:-1], angle[1:], angle[1:], angle[:-1]], 1)[:, [0, 1, 2, 0, 2, 3]].ravel()
        normals = np.c_[np.cos(around), np.sin(around), 0 * around]
        builder.triangles(quads, WHITE, Material.CLOTH, 0, normals=normals)


def motorcycle_mesh(extent_m: tuple[float, float, float], detail: int) -> Mesh:
    """A motorcycle or scooter with its rider, inside the blueprint's box; origin on the ground."""
    builder = MeshBuilder()
    length, height = extent_m[0], 2.0 * extent_m[2]
    radius, top, smooth = 0.30 * min(1.0, length), max(0.62, 0.45 * height), int(detail == 3)
    _two_wheels(builder, length, radius, 0.07, detail)
    box(
        builder,
        (-0.45 * length, -0.13, radius * 0.8),
        (0.45 * length, 0.13, top * 0.85),
        (0.13,) * 3,
        Material.METAL,
        0,
    )
    ellipsoid(builder, (0.12 * length, 0, top), (0.32, 0.16, 0.15), WHITE, Material.CAR_PAINT, 0, subdivisions=smooth)
    ellipsoid(builder, (0.62 * length, 0, top), (0.20, 0.18, 0.24), WHITE, Material.CAR_PAINT, 0, subdivisions=smooth)
    ellipsoid(
        builder, (-0.45 * length, 0, top * 0.98), (0.42, 0.14, 0.08), _DARK, Material.MATTE, 0, subdivisions=smooth
    )
    cylinder(
        builder, (0.45 * length, -0.36, top * 1.3), (0.45 * length, 0.36, top * 1.3), 0.02, _DARK, Material.METAL, 0
    )
    x = 0.62 * length + 0.17
    box(
        builder,
        (x, -0.09, top - 0.02),
        (x + 0.05, 0.09, top + 0.13),
        (0.9,) * 3,
        Material.HEADLAMP,
        0,
        part=Part.HEADLAMP,
    )
    x = -0.95 * length
    box(
        builder,
        (x, -0.1, top),
        (x + 0.08, 0.1, top + 0.08),
        (0.62, 0.02, 0.02),
        Material.TAIL_LAMP,
        0,
        part=Part.TAIL_LAMP,
    )
    _rider(
        builder,
        (-0.20 * length, top * 1.02),
        (0.42 * length, top * 1.3),
        (0.0, radius),
        height,
        helmet=True,
        detail=detail,
    )
    return builder.build()


def bicycle_mesh(extent_m: tuple[float, float, float], detail: int) -> Mesh:
    """A bicycle with its rider, inside the blueprint's box; origin on the ground."""
    builder = MeshBuilder()
    length, height = extent_m[0], 2.0 * extent_m[2]
    radius = 0.37 * length
    _two_wheels(builder, length, radius, 0.022, detail)
    saddle, bar, crank = (
        (-0.25 * length, 2.5 * radius),
        (0.42 * length, 2.75 * radius),
        (-0.05 * length, 0.95 * radius),
    )
    rear, front = (-length + radius, radius), (length - radius, radius)
    for start, end in ((rear, crank), (rear, saddle), (crank, saddle), (crank, bar), (saddle, bar), (bar, front)):
        cylinder(builder, (start[0], 0, start[1]), (end[0], 0, end[1]), 0.025, WHITE, Material.CAR_PAINT, 0, sides=5)
    cylinder(builder, (bar[0], -0.28, bar[1]), (bar[0], 0.28, bar[1]), 0.018, _DARK, Material.METAL, 0, sides=5)
    box(
        builder,
        (saddle[0] - 0.13, -0.07, saddle[1]),
        (saddle[0] + 0.12, 0.07, saddle[1] + 0.05),
        _DARK,
        Material.MATTE,
        0,
    )
    lamp = (rear[0] - 0.1, -0.04, 1.9 * radius), (rear[0] - 0.05, 0.04, 2.1 * radius)
    box(builder, *lamp, (0.62, 0.02, 0.02), Material.TAIL_LAMP, 0, part=Part.TAIL_LAMP)
    _rider(
        builder, (saddle[0], saddle[1] + 0.06), bar, (crank[0], 0.55 * radius), height, helmet=False, detail=detail
    )
    return builder.build()


def _two_wheels(builder: MeshBuilder, length: float, radius: float, half_width: float, detail: int) -> None:
    sides = (5, 7, 12, 16)[detail]
    for x, part in ((-length + radius, Part.REAR_WHEEL), (length - radius, Part.FRONT_WHEEL)):
        wheel = MeshBuilder()
        angle = np.linspace(0, 2 * np.pi, sides + 1)
        for y in (-half_width, half_width):
            outer = np.c_[x + radius * np.cos(angle), np.full(sides + 1, y), radius + radius * np.sin(angle)]
            inner = np.c_[
                x + 0.8 * radius * np.cos(angle), np.full(sides + 1, y), radius + 0.8 * radius * np.sin(angle)
            ]
            rings = (inner, outer) if y < 0 else (outer, inner)
            quads = np.stack([rings[0][:-1], rings[0][1:], rings[1][1:], rings[1][:-1]], 1)
            wheel.triangles(quads[:, [0, 1, 2, 0, 2, 3]].reshape(-1, 3), _DARK, Material.RUBBER, _ANY_TAG)
        ends = ((x, -half_width, radius), (x, half_width, radius))
        cylinder(wheel, *ends, radius, _DARK, Material.RUBBER, _ANY_TAG, sides=sides)
        for spoke in np.linspace(0, np.pi, (0, 0, 2, 3)[detail], endpoint=False):
            reach = 0.82 * radius * np.array([np.cos(spoke), 0.0, np.sin(spoke)])
            hub = np.array([x, 0.0, radius])
            cylinder(
                wheel, tuple(hub - reach), tuple(hub + reach), 0.014, (0.6,) * 3, Material.METAL, _ANY_TAG, sides=4
            )
        builder.append(with_pivot(wheel.build(), part, (x, 0.0, radius)))


def _rider(
    builder: MeshBuilder,
    seat: tuple[float, float],
    bar: tuple[float, float],
    foot: tuple[float, float],
    height: float,
    *,
    helmet: bool,
    detail: int,
) -> None:
    tag, smooth, sides = int(SemanticTag.RIDER), int(detail == 3), (3, 4, 6, 8)[detail]
    neck_z = max(height - 0.30, seat[1] + 0.45)
    neck_x = seat[0] + 0.38 * (bar[0] - seat[0])
    cylinder(
        builder,
        (seat[0], 0, seat[1]),
        (neck_x, 0, neck_z),
        0.15,
        WHITE,
        Material.CLOTH,
        tag,
        end_radius_m=0.17,
        sides=sides,
    )
    ellipsoid(builder, (neck_x, 0, neck_z), (0.13, 0.22, 0.10), WHITE, Material.CLOTH, tag, subdivisions=smooth)
    head = (neck_x + 0.05, 0.0, min(neck_z + 0.19, height - 0.13))
    ellipsoid(builder, head, (0.11, 0.09, 0.13), SKIN, Material.SKIN, tag, subdivisions=smooth)
    crown = (head[0] - 0.01, 0.0, head[2] + (0.01 if helmet else 0.04))
    size = (0.14, 0.12, 0.14) if helmet else (0.12, 0.10, 0.10)
    ellipsoid(builder, crown, size, WHITE, Material.CLOTH, tag, subdivisions=smooth, part=7)
    for side in (-1.0, 1.0):
        knee = (seat[0] + 0.38, side * 0.15, (seat[1] + foot[1]) / 2 + 0.12)
        hip = (seat[0], side * 0.10, seat[1] + 0.05)
        cloth: dict[str, Any] = {"part": int(Part.SECOND_COLOR), "sides": max(3, sides - 2)}
        cylinder(builder, hip, knee, 0.085, WHITE, Material.CLOTH, tag, end_radius_m=0.065, **cloth)
        cylinder(
            builder,
            knee,
            (foot[0], side * 0.13, foot[1]),
            0.065,
            WHITE,
            Material.CLOTH,
            tag,
            end_radius_m=0.045,
            **cloth,
        )
        shoulder = (neck_x, side * 0.19, neck_z - 0.03)
        cylinder(
            builder,
            shoulder,
            (bar[0], side * 0.24, bar[1]),
            0.05,
            WHITE,
            Material.CLOTH,
            tag,
            sides=max(3, sides - 2),
        )


def scaled(mesh: Mesh, size: float, lift_m: float) -> Mesh:
    """A mesh in shares of a height as metres, in place, then moved upwards."""
    vertices = mesh.vertices
    vertices["position_m"] *= np.float32(size)
    vertices["position_m"][:, 2] += np.float32(lift_m)
    moving = vertices["ids"][:, 3] > 0
    vertices["uv_m"][moving, 1] += np.float16(lift_m)
    return mesh
