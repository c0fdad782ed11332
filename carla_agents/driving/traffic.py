"""`Traffic`: other cars driven by CARLA's Traffic Manager and walkers on the pavement, the same for the same seed."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from typing import Any

import carla
import numpy as np

from carla_agents.simulator.session import Session

_MIN_SPAWN_GAP_M = 12.0
_PLACES_TRIED = 200


@dataclass(frozen=True)
class TrafficMix:
    """What drives, and where people walk; by default cars alone, and people anywhere on pavements."""

    two_wheeler_share: float = 0.0
    """Share of the vehicles that are bicycles and motorcycles with their riders."""
    large_share: float = 0.0
    """Share of the vehicles that are trucks, vans and buses; all others are cars."""
    vehicles_near_share: float = 0.0
    """Share of the vehicles that start as near as there is room to the places that `Traffic` is told to enliven."""
    walkers_near_share: float = 0.0
    """Share of the walkers that start within `walker_reach_m` of those places."""
    walker_reach_m: float = 15.0
    """How near those walkers start."""
    crossing_share: float = 0.0
    """Share of the walkers that may cross roads."""

    def __post_init__(self) -> None:
        for name in (
            "two_wheeler_share",
            "large_share",
            "vehicles_near_share",
            "walkers_near_share",
            "crossing_share",
        ):
            if not 0.0 <= getattr(self, name) <= 1.0:
                raise ValueError(f"{name} is {getattr(self, name)}, allowed 0..1")
        if self.two_wheeler_share + self.large_share > 1.0:
            raise ValueError(
                f"two_wheeler_share {self.two_wheeler_share} and large_share {self.large_share} make more than all"
            )
        if not self.walker_reach_m > 0.0:
            raise ValueError(f"walker_reach_m is {self.walker_reach_m}, allowed > 0")


STREET_MIX = TrafficMix(
    two_wheeler_share=0.5, large_share=0.15, vehicles_near_share=0.7, walkers_near_share=0.8, crossing_share=0.2
)
"""Something of everything near the route: what a segmenter should have seen."""


@dataclass(frozen=True)
class TrafficConfig:
    """How much traffic and how it behaves."""

    vehicles: int = 20
    """Number of vehicles driven by the Traffic Manager."""
    walkers: int = 0
    """Number of walkers."""
    seed: int = 0
    """Decides places, models, colours and the Traffic Manager's dice."""
    mix: TrafficMix = field(default_factory=TrafficMix)
    """What drives, and where people walk."""
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
        enliven_m: places (x, y), e.g. along a route, that `walkers_near_share` of the walkers start close to.

    Attributes:
        vehicles, walkers: the actors; fewer than asked for if the map has no more room.
    """

    def __init__(
        self,
        session: Session,
        config: TrafficConfig,
        keep_clear_m: list[tuple[float, float]] | None = None,
        clear_radius_m: float = _MIN_SPAWN_GAP_M,
        enliven_m: np.ndarray | None = None,
    ) -> None:
        self._session = session
        self._config = config
        enliven_m = None if enliven_m is None else np.asarray(enliven_m, np.float64)[:, :2]
        self._controllers: list[carla.Actor] = []
        self.walkers: list[carla.Actor] = []
        self.vehicles: list[carla.Actor] = []
        if config.vehicles:
            self.vehicles = self._spawn_vehicles(keep_clear_m or [], clear_radius_m, enliven_m)
        if config.walkers:
            self._spawn_walkers(enliven_m)

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

    def _spawn_vehicles(
        self, keep_clear_m: list[tuple[float, float]], radius_m: float, enliven_m: np.ndarray | None
    ) -> list[carla.Actor]:
        config, session = self._config, self._session
        rng = np.random.default_rng(derive_seed(config.seed, "vehicles"))
        manager = session.traffic_manager(derive_seed(config.seed, "traffic manager"))
        manager.global_percentage_speed_difference(config.slower_percent)
        manager.set_global_distance_to_leading_vehicle(config.min_gap_m)
        kinds = _vehicle_kinds(session.world.get_blueprint_library())
        port = manager.get_port()
        commands = []
        for pose in self._places(rng, keep_clear_m, radius_m, enliven_m):
            blueprints = kinds[_drawn_kind(rng, config.mix)]
            blueprint = blueprints[int(rng.integers(len(blueprints)))]
            if blueprint.has_attribute("color"):
                colors = blueprint.get_attribute("color").recommended_values
                blueprint.set_attribute("color", colors[int(rng.integers(len(colors)))])
            blueprint.set_attribute("role_name", "autopilot")
            autopilot = carla.command.SetAutopilot(carla.command.FutureActor, True, port)
            commands.append(carla.command.SpawnActor(blueprint, pose).then(autopilot))
        return self._spawn(commands)

    def _places(
        self,
        rng: np.random.Generator,
        clear: list[tuple[float, float]],
        radius_m: float,
        enliven_m: np.ndarray | None,
    ) -> list[carla.Transform]:
        poses = self._session.map.get_spawn_points()
        places_m = np.array([(pose.location.x, pose.location.y) for pose in poses])
        order = rng.permutation(len(poses)).tolist()
        near = 0 if enliven_m is None else round(self._config.vehicles * self._config.mix.vehicles_near_share)
        if enliven_m is not None and near:
            away_m = np.hypot(*(places_m[:, None] - enliven_m[None]).transpose(2, 0, 1)).min(1)
            nearest_first = sorted(order, key=lambda k: away_m[k] // _MIN_SPAWN_GAP_M)
            order = [*self._apart(nearest_first, places_m, near, clear, radius_m), *order]
        return [poses[k] for k in self._apart(order, places_m, self._config.vehicles, clear, radius_m)]

    @staticmethod
    def _apart(
        order: list[int], places_m: np.ndarray, count: int, clear: list[tuple[float, float]], radius_m: float
    ) -> list[int]:
        """The first `count` places that keep their distance from each other and from what stays clear."""
        chosen: list[int] = []
        for k in order:
            if len(chosen) == count:
                break
            x, y = places_m[k]
            taken = [(*places_m[c], _MIN_SPAWN_GAP_M) for c in chosen] + [(cx, cy, radius_m) for cx, cy in clear]
            if all((x - tx) ** 2 + (y - ty) ** 2 >= gap * gap for tx, ty, gap in taken):
                chosen.append(k)
        return chosen

    def _spawn_walkers(self, enliven_m: np.ndarray | None) -> None:
        config, session = self._config, self._session
        seed = derive_seed(config.seed, "walkers")
        rng = np.random.default_rng(seed)
        session.world.set_pedestrians_seed(seed)
        session.world.set_pedestrians_cross_factor(config.mix.crossing_share)
        library = session.world.get_blueprint_library()
        blueprints = sorted(library.filter("walker.pedestrian.*"), key=lambda b: b.id)
        commands = []
        near = 0 if enliven_m is None else round(config.walkers * config.mix.walkers_near_share)
        for number in range(config.walkers):
            place = self._walker_place(enliven_m if number < near else None)
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

    def _walker_place(self, enliven_m: np.ndarray | None) -> carla.Location | None:
        """A place on the pavement; the nearest of up to `_PLACES_TRIED` where none is as near as wanted."""
        best, best_m = None, np.inf
        for _ in range(1 if enliven_m is None else _PLACES_TRIED):
            place = self._session.world.get_random_location_from_navigation()
            if place is None or enliven_m is None:
                return place
            away_m = float(np.hypot(*(enliven_m - (place.x, place.y)).T).min())
            if away_m < best_m:
                best, best_m = place, away_m
            if best_m <= self._config.mix.walker_reach_m:
                break
        return best

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


def _vehicle_kinds(library: carla.BlueprintLibrary) -> dict[str, list[carla.ActorBlueprint]]:
    """Blueprints by id, as `car`, `large` and `two-wheeler`."""
    kinds: dict[str, list[carla.ActorBlueprint]] = {"car": [], "large": [], "two-wheeler": []}
    for blueprint in sorted(library.filter("vehicle.*"), key=lambda b: b.id):
        if not blueprint.has_attribute("number_of_wheels"):
            continue
        if int(blueprint.get_attribute("number_of_wheels")) == 2:
            kinds["two-wheeler"].append(blueprint)
        elif not blueprint.has_attribute("base_type") or blueprint.get_attribute("base_type").as_str() == "car":
            if int(blueprint.get_attribute("number_of_wheels")) == 4:
                kinds["car"].append(blueprint)
        else:
            kinds["large"].append(blueprint)
    return kinds


def _drawn_kind(rng: np.random.Generator, mix: TrafficMix) -> str:
    if mix.two_wheeler_share == mix.large_share == 0.0:
        return "car"  # without a draw: drives of plain traffic stay what they were
    draw = rng.random()
    if draw < mix.two_wheeler_share:
        return "two-wheeler"
    return "large" if draw < mix.two_wheeler_share + mix.large_share else "car"
