"""`Surroundings`: every other vehicle and walker as arrays, read from the simulator's true state."""

from __future__ import annotations

import math
from dataclasses import dataclass

import carla
import numpy as np

from carla_agents.simulator.session import Session
from carla_agents.simulator.vehicle_state import VehicleState


@dataclass(frozen=True)
class RoadUsers:
    """N other road users near the ego vehicle.

    Attributes:
        ids: (N,) int64 actor ids.
        center_m: (N, 2) float64 box centres in the world.
        yaw_rad: (N,) heading of the boxes.
        speed_mps: (N,) speed along the direction of travel, >= 0.
        course_rad: (N,) direction of travel (the heading where it stands).
        yaw_rate_radps: (N,) positive = turning right.
        acceleration_mps2: (N,) along the heading.
        half_length_m, half_width_m: (N,) half extents of the boxes.
        walker: (N,) bool.
        held: (N,) bool: a vehicle at a light that does not show green.
    """

    ids: np.ndarray
    center_m: np.ndarray
    yaw_rad: np.ndarray
    speed_mps: np.ndarray
    course_rad: np.ndarray
    yaw_rate_radps: np.ndarray
    acceleration_mps2: np.ndarray
    half_length_m: np.ndarray
    half_width_m: np.ndarray
    walker: np.ndarray
    held: np.ndarray

    def __len__(self) -> int:
        return len(self.ids)


class Surroundings:
    """Reads road users out of snapshots; asks the server only about actors it has not met before.

    Args:
        session: where.
        ego_id: actor to leave out.
        radius_m: how far it looks.
    """

    def __init__(self, session: Session, ego_id: int, radius_m: float = 70.0) -> None:
        self._session = session
        self._ego_id = ego_id
        self._radius_m = radius_m
        self._known: dict[int, carla.Actor | None] = {}
        self._extent: dict[int, tuple[float, float, float]] = {}

    def read(self, snapshot: carla.WorldSnapshot, ego: VehicleState) -> RoadUsers:
        """Road users within the radius, ordered by actor id."""
        rows, ids, walkers, held = [], [], [], []
        self._meet([found.id for found in snapshot if found.id not in self._known])
        for found in sorted(snapshot, key=lambda actor: actor.id):
            actor = self._known[found.id]
            if actor is None or found.id == self._ego_id:
                continue
            transform = found.get_transform()
            location = transform.location
            if abs(location.x - ego.x_m) > self._radius_m or abs(location.y - ego.y_m) > self._radius_m:
                continue
            velocity, acceleration = found.get_velocity(), found.get_acceleration()
            half_length, half_width, offset = self._extent[found.id]
            yaw = math.radians(transform.rotation.yaw)
            c, s = math.cos(yaw), math.sin(yaw)
            speed = math.hypot(velocity.x, velocity.y)
            is_walker = isinstance(actor, carla.Walker)
            rows.append(
                (
                    location.x + offset * c,
                    location.y + offset * s,
                    yaw,
                    speed,
                    math.atan2(velocity.y, velocity.x) if speed > 0.2 else yaw,
                    0.0 if is_walker else math.radians(found.get_angular_velocity().z),
                    acceleration.x * c + acceleration.y * s,
                    half_length,
                    half_width,
                )
            )
            ids.append(found.id)
            walkers.append(is_walker)
            held.append(
                not is_walker
                and actor.is_at_traffic_light()
                and actor.get_traffic_light_state() != carla.TrafficLightState.Green
            )
        table = np.array(rows, dtype=np.float64).reshape(len(rows), 9)
        return RoadUsers(
            ids=np.array(ids, dtype=np.int64),
            center_m=table[:, :2],
            yaw_rad=table[:, 2],
            speed_mps=table[:, 3],
            course_rad=table[:, 4],
            yaw_rate_radps=table[:, 5],
            acceleration_mps2=table[:, 6],
            half_length_m=table[:, 7],
            half_width_m=table[:, 8],
            walker=np.array(walkers, dtype=bool),
            held=np.array(held, dtype=bool),
        )

    def _meet(self, new_ids: list[int]) -> None:
        if not new_ids:
            return
        self._known.update(dict.fromkeys(new_ids))
        for actor in self._session.world.get_actors(new_ids):
            if isinstance(actor, carla.Vehicle | carla.Walker):
                box = actor.bounding_box
                self._known[actor.id] = actor
                self._extent[actor.id] = (box.extent.x, box.extent.y, box.location.x)
