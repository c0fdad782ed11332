"""Triangle soup with what a renderer and a ray caster need to know of each triangle."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum

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


class MeshBuilder:
    """Collects triangles; `build()` returns them as one `Mesh`."""

    def __init__(self) -> None:
        self._parts: list[np.ndarray] = []

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
        points = np.asarray(positions_m, np.float32).reshape(-1, 3)
        count = len(points)
        out = np.zeros(count, VERTEX_DTYPE)
        out["position_m"] = points
        if normals is None:
            corner = points.reshape(-1, 3, 3)
            flat = np.cross(corner[:, 1] - corner[:, 0], corner[:, 2] - corner[:, 0])
            flat /= np.linalg.norm(flat, axis=1, keepdims=True) + 1e-12
            normals = np.repeat(flat, 3, axis=0)
        out["normal"][:, :3] = np.clip(np.round(np.broadcast_to(normals, (count, 3)) * 127), -127, 127)
        out["color"][:, :3] = np.clip(np.broadcast_to(np.asarray(color, np.float32), (count, 3)) * 255, 0, 255)
        out["color"][:, 3] = int(material)
        if uv_m is not None:
            out["uv_m"] = uv_m
        out["ids"] = (int(tag), instance & 255, instance >> 8 & 255, part)
        self._parts.append(out)

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
        return Mesh(np.concatenate(self._parts) if self._parts else np.zeros(0, VERTEX_DTYPE))
