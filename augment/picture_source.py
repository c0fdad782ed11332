"""Pictures to be looked at, whether they lie in a store or in a plain folder."""

from __future__ import annotations

import os
import zlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields
from functools import partial
from hashlib import sha256
from pathlib import Path

import cv2
import numpy as np

from augment.conditions import CONDITIONS, Condition, Weather
from carla_agents.data.disk import read_file
from carla_agents.data.images import MAX_SIDE_PX, picture_size_px
from carla_agents.data.records import StoredFrame
from carla_agents.data.store import MAX_FILE_BYTES, Store

RECORDED, WEATHER = "recorded", "weather"
"""Who told a condition, where no classifier had to: the recorder, or CARLA's weather of the drive."""
_SUFFIXES = (".png", ".jpg", ".jpeg")


@dataclass(frozen=True, eq=False)
class SourcePicture:
    """One picture, not yet read.

    Attributes:
        key: of the stored frame, or the file's name below its folder.
        split: of the frame's route; empty in folders.
        recorded: (condition, who told it) where it is known without looking, or None.
        load_rgb: reads (H, W, 3) uint8 RGB.
        load_seg: reads (H, W) uint8 CARLA tags; None where there are no labels.
    """

    key: str
    split: str
    recorded: tuple[str, str] | None
    load_rgb: Callable[[], np.ndarray]
    load_seg: Callable[[], np.ndarray] | None


@dataclass(frozen=True, eq=False)
class PictureSource:
    """Where pictures lie.

    Attributes:
        path: the store or folder.
        kind: `store` or `folder`.
        fingerprint: changes with the name, bytes or recorded condition of any picture.
        pictures: in order of recording, or of their names.
    """

    path: Path
    kind: str
    fingerprint: str
    pictures: tuple[SourcePicture, ...]


def open_pictures(path: Path, split: str | None = None) -> PictureSource:
    """The recorded pictures of a store, or the PNG and JPEG files below a folder.

    Args:
        path: which.
        split: only routes of this split; None takes all. Folders have none.

    Raises:
        ValueError: neither a store nor a folder, or without pictures.
        StoreError: the store cannot be read.
    """
    if (path / "store.json").exists():
        return _store_pictures(Store.read(path), split)
    if not path.is_dir():
        raise ValueError(f"{path} is neither a store nor a folder of pictures")
    files = (Path(folder) / name for folder, _, names in os.walk(path) for name in names)
    found = sorted(file for file in files if file.suffix.lower() in _SUFFIXES)
    if not found:
        raise ValueError(f"{path} holds no picture that ends in {', '.join(_SUFFIXES)}")
    digest = sha256()
    pictures = []
    for file in found:
        key = file.relative_to(path).as_posix()
        digest.update(f"{key} {zlib.crc32(file.read_bytes()):08x}\n".encode())
        pictures.append(SourcePicture(key, "", None, partial(_read_picture, file), None))
    return PictureSource(path.resolve(), "folder", digest.hexdigest()[:16], tuple(pictures))


def fingerprint(frames: Sequence[StoredFrame]) -> str:
    """16 hex digits that change with the name, picture or recorded condition of any frame."""
    digest = sha256()
    for frame in frames:
        rgb = frame.files["rgb"]
        digest.update(f"{frame.key} {frame.condition} {rgb.size_bytes} {rgb.crc32:08x}\n".encode())
    return digest.hexdigest()[:16]


def _store_pictures(store: Store, split: str | None) -> PictureSource:
    frames = store.frames(split=split)
    if not frames:
        splits = sorted({route.split for route in store.routes()})
        raise ValueError(f"{store.root} has no frame of split {split!r}; its splits are {splits}")
    weathers = {route.route_id: _weather(route.metadata.get("weather")) for route in store.routes()}
    pictures = []
    for frame in frames:
        weather = weathers[frame.route_id]
        recorded = None
        if frame.condition in CONDITIONS:
            recorded = (frame.condition, RECORDED)
        elif weather is not None:
            recorded = (Condition.of_weather(weather).name, WEATHER)
        seg = frame.load_seg if "seg" in frame.files else None
        pictures.append(SourcePicture(frame.key, frame.split, recorded, frame.load_rgb, seg))
    return PictureSource(store.root, "store", fingerprint(frames), tuple(pictures))


def _weather(values: object) -> Weather | None:
    if isinstance(values, list) and len(values) == len(fields(Weather)):
        return Weather(*(float(v) for v in values))
    return None


def _read_picture(path: Path) -> np.ndarray:
    data = read_file(path.resolve(), max_bytes=MAX_FILE_BYTES)
    picture = None
    if max(picture_size_px(data, str(path))) <= MAX_SIDE_PX:
        picture = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR)
    if picture is None:
        raise ValueError(f"{path} cannot be decoded, or a side is above {MAX_SIDE_PX} px: remove it")
    return cv2.cvtColor(picture, cv2.COLOR_BGR2RGB)
