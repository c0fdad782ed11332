"""Pictures to bytes and back: rgb as PNG or JPEG, seg and instance ids as PNG, depth as CARLA's 24-bit PNG.

Sizes are read from the file's header and checked before anything is decoded, so a small file cannot claim
gigabytes of memory.
"""

from __future__ import annotations

import struct
from typing import Literal

import cv2
import numpy as np

from carla_agents.data.errors import StoreError

RgbCodec = Literal["png", "jpeg"]

MAX_SIDE_PX = 8192
"""Largest width or height that is decoded."""
MAX_DEPTH_M = 1000.0
"""CARLA's depth camera encodes [0, 1000] m in 24 bits."""
JPEG_QUALITY = 95
_DEPTH_STEPS = 2**24 - 1
_PNG_MAGIC = b"\x89PNG\r\n\x1a\n"
_PNG_OPTIONS = [cv2.IMWRITE_PNG_COMPRESSION, 1, cv2.IMWRITE_PNG_STRATEGY, cv2.IMWRITE_PNG_STRATEGY_RLE]
_JPEG_SOF_MARKERS = {0xC0, 0xC1, 0xC2, 0xC3}


def encode_rgb(rgb: np.ndarray, codec: RgbCodec) -> bytes:
    """(H, W, 3) uint8 RGB -> PNG (lossless) or JPEG quality 95."""
    bgr = cv2.cvtColor(rgb, cv2.COLOR_RGB2BGR)
    if codec == "jpeg":
        return _encode(".jpg", bgr, [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY])
    return _encode(".png", bgr, _PNG_OPTIONS)


def encode_ids(ids: np.ndarray) -> bytes:
    """(H, W) uint8 or uint16 ids -> greyscale PNG of the same depth."""
    return _encode(".png", ids, _PNG_OPTIONS)


def encode_depth(depth_m: np.ndarray) -> bytes:
    """(H, W) float metres -> 24-bit PNG as CARLA's depth camera encodes it (red is the low byte).

    Source: CARLA documentation, sensors reference, depth camera:
    metres = 1000 * (R + 256 G + 65536 B) / (256^3 - 1). Values are kept to within 0.06 mm.
    """
    steps = np.rint(np.clip(depth_m.astype(np.float64), 0.0, MAX_DEPTH_M) * (_DEPTH_STEPS / MAX_DEPTH_M))
    code = steps.astype(np.uint32)
    bgr = np.stack([(code >> 16) & 255, (code >> 8) & 255, code & 255], axis=-1).astype(np.uint8)
    return _encode(".png", bgr, _PNG_OPTIONS)


def decode_rgb(data: bytes, name: str, size_px: tuple[int, int]) -> np.ndarray:
    """PNG or JPEG bytes -> (H, W, 3) uint8 RGB, writable and owned by the caller.

    Args:
        data: the file's bytes.
        name: used in messages.
        size_px: (width, height) the file must have.

    Raises:
        StoreError: not such a picture.
    """
    return cv2.cvtColor(_decode(data, name, size_px, cv2.IMREAD_COLOR, 3), cv2.COLOR_BGR2RGB)


def decode_ids(
    data: bytes, name: str, size_px: tuple[int, int], dtype: type[np.uint8] | type[np.uint16]
) -> np.ndarray:
    """Greyscale PNG bytes -> (H, W) ids of `dtype`."""
    ids = _decode(data, name, size_px, cv2.IMREAD_UNCHANGED, 1)
    if ids.dtype != dtype:
        raise StoreError(
            f"{name} holds {ids.dtype} ids, expected {np.dtype(dtype)}: it was not written by this store"
        )
    return ids


def decode_depth(data: bytes, name: str, size_px: tuple[int, int]) -> np.ndarray:
    """24-bit PNG bytes -> (H, W) float32 metres in [0, 1000]."""
    bgr = _decode(data, name, size_px, cv2.IMREAD_COLOR, 3).astype(np.uint32)
    code = (bgr[..., 0] << 16) | (bgr[..., 1] << 8) | bgr[..., 2]
    return (code * (MAX_DEPTH_M / _DEPTH_STEPS)).astype(np.float32)


def picture_size_px(data: bytes, name: str) -> tuple[int, int]:
    """(width, height) that a PNG or JPEG header declares, without decoding.

    Raises:
        StoreError: neither a PNG nor a JPEG, or the header is cut.
    """
    if data.startswith(_PNG_MAGIC) and data[12:16] == b"IHDR" and len(data) >= 24:
        width, height = struct.unpack(">II", data[16:24])
        return width, height
    if data.startswith(b"\xff\xd8"):
        at = 2
        while at + 9 <= len(data) and data[at] == 0xFF:
            marker, length = data[at + 1], int.from_bytes(data[at + 2 : at + 4], "big")
            if marker in _JPEG_SOF_MARKERS:
                height, width = struct.unpack(">HH", data[at + 5 : at + 9])
                return width, height
            at += 2 + length
    raise StoreError(f"{name} is neither a PNG nor a JPEG picture ({len(data)} bytes): restore it or record it again")


def _encode(suffix: str, pixels: np.ndarray, options: list[int]) -> bytes:
    ok, data = cv2.imencode(suffix, np.ascontiguousarray(pixels), options)
    if not ok:
        raise StoreError(f"OpenCV could not encode a {pixels.shape} {pixels.dtype} picture as {suffix}")
    return data.tobytes()


def _decode(data: bytes, name: str, size_px: tuple[int, int], flags: int, channels: int) -> np.ndarray:
    declared = picture_size_px(data, name)
    if max(declared) > MAX_SIDE_PX:
        raise StoreError(
            f"{name} declares {declared[0]}x{declared[1]} pixels, at most {MAX_SIDE_PX} a side are decoded"
        )
    if declared != size_px:
        raise StoreError(f"{name} has {declared[0]}x{declared[1]} pixels, the index says {size_px[0]}x{size_px[1]}")
    try:
        pixels = cv2.imdecode(np.frombuffer(data, np.uint8), flags)
    except cv2.error as error:
        raise StoreError(f"{name} cannot be decoded: {error.err}") from error
    if pixels is None or (pixels.ndim == 2) != (channels == 1):
        raise StoreError(f"{name} cannot be decoded as a picture with {channels} channel(s): it is damaged")
    return pixels
