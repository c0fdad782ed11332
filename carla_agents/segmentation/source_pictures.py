"""Reading the pictures of other data sets: whole files only, labels in any of the three ways they are kept."""

from __future__ import annotations

import struct
import zlib
from pathlib import Path

import cv2
import numpy as np

from carla_agents.data import images
from carla_agents.data.disk import read_file
from carla_agents.data.errors import StoreError, disk_error
from carla_agents.data.planes import MAX_ORIGINAL_BYTES
from carla_agents.segmentation.class_sets import ClassSet, SegClass, translate

_PNG = b"\x89PNG\r\n\x1a\n"


def read_whole(path: Path) -> bytes:
    """A PNG or JPEG file that is complete from its first byte to its last.

    Decoders show a cut file as a picture with a grey rest, so the end is checked here: every chunk and CRC of a PNG,
    the end marker of a JPEG.

    Raises:
        StoreError: unreadable, cut, damaged, or another format; names the file.
    """
    try:
        data = read_file(path, max_bytes=MAX_ORIGINAL_BYTES)
    except OSError as error:
        raise disk_error(f"read {path}", error) from error
    fault = _png_fault(data) if data.startswith(_PNG) else _jpeg_fault(data)
    if fault:
        raise StoreError(f"{path} {fault}: restore it from the data set, or remove it together with its labels")
    return data


def read_rgb(path: Path) -> np.ndarray:
    """(H, W, 3) uint8 RGB.

    Raises:
        StoreError: as `read_whole`, or not decodable.
    """
    data = read_whole(path)
    return images.decode_rgb(data, str(path), images.picture_size_px(data, str(path)))


def read_depth_m(path: Path) -> np.ndarray:
    """(H, W) float32 metres from CARLA's 24-bit depth picture.

    Raises:
        StoreError: as `read_whole`, or a grey picture, whose unit only its maker knows.
    """
    data = read_whole(path)
    if _decode(data, path).ndim == 2:
        raise StoreError(
            f"{path} is a grey depth picture, whose scale is not CARLA's 24-bit code: import without (--no-depth)"
        )
    return images.decode_depth(data, str(path), images.picture_size_px(data, str(path)))


def read_labels(path: Path, classes: ClassSet) -> np.ndarray:
    """(H, W) uint8 ids of `classes` from a grey id picture, CARLA's raw picture (id in red) or one in its palette.

    Raises:
        StoreError: as `read_whole`; a JPEG, which cannot hold ids; or colours that are not the set's.
        ValueError: ids that the set does not define.
    """
    data = read_whole(path)
    if not data.startswith(_PNG):
        raise StoreError(f"{path} is a JPEG: its compression changes label ids; export the labels as PNG")
    pixels = _decode(data, path)
    if pixels.dtype != np.uint8:
        raise StoreError(f"{path} holds {pixels.dtype} values, label ids are 8 bits: export them as 8-bit PNG")
    if pixels.ndim == 3:
        blue_green = pixels[..., :2].any()
        pixels = _ids_of_colours(pixels, classes, path) if blue_green else np.ascontiguousarray(pixels[..., 2])
    translate(pixels, classes, classes, str(path))
    return pixels


def _ids_of_colours(bgr: np.ndarray, classes: ClassSet, path: Path) -> np.ndarray:
    owner: dict[int, SegClass] = {}
    for c in classes.classes:
        code = c.rgb[0] << 16 | c.rgb[1] << 8 | c.rgb[2]
        if code in owner and owner[code].tag != c.tag:
            raise StoreError(
                f"{path} is coloured, and {classes.name} shows {owner[code].name} and {c.name} in one colour: "
                "export the ids instead"
            )
        owner.setdefault(code, c)
    wide = bgr.astype(np.uint32)
    codes, places = np.unique(wide[..., 2] << 16 | wide[..., 1] << 8 | wide[..., 0], return_inverse=True)
    strange = [int(code) for code in codes if int(code) not in owner]
    if strange:
        raise StoreError(
            f"{path} has colour #{strange[0]:06x}, which {classes.name} does not use: name the class set it was "
            "drawn with, or export the ids (an instance picture cannot be read as labels)"
        )
    ids = np.array([owner[int(code)].id for code in codes], np.uint8)
    return ids[places.reshape(bgr.shape[:2])]


def _decode(data: bytes, path: Path) -> np.ndarray:
    try:
        pixels = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_UNCHANGED)
    except cv2.error as error:
        raise StoreError(f"{path} cannot be decoded: {error.err}") from error
    if pixels is None:
        raise StoreError(f"{path} cannot be decoded: restore it from the data set")
    return pixels


def _png_fault(data: bytes) -> str | None:
    at = len(_PNG)
    while at + 12 <= len(data):
        (length,) = struct.unpack(">I", data[at : at + 4])
        end = at + 8 + length
        if end + 4 > len(data):
            return f"is cut off after {len(data)} bytes"
        if zlib.crc32(data[at + 4 : end]) != struct.unpack(">I", data[end : end + 4])[0]:
            return f"is damaged near byte {at}"
        if data[at + 4 : at + 8] == b"IEND":
            return None
        at = end + 4
    return f"is cut off after {len(data)} bytes"


def _jpeg_fault(data: bytes) -> str | None:
    if not data.startswith(b"\xff\xd8"):
        return f"is neither a PNG nor a JPEG picture ({len(data)} bytes)"
    return None if data.rstrip(b"\x00").endswith(b"\xff\xd9") else f"is cut off after {len(data)} bytes"
