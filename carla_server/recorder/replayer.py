"""Plays a recording back into the world, tick by tick.

At the time of a recorded frame every actor stands exactly where it stood then; between two frames its pose lies
between them. Replayed vehicles and walkers have neither physics nor collisions, as in CARLA, until the replay ends.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from carla_server.recorder.packets import TABLES, ActorAdded, ActorKind, Packet
from carla_server.recorder.recorder import CM_PER_M
from carla_server.recorder.recording import Frame, Recording
from carla_server.wire.structs import ActorDescription, InvalidArgument, Pose
from carla_server.world.actors import Actor, TrafficLight, TrafficSign, Vehicle, Walker
from carla_server.world.doors import set_open_doors
from carla_server.world.poses import compose, relative
from carla_server.world.world import World

_SAME_TIME_S = 1e-6
_SAME_PLACE_M = 0.1
_SPECTATOR = "spectator"
_STOPPED = (0.0, 0.0, 1.0, 1.0, 0.0, 0.0, 0.0)  # brake and hand brake
_STANDING = (1.0, 0.0, 0.0, 0.0, 0.0)


@dataclass(frozen=True)
class ReplayOptions:
    """What a client can choose for the next replay.

    Attributes:
        time_factor: recorded seconds per simulated second.
        ignore_hero: leave out vehicles with the role name "hero".
        ignore_spectator: leave the spectator alone.
    """

    time_factor: float = 1.0
    ignore_hero: bool = False
    ignore_spectator: bool = True


class Replayer:
    """One replay that is under way.

    Attributes:
        time_s: place in the recording, in seconds from its first frame.
        options: may be changed while it runs.
    """

    def __init__(
        self,
        recording: Recording,
        world: World,
        *,
        start_s: float,
        end_s: float,
        options: ReplayOptions,
        follow_id: int,
        camera_pose: Pose,
        replay_sensors: bool,
        log: Callable[[str], None],
    ) -> None:
        """Put the world into the state of the first instant.

        Args:
            recording: with at least one frame; of the world's map.
            world: gets the recorded actors besides those it has.
            start_s, end_s: part of the recording to play.
            options: see `ReplayOptions`.
            follow_id: recorded actor whom the spectator follows, 0 for none.
            camera_pose: the spectator's place in the frame of that actor.
            replay_sensors: also make the recorded sensors.
            log: takes a line about an actor that cannot be made.
        """
        self.options = options
        self.time_s = start_s
        self._recording = recording
        self._end_s = end_s
        self._follow_id = follow_id
        self._camera_pose = camera_pose
        self._replay_sensors = replay_sensors
        self._log = log
        self._actor_of: dict[int, int] = {}
        self._made: set[int] = set()
        self._borrowed: set[int] = set()  # those that were there already
        self._index = 0
        self._frame = recording.frame(0)
        self._apply_events(world, self._frame)
        self._go_to_time(world)
        self._pose_actors(world)

    def step(self, world: World, delta_s: float) -> bool:
        """Go on by one tick; returns False once the end is reached."""
        self.time_s = min(self.time_s + delta_s * self.options.time_factor, self._end_s)
        self._go_to_time(world)
        self._pose_actors(world)
        return self.time_s < self._end_s - _SAME_TIME_S

    def release(self, world: World, *, keep_actors: bool) -> None:
        """End the replay: its actors get their physics back and stand still, or are removed."""
        for actor_id in sorted(self._made | self._borrowed):
            actor = world.actors.get(actor_id)
            if actor is None:
                continue
            if not keep_actors and actor_id in self._made:
                world.destroy(actor_id)
            elif isinstance(actor, Vehicle | Walker):
                fleet = world.vehicles if isinstance(actor, Vehicle) else world.walkers
                fleet.set_simulate_physics(actor_id, True)
                fleet.set_control(actor_id, _STOPPED if isinstance(actor, Vehicle) else _STANDING)
                world.set_collides(actor, True)
        self._made.clear()
        self._borrowed.clear()

    def _go_to_time(self, world: World) -> None:
        elapsed_s = self._recording.elapsed_s
        last = int(np.searchsorted(elapsed_s, self.time_s + _SAME_TIME_S, "right")) - 1
        while self._index < last:
            self._index += 1
            self._frame = self._recording.frame(self._index)
            self._apply_events(world, self._frame)

    def _apply_events(self, world: World, frame: Frame) -> None:
        """Actors come and go, lamps and doors change: everything that must not be skipped."""
        parents = dict(frame.table(Packet.PARENTS).tolist())
        added = {actor.actor_id: actor for actor in frame.added()}
        for actor in added.values():
            self._add(world, actor, added.get(parents.get(actor.actor_id, 0)), parents.get(actor.actor_id, 0))
        for (recorded_id,) in frame.table(Packet.ACTORS_REMOVED).tolist():
            actor_id = self._actor_of.pop(recorded_id, 0)
            if actor_id in self._made and actor_id in world.actors:
                world.destroy(actor_id)
            self._made.discard(actor_id)
        lamps = frame.table(Packet.LAMPS)
        if len(lamps):
            world.street_lights.update([_lamp_to_wire(*lamp) for lamp in lamps.tolist()])
        for recorded_id, open_doors in frame.table(Packet.DOORS).tolist():
            vehicle = self._replayed(world, recorded_id)
            if isinstance(vehicle, Vehicle):
                set_open_doors(world, vehicle, open_doors)

    def _add(self, world: World, actor: ActorAdded, parent: ActorAdded | None, parent_id: int) -> None:
        pose = _pose_of_birth(actor)
        if actor.kind in (ActorKind.TRAFFIC_LIGHT, ActorKind.TRAFFIC_SIGN) or actor.type_id.startswith("traffic."):
            found = _sign_at(world, pose)
            if found is not None:
                self._actor_of[actor.actor_id] = found.actor_id
            return
        if actor.type_id == _SPECTATOR:
            self._actor_of[actor.actor_id] = world.spectator.actor_id
            return
        if (actor.is_hero and self.options.ignore_hero) or (
            actor.type_id.startswith("sensor.") and not self._replay_sensors
        ):
            return
        mapped_parent = self._actor_of.get(parent_id, 0)
        if parent_id and not mapped_parent:
            return  # it hung on somebody who is left out
        if mapped_parent:
            at = _pose_of_birth(parent) if parent else world.pose_of(world.actor(mapped_parent))
            pose = relative(at, pose)
        there = world.actors.get(actor.actor_id)
        if there is not None and there.type_id == actor.type_id and there.parent_id == mapped_parent:
            # As in CARLA; replays of recordings of replays would double everybody otherwise.
            self._actor_of[actor.actor_id] = there.actor_id
            self._borrowed.add(there.actor_id)
            _lead(world, there)
            return
        attributes = tuple((name, kind, value) for kind, name, value in actor.attributes)
        description = ActorDescription(actor.uid, actor.type_id, attributes)
        wanted_id = actor.actor_id if actor.actor_id not in world.actors else None
        try:
            made = world.spawn(description, pose, mapped_parent, actor_id=wanted_id, even_if_blocked=True)
        except InvalidArgument as error:
            self._log(f"the replay goes on without recorded actor {actor.actor_id}: {error}")
            return
        self._actor_of[actor.actor_id] = made.actor_id
        self._made.add(made.actor_id)
        _lead(world, made)

    def _replayed(self, world: World, recorded_id: int) -> Actor | None:
        return world.actors.get(self._actor_of.get(recorded_id, 0))

    def _pose_actors(self, world: World) -> None:
        states, self_time_s = _states_of(self._frame), self._frame.elapsed_s
        share = 0.0
        if self._index + 1 < len(self._recording) and self.time_s > self_time_s + _SAME_TIME_S:
            following = self._recording.frame(self._index + 1)
            share = (self.time_s - self_time_s) / (following.elapsed_s - self_time_s)
            states = _between(states, _states_of(following), share)
        for state in states:
            actor = self._replayed(world, int(state["actor_id"]))
            if isinstance(actor, Vehicle | Walker):
                _move(world, actor, state)
            elif actor is world.spectator:
                if not self.options.ignore_spectator and not self._follow_id:
                    world.set_pose(actor, tuple(state["transform"].tolist()))
            elif actor is not None and actor.attachment is None:
                pose = tuple(state["transform"].tolist())
                if actor.pose != pose:
                    world.set_pose(actor, pose)
        self._apply_controls(world)
        followed = self._replayed(world, self._follow_id)
        if followed is not None:
            world.set_pose(world.spectator, compose(world.pose_of(followed), self._camera_pose))

    def _apply_controls(self, world: World) -> None:
        frame = self._frame
        for recorded_id, (steer, throttle, brake), hand_brake, gear in frame.table(Packet.VEHICLES).tolist():
            vehicle = self._replayed(world, recorded_id)
            if isinstance(vehicle, Vehicle):
                control = (throttle, steer, brake, float(hand_brake), float(gear < 0), 0.0, float(gear))
                world.vehicles.set_control(vehicle.actor_id, control)
        for recorded_id, speed_mps in frame.table(Packet.WALKERS).tolist():
            walker = self._replayed(world, recorded_id)
            if isinstance(walker, Walker):
                yaw = world.walkers.rotation_rad[world.walkers.index_of(walker.actor_id), 1]
                world.walkers.set_control(walker.actor_id, (math.cos(yaw), math.sin(yaw), 0.0, speed_mps, 0.0))
        for recorded_id, flags in frame.table(Packet.VEHICLE_LIGHTS).tolist():
            vehicle = self._replayed(world, recorded_id)
            if isinstance(vehicle, Vehicle):
                vehicle.light_state = flags
        lights = world.lights
        for recorded_id, frozen, elapsed_s, state in frame.table(Packet.LIGHTS).tolist():
            light = self._replayed(world, recorded_id)
            if isinstance(light, TrafficLight):
                if bool(lights.frozen[light.site]) != bool(frozen):
                    lights.freeze(bool(frozen), light.site)
                lights.state[light.site] = state
                lights.elapsed_s[light.site] = elapsed_s


def _lead(world: World, actor: Actor) -> None:
    """Let an actor move only where the recording puts it."""
    if isinstance(actor, Vehicle | Walker):
        fleet = world.vehicles if isinstance(actor, Vehicle) else world.walkers
        fleet.set_simulate_physics(actor.actor_id, False)
        world.set_collides(actor, False)


def _states_of(frame: Frame) -> np.ndarray:
    """Poses and motion of a frame: exact ones if it has them, else those of CARLA's own packets."""
    if Packet.STATES in frame.packets:
        return frame.table(Packet.STATES)
    positions = frame.table(Packet.POSITIONS)
    states = np.zeros(len(positions), TABLES[Packet.STATES])
    states["actor_id"] = positions["actor_id"]
    states["transform"][:, :3] = positions["location_cm"] / CM_PER_M
    states["transform"][:, [5, 3, 4]] = positions["rotation_deg"]
    row_of = {actor_id: row for row, actor_id in enumerate(positions["actor_id"].tolist())}
    for actor_id, velocity, angular_velocity in frame.table(Packet.KINEMATICS).tolist():
        if actor_id in row_of and np.isfinite((velocity, angular_velocity)).all():
            states["velocity_mps"][row_of[actor_id]] = velocity
            states["angular_velocity_degps"][row_of[actor_id]] = angular_velocity
    return states


def _between(states: np.ndarray, following: np.ndarray, share: float) -> np.ndarray:
    """States at a share of the way to the following frame's; who is not in it stays."""
    mixed = states.copy()
    row_of = {actor_id: row for row, actor_id in enumerate(following["actor_id"].tolist())}
    for row, actor_id in enumerate(states["actor_id"].tolist()):
        other = row_of.get(actor_id)
        if other is None:
            continue
        change = following["transform"][other].astype(np.float64) - states["transform"][row]
        change[3:] = np.remainder(change[3:] + 180.0, 360.0) - 180.0
        mixed["transform"][row] = states["transform"][row] + share * change
        for name in ("velocity_mps", "angular_velocity_degps", "acceleration_mps2"):
            mixed[name][row] += np.float32(share) * (following[name][other] - states[name][row])
    return mixed


def _move(world: World, actor: Vehicle | Walker, state: np.void) -> None:
    """Write an actor's pose and motion into its fleet, past physics."""
    fleet = world.vehicles if isinstance(actor, Vehicle) else world.walkers
    fleet.set_pose(actor.actor_id, state["transform"].astype(np.float64))
    row = fleet.index_of(actor.actor_id)
    fleet.velocity_mps[row] = state["velocity_mps"]
    fleet.angular_velocity_radps[row] = np.radians(state["angular_velocity_degps"].astype(np.float64))
    fleet.acceleration_mps2[row] = state["acceleration_mps2"]


def _pose_of_birth(actor: ActorAdded) -> Pose:
    x, y, z = actor.location_cm
    roll, pitch, yaw = actor.rotation_deg
    return x / CM_PER_M, y / CM_PER_M, z / CM_PER_M, pitch, yaw, roll


def _sign_at(world: World, pose: Pose) -> TrafficSign | None:
    """The map's light or sign at a place, since ids of another run or map version may differ."""
    for actor in world.actors.values():
        if isinstance(actor, TrafficSign) and math.dist(actor.pose[:3], pose[:3]) < _SAME_PLACE_M:
            return actor
    return None


def _lamp_to_wire(lamp_id: int, intensity: float, rgba: list, on: int, group: int) -> list:
    color = [min(max(round(channel * 255.0), 0), 255) for channel in rgba[:3]]
    return [lamp_id, [0.0, 0.0, 0.0], intensity, group, color, bool(on)]
