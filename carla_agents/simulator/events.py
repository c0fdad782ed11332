"""`CollisionSensor`: what a vehicle ran into, read out by frame."""

from __future__ import annotations

import math
import queue
from dataclasses import dataclass

import carla

from carla_agents.simulator.session import Session


@dataclass(frozen=True)
class Collision:
    """One contact of the vehicle.

    Attributes:
        frame_id: when.
        other_id, other_type: what was hit; the type is a blueprint id such as `vehicle.audi.tt` or `static.building`.
        impulse_ns: size of the impulse.
        position_in_world_m: where the vehicle was.
    """

    frame_id: int
    other_id: int
    other_type: str
    impulse_ns: float
    position_in_world_m: tuple[float, float, float]


class CollisionSensor:
    """Collects the collisions of a vehicle.

    Events travel beside the tick's reply, so an event of the present frame may or may not have arrived. Ask for
    events before the present frame to get the same answer in every run.
    """

    def __init__(self, session: Session, vehicle: carla.Actor) -> None:
        self._session = session
        self._arrived: queue.SimpleQueue[Collision] = queue.SimpleQueue()
        self._held: list[Collision] = []
        self._actor = session.spawn("sensor.other.collision", carla.Transform(), attach_to=vehicle)
        self._actor.listen(self._receive)

    def take(self, before_frame_id: int | None = None) -> list[Collision]:
        """Collisions not yet taken, oldest first; with an argument only those of earlier frames than it."""
        while not self._arrived.empty():
            self._held.append(self._arrived.get_nowait())
        if before_frame_id is None:
            taken, self._held = self._held, []
        else:
            taken = [event for event in self._held if event.frame_id < before_frame_id]
            self._held = [event for event in self._held if event.frame_id >= before_frame_id]
        return sorted(taken, key=lambda event: (event.frame_id, event.other_id))

    def close(self) -> None:
        """Destroys the sensor."""
        self._session.destroy([self._actor])

    def _receive(self, event: carla.CollisionEvent) -> None:
        impulse, place, other = event.normal_impulse, event.transform.location, event.other_actor
        self._arrived.put(
            Collision(
                frame_id=event.frame,
                other_id=other.id if other is not None else 0,
                other_type=other.type_id if other is not None else "static",
                impulse_ns=math.sqrt(impulse.x**2 + impulse.y**2 + impulse.z**2),
                position_in_world_m=(place.x, place.y, place.z),
            )
        )
