"""From textures on the card to pictures as CARLA encodes them."""

from __future__ import annotations

import moderngl
import numpy as np

from carla_server.render.camera import FAR_M
from carla_server.render.targets import Targets

_DEPTH_STEPS = (1 << 24) - 1
_TAG_BYTE, _OPAQUE = np.uint32(0x00FF0000), np.uint32(0xFF000000)
"""Masks of little-endian BGRA pixels."""


def read_picture(texture: moderngl.Texture) -> np.ndarray:
    """(H, W, 4) uint8 of a texture of four bytes a pixel."""
    width, height = texture.size
    return np.frombuffer(texture.read(), np.uint8).reshape(height, width, 4)


def read_depth_m(targets: Targets) -> np.ndarray:
    """(H, W) float32 metres ahead; 0 where nothing is."""
    width, height = targets.size
    return np.frombuffer(targets.depth_m.read(), np.float32).reshape(height, width)


def semantic_picture(ids: np.ndarray) -> np.ndarray:
    """(H, W, 4) uint8 BGRA with the tag in R, of an instance picture."""
    return (ids.view("<u4") & _TAG_BYTE | _OPAQUE).view(np.uint8)


def depth_picture(targets: Targets) -> np.ndarray:
    """(H, W, 4) uint8 BGRA: metres = 1000 (R + 256 G + 65536 B) / (2^24 - 1), 1000 m where nothing is."""
    depth_m = read_depth_m(targets)
    share = depth_m.astype(np.float64)
    share[depth_m <= 0.0] = FAR_M
    np.minimum(share, FAR_M, out=share)
    share *= _DEPTH_STEPS / FAR_M
    steps = np.rint(share, out=share).astype("<u4")
    # Little-endian bytes of `steps` are low, middle, high, 0; CARLA's BGRA wants high, middle, low, 255.
    steps <<= np.uint32(8)
    swapped = steps.byteswap(inplace=True)
    swapped |= _OPAQUE
    return swapped.view(np.uint8).reshape(*depth_m.shape, 4)


def normals_picture(targets: Targets) -> np.ndarray:
    """(H, W, 4) uint8 BGRA: 127.5 (1 + x, y, z of the unit normal in the world) in R, G, B; black for nothing."""
    picture = read_picture(targets.normal)[..., [2, 1, 0, 3]]
    picture[..., 3] = 255
    # No unit vector has both x and y at -1: that is the sky, which the buffer is cleared to.
    picture[(picture[..., 1] == 0) & (picture[..., 2] == 0), :3] = 0
    return picture
