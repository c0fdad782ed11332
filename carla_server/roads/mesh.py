"""Triangle soup with what a renderer and a ray caster need to know of each triangle."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum
from typing import NamedTuple

import numpy as np


class Material(IntEnum):
    """How light meets a surface; the shader reads it from the albedo's alpha byte."""

    MATTE = 0
    ASPHALT = 1
    PAINT = 2
    """Road marking."""
    CONCRETE = 3
    """Kerbs, parking bays, walls."""
    PAVING = 4
    """Sidewalk slabs."""
    GRASS = 5
    FOLIAGE = 6
    FACADE = 7
    """Building wall; the shader draws windows from uv in metres."""
    GLASS = 8
    CAR_PAINT = 9
    """Tinted by the actor's colour."""
    METAL = 10
    HEADLAMP = 11
    TAIL_LAMP = 12
    STREET_LAMP = 13
    SIGNAL_LAMP = 14
    """Traffic light lens; lit or dark by the site's state."""
    SKIN = 15
    CLOTH = 16
    """Tinted by the walker's colour."""
    BARK = 17
    SIGN_FACE = 18
    RUBBER = 19
    ROOF = 20


VERTEX_DTYPE = np.dtype(
    [
        ("position_m", "<f4", 3),
        ("normal", "i1", 4),  # xyz scaled by 127, w unused
        ("color", "u1", 4),  # linear-ish sRGB bytes, alpha = Material
        ("uv_m", "<f2", 2),  # metres along / up, for procedural texture
        ("ids", "u1", 4),  # tag, instance low byte, instance high byte, part index
    ]
)
"""One vertex as it lies in the vertex buffer (28 bytes). Three vertices make a triangle; no index buffer."""

_RAW = np.dtype((np.void, VERTEX_DTYPE.itemsize))


@dataclass(frozen=True)
class Mesh:
    """A triangle list.

    Attributes:
        vertices: (3 T,) structured array of `VERTEX_DTYPE`; positions in metres, CARLA's left-handed
            frame (x forward/north-ish, y right, z up). Front faces are not assumed: renderers draw both.
    """

    vertices: np.ndarray

    def __post_init__(self) -> None:
        if self.vertices.dtype != VERTEX_DTYPE or len(self.vertices) % 3:
            raise ValueError(
                f"a Mesh needs 3 T vertices of VERTEX_DTYPE, got {len(self.vertices)} of {self.vertices.dtype}"
            )

    @property
    def triangle_count(self) -> int:
        return len(self.vertices) // 3


class _Soup(NamedTuple):
    """Triangles that share their labels, as they were given; the rest follows when all is built."""

    points: np.ndarray
    normals: np.ndarray | None
    color: tuple[float, float, float] | np.ndarray
    uv_m: np.ndarray | None
    material: int
    ids: tuple[int, int, int, int]


class MeshBuilder:
    """Collects triangles; `build()` returns them as one `Mesh`.

    What is added is only noted; the vertices are made in one go, as most of what is added is a few triangles.
    """

    def __init__(self) -> None:
        self._parts: list[_Soup | np.ndarray] = []

    def triangles(
        self,
        positions_m: np.ndarray,
        color: tuple[float, float, float] | np.ndarray,
        material: Material,
        tag: int,
        *,
        normals: np.ndarray | None = None,
        uv_m: np.ndarray | None = None,
        instance: int = 0,
        part: int = 0,
    ) -> None:
        """Add triangles.

        Args:
            positions_m: (3 T, 3) float, three rows a triangle.
            color: sRGB in [0, 1], one for all or (3 T, 3).
            normals: (3 T, 3) unit vectors; flat normals from the winding (a, b, c) -> (b-a) x (c-a) if None.
            uv_m: (3 T, 2) metres; zeros if None.
            instance: 16-bit id written by the instance camera; 0 = none.
            part: small index that a shader may use (wheel number, lamp number...).
        """
        points = np.array(positions_m, np.float32).reshape(-1, 3)
        if normals is not None:
            normals = np.array(np.broadcast_to(normals, points.shape), np.float64)
        if uv_m is not None:
            uv_m = np.array(np.broadcast_to(uv_m, (len(points), 2)), np.float16)
        tint = color if isinstance(color, tuple) else np.array(color, np.float32)
        ids = (int(tag), instance & 255, instance >> 8 & 255, part)
        self._parts.append(_Soup(points, normals, tint, uv_m, int(material), ids))

    def quad(
        self,
        corners_m: np.ndarray,
        color: tuple[float, float, float],
        material: Material,
        tag: int,
        *,
        uv_m: np.ndarray | None = None,
        instance: int = 0,
        part: int = 0,
    ) -> None:
        """Add one planar quad given its four corners in order, (4, 3) metres; uv_m (4, 2) metres."""
        order = [0, 1, 2, 0, 2, 3]
        points = np.asarray(corners_m, np.float32)[order]
        uv = None if uv_m is None else np.asarray(uv_m, np.float32)[order]
        self.triangles(points, color, material, tag, uv_m=uv, instance=instance, part=part)

    def append(self, mesh: Mesh) -> None:
        """Add all triangles of another mesh."""
        self._parts.append(mesh.vertices)

    def build(self) -> Mesh:
        soups = [part for part in self._parts if isinstance(part, _Soup)]
        made = _vertices(soups)
        if len(soups) == len(self._parts):
            return Mesh(made)
        pieces, start = [], 0
        for part in self._parts:
            if isinstance(part, _Soup):
                pieces.append(made[start : start + len(part.points)])
                start += len(part.points)
            else:
                pieces.append(part)
        return Mesh(joined(pieces))


def joined(parts: Sequence[np.ndarray]) -> np.ndarray:
    """Arrays of VERTEX_DTYPE one after the other; numpy would compare the fields of each anew."""
    return np.concatenate([np.zeros(0, _RAW), *(part.view(_RAW) for part in parts)]).view(VERTEX_DTYPE)


def _vertices(soups: Sequence[_Soup]) -> np.ndarray:
    """(3 T,) VERTEX_DTYPE of all triangles in order."""
    count = [len(soup.points) for soup in soups]
    out = np.zeros(sum(count), VERTEX_DTYPE)
    if not len(out):
        return out
    out["position_m"] = np.concatenate([soup.points for soup in soups])
    colors = [soup.color for soup in soups]
    if any(isinstance(color, np.ndarray) for color in colors):
        by_vertex = np.concatenate([np.broadcast_to(color, (n, 3)) for color, n in zip(colors, count, strict=True)])
    else:
        by_vertex = np.repeat(np.array(colors, np.float32), count, axis=0)
    out["color"][:, :3] = np.clip(by_vertex.astype(np.float32, copy=False) * 255, 0, 255)
    out["color"][:, 3] = np.repeat(np.array([soup.material for soup in soups], np.uint8), count)
    out["ids"] = np.repeat(np.array([soup.ids for soup in soups], np.uint8), count, axis=0)
    flat = np.repeat([soup.normals is None for soup in soups], count)
    out["normal"][flat, :3] = np.repeat(_packed(_flat_normals(out["position_m"][flat])), 3, axis=0)
    given = [soup.normals for soup in soups if soup.normals is not None]
    if given:
        out["normal"][~flat, :3] = _packed(np.concatenate(given))
    textured = [soup.uv_m for soup in soups if soup.uv_m is not None]
    if textured:
        out["uv_m"][np.repeat([soup.uv_m is not None for soup in soups], count)] = np.concatenate(textured)
    return out


def _flat_normals(points_m: np.ndarray) -> np.ndarray:
    """(T, 3) unit normals of (3 T, 3) corners; what `np.cross` gives, without its overhead."""
    corner = points_m.reshape(-1, 3, 3)
    (a, b, c), (d, e, f) = (corner[:, 1] - corner[:, 0]).T, (corner[:, 2] - corner[:, 0]).T
    normals = np.stack((b * f - c * e, c * d - a * f, a * e - b * d), axis=1)
    return normals / (np.linalg.norm(normals, axis=1, keepdims=True) + 1e-12)


def _packed(normals: np.ndarray) -> np.ndarray:
    """Unit vectors as bytes."""
    return np.clip(np.round(normals * 127), -127, 127).astype(np.int8)
