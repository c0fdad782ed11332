"""The pace criterion: is the ego much slower than the traffic around it?

The route is cut into equal stretches. At the end of each, the ego's mean speed over the stretch is compared with the
mean speed of the background traffic over the same ticks. Source: MinimumSpeedRouteTest of scenario_runner
(Leaderboard 2.0: four stretches, only what is slower counts; Bench2Drive: twenty, and every one is recorded).
"""

from __future__ import annotations

from leaderboard.criteria import TickFacts
from leaderboard.infractions import Infraction, InfractionKind

_LAST_COUNTS_FROM = 0.95


class PaceCriterion:
    """One event for each stretch in which the ego was slower than the traffic; without traffic there is none.

    Args:
        route_length_m: planned length.
        stretches: into how many parts the route is cut.
        every: also record stretches in which the ego was not slower; they cost nothing, and Bench2Drive's efficiency
            is their mean.

    Raises:
        ValueError: less than one stretch.
    """

    def __init__(self, route_length_m: float, stretches: int = 4, *, every: bool = False) -> None:
        if stretches < 1:
            raise ValueError(f"stretches is {stretches}; expected at least 1")
        self._length_m = max(route_length_m, 1e-3)
        self._stretches = stretches
        self._every = every
        self._done = 0
        self._begin()

    def update(self, facts: TickFacts) -> list[Infraction]:
        self._ego_sum_mps += facts.speed_mps
        self._ego_count += 1
        if facts.traffic_speed_mps is not None:
            self._traffic_sum_mps += facts.traffic_speed_mps
            self._traffic_count += 1
        # The last stretch ends with the drive: nobody drives the last metre.
        if self._done < self._stretches - 1 and self._progress(facts) >= (self._done + 1) / self._stretches:
            return self._close(facts)
        return []

    def finish(self, facts: TickFacts) -> list[Infraction]:
        """The last stretch, if the ego came to its end."""
        return self._close(facts) if self._progress(facts) > _LAST_COUNTS_FROM else []

    def _progress(self, facts: TickFacts) -> float:
        return facts.route_progress_m / self._length_m

    def _begin(self) -> None:
        self._ego_sum_mps = self._traffic_sum_mps = 0.0
        self._ego_count = self._traffic_count = 0

    def _close(self, facts: TickFacts) -> list[Infraction]:
        found: list[Infraction] = []
        if self._ego_count and self._traffic_count and self._traffic_sum_mps > 0.0:
            ego_mps = self._ego_sum_mps / self._ego_count
            percentage = round(100.0 * ego_mps / (self._traffic_sum_mps / self._traffic_count), 2)
            if percentage < 100.0 or self._every:
                message = f"Average speed is {percentage}% of the surrounding traffic's one"
                found.append(facts.infraction(InfractionKind.MIN_SPEED, message, percentage))
        self._done += 1
        self._begin()
        return found
