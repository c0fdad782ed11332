"""`GlobalRoutePlannerDAO`, which CARLA dropped in 0.9.12 and agents of Leaderboard 1.0 still import."""

from __future__ import annotations

import carla


class GlobalRoutePlannerDAO:
    """A map and a resolution, to be given to `GlobalRoutePlanner`."""

    def __init__(self, wmap: carla.Map, sampling_resolution: float = 1.0) -> None:
        self.wmap = wmap
        self._sampling_resolution = sampling_resolution

    def get_resolution(self) -> float:
        """Metres between two waypoints."""
        return self._sampling_resolution

    def get_topology(self) -> list[tuple[carla.Waypoint, carla.Waypoint]]:
        """The map's (begin, end) pairs of lanes."""
        return self.wmap.get_topology()
