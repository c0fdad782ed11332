"""Buildings from placements: walls with uv in metres (the shader draws the windows), roofs, ledges, shops."""

from __future__ import annotations

from enum import IntEnum
from typing import Any

import numpy as np

from carla_server.render.shapes.solids import box
from carla_server.roads.mesh import Material, Mesh, MeshBuilder
from carla_server.roads.town import Placement
from carla_server.semantics import SemanticTag

_TAG = int(SemanticTag.BUILDINGS)
FLOOR_M = 3.2
"""Storey height that the facade shader assumes."""
_HOUSE_BELOW_M = 8.5
_EAVES = 0.66
"""Share of a house's height that is wall, the rest is roof."""
BASE_DEPTH_M = 1.5
"""How far walls go into the ground."""
_PLASTER = (
    (0.74, 0.66, 0.54),
    (0.80, 0.76, 0.68),
    (0.66, 0.55, 0.44),
    (0.76, 0.62, 0.50),
    (0.62, 0.64, 0.62),
    (0.82, 0.72, 0.52),
    (0.70, 0.70, 0.74),
)
_BRICK = ((0.52, 0.27, 0.20), (0.46, 0.25, 0.20), (0.58, 0.36, 0.26))
_OFFICE = ((0.42, 0.46, 0.50), (0.55, 0.56, 0.56), (0.34, 0.37, 0.42), (0.60, 0.58, 0.54))
_TILES = ((0.45, 0.20, 0.14), (0.34, 0.18, 0.14), (0.28, 0.28, 0.30), (0.38, 0.26, 0.20))
_AWNINGS = ((0.60, 0.10, 0.10), (0.10, 0.32, 0.22), (0.12, 0.20, 0.42), (0.72, 0.52, 0.16))


class FacadeStyle(IntEnum):
    """Pattern the facade shader draws; written to the vertices' part byte."""

    PLASTER = 0
    BRICK = 1
    OFFICE = 2
    HOUSE = 3


def building_mesh(placement: Placement, instance: int) -> Mesh:
    """One building in the world frame; `placement.seed` decides style, colours and details."""
    random = np.random.default_rng((placement.seed, 0xB1D6))
    builder = MeshBuilder()
    half_x, half_y, height = placement.size_m[0] / 2, placement.size_m[1] / 2, placement.size_m[2]
    if _is_house(placement.size_m):
        _house(builder, random, half_x, half_y, height, instance)
    else:
        _block(builder, random, half_x, half_y, height, instance)
    vertices = builder.build().vertices
    return Mesh(_placed(vertices, placement))


def wall_height_m(size_m: tuple[float, float, float]) -> float:
    """Height up to which a building of this size is solid to its full length and width."""
    return size_m[2] * _EAVES if _is_house(size_m) else size_m[2]


def _is_house(size_m: tuple[float, float, float]) -> bool:
    return size_m[2] < _HOUSE_BELOW_M and max(size_m[0], size_m[1]) < 18.0


def _block(
    builder: MeshBuilder, random: np.random.Generator, half_x: float, half_y: float, height: float, instance: int
) -> None:
    style = FacadeStyle(random.choice([0, 0, 1, 2])) if height > 9.0 else FacadeStyle(random.choice([0, 1]))
    palette = {FacadeStyle.PLASTER: _PLASTER, FacadeStyle.BRICK: _BRICK, FacadeStyle.OFFICE: _OFFICE}[style]
    color = np.clip(np.array(palette[random.integers(len(palette))]) * random.uniform(0.9, 1.1), 0, 1)
    walls: dict[str, Any] = {"instance": instance, "part": int(style)}
    _walls(builder, (half_x, half_y), 0.0, height, color, **walls)
    trim = tuple(np.clip(color * random.uniform(0.72, 1.12), 0, 1))
    roof: dict[str, Any] = {"instance": instance}
    low, high = (-half_x - 0.22, -half_y - 0.22, height - 0.25), (half_x + 0.22, half_y + 0.22, height + 0.35)
    box(builder, low, high, trim, Material.CONCRETE, _TAG, **roof)
    for _ in range(int(random.integers(1, 4))):
        x, y = random.uniform(-0.6, 0.6) * half_x, random.uniform(-0.6, 0.6) * half_y
        size, rise = random.uniform(0.6, 1.7), random.uniform(0.8, 2.4)
        low, high = (x - size, y - size, height + 0.3), (x + size, y + size, height + rise)
        box(builder, low, high, (0.46, 0.46, 0.46), Material.ROOF, _TAG, bottom=False, **roof)
    if style is FacadeStyle.PLASTER and random.random() < 0.6:
        _balconies(builder, random, half_x, half_y, height, instance)
    if random.random() < 0.65:
        _awnings(builder, random, half_x, half_y, instance)


def _house(
    builder: MeshBuilder, random: np.random.Generator, half_x: float, half_y: float, height: float, instance: int
) -> None:
    palette = _PLASTER + _BRICK
    color = np.array(palette[random.integers(len(palette))])
    eaves = height * _EAVES
    labels: dict[str, Any] = {"instance": instance}
    _walls(builder, (half_x, half_y), 0.0, eaves, color, instance=instance, part=int(FacadeStyle.HOUSE))
    tiles = _TILES[random.integers(len(_TILES))]
    # The ridge follows the longer side; the overhang casts a visible eave shadow.
    turn = half_y > half_x
    long_side, short_side = (half_y, half_x) if turn else (half_x, half_y)
    reach_l, reach_s, drop = long_side + 0.35, short_side + 0.45, 0.25

    def point(along: float, across: float, z: float) -> tuple[float, float, float]:
        return (across, along, z) if turn else (along, across, z)

    for side in (-1.0, 1.0):
        eave = [point(-reach_l, side * reach_s, eaves - drop), point(reach_l, side * reach_s, eaves - drop)]
        ridge = [point(reach_l, 0.0, height), point(-reach_l, 0.0, height)]
        corners = np.array(eave + ridge)
        if (np.cross(corners[1] - corners[0], corners[2] - corners[0])[2]) < 0:
            corners = corners[::-1]
        uv = np.array([(0, 0), (2 * reach_l, 0), (2 * reach_l, reach_s), (0, reach_s)])
        for turned in (np.s_[:], np.s_[::-1]):  # the eaves are seen from below
            builder.quad(corners[turned], tiles, Material.ROOF, _TAG, uv_m=uv[turned], **labels)
        gable = np.array(
            [
                point(side * long_side, -short_side, eaves),
                point(side * long_side, short_side, eaves),
                point(side * long_side, 0.0, height - 0.15),
            ]
        )
        outward = np.cross(gable[1] - gable[0], gable[2] - gable[0]) @ np.array(point(side, 0.0, 0.0))
        builder.triangles(gable if outward > 0 else gable[::-1], tuple(color), Material.CONCRETE, _TAG, **labels)
    x, y = random.uniform(-0.5, 0.5) * half_x, random.uniform(-0.3, 0.3) * half_y
    low, high = (x - 0.3, y - 0.3, eaves), (x + 0.3, y + 0.3, height + 0.7)
    box(builder, low, high, (0.42, 0.24, 0.19), Material.CONCRETE, _TAG, bottom=False, **labels)


def _walls(
    builder: MeshBuilder,
    half_m: tuple[float, float],
    low_m: float,
    high_m: float,
    color: np.ndarray,
    **labels: Any,
) -> None:
    corners = np.array([(-1, -1), (1, -1), (1, 1), (-1, 1)]) * half_m
    for index in range(4):
        (x0, y0), (x1, y1) = corners[index], corners[(index + 1) % 4]
        width = float(np.hypot(x1 - x0, y1 - y0))
        quad = np.array(
            [(x0, y0, low_m - BASE_DEPTH_M), (x1, y1, low_m - BASE_DEPTH_M), (x1, y1, high_m), (x0, y0, high_m)]
        )
        # uv.x counts from the wall's middle so that windows stand symmetrically.
        uv = np.array(
            [
                (-width / 2, -BASE_DEPTH_M),
                (width / 2, -BASE_DEPTH_M),
                (width / 2, high_m - low_m),
                (-width / 2, high_m - low_m),
            ]
        )
        builder.quad(quad, tuple(color), Material.FACADE, _TAG, uv_m=uv, **labels)


def _balconies(
    builder: MeshBuilder, random: np.random.Generator, half_x: float, half_y: float, height: float, instance: int
) -> None:
    floors = int(height / FLOOR_M)
    color, depth = (0.30, 0.31, 0.33), 1.0
    column = random.choice([-2.4, 0.0, 2.4])
    for side in (-1.0, 1.0):
        for across in {column, -column}:
            if abs(across) + 1.2 > half_x:
                continue
            for floor in range(1, floors):
                z, y = floor * FLOOR_M + 0.1, side * half_y
                low, high = (across - 1.1, y, z), (across + 1.1, y + side * depth, z + 0.14)
                box(builder, low, high, (0.66, 0.65, 0.62), Material.CONCRETE, _TAG, instance=instance)
                low, high = (
                    (across - 1.1, y + side * (depth - 0.05), z + 0.14),
                    (across + 1.1, y + side * depth, z + 1.0),
                )
                box(builder, low, high, color, Material.METAL, _TAG, instance=instance)


def _awnings(builder: MeshBuilder, random: np.random.Generator, half_x: float, half_y: float, instance: int) -> None:
    color = _AWNINGS[random.integers(len(_AWNINGS))]
    for side in (-1.0, 1.0):
        start = -half_x + 1.0
        while start + 3.0 < half_x:
            length = float(random.uniform(2.6, 4.4))
            if random.random() < 0.6:
                y, end = side * (half_y + 0.02), min(start + length, half_x - 0.3)
                corners = np.array(
                    [
                        (start, y, 2.95),
                        (end, y, 2.95),
                        (end, y + side * 1.2, 2.45),
                        (start, y + side * 1.2, 2.45),
                    ]
                )
                valance = corners.copy()
                valance[:, 1] = y + side * 1.2
                valance[:, 2] = np.where(corners[:, 2] > 2.5, 2.45, 2.22)
                for sheet in (corners, corners[::-1], valance, valance[::-1]):  # cloth has two sides
                    builder.quad(sheet, color, Material.MATTE, _TAG, instance=instance)
            start += length + 0.6


def _placed(vertices: np.ndarray, placement: Placement) -> np.ndarray:
    angle = np.radians(placement.yaw_deg)
    turn = np.array([(np.cos(angle), -np.sin(angle)), (np.sin(angle), np.cos(angle))])
    vertices["position_m"][:, :2] = vertices["position_m"][:, :2] @ turn.T
    vertices["position_m"] += np.asarray(placement.position_m, np.float32)
    normals = vertices["normal"][:, :2].astype(np.float64) @ turn.T
    vertices["normal"][:, :2] = np.round(normals)
    return vertices
