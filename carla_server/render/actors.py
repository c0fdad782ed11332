"""What the world tells the renderer of each moving thing, and how a graphics card wants to hear it."""

from __future__ import annotations

from enum import IntFlag

import numpy as np

from carla_server.render.camera import rotation_matrix

ACTOR_DTYPE = np.dtype(
    [
        ("mesh", "<i4"),  # from Renderer.mesh_id
        ("position_m", "<f4", 3),  # vehicles and props: ground below the centre; walkers: centre of the box
        ("rotation_deg", "<f4", 3),  # pitch, yaw, roll
        ("color", "u1", 3),  # paint or clothes, sRGB
        ("tag", "u1"),  # SemanticTag
        ("instance", "<u2"),  # actor id & 0xffff
        ("lights", "<u4"),  # VehicleLight bits
        ("steer_rad", "<f4"),  # front wheels, positive to the right
        ("wheel_turn_rad", "<f4"),  # angle rolled so far
        ("walk_phase", "<f4"),  # radians of the step cycle; 0 stands still
    ]
)
"""One vehicle, walker or prop."""

INSTANCE_DTYPE = np.dtype(
    [
        ("row0", "<f4", 4),
        ("row1", "<f4", 4),
        ("row2", "<f4", 4),  # world from mesh, three rows of a 4 x 4 matrix
        ("tint", "u1", 4),
        ("ids", "u1", 4),  # tag for vertices that have none, id low, id high, spare
        ("motion", "<f4", 4),  # steer, wheel turn, walk phase, lights
    ]
)
"""One instance in the instance buffer."""

INSTANCE_FORMAT = "4f4 4f4 4f4 4f1 4f1 4f4 /i"
INSTANCE_ATTRIBUTES = ("in_row0", "in_row1", "in_row2", "in_tint", "in_instance", "in_motion")
_BLINKS_PER_S = 1.5
_FLASHES_PER_S = 2.0


class VehicleLight(IntFlag):
    """Bits of `carla.VehicleLightState`."""

    POSITION = 0x1
    LOW_BEAM = 0x2
    HIGH_BEAM = 0x4
    BRAKE = 0x8
    RIGHT_BLINKER = 0x10
    LEFT_BLINKER = 0x20
    REVERSE = 0x40
    FOG = 0x80
    INTERIOR = 0x100
    SPECIAL1 = 0x200
    SPECIAL2 = 0x400


_BLINKERS = VehicleLight.RIGHT_BLINKER | VehicleLight.LEFT_BLINKER
_SPECIALS = VehicleLight.SPECIAL1 | VehicleLight.SPECIAL2


def lights_at(lights: np.ndarray, elapsed_s: float) -> np.ndarray:
    """Light bits with blinkers and flashing lights on or off as they are at this moment.

    Args:
        lights: (N,) uint32 VehicleLight bits as the client set them.
        elapsed_s: simulation time.
    """
    keep = np.uint32(0xFFFFFFFF)
    if elapsed_s * _BLINKS_PER_S % 1.0 >= 0.5:
        keep &= np.uint32(~int(_BLINKERS) & 0xFFFFFFFF)
    lit_special = VehicleLight.SPECIAL1 if elapsed_s * _FLASHES_PER_S % 1.0 < 0.5 else VehicleLight.SPECIAL2
    shown = np.asarray(lights, np.uint32) & keep
    flashing = (shown & np.uint32(int(_SPECIALS))) != 0
    shown = shown & np.uint32(~int(_SPECIALS) & 0xFFFFFFFF)
    return np.where(flashing, shown | np.uint32(int(lit_special)), shown).astype(np.uint32)


def actor_instances(actors: np.ndarray) -> np.ndarray:
    """(N,) INSTANCE_DTYPE from (N,) ACTOR_DTYPE."""
    out = rigid_instances(actors["position_m"], rotation_matrix(actors["rotation_deg"]))
    out["tint"][:, :3] = actors["color"]
    out["ids"][:, 0] = actors["tag"]
    out["ids"][:, 1] = actors["instance"] & 0xFF
    out["ids"][:, 2] = actors["instance"] >> 8
    out["motion"][:, 0] = actors["steer_rad"]
    out["motion"][:, 1] = actors["wheel_turn_rad"]
    out["motion"][:, 2] = actors["walk_phase"]
    out["motion"][:, 3] = actors["lights"]
    return out


def rigid_instances(position_m: np.ndarray, rotation: np.ndarray) -> np.ndarray:
    """(N,) INSTANCE_DTYPE at (N, 3) positions with (N, 3, 3) matrices (rotation, possibly scaled)."""
    out = np.zeros(len(position_m), INSTANCE_DTYPE)
    for row, name in enumerate(("row0", "row1", "row2")):
        out[name][:, :3] = rotation[:, row]
        out[name][:, 3] = position_m[:, row]
    out["tint"] = 255
    return out
