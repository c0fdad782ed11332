"""`Frame`: the one datum of the project, everything known about one instant of a drive."""

from __future__ import annotations

from dataclasses import dataclass, field, fields
from enum import IntEnum

import numpy as np


class Command(IntEnum):
    """High-level navigation command; the values are CARLA's `RoadOption`."""

    LEFT = 1
    RIGHT = 2
    STRAIGHT = 3
    LANE_FOLLOW = 4
    CHANGE_LANE_LEFT = 5
    CHANGE_LANE_RIGHT = 6


@dataclass(frozen=True)
class Control:
    """What is sent to the vehicle: steer in [-1, 1] (positive right), throttle and brake in [0, 1].

    Reverse gear and hand brake are for agents of others; our drivers and recordings do not use them.
    """

    steer: float = 0.0
    throttle: float = 0.0
    brake: float = 0.0
    reverse: bool = False
    hand_brake: bool = False


@dataclass(frozen=True, eq=False)
class Frame:
    """One instant, its sensors, its labels and what the driver did.

    Two frames are equal if they show and hold the same; when they were taken (`frame_id`, `elapsed_s`) does not
    count, so that two runs of one episode can be compared.

    Attributes:
        frame_id: simulator frame number.
        elapsed_s: simulation time since the episode began.
        rgb: (H, W, 3) uint8 RGB.
        seg: (H, W) uint8 CARLA 0.9.16 tags, or None if not recorded.
        depth_m: (H, W) float32 metres along the camera axis, in [0, 1000], or None.
        instance: (H, W) uint16 instance ids (low 16 bits of the actor id), or None.
        speed_mps: forward speed.
        ego_to_world: (4, 4) float64, CARLA's left-handed world frame, metres.
        command: navigation command for the next manoeuvre.
        target_point_in_ego_m: (2,) float32, forward and right of the vehicle's origin.
        control: what the driver did at this frame.
        condition: name of the weather and light, e.g. `clear-day`.
        scalars: anything else worth a column (lamp state, distances, reward terms).
    """

    frame_id: int
    elapsed_s: float
    rgb: np.ndarray
    seg: np.ndarray | None
    depth_m: np.ndarray | None
    instance: np.ndarray | None
    speed_mps: float
    ego_to_world: np.ndarray
    command: Command
    target_point_in_ego_m: np.ndarray
    control: Control
    condition: str
    scalars: dict[str, float] = field(default_factory=dict)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Frame):
            return NotImplemented
        compared = [f.name for f in fields(self) if f.name not in ("frame_id", "elapsed_s")]
        return all(np.array_equal(getattr(self, name), getattr(other, name)) for name in compared)

    __hash__ = None  # type: ignore[assignment]  # arrays can change
