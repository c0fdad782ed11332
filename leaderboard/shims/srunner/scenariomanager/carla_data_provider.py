"""`CarlaDataProvider`: the client, the world, the map and the actors of the drive under way.

The evaluator fills it; agents read it. It is state of the whole process because that is how agents ask for it.
"""

from __future__ import annotations

import math
from typing import Any, ClassVar

import carla
import numpy as np

from leaderboard.shims.light_ahead import next_traffic_light


class CarlaDataProvider:
    """Reads go to the snapshot of the last tick."""

    _client: ClassVar[carla.Client | None] = None
    _world: ClassVar[carla.World | None] = None
    _map: ClassVar[carla.Map | None] = None
    _sync_flag: ClassVar[bool] = False
    _ego_vehicle_route: ClassVar[list[Any] | None] = None
    _carla_actor_pool: ClassVar[dict[int, carla.Actor]] = {}
    _traffic_manager_port: ClassVar[int] = 8000
    _random_seed: ClassVar[int] = 2000
    _rng: ClassVar[np.random.RandomState] = np.random.RandomState(2000)
    _grp: ClassVar[Any] = None
    _local_planner: ClassVar[Any] = None
    _latest_scenario: ClassVar[str] = ""
    _runtime_init_flag: ClassVar[bool] = False

    @staticmethod
    def set_client(client: carla.Client) -> None:
        CarlaDataProvider._client = client

    @staticmethod
    def get_client() -> carla.Client | None:
        return CarlaDataProvider._client

    @staticmethod
    def set_world(world: carla.World) -> None:
        """The world of the drive; its map is read anew."""
        CarlaDataProvider._world = world
        CarlaDataProvider._map = world.get_map()
        CarlaDataProvider._sync_flag = world.get_settings().synchronous_mode
        CarlaDataProvider._grp = None

    @staticmethod
    def get_world() -> carla.World | None:
        return CarlaDataProvider._world

    @staticmethod
    def get_map(world: carla.World | None = None) -> carla.Map | None:
        """The map of the world, read once."""
        if CarlaDataProvider._map is None:
            source = world if world is not None else CarlaDataProvider._world
            if source is None:
                raise ValueError("CarlaDataProvider has no world; call set_world first")
            CarlaDataProvider._map = source.get_map()
        return CarlaDataProvider._map

    @staticmethod
    def get_global_route_planner() -> Any:
        """A planner with 2 m between waypoints, made once per world."""
        if CarlaDataProvider._grp is None:
            from agents.navigation.global_route_planner import GlobalRoutePlanner

            CarlaDataProvider._grp = GlobalRoutePlanner(CarlaDataProvider.get_map(), 2.0)
        return CarlaDataProvider._grp

    @staticmethod
    def get_blueprint_library() -> carla.BlueprintLibrary:
        return _the_world().get_blueprint_library()

    @staticmethod
    def get_random_seed() -> int:
        return CarlaDataProvider._random_seed

    @staticmethod
    def is_sync_mode() -> bool:
        return CarlaDataProvider._sync_flag

    @staticmethod
    def set_runtime_init_mode(flag: bool) -> None:
        CarlaDataProvider._runtime_init_flag = flag

    @staticmethod
    def is_runtime_init_mode() -> bool:
        return CarlaDataProvider._runtime_init_flag

    @staticmethod
    def set_local_planner(plan: Any) -> None:
        CarlaDataProvider._local_planner = plan

    @staticmethod
    def get_local_planner() -> Any:
        return CarlaDataProvider._local_planner

    @staticmethod
    def set_ego_route(route: list[Any]) -> None:
        CarlaDataProvider._ego_vehicle_route = route

    @staticmethod
    def get_ego_route() -> list[Any] | None:
        """The dense route as (carla.Transform, RoadOption) pairs."""
        return CarlaDataProvider._ego_vehicle_route

    @staticmethod
    def set_latest_scenario(scenario_name: str) -> None:
        CarlaDataProvider._latest_scenario = scenario_name

    @staticmethod
    def get_latest_scenario() -> str:
        return CarlaDataProvider._latest_scenario

    @staticmethod
    def set_traffic_manager_port(tm_port: int) -> None:
        CarlaDataProvider._traffic_manager_port = tm_port

    @staticmethod
    def get_traffic_manager_port() -> int:
        return CarlaDataProvider._traffic_manager_port

    @staticmethod
    def register_actor(actor: carla.Actor, transform: carla.Transform | None = None) -> None:
        CarlaDataProvider._carla_actor_pool[actor.id] = actor

    @staticmethod
    def register_actors(actors: list[carla.Actor], transforms: list[carla.Transform] | None = None) -> None:
        for actor in actors:
            CarlaDataProvider.register_actor(actor)

    @staticmethod
    def on_carla_tick() -> None:
        """Nothing is cached, so there is nothing to refresh."""

    @staticmethod
    def get_velocity(actor: carla.Actor) -> float:
        """Speed in m/s."""
        velocity = actor.get_velocity()
        return math.sqrt(velocity.x**2 + velocity.y**2 + velocity.z**2)

    @staticmethod
    def get_location(actor: carla.Actor) -> carla.Location:
        return actor.get_location()

    @staticmethod
    def get_transform(actor: carla.Actor) -> carla.Transform:
        return actor.get_transform()

    @staticmethod
    def get_next_traffic_light(actor: carla.Actor, use_cached_location: bool = True) -> carla.TrafficLight | None:
        """The light of the next junction on the actor's lane within 50 m, or None."""
        return next_traffic_light(_the_world(), CarlaDataProvider.get_map(), actor)

    @staticmethod
    def get_trafficlight_trigger_location(traffic_light: carla.TrafficLight) -> carla.Location:
        from agents.tools.misc import get_trafficlight_trigger_location

        return get_trafficlight_trigger_location(traffic_light)

    @staticmethod
    def get_all_actors() -> carla.ActorList:
        return _the_world().get_actors()

    @staticmethod
    def get_actors() -> list[tuple[int, carla.Actor]]:
        """(id, actor) of the registered actors."""
        return list(CarlaDataProvider._carla_actor_pool.items())

    @staticmethod
    def actor_id_exists(actor_id: int) -> bool:
        return actor_id in CarlaDataProvider._carla_actor_pool

    @staticmethod
    def get_actor_by_id(actor_id: int) -> carla.Actor | None:
        return CarlaDataProvider._carla_actor_pool.get(actor_id)

    @staticmethod
    def get_actor_by_name(role_name: str) -> carla.Actor | None:
        for actor in CarlaDataProvider._carla_actor_pool.values():
            if actor.attributes.get("role_name") == role_name:
                return actor
        return None

    @staticmethod
    def get_hero_actor() -> carla.Actor | None:
        """The ego vehicle: the actor whose role name is `hero`."""
        return CarlaDataProvider.get_actor_by_name("hero")

    @staticmethod
    def find_weather_presets() -> list[tuple[carla.WeatherParameters, str]]:
        """CARLA's presets with their names."""
        presets = vars(carla.WeatherParameters).items()
        return [(value, name) for name, value in presets if isinstance(value, carla.WeatherParameters)]

    @staticmethod
    def cleanup() -> None:
        """Forget everything; the actors belong to whoever spawned them."""
        CarlaDataProvider._client = None
        CarlaDataProvider._world = None
        CarlaDataProvider._map = None
        CarlaDataProvider._grp = None
        CarlaDataProvider._sync_flag = False
        CarlaDataProvider._ego_vehicle_route = None
        CarlaDataProvider._carla_actor_pool = {}
        CarlaDataProvider._rng = np.random.RandomState(CarlaDataProvider._random_seed)


def _the_world() -> carla.World:
    if CarlaDataProvider._world is None:
        raise ValueError("CarlaDataProvider has no world; it is filled when a drive begins")
    return CarlaDataProvider._world
