"""Street furniture, construction props and the fallback box."""

from __future__ import annotations

import numpy as np

from carla_server.render.shapes.solids import box, cylinder, ellipsoid
from carla_server.roads.mesh import Material, Mesh, MeshBuilder
from carla_server.semantics import SemanticTag

Extent = tuple[float, float, float]
STREET_LAMP_HEIGHT_M = 6.2
STREET_LAMP_ARM_M = 1.7
_ANY_TAG = 0
_STEEL = (0.27, 0.29, 0.30)
_WOOD = (0.42, 0.27, 0.15)
_WHITE = (1.0, 1.0, 1.0)


def street_lamp_mesh(detail: int, height_m: float = STREET_LAMP_HEIGHT_M) -> Mesh:
    """A lamp post whose arm points along +x; origin at its foot."""
    builder, tag, sides = MeshBuilder(), int(SemanticTag.POLES), (3, 4, 8, 8)[detail]
    foot_m = 0.9 if detail > 1 else 0.0
    if detail > 1:
        cylinder(builder, (0, 0, 0), (0, 0, foot_m), 0.11, _STEEL, Material.METAL, tag, sides=sides)
    head_m = (0, 0, height_m)
    cylinder(builder, (0, 0, foot_m), head_m, 0.075, _STEEL, Material.METAL, tag, end_radius_m=0.05, sides=sides)
    tip = (STREET_LAMP_ARM_M, 0.0, height_m + 0.18)
    cylinder(builder, (0, 0, height_m - 0.05), tip, 0.04, _STEEL, Material.METAL, tag, sides=min(sides, 6))
    low = (tip[0] - 0.32, -0.14, tip[2] - 0.07)
    top = (tip[0] + 0.32, 0.14, tip[2] + 0.07)
    box(builder, low, top, _STEEL, Material.METAL, tag, taper=0.7, bottom=detail > 1)
    low = (tip[0] - 0.27, -0.11, tip[2] - 0.12)
    high = (tip[0] + 0.27, 0.11, tip[2] - 0.07)
    if detail:
        box(builder, low, high, (1.0, 0.88, 0.66), Material.STREET_LAMP, tag)
    else:
        underside = np.array([(low[0], low[1]), (low[0], high[1]), (high[0], high[1]), (high[0], low[1])])
        builder.quad(np.c_[underside, np.full(4, low[2])], (1.0, 0.88, 0.66), Material.STREET_LAMP, tag)
    return builder.build()


def bench_mesh(extent_m: Extent, detail: int) -> Mesh:
    """Seat with back rest; length along y, the sitter looks along +x."""
    builder, tag, (half_x, half_y, _) = MeshBuilder(), int(SemanticTag.STATIC), extent_m
    if detail < 2:
        box(builder, (-half_x, -half_y, 0.3), (half_x, half_y, 0.47), _WOOD, Material.MATTE, tag)
        low, high = (-half_x, -half_y, 0.47), (-half_x + 0.05, half_y, 0.86)
        box(builder, low, high, _WOOD, Material.MATTE, tag, bottom=False)
        return builder.build()
    for y in (-0.8 * half_y, 0.8 * half_y):
        box(builder, (-half_x, y - 0.04, 0), (half_x, y + 0.04, 0.42), _STEEL, Material.METAL, tag)
        box(builder, (-half_x, y - 0.04, 0.42), (-half_x + 0.07, y + 0.04, 0.88), _STEEL, Material.METAL, tag)
    for x in (-0.75, -0.125, 0.5):
        box(
            builder,
            (x * half_x, -half_y, 0.42),
            ((x + 0.5) * half_x, half_y, 0.47),
            _WOOD,
            Material.MATTE,
            tag,
        )
    for z in (0.55, 0.73):
        box(builder, (-half_x, -half_y, z), (-half_x + 0.04, half_y, z + 0.13), _WOOD, Material.MATTE, tag)
    return builder.build()


def bin_mesh(extent_m: Extent) -> Mesh:
    """Round litter bin."""
    builder, tag, height = MeshBuilder(), int(SemanticTag.STATIC), 2 * extent_m[2]
    radius = extent_m[0]
    cylinder(
        builder,
        (0, 0, 0),
        (0, 0, 0.9 * height),
        0.85 * radius,
        (0.12, 0.24, 0.17),
        Material.MATTE,
        tag,
        end_radius_m=radius,
        sides=10,
    )
    cylinder(
        builder,
        (0, 0, 0.9 * height),
        (0, 0, height),
        radius * 1.05,
        (0.08,) * 3,
        Material.METAL,
        tag,
        sides=10,
        caps=True,
    )
    return builder.build()


def hydrant_mesh(extent_m: Extent) -> Mesh:
    builder, tag, height = MeshBuilder(), int(SemanticTag.STATIC), 2 * extent_m[2]
    radius, red = 0.6 * extent_m[0], (0.66, 0.07, 0.05)
    cylinder(builder, (0, 0, 0), (0, 0, 0.75 * height), radius, red, Material.CAR_PAINT, tag, sides=8)
    ellipsoid(
        builder, (0, 0, 0.78 * height), (radius * 1.1, radius * 1.1, 0.22 * height), red, Material.CAR_PAINT, tag
    )
    cylinder(
        builder,
        (0, -1.6 * radius, 0.55 * height),
        (0, 1.6 * radius, 0.55 * height),
        0.5 * radius,
        red,
        Material.CAR_PAINT,
        tag,
        sides=6,
        caps=True,
    )
    return builder.build()


def fence_mesh(extent_m: Extent, detail: int) -> Mesh:
    """A railing along x with posts every two metres."""
    builder, tag, (half_x, half_y, half_z) = MeshBuilder(), int(SemanticTag.FENCES), extent_m
    half, height = min(half_y, 0.03), 2 * half_z
    for z in (0.15, 0.90):
        low, high = (-half_x, -half, z * height), (half_x, half, (z + 0.06) * height)
        box(builder, low, high, _STEEL, Material.METAL, tag, bottom=False)
    gaps = max(1, round(2 * half_x / 2.0))
    posts = _along_x(np.linspace(-half_x, half_x, gaps + 1 if detail > 1 else 2))
    box(
        builder,
        posts - np.array([0.03, 0.03, 0]),
        posts + np.array([0.03, 0.03, height]),
        _STEEL,
        Material.METAL,
        tag,
        bottom=False,
    )
    if detail == 3:
        bars = _along_x(np.arange(-half_x, half_x, 0.22))
        first = bars + np.array([0, -0.3 * half, 0.15 * height])
        last = bars + np.array([0.02, 0.3 * half, 0.9 * height])
        box(builder, first, last, _STEEL, Material.METAL, tag, bottom=False)
    return builder.build()


def _along_x(positions_m: np.ndarray) -> np.ndarray:
    return np.c_[positions_m, np.zeros((len(positions_m), 2))]


def cone_mesh(extent_m: Extent) -> Mesh:
    """Traffic cone with its white bands."""
    builder, height, radius = MeshBuilder(), 2 * extent_m[2], 0.72 * min(extent_m[:2])
    orange, white = (0.93, 0.28, 0.04), (0.92, 0.92, 0.9)
    box(
        builder, (-extent_m[0], -extent_m[1], 0), (extent_m[0], extent_m[1], 0.06 * height), orange, Material.MATTE, 0
    )
    bands = ((0.06, 0.35, orange), (0.35, 0.55, white), (0.55, 0.7, orange), (0.7, 0.84, white), (0.84, 1.0, orange))
    for low, high, color in bands:
        cylinder(
            builder,
            (0, 0, low * height),
            (0, 0, high * height),
            radius * (1.02 - 0.85 * low),
            color,
            Material.MATTE,
            _ANY_TAG,
            end_radius_m=radius * (1.02 - 0.85 * high),
            sides=10,
        )
    return builder.build()


def barrier_mesh(extent_m: Extent) -> Mesh:
    """Red and white striped barrier board on feet, across x."""
    builder, (half_x, half_y, half_z) = MeshBuilder(), extent_m
    along_x = half_x >= half_y
    length, thickness = max(half_x, half_y), max(0.03, 0.35 * min(half_x, half_y))
    stripes = 8
    for board in (0.45, 0.75):
        for index in range(stripes):
            start, end = (-length + 2 * length * step / stripes for step in (index, index + 1))
            color = (0.8, 0.06, 0.05) if index % 2 else (0.92, 0.92, 0.9)
            low, high = (start, -thickness, board * 2 * half_z), (end, thickness, (board + 0.2) * 2 * half_z)
            if not along_x:
                low, high = (low[1], low[0], low[2]), (high[1], high[0], high[2])
            box(builder, low, high, color, Material.MATTE, _ANY_TAG)
    feet = min(0.3, half_x), min(0.3, half_y)
    reach = length - max(0.05, feet[0] if along_x else feet[1])
    for sign in (-1.0, 1.0):
        x, y = (sign * reach, 0.0) if along_x else (0.0, sign * reach)
        box(builder, (x - 0.05, y - 0.05, 0), (x + 0.05, y + 0.05, 1.8 * half_z), _STEEL, Material.METAL, _ANY_TAG)
        box(
            builder,
            (x - feet[0], y - feet[1], 0),
            (x + feet[0], y + feet[1], 0.05),
            _STEEL,
            Material.METAL,
            _ANY_TAG,
        )
    return builder.build()


def crate_mesh(extent_m: Extent) -> Mesh:
    """A plain box of the blueprint's size: every prop without a shape of its own."""
    builder, (half_x, half_y, half_z) = MeshBuilder(), extent_m
    box(builder, (-half_x, -half_y, 0), (half_x, half_y, 2 * half_z), (0.62, 0.52, 0.38), Material.MATTE, _ANY_TAG)
    edge = min(0.05, 0.2 * min(extent_m))
    box(
        builder,
        (-half_x - 0.004, -half_y - 0.004, 2 * half_z - edge),
        (half_x + 0.004, half_y + 0.004, 2 * half_z + 0.002),
        (0.45, 0.36, 0.25),
        Material.MATTE,
        _ANY_TAG,
    )
    return builder.build()
