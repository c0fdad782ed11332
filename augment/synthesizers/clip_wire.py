"""Clips as bytes: the protocol between `clip_client.RemoteClips` and a frame server. No sockets here.

A message is a 4-byte big-endian length, that many bytes of a JSON object (UTF-8), and the pictures that the object
announces, one after the other. Pictures are PNG: rgb as it is, labels as greyscale, depth in CARLA's 24 bits.

    GET  /v1/clips   -> JSON {"format": "syndiff-clips", "version": 1, "name": ..., "provenance": {...}}
    POST /v1/clips   a clip (type application/x-syndiff-clips)
                     -> 200, a message with the variants in the same type
                     -> 4xx or 5xx, JSON {"error": "why, in words"}

Header of a clip: format, version, count, size_px [width, height], target (condition name), weather (CARLA's 14
numbers by name), seed, sources, frame_keys, prompts or null, ego_to_world (count x 16 numbers, row by row) or null,
camera or null, planes (["rgb", "seg"] or with "depth"), lengths (bytes of each picture, plane by plane).
Header of an answer: format, version, count, size_px, planes (["rgb"]), lengths.
Everything is checked against limits before it is read or decoded; nothing is ever unpickled or evaluated.
"""

from __future__ import annotations

import json
import struct
from dataclasses import asdict
from typing import Any

import numpy as np

from augment.conditions import Condition
from augment.prompt import Prompt
from augment.synthesizers.base import FrameBatch
from carla_agents.data import images
from carla_agents.data.errors import StoreError
from carla_agents.policies.base import CameraSpec

FORMAT, VERSION = "syndiff-clips", 1
PATH = "/v1/clips"
CONTENT_TYPE = "application/x-syndiff-clips"
MAX_HEADER_BYTES = 4 << 20
MAX_PICTURE_BYTES = 64 << 20
MAX_FRAMES = 512
MAX_MESSAGE_BYTES = 2 << 30
_LENGTH = struct.Struct(">I")


class ClipWireError(Exception):
    """The peer sent what is no message of this protocol, or one beyond its limits."""


def pack_clip(clip: FrameBatch, target: Condition, seed: int) -> bytes:
    """A clip and what is wanted of it -> the body of a request.

    Raises:
        ValueError: a clip beyond the protocol's limits.
    """
    if not 1 <= len(clip) <= MAX_FRAMES:
        raise ValueError(f"a clip of {len(clip)} frames; a frame server takes 1 to {MAX_FRAMES}")
    pictures = [images.encode_rgb(rgb, "png") for rgb in clip.rgb] + [images.encode_ids(seg) for seg in clip.seg]
    if clip.depth_m is not None:
        pictures += [images.encode_depth(depth_m) for depth_m in clip.depth_m]
    header = {
        "target": target.name,
        "weather": asdict(target.to_weather()),
        "seed": int(seed),
        "sources": [c.name for c in clip.sources],
        "frame_keys": list(clip.frame_keys),
        "prompts": None if clip.prompts is None else [asdict(prompt) for prompt in clip.prompts],
        "ego_to_world": None if clip.ego_to_world is None else clip.ego_to_world.reshape(-1, 16).tolist(),
        "camera": None if clip.camera is None else asdict(clip.camera),
        "planes": ["rgb", "seg"] if clip.depth_m is None else ["rgb", "seg", "depth"],
    }
    return _pack(header, pictures, clip.rgb.shape)


def unpack_clip(data: bytes) -> tuple[FrameBatch, Condition, int]:
    """The body of a request -> clip, target, seed.

    Raises:
        ClipWireError: it is malformed; the message says where.
    """
    header, pictures = _unpack(data, [["rgb", "seg"], ["rgb", "seg", "depth"]])
    count, size_px = header["count"], tuple(header["size_px"])
    try:
        planes = [pictures[i * count : (i + 1) * count] for i in range(len(header["planes"]))]
        prompts, poses, camera = header["prompts"], header["ego_to_world"], header["camera"]
        clip = FrameBatch(
            np.stack([images.decode_rgb(data, f"rgb {i}", size_px) for i, data in enumerate(planes[0])]),
            np.stack([images.decode_ids(data, f"seg {i}", size_px, np.uint8) for i, data in enumerate(planes[1])]),
            None
            if len(planes) < 3
            else np.stack([images.decode_depth(data, f"depth {i}", size_px) for i, data in enumerate(planes[2])]),
            tuple(Condition.parse(_text(name)) for name in header["sources"]),
            tuple(_text(key) for key in header["frame_keys"]),
            None if prompts is None else tuple(Prompt(_text(p["positive"]), _text(p["negative"])) for p in prompts),
            None if poses is None else np.array(poses, np.float64).reshape(count, 4, 4),
            None if camera is None else _camera(camera),
        )
        seed = header["seed"]
        if not isinstance(seed, int) or isinstance(seed, bool) or not 0 <= seed < 2**64:
            raise ValueError(f"seed is {seed!r}; expected an integer from 0 to 2**64 - 1")
        return clip, Condition.parse(_text(header["target"])), seed
    except (KeyError, TypeError, ValueError, StoreError) as error:
        raise ClipWireError(f"not a clip: {type(error).__name__}: {error}") from error


def pack_variants(variants: np.ndarray) -> bytes:
    """(N, H, W, 3) uint8 -> the body of an answer."""
    return _pack({"planes": ["rgb"]}, [images.encode_rgb(rgb, "png") for rgb in variants], variants.shape)


def unpack_variants(data: bytes, shape: tuple[int, ...]) -> np.ndarray:
    """The body of an answer -> (N, H, W, 3) uint8.

    Args:
        data: the bytes.
        shape: what was asked for.

    Raises:
        ClipWireError: it is malformed, or of another shape.
    """
    header, pictures = _unpack(data, [["rgb"]])
    size_px = (shape[2], shape[1])
    if header["count"] != shape[0] or tuple(header["size_px"]) != size_px:
        raise ClipWireError(
            f"asked for {shape[0]} variants of {size_px[0]}x{size_px[1]} px, got {header['count']} of "
            f"{header['size_px'][0]}x{header['size_px'][1]}"
        )
    try:
        return np.stack([images.decode_rgb(data, f"variant {i}", size_px) for i, data in enumerate(pictures)])
    except StoreError as error:
        raise ClipWireError(str(error)) from error


def _pack(header: dict[str, Any], pictures: list[bytes], shape: tuple[int, ...]) -> bytes:
    head = {
        "format": FORMAT,
        "version": VERSION,
        "count": shape[0],
        "size_px": [shape[2], shape[1]],
        **header,
        "lengths": [len(picture) for picture in pictures],
    }
    text = json.dumps(head, allow_nan=False).encode()
    return b"".join([_LENGTH.pack(len(text)), text, *pictures])


def _unpack(data: bytes, planes: list[list[str]]) -> tuple[dict[str, Any], list[bytes]]:
    if len(data) < _LENGTH.size:
        raise ClipWireError(f"message of {len(data)} bytes; expected at least {_LENGTH.size}")
    (length,) = _LENGTH.unpack_from(data)
    if length > MAX_HEADER_BYTES or _LENGTH.size + length > len(data):
        raise ClipWireError(f"header of {length} bytes in a message of {len(data)}; at most {MAX_HEADER_BYTES}")
    try:
        header = json.loads(data[_LENGTH.size : _LENGTH.size + length])
    except (UnicodeDecodeError, ValueError, RecursionError) as error:
        raise ClipWireError(f"header is no JSON: {error}") from error
    if not isinstance(header, dict) or (header.get("format"), header.get("version")) != (FORMAT, VERSION):
        raise ClipWireError(f"header is not of {FORMAT} version {VERSION}")
    count, size_px, lengths = header.get("count"), header.get("size_px"), header.get("lengths")
    if not isinstance(count, int) or not _whole(count, 1, MAX_FRAMES):
        raise ClipWireError(f"count is {count!r}; expected 1 to {MAX_FRAMES}")
    if (
        not isinstance(size_px, list)
        or len(size_px) != 2
        or not all(_whole(v, 1, images.MAX_SIDE_PX) for v in size_px)
    ):
        raise ClipWireError(f"size_px is {size_px!r}; expected [width, height], each 1 to {images.MAX_SIDE_PX}")
    if header.get("planes") not in planes:
        raise ClipWireError(f"planes are {header.get('planes')!r}; expected one of {planes}")
    pictures = count * len(header["planes"])
    if not isinstance(lengths, list) or len(lengths) != pictures:
        raise ClipWireError(f"expected lengths of {pictures} pictures")
    if not all(_whole(v, 1, MAX_PICTURE_BYTES) for v in lengths):
        raise ClipWireError(f"a picture's length is out of 1 to {MAX_PICTURE_BYTES}")
    at = _LENGTH.size + length
    if at + sum(lengths) != len(data):
        raise ClipWireError(f"message of {len(data)} bytes; its header announces {at + sum(lengths)}")
    found = []
    for size in lengths:
        found.append(data[at : at + size])
        at += size
    return header, found


def _camera(values: dict[str, Any]) -> CameraSpec:
    x, y, z = values["position_in_ego_m"]
    return CameraSpec(
        int(values["width_px"]),
        int(values["height_px"]),
        float(values["fov_deg"]),
        (float(x), float(y), float(z)),
        float(values["pitch_deg"]),
    )


def _text(value: object) -> str:
    if not isinstance(value, str) or len(value) > 4096:
        raise ValueError(f"expected a text of at most 4096 characters, got {str(value)[:40]!r}")
    return value


def _whole(value: object, low: int, high: int) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and low <= value <= high
