"""The rows of the world snapshot: one 119-byte record an actor, kept between ticks and changed in place."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from carla_server.dynamics import VehicleFleet, WalkerFleet
from carla_server.wire.stream import ACTOR_STATE_DTYPE
from carla_server.world.actors import Actor, TrafficSign
from carla_server.world.traffic_lights import TrafficLights

_ACTIVE = 1
_FIRST_CAPACITY = 64


class SnapshotTable:
    """All actors of an episode as the snapshot shows them, in order of their spawning."""

    def __init__(self) -> None:
        self._rows = np.zeros(_FIRST_CAPACITY, ACTOR_STATE_DTYPE)
        self._row_of: dict[int, int] = {}

    def __len__(self) -> int:
        return len(self._row_of)

    @property
    def states(self) -> np.ndarray:
        """(N,) view of `ACTOR_STATE_DTYPE`; valid until the next add or remove."""
        return self._rows[: len(self._row_of)]

    def row_of(self, actor_id: int) -> int:
        """Row of an actor; changes when an older actor is removed."""
        return self._row_of[actor_id]

    def rows_of(self, actors: Sequence[Actor]) -> np.ndarray:
        """(n,) int64 rows of several actors."""
        return np.array([self._row_of[actor.actor_id] for actor in actors], np.int64)

    def add(self, actor: Actor) -> None:
        """Append an actor with its present state."""
        row = len(self._row_of)
        if row == len(self._rows):
            grown = np.zeros(2 * row, ACTOR_STATE_DTYPE)  # concatenate would repack the overlapping fields
            grown[:row] = self._rows
            self._rows = grown
        self._rows[row] = np.zeros((), ACTOR_STATE_DTYPE)
        self._rows["actor_id"][row] = actor.actor_id
        self._rows["actor_state"][row] = _ACTIVE
        if isinstance(actor, TrafficSign):
            self._rows["sign_id"][row] = actor.sign_id.encode()[:32]
        self._row_of[actor.actor_id] = row
        self.update(actor)

    def remove(self, actor_id: int) -> None:
        """Drop an actor; later rows move up."""
        row = self._row_of.pop(actor_id)
        count = len(self._row_of)
        self._rows[row:count] = self._rows[row + 1 : count + 1].copy()
        for other, its_row in self._row_of.items():
            if its_row > row:
                self._row_of[other] = its_row - 1

    def update(self, actor: Actor) -> None:
        """Copy pose and motion of one actor into its row."""
        row = self._row_of[actor.actor_id]
        rows = self._rows
        rows["transform"][row] = actor.pose
        rows["velocity_mps"][row] = actor.velocity_mps
        rows["angular_velocity_degps"][row] = actor.angular_velocity_degps
        rows["acceleration_mps2"][row] = actor.acceleration_mps2

    def write_attached(self, actor: Actor, parent: Actor) -> None:
        """Copy an attached actor's pose, and its parent's velocity, into its row."""
        row = self._row_of[actor.actor_id]
        self._rows["transform"][row] = actor.pose
        self._rows["velocity_mps"][row] = self._rows["velocity_mps"][self._row_of[parent.actor_id]]

    def write_vehicles(
        self,
        rows: np.ndarray,
        fleet: VehicleFleet,
        speed_limit_kmh: np.ndarray,
        light_id: np.ndarray,
        light_state: np.ndarray,
    ) -> None:
        """Copy all vehicles.

        Args:
            rows: (N,) their rows, in the fleet's order.
            fleet: their motion and control.
            speed_limit_kmh: (N,) limit where they are.
            light_id: (N,) actor id of the light they are at, 0 for none.
            light_state: (N,) its LightState; GREEN without a light.
        """
        states = self._rows
        self._write_motion(rows, fleet)
        states["vehicle_throttle_steer_brake"][rows] = fleet.control[:, :3]
        states["vehicle_flags"][rows] = fleet.control[:, 3:6]
        states["vehicle_gear"][rows] = fleet.gear
        states["vehicle_speed_limit_kmh"][rows] = speed_limit_kmh
        states["vehicle_light_id"][rows] = light_id
        states["vehicle_has_light"][rows] = light_id != 0
        states["vehicle_light_state"][rows] = light_state

    def write_walkers(self, rows: np.ndarray, fleet: WalkerFleet) -> None:
        """Copy all walkers; `rows` in the fleet's order."""
        if not len(rows):
            return
        self._write_motion(rows, fleet)
        self._rows["walker_direction"][rows] = fleet.control[:, :3]
        self._rows["walker_speed_mps"][rows] = fleet.control[:, 3]
        self._rows["walker_jump"][rows] = fleet.control[:, 4] != 0

    def write_lights(self, lights: TrafficLights) -> None:
        """Copy all traffic lights; they are the first actors of an episode."""
        states = self._rows[: len(lights)]
        states["light_times_s"] = lights.times_s
        states["light_elapsed_s"] = lights.elapsed_s
        states["light_frozen"] = lights.frozen
        states["light_state"] = lights.state

    def _write_motion(self, rows: np.ndarray, fleet: VehicleFleet | WalkerFleet) -> None:
        states = self._rows
        states["transform"][rows] = np.concatenate([fleet.position_m, np.degrees(fleet.rotation_rad)], 1)
        states["velocity_mps"][rows] = fleet.velocity_mps
        states["angular_velocity_degps"][rows] = np.degrees(fleet.angular_velocity_radps)
        states["acceleration_mps2"][rows] = fleet.acceleration_mps2
