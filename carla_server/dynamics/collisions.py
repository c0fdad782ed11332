"""What happens when boxes meet: contacts, impulses, and the parting of overlaps."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from carla_server.dynamics.bodies import Bodies
from carla_server.dynamics.boxes import BoxSet
from carla_server.dynamics.contacts import Contact, body_of, contact_of, push
from carla_server.dynamics.impulses import IMMOVABLE, Body, exchange
from carla_server.dynamics.rays import ray_hits
from carla_server.dynamics.static_grid import StaticGrid
from carla_server.dynamics.touching import find_touching
from carla_server.dynamics.vehicle import VehicleFleet
from carla_server.dynamics.walker import WalkerFleet
from carla_server.roads.town import Box
from carla_server.semantics import SemanticTag

PARTING_RATE_PER_S = 16.0
"""How fast an overlap is taken back."""

SLOP_M = 0.01
"""Overlap that is left alone, so that resting bodies do not tremble."""

DEFAULT_MARGIN_M = 7.0
"""Reach of the longest vehicle that the grid of obstacles is made for; it grows on demand."""


@dataclass(frozen=True)
class RayHit:
    """The nearest thing along a ray.

    Attributes:
        distance_m: from the start of the ray.
        other_id: an actor, 0 for a part of the map.
        other_tag: SemanticTag of that part of the map; NONE when other_id is an actor.
    """

    distance_m: float
    other_id: int
    other_tag: int


class CollisionWorld:
    """Obstacles of the map and props, against which moving bodies are tested each tick."""

    def __init__(self, obstacles: Sequence[Box], obstacle_tags: Sequence[int] | np.ndarray | None = None) -> None:
        """Take the map's obstacles.

        Args:
            obstacles: `Town.obstacles`.
            obstacle_tags: SemanticTag of each (`obstacle_tags.tags_of(town)`); STATIC for all when None.

        Raises:
            ValueError: another number of tags than obstacles.
        """
        tags = (
            [int(SemanticTag.STATIC)] * len(obstacles) if obstacle_tags is None else [int(t) for t in obstacle_tags]
        )
        if len(tags) != len(obstacles):
            raise ValueError(f"obstacle_tags has {len(tags)} entries; it must have one for each of {len(obstacles)}")
        self._map_boxes = [(box.center_m, box.extent_m, math.radians(box.yaw_deg)) for box in obstacles]
        self._map_tags = tags
        self._props: dict[int, tuple[tuple[float, ...], tuple[float, ...], float]] = {}
        self._disabled: set[int] = set()
        self._margin_m = DEFAULT_MARGIN_M
        self._filed: StaticGrid | None = None
        self._bodies = Bodies()
        self._pairs, self._facts = _room_for(32)

    def add_prop(
        self, actor_id: int, center_m: tuple[float, ...], extent_m: tuple[float, ...], yaw_rad: float
    ) -> None:
        """Add or move an immovable actor (barrier, cone, ...): centre and half lengths of its box, heading."""
        self._props[actor_id] = (tuple(center_m), tuple(extent_m), float(yaw_rad))
        self._filed = None

    def remove_prop(self, actor_id: int) -> None:
        """Forget a prop.

        Raises:
            KeyError: no such prop.
        """
        if actor_id not in self._props:
            raise KeyError(f"no prop with actor id {actor_id}")
        del self._props[actor_id]
        self._filed = None

    def set_enabled(self, actor_id: int, enabled: bool) -> None:
        """Switch the response of one actor (CARLA's set_actor_collisions).

        A walker without it is neither pushed nor pushes, but vehicles that run into it are still told: CARLA's
        own walker navigation switches it off for every walker it moves, and they must not become ghosts.
        """
        if enabled:
            self._disabled.discard(actor_id)
        else:
            self._disabled.add(actor_id)

    def step(self, vehicles: VehicleFleet, walkers: WalkerFleet, delta_s: float) -> list[Contact]:
        """Find contacts after the fleets have moved, exchange impulses and part overlaps.

        Args:
            vehicles, walkers: the fleets; positions and velocities of touching bodies change.
            delta_s: length of the tick.

        Returns:
            One contact per touching pair, ordered by rows; a pair of actors appears once.
        """
        count = len(vehicles)
        if not count:
            return []
        boxes = self._bodies.place(vehicles, walkers)
        grid = self._grid(self._bodies.longest_m)
        found = find_touching(count, boxes, grid.boxes, grid.cells, self._pairs, self._facts)
        if found > len(self._pairs):
            self._pairs, self._facts = _room_for(2 * found)
            found = find_touching(count, boxes, grid.boxes, grid.cells, self._pairs, self._facts)
        if not found:
            return []
        parting = min(PARTING_RATE_PER_S * delta_s, 1.0)
        contacts: list[Contact | None] = []
        for (row, other, moves), fact in zip(self._pairs[:found].tolist(), self._facts[:found].tolist(), strict=True):
            normal, parting_m, point = fact[:2], fact[2] * parting, fact[3:]
            if not moves:
                contacts.append(self._hit_obstacle(vehicles, row, other, normal, parting_m, point))
            elif other < count:
                contacts.append(self._meet(vehicles, row, other, normal, parting_m, point))
            else:
                contacts.append(self._run_into(vehicles, row, walkers, other - count, normal, parting_m, point))
        return [contact for contact in contacts if contact is not None]

    def first_hit(
        self,
        origin_m: Sequence[float],
        direction: Sequence[float] | np.ndarray,
        range_m: float,
        vehicles: VehicleFleet,
        walkers: WalkerFleet,
        *,
        ignored_id: int = 0,
        radius_m: float = 0.0,
        only_actors: bool = False,
    ) -> RayHit | None:
        """The nearest vehicle, walker, prop or obstacle of the map along a ray.

        Args:
            origin_m: start, world.
            direction: unit vector.
            range_m: length of the ray.
            vehicles, walkers: the fleets.
            ignored_id: an actor that the ray passes through, 0 for none.
            radius_m: radius of a sphere that is swept along the ray.
            only_actors: pass through the map's obstacles and props.

        Returns:
            The hit, or None when the way is free.
        """
        origin, along = np.asarray(origin_m, dtype=np.float64), np.asarray(direction, dtype=np.float64)
        boxes = self._bodies.place(vehicles, walkers)
        ids = np.concatenate((vehicles.actor_ids, walkers.actor_ids))
        distances = ray_hits(origin, along, range_m, *boxes, radius_m)
        distances[ids == ignored_id] = np.inf
        best: RayHit | None = None
        if distances.size and distances.min() < np.inf:
            row = int(distances.argmin())
            best = RayHit(float(distances[row]), int(ids[row]), int(SemanticTag.NONE))
        if only_actors:
            return best
        fixed = self._grid(0.0).boxes
        low = np.minimum(origin, origin + along * range_m)[:2] - radius_m
        high = np.maximum(origin, origin + along * range_m)[:2] + radius_m
        center, reach = fixed.center_m[:, :2], fixed.reach_m()
        near = np.flatnonzero(((center + reach >= low) & (center - reach <= high)).all(axis=1))
        distances = ray_hits(
            origin, along, range_m, fixed.center_m[near], fixed.extent_m[near], fixed.heading[near], radius_m
        )
        if distances.size and distances.min() < (best.distance_m if best else np.inf):
            item = int(near[distances.argmin()])
            best = RayHit(float(distances.min()), self._obstacle_ids[item], self._obstacle_tags[item])
        return best

    def _grid(self, margin_m: float) -> StaticGrid:
        """The filed obstacles and props, filed anew after a change or for a larger mover."""
        if self._filed is None or margin_m > self._filed.margin_m:
            self._margin_m = max(self._margin_m, margin_m)
            everything = [*self._map_boxes, *self._props.values()]
            self._obstacle_ids = [0] * len(self._map_boxes) + list(self._props)
            self._obstacle_tags = self._map_tags + [int(SemanticTag.NONE)] * len(self._props)
            center = np.array([item[0] for item in everything], dtype=np.float64).reshape(-1, 3)
            extent = np.array([item[1] for item in everything], dtype=np.float64).reshape(-1, 3)
            yaw = np.array([item[2] for item in everything], dtype=np.float64)
            self._filed = StaticGrid(BoxSet.of(center, extent, yaw), self._margin_m)
        return self._filed

    def _meet(
        self, vehicles: VehicleFleet, row: int, other: int, normal: list[float], parting_m: float, point: list[float]
    ) -> Contact | None:
        """Two vehicles touch."""
        actor_id, other_id = int(vehicles.actor_ids[row]), int(vehicles.actor_ids[other])
        if actor_id in self._disabled or other_id in self._disabled:
            return None
        body, target = body_of(vehicles, row, point), body_of(vehicles, other, point)
        impulse_ns, x, y = exchange(body, target, *normal)
        total = body.inverse_mass + target.inverse_mass
        if total == 0.0 or (impulse_ns == 0.0 and parting_m <= SLOP_M):
            return None
        push(vehicles, row, body, x, y, normal, max(parting_m - SLOP_M, 0.0) * body.inverse_mass / total)
        push(vehicles, other, target, -x, -y, normal, -max(parting_m - SLOP_M, 0.0) * target.inverse_mass / total)
        return contact_of(vehicles, row, other_id, SemanticTag.NONE, normal, impulse_ns, point)

    def _run_into(
        self,
        vehicles: VehicleFleet,
        row: int,
        walkers: WalkerFleet,
        walker: int,
        normal: list[float],
        parting_m: float,
        point: list[float],
    ) -> Contact | None:
        """A vehicle touches a walker."""
        actor_id, other_id = int(vehicles.actor_ids[row]), int(walkers.actor_ids[walker])
        if actor_id in self._disabled:
            return None
        body = body_of(vehicles, row, point)
        velocity = walkers.velocity_mps[walker]
        target = Body(float(velocity[0]), float(velocity[1]), 1.0 / float(walkers.mass_kg[walker]), 0.0, 0.0, 0.0)
        impulse_ns, x, y = exchange(body, target, *normal)
        if impulse_ns == 0.0 and parting_m <= SLOP_M:
            return None
        if other_id not in self._disabled:
            push(vehicles, row, body, x, y, normal, 0.0)
            walkers.push(
                walker,
                (-x * target.inverse_mass, -y * target.inverse_mass),
                (-normal[0] * parting_m, -normal[1] * parting_m),
            )
        return contact_of(vehicles, row, other_id, SemanticTag.NONE, normal, impulse_ns, point)

    def _hit_obstacle(
        self,
        vehicles: VehicleFleet,
        row: int,
        obstacle: int,
        normal: list[float],
        parting_m: float,
        point: list[float],
    ) -> Contact | None:
        """A vehicle touches something that cannot move."""
        other_id = self._obstacle_ids[obstacle]
        if int(vehicles.actor_ids[row]) in self._disabled or other_id in self._disabled:
            return None
        body = body_of(vehicles, row, point)
        impulse_ns, x, y = exchange(body, IMMOVABLE, *normal)
        if body.inverse_mass == 0.0 or (impulse_ns == 0.0 and parting_m <= SLOP_M):
            return None
        push(vehicles, row, body, x, y, normal, max(parting_m - SLOP_M, 0.0))
        return contact_of(vehicles, row, other_id, self._obstacle_tags[obstacle], normal, impulse_ns, point)


def _room_for(count: int) -> tuple[np.ndarray, np.ndarray]:
    """Arrays for pairs and facts of `find_touching`."""
    return np.zeros((count, 3), np.int64), np.zeros((count, 5))
