"""The world: what a tick does with its actors. Pure state, no sockets.

A tick, in this order:

    1. frame and time go on           2. traffic lights take their turns
    3. vehicles, walkers, props move  4. boxes that touch push each other, doors swing; a replay moves its actors
    5. attached actors follow         6. the snapshot's rows are refreshed
    7. sensors that are due measure
"""

from __future__ import annotations

import time
from collections.abc import Callable, Container, Sequence
from dataclasses import dataclass
from typing import Protocol

from carla_server.dynamics import Contact
from carla_server.dynamics.ackermann import drive_all
from carla_server.roads.town import Town
from carla_server.sensors.picture_source import PictureSource
from carla_server.sensors.suite import SensorSuite
from carla_server.wire.layouts import DEFAULT_VERSION, LAYOUTS, Layout
from carla_server.wire.stream import Buffer, pack_snapshot
from carla_server.wire.structs import EpisodeSettings, Pose, VehicleControl
from carla_server.world.actors import Sensor, Walker
from carla_server.world.doors import swing_doors
from carla_server.world.population import Population
from carla_server.world.seeds import derive_seed
from carla_server.world.street_lights import StreetLights
from carla_server.world.traffic_lights import TrafficLights
from carla_server.world.weather import DEFAULT_WEATHER, SUN_ALTITUDE, WeatherValues

REAL_TIME_DELTA_S = 0.05
"""Length of a tick where the client has set no fixed delta."""

_FELLING_IMPULSE_NS = 100.0
"""A push that knocks a grown-up over: 75 kg at a quick walk."""


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


class World(Population):
    """One simulated town and everything in it.

    Attributes:
        settings: of the episode.
        sensors: all that measures.
        elapsed_s: seconds since the episode began.
        last_delta_s: length of the last tick.
        episode_id: changes with every loaded map.
        tape: records and replays, if somebody has put it in.
        lights: state of the traffic lights; street_lights: of the lamps.
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
        super().__init__(town, layout)
        self.seed = seed
        self.settings = EpisodeSettings()
        self.sensors = SensorSuite(open_renderer)
        self.tape: Tape | None = None
        self._episodes = 0
        self.begin_episode(town)

    def begin_episode(self, town: Town, *, reset_settings: bool = True) -> None:
        """Start afresh on a map: no actors but the town's own, time zero, default weather; the frame goes on."""
        if self.tape is not None:
            self.tape.end_episode()
        self._settle(town)
        self._episodes += 1
        self.episode_id = derive_seed(self.seed, "episode", self._episodes)
        self.elapsed_s = self.last_delta_s = 0.0
        self.ticks = 0
        self.weather: WeatherValues = DEFAULT_WEATHER
        self.lights = TrafficLights(town.traffic_lights)
        self.street_lights = StreetLights(town.placements)
        self._map_changed = True
        self.last_snapshot: bytes | None = None  # one of the episode before would mislead those who subscribe now
        if reset_settings:
            self.settings = EpisodeSettings(no_rendering_mode=self.settings.no_rendering_mode)
        self.sensors.begin_episode(self)

    def set_weather(self, weather: WeatherValues) -> None:
        """Change the weather from the next tick on."""
        self.weather = weather
        self.street_lights.follow_sun(weather[SUN_ALTITUDE])
        self.sensors.weather_changed(self)

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
        if self.loose_props:
            self.loose_props.fall(self, delta_s)
        contacts: list[Contact] = self.collisions.step(self.vehicles, self.walkers, delta_s)
        if self.in_pieces:
            contacts += swing_doors(self, delta_s)
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

    def _admit(self, sensor: Sensor) -> None:
        self.sensors.admit(self, sensor)

    def _dismiss(self, sensor: Sensor) -> None:
        self.sensors.dismiss(sensor)

    def _scenery_changed(self) -> None:
        self.sensors.scenery_changed(self)

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
            limit_kmh = self.town.ground.speed_limit_kmh(*fleet.position_m.T)
            seen = self._regulation.seen_by(fleet, self.light_ids, self.lights.state, self.elapsed_s)
            self._table.write_vehicles(fleet, limit_kmh, *seen)
