"""Waits for the measurements of sensors, frame by frame."""

from __future__ import annotations

import queue
from collections.abc import Mapping
from typing import Any

import carla
import numpy as np

from carla_agents.simulator.errors import SpawnFailed
from carla_agents.simulator.session import Session

PATIENCE_S = 20.0
"""How long a measurement may take to arrive before it counts as lost."""


class Listener:
    """A sensor with a queue of what it sent; destroy it through the session.

    Attributes:
        actor: the sensor.
    """

    def __init__(self, actor: carla.Actor) -> None:
        self.actor = actor
        self._queue: queue.SimpleQueue[Any] = queue.SimpleQueue()
        actor.listen(self._queue.put)

    def next(self) -> Any:
        """The oldest measurement not yet taken.

        Raises:
            TimeoutError: none arrived in time.
        """
        try:
            return self._queue.get(timeout=PATIENCE_S)
        except queue.Empty:
            raise TimeoutError(f"{self.actor.type_id} sent nothing for {PATIENCE_S:g} s") from None

    def drain(self, wait_s: float = 0.3) -> list[Any]:
        """All that has arrived, once nothing more came for a moment."""
        got = []
        while True:
            try:
                got.append(self._queue.get(timeout=wait_s))
            except queue.Empty:
                return got


def open_sensor(
    session: Session,
    blueprint: str,
    pose: carla.Transform,
    attributes: Mapping[str, object],
    attach_to: carla.Actor | None = None,
) -> Listener | str:
    """A listening sensor, or the server's reason why there is none."""
    try:
        texts = {name: str(value) for name, value in attributes.items()}
        return Listener(session.spawn(blueprint, pose, texts, attach_to))
    except SpawnFailed as error:
        return str(error)


def rgb_of(image: carla.Image) -> np.ndarray:
    """(H, W, 3) uint8 RGB, a copy."""
    return pixels(image)[..., 2::-1].copy()


def pixels(image: carla.Image) -> np.ndarray:
    """(H, W, 4) uint8 BGRA as sent."""
    return np.frombuffer(image.raw_data, np.uint8).reshape(image.height, image.width, 4)


def depth_m(image: carla.Image) -> np.ndarray:
    """(H, W) float64 metres along the camera's axis, from CARLA's 24-bit coding (1000 m is the far end)."""
    b, g, r = (pixels(image)[..., channel].astype(np.float64) for channel in range(3))
    return (r + 256.0 * g + 65536.0 * b) / (256.0**3 - 1.0) * 1000.0
