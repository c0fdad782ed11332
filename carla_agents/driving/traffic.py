"""`Traffic`: other cars driven by CARLA's Traffic Manager and walkers on the pavement, the same for the same seed."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Any

import carla
import numpy as np

from carla_agents.simulator.session import Session

_MIN_SPAWN_GAP_M = 12.0


@dataclass(frozen=True)
class TrafficConfig:
    """How much traffic and how it behaves."""

    vehicles: int = 20
    """Number of cars driven by the Traffic Manager."""
    walkers: int = 0
    """Number of walkers."""
    seed: int = 0
    """Decides places, models, colours and the Traffic Manager's dice."""
    four_wheels_only: bool = True
    """Leaves out bicycles and motorcycles."""
    slower_percent: float = 20.0
    """How much slower than the limit they drive; negative is faster."""
    min_gap_m: float = 2.5
    """Distance the cars keep to the one ahead."""

    def __post_init__(self) -> None:
        if self.vehicles < 0 or self.walkers < 0:
            raise ValueError(f"vehicles is {self.vehicles} and walkers {self.walkers}, allowed >= 0")
        if not 0 <= self.seed < 2**31:
            raise ValueError(f"seed is {self.seed}, allowed 0..2^31-1")


class Traffic:
    """Spawns traffic; `close` (or the session's end) removes it.

    Args:
        session: where.
        config: how much.
        keep_clear_m: places (x, y) near which nothing is spawned, e.g. the ego vehicle's start.
        clear_radius_m: how near.

    Attributes:
        vehicles, walkers: the actors; fewer than asked for if the map has no more room.
    """

    def __init__(
        self,
        session: Session,
        config: TrafficConfig,
        keep_clear_m: list[tuple[float, float]] | None = None,
        clear_radius_m: float = _MIN_SPAWN_GAP_M,
    ) -> None:
        self._session = session
        self._config = config
        self._controllers: list[carla.Actor] = []
        self.walkers: list[carla.Actor] = []
        self.vehicles: list[carla.Actor] = []
        if config.vehicles:
            self.vehicles = self._spawn_vehicles(keep_clear_m or [], clear_radius_m)
        if config.walkers:
            self._spawn_walkers()

    def close(self) -> None:
        """Removes the traffic."""
        for controller in self._controllers:
            controller.stop()
        self._session.destroy([*self._controllers, *self.walkers, *self.vehicles])
        self._controllers, self.walkers, self.vehicles = [], [], []

    def __enter__(self) -> Traffic:
        return self

    def __exit__(self, *_: Any) -> None:
        self.close()

    def _spawn_vehicles(self, keep_clear_m: list[tuple[float, float]], radius_m: float) -> list[carla.Actor]:
        config, session = self._config, self._session
        rng = np.random.default_rng(derive_seed(config.seed, "vehicles"))
        manager = session.traffic_manager(derive_seed(config.seed, "traffic manager"))
        manager.global_percentage_speed_difference(config.slower_percent)
        manager.set_global_distance_to_leading_vehicle(config.min_gap_m)
        blueprints = sorted(session.world.get_blueprint_library().filter("vehicle.*"), key=lambda b: b.id)
        if config.four_wheels_only:
            blueprints = [b for b in blueprints if _is_ordinary_car(b)]
        port = manager.get_port()
        commands = []
        for pose in self._places(rng, keep_clear_m, radius_m):
            blueprint = blueprints[int(rng.integers(len(blueprints)))]
            if blueprint.has_attribute("color"):
                colors = blueprint.get_attribute("color").recommended_values
                blueprint.set_attribute("color", colors[int(rng.integers(len(colors)))])
            blueprint.set_attribute("role_name", "autopilot")
            autopilot = carla.command.SetAutopilot(carla.command.FutureActor, True, port)
            commands.append(carla.command.SpawnActor(blueprint, pose).then(autopilot))
        return self._spawn(commands)

    def _places(self, rng: np.random.Generator, clear: list[tuple[float, float]], radius_m: float) -> list:
        poses = self._session.map.get_spawn_points()
        chosen: list[carla.Transform] = []
        for k in rng.permutation(len(poses)):
            if len(chosen) == self._config.vehicles:
                break
            x, y = poses[k].location.x, poses[k].location.y
            taken = [(p.location.x, p.location.y, _MIN_SPAWN_GAP_M) for p in chosen]
            taken += [(cx, cy, radius_m) for cx, cy in clear]
            if all((x - tx) ** 2 + (y - ty) ** 2 >= gap * gap for tx, ty, gap in taken):
                chosen.append(poses[k])
        return chosen

    def _spawn_walkers(self) -> None:
        config, session = self._config, self._session
        seed = derive_seed(config.seed, "walkers")
        rng = np.random.default_rng(seed)
        session.world.set_pedestrians_seed(seed)
        library = session.world.get_blueprint_library()
        blueprints = sorted(library.filter("walker.pedestrian.*"), key=lambda b: b.id)
        commands = []
        for _ in range(config.walkers):
            place = session.world.get_random_location_from_navigation()
            if place is None:
                break
            blueprint = blueprints[int(rng.integers(len(blueprints)))]
            if blueprint.has_attribute("is_invincible"):
                blueprint.set_attribute("is_invincible", "false")
            lifted = carla.Location(x=place.x, y=place.y, z=place.z + 0.5)
            commands.append(carla.command.SpawnActor(blueprint, carla.Transform(lifted)))
        self.walkers = self._spawn(commands)
        mind = library.find("controller.ai.walker")
        commands = [carla.command.SpawnActor(mind, carla.Transform(), walker.id) for walker in self.walkers]
        self._controllers = self._spawn(commands)
        for controller in self._controllers:
            controller.start()
            controller.go_to_location(session.world.get_random_location_from_navigation())
            controller.set_max_speed(float(rng.uniform(1.0, 1.8)))

    def _spawn(self, commands: list) -> list[carla.Actor]:
        # The client holds Python's lock during a batch: if the batch also ticked, listening sensors would block
        # the client's threads and the tick would never return. So tick afterwards.
        results = self._session.client.apply_batch_sync(commands, False)
        actor_ids = [result.actor_id for result in results if not result.error]
        self._session.tick()
        found = sorted(self._session.world.get_actors(actor_ids), key=lambda actor: actor.id)
        self._session.adopt(found)
        return found


def derive_seed(seed: int, purpose: str) -> int:
    """A seed for one purpose, independent of the order in which seeds are derived; in [0, 2^31)."""
    digest = hashlib.sha256(f"{seed}/{purpose}".encode()).digest()
    return int.from_bytes(digest[:4], "little") >> 1


def _is_ordinary_car(blueprint: carla.ActorBlueprint) -> bool:
    if not blueprint.has_attribute("number_of_wheels") or int(blueprint.get_attribute("number_of_wheels")) != 4:
        return False
    return not blueprint.has_attribute("base_type") or blueprint.get_attribute("base_type").as_str() == "car"
