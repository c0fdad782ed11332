"""`DriveTruth`: true pictures of whatever session a `DriveEnv` runs at the moment."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from augment.conditions import Condition
from augment.synthesizers.relight import LiveTruth, live_frame_key
from carla_agents.gym.env import DriveEnv
from carla_agents.simulator.frame import Frame
from carla_agents.simulator.relighter import Relighter


class DriveTruth:
    """A `TrueSource` for `RelightSynthesizer` that follows an environment from episode to episode.

    Args:
        drive: on the embedded simulator.
    """

    def __init__(self, drive: DriveEnv) -> None:
        self.provenance: dict[str, Any] = {"source": "embedded simulator"}
        self._drive = drive
        self._relighter: Relighter | None = None
        self._truth: LiveTruth | None = None

    def begin(self) -> None:
        """Call after each `reset` of the environment: camera and vehicles are others, the session may be.

        Raises:
            ExtensionMissing: the server cannot relight.
        """
        self.close()
        drive = self._drive
        self._relighter = Relighter(drive.session)
        self._truth = LiveTruth(self._relighter, drive.camera_id, drive.camera_size_px, drive.vehicle_ids)

    def pictures(self, frame_key: str, targets: Sequence[Condition]) -> list[np.ndarray]:
        """See `TrueSource`; keys are those of `key_of`."""
        if self._truth is None:
            raise ValueError("no episode has begun; reset the environment first")
        return self._truth.pictures(frame_key, targets)

    @staticmethod
    def key_of(frame: Frame) -> str:
        """Name of the frame that the simulator has just sent."""
        return live_frame_key(frame.frame_id)

    def close(self) -> None:
        """Closes the connection; safe to repeat."""
        if self._relighter is not None:
            self._relighter.close()
        self._relighter = self._truth = None
