"""A scenario's beginning without a simulator: what it would spawn, and whether the map has what it needs."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any

import carla
import numpy as np

from carla_agents.driving.placing import start_pose
from carla_agents.driving.route import Route
from carla_agents.driving.route_planner import RoutePlanner
from scenarios.parameters import Place
from scenarios.route_files import ScenarioSpec
from scenarios.scene import Scene, Wish
from scenarios.types import make_scenario

_LIGHT_TYPE = "1000001"
_LIGHT_BEFORE_M = 25.0
_HALF_SIZE_M = {"vehicle": (2.4, 1.0), "walker": (0.25, 0.25), "static": (0.6, 0.6)}
_NO_TICK_S = 0.05


class RehearsalScene(Scene):
    """A scene on a map alone: what would be spawned is only noted.

    Args:
        carla_map: the map.
        planner: on it.
        route: what the ego should drive.
        trigger_m: where along it the scenario begins.

    Attributes:
        wishes: what would have been spawned.
        ego_start: where the ego would begin its drive.
    """

    def __init__(self, carla_map: carla.Map, planner: RoutePlanner, route: Route, trigger_m: float) -> None:
        self.map = carla_map
        self.planner = planner
        self.route = route
        self.trigger_m = trigger_m
        self.rng = np.random.default_rng(0)
        self.actors = {}
        self.delta_s = _NO_TICK_S
        self.wishes: list[Wish] = []
        self.ego_start = start_pose(route)

    def spawn(self, wishes: Sequence[Wish]) -> list[Any]:
        self.wishes += wishes
        return [_stand_in() for _ in wishes]

    def try_spawn(self, wish: Wish) -> Any:
        self.wishes.append(wish)
        return _stand_in()

    def has_room(self, pose: carla.Transform) -> bool:
        return True

    def place_ego(self, pose: carla.Transform) -> None:
        self.ego_start = pose

    def hide_parked_cars(self, stretch: Sequence[carla.Location]) -> None:
        return None

    def destroy(self, actors: Iterable[Any]) -> None:
        return None

    def lights_of(self, junction_id: int) -> list[Any]:
        entries = {
            lane.key: lane
            for lane in self.planner.graph.lanes.values()
            if not lane.in_junction
            for key in lane.successors
            if key in self.planner.graph.lanes and _junction_of(self.planner.graph.lanes[key].start) == junction_id
        }
        found = []
        for lane in entries.values():
            back = lane.waypoints[max(0, len(lane.waypoints) - 1 - round(_LIGHT_BEFORE_M))]
            landmarks = back.get_landmarks_of_type(_LIGHT_BEFORE_M + 4.0, _LIGHT_TYPE, False)
            found += [_stand_in(lane.waypoints[-1]) for _ in landmarks[:1]]
        return found


@dataclass(frozen=True)
class Rehearsal:
    """A scenario's beginning.

    Attributes:
        wishes: what it would spawn.
        ego_start: where the ego would begin its drive.
        places: what it found on the map and a route file may name.
    """

    wishes: tuple[Wish, ...]
    ego_start: carla.Transform
    places: dict[str, Place]

    def clashes(self) -> list[str]:
        """One sentence for every two actors, or actor and ego's start, that would stand in one another."""
        named = [("the ego's start", self.ego_start, _HALF_SIZE_M["vehicle"])]
        named += [
            (wish.blueprint_id, wish.pose, _HALF_SIZE_M.get(wish.blueprint_id.split(".")[0], (0.5, 0.5)))
            for wish in self.wishes
        ]
        found = []
        for k, (first, here, half) in enumerate(named):
            for second, there, other in named[k + 1 :]:
                away_m = here.location.distance(there.location)
                if away_m < half[1] + other[1] and "static" not in (first[:6], second[:6]):
                    x, y = there.location.x, there.location.y
                    found.append(f"{first} and {second} would stand in one another at ({x:.1f}, {y:.1f})")
        return found


def rehearse(
    carla_map: carla.Map, planner: RoutePlanner, route: Route, trigger_m: float, spec: ScenarioSpec
) -> Rehearsal:
    """What a scenario would do at its beginning.

    Raises:
        ScenarioError: its type, a parameter or the place does not fit.
    """
    scene = RehearsalScene(carla_map, planner, route, trigger_m)
    scenario = make_scenario(spec)
    scenario.begin(scene)
    return Rehearsal(tuple(scene.wishes), scene.ego_start, scenario.places())


def _junction_of(waypoint: carla.Waypoint) -> int:
    return int(waypoint.junction_id) if waypoint.is_junction else -1


def _stand_in(stop: carla.Waypoint | None = None) -> Any:
    """Answers what scenarios ask an actor at their beginning, and accepts what they tell it."""

    def nothing(*_: Any) -> None:
        return None

    return SimpleNamespace(
        id=0,
        bounding_box=SimpleNamespace(extent=SimpleNamespace(x=2.4, y=1.0, z=0.75)),
        get_physics_control=lambda: SimpleNamespace(wheels=[]),
        get_stop_waypoints=lambda: [stop],
        get_red_time=lambda: 0.0,
        get_green_time=lambda: 0.0,
        get_yellow_time=lambda: 0.0,
        set_state=nothing,
        apply_control=nothing,
        set_light_state=nothing,
    )
