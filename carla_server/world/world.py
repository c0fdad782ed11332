"""The world: actors, their motion and what a tick does. Pure state, no sockets.

A tick, in this order:

    1. frame and time go on           2. traffic lights take their turns
    3. vehicles and walkers move      4. boxes that touch push each other; a replay moves its actors
    5. attached actors follow         6. the snapshot's rows are refreshed
    7. sensors that are due measure
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Container, Sequence
from dataclasses import dataclass, replace
from typing import Protocol

import numpy as np

from carla_server.dynamics import CollisionWorld, Contact, VehicleFleet, VehicleSpec, WalkerFleet
from carla_server.dynamics.ackermann import AckermannDriver, drive_all
from carla_server.dynamics.obstacle_tags import tags_of
from carla_server.roads.town import Town
from carla_server.sensors.camera import PictureSource
from carla_server.sensors.suite import SensorSuite
from carla_server.wire.layouts import DEFAULT_VERSION, LAYOUTS, Layout
from carla_server.wire.stream import Buffer, pack_snapshot
from carla_server.wire.structs import ActorDescription, EpisodeSettings, InvalidArgument, Pose, VehicleControl
from carla_server.world import spawning
from carla_server.world.actors import Actor, Attachment, Sensor, TrafficLight, Vehicle, Walker
from carla_server.world.friction import FRICTION_TRIGGER, FrictionTriggers
from carla_server.world.map_layers import without_scenery
from carla_server.world.overlap import BoxArray, overlapping
from carla_server.world.poses import compose, wrap_deg
from carla_server.world.regulation import Regulation
from carla_server.world.seeds import derive_seed
from carla_server.world.snapshot import SnapshotTable
from carla_server.world.street_lights import StreetLights
from carla_server.world.traffic_lights import TrafficLights
from carla_server.world.weather import DEFAULT_WEATHER, SUN_ALTITUDE, WeatherValues

WORLD_STREAM_ID = 1
REAL_TIME_DELTA_S = 0.05
"""Length of a tick where the client has set no fixed delta."""

MAX_ACTORS = 5000
"""Most actors of an episode: a client that goes on spawning must not stop the server for the others."""

_FELLING_IMPULSE_NS = 100.0
"""A push that knocks a grown-up over: 75 kg at a quick walk."""

_REACH_M = 500.0  # beyond the map's edge
_NEIGHBOUR_M = 20.0  # two of the longest vehicles touch at less
_REMEMBERED_TICKS = 20  # what left is still known that long by its box


@dataclass(frozen=True)
class TickOutput:
    """What a tick has to tell: the snapshot's frame and (stream id, buffers of one frame) of each measurement.

    `failure` says why cameras sent nothing though they were due; empty if nothing was wrong.
    """

    snapshot: bytes
    measurements: list[tuple[int, list[Buffer]]]
    failure: str = ""


class Tape(Protocol):
    """A recorder and replayer that follows every tick."""

    def move_actors(self, world: World, delta_s: float) -> None:
        """Called after physics and before the snapshot."""

    def record(self, world: World, contacts: Sequence[Contact], delta_s: float) -> None:
        """Called after the snapshot."""

    def end_episode(self) -> None:
        """Called before the actors of an episode are forgotten."""


class World:
    """One simulated town and everything in it.

    Attributes:
        frame: number of the last tick; goes on over episodes.
        elapsed_s: seconds since the episode began.
        last_delta_s: length of the last tick.
        episode_id: changes with every loaded map.
        actors: all actors by id, in the order of their spawning.
        actors_changed: grows whenever an actor comes or goes.
        vehicles, walkers: motion of these actors as arrays.
        vehicle_actors, walker_actors: the same actors in the arrays' order; other_actors: all but these and lights.
        tape: records and replays, if somebody has put it in.
        ackermann: drivers of the vehicles under Ackermann commands, by their ids.
        turned_by_hand: vehicles of which a client turned wheels, by their ids.
        light_ids: (n_sites,) uint32 actor ids of the town's traffic lights.
        whole_town: the map with all its scenery; `town` is without what is hidden.
        hidden_scenery: instance numbers of what is hidden.
        obstacle_tags: SemanticTag of each of the town's obstacles.
    """

    def __init__(
        self,
        town: Town,
        *,
        seed: int,
        layout: Layout = LAYOUTS[DEFAULT_VERSION],
        open_renderer: Callable[[Town], PictureSource] | None = None,
    ) -> None:
        """Begin the first episode.

        Args:
            town: the map.
            seed: everything that is not a client's choice derives from it.
            layout: dialect of the clients.
            open_renderer: makes a `Renderer` for cameras; None for a server without rendering.
        """
        self.seed = seed
        self.layout = layout
        self.frame = 0
        self.settings = EpisodeSettings()
        self.sensors = SensorSuite(open_renderer)
        self.tape: Tape | None = None
        self._episodes = 0
        self.actors_changed = 0
        self._enter(town)
        self._next_stream_id = WORLD_STREAM_ID + 1
        self.begin_episode(town)

    def begin_episode(self, town: Town, *, reset_settings: bool = True) -> None:
        """Start afresh on a map: no actors but the town's own, time zero, default weather; the frame goes on."""
        if self.tape is not None:
            self.tape.end_episode()
        if town is not self.town:
            self._enter(town)
        self.whole_town, self.hidden_scenery = town, frozenset[int]()
        self._episodes += 1
        self.episode_id = derive_seed(self.seed, "episode", self._episodes)
        self.elapsed_s = self.last_delta_s = 0.0
        self.ticks = 0
        self.weather: WeatherValues = DEFAULT_WEATHER
        self.actors: dict[int, Actor] = {}
        self._departed: dict[int, tuple[int, Actor]] = {}
        self.vehicles = VehicleFleet()
        self.walkers = WalkerFleet()
        self.collisions = CollisionWorld(town.obstacles, self.obstacle_tags)
        self.lights = TrafficLights(town.traffic_lights)
        self.friction = FrictionTriggers()
        self.ackermann: dict[int, AckermannDriver] = {}
        self.turned_by_hand: dict[int, Vehicle] = {}
        self.street_lights = StreetLights(town.placements)
        self._table = SnapshotTable()
        self._props: set[int] = set()
        self._map_changed = True
        self.last_snapshot: bytes | None = None  # one of the episode before would mislead those who subscribe now
        if reset_settings:
            self.settings = EpisodeSettings(no_rendering_mode=self.settings.no_rendering_mode)
        self.actors.update((actor.actor_id, actor) for actor in spawning.make_furniture(town))
        self.spectator = self.actors[len(self.actors)]
        self._next_actor_id = self.spectator.actor_id + 1
        self._sort_actors()
        self.sensors.begin_episode(self)

    # actors

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
            self.sensors.admit(self, actor)
            self._next_stream_id += 1
        elif isinstance(actor, Vehicle):
            self.vehicles.add(actor.actor_id, _vehicle_spec(actor), np.array(world_pose))
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
            self.sensors.dismiss(actor)
        elif actor_id in self._props:
            self._props.discard(actor_id)
            self.collisions.remove_prop(actor_id)
        self.friction.remove(actor_id)
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
            self._table.update(actor)
            if actor.collides or actor.actor_id in self._props:
                self._place_prop(actor)
            elif actor.type_id == FRICTION_TRIGGER:
                self.friction.place(actor.actor_id, actor.attributes, pose)

    def set_collides(self, actor: Actor, enabled: bool) -> None:
        """Switch whether an actor pushes others and blocks places to spawn at."""
        actor.collides = enabled
        self.collisions.set_enabled(actor.actor_id, enabled)

    def set_weather(self, weather: WeatherValues) -> None:
        """Change the weather from the next tick on."""
        self.weather = weather
        self.street_lights.follow_sun(weather[SUN_ALTITUDE])
        self.sensors.weather_changed(self)

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
        self.sensors.scenery_changed(self)

    # time

    @property
    def tick_delta_s(self) -> float:
        """Length of the next tick."""
        return self.settings.fixed_delta_s or REAL_TIME_DELTA_S

    def tick(self, delta_s: float, subscribed: Container[int]) -> TickOutput:
        """Let time pass.

        Args:
            delta_s: by how much, in seconds, above 0.
            subscribed: ids of the streams that somebody listens to; only these are measured.
        """
        self.frame += 1
        self.ticks += 1
        self.elapsed_s += delta_s
        self.last_delta_s = delta_s
        self.lights.step(delta_s)
        if self.ackermann:
            drive_all(self.ackermann, self.vehicles, delta_s)
        if self.friction:
            self.friction.apply(self.vehicles)
        self.vehicles.step(delta_s, self.town.ground)
        self.walkers.step(delta_s, self.town.ground)
        contacts: list[Contact] = self.collisions.step(self.vehicles, self.walkers, delta_s)
        if contacts:
            self._let_fall(contacts)
        if self.tape is not None:
            self.tape.move_actors(self, delta_s)
        self._write_vehicles()
        self._table.write_walkers(self.walkers)
        self._table.write_lights(self.lights)
        self._follow_parents()
        self.last_snapshot = pack_snapshot(
            type_id=self.layout.sensor_type_ids["world"],
            frame=self.frame,
            elapsed_s=self.elapsed_s,
            episode_id=self.episode_id,
            platform_time_s=time.monotonic(),
            delta_s=delta_s,
            map_changed=self._map_changed,
            actor_states=self._table.states,
        )
        self._map_changed = False
        if self._forgetful:
            self._forget_controls()
        if self.tape is not None:
            self.tape.record(self, contacts, delta_s)
        measurements = self.sensors.measure(self, contacts, subscribed)
        return TickOutput(self.last_snapshot, measurements, self.sensors.camera_failure)

    # inside

    def _enter(self, town: Town) -> None:
        """Prepare what depends on the map alone; kept over reloads."""
        self.town = town
        self.obstacle_tags = tags_of(town)
        self._regulation = Regulation(town.traffic_lights, town.signs)
        self._obstacles = BoxArray.of(town.obstacles)

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

    def _forget_controls(self) -> None:
        """Vehicles whose control does not stick obey a command for one tick."""
        for vehicle in self._forgetful:
            self.vehicles.set_control(vehicle.actor_id, VehicleControl())

    def _let_fall(self, contacts: list[Contact]) -> None:
        """Walkers that are not invincible do not get up after a crash."""
        for contact in contacts:
            other = self.actors.get(contact.other_id)
            if isinstance(other, Walker) and not other.invincible and contact.impulse_ns > _FELLING_IMPULSE_NS:
                self.walkers.fall(other.actor_id)

    def _follow_parents(self) -> None:
        poses: dict[int, Pose] = {}  # a vehicle carries many sensors
        for actor in self._attached:
            attachment = actor.attachment
            parent = self.actors.get(attachment.parent_id) if attachment else None
            if parent is None or attachment is None:
                continue
            parent_pose = poses.get(parent.actor_id)
            if parent_pose is None:
                parent_pose = poses[parent.actor_id] = self.pose_of(parent)
            actor.pose = self._attached_pose(attachment, parent_pose)
            self._table.write_attached(actor, parent)

    def _write_vehicles(self) -> None:
        fleet = self.vehicles
        if len(fleet):
            limit_kmh = self.town.ground.speed_limit_kmh(fleet.position_m[:, 0], fleet.position_m[:, 1])
            seen = self._regulation.seen_by(fleet, self.light_ids, self.lights.state, self.elapsed_s)
            self._table.write_vehicles(fleet, limit_kmh, *seen)


def _vehicle_spec(actor: Vehicle) -> VehicleSpec:
    blueprint = spawning.blueprint_of(actor.type_id).vehicle
    if blueprint is None:
        raise InvalidArgument(f"{actor.type_id} is not a vehicle")
    return blueprint.spec
