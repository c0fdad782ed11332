"""`SceneState`: where everybody was at one recorded frame, so that the frame can be set up again in any simulator.

On disk: a magic and a version, five counts, then the arrays one after the other, little-endian, compressed by zlib.
Who the actors are does not change during a drive and stands once in the route's metadata, see `SceneCast`.
"""

from __future__ import annotations

import struct
import zlib
from dataclasses import dataclass
from typing import Any

import numpy as np

from carla_agents.data.errors import StoreError

_HEADER = struct.Struct("<4sHHHHH")
_MAGIC, _VERSION = b"SDSC", 1
_MAX_BYTES = 64 << 20
_BONE_NUMBERS = 6


@dataclass(frozen=True, eq=False)
class SceneState:
    """One instant.

    Attributes:
        actor_ids: (N,) uint32, the vehicles and walkers of the route's cast that are still in the world.
        pose: (N, 6) float32 x, y, z (m), pitch, yaw, roll (deg) in the world.
        light_states: (N,) uint32 bits of `carla.VehicleLightState`; 0 for walkers.
        control: (N, 3) float32 throttle, steer, brake of vehicles.
        wheels_deg: (N, 2) float32 steering angle and roll of the front left wheel; 0 for who is far away.
        traffic_lights: (T,) uint8 `carla.TrafficLightState`, in the order of the route's cast.
        walker_ids: (W,) uint32, whose bones follow.
        bones: (W, B, 6) float32 pose of each bone in its parent's frame, in the order of the cast's bone names.
    """

    actor_ids: np.ndarray
    pose: np.ndarray
    light_states: np.ndarray
    control: np.ndarray
    wheels_deg: np.ndarray
    traffic_lights: np.ndarray
    walker_ids: np.ndarray
    bones: np.ndarray

    def pack(self) -> bytes:
        """The file's content.

        Raises:
            ValueError: an array has not the stated shape, or a number is not finite.
        """
        actors, lights = len(self.actor_ids), len(self.traffic_lights)
        walkers, bones = len(self.walker_ids), self.bones.shape[1] if self.bones.ndim == 3 else 0
        parts = [_HEADER.pack(_MAGIC, _VERSION, actors, lights, walkers, bones)]
        for name, dtype, shape in _layout(actors, lights, walkers, bones):
            array = np.ascontiguousarray(getattr(self, name), dtype)
            if array.shape != shape or (array.dtype.kind == "f" and not np.isfinite(array).all()):
                raise ValueError(f"scene.{name} is {array.shape}, expected {shape} finite numbers")
            parts.append(array.tobytes())
        return zlib.compress(b"".join(parts), 6)

    @classmethod
    def unpack(cls, data: bytes, name: str) -> SceneState:
        """The file's content -> arrays.

        Args:
            data: what `pack` made.
            name: used in messages.

        Raises:
            StoreError: something else, cut, or made by a newer version.
        """
        try:
            inflater = zlib.decompressobj()
            raw = inflater.decompress(data, _MAX_BYTES)
            magic, version, actors, lights, walkers, bones = _HEADER.unpack_from(raw)
        except (zlib.error, struct.error) as error:
            raise StoreError(f"{name} is no scene ({error}): it was damaged or made by another program") from error
        if magic != _MAGIC or version != _VERSION:
            raise StoreError(f"{name} is a scene of {magic!r} version {version}, this program reads {_VERSION}")
        layout = _layout(actors, lights, walkers, bones)
        wanted = _HEADER.size + sum(np.dtype(dtype).itemsize * int(np.prod(shape)) for _, dtype, shape in layout)
        if not inflater.eof or len(raw) != wanted:
            raise StoreError(f"{name} holds {len(raw)} bytes of a scene that has {wanted}: it is damaged")
        arrays, at = {}, _HEADER.size
        for field, dtype, shape in layout:
            count = int(np.prod(shape))
            arrays[field] = np.frombuffer(raw, dtype, count, at).reshape(shape)
            at += count * np.dtype(dtype).itemsize
            if np.dtype(dtype).kind == "f" and not np.isfinite(arrays[field]).all():
                raise StoreError(f"{name} has a number in {field} that is not finite: it is damaged")
        return cls(**arrays)


@dataclass(frozen=True)
class CastMember:
    """One vehicle or walker of a drive: its id there, its blueprint, and the attributes a client may set."""

    actor_id: int
    blueprint: str
    attributes: dict[str, str]


@dataclass(frozen=True)
class SceneCast:
    """Who takes part in a drive, kept in the route's metadata as `scene`.

    Attributes:
        ego_id: the vehicle that carries the camera.
        members: in order of their ids.
        traffic_lights_in_world_m: place of each traffic light; ids differ between servers, places do not.
        bone_names: of walkers.
    """

    ego_id: int
    members: tuple[CastMember, ...]
    traffic_lights_in_world_m: tuple[tuple[float, float, float], ...]
    bone_names: tuple[str, ...]

    def to_json(self) -> dict[str, Any]:
        return {
            "ego": self.ego_id,
            "members": [[m.actor_id, m.blueprint, m.attributes] for m in self.members],
            "traffic_lights": [list(place) for place in self.traffic_lights_in_world_m],
            "bones": list(self.bone_names),
        }

    @classmethod
    def from_json(cls, value: Any, route_id: str) -> SceneCast:
        """Read the metadata of a route.

        Raises:
            ValueError: the route was recorded without scenes, or its metadata is damaged.
        """
        if value is None:
            raise ValueError(
                f"route {route_id} keeps no states of its actors, so it cannot be replayed: it was recorded by an "
                "older version, or imported; record it anew"
            )
        try:
            members = tuple(
                CastMember(int(i), str(blueprint), {str(k): str(v) for k, v in attributes.items()})
                for i, blueprint, attributes in value["members"]
            )
            places = tuple((float(x), float(y), float(z)) for x, y, z in value["traffic_lights"])
            return cls(int(value["ego"]), members, places, tuple(str(name) for name in value["bones"]))
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise ValueError(f"the cast of route {route_id} cannot be read ({error}); record it anew") from error


def _layout(actors: int, lights: int, walkers: int, bones: int) -> tuple[tuple[str, str, tuple[int, ...]], ...]:
    """Field, dtype and shape of each array in the file."""
    return (
        ("actor_ids", "<u4", (actors,)),
        ("pose", "<f4", (actors, 6)),
        ("light_states", "<u4", (actors,)),
        ("control", "<f4", (actors, 3)),
        ("wheels_deg", "<f4", (actors, 2)),
        ("traffic_lights", "u1", (lights,)),
        ("walker_ids", "<u4", (walkers,)),
        ("bones", "<f4", (walkers, bones, _BONE_NUMBERS)),
    )
