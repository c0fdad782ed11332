"""A person in pieces, one for each bone that moves them: drawn where a client poses a walker's skeleton.

A walker that walks by itself is one mesh (`people.walker_mesh`) whose legs and arms swing in the vertex shader. Here
every piece has the bone's joint as its origin and hangs as a standing person does.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import numpy as np

from carla_server.render.shapes.parts import Part
from carla_server.render.shapes.people import SHOE, SKIN, TROUSERS, WHITE, scaled, torso
from carla_server.render.shapes.solids import box, cylinder, ellipsoid
from carla_server.roads.mesh import Material, Mesh, MeshBuilder

ROOT_LIMB = "crl_hips__C"
_SIDES = 7
UPPER_ARM, FOREARM, THIGH, SHANK, ANKLE = 0.186, 0.146, 0.245, 0.246, 0.039
"""Lengths of the bones, and the height of the ankle, in shares of the body's height."""


def limb_mesh(bone: str, height_m: float) -> Mesh:
    """The piece of a person that a bone carries; origin at the bone's joint.

    Args:
        bone: one of `LIMBS`.
        height_m: of the whole person.
    """
    builder = MeshBuilder()
    LIMBS[bone](builder)
    return scaled(builder.build(), height_m, 0.0)


def _pelvis(builder: MeshBuilder) -> None:
    torso(builder, ((-0.03, 0.062, 0.085), (0.06, 0.058, 0.085), (0.09, 0.058, 0.088)), _SIDES + 1)


def _waist(builder: MeshBuilder) -> None:
    torso(builder, ((-0.02, 0.058, 0.085), (0.11, 0.068, 0.102)), _SIDES + 1)


def _chest(builder: MeshBuilder) -> None:
    rings = ((0.0, 0.066, 0.1), (0.04, 0.07, 0.105), (0.12, 0.06, 0.12), (0.16, 0.035, 0.05))
    torso(builder, rings, _SIDES + 1)


def _neck(builder: MeshBuilder) -> None:
    cylinder(builder, (0, 0, -0.03), (0, 0, 0.04), 0.03, SKIN, Material.SKIN, 0, sides=6)


def _head(builder: MeshBuilder) -> None:
    ellipsoid(builder, (0.0, 0.0, 0.025), (0.058, 0.05, 0.068), SKIN, Material.SKIN, 0, subdivisions=1)
    hair = (-0.01, 0.0, 0.042), (0.06, 0.053, 0.056)
    ellipsoid(builder, *hair, WHITE, Material.CLOTH, 0, subdivisions=1, part=int(Part.SECOND_COLOR))


def _sleeve(length: float, low: float, high: float, builder: MeshBuilder) -> None:
    ends = (0.0, 0.0, -length), (0.0, 0.0, 0.0)
    cylinder(builder, *ends, low, WHITE, Material.CLOTH, 0, end_radius_m=high, sides=_SIDES)
    ellipsoid(builder, ends[1], (high, high, high), WHITE, Material.CLOTH, 0, subdivisions=0)


def _hand(builder: MeshBuilder) -> None:
    ellipsoid(builder, (0.01, 0.0, -0.03), (0.024, 0.018, 0.035), SKIN, Material.SKIN, 0, subdivisions=0)


def _trouser(length: float, low: float, high: float, builder: MeshBuilder) -> None:
    ends, part = ((0.0, 0.0, -length), (0.0, 0.0, 0.0)), int(Part.SECOND_COLOR)
    cylinder(builder, *ends, low, TROUSERS, Material.MATTE, 0, end_radius_m=high, sides=_SIDES, part=part)
    ellipsoid(builder, ends[1], (high, high, high), TROUSERS, Material.MATTE, 0, subdivisions=0, part=part)


def _foot(builder: MeshBuilder) -> None:
    low, high = np.array((-0.04, -0.028, -ANKLE)), np.array((0.10, 0.028, 0.006))
    box(builder, low, high, SHOE, Material.MATTE, 0, part=int(Part.SECOND_COLOR))


LIMBS: dict[str, Callable[[MeshBuilder], None]] = {
    ROOT_LIMB: _pelvis,
    "crl_spine__C": _waist,
    "crl_spine01__C": _chest,
    "crl_neck__C": _neck,
    "crl_Head__C": _head,
    **{f"crl_arm__{side}": partial(_sleeve, UPPER_ARM, 0.030, 0.036) for side in "LR"},
    **{f"crl_foreArm__{side}": partial(_sleeve, FOREARM, 0.024, 0.030) for side in "LR"},
    **{f"crl_hand__{side}": _hand for side in "LR"},
    **{f"crl_thigh__{side}": partial(_trouser, THIGH, 0.043, 0.052) for side in "LR"},
    **{f"crl_leg__{side}": partial(_trouser, SHANK, 0.034, 0.043) for side in "LR"},
    **{f"crl_foot__{side}": _foot for side in "LR"},
}
"""Bone -> what adds its piece, in shares of the height."""
