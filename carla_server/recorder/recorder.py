"""Writes a recording while the world ticks.

What is written is what clients see: the rows of the snapshot, and who came, went and touched whom. A frame is written
when the next one begins, since CARLA's layout wants its duration in front.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

import numpy as np

from carla_server.dynamics import Contact, physics_control_of
from carla_server.recorder.packets import (
    FRAME_START,
    MAP_GEOMETRY,
    TABLES,
    ActorAdded,
    ActorKind,
    Packet,
    PhysicsRecord,
    pack_actors,
    pack_checksum,
    pack_header,
    pack_packet,
    pack_physics,
    pack_table,
)
from carla_server.wire.stream import ACTOR_STATE_DTYPE, SNAPSHOT_HEADER_BYTES
from carla_server.world.actors import Actor, Sensor, TrafficLight, TrafficSign, Vehicle, Walker
from carla_server.world.spawning import world_box
from carla_server.world.street_lights import LampState

if TYPE_CHECKING:
    from carla_server.world.world import World

CM_PER_M = 100.0
_LAST_FRAME = -1.0
_REVERSE, _HAND_BRAKE = 1, 0


class Recorder:
    """One open recording.

    Attributes:
        path: the file.
        frames: how many were seen.
    """

    def __init__(self, path: Path, world: World, *, additional_data: bool) -> None:
        """Open the file and note the map.

        Args:
            path: file to write; one that exists is replaced.
            world: whose actors, all of them, begin the first frame.
            additional_data: also note velocities, boxes, physics controls and the wall clock, as CARLA's option does.

        Raises:
            OSError: it cannot be written.
        """
        self.path = path
        self.frames = 0
        self._additional_data = additional_data
        self._file: BinaryIO = path.open("wb")
        self._written = self._write(pack_header(world.town.name, int(time.time())), 0)
        self._known: dict[int, Actor] = {}
        self._actors_changed = -1
        self._collisions = 0
        self._elapsed_s = 0.0
        self._began_s = time.monotonic()
        self._pending: tuple[int, float, bytes] | None = None
        self._weather: Any = None
        self._lamps: dict[int, list] = {}
        self._lamp_states: tuple[LampState, ...] = ()
        self._rows_of: dict[ActorKind, np.ndarray] = {}
        self._moving_rows = np.zeros(0, np.int64)
        self._doors: dict[int, int] = {}

    def record(self, world: World, contacts: Sequence[Contact], delta_s: float) -> None:
        """Note a tick that has just passed.

        Raises:
            OSError: the disk is full, or the file was lost; it ends with the last frame that fitted.
        """
        if self.frames:
            self._elapsed_s += delta_s
            self._finish_frame(delta_s)
        self.frames += 1
        self._pending = (self.frames, self._elapsed_s, b"".join(self._packets(world, contacts)))

    def close(self) -> None:
        """Write the last frame and close the file.

        Raises:
            OSError: the last frame did not fit; the file is closed nevertheless.
        """
        try:
            self._finish_frame(_LAST_FRAME)
        finally:
            with contextlib.suppress(OSError):
                self._file.close()

    def _finish_frame(self, duration_s: float) -> None:
        if self._pending is None:
            return
        number, elapsed_s, packets = self._pending
        self._pending = None
        frame = pack_packet(Packet.FRAME_START, FRAME_START.pack(number, duration_s, elapsed_s)) + packets
        frame += pack_checksum(frame) + pack_packet(Packet.FRAME_END)
        self._written = self._write(frame, self._written)

    def _write(self, data: bytes, at: int) -> int:
        """Append bytes, all or none; returns the file's new length."""
        try:
            self._file.write(data)
            self._file.flush()
        except OSError:
            with contextlib.suppress(OSError):  # a buffered file tries what is left once more
                self._file.close()
            with contextlib.suppress(OSError), self.path.open("r+b") as file:
                file.truncate(at)
            raise
        return at + len(data)

    def _packets(self, world: World, contacts: Sequence[Contact]) -> list[bytes]:
        rows = np.frombuffer(world.last_snapshot or b"", ACTOR_STATE_DTYPE, offset=SNAPSHOT_HEADER_BYTES)
        new: list[Actor] = []
        gone: list[int] = []
        if self._actors_changed != world.actors_changed:
            self._actors_changed = world.actors_changed
            new = [actor for actor in world.actors.values() if self._known.get(actor.actor_id) is not actor]
            gone = [number for number, actor in self._known.items() if world.actors.get(number) is not actor]
            self._known = dict(world.actors)
            kinds = np.array([kind_of(world.actors[number]) for number in rows["actor_id"].tolist()])
            self._rows_of = {kind: np.flatnonzero(kinds == kind) for kind in ActorKind}
            self._moving_rows = np.flatnonzero(kinds <= ActorKind.WALKER)
        moving = rows[self._moving_rows]
        vehicles, walkers = rows[self._rows_of[ActorKind.VEHICLE]], rows[self._rows_of[ActorKind.WALKER]]
        packets = [
            pack_actors([_birth(actor, world) for actor in new]),
            pack_table(Packet.ACTORS_REMOVED, np.array(gone, TABLES[Packet.ACTORS_REMOVED])),
            pack_table(Packet.PARENTS, [(actor.actor_id, actor.parent_id) for actor in new if actor.parent_id]),
            pack_table(Packet.COLLISIONS, [self._collision(world, contact) for contact in contacts]),
            pack_table(Packet.POSITIONS, _positions(moving)),
            pack_table(Packet.LIGHTS, _lights(rows[self._rows_of[ActorKind.TRAFFIC_LIGHT]])),
            pack_table(Packet.VEHICLES, _vehicles(vehicles)),
            pack_table(Packet.WALKERS, _walkers(walkers)),
            pack_table(Packet.VEHICLE_LIGHTS, [(car.actor_id, car.light_state) for car in world.vehicle_actors]),
        ]
        packets += self._changed_lamps(world)
        if self._additional_data:
            packets += self._additional(world, new, np.concatenate((vehicles, walkers)))
        packets.append(pack_table(Packet.STATES, _states(moving)))
        packets += self._changed_weather(world) + self._changed_doors(world)
        return packets

    def _collision(self, world: World, contact: Contact) -> tuple:
        """A contact; a hero comes first, which is how readers of CARLA's text find it."""
        first, second = contact.actor_id, contact.other_id or MAP_GEOMETRY
        if _is_hero(world, second):
            first, second = second, first
        self._collisions += 1
        return self._collisions - 1, first, second, _is_hero(world, first), _is_hero(world, second)

    def _changed_lamps(self, world: World) -> list[bytes]:
        states = world.street_lights.states
        if states == self._lamp_states:
            return []
        self._lamp_states = states
        lamps = {lamp[0]: lamp for lamp in world.street_lights.to_wire()}
        changed = [lamp for number, lamp in lamps.items() if self._lamps.get(number) != lamp]
        self._lamps = lamps
        records = [
            (number, intensity, [*(channel / 255.0 for channel in color), 1.0], on, group)
            for number, _, intensity, group, color, on in changed
        ]
        return [pack_table(Packet.LAMPS, records)] if records else []

    def _changed_weather(self, world: World) -> list[bytes]:
        if self._weather == world.weather:
            return []
        self._weather = world.weather
        return [pack_table(Packet.WEATHER, [(world.weather,)])]

    def _changed_doors(self, world: World) -> list[bytes]:
        doors = {car.actor_id: car.open_doors for car in world.vehicle_actors}
        changed = [
            (number, open_doors) for number, open_doors in doors.items() if self._doors.get(number, 0) != open_doors
        ]
        self._doors = doors
        return [pack_table(Packet.DOORS, changed)] if changed else []

    def _additional(self, world: World, new: Sequence[Actor], movers: np.ndarray) -> list[bytes]:
        kinematics = np.zeros(len(movers), TABLES[Packet.KINEMATICS])
        for name in ("actor_id", "velocity_mps", "angular_velocity_degps"):
            kinematics[name] = movers[name]
        packets = [pack_table(Packet.KINEMATICS, kinematics)]
        boxes, triggers = [], []
        for actor in new:
            extent_cm = [CM_PER_M * half for half in actor.box.extent_m]
            if isinstance(actor, TrafficSign):
                center_m = world_box(actor, actor.pose).center_m
                triggers.append((actor.actor_id, [CM_PER_M * part for part in center_m], extent_cm))
            else:
                boxes.append((actor.actor_id, [CM_PER_M * part for part in actor.box.center_m], extent_cm))
        packets.append(pack_table(Packet.BOXES, boxes))
        if triggers:
            packets.append(pack_table(Packet.TRIGGERS, triggers))
        passed_s = np.array([time.monotonic() - self._began_s], "<f8")
        packets.append(pack_packet(Packet.PLATFORM_TIME, passed_s.tobytes()))
        physics = [_physics(world, actor) for actor in new if isinstance(actor, Vehicle)]
        if physics:
            packets.append(pack_physics(physics))
        lights = [actor for actor in new if isinstance(actor, TrafficLight)]
        if lights:
            times = [(light.actor_id, world.lights.times_s[light.site]) for light in lights]
            packets.append(pack_table(Packet.LIGHT_TIMES, times))
        return packets


def kind_of(actor: Actor) -> ActorKind:
    """How the recorder classes an actor."""
    if isinstance(actor, Vehicle):
        return ActorKind.VEHICLE
    if isinstance(actor, Walker):
        return ActorKind.WALKER
    if isinstance(actor, TrafficSign):
        return ActorKind.TRAFFIC_LIGHT if isinstance(actor, TrafficLight) else ActorKind.TRAFFIC_SIGN
    is_sensor = isinstance(actor, Sensor) or actor.type_id.startswith("sensor.")
    return ActorKind.SENSOR if is_sensor else ActorKind.OTHER


def _birth(actor: Actor, world: World) -> ActorAdded:
    x, y, z, pitch, yaw, roll = world.pose_of(actor)
    return ActorAdded(
        actor.actor_id,
        kind_of(actor),
        (CM_PER_M * x, CM_PER_M * y, CM_PER_M * z),
        (roll, pitch, yaw),
        actor.description.uid,
        actor.type_id,
        tuple((kind, name, value) for name, kind, value in actor.description.attributes),
    )


def _is_hero(world: World, actor_id: int) -> bool:
    actor = world.actors.get(actor_id)
    return actor is not None and actor.description.attribute("role_name", "") == "hero"


def _positions(rows: np.ndarray) -> np.ndarray:
    records = np.zeros(len(rows), TABLES[Packet.POSITIONS])
    records["actor_id"] = rows["actor_id"]
    records["location_cm"] = rows["transform"][:, :3] * np.float32(CM_PER_M)
    records["rotation_deg"] = rows["transform"][:, [5, 3, 4]]
    return records


def _states(rows: np.ndarray) -> np.ndarray:
    records = np.zeros(len(rows), TABLES[Packet.STATES])
    for name in records.dtype.names or ():
        records[name] = rows[name]
    return records


def _lights(rows: np.ndarray) -> np.ndarray:
    records = np.zeros(len(rows), TABLES[Packet.LIGHTS])
    records["actor_id"] = rows["actor_id"]
    records["frozen"] = rows["light_frozen"]
    records["elapsed_s"] = rows["light_elapsed_s"]
    records["state"] = rows["light_state"]
    return records


def _vehicles(rows: np.ndarray) -> np.ndarray:
    records = np.zeros(len(rows), TABLES[Packet.VEHICLES])
    records["actor_id"] = rows["actor_id"]
    records["steer_throttle_brake"] = rows["vehicle_throttle_steer_brake"][:, [1, 0, 2]]
    records["hand_brake"] = rows["vehicle_flags"][:, _HAND_BRAKE]
    records["gear"] = np.where(rows["vehicle_flags"][:, _REVERSE] != 0, -1, rows["vehicle_gear"])
    return records


def _walkers(rows: np.ndarray) -> np.ndarray:
    records = np.zeros(len(rows), TABLES[Packet.WALKERS])
    records["actor_id"] = rows["actor_id"]
    records["speed_mps"] = rows["walker_speed_mps"]
    return records


def _physics(world: World, vehicle: Vehicle) -> PhysicsRecord:
    pose = world.pose_of(vehicle)
    control = physics_control_of(world.vehicles.spec_of(vehicle.actor_id), pose[:3], np.radians(pose[4]))
    torque, gears, center, steering, wheels = (control[index] for index in (0, 10, 13, 14, 15))
    return PhysicsRecord(
        vehicle.actor_id,
        tuple(control[1:6]),
        bool(control[6]),
        (*control[8:10], *control[11:13]),
        tuple(center),
        tuple(map(tuple, torque)),
        tuple(map(tuple, gears)),
        tuple(map(tuple, steering)),
        tuple((*wheel[:9], *wheel[9]) for wheel in wheels),
    )
