"""Seeded random routes on any map, as route files; training and evaluation routes that share no street.

`python -m scenarios.generate` rewrites the route files of the default town that lie in `scenarios/routes`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import carla
import numpy as np

from carla_agents.driving.road_graph import NoRoute
from carla_agents.driving.route import Route
from carla_agents.driving.route_planner import RoutePlanner
from scenarios.route_files import RouteSpec, read_routes, write_routes

ROUTES_FOLDER = Path(__file__).parent / "routes"
KEYPOINT_SPACING_M = 25.0
_JUNCTION_MARGIN_M = 6.0
_LONG_SEEDS = (16, 18, 30)
"""Long routes that CARLA's NPC agent follows: it plans the shortest way between points that the leaderboard thins out
to one per manoeuvre, and where those lie at a junction's entry it may take another lane of the junction."""


@dataclass(frozen=True)
class RouteWish:
    """What random routes should be like."""

    count: int = 6
    """How many routes."""
    min_length_m: float = 160.0
    """Shortest length."""
    max_length_m: float = 220.0
    """Longest length."""
    min_turns: int = 2
    """Least number of left and right turns."""
    seed: int = 0
    """Decides which routes."""
    max_shared_m: float = 50.0
    """Longest stretch a route may share with another of its own file or with one of the avoided routes."""

    def __post_init__(self) -> None:
        if self.count < 1 or self.min_turns < 0:
            raise ValueError(f"count must be >= 1 and min_turns >= 0, got {self.count} and {self.min_turns}")
        if not 30.0 <= self.min_length_m <= self.max_length_m:
            raise ValueError(f"need 30 <= min_length_m <= max_length_m, got {self.min_length_m}, {self.max_length_m}")


def generate_routes(
    planner: RoutePlanner, wish: RouteWish, avoid: Sequence[Route] = (), avoid_own: bool = True, attempts: int = 4000
) -> list[Route]:
    """Random routes that start outside junctions and share no long stretch with the avoided ones.

    What is returned is the way through a walk's key points, that is what a reader of the route file will drive.

    Args:
        planner: on the map.
        wish: length, turns, seed.
        avoid: routes to keep clear of, e.g. those for evaluation.
        avoid_own: whether the new routes also keep clear of one another.
        attempts: random walks to try.

    Raises:
        NoRoute: not enough such routes were found.
    """
    rng = np.random.default_rng(wish.seed)
    found: list[Route] = []
    for _ in range(attempts):
        length_m = float(rng.uniform(wish.min_length_m, wish.max_length_m))
        try:
            walk = planner.random_route(rng, length_m, min_turns=wish.min_turns, attempts=20)
            route = planner.plan(keypoints_m(walk))
            again = planner.plan(keypoints_m(route))
        except NoRoute:
            continue
        if abs(route.length_m - walk.length_m) > 5.0 or route.turns < wish.min_turns:
            continue
        if not np.array_equal(again.points_m, route.points_m):
            continue
        others = [*avoid, *(found if avoid_own else ())]
        if any(longest_shared_m(route, other) > wish.max_shared_m for other in others):
            continue
        found.append(route)
        if len(found) == wish.count:
            return found
    raise NoRoute(
        f"found {len(found)} of {wish.count} routes of {wish.min_length_m:g} to {wish.max_length_m:g} m with "
        f"{wish.min_turns} turns in {attempts} walks; allow more max_shared_m or fewer turns"
    )


def keypoints_m(route: Route) -> tuple[tuple[float, float, float], ...]:
    """Sparse positions that determine a route: both ends, either side of every junction, and some in between.

    None of them lies in a junction, where lanes overlap and a position would be ambiguous.
    """
    distance_m, outside = route.distance_m, route.junction < 0
    edges = np.flatnonzero(np.diff(route.junction) != 0)
    chosen = {0, len(distance_m) - 1}
    for edge in edges:
        for offset_m in (-_JUNCTION_MARGIN_M, _JUNCTION_MARGIN_M):
            index = int(np.searchsorted(distance_m, distance_m[edge] + offset_m))
            if 0 < index < len(distance_m) and outside[index]:
                chosen.add(index)
    last_m = 0.0
    for index in np.flatnonzero(outside).tolist():
        if distance_m[index] - last_m >= KEYPOINT_SPACING_M:
            chosen.add(index)
            last_m = float(distance_m[index])
    points = route.points_m[sorted(chosen)]
    return tuple((round(float(x), 3), round(float(y), 3), round(float(z), 3)) for x, y, z in points)


def longest_shared_m(first: Route, second: Route) -> float:
    """Length of the longest stretch that both routes drive, on the same lanes in the same direction."""
    cells = {tuple(cell) for cell in _cells(second)}
    longest_m, began_m = 0.0, None
    for cell, distance_m in zip(_cells(first), first.distance_m.tolist(), strict=True):
        if tuple(cell) not in cells:
            began_m = None
        elif began_m is None:
            began_m = distance_m
        else:
            longest_m = max(longest_m, distance_m - began_m)
    return longest_m


def _cells(route: Route) -> np.ndarray:
    """(N, 4) int64: lane and a position rounded to 4 m, so that routes sampled at other offsets still meet."""
    squares = np.round(route.points_m[:, :2] / 4.0)
    return np.concatenate([route.lanes, squares], axis=1).astype(np.int64)


def shared_stretches(train: Sequence[Route], evaluation: Sequence[Route], max_shared_m: float) -> list[str]:
    """The leakage lint: one sentence per evaluation route that drives a long stretch of a training route."""
    found = []
    for number, route in enumerate(evaluation):
        shared_m = max((longest_shared_m(route, other) for other in train), default=0.0)
        if shared_m > max_shared_m:
            found.append(
                f"evaluation route {number} shares {shared_m:.0f} m with a training route, allowed {max_shared_m:g} m"
            )
    return found


def to_specs(routes: Sequence[Route], town: str, first_id: int = 0) -> tuple[RouteSpec, ...]:
    """Routes as entries of a route file, numbered from `first_id`."""
    return tuple(RouteSpec(first_id + number, town, keypoints_m(route)) for number, route in enumerate(routes))


def plan_specs(planner: RoutePlanner, specs: Sequence[RouteSpec]) -> list[Route]:
    """The dense routes of a file's entries."""
    return [planner.plan(spec.waypoints_m) for spec in specs]


def default_town_routes(town: str, opendrive: str) -> dict[str, tuple[RouteSpec, ...]]:
    """The route files of a town: `eval`; `train`, which keeps clear of it; `long`, for the official NPC agent."""
    planner = RoutePlanner(carla.Map(town, opendrive))
    evaluation = generate_routes(planner, RouteWish(count=6, min_length_m=155.0, max_length_m=230.0, seed=1))
    train_wish = RouteWish(count=24, min_length_m=220.0, max_length_m=340.0, min_turns=1, seed=2)
    train = generate_routes(planner, train_wish, avoid=evaluation, avoid_own=False)
    long = [
        route
        for seed in _LONG_SEEDS
        for route in generate_routes(
            planner, RouteWish(1, min_length_m=550.0, max_length_m=800.0, min_turns=3, seed=seed)
        )
    ]
    return {
        "eval": to_specs(evaluation, town, 1000),
        "train": to_specs(train, town),
        "long": to_specs(long, town, 2000),
    }


def main() -> None:
    """Rewrite the default town's route files."""
    folder = Path(__file__).parent.parent / "carla_server" / "towns"
    for split, specs in default_town_routes("TownGrid", (folder / "TownGrid.xodr").read_text("utf-8")).items():
        path = ROUTES_FOLDER / f"town_grid_{split}.xml"
        path.write_text(write_routes(specs), encoding="utf-8")
        print(f"{path.name}: {len(read_routes(path))} routes")


if __name__ == "__main__":
    main()
