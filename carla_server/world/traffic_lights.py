"""Traffic lights that take turns: the controllers of one junction go green one after another.

Times are CARLA's defaults. A light whose state a client sets keeps it until its own controller changes next, as in
CARLA (`ATrafficLightGroup`), or for good while the lights are frozen.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from enum import IntEnum

import numpy as np

from carla_server.roads.town import TrafficLightSite

DEFAULT_TIMES_S = (10.0, 3.0, 2.0)
"""Green, yellow, red (all-red clearance before the next controller)."""


class LightState(IntEnum):
    """carla.TrafficLightState."""

    RED = 0
    YELLOW = 1
    GREEN = 2
    OFF = 3
    UNKNOWN = 4


_TIME_SLACK_S = 1e-9
_STAGES = (LightState.GREEN, LightState.YELLOW, LightState.RED)


class _Group:
    """The lights of one junction: which controller's turn it is and how far that turn has got."""

    def __init__(self, sites: Sequence[TrafficLightSite], members: list[int]) -> None:
        self.members = members
        phases = sorted({(sites[index].phase, sites[index].controller_id) for index in members})
        self.controllers = [
            [index for index in members if (sites[index].phase, sites[index].controller_id) == phase]
            for phase in phases
        ]
        self.turn = 0
        self.stage = 0
        self.timer_s = 0.0
        self.frozen = False


class TrafficLights:
    """State of all traffic lights of a town.

    Attributes:
        state: (n,) uint8 of LightState, in the order of the town's sites.
        elapsed_s: (n,) float64 seconds since each light changed.
        times_s: (n, 3) float64 green, yellow, red.
        frozen: (n,) bool.
    """

    def __init__(self, sites: Sequence[TrafficLightSite]) -> None:
        count = len(sites)
        self.times_s = np.tile(np.array(DEFAULT_TIMES_S), (count, 1))
        self.state = np.full(count, LightState.RED, np.uint8)
        self.elapsed_s = np.zeros(count)
        self.frozen = np.zeros(count, bool)
        by_group: dict[int, list[int]] = {}
        for index, site in enumerate(sites):
            by_group.setdefault(site.group, []).append(index)
        self._groups = [_Group(sites, members) for _, members in sorted(by_group.items())]
        self._group_of = {index: group for group in self._groups for index in group.members}
        self._any_frozen = False
        self._passed_s = 0.0  # since the groups' timers were last brought up to date
        self._next_change_s = 0.0  # when that has to be done again, on the same clock
        self.reset()

    def __len__(self) -> int:
        return len(self.state)

    def step(self, delta_s: float) -> None:
        """Let time pass; frozen junctions stand still."""
        if not len(self.state):
            return
        if self._any_frozen:
            np.add(self.elapsed_s, delta_s, out=self.elapsed_s, where=~self.frozen)
        else:
            self.elapsed_s += delta_s
        self._passed_s += delta_s
        if self._passed_s >= self._next_change_s:
            self._turn()

    def _turn(self) -> None:
        """Let the junctions catch up with the time that has passed, and find out when the next one changes."""
        passed_s, self._passed_s, self._next_change_s = self._passed_s, 0.0, math.inf
        for group in self._groups:
            if group.frozen:
                continue
            group.timer_s += passed_s
            left_s = self._duration_s(group) - group.timer_s
            if left_s <= _TIME_SLACK_S:
                group.timer_s = -left_s
                self._advance(group)
                left_s = self._duration_s(group) - group.timer_s
            self._next_change_s = min(self._next_change_s, left_s - _TIME_SLACK_S)

    def _duration_s(self, group: _Group) -> float:
        """How long the present stage of a junction lasts."""
        return float(self.times_s[group.controllers[group.turn][0], group.stage])

    def members(self, index: int) -> list[int]:
        """Indices of the lights at the same junction, this one included."""
        return self._group_of[index].members

    def set_state(self, index: int, state: LightState) -> None:
        """Switch one light now."""
        self.state[index] = state
        self.elapsed_s[index] = 0.0

    def set_time(self, index: int, stage: LightState, seconds: float) -> None:
        """Set how long the controller of this light stays in a stage (green, yellow or red)."""
        group = self._group_of[index]
        self._next_change_s = 0.0
        controller = next(members for members in group.controllers if index in members)
        self.times_s[controller, _STAGES.index(stage)] = seconds

    def freeze(self, frozen: bool, index: int | None = None) -> None:
        """Stop or restart the junction of one light, or all of them."""
        self._turn()
        for group in self._groups if index is None else (self._group_of[index],):
            group.frozen = frozen
            self.frozen[group.members] = frozen
        self._any_frozen = bool(self.frozen.any())
        self._next_change_s = 0.0

    def reset(self, index: int | None = None) -> None:
        """Start the turns of one light's junction, or of all, from the beginning."""
        self._turn()
        for group in self._groups if index is None else (self._group_of[index],):
            group.turn, group.stage, group.timer_s = 0, 0, 0.0
            self.state[group.members] = LightState.RED
            self.state[group.controllers[0]] = LightState.GREEN
            self.elapsed_s[group.members] = 0.0
        self._next_change_s = 0.0

    def _advance(self, group: _Group) -> None:
        group.stage += 1
        if group.stage == len(_STAGES):
            group.stage = 0
            group.turn = (group.turn + 1) % len(group.controllers)
        wanted = _STAGES[group.stage]
        changed = [index for index in group.controllers[group.turn] if self.state[index] != wanted]
        self.state[changed] = wanted
        self.elapsed_s[changed] = 0.0
