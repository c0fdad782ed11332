"""The bones of a walker: names as CARLA's pedestrians have them, a gait that follows the walker's steps.

Every bone's rest direction lies along the axes of the body (x forward, y right, z up), so a relative transform is
the bone's place in its parent plus the rotation of the joint. Proportions: Winter, Biomechanics and Motor Control of
Human Movement (2009), figure 4.1.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import NamedTuple

from carla_server.wire.structs import Pose, Vector
from carla_server.world.poses import compose

STRIDE_M = 1.5
"""Distance of one full cycle of two steps."""

FULL_SWING_MPS = 1.6
"""From this speed on limbs swing fully."""

_THIGH_SWING_DEG, _KNEE_BEND_DEG, _ARM_SWING_DEG, _ELBOW_DEG = 28.0, 45.0, 24.0, 18.0
_ZERO: Vector = (0.0, 0.0, 0.0)


class Bone(NamedTuple):
    """Name, parent's name ("" for the root) and place in the parent's frame in shares of the body's height."""

    name: str
    parent: str
    offset: Vector


def _side(letter: str, sign: float) -> tuple[Bone, ...]:
    fingers = []
    for number, finger in enumerate(("Thumb", "Index", "Middle", "Ring", "Pinky")):
        spread = 0.012 - 0.006 * number
        chain = (f"crl_hand{finger}__{letter}", f"crl_hand{finger}01__{letter}", f"crl_hand{finger}02__{letter}")
        fingers.append(Bone(chain[0], f"crl_hand__{letter}", (spread, 0.0, -0.045)))
        fingers.append(Bone(chain[1], chain[0], (0.0, 0.0, -0.018)))
        fingers.append(Bone(chain[2], chain[1], (0.0, 0.0, -0.013)))
        fingers.append(Bone(f"crl_hand{finger}End__{letter}", chain[2], (0.0, 0.0, -0.012)))
    return (
        Bone(f"crl_shoulder__{letter}", "crl_spine01__C", (0.0, 0.03 * sign, 0.145)),
        Bone(f"crl_arm__{letter}", f"crl_shoulder__{letter}", (0.0, 0.099 * sign, 0.0)),
        Bone(f"crl_foreArm__{letter}", f"crl_arm__{letter}", (0.0, 0.0, -0.186)),
        Bone(f"crl_hand__{letter}", f"crl_foreArm__{letter}", (0.0, 0.0, -0.146)),
        *fingers,
    )


def _leg(letter: str, sign: float) -> tuple[Bone, ...]:
    return (
        Bone(f"crl_thigh__{letter}", "crl_hips__C", (0.0, 0.0525 * sign, 0.0)),
        Bone(f"crl_leg__{letter}", f"crl_thigh__{letter}", (0.0, 0.0, -0.245)),
        Bone(f"crl_foot__{letter}", f"crl_leg__{letter}", (0.0, 0.0, -0.246)),
        Bone(f"crl_toe__{letter}", f"crl_foot__{letter}", (0.09, 0.0, -0.032)),
        Bone(f"crl_toeEnd__{letter}", f"crl_toe__{letter}", (0.04, 0.0, 0.0)),
    )


BONES: tuple[Bone, ...] = (
    Bone("crl_root", "", _ZERO),
    Bone("crl_hips__C", "crl_root", (0.0, 0.0, 0.53)),
    Bone("crl_spine__C", "crl_hips__C", (0.0, 0.0, 0.07)),
    Bone("crl_spine01__C", "crl_spine__C", (0.0, 0.0, 0.09)),
    *_side("L", -1.0),
    Bone("crl_neck__C", "crl_spine01__C", (0.0, 0.0, 0.16)),
    Bone("crl_Head__C", "crl_neck__C", (0.0, 0.0, 0.06)),
    Bone("crl_eye__L", "crl_Head__C", (0.05, -0.018, 0.035)),
    Bone("crl_eye__R", "crl_Head__C", (0.05, 0.018, 0.035)),
    *_side("R", 1.0),
    *_leg("R", 1.0),
    *_leg("L", -1.0),
)
"""All bones, parents before their children."""

BONE_NAMES: tuple[str, ...] = tuple(bone.name for bone in BONES)


@dataclass
class CustomPose:
    """What a client changed in a walker's skeleton.

    Attributes:
        relative: bone name -> pose in its parent's frame.
        weight: 0 shows the gait alone, 1 the client's pose alone.
    """

    relative: dict[str, Pose] = field(default_factory=dict)
    weight: float = 0.0

    @property
    def shows(self) -> bool:
        """Whether it changes what the gait alone would show."""
        return self.weight > 0.0 and bool(self.relative)


def gait(height_m: float, walked_m: float, speed_mps: float) -> dict[str, Pose]:
    """Pose of every bone in its parent's frame for a point of the step cycle.

    Args:
        height_m: of the body.
        walked_m: distance walked so far.
        speed_mps: how fast now; a standing walker's limbs hang.
    """
    swing = min(speed_mps / FULL_SWING_MPS, 1.0) * math.sin(2.0 * math.pi * walked_m / STRIDE_M)
    pitch_deg: dict[str, float] = {}
    for letter, sign in (("L", 1.0), ("R", -1.0)):
        pitch_deg[f"crl_thigh__{letter}"] = _THIGH_SWING_DEG * swing * sign
        pitch_deg[f"crl_leg__{letter}"] = -_KNEE_BEND_DEG * max(-swing * sign, 0.0)
        pitch_deg[f"crl_arm__{letter}"] = -_ARM_SWING_DEG * swing * sign
        pitch_deg[f"crl_foreArm__{letter}"] = _ELBOW_DEG * abs(swing)
    return {
        bone.name: (
            bone.offset[0] * height_m,
            bone.offset[1] * height_m,
            bone.offset[2] * height_m,
            pitch_deg.get(bone.name, 0.0),
            0.0,
            0.0,
        )
        for bone in BONES
    }


def blend(animated: dict[str, Pose], custom: CustomPose) -> dict[str, Pose]:
    """Mix the gait with a client's pose by its weight; angles take the short way."""
    if not custom.shows:
        return animated
    mixed = dict(animated)
    for name, wanted in custom.relative.items():
        before = animated[name]
        place = tuple(a + custom.weight * (b - a) for a, b in zip(before[:3], wanted[:3], strict=True))
        turn = tuple(
            a + custom.weight * ((b - a + 180.0) % 360.0 - 180.0) for a, b in zip(before[3:], wanted[3:], strict=True)
        )
        mixed[name] = (*place, *turn)  # type: ignore[assignment]
    return mixed


def in_component(relative: dict[str, Pose]) -> dict[str, Pose]:
    """Poses in the body's frame (origin at the feet) from poses in the parents' frames."""
    poses: dict[str, Pose] = {}
    for bone in BONES:
        own = relative[bone.name]
        poses[bone.name] = compose(poses[bone.parent], own) if bone.parent else own
    return poses
