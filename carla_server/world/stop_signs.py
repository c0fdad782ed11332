"""Stop and yield signs, as vehicles feel them: CARLA shows a vehicle that has to give way a red light state.

The vehicle is "at" no traffic light meanwhile. Traffic Managers take the state for a junction without lights and let
the vehicles pass in the order of their coming; without it they meet in the junction and block each other.
"""

from __future__ import annotations

import numpy as np

from carla_server.roads.town import SignSite
from carla_server.world.traffic_lights import LightState

STOP_S = 2.0
"""How long a stop sign holds a vehicle at least, from its coming into the sign's trigger box (CARLA's own time)."""
_AHEAD_M = 18.0
_ASIDE_M = 12.0
_SAME_WAY = 0.87  # cosine of 30 degrees


class StopSigns:
    """Who stands at a stop or yield sign, since when, and whether the junction ahead is free.

    Args:
        sites: signs that make vehicles give way.
    """

    def __init__(self, sites: list[SignSite]) -> None:
        self._hold_s = np.array([STOP_S if site.type_id == "traffic.stop" else 0.0 for site in sites])
        self._came: dict[int, tuple[int, float]] = {}

    def forget(self) -> None:
        """Nobody stands at a sign."""
        if self._came:
            self._came = {}

    def states(
        self,
        rows: np.ndarray,
        signs: np.ndarray,
        actor_ids: np.ndarray,
        position_m: np.ndarray,
        heading: np.ndarray,
        elapsed_s: float,
    ) -> list[LightState]:
        """What the vehicles at signs see.

        Args:
            rows: (n,) which of the vehicles are in a trigger box.
            signs: (n,) in that of which sign.
            actor_ids, position_m, heading: (N,), (N, 3) metres, (N, 2) cosine and sine of the yaw; of all vehicles.
            elapsed_s: time of the episode.

        Returns:
            RED or GREEN for each of the n.
        """
        came: dict[int, tuple[int, float]] = {}
        moving = np.ones(len(actor_ids), bool)
        moving[rows] = False  # who gives way itself is not waited for
        blocked = _crossed(position_m[rows], heading[rows], position_m[moving], heading[moving])
        states = []
        for actor_id, sign, crossed in zip(actor_ids[rows].tolist(), signs.tolist(), blocked.tolist(), strict=True):
            before = self._came.get(actor_id)
            came[actor_id] = before if before is not None and before[0] == sign else (sign, elapsed_s)
            held = elapsed_s - came[actor_id][1] < self._hold_s[sign] - 1e-6
            states.append(LightState.RED if held or crossed else LightState.GREEN)
        self._came = came
        return states


def _crossed(
    position_m: np.ndarray, heading: np.ndarray, others_m: np.ndarray, others_heading: np.ndarray
) -> np.ndarray:
    """Whether another vehicle is in the way ahead and does not simply drive ahead on the same lane, (n,) bool.

    Args:
        position_m, heading: (n, 3) and (n, 2) of those who ask.
        others_m, others_heading: (M, 3) and (M, 2) of the others.
    """
    offset_m = others_m - position_m[:, None]
    cosine, sine = heading[:, :1], heading[:, 1:]
    ahead_m = offset_m[..., 0] * cosine + offset_m[..., 1] * sine
    aside_m = np.abs(offset_m[..., 1] * cosine - offset_m[..., 0] * sine)
    near = (ahead_m > 2.0) & (ahead_m < _AHEAD_M) & (aside_m < _ASIDE_M) & (np.abs(offset_m[..., 2]) < 3.0)
    if near.any():
        near &= (heading @ others_heading.T <= _SAME_WAY) | (aside_m >= 2.0)
    return near.any(1)
