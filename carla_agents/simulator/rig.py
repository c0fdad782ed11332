"""`SensorRig`: cameras on a vehicle, read out by exact frame number or not at all."""

from __future__ import annotations

import queue
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

import carla
import numpy as np

from carla_agents.policies.base import CameraSpec
from carla_agents.simulator.errors import SensorTimeout
from carla_agents.simulator.images import (
    depth_m_from_bgra,
    instance_from_bgra,
    rgb_from_bgra,
    seg_from_bgra,
    view_bgra,
)
from carla_agents.simulator.session import Session

_MODALITIES: dict[str, tuple[str, Callable[[np.ndarray], np.ndarray]]] = {
    "rgb": ("sensor.camera.rgb", rgb_from_bgra),
    "seg": ("sensor.camera.semantic_segmentation", seg_from_bgra),
    "depth_m": ("sensor.camera.depth", depth_m_from_bgra),
    "instance": ("sensor.camera.instance_segmentation", instance_from_bgra),
}


@dataclass(frozen=True)
class SensorSpec:
    """One camera of a rig.

    Attributes:
        name: key of its array in what `SensorRig.gather` returns.
        modality: `rgb`, `seg`, `depth_m` or `instance`.
        camera: size, field of view and pose.
    """

    name: str
    modality: str
    camera: CameraSpec = field(default_factory=CameraSpec)

    def __post_init__(self) -> None:
        if self.modality not in _MODALITIES:
            raise ValueError(f"modality is {self.modality!r}, allowed {', '.join(_MODALITIES)}")


def cameras(camera: CameraSpec, modalities: Iterable[str] = ("rgb", "seg", "depth_m")) -> list[SensorSpec]:
    """One sensor per modality at the same pose, each named after its modality."""
    return [SensorSpec(modality, modality, camera) for modality in modalities]


class FrameStream:
    """Data of one sensor waiting to be fetched by frame number; filled by another thread.

    The producer calls `put(frame_id, item)`; frames of one sensor arrive in order.
    """

    def __init__(self, name: str) -> None:
        self.name = name
        self._arrived: queue.SimpleQueue[tuple[int, Any]] = queue.SimpleQueue()
        self._newer: tuple[int, Any] | None = None

    def put(self, frame_id: int, item: Any) -> None:
        self._arrived.put((frame_id, item))

    def take(self, frame_id: int, deadline_s: float) -> Any:
        """The item of exactly this frame; older ones are dropped, a newer one is kept for its own turn.

        Args:
            frame_id: wanted frame.
            deadline_s: `time.monotonic()` at which to give up.

        Raises:
            SensorTimeout: the frame did not arrive in time, or a newer one proves that it never will.
        """
        while True:
            arrived, item = self._newer if self._newer is not None else self._wait(frame_id, deadline_s)
            self._newer = None
            if arrived == frame_id:
                return item
            if arrived > frame_id:
                self._newer = (arrived, item)
                raise SensorTimeout(self.name, frame_id, f"it already delivered frame {arrived}")

    def take_first(self, wait_s: float) -> int | None:
        """Frame number of the oldest waiting item, which stays; None if nothing arrives within `wait_s`."""
        if self._newer is None:
            try:
                self._newer = self._arrived.get(timeout=wait_s)
            except queue.Empty:
                return None
        return self._newer[0]

    def _wait(self, frame_id: int, deadline_s: float) -> tuple[int, Any]:
        try:
            return self._arrived.get(timeout=max(0.0, deadline_s - time.monotonic()))
        except queue.Empty:
            raise SensorTimeout(
                self.name, frame_id, "nothing arrived in time; is the server still rendering?"
            ) from None


class SensorRig:
    """Cameras attached to a vehicle.

    Args:
        session: where.
        vehicle: what they are attached to.
        sensors: which; names must differ.
        every_ticks: deliver a picture each so many ticks (CARLA's `sensor_tick`); with more than 1 the constructor
            ticks the world until the first pictures came, and `due` tells which frames have pictures.
        rgb_attributes: further blueprint attributes of the rgb cameras, e.g. `{"motion_blur_intensity": "0"}`.

    Raises:
        SpawnFailed: the server cannot make such a camera (the embedded one says which GL packages are missing).
    """

    def __init__(
        self,
        session: Session,
        vehicle: carla.Actor,
        sensors: Sequence[SensorSpec],
        every_ticks: int = 1,
        rgb_attributes: dict[str, str] | None = None,
    ) -> None:
        if len({sensor.name for sensor in sensors}) != len(sensors):
            raise ValueError(f"sensor names must differ, got {[sensor.name for sensor in sensors]}")
        if every_ticks < 1:
            raise ValueError(f"every_ticks is {every_ticks}, allowed >= 1")
        self._session = session
        self._every_ticks = every_ticks
        # A camera sees no tick before the one after its making.
        self._phase_frame_id = session.frame_id + 1
        self._actors: list[carla.Actor] = []
        self._sources: list[tuple[SensorSpec, FrameStream]] = []
        try:
            for sensor in sensors:
                extra = rgb_attributes if sensor.modality == "rgb" else None
                self._add(vehicle, sensor, extra or {})
        except BaseException:
            self.close()
            raise
        if every_ticks > 1 and sensors:
            self._find_phase()

    def due(self, frame_id: int) -> bool:
        """True if the cameras deliver a picture of this frame."""
        since = frame_id - self._phase_frame_id
        return since >= 0 and since % self._every_ticks == 0

    def gather(self, frame_id: int, timeout_s: float = 10.0) -> dict[str, np.ndarray]:
        """Waits until every sensor delivered exactly this frame.

        Returns:
            name -> fresh array: rgb (H, W, 3) uint8, seg (H, W) uint8, depth_m (H, W) float32 or
            instance (H, W) uint16.

        Raises:
            SensorTimeout: a sensor did not deliver that frame; never a wrong pair.
        """
        deadline_s = time.monotonic() + timeout_s
        images = [(sensor, stream.take(frame_id, deadline_s)) for sensor, stream in self._sources]
        return {sensor.name: _MODALITIES[sensor.modality][1](view_bgra(image)) for sensor, image in images}

    def actor_id(self, name: str) -> int:
        """Actor id of a sensor by its name in the rig.

        Raises:
            KeyError: the rig has no such sensor.
        """
        for actor, (sensor, _) in zip(self._actors, self._sources, strict=True):
            if sensor.name == name:
                return int(actor.id)
        raise KeyError(f"the rig has no sensor {name!r}, only {[sensor.name for sensor, _ in self._sources]}")

    def close(self) -> None:
        """Destroys the sensors; the vehicle stays."""
        self._session.destroy(self._actors)
        self._actors = []
        self._sources = []

    def __enter__(self) -> SensorRig:
        return self

    def __exit__(self, *_: Any) -> None:
        self.close()

    def _add(self, vehicle: carla.Actor, sensor: SensorSpec, extra: dict[str, str]) -> None:
        camera = sensor.camera
        attributes = {
            "image_size_x": str(camera.width_px),
            "image_size_y": str(camera.height_px),
            "fov": repr(float(camera.fov_deg)),
            **extra,
        }
        if self._every_ticks > 1:
            attributes["sensor_tick"] = repr(round(self._every_ticks * self._session.config.fixed_delta_s, 6))
        x, y, z = camera.position_in_ego_m
        pose = carla.Transform(carla.Location(x=x, y=y, z=z), carla.Rotation(pitch=camera.pitch_deg))
        actor = self._session.spawn(_MODALITIES[sensor.modality][0], pose, attributes, attach_to=vehicle)
        self._actors.append(actor)
        stream = FrameStream(sensor.name)
        actor.listen(lambda image: stream.put(image.frame, image))
        self._sources.append((sensor, stream))

    def _find_phase(self) -> None:
        # The first picture comes as soon as somebody listens; only from the second on do they keep time.
        first_frame_id = self._tick_until_pictures()
        for _, stream in self._sources:
            stream.take(first_frame_id, time.monotonic())
        self._phase_frame_id = self._tick_until_pictures()

    def _tick_until_pictures(self) -> int:
        _, leader = self._sources[0]
        for _ in range(2 * self._every_ticks):
            self._session.tick()
            if leader.take_first(0.05) is None:
                continue
            first = [stream.take_first(1.0) for _, stream in self._sources]
            delivered = [frame_id for frame_id in first if frame_id is not None]
            if len(delivered) == len(first):
                return max(delivered)
        reason = f"no pictures of all sensors within {2 * self._every_ticks} ticks"
        raise SensorTimeout(leader.name, self._session.frame_id, reason)
