"""The rows of the world snapshot: one 119-byte record an actor, kept between ticks and changed in place.

Rows are grouped by kind, traffic lights first and vehicles and walkers last in the order of their fleets, so that
each kind is one slice whose fields are written as whole arrays. Clients find actors by id, not by row.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from carla_server.dynamics import VehicleFleet, WalkerFleet
from carla_server.dynamics.vehicle_columns import HAND_BRAKE, MANUAL_GEAR, SHOWN
from carla_server.wire.stream import ACTOR_STATE_DTYPE
from carla_server.world.actors import Actor, TrafficSign
from carla_server.world.traffic_lights import TrafficLights

_ACTIVE = 1
_SHOWN_UNITS = np.array([1.0] * 3 + [np.degrees(1.0)] * 3 + [1.0] * 3 + [np.degrees(1.0)] * 3 + [1.0] * 6)
"""From the fleet's units to the snapshot's: radians become degrees."""


class _MotionFields(NamedTuple):
    """Writable views into a slice of rows, (n, 3) float32 each."""

    position_m: np.ndarray
    rotation_deg: np.ndarray
    velocity_mps: np.ndarray
    angular_velocity_degps: np.ndarray
    acceleration_mps2: np.ndarray

    @staticmethod
    def of(rows: np.ndarray) -> _MotionFields:
        transform = rows["transform"]
        return _MotionFields(
            transform[:, :3],
            transform[:, 3:],
            rows["velocity_mps"],
            rows["angular_velocity_degps"],
            rows["acceleration_mps2"],
        )

    def write(self, fleet: VehicleFleet | WalkerFleet) -> None:
        self.position_m[:] = fleet.position_m
        np.degrees(fleet.rotation_rad, out=self.rotation_deg, casting="same_kind")
        self.velocity_mps[:] = fleet.velocity_mps
        np.degrees(fleet.angular_velocity_radps, out=self.angular_velocity_degps, casting="same_kind")
        self.acceleration_mps2[:] = fleet.acceleration_mps2


class _VehicleFields(NamedTuple):
    """Writable views into the vehicles' rows."""

    pose_to_brake: np.ndarray
    flags: np.ndarray
    gear: np.ndarray
    speed_limit_kmh: np.ndarray
    light_id: np.ndarray
    has_light: np.ndarray
    light_state: np.ndarray

    @staticmethod
    def of(rows: np.ndarray) -> _VehicleFields:
        names = ("pose_to_brake", "flags", "gear", "speed_limit_kmh", "light_id", "has_light", "light_state")
        return _VehicleFields(*(rows[f"vehicle_{name}"] for name in names))


class SnapshotTable:
    """All actors of an episode as the snapshot shows them."""

    def __init__(self) -> None:
        self._row_of: dict[int, int] = {}
        self._bytes = np.zeros((0, ACTOR_STATE_DTYPE.itemsize), np.uint8)
        self.arrange((), (), (), ())

    @property
    def states(self) -> np.ndarray:
        """(N,) of `ACTOR_STATE_DTYPE`, changed in place by every tick."""
        return self._rows

    def arrange(
        self,
        lights: Sequence[Actor],
        others: Sequence[Actor],
        vehicles: Sequence[Actor],
        walkers: Sequence[Actor],
    ) -> None:
        """Lay out the rows anew after actors came or went; those that stay keep what is written in theirs.

        Args:
            lights: traffic lights in the order of the town's sites.
            others: signs, sensors, props and whatever else.
            vehicles, walkers: in the order of their fleets.
        """
        everyone = [*lights, *others, *vehicles, *walkers]
        before = self._row_of
        kept = [(row, before[actor.actor_id]) for row, actor in enumerate(everyone) if actor.actor_id in before]
        rows = np.zeros(len(everyone), ACTOR_STATE_DTYPE)
        raw = rows.view(np.uint8).reshape(-1, ACTOR_STATE_DTYPE.itemsize)  # fields overlap, so rows move as bytes
        if kept:
            new, old = np.array(kept).T
            raw[new] = self._bytes[old]
        self._rows, self._bytes = rows, raw
        self._row_of = {actor.actor_id: row for row, actor in enumerate(everyone)}
        for actor in everyone:
            if actor.actor_id not in before:
                self._add(actor)
        first_vehicle, first_walker = len(lights) + len(others), len(everyone) - len(walkers)
        self._lights = rows[: len(lights)]
        self._vehicles = rows[first_vehicle:first_walker]
        self._walkers = rows[first_walker:]
        self._vehicle_fields = _VehicleFields.of(self._vehicles)
        self._walker_motion = _MotionFields.of(self._walkers)

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
        self, fleet: VehicleFleet, speed_limit_kmh: np.ndarray, light_id: np.ndarray, light_state: np.ndarray
    ) -> None:
        """Copy all vehicles.

        Args:
            fleet: their motion and control.
            speed_limit_kmh: (N,) limit where they are.
            light_id: (N,) actor id of the light they are at, 0 for none.
            light_state: (N,) its LightState; GREEN without a light.
        """
        fields = self._vehicle_fields
        np.multiply(fleet.state[:, SHOWN], _SHOWN_UNITS, out=fields.pose_to_brake, casting="same_kind")
        fields.flags[:] = fleet.control[:, HAND_BRAKE : MANUAL_GEAR + 1]
        fields.gear[:] = fleet.gear
        fields.speed_limit_kmh[:] = speed_limit_kmh
        fields.light_id[:] = light_id
        np.not_equal(light_id, 0, out=fields.has_light, casting="unsafe")
        fields.light_state[:] = light_state

    def write_walkers(self, fleet: WalkerFleet) -> None:
        """Copy all walkers."""
        rows = self._walkers
        if not len(rows):
            return
        self._walker_motion.write(fleet)
        rows["walker_direction"] = fleet.control[:, :3]
        rows["walker_speed_mps"] = fleet.control[:, 3]
        rows["walker_jump"] = fleet.control[:, 4] != 0

    def write_lights(self, lights: TrafficLights) -> None:
        """Copy all traffic lights."""
        rows = self._lights
        rows["light_times_s"] = lights.times_s
        rows["light_elapsed_s"] = lights.elapsed_s
        rows["light_frozen"] = lights.frozen
        rows["light_state"] = lights.state

    def _add(self, actor: Actor) -> None:
        row = self._row_of[actor.actor_id]
        self._rows["actor_id"][row] = actor.actor_id
        self._rows["actor_state"][row] = _ACTIVE
        if isinstance(actor, TrafficSign):
            self._rows["sign_id"][row] = actor.sign_id.encode()[:32]
        self.update(actor)
