"""Things that people put outside: seats, tables, containers, pots, barrels, bags; each fills its blueprint's box."""

from __future__ import annotations

from carla_server.render.shapes.props import Extent
from carla_server.render.shapes.solids import box, cylinder, ellipsoid
from carla_server.roads.mesh import Material, Mesh, MeshBuilder

_ANY_TAG = 0
_PLASTIC = (0.86, 0.86, 0.83)
_WOOD = (0.46, 0.31, 0.18)
_STEEL = (0.30, 0.32, 0.33)
_CLAY = (0.55, 0.28, 0.17)
_LEAF = (0.20, 0.34, 0.13)


def _legs(builder: MeshBuilder, extent_m: Extent, top_m: float, color: tuple[float, float, float]) -> None:
    half_x, half_y, _ = extent_m
    thick = 0.12 * min(half_x, half_y)
    for x in (-half_x, half_x - thick):
        for y in (-half_y, half_y - thick):
            box(builder, (x, y, 0.0), (x + thick, y + thick, top_m), color, Material.MATTE, _ANY_TAG, bottom=False)


def seat_mesh(extent_m: Extent) -> Mesh:
    """A chair: four legs, seat, back and arm rests; the sitter looks along +x."""
    builder, (half_x, half_y, half_z) = MeshBuilder(), extent_m
    seat = 0.9 * half_z
    _legs(builder, extent_m, 1.3 * half_z, _PLASTIC)
    box(builder, (-half_x, -half_y, seat), (half_x, half_y, seat + 0.05), _PLASTIC, Material.MATTE, _ANY_TAG)
    low, high = (-half_x, -half_y, seat), (-0.8 * half_x, half_y, 2.0 * half_z)
    box(builder, low, high, _PLASTIC, Material.MATTE, _ANY_TAG)
    for y in (-half_y, 0.84 * half_y):
        low, high = (-half_x, y, 1.3 * half_z), (half_x, y + 0.16 * half_y, 1.36 * half_z)
        box(builder, low, high, _PLASTIC, Material.MATTE, _ANY_TAG)
    return builder.build()


def table_mesh(extent_m: Extent) -> Mesh:
    """A top on four legs."""
    builder, (half_x, half_y, half_z) = MeshBuilder(), extent_m
    _legs(builder, extent_m, 1.9 * half_z, _WOOD)
    low, high = (-half_x, -half_y, 1.88 * half_z), (half_x, half_y, 2.0 * half_z)
    box(builder, low, high, _WOOD, Material.MATTE, _ANY_TAG)
    return builder.build()


def container_mesh(extent_m: Extent) -> Mesh:
    """A rubbish container: tapered body, lid, ribs and wheels."""
    builder, (half_x, half_y, half_z) = MeshBuilder(), extent_m
    green, lid = (0.12, 0.30, 0.18), (0.09, 0.22, 0.14)
    foot, rim = 0.12 * half_z, 1.62 * half_z
    low, high = (-0.9 * half_x, -0.85 * half_y, foot), (0.9 * half_x, 0.85 * half_y, rim)
    box(builder, low, high, green, Material.MATTE, _ANY_TAG, taper=1.08)
    low, high = (-half_x, -half_y, rim), (half_x, half_y, 1.72 * half_z)
    box(builder, low, high, green, Material.MATTE, _ANY_TAG)
    low, high = (-0.96 * half_x, -0.94 * half_y, 1.72 * half_z), (0.96 * half_x, 0.94 * half_y, 2.0 * half_z)
    box(builder, low, high, lid, Material.MATTE, _ANY_TAG, taper=0.75)
    for x in (-0.6, -0.2, 0.2, 0.6):
        low, high = ((x - 0.04) * half_x, -0.97 * half_y, 0.3 * half_z), ((x + 0.04) * half_x, 0.97 * half_y, rim)
        box(builder, low, high, lid, Material.MATTE, _ANY_TAG)
    for x in (-0.7 * half_x, 0.7 * half_x):
        for y in (-0.7 * half_y, 0.7 * half_y):
            ends = (x, y - 0.04, 0.09 * half_z), (x, y + 0.04, 0.09 * half_z)
            cylinder(builder, *ends, 0.09 * half_z, (0.05,) * 3, Material.RUBBER, _ANY_TAG, sides=8, caps=True)
    return builder.build()


def plant_pot_mesh(extent_m: Extent) -> Mesh:
    """A clay pot with a bush in it."""
    builder, (half_x, half_y, half_z) = MeshBuilder(), extent_m
    radius = 0.72 * min(half_x, half_y)
    cylinder(
        builder,
        (0, 0, 0),
        (0, 0, 0.8 * half_z),
        0.75 * radius,
        _CLAY,
        Material.MATTE,
        _ANY_TAG,
        end_radius_m=radius,
        sides=10,
    )
    cylinder(
        builder,
        (0, 0, 0.72 * half_z),
        (0, 0, 0.86 * half_z),
        1.1 * radius,
        _CLAY,
        Material.MATTE,
        _ANY_TAG,
        sides=10,
        caps=True,
    )
    radii = (half_x, half_y, 0.64 * half_z)
    ellipsoid(builder, (0, 0, 1.36 * half_z), radii, _LEAF, Material.MATTE, _ANY_TAG, subdivisions=1)
    return builder.build()


def barrel_mesh(extent_m: Extent) -> Mesh:
    """A construction barrel: orange with two white bands."""
    builder, (half_x, half_y, half_z) = MeshBuilder(), extent_m
    radius, orange, white = min(half_x, half_y), (0.90, 0.30, 0.05), (0.92, 0.92, 0.90)
    levels = ((0.0, 0.55, orange), (0.55, 0.95, white), (0.95, 1.3, orange), (1.3, 1.7, white), (1.7, 2.0, orange))
    for low, high, color in levels:
        ends = (0, 0, low * half_z), (0, 0, high * half_z)
        cylinder(builder, *ends, radius, color, Material.MATTE, _ANY_TAG, sides=12, caps=high == 2.0)
    return builder.build()


def bag_mesh(extent_m: Extent) -> Mesh:
    """A slack bag or a heap."""
    builder, (half_x, half_y, half_z) = MeshBuilder(), extent_m
    color = (0.10, 0.10, 0.11)
    ellipsoid(builder, (0, 0, 0.85 * half_z), (half_x, half_y, 0.85 * half_z), color, Material.MATTE, _ANY_TAG)
    top = (0, 0, 2.0 * half_z)
    cylinder(builder, (0, 0, 1.5 * half_z), top, 0.25 * half_x, color, Material.MATTE, _ANY_TAG, sides=6, caps=True)
    return builder.build()
