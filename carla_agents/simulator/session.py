"""`Session`: one simulator, embedded or running elsewhere, held in synchronous mode and left clean."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import carla

from carla_agents.simulator.client_version import installed_client_version
from carla_agents.simulator.config import SimulatorConfig
from carla_agents.simulator.embedded import EmbeddedServer
from carla_agents.simulator.errors import (
    ConnectionFailed,
    ServerLost,
    SimulatorError,
    SpawnFailed,
    StillLoading,
    TrafficManagerStalled,
)
from carla_agents.simulator.frame import Control
from carla_agents.simulator.probe import ServerInfo, probe
from carla_agents.simulator.rpc_connection import call_once
from carla_agents.simulator.traffic_manager import OwnTrafficManager
from carla_agents.simulator.walker_lights import settle_walkers
from carla_agents.simulator.weather import WEATHER_FIELDS, change_weather

__all__ = ["WEATHER_FIELDS", "Session", "SimulatorConfig"]

_COUNT_IDS_ANEW = "count_ids_anew"


class Session:
    """Owns a connection: synchronous mode, seeds, every actor it spawned, and the Traffic Manager.

    Use it as a context manager. On exit it destroys what it spawned, restores the server's settings and, if it
    started the server, stops it.

    Attributes:
        config: what was asked for.
        client, world, map: the objects of the `carla` package.
        server_info: version of the server, whether it is this project's own, and its extensions.
        frame_id: frame of the last tick.
    """

    def __init__(self, config: SimulatorConfig, server: EmbeddedServer | None = None) -> None:
        self.config = config
        self._server = server
        self._spawned: dict[int, carla.Actor] = {}
        self._traffic_manager = OwnTrafficManager(server.pid if server else None, config.timeout_s)
        self._closed = False
        self._walkers_settled = False
        self.server_info = _wait_until_ready(config)
        self.client = carla.Client(config.host, config.port)
        self.client.set_timeout(config.timeout_s)
        self.world = self.client.get_world()
        self._original_settings = self.world.get_settings()
        wanted = config.map_name
        if wanted is not None and wanted.split("/")[-1] != self.world.get_map().name.split("/")[-1]:
            self._load(wanted)
        self.map = self.world.get_map()
        self._enter_synchronous_mode()
        self.frame_id = self.world.get_snapshot().frame

    @classmethod
    def open(cls, config: SimulatorConfig) -> Session:
        """A session on the running server that `config.port` names, or on an embedded one if it names none."""
        return cls.embedded(config) if config.port is None else cls(config)

    @classmethod
    def embedded(cls, config: SimulatorConfig | None = None) -> Session:
        """Starts the embedded server on a free port and connects to it."""
        config = config if config is not None else SimulatorConfig()
        arguments = ["--seed", str(config.seed), "--carla-version", installed_client_version()]
        if config.map_name is not None:
            arguments += ["--map", config.map_name]
        if config.map_dir is not None:
            arguments += ["--map-dir", config.map_dir]
        if not config.rendering:
            arguments += ["--no-rendering"]
        if config.style != "default":
            arguments += ["--style", config.style]
        if not config.extensions:
            arguments += ["--no-extensions"]
        server = EmbeddedServer(arguments, config.loading_timeout_s)
        try:
            return cls(replace(config, host="127.0.0.1", port=server.rpc_port), server)
        except BaseException:
            server.stop()
            raise

    @classmethod
    def connect(cls, host: str, port: int, config: SimulatorConfig | None = None) -> Session:
        """Connects to a running server.

        Raises:
            NothingListens, NotACarlaServer, VersionDiffers, StillLoading: why it could not.
        """
        return cls(replace(config if config is not None else SimulatorConfig(), host=host, port=port))

    @property
    def server(self) -> EmbeddedServer | None:
        """The server that this session started; None if it was running before."""
        return self._server

    @property
    def look(self) -> str:
        """What draws the pictures, e.g. `embedded/default` or `carla-0.9.16`.

        A running embedded server without extensions cannot be told from CARLA and counts as one.
        """
        return self.server_info.look if self._server is None else f"embedded/{self.config.style}"

    @property
    def can_be_replaced(self) -> bool:
        """False while the Traffic Manager runs.

        A CARLA client whose server is gone aborts the whole process when it next touches that server's Traffic
        Manager, and opening another session does so. After `ServerLost` such a process has to end.
        """
        return not self._traffic_manager.runs

    def tick(self) -> int:
        """Advances the world by one fixed step and returns the frame number.

        Raises:
            ServerLost: the server died or did not answer in time.
            TrafficManagerStalled: the tick hung and was freed; `reset` and begin anew.
            SimulatorError: the server answered with an error.
        """
        self._traffic_manager.wait_settled()
        try:
            with self._traffic_manager.watching_tick():
                self.frame_id = self.world.tick()
        except RuntimeError as error:
            raise self._fault(error) from error
        if self._traffic_manager.was_rescued():
            raise TrafficManagerStalled(
                f"CARLA's Traffic Manager lost a wake-up and hung in the tick to frame {self.frame_id}; it was woken "
                "from outside and the world goes on, but it may have made a step more than the world did, so this "
                "drive is no longer the one of its seed: call reset() and drive again"
            )
        return self.frame_id

    def snapshot(self) -> carla.WorldSnapshot:
        """State of the world at the last tick."""
        return self.world.get_snapshot()

    def apply(self, vehicle: carla.Vehicle, control: Control) -> None:
        """Sends a control; it takes effect at the next tick."""
        vehicle.apply_control(
            carla.VehicleControl(
                throttle=control.throttle,
                steer=control.steer,
                brake=control.brake,
                hand_brake=control.hand_brake,
                reverse=control.reverse,
            )
        )

    def spawn(
        self,
        blueprint_id: str,
        transform: carla.Transform,
        attributes: Mapping[str, str] | None = None,
        attach_to: carla.Actor | None = None,
    ) -> carla.Actor:
        """Creates an actor that is destroyed with the session.

        Raises:
            SpawnFailed: unknown blueprint or attribute, or no room at the place.
        """
        library = self.world.get_blueprint_library()
        try:
            blueprint = library.find(blueprint_id)
        except IndexError as error:
            family = blueprint_id.split(".")[0]
            known = sorted(b.id for b in library.filter(f"{family}.*"))[:8]
            raise SpawnFailed(f"the server has no blueprint {blueprint_id!r}; it has {known} ...") from error
        for name, value in (attributes or {}).items():
            if not blueprint.has_attribute(name):
                raise SpawnFailed(f"blueprint {blueprint_id!r} has no attribute {name!r}")
            blueprint.set_attribute(name, value)
        try:
            actor = self.world.spawn_actor(blueprint, transform, attach_to)
        except RuntimeError as error:
            raise SpawnFailed(f"could not spawn {blueprint_id} at {transform.location}: {error}") from error
        self._spawned[actor.id] = actor
        return actor

    def adopt(self, actors: Sequence[carla.Actor]) -> None:
        """Takes over actors created by other means, so that they are destroyed with the session."""
        self._spawned.update((actor.id, actor) for actor in actors)

    def destroy(self, actors: Sequence[carla.Actor]) -> None:
        """Destroys actors, sensors first; those already gone are ignored."""
        ordered = sorted(actors, key=lambda actor: (not actor.type_id.startswith("sensor."), actor.id))
        for actor in ordered:
            if actor.type_id.startswith("sensor.") and actor.is_listening:
                actor.stop()
            self._spawned.pop(actor.id, None)
        if ordered:
            self.client.apply_batch_sync([carla.command.DestroyActor(actor.id) for actor in ordered], False)

    def set_weather(self, weather: Sequence[float] | Mapping[str, float]) -> None:
        """Sets the weather from 14 numbers in CARLA's order, or changes the named fields of the present one.

        Raises:
            ValueError: wrong count or unknown field.
        """
        change_weather(self.world, weather)

    def traffic_manager(self, seed: int) -> carla.TrafficManager:
        """The session's own Traffic Manager in synchronous mode, on a free port, with its dice set to `seed`."""
        return self._traffic_manager.started(self.client, seed)

    def reset(self) -> None:
        """Back to a world without our actors; on this project's own server also to the episode's beginning.

        There all actors go, and traffic lights, clock and actor ids start again as after loading the map.
        """
        if self._server is not None and not self._server.is_alive():
            raise self._fault(RuntimeError("the process has ended"))
        try:
            self._traffic_manager.shut_down()
            self.destroy(list(self._spawned.values()))
            if self.server_info.is_ours:
                if not self._walkers_settled:
                    settle_walkers(self.world)
                    self._walkers_settled = True
                # The client of 0.9.15 keeps actors of the episode before by their ids, and would hand them out again.
                if _COUNT_IDS_ANEW in self.server_info.extensions and self.server_info.version != "0.9.15":
                    address = (self.config.host, self.config.port or 0, self.config.timeout_s)
                    call_once(*address, f"syndiff.{_COUNT_IDS_ANEW}")
                self.world = self.client.reload_world(False)
            else:
                self.world.reset_all_traffic_lights()
        except RuntimeError as error:
            raise self._fault(error) from error
        self.frame_id = self.world.get_snapshot().frame

    def load_map(self, name: str) -> None:
        """Loads a map by name; every actor of ours goes with the old one.

        Raises:
            SimulatorError: the server has no such map or cannot load it.
        """
        self._enter_new_world(lambda: self._load(name))

    def load_opendrive(self, opendrive: str) -> None:
        """Loads a map from OpenDRIVE text, as a bare road surface without walls.

        Raises:
            SimulatorError: the server cannot build a map from it.
        """
        parameters = carla.OpendriveGenerationParameters(wall_height=0.0, additional_width=0.0)
        self._enter_new_world(lambda: self._generate(opendrive, parameters))

    def close(self) -> None:
        """Destroys what was spawned, restores the settings, stops an embedded server; safe to call twice."""
        if self._closed:
            return
        self._closed = True
        try:
            if self._server is None or self._server.is_alive():
                self._traffic_manager.shut_down()
                self.destroy(list(self._spawned.values()))
                if self._server is None:
                    self.world.apply_settings(self._original_settings)
        except RuntimeError as error:
            if self._server is None:
                raise self._fault(error) from error
        finally:
            self._traffic_manager.close()
            if self._server is not None:
                self._server.stop()

    def __enter__(self) -> Session:
        return self

    def __exit__(self, *_: Any) -> None:
        self.close()

    def _load(self, map_name: str) -> None:
        try:
            self.world = self.client.load_world(map_name)
        except RuntimeError as error:
            raise SimulatorError(
                f"the server cannot load map {map_name!r}: {error}; it has {sorted(self.client.get_available_maps())}"
            ) from error

    def _generate(self, opendrive: str, parameters: carla.OpendriveGenerationParameters) -> None:
        try:
            self.world = self.client.generate_opendrive_world(opendrive, parameters)
        except RuntimeError as error:
            raise SimulatorError(f"the server cannot generate a world from OpenDRIVE: {error}") from error

    def _enter_new_world(self, load: Callable[[], None]) -> None:
        self._traffic_manager.shut_down()
        self.destroy(list(self._spawned.values()))
        self.world.apply_settings(self._original_settings)  # a synchronous server would wait for our ticks meanwhile
        self.client.set_timeout(max(self.config.timeout_s, self.config.loading_timeout_s))
        try:
            load()
        finally:
            self.client.set_timeout(self.config.timeout_s)
            self._enter_synchronous_mode()
        self.map = self.world.get_map()
        self.frame_id = self.world.get_snapshot().frame

    def _enter_synchronous_mode(self) -> None:
        settings = self.world.get_settings()
        settings.synchronous_mode = True
        settings.fixed_delta_seconds = self.config.fixed_delta_s
        self.world.apply_settings(settings)

    def _what_now(self) -> str:
        if self.can_be_replaced:
            return ""
        return "; its Traffic Manager is lost with it, so this process cannot open another session: start it again"

    def _fault(self, error: RuntimeError) -> SimulatorError:
        address = f"{self.config.host}:{self.config.port}"
        if isinstance(error, ConnectionFailed):
            return ServerLost(f"the server at {address} is gone: {error}{self._what_now()}")
        if self._server is not None and not self._server.is_alive():
            reason = self._server.log_tail() or error
            return ServerLost(f"the embedded server at {address} died: {reason}{self._what_now()}")
        if "time-out" in str(error):
            waited_s = self.config.timeout_s
            return ServerLost(
                f"the server at {address} did not answer within {waited_s:g} s: {error}{self._what_now()}"
            )
        return SimulatorError(f"the server at {address} answered with an error: {error}")


def _wait_until_ready(config: SimulatorConfig) -> ServerInfo:
    deadline_s = time.monotonic() + config.loading_timeout_s
    while True:
        try:
            return probe(config.host, config.port or 0, min(config.timeout_s, 10.0))
        except StillLoading:
            if time.monotonic() > deadline_s:
                raise
            time.sleep(0.25)
