"""Weather of a route file: constant or changing along the route, and the same routes under many conditions.

`python -m scenarios.weather ROUTES OUT --conditions core12` writes every route under every condition.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import tyro

from augment.conditions import CORE12, PAPER9, Condition
from carla_agents.simulator.weather import WEATHER_FIELDS
from scenarios.route_files import RouteSpec, read_routes, write_routes

WeatherRows = tuple[tuple[tuple[str, float], ...], ...]

BASE = {"sun_altitude_angle": 70.0, "cloudiness": 50.0}
"""Weather of a route that names none, and of what a `<weather>` leaves out (leaderboard 2.x)."""


class RouteWeather:
    """The weather at every place of a route, linear between the given ones.

    Args:
        weathers: attributes of each `<weather>`; `route_percentage` may be left out if there is only one.

    Raises:
        ValueError: an attribute is unknown, a route_percentage is missing or outside 0 .. 100, or two are equal.
    """

    def __init__(self, weathers: WeatherRows) -> None:
        rows = []
        for attributes in weathers:
            named = dict(attributes)
            percentage = named.pop("route_percentage", 0.0 if len(weathers) == 1 else None)
            if percentage is None or not 0.0 <= percentage <= 100.0:
                raise ValueError(f"route_percentage of a weather must be in 0 .. 100, got {percentage}")
            unknown = sorted(set(named) - set(WEATHER_FIELDS))
            if unknown:
                raise ValueError(f"unknown weather attribute {unknown[0]!r}; there are {', '.join(WEATHER_FIELDS)}")
            rows.append((percentage, {**BASE, **named}))
        rows.sort(key=lambda row: row[0])
        percentages = [percentage for percentage, _ in rows]
        if len(set(percentages)) != len(percentages):
            raise ValueError(f"two weathers have the same route_percentage: {percentages}")
        self._rows = rows or [(0.0, dict(BASE))]

    @property
    def changes(self) -> bool:
        """Whether it differs along the route."""
        return len(self._rows) > 1

    def at(self, percentage: float) -> dict[str, float]:
        """Fields of `carla.WeatherParameters` after a share of the route; fields that nobody names are left out."""
        before = [row for row in self._rows if row[0] <= percentage] or self._rows[:1]
        after = [row for row in self._rows if row[0] > percentage] or self._rows[-1:]
        (low, first), (high, last) = before[-1], after[0]
        share = 0.0 if high <= low else (percentage - low) / (high - low)
        names = [name for name in WEATHER_FIELDS if name in first or name in last]
        return {
            name: (1.0 - share) * first.get(name, last.get(name, 0.0)) + share * last.get(name, first.get(name, 0.0))
            for name in names
        }


def rows_for(condition: Condition, percentage: float | None = None) -> tuple[tuple[str, float], ...]:
    """The `<weather>` attributes that show a condition."""
    weather = condition.to_weather()
    fields = tuple((name, float(getattr(weather, name))) for name in WEATHER_FIELDS)
    return fields if percentage is None else (("route_percentage", percentage), *fields)


def sweep(routes: Sequence[RouteSpec], conditions: Iterable[Condition] = CORE12) -> tuple[RouteSpec, ...]:
    """Every route under every condition; the id is the route's times 100 plus the condition's number."""
    return tuple(
        replace(route, route_id=100 * route.route_id + number, weathers=(rows_for(condition, 0.0),))
        for route in routes
        for number, condition in enumerate(conditions)
    )


def changing(route: RouteSpec, conditions: Sequence[Condition], route_id: int) -> RouteSpec:
    """A route along which the weather goes through some conditions.

    Raises:
        ValueError: fewer than two conditions.
    """
    if len(conditions) < 2:
        raise ValueError(f"a changing weather needs at least two conditions, got {len(conditions)}")
    steps = [100.0 * k / (len(conditions) - 1) for k in range(len(conditions))]
    rows = tuple(rows_for(condition, step) for condition, step in zip(conditions, steps, strict=True))
    return replace(route, route_id=route_id, weathers=rows)


@dataclass(frozen=True)
class _Command:
    """Write a route file's routes under many conditions."""

    routes: tyro.conf.Positional[Path]
    """Route file to read."""
    out: tyro.conf.Positional[Path]
    """Route file to write."""
    conditions: tuple[str, ...] = ("core12",)
    """Weather and light; core12 stands for all twelve, paper9 for those without fog."""
    changing: bool = False
    """One route each along which the weather goes through the conditions, instead of one for each condition."""


def main(arguments: list[str] | None = None) -> int:
    """The command."""
    command = tyro.cli(_Command, args=arguments, prog="python -m scenarios.weather")
    groups = {"core12": CORE12, "paper9": PAPER9}
    conditions = [c for name in command.conditions for c in groups.get(name) or (Condition.parse(name),)]
    routes = read_routes(command.routes)
    if command.changing:
        made = tuple(changing(route, conditions, route.route_id) for route in routes)
    else:
        made = sweep(routes, conditions)
    command.out.write_text(write_routes(made), encoding="utf-8")
    print(f"{command.out}: {len(made)} routes")
    return 0


if __name__ == "__main__":
    sys.exit(main())
