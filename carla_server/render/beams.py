"""Headlamps whose light a view may see."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from carla_server.render.actors import VehicleLight
from carla_server.render.camera import Viewpoint, rotation_matrix, spheres_in_frustum

MAX_BEAMS = 12
_REACH_M = 70.0
_SPHERE_M = 47.0
_HEIGHT_M = 0.68
_USUAL_NOSE_M = 2.0
_CONE_M = np.array([(0, 0, 0), (60, 46, 46), (60, -46, 46), (60, 46, -46), (60, -46, -46)], float)
"""Corners of a pyramid around a cone of light in its lamp's frame."""
_GLINT_COS = -0.35
_BEAMS_IN_AIR = 3


@dataclass(frozen=True)
class Beams:
    """Lit pairs of headlamps.

    Attributes:
        lamps: (B, 8) float32, B <= MAX_BEAMS: x, y, z, power, direction x, y, z, 1 for full and 0 for dipped beam.
        in_air: how many, from the first on, are seen as beams in fog.
        glints: first and end of those that a wet street may mirror towards the eye.
    """

    lamps: np.ndarray
    in_air: int
    glints: tuple[int, int]


NO_BEAMS = Beams(np.zeros((0, 8), np.float32), 0, (0, 0))


def headlamp_beams(actors: np.ndarray, nose_m: Mapping[int, float], view: Viewpoint) -> Beams:
    """Headlamps near the eye whose light may fall on what it sees, the nearest ones.

    Args:
        actors: (N,) ACTOR_DTYPE.
        nose_m: number of a mesh -> how far its front end is ahead of its middle, metres.
    """
    bits = actors["lights"]
    lit = actors[(bits & np.uint32(int(VehicleLight.LOW_BEAM | VehicleLight.HIGH_BEAM))) != 0]
    away = np.linalg.norm(lit["position_m"] - view.eye_m, axis=1)
    nearest = np.argsort(away, kind="stable")
    lit = lit[nearest[away[nearest] < _REACH_M]]
    axes = rotation_matrix(lit["rotation_deg"])
    # The sphere through the end of a cone of light 60 m long and 37 degrees to each side, and its tip.
    middle_m = lit["position_m"] + _SPHERE_M * axes[..., 0]
    planes = view.planes
    seen = np.flatnonzero(spheres_in_frustum(planes, middle_m, np.full(len(lit), _SPHERE_M)))[:MAX_BEAMS]
    lit, axes = lit[seen], axes[seen]
    nose = np.array([nose_m.get(int(mesh), _USUAL_NOSE_M) for mesh in lit["mesh"]]).reshape(-1, 1)
    high = (lit["lights"] & np.uint32(int(VehicleLight.HIGH_BEAM))) != 0
    out = np.zeros((len(lit), 8), np.float32)
    out[:, :3] = lit["position_m"] + nose * axes[..., 0] + _HEIGHT_M * axes[..., 2]
    out[:, 3] = np.where(high, 260.0, 170.0)
    out[:, 4:7] = axes[..., 0]
    out[:, 7] = high
    hull_m = out[:, None, :3] + np.einsum("nij,kj->nki", axes, _CONE_M)
    reaching = ((hull_m @ planes[:, :3].T + planes[:, 3]).max(1) > 0.0).all(1)
    out = out[reaching]
    # A street mirrors what shines against the line of sight. Beyond this angle a glint is fainter than a grey level.
    back = view.eye_m - out[:, :3]
    mirrored = (back * out[:, 4:7]).sum(1) > _GLINT_COS * np.sqrt((back * back).sum(1))
    in_air = np.flatnonzero(reaching) < _BEAMS_IN_AIR
    order = np.lexsort((mirrored ^ ~in_air, ~in_air))
    first, glints = int((in_air & ~mirrored).sum()), int(mirrored.sum())
    return Beams(out[order], int(in_air.sum()), (first, first + glints))
