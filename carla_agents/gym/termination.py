"""When an episode of `Drive-v0` ends."""

from __future__ import annotations

from dataclasses import dataclass

_STANDING_MPS = 0.1


@dataclass(frozen=True)
class TerminationConfig:
    """What ends an episode."""

    off_route_m: float = 4.0
    """Greatest distance from the route."""
    blocked_s: float = 60.0
    """Longest time without moving."""
    finished_m: float = 3.0
    """The route counts as finished when so little remains."""
    on_red_light: bool = False
    """Whether running a red light ends the episode."""

    def __post_init__(self) -> None:
        for name in ("off_route_m", "blocked_s", "finished_m"):
            if getattr(self, name) <= 0:
                raise ValueError(f"{name} is {getattr(self, name)}, allowed > 0")


class Termination:
    """Keeps the little memory that ending an episode needs."""

    def __init__(self, config: TerminationConfig) -> None:
        self.config = config
        self._standing_s = 0.0

    def reset(self) -> None:
        self._standing_s = 0.0

    def check(
        self, delta_s: float, speed_mps: float, lateral_m: float, remaining_m: float, collided: bool, ran_red: bool
    ) -> str | None:
        """Why the episode ends now, or None.

        Returns:
            `collision`, `red_light`, `finished`, `off_route`, `blocked` or None.
        """
        self._standing_s = self._standing_s + delta_s if abs(speed_mps) < _STANDING_MPS else 0.0
        if collided:
            return "collision"
        if ran_red and self.config.on_red_light:
            return "red_light"
        if remaining_m < self.config.finished_m:
            return "finished"
        if abs(lateral_m) > self.config.off_route_m:
            return "off_route"
        if self._standing_s > self.config.blocked_s:
            return "blocked"
        return None
