"""`RouteWeather`: the weather of a route file, blended along the route."""

from __future__ import annotations

from collections.abc import Sequence

import carla

from carla_agents.simulator.session import WEATHER_FIELDS, Session

_STEP_PERCENT = 1.0


class RouteWeather:
    """Sets the weather as the ego comes along.

    Args:
        weathers: (percentage of the route, weather) pairs in order; one pair stays as it is.
    """

    def __init__(self, weathers: Sequence[tuple[float, carla.WeatherParameters]]) -> None:
        self._weathers = list(weathers)
        self._last_percent = 0.0

    def begin(self, session: Session) -> None:
        """Set the weather of the route's beginning."""
        self._last_percent = 0.0
        session.world.set_weather(self.at(0.0))

    def update(self, session: Session, percent: float) -> None:
        """Set the weather again if the ego has come 1 % farther."""
        if len(self._weathers) > 1 and percent - self._last_percent >= _STEP_PERCENT:
            self._last_percent = percent
            session.world.set_weather(self.at(percent))

    def at(self, percent: float) -> carla.WeatherParameters:
        """The weather at a percentage of the route: linear between its neighbours."""
        before = [pair for pair in self._weathers if pair[0] <= percent] or self._weathers[:1]
        after = [pair for pair in self._weathers if pair[0] > percent]
        (low, first) = before[-1]
        if not after:
            return first
        (high, second) = after[0]
        share = min(max((percent - low) / (high - low), 0.0), 1.0)
        blended = carla.WeatherParameters()
        for name in WEATHER_FIELDS:
            a, b = getattr(first, name), getattr(second, name)
            setattr(blended, name, a + (b - a) * share)
        return blended
