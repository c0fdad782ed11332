"""`Scene`: the part of the world in which one scenario happens, seen along the ego's route."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

import carla
import numpy as np

from carla_agents.driving.road_graph import NoRoute
from carla_agents.driving.route import Route
from carla_agents.driving.route_planner import RoutePlanner
from carla_agents.simulator.session import Session
from carla_agents.simulator.vehicle_state import VehicleState
from scenarios.parameters import ScenarioError, SpawnError

_VEHICLE_LIFT_M = 0.3
_WALKER_LIFT_M = 1.0
_NEAR_LANE_M = 8.0
_PARKED_NEAR_M = 5.2
_WALKERS = 48
"""Every CARLA since 0.9.13 has at least so many models of pedestrians."""
_CARS = (
    "vehicle.audi.tt",
    "vehicle.lincoln.mkz_2020",
    "vehicle.mercedes.coupe_2020",
    "vehicle.nissan.patrol_2021",
    "vehicle.seat.leon",
    "vehicle.toyota.prius",
)


@dataclass(frozen=True)
class Wish:
    """An actor to spawn.

    Attributes:
        blueprint_id: what.
        pose: where; lifted a little, as CARLA's own spawn points are.
        speed_mps: forward speed that it starts with.
        attributes: of the blueprint.
    """

    blueprint_id: str
    pose: carla.Transform
    speed_mps: float = 0.0
    attributes: Mapping[str, str] = field(default_factory=dict)


class Scene:
    """Where one scenario happens; it owns the scenario's actors.

    Args:
        session: the simulator.
        planner: on its map.
        ego: the vehicle under test.
        route: what the ego should drive.
        trigger_m: where along the route the scenario begins.
        seed: decides models, colours and dice.

    Attributes:
        rng: the scenario's own dice.
        actors: what it spawned and has not destroyed.
        delta_s: length of a tick.
    """

    def __init__(
        self, session: Session, planner: RoutePlanner, ego: carla.Vehicle, route: Route, trigger_m: float, seed: int
    ) -> None:
        self.session = session
        self.map: carla.Map = session.map
        self.planner = planner
        self.ego = ego
        self.route = route
        self.trigger_m = trigger_m
        self.rng = np.random.default_rng(seed)
        self.actors: dict[int, carla.Actor] = {}
        self._hidden: set[int] = set()
        self.delta_s = session.config.fixed_delta_s

    def spawn(self, wishes: Sequence[Wish]) -> list[carla.Actor]:
        """Creates all actors, in one batch.

        Raises:
            SpawnError: a place is taken; then none of the actors stays.
            ScenarioError: a blueprint is unknown.
        """
        spawned, errors = self._spawn(wishes)
        if errors:
            self.destroy(spawned)
            raise SpawnError(f"could not spawn {errors[0]}")
        return spawned

    def try_spawn(self, wish: Wish) -> carla.Actor | None:
        """Creates an actor if there is room for it."""
        spawned, _ = self._spawn([wish])
        return spawned[0] if spawned else None

    def has_room(self, pose: carla.Transform) -> bool:
        """Whether the ego would fit at a place that it is not at now."""
        stand_in = self.try_spawn(Wish(self.ego.type_id, pose))
        if stand_in is None:
            return False
        self.destroy([stand_in])
        return True

    def place_ego(self, pose: carla.Transform) -> None:
        """Makes the ego begin its drive at another place than the beginning of its route."""
        place = pose.location
        self.ego.set_transform(
            carla.Transform(carla.Location(place.x, place.y, place.z + _VEHICLE_LIFT_M), pose.rotation)
        )

    def hide_parked_cars(self, stretch: Sequence[carla.Location]) -> None:
        """Takes away the town's own parked cars, which are no actors, near some places; `clear` brings them back."""
        found = self.session.world.get_environment_objects(carla.CityObjectLabel.Car)
        near = {thing.id for thing in found if any(_apart_m(thing, place) < _PARKED_NEAR_M for place in stretch)}
        if near:
            self.session.world.enable_environment_objects(near, False)
            self._hidden |= near

    def clear(self) -> None:
        """Makes the world as it was before the scenario: its actors go, what it has hidden comes back."""
        self.destroy(list(self.actors.values()))
        if self._hidden:
            self.session.world.enable_environment_objects(self._hidden, True)
            self._hidden = set()

    def destroy(self, actors: Iterable[carla.Actor]) -> None:
        """Removes actors of this scenario."""
        gone = [self.actors.pop(actor.id) for actor in list(actors) if actor.id in self.actors]
        self.session.destroy(gone)

    def car(self) -> str:
        """A random ordinary car."""
        return _CARS[int(self.rng.integers(len(_CARS)))]

    def walker(self) -> str:
        """A random pedestrian."""
        return f"walker.pedestrian.{int(self.rng.integers(1, _WALKERS + 1)):04d}"

    def lights_of(self, junction_id: int) -> list[carla.TrafficLight]:
        """The traffic lights of a junction; empty if it has none."""
        return list(self.session.world.get_traffic_lights_in_junction(junction_id))

    def waypoint_at(self, route_m: float) -> carla.Waypoint:
        """The lane's centre at a distance along the route.

        Raises:
            ScenarioError: the route ends before.
        """
        if not 0.0 <= route_m <= self.route.length_m:
            raise ScenarioError(
                f"the scenario needs the route at {route_m:.0f} m, but it is {self.route.length_m:.0f} m long; "
                "use a shorter distance or a longer route"
            )
        index = int(abs(self.route.distance_m - route_m).argmin())
        x, y, z = (float(v) for v in self.route.points_m[index])
        return self.map.get_waypoint(carla.Location(x=x, y=y, z=z))

    def lane_near(self, place: tuple[float, float, float], what: str) -> carla.Waypoint:
        """The driving lane at a place that a route file gives.

        Raises:
            ScenarioError: there is none within 8 m.
        """
        found = self.map.get_waypoint(carla.Location(*place))
        x, y, _ = place
        away_m = math.hypot(found.transform.location.x - x, found.transform.location.y - y)
        if away_m > _NEAR_LANE_M:
            raise ScenarioError(f"{what} ({x:g}, {y:g}) lies {away_m:.1f} m from the nearest driving lane")
        return found

    def junction_ahead(self, route_m: float) -> tuple[float, float]:
        """Where the route enters and leaves the next junction, as distances along it.

        Raises:
            ScenarioError: no junction follows.
        """
        distance_m, junction = self.route.distance_m, self.route.junction
        inside = np.flatnonzero((distance_m >= route_m) & (junction >= 0))
        if not len(inside):
            raise ScenarioError(f"the route has no junction after {route_m:.0f} m")
        first = int(inside[0])
        beyond = np.flatnonzero(junction[first:] != junction[first])
        last = first + int(beyond[0]) if len(beyond) else len(junction) - 1
        return float(distance_m[first]), float(distance_m[last])

    def road_end_m(self, route_m: float) -> float:
        """Where the road ends on which the route is: at the next junction, or at the route's end."""
        inside = np.flatnonzero((self.route.distance_m >= route_m) & (self.route.junction >= 0))
        return float(self.route.distance_m[inside[0]]) if len(inside) else self.route.length_m

    def plan(self, places: Sequence[carla.Waypoint]) -> Route:
        """A route through lane centres, for another vehicle.

        Raises:
            ScenarioError: no lawful way leads there.
        """
        try:
            return self.planner.plan([_xyz(place.transform.location) for place in places])
        except NoRoute as error:
            raise ScenarioError(str(error)) from error

    def _spawn(self, wishes: Sequence[Wish]) -> tuple[list[carla.Actor], list[str]]:
        commands = [self._command(wish) for wish in wishes]
        results = self.session.client.apply_batch_sync(commands, False)
        errors = [
            f"{wish.blueprint_id} at ({wish.pose.location.x:.1f}, {wish.pose.location.y:.1f}): {result.error}"
            for wish, result in zip(wishes, results, strict=True)
            if result.error
        ]
        ids = [result.actor_id for result in results if not result.error]
        by_id = {actor.id: actor for actor in self.session.world.get_actors(ids)} if ids else {}
        spawned = [by_id[actor_id] for actor_id in ids]
        self.session.adopt(spawned)
        self.actors.update((actor.id, actor) for actor in spawned)
        return spawned, errors

    def _command(self, wish: Wish) -> carla.command.SpawnActor:
        library = self.session.world.get_blueprint_library()
        try:
            blueprint = library.find(wish.blueprint_id)
        except IndexError:
            raise ScenarioError(f"the server has no blueprint {wish.blueprint_id!r}") from None
        attributes = dict(wish.attributes)
        if blueprint.has_attribute("role_name"):
            attributes.setdefault("role_name", "scenario")
        if blueprint.has_attribute("is_invincible"):
            attributes.setdefault("is_invincible", "false")
        if blueprint.has_attribute("color") and "color" not in attributes:
            colors = blueprint.get_attribute("color").recommended_values
            attributes["color"] = colors[int(self.rng.integers(len(colors)))]
        for name, value in attributes.items():
            if blueprint.has_attribute(name):
                blueprint.set_attribute(name, value)
        family = wish.blueprint_id.split(".")[0]
        lift_m = {"vehicle": _VEHICLE_LIFT_M, "walker": _WALKER_LIFT_M}.get(family, 0.0)
        place, rotation = wish.pose.location, wish.pose.rotation
        pose = carla.Transform(carla.Location(place.x, place.y, place.z + lift_m), rotation)
        command = carla.command.SpawnActor(blueprint, pose)
        if wish.speed_mps > 0.0:
            heading = pose.get_forward_vector() * wish.speed_mps
            command = command.then(carla.command.ApplyTargetVelocity(carla.command.FutureActor, heading))
        return command


@dataclass(frozen=True)
class Moment:
    """One tick of a scenario.

    Attributes:
        ego: pose and speed of the vehicle under test.
        ego_m: how far it has come along its route.
        snapshot: of this tick.
        since_trigger_s: time since the ego passed the trigger; None before.
        delta_s: length of a tick.
    """

    ego: VehicleState
    ego_m: float
    snapshot: carla.WorldSnapshot
    since_trigger_s: float | None
    delta_s: float

    @property
    def triggered(self) -> bool:
        return self.since_trigger_s is not None

    def state(self, actor: carla.Actor) -> VehicleState | None:
        """Pose and speed of another actor; None until its first tick."""
        if self.snapshot.find(actor.id) is None:
            return None
        return VehicleState.read(self.snapshot, actor.id)


def beside(waypoint: carla.Waypoint, right_m: float, ahead_m: float = 0.0, turn_deg: float = 0.0) -> carla.Transform:
    """A pose right of (negative: left of) a lane's centre, turned clockwise by `turn_deg`."""
    pose = waypoint.transform
    yaw = math.radians(pose.rotation.yaw)
    c, s = math.cos(yaw), math.sin(yaw)
    place = pose.location
    return carla.Transform(
        carla.Location(place.x + ahead_m * c - right_m * s, place.y + ahead_m * s + right_m * c, place.z),
        carla.Rotation(yaw=pose.rotation.yaw + turn_deg),
    )


def lane_beside(waypoint: carla.Waypoint, side: str, lane_type: carla.LaneType) -> carla.Waypoint | None:
    """The nearest lane of a type on one side in driving direction, looking over up to four lanes."""
    forward = waypoint.lane_id
    found: carla.Waypoint | None = waypoint
    for _ in range(5):
        if found is None:
            return None
        # Lanes against ours have their own right and left.
        with_us = found.lane_id * forward > 0
        found = found.get_right_lane() if (side == "right") == with_us else found.get_left_lane()
        if found is not None and found.lane_type == lane_type:
            return found
    return None


def opposite_lane(waypoint: carla.Waypoint) -> carla.Waypoint | None:
    """The oncoming driving lane directly left of a lane; None if there is none or a lane of our own lies between."""
    found = waypoint.get_left_lane()
    if found is None or found.lane_type != carla.LaneType.Driving or found.lane_id * waypoint.lane_id > 0:
        return None
    return found


def same_direction_lane(waypoint: carla.Waypoint, side: str) -> carla.Waypoint | None:
    """The driving lane of equal direction directly beside a lane."""
    found = waypoint.get_left_lane() if side == "left" else waypoint.get_right_lane()
    if found is None or found.lane_type != carla.LaneType.Driving or found.lane_id * waypoint.lane_id < 0:
        return None
    return found


def _apart_m(thing: carla.EnvironmentObject, place: carla.Location) -> float:
    return float(thing.bounding_box.location.distance_2d(place))


def _xyz(location: carla.Location) -> tuple[float, float, float]:
    return location.x, location.y, location.z
