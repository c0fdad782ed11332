"""Who lives in a town: actors come, go and are put somewhere. Pure state; time passes in `World`."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from dataclasses import replace

import numpy as np

from carla_server.dynamics import CollisionWorld, VehicleFleet, WalkerFleet
from carla_server.dynamics.ackermann import AckermannDriver
from carla_server.dynamics.obstacle_tags import tags_of
from carla_server.roads.town import Town
from carla_server.wire.layouts import Layout
from carla_server.wire.structs import ActorDescription, InvalidArgument, Pose
from carla_server.world import spawning
from carla_server.world.actors import Actor, Attachment, Sensor, TrafficLight, Vehicle, Walker
from carla_server.world.friction import FRICTION_TRIGGER, FrictionTriggers
from carla_server.world.loose_props import LooseProps
from carla_server.world.map_layers import without_scenery
from carla_server.world.overlap import BoxArray, overlapping
from carla_server.world.poses import compose, wrap_deg
from carla_server.world.regulation import Regulation
from carla_server.world.snapshot import SnapshotTable

WORLD_STREAM_ID = 1

MAX_ACTORS = 5000
"""Most actors of an episode: a client that goes on spawning must not stop the server for the others."""

_REACH_M = 500.0  # beyond the map's edge
_NEIGHBOUR_M = 20.0  # two of the longest vehicles touch at less
_REMEMBERED_TICKS = 20  # what left is still known that long by its box


class Population(ABC):
    """A town and the actors in it; `World` lets time pass for them.

    Attributes:
        layout: dialect of the clients.
        frame: number of the last tick; goes on over episodes.
        actors: all actors by id, in the order of their spawning.
        actors_changed: grows whenever an actor comes or goes.
        vehicles, walkers: motion of these actors as arrays.
        vehicle_actors, walker_actors: the same actors in the arrays' order; other_actors: all but these and lights.
        collisions: what bodies can run into.
        friction: places where tyres have another friction.
        ackermann: drivers of the vehicles under Ackermann commands, by their ids.
        turned_by_hand: vehicles of which a client turned wheels, by their ids.
        loose_props: props for which a client has switched physics on.
        in_pieces: vehicles with open doors and walkers that a client poses, by their ids; see `pieces`.
        light_ids: (n_sites,) uint32 actor ids of the town's traffic lights.
        town: the map without what is hidden of its scenery; whole_town: with all of it.
        hidden_scenery: instance numbers of what is hidden.
        count_ids_anew: the next episode numbers its actors from the beginning, as the first one did.
        first_id: id of the first actor that a client may spawn in this episode.
        obstacle_tags: SemanticTag of each of the town's obstacles.
    """

    def __init__(self, town: Town, layout: Layout) -> None:
        self.layout = layout
        self.frame = 0
        self.actors_changed = 0
        self._next_stream_id = WORLD_STREAM_ID + 1
        self._next_actor_id = 0
        self.count_ids_anew = False
        self.actors: dict[int, Actor] = {}
        self._departed: dict[int, tuple[int, Actor]] = {}
        self._enter(town)

    def _enter(self, town: Town) -> None:
        """Prepare what depends on the map alone; kept over reloads."""
        self.town = town
        self.obstacle_tags = tags_of(town)
        self._regulation = Regulation(town.traffic_lights, town.signs)
        self._obstacles = BoxArray.of(town.obstacles)

    def _settle(self, town: Town) -> None:
        """Begin with nobody but the town's own actors."""
        if town is not self.town:
            self._enter(town)
        self.whole_town, self.hidden_scenery = town, frozenset[int]()
        # Threads of a client may go on for a moment with what its last snapshot held.
        self._departed = {actor_id: (self.frame, actor) for actor_id, actor in self.actors.items()}
        self.actors = {}
        self.vehicles = VehicleFleet()
        self.walkers = WalkerFleet()
        self.collisions = CollisionWorld(town.obstacles, self.obstacle_tags)
        self.friction = FrictionTriggers()
        self.loose_props = LooseProps()
        self.ackermann: dict[int, AckermannDriver] = {}
        self.turned_by_hand: dict[int, Vehicle] = {}
        self.in_pieces: dict[int, Vehicle | Walker] = {}
        self._table = SnapshotTable()
        self._props: set[int] = set()
        self.actors.update((actor.actor_id, actor) for actor in spawning.make_furniture(town))
        self.spectator = self.actors[len(self.actors)]
        # As in CARLA ids go on over episodes: a client may still destroy what it holds of the one before.
        lowest_id = self.spectator.actor_id + 1
        self.first_id = lowest_id if self.count_ids_anew else max(self._next_actor_id, lowest_id)
        self._next_actor_id, self.count_ids_anew = self.first_id, False
        self._sort_actors()

    def spawn(
        self,
        description: ActorDescription,
        pose: Pose,
        parent_id: int = 0,
        *,
        spring_arm: bool = False,
        actor_id: int | None = None,
        even_if_blocked: bool = False,
    ) -> Actor:
        """Put a new actor into the world.

        Args:
            description: blueprint and attributes.
            pose: in the world, or in the parent's frame if there is a parent.
            parent_id: actor to hang it on, 0 for none.
            spring_arm: attach by CARLA's spring arm instead of rigidly.
            actor_id: id that is wanted and free (a replay's), None for the next one.
            even_if_blocked: put it there although something stands in its way.

        Raises:
            InvalidArgument: unknown blueprint or parent, the place is taken, or there are `MAX_ACTORS` already.
        """
        if len(self.actors) >= MAX_ACTORS:
            raise InvalidArgument(f"the world has {len(self.actors)} actors, which is the most; destroy some first")
        description = spawning.with_own_types(description, self.layout.attribute_type_base)
        attachment = None
        world_pose = pose
        if parent_id:
            attachment = Attachment(parent_id, pose, spring_arm)
            world_pose = self._attached_pose(attachment)
        actor = spawning.make_actor(
            self._next_actor_id if actor_id is None else actor_id,
            description,
            world_pose,
            attachment,
            self._next_stream_id,
        )
        # Scenarios pile props on each other, and CARLA puts them where it is told.
        may_overlap = even_if_blocked or actor.type_id.startswith("static.prop.")
        if actor.collides and attachment is None and not may_overlap and self._blocked(actor):
            raise InvalidArgument(
                "Spawn failed because of collision at spawn position "
                f"({pose[0]:.2f}, {pose[1]:.2f}, {pose[2]:.2f}) of {actor.type_id}"
            )
        if isinstance(actor, Sensor):
            self._admit(actor)
            self._next_stream_id += 1
        elif isinstance(actor, Vehicle):
            self.vehicles.add(actor.actor_id, spawning.vehicle_spec(actor), np.array(world_pose))
        elif isinstance(actor, Walker):
            self.walkers.add(actor.actor_id, extent_m=actor.box.extent_m, pose6=np.array(world_pose))
        elif actor.type_id == FRICTION_TRIGGER:
            self.friction.place(actor.actor_id, actor.attributes, world_pose)
        elif actor.collides and attachment is None:
            self._place_prop(actor)
        self._next_actor_id = max(self._next_actor_id, actor.actor_id + 1)
        self.actors[actor.actor_id] = actor
        self._sort_actors()
        return actor

    def destroy(self, actor_id: int) -> None:
        """Remove an actor; its children stay, as in CARLA.

        Raises:
            InvalidArgument: there is no such actor, or it belongs to the town.
        """
        actor = self.actor(actor_id)
        if actor is self.spectator or isinstance(actor, spawning.TrafficSign):
            raise InvalidArgument(f"actor {actor_id} ({actor.type_id}) belongs to the map and cannot be destroyed")
        del self.actors[actor_id]
        self._departed = {i: gone for i, gone in self._departed.items() if gone[0] >= self.frame - _REMEMBERED_TICKS}
        self._departed[actor_id] = (self.frame, actor)
        if isinstance(actor, Vehicle):
            self.vehicles.remove(actor_id)
            self.ackermann.pop(actor_id, None)
            self.turned_by_hand.pop(actor_id, None)
        elif isinstance(actor, Walker):
            self.walkers.remove(actor_id)
        elif isinstance(actor, Sensor):
            self._dismiss(actor)
        elif actor_id in self._props:
            self._props.discard(actor_id)
            self.collisions.remove_prop(actor_id)
        self.in_pieces.pop(actor_id, None)
        self.friction.remove(actor_id)
        self.loose_props.remove(actor_id)
        self._sort_actors()

    def actor(self, actor_id: int) -> Actor:
        """An actor by id.

        Raises:
            InvalidArgument: there is none.
        """
        try:
            return self.actors[actor_id]
        except KeyError:
            raise InvalidArgument(
                f"no actor with id {actor_id}: it was destroyed, or belongs to an earlier episode"
            ) from None

    def actor_or_departed(self, actor_id: int) -> Actor:
        """An actor by id, also one that has just left: a client's latest snapshot may still hold it.

        The Traffic Manager in a client asks for the box of what its snapshot holds, on a thread that an error ends
        together with the whole process.

        Raises:
            InvalidArgument: there is none, and none left within the last ticks.
        """
        frame, departed = self._departed.get(actor_id, (-1, None))
        if departed is not None and actor_id not in self.actors and frame >= self.frame - _REMEMBERED_TICKS:
            return departed
        return self.actor(actor_id)

    def pose_of(self, actor: Actor) -> Pose:
        """Pose of an actor now, also between ticks."""
        if isinstance(actor, Vehicle | Walker):
            fleet = self.vehicles if isinstance(actor, Vehicle) else self.walkers
            row = fleet.index_of(actor.actor_id)
            pitch_rad, yaw_rad, roll_rad = fleet.rotation_rad[row].tolist()
            return (
                *fleet.position_m[row].tolist(),
                math.degrees(pitch_rad),
                math.degrees(yaw_rad),
                math.degrees(roll_rad),
            )
        if actor.attachment is not None and actor.attachment.parent_id in self.actors:
            return self._attached_pose(actor.attachment)
        return actor.pose

    def set_pose(self, actor: Actor, pose: Pose) -> None:
        """Teleport an actor; for an attached one the pose is relative to its parent, as in CARLA."""
        if isinstance(actor, Vehicle):
            self.vehicles.set_pose(actor.actor_id, np.array(pose))
        elif isinstance(actor, Walker):
            self.walkers.set_pose(actor.actor_id, np.array(pose))
        elif actor.attachment is not None:
            actor.attachment = replace(actor.attachment, pose=pose)
        else:
            actor.pose = (*pose[:4], wrap_deg(pose[4]), pose[5])
            self.loose_props.moved(actor.actor_id)
            self._table.update(actor)
            if actor.collides or actor.actor_id in self._props:
                self._place_prop(actor)
            elif actor.type_id == FRICTION_TRIGGER:
                self.friction.place(actor.actor_id, actor.attributes, pose)

    def set_collides(self, actor: Actor, enabled: bool) -> None:
        """Switch whether an actor pushes others and blocks places to spawn at."""
        actor.collides = enabled
        self.collisions.set_enabled(actor.actor_id, enabled)

    def note_pieces(self, actor: Vehicle | Walker) -> None:
        """Keep `in_pieces` up to date after a change of doors or of a client's pose."""
        if actor.doors if isinstance(actor, Vehicle) else actor.pose_of_client.shows:
            self.in_pieces[actor.actor_id] = actor
        else:
            self.in_pieces.pop(actor.actor_id, None)

    def hide_scenery(self, hidden: frozenset[int]) -> None:
        """Take away the scenery of these instance numbers, and show all other: everybody else stays as they are."""
        if hidden == self.hidden_scenery:
            return
        self.hidden_scenery = hidden
        self._enter(without_scenery(self.whole_town, hidden))
        self.collisions = CollisionWorld(self.town.obstacles, self.obstacle_tags)
        for actor in self.actors.values():
            if actor.actor_id in self._props:
                self._place_prop(actor)
            if not actor.collides:
                self.collisions.set_enabled(actor.actor_id, False)
        self._scenery_changed()

    # what measures is no part of this

    @abstractmethod
    def _admit(self, sensor: Sensor) -> None:
        """A sensor has come.

        Raises:
            InvalidArgument: it cannot be measured.
        """

    @abstractmethod
    def _dismiss(self, sensor: Sensor) -> None:
        """A sensor has been destroyed."""

    @abstractmethod
    def _scenery_changed(self) -> None:
        """The town shows other scenery now."""

    # inside

    def _sort_actors(self) -> None:
        """Refresh what follows from who exists; vehicles and walkers are in the fleets' order."""
        everyone = self.actors.values()
        lights = [actor for actor in everyone if isinstance(actor, TrafficLight)]
        others = [actor for actor in everyone if not isinstance(actor, TrafficLight | Vehicle | Walker)]
        self.vehicle_actors = [actor for actor in everyone if isinstance(actor, Vehicle)]
        self.walker_actors = [actor for actor in everyone if isinstance(actor, Walker)]
        self._forgetful = [actor for actor in self.vehicle_actors if not actor.keeps_control]
        self.other_actors = others
        self._attached = [actor for actor in everyone if actor.attachment is not None]
        self._table.arrange(lights, others, self.vehicle_actors, self.walker_actors)
        self.light_ids = np.array([actor.actor_id for actor in lights], np.uint32)
        self.actors_changed += 1

    def _place_prop(self, actor: Actor) -> None:
        """Let vehicles collide with a prop; one far outside the map is out of their reach and left out."""
        x_min, y_min, x_max, y_max = self.town.bounds_m
        x, y = actor.pose[:2]
        if not (x_min < x + _REACH_M and x - _REACH_M < x_max and y_min < y + _REACH_M and y - _REACH_M < y_max):
            if actor.actor_id in self._props:
                self._props.discard(actor.actor_id)
                self.collisions.remove_prop(actor.actor_id)
            return
        box = spawning.world_box(actor, actor.pose)
        self.collisions.add_prop(actor.actor_id, box.center_m, box.extent_m, math.radians(box.yaw_deg))
        self._props.add(actor.actor_id)

    def _blocked(self, actor: Actor) -> bool:
        box = spawning.world_box(actor, actor.pose)
        near: list[Actor] = [other for other in self.other_actors if other.collides]
        for fleet, actors in ((self.vehicles, self.vehicle_actors), (self.walkers, self.walker_actors)):
            if len(fleet):
                distance_m = np.abs(fleet.position_m[:, :2] - box.center_m[:2]).max(1)
                near += [actors[row] for row in np.flatnonzero(distance_m < _NEIGHBOUR_M) if actors[row].collides]
        boxes = [spawning.world_box(other, self.pose_of(other)) for other in near]
        return bool(overlapping(box, BoxArray.of(boxes)).any() or overlapping(box, self._obstacles).any())

    def _attached_pose(self, attachment: Attachment, parent: Pose | None = None) -> Pose:
        """World pose of what hangs on an actor; `parent` is that actor's pose where it is known."""
        if parent is None:
            parent = self.pose_of(self.actor(attachment.parent_id))
        if attachment.spring_arm:
            parent = (*parent[:3], 0.0, parent[4], 0.0)
        return compose(parent, attachment.pose)
