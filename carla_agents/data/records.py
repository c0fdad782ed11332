"""What a store knows about its routes, frames and variants, and how each is written in the index."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from carla_agents.data import images
from carla_agents.data.errors import StoreError
from carla_agents.data.scene import SceneState
from carla_agents.simulator.frame import Command, Control, Frame

if TYPE_CHECKING:
    from carla_agents.data.store import Store

_ID = re.compile(r"[A-Za-z0-9._-]{1,80}")
_PLANES = ("rgb", "seg", "depth", "instance", "scene")


def check_id(value: str, what: str) -> str:
    """Return `value` if it can safely be part of a file name.

    Raises:
        ValueError: not 1 to 80 of letters, digits, `.`, `_`, `-`, or only dots.
    """
    if not isinstance(value, str) or not _ID.fullmatch(value) or not value.strip("."):
        raise ValueError(f"{what} is {value!r}: use 1 to 80 of A-Z a-z 0-9 . _ - (not only dots)")
    return value


def frame_key(route_id: str, ordinal: int) -> str:
    """The stable name of a frame, `<route>/<000012>`: its place in the route, the same in every repeated run."""
    return f"{route_id}/{ordinal:06d}"


@dataclass(frozen=True)
class StoredFile:
    """A file that the index vouches for: its name below the store, its size and its CRC-32."""

    name: str
    size_bytes: int
    crc32: int

    def to_json(self) -> list[Any]:
        return [self.name, self.size_bytes, self.crc32]


@dataclass(frozen=True, eq=False)
class StoredFrame:
    """A lazy view of a frame: all numbers are here, pictures are read by the `load` methods.

    Attributes:
        key: `<route_id>/<ordinal, six digits>`.
        route_id, ordinal: the route and the place in it, from 0.
        split: the route's split, e.g. `train`.
        size_px: (width, height).
        frame_id, elapsed_s, speed_mps, ego_to_world, command, target_point_in_ego_m, control, condition, scalars:
            as in `Frame`.
        files: one file per recorded plane: `rgb`, and where recorded `seg`, `depth`, `instance`, and `scene`.
    """

    key: str
    route_id: str
    ordinal: int
    split: str
    size_px: tuple[int, int]
    frame_id: int
    elapsed_s: float
    speed_mps: float
    ego_to_world: np.ndarray
    command: Command
    target_point_in_ego_m: np.ndarray
    control: Control
    condition: str
    scalars: dict[str, float]
    files: dict[str, StoredFile]
    store: Store = field(repr=False)

    def load(self) -> Frame:
        """Read every recorded plane; arrays are fresh.

        Raises:
            StoreError: a file is missing or damaged.
        """
        return Frame(
            frame_id=self.frame_id,
            elapsed_s=self.elapsed_s,
            rgb=self.load_rgb(),
            seg=self.load_seg() if "seg" in self.files else None,
            depth_m=self.load_depth_m() if "depth" in self.files else None,
            instance=self.load_instance() if "instance" in self.files else None,
            speed_mps=self.speed_mps,
            ego_to_world=self.ego_to_world.copy(),
            command=self.command,
            target_point_in_ego_m=self.target_point_in_ego_m.copy(),
            control=self.control,
            condition=self.condition,
            scalars=dict(self.scalars),
        )

    def load_rgb(self) -> np.ndarray:
        """(H, W, 3) uint8 RGB."""
        return self.store.read_rgb(self.files["rgb"], self.size_px)

    def load_seg(self) -> np.ndarray:
        """(H, W) uint8 CARLA tags.

        Raises:
            StoreError: not recorded, missing or damaged.
        """
        file = self._file("seg")
        return images.decode_ids(self.store.read_bytes(file), file.name, self.size_px, np.uint8)

    def load_depth_m(self) -> np.ndarray:
        """(H, W) float32 metres.

        Raises:
            StoreError: not recorded, missing or damaged.
        """
        file = self._file("depth")
        return images.decode_depth(self.store.read_bytes(file), file.name, self.size_px)

    def load_instance(self) -> np.ndarray:
        """(H, W) uint16 instance ids.

        Raises:
            StoreError: not recorded, missing or damaged.
        """
        file = self._file("instance")
        return images.decode_ids(self.store.read_bytes(file), file.name, self.size_px, np.uint16)

    def load_scene(self) -> SceneState:
        """Where everybody was.

        Raises:
            StoreError: not recorded, missing or damaged.
        """
        file = self._file("scene")
        return SceneState.unpack(self.store.read_bytes(file), file.name)

    def _file(self, plane: str) -> StoredFile:
        if plane not in self.files:
            advice = "record it anew" if plane == "scene" else "record it with that camera"
            raise StoreError(f"frame {self.key} has no {plane}, only {sorted(self.files)}: {advice}")
        return self.files[plane]


@dataclass(frozen=True, eq=False)
class StoredVariant:
    """A synthesized picture of a recorded frame under another condition.

    Attributes:
        frame: the frame it was made from; its seg, depth and scalars hold for the variant too.
        condition: name of the target condition.
        synthesizer: name of what made it.
        seed: unsigned 64-bit seed it was made with.
        provenance: everything else recorded about its making.
        file: the picture.
    """

    frame: StoredFrame
    condition: str
    synthesizer: str
    seed: int
    provenance: dict[str, Any]
    file: StoredFile

    def load_rgb(self) -> np.ndarray:
        """(H, W, 3) uint8 RGB."""
        return self.frame.store.read_rgb(self.file, self.frame.size_px)


@dataclass(frozen=True)
class StoredRoute:
    """A recorded drive.

    Attributes:
        route_id: its name.
        split: e.g. `train`, `val`, `eval`.
        metadata: what was known before the drive (map, seed, condition, waypoints...).
        outcome: what was known after it, or None if the drive was not finished.
        frame_count: recorded frames.
    """

    route_id: str
    split: str
    metadata: dict[str, Any]
    outcome: dict[str, Any] | None
    frame_count: int


@dataclass(frozen=True)
class VariantFailure:
    """A variant that could not be made, kept so that a resumed job neither hides it nor tries for ever."""

    key: str
    condition: str
    synthesizer: str
    seed: int
    reason: str


def frame_record(key: str, frame: Frame, files: dict[str, StoredFile]) -> dict[str, Any]:
    """The index record of a frame.

    Raises:
        ValueError: a number is not finite.
    """
    pose = [float(v) for v in np.asarray(frame.ego_to_world, np.float64)[:3].ravel()]
    target = [float(v) for v in frame.target_point_in_ego_m]
    control = [float(frame.control.steer), float(frame.control.throttle), float(frame.control.brake)]
    scalars = {str(name): float(value) for name, value in frame.scalars.items()}
    numbers = [frame.elapsed_s, frame.speed_mps, *pose, *target, *control, *scalars.values()]
    if not np.isfinite(numbers).all():
        raise ValueError(f"frame {key} has a number that is not finite: check speed, pose, target, control, scalars")
    return {
        "kind": "frame",
        "key": key,
        "frame_id": int(frame.frame_id),
        "elapsed_s": float(frame.elapsed_s),
        "size_px": [int(frame.rgb.shape[1]), int(frame.rgb.shape[0])],
        "speed_mps": float(frame.speed_mps),
        "ego_to_world": pose,
        "command": int(frame.command),
        "target_point_in_ego_m": target,
        "control": control,
        "condition": frame.condition,
        "scalars": scalars,
        "files": {plane: file.to_json() for plane, file in files.items()},
    }


def frame_from_record(record: dict[str, Any], split: str, store: Store) -> StoredFrame:
    """The index record of a frame -> its view.

    Raises:
        StoreError: the record is not one of ours.
    """
    try:
        key = str(record["key"])
        route_id, _, digits = key.partition("/")
        ordinal = int(digits)
        check_id(route_id, "route_id")
        if key != frame_key(route_id, ordinal):
            raise ValueError(f"key is {key!r}")
        files = {plane: _file(value, route_id) for plane, value in record["files"].items()}
        if "rgb" not in files or not set(files) <= set(_PLANES):
            raise ValueError(f"planes are {sorted(files)}")
        pose = np.eye(4)
        pose[:3] = np.array(record["ego_to_world"], np.float64).reshape(3, 4)
        target = np.array(record["target_point_in_ego_m"], np.float32).reshape(2)
        steer, throttle, brake = (float(v) for v in record["control"])
        width, height = (int(v) for v in record["size_px"])
        return StoredFrame(
            key=key,
            route_id=route_id,
            ordinal=ordinal,
            split=split,
            size_px=(width, height),
            frame_id=int(record["frame_id"]),
            elapsed_s=float(record["elapsed_s"]),
            speed_mps=float(record["speed_mps"]),
            ego_to_world=pose,
            command=Command(record["command"]),
            target_point_in_ego_m=target,
            control=Control(steer, throttle, brake),
            condition=check_id(record["condition"], "condition"),
            scalars={str(k): float(v) for k, v in record["scalars"].items()},
            files=files,
            store=store,
        )
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise StoreError(
            f"the index has a frame record this version cannot read ({error}): {str(record)[:200]}"
        ) from error


def variant_from_record(record: dict[str, Any], frame: StoredFrame) -> StoredVariant:
    """The index record of a variant -> its view.

    Raises:
        StoreError: the record is not one of ours.
    """
    try:
        provenance = record["provenance"]
        if not isinstance(provenance, dict):
            raise TypeError("provenance is not an object")
        return StoredVariant(
            frame=frame,
            condition=check_id(record["condition"], "condition"),
            synthesizer=check_id(record["synthesizer"], "synthesizer"),
            seed=int(record["seed"]),
            provenance=provenance,
            file=_file(record["file"], frame.route_id),
        )
    except (KeyError, TypeError, ValueError) as error:
        raise StoreError(
            f"the index has a variant record this version cannot read ({error}): {str(record)[:200]}"
        ) from error


def _file(value: Any, route_id: str) -> StoredFile:
    name, size_bytes, crc32 = value
    parts = str(name).split("/")
    if len(parts) != 4 or parts[:2] != ["routes", route_id] or parts[2] not in ("frames", "variants"):
        raise ValueError(f"file is {name!r}, expected routes/{route_id}/frames/... or .../variants/...")
    if not re.fullmatch(r"[A-Za-z0-9._-]{1,255}", parts[3]) or not parts[3].strip("."):
        raise ValueError(f"file name is {parts[3]!r}")
    return StoredFile(str(name), int(size_bytes), int(crc32))
