"""Boards on posts: warning signs of road works, street signs, advertisements, a bus shelter."""

from __future__ import annotations

from itertools import pairwise

import numpy as np

from carla_server.render.shapes.props import Extent
from carla_server.render.shapes.solids import box
from carla_server.roads.mesh import Material, Mesh, MeshBuilder

_ANY_TAG = 0
_STEEL = (0.30, 0.32, 0.33)
_RED, _WHITE, _BLACK = (0.74, 0.04, 0.04), (0.93, 0.93, 0.90), (0.04, 0.04, 0.04)
_YELLOW, _BLUE = (0.95, 0.66, 0.05), (0.06, 0.18, 0.50)


def _face(
    builder: MeshBuilder, corners_xy: np.ndarray, at_m: float, color: tuple[float, float, float], along_x: bool
) -> None:
    """A flat polygon (K, 2) (across, up) on both sides of a board's middle plane."""
    for side in (-1.0, 1.0):
        ring = np.insert(corners_xy, 1 if along_x else 0, side * at_m, axis=1)
        fan = np.concatenate([ring[[0, i, i + 1]] for i in range(1, len(ring) - 1)])
        outward = np.cross(fan[1] - fan[0], fan[2] - fan[0])[1 if along_x else 0] * side
        fan = fan if outward > 0 else fan.reshape(-1, 3, 3)[:, ::-1].reshape(-1, 3)
        builder.triangles(fan, color, Material.SIGN_FACE, _ANY_TAG)


def _across(extent_m: Extent) -> tuple[bool, float]:
    """Whether the longer side lies along x, and half its length."""
    return extent_m[0] >= extent_m[1], max(extent_m[:2])


def _post(builder: MeshBuilder, extent_m: Extent, across_m: float, top_m: float) -> None:
    """A post from the ground, and a foot as deep as the box."""
    along_x, half = _across(extent_m)
    deep = min(extent_m[:2])
    for wide, thick, high in ((0.04, 0.03, top_m), (0.12 * half + 0.04, deep, 0.06)):
        low = (across_m - wide, -thick) if along_x else (-thick, across_m - wide)
        far = (across_m + wide, thick) if along_x else (thick, across_m + wide)
        box(builder, (*low, 0.0), (*far, high), _STEEL, Material.METAL, _ANY_TAG)


def warning_mesh(extent_m: Extent) -> Mesh:
    """A red-rimmed triangle over a striped board, on two posts."""
    builder, height = MeshBuilder(), 2.0 * extent_m[2]
    along_x, half = _across(extent_m)
    for across in (-0.8 * half, 0.8 * half):
        _post(builder, extent_m, across, 0.5 * height)
    stripes = np.linspace(-half, half, 9)
    low, high = 0.22 * height, 0.42 * height
    for index, (left, right) in enumerate(pairwise(stripes)):
        quad = np.array([(left, low), (right, low), (right, high), (left, high)])
        _face(builder, quad, 0.02, _RED if index % 2 else _WHITE, along_x)
    middle, rise = 0.46 * height, 0.54 * height
    reach = min(half, 0.6 * rise)
    triangle = np.array([(-1.0, 0.0), (1.0, 0.0), (0.0, 1.0)])
    for layer, (share, color) in enumerate(((1.0, _RED), (0.68, _YELLOW))):
        corners = (triangle - (0.0, 0.34)) * share * (reach, rise) + (0.0, middle + 0.34 * rise)
        _face(builder, corners, 0.024 + 0.004 * layer, color, along_x)
    for low, high in ((0.16, 0.22), (0.27, 0.56)):
        mark = np.array([(-0.05, low), (0.05, low), (0.05, high), (-0.05, high)]) * (reach, rise) + (0.0, middle)
        _face(builder, mark, 0.034, _BLACK, along_x)
    return builder.build()


def street_sign_mesh(extent_m: Extent) -> Mesh:
    """A blue board with a white rim on a post."""
    builder, height = MeshBuilder(), 2.0 * extent_m[2]
    along_x, half = _across(extent_m)
    _post(builder, extent_m, 0.0, 0.98 * height)
    for layer, (inset, color) in enumerate(((0.0, _WHITE), (0.04, _BLUE))):
        left, low, high = half - inset, 0.68 * height + inset, height - inset
        quad = np.array([(-left, low), (left, low), (left, high), (-left, high)])
        _face(builder, quad, 0.035 + 0.004 * layer, color, along_x)
    for low in (0.76, 0.86):
        quad = np.array([(-0.7 * half, low), (0.7 * half, low), (0.7 * half, low + 0.04), (-0.7 * half, low + 0.04)])
        _face(builder, quad * (1.0, height), 0.045, _WHITE, along_x)
    return builder.build()


def advertisement_mesh(extent_m: Extent) -> Mesh:
    """A lit poster case on a foot."""
    builder, (half_x, half_y, half_z) = MeshBuilder(), extent_m
    along_x, half = _across(extent_m)
    deep = min(half_x, half_y)
    box(builder, (-0.5 * half_x, -half_y, 0), (0.5 * half_x, half_y, 0.4 * half_z), _STEEL, Material.METAL, _ANY_TAG)
    box(builder, (-half_x, -half_y, 0.4 * half_z), (half_x, half_y, 2 * half_z), _STEEL, Material.METAL, _ANY_TAG)
    for low, high, color in ((0.55, 1.15, (0.80, 0.32, 0.10)), (1.15, 1.9, (0.16, 0.42, 0.62))):
        left = 0.88 * half
        quad = np.array([(-left, low), (left, low), (left, high), (-left, high)]) * (1.0, half_z)
        _face(builder, quad, deep + 0.004, color, along_x)
    return builder.build()


def shelter_mesh(extent_m: Extent) -> Mesh:
    """A bus shelter: roof, four posts, glass back and sides, a bench; open towards +y."""
    builder, (half_x, half_y, half_z) = MeshBuilder(), extent_m
    top = 2.0 * half_z
    box(builder, (-half_x, -half_y, top - 0.14), (half_x, half_y, top), _STEEL, Material.METAL, _ANY_TAG)
    for x in (-half_x + 0.06, half_x - 0.06):
        for y in (-half_y + 0.06, half_y - 0.2):
            low, high = (x - 0.05, y - 0.05, 0.0), (x + 0.05, y + 0.05, top - 0.14)
            box(builder, low, high, _STEEL, Material.METAL, _ANY_TAG, bottom=False)
    glass = (0.30, 0.36, 0.38)
    panes = [((-half_x + 0.1, -half_y + 0.04, 0.3), (half_x - 0.1, -half_y + 0.08, top - 0.3))]
    panes += [((x, -half_y + 0.1, 0.3), (x + 0.04, 0.2 * half_y, top - 0.3)) for x in (-half_x + 0.04, half_x - 0.08)]
    for low, high in panes:
        box(builder, low, high, glass, Material.GLASS, _ANY_TAG)
    low, high = (-0.7 * half_x, -half_y + 0.15, 0.42), (0.5 * half_x, -half_y + 0.55, 0.48)
    box(builder, low, high, (0.46, 0.31, 0.18), Material.MATTE, _ANY_TAG)
    return builder.build()
