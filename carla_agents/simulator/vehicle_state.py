"""`VehicleState`: where an actor is and how it moves, from one world snapshot, radians inside."""

from __future__ import annotations

import math
from dataclasses import dataclass

import carla
import numpy as np


@dataclass(frozen=True)
class VehicleState:
    """Pose and motion of one actor.

    Attributes:
        frame_id, elapsed_s: when.
        x_m, y_m, z_m: origin in the world frame.
        pitch_rad, yaw_rad, roll_rad: CARLA's sense (yaw clockwise seen from above).
        velocity_mps: (x, y, z) in the world frame.
        yaw_rate_radps: positive = turning right.
        acceleration_mps2: (x, y, z) in the world frame.
    """

    frame_id: int
    elapsed_s: float
    x_m: float
    y_m: float
    z_m: float
    pitch_rad: float
    yaw_rad: float
    roll_rad: float
    velocity_mps: tuple[float, float, float]
    yaw_rate_radps: float
    acceleration_mps2: tuple[float, float, float]

    @classmethod
    def read(cls, snapshot: carla.WorldSnapshot, actor_id: int) -> VehicleState:
        """State of an actor in a snapshot.

        Raises:
            KeyError: the actor is not in the snapshot (destroyed, or spawned after the last tick).
        """
        actor = snapshot.find(actor_id)
        if actor is None:
            raise KeyError(f"actor {actor_id} is not in the snapshot of frame {snapshot.frame}")
        transform = actor.get_transform()
        location, rotation = transform.location, transform.rotation
        velocity, acceleration = actor.get_velocity(), actor.get_acceleration()
        return cls(
            frame_id=snapshot.frame,
            elapsed_s=snapshot.timestamp.elapsed_seconds,
            x_m=location.x,
            y_m=location.y,
            z_m=location.z,
            pitch_rad=math.radians(rotation.pitch),
            yaw_rad=math.radians(rotation.yaw),
            roll_rad=math.radians(rotation.roll),
            velocity_mps=(velocity.x, velocity.y, velocity.z),
            yaw_rate_radps=math.radians(actor.get_angular_velocity().z),
            acceleration_mps2=(acceleration.x, acceleration.y, acceleration.z),
        )

    @property
    def speed_mps(self) -> float:
        """Forward speed; negative when rolling backwards."""
        return self.velocity_mps[0] * math.cos(self.yaw_rad) + self.velocity_mps[1] * math.sin(self.yaw_rad)

    @property
    def ego_to_world(self) -> np.ndarray:
        """(4, 4) float64: column vectors in the actor's frame to the world frame (CARLA's `Transform.get_matrix`)."""
        cp, sp = math.cos(self.pitch_rad), math.sin(self.pitch_rad)
        cy, sy = math.cos(self.yaw_rad), math.sin(self.yaw_rad)
        cr, sr = math.cos(self.roll_rad), math.sin(self.roll_rad)
        return np.array(
            [
                [cp * cy, cy * sp * sr - sy * cr, -cy * sp * cr - sy * sr, self.x_m],
                [cp * sy, sy * sp * sr + cy * cr, -sy * sp * cr + cy * sr, self.y_m],
                [sp, -cp * sr, cp * cr, self.z_m],
                [0.0, 0.0, 0.0, 1.0],
            ]
        )

    def to_ego(self, points_in_world_m: np.ndarray) -> np.ndarray:
        """(..., 2+) world points to (..., 2) forward and right of this actor, ignoring pitch and roll."""
        c, s = math.cos(self.yaw_rad), math.sin(self.yaw_rad)
        dx = points_in_world_m[..., 0] - self.x_m
        dy = points_in_world_m[..., 1] - self.y_m
        return np.stack((dx * c + dy * s, dy * c - dx * s), axis=-1)
