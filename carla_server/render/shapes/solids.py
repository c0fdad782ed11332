"""Boxes, cylinders, blobs and lofts; each adds triangles to a MeshBuilder, wound counter-clockwise from outside
in a frame drawn with x forward, y right, z up (so that (b-a) x (c-a) points outward)."""

from __future__ import annotations

from typing import Any

import numpy as np

from carla_server.roads.mesh import Material, MeshBuilder

Color = tuple[float, float, float]
Points = tuple[float, float, float] | np.ndarray
_QUAD = [0, 1, 2, 0, 2, 3]


def _unit_box() -> tuple[np.ndarray, np.ndarray]:
    """(36, 3) corner signs and outward normals of six faces; the last six rows are the bottom."""
    ring = np.array([(-1, -1), (1, -1), (1, 1), (-1, 1)], float)
    foot, top = np.c_[ring, np.full(4, -1.0)], np.c_[ring, np.full(4, 1.0)]
    faces = [np.array([foot[i], foot[(i + 1) % 4], top[(i + 1) % 4], top[i]]) for i in range(4)]
    faces += [top, foot[::-1]]
    normals = [(0, -1, 0), (1, 0, 0), (0, 1, 0), (-1, 0, 0), (0, 0, 1), (0, 0, -1)]
    return np.array(faces)[:, _QUAD].reshape(-1, 3), np.repeat(np.array(normals, float), 6, axis=0)


_BOX_SIGNS, _BOX_NORMALS = _unit_box()


def box(
    builder: MeshBuilder,
    low_m: Points,
    high_m: Points,
    color: Color,
    material: Material,
    tag: int,
    *,
    taper: float = 1.0,
    bottom: bool = True,
    **labels: Any,
) -> None:
    """Axis-aligned boxes, one or many: corners (3,) or (N, 3); `taper` scales each top about the box's axis."""
    low, high = np.asarray(low_m, np.float64).reshape(-1, 3), np.asarray(high_m, np.float64).reshape(-1, 3)
    middle, half = (low + high) / 2, np.abs(high - low) / 2
    count = 36 if bottom else 30
    signs, normals = _BOX_SIGNS[:count], _BOX_NORMALS[:count]
    if taper != 1.0:
        signs = signs * np.where(signs[:, 2:] > 0, (taper, taper, 1.0), 1.0)
    corners = (middle[:, None] + signs * half[:, None]).reshape(-1, 3)
    if len(middle) > 1:
        normals = np.tile(normals, (len(middle), 1))
    builder.triangles(corners, color, material, tag, normals=normals, **labels)


def cylinder(
    builder: MeshBuilder,
    start_m: tuple[float, float, float],
    end_m: tuple[float, float, float],
    radius_m: float,
    color: Color,
    material: Material,
    tag: int,
    *,
    end_radius_m: float | None = None,
    sides: int = 8,
    caps: bool = False,
    **labels: Any,
) -> None:
    """Cylinder or cone between two points."""
    start, end = np.asarray(start_m, float), np.asarray(end_m, float)
    axis = (end - start) / np.linalg.norm(end - start)
    helper = np.array([0.0, 0.0, 1.0]) if abs(axis[2]) < 0.9 else np.array([1.0, 0.0, 0.0])
    side_u = _cross(helper, axis)
    side_u /= np.linalg.norm(side_u)
    side_v = _cross(axis, side_u)
    angle = np.linspace(0, 2 * np.pi, sides + 1)
    around = np.cos(angle)[:, None] * side_u + np.sin(angle)[:, None] * side_v
    low = start + radius_m * around
    high = end + (radius_m if end_radius_m is None else end_radius_m) * around
    ring = np.stack([low[:-1], low[1:], high[1:], high[:-1]], 1)[:, _QUAD].reshape(-1, 3)
    normals = np.stack([around[:-1], around[1:], around[1:], around[:-1]], 1)[:, _QUAD].reshape(-1, 3)
    builder.triangles(ring, color, material, tag, normals=normals, **labels)
    if caps:
        tip = np.broadcast_to(end, low[:-1].shape)
        base = np.broadcast_to(start, low[:-1].shape)
        builder.triangles(
            np.concatenate([np.stack([high[:-1], high[1:], tip], 1), np.stack([low[1:], low[:-1], base], 1)]).reshape(
                -1, 3
            ),
            color,
            material,
            tag,
            **labels,
        )


def _cross(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """`np.cross` of two vectors, whose overhead would be most of a small solid."""
    (a, b, c), (d, e, f) = first.tolist(), second.tolist()
    return np.array((b * f - c * e, c * d - a * f, a * e - b * d))


def unit_sphere(subdivisions: int) -> np.ndarray:
    """(T, 3, 3) triangles of a subdivided icosahedron of radius one, outward."""
    golden = (1 + 5**0.5) / 2
    corners = np.array(
        [
            *((-1, golden, 0), (1, golden, 0), (-1, -golden, 0), (1, -golden, 0)),
            *((0, -1, golden), (0, 1, golden), (0, -1, -golden), (0, 1, -golden)),
            *((golden, 0, -1), (golden, 0, 1), (-golden, 0, -1), (-golden, 0, 1)),
        ]
    )
    faces = [(0, 11, 5), (0, 5, 1), (0, 1, 7), (0, 7, 10), (0, 10, 11), (1, 5, 9), (5, 11, 4), (11, 10, 2)]
    faces += [(10, 7, 6), (7, 1, 8), (3, 9, 4), (3, 4, 2), (3, 2, 6), (3, 6, 8), (3, 8, 9), (4, 9, 5)]
    faces += [(2, 4, 11), (6, 2, 10), (8, 6, 7), (9, 8, 1)]
    triangles = corners[np.array(faces)]
    for _ in range(subdivisions):
        a, b, c = triangles[:, 0], triangles[:, 1], triangles[:, 2]
        ab, bc, ca = (a + b) / 2, (b + c) / 2, (c + a) / 2
        triangles = np.concatenate(
            [np.stack(t, 1) for t in ((a, ab, ca), (ab, b, bc), (ca, bc, c), (ab, bc, ca))],
        )
    return triangles / np.linalg.norm(triangles, axis=2, keepdims=True)


_SPHERES = {subdivisions: unit_sphere(subdivisions) for subdivisions in range(3)}


def ellipsoid(
    builder: MeshBuilder,
    center_m: tuple[float, float, float],
    radii_m: tuple[float, float, float],
    color: Color,
    material: Material,
    tag: int,
    *,
    subdivisions: int = 1,
    **labels: Any,
) -> None:
    """Ellipsoid aligned with the axes, smooth normals."""
    unit = _SPHERES[subdivisions].reshape(-1, 3)
    radii = np.asarray(radii_m, float)
    normals = unit / radii
    normals /= np.linalg.norm(normals, axis=1, keepdims=True)
    builder.triangles(np.asarray(center_m) + unit * radii, color, material, tag, normals=normals, **labels)


def strip(lower_m: np.ndarray, upper_m: np.ndarray) -> np.ndarray:
    """(T, 3) triangles between two polylines of (N, 3) points each."""
    return np.stack([lower_m[:-1], lower_m[1:], upper_m[1:], upper_m[:-1]], 1)[:, _QUAD].reshape(-1, 3)


def crease_normals(positions_m: np.ndarray, crease_deg: float = 38.0) -> np.ndarray:
    """(3 T, 3) normals of a triangle soup: smooth where neighbours bend less than `crease_deg`, sharp elsewhere."""
    corners = positions_m.reshape(-1, 3, 3)
    weighted = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    flat = weighted / (np.linalg.norm(weighted, axis=1, keepdims=True) + 1e-12)
    keys = np.round(positions_m * 500).astype(np.int64)
    _, group = np.unique(keys, axis=0, return_inverse=True)
    # Every pair of corners that share a point, by comparing each corner with the next ones of its group.
    order = np.argsort(group.ravel(), kind="stable")
    sorted_group, face = group.ravel()[order], order // 3
    limit = np.cos(np.radians(crease_deg))
    total = weighted[face].copy()
    for shift in range(1, int(np.bincount(group.ravel()).max(initial=1))):
        same = sorted_group[:-shift] == sorted_group[shift:]
        first, second = face[:-shift][same], face[shift:][same]
        close = (flat[first] * flat[second]).sum(1) > limit
        here = np.flatnonzero(same)[close]
        total[here] += weighted[second[close]]
        total[here + shift] += weighted[first[close]]
    normals = np.empty_like(total)
    normals[order] = total
    return normals / (np.linalg.norm(normals, axis=1, keepdims=True) + 1e-12)


def bars(
    builder: MeshBuilder,
    start_m: np.ndarray,
    end_m: np.ndarray,
    half_m: tuple[float, float],
    color: Color,
    material: Material,
    tag: int,
    *,
    along: np.ndarray | None = None,
    **labels: Any,
) -> None:
    """Straight bars of rectangular section between (N, 3) points.

    Args:
        half_m: half width, sideways, and half height, upwards, as seen along a level bar; across and along the line
            that it stands on for one that stands upright.
        along: (N, 3) direction of that line, for upright bars.
    """
    if not len(start_m):
        return
    axis = end_m - start_m
    length = np.maximum(np.linalg.norm(axis, axis=1, keepdims=True), 1e-9)
    axis = axis / length
    up = np.tile((0.0, 0.0, 1.0), (len(axis), 1)) if along is None else np.asarray(along, float)
    aside = np.cross(up, axis)
    aside /= np.maximum(np.linalg.norm(aside, axis=1, keepdims=True), 1e-9)
    over = np.cross(axis, aside)
    half = np.concatenate([length / 2, np.tile(half_m, (len(axis), 1))], axis=1)
    frame = np.stack([axis, aside, over], axis=1)
    middle = (start_m + end_m) / 2
    corners = middle[:, None] + np.einsum("sk,nk,nkj->nsj", _BOX_SIGNS, half, frame)
    normals = np.einsum("sk,nkj->nsj", _BOX_NORMALS, frame)
    builder.triangles(corners.reshape(-1, 3), color, material, tag, normals=normals.reshape(-1, 3), **labels)
