"""`Surroundings`: every other vehicle and walker, and things on the road, as arrays of the simulator's true state."""

from __future__ import annotations

import math
from dataclasses import dataclass, fields

import carla
import numpy as np

from carla_agents.simulator.session import Session
from carla_agents.simulator.vehicle_state import VehicleState

_FLAT_M = 0.3
_STANDING_MPS = 0.2
_SLOW_BICYCLE_MPS = 4.0
_ASK_EVERY_FRAMES = 10
_HAZARD_LIGHTS = int(carla.VehicleLightState.LeftBlinker) | int(carla.VehicleLightState.RightBlinker)
_SPECIAL_LIGHT = int(carla.VehicleLightState.Special1)


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
        prop: (N,) bool: a thing, e.g. a cone; what lies flat on the road is left out.
        passable: (N,) bool: may be driven around: things, standing vehicles with hazard lights, slow bicycles.
        emergency: (N,) bool: a vehicle on an emergency drive.
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
    prop: np.ndarray
    passable: np.ndarray
    emergency: np.ndarray

    def __len__(self) -> int:
        return len(self.ids)

    def kept(self, keep: np.ndarray) -> RoadUsers:
        """Those that a (N,) bool mask or an array of indices picks."""
        return RoadUsers(*(getattr(self, field.name)[keep] for field in fields(self)))


class Surroundings:
    """Reads road users out of snapshots; asks the server only about actors it has not met before.

    Args:
        session: where.
        ego_id: actor to leave out.
        radius_m: how far it looks.
    """

    def __init__(self, session: Session, ego_id: int, radius_m: float = 100.0) -> None:
        self._session = session
        self._ego_id = ego_id
        self._radius_m = radius_m
        self._known: dict[int, carla.Actor | None] = {}
        self._extent: dict[int, tuple[float, float, float]] = {}
        self._kind: dict[int, str] = {}
        self._lights: dict[int, tuple[int, int]] = {}

    def read(self, snapshot: carla.WorldSnapshot, ego: VehicleState) -> RoadUsers:
        """Road users within the radius, ordered by actor id."""
        rows, ids, walkers, held, props, passable, emergency = [], [], [], [], [], [], []
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
            kind = self._kind[found.id]
            is_walker = kind == "walker"
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
            props.append(kind == "prop")
            passable.append(self._is_passable(actor, kind, speed, snapshot.frame))
            on_duty = kind == "emergency" and speed > _STANDING_MPS and self._asked_lights(actor, snapshot.frame)
            emergency.append(bool(on_duty & _SPECIAL_LIGHT))
            held.append(
                kind not in ("walker", "prop")
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
            prop=np.array(props, dtype=bool),
            passable=np.array(passable, dtype=bool),
            emergency=np.array(emergency, dtype=bool),
        )

    def _is_passable(self, actor: carla.Actor, kind: str, speed_mps: float, frame: int) -> bool:
        if kind == "prop":
            return True
        if kind == "bicycle":
            return speed_mps < _SLOW_BICYCLE_MPS
        if kind == "walker" or speed_mps > _STANDING_MPS:
            return False
        lights = self._asked_lights(actor, frame)
        return lights & _HAZARD_LIGHTS == _HAZARD_LIGHTS or bool(lights & _SPECIAL_LIGHT)

    def _asked_lights(self, actor: carla.Vehicle, frame: int) -> int:
        """Bits of a vehicle's lights, at most some frames old: a snapshot does not hold them."""
        asked, lights = self._lights.get(actor.id, (-_ASK_EVERY_FRAMES, 0))
        if frame - asked >= _ASK_EVERY_FRAMES:
            try:
                lights = int(actor.get_light_state())
            except RuntimeError:  # left since the snapshot: the Traffic Manager removes vehicles that hang
                lights = 0
            self._lights[actor.id] = (frame, lights)
        return lights

    def _meet(self, new_ids: list[int]) -> None:
        if not new_ids:
            return
        self._known.update(dict.fromkeys(new_ids))
        for actor in self._session.world.get_actors(new_ids):
            kind = _kind_of(actor)
            if kind is None:
                continue
            box = actor.bounding_box
            if kind == "prop" and 2.0 * box.extent.z < _FLAT_M:
                continue
            self._known[actor.id] = actor
            self._kind[actor.id] = kind
            self._extent[actor.id] = (box.extent.x, box.extent.y, box.location.x)


def _kind_of(actor: carla.Actor) -> str | None:
    """`walker`, `prop`, `bicycle`, `emergency` or `vehicle`; None for what is no road user."""
    if isinstance(actor, carla.Walker):
        return "walker"
    if actor.type_id.startswith("static.prop."):
        return "prop"
    if not isinstance(actor, carla.Vehicle):
        return None
    if actor.attributes.get("special_type") == "emergency":
        return "emergency"
    return "bicycle" if actor.attributes.get("base_type") == "bicycle" else "vehicle"
