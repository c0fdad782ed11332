"""Which traffic light a vehicle is at, and whether it, or a sign, makes the vehicle wait."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numba import float64, from_dtype, int64, uint8, uint32, void

from carla_server.compiled import compiled, kernel
from carla_server.dynamics import VehicleFleet
from carla_server.dynamics.boxes import BOX_SET, BoxSet
from carla_server.dynamics.vehicle_columns import STATE_DTYPE
from carla_server.roads.town import SignSite, TrafficLightSite
from carla_server.world.stop_signs import StopSigns
from carla_server.world.traffic_lights import LightState

NO_LIGHT = -1
_GREEN = int(LightState.GREEN)
_HEIGHT_SLACK_M = 1.5  # under or on a bridge is not at the light
_MIN_ALIGNMENT = 0.5  # cosine of 60 degrees: crossing traffic is not "at" the light
_GIVING_WAY = ("traffic.stop", "traffic.yield")


class Regulation:
    """Trigger boxes of a town's traffic lights and of the signs that make vehicles give way.

    A vehicle is at a light while its middle or its front bumper is inside the light's trigger box, it points along
    the lane and the light is not green: CARLA's clients are told of a light only while it affects them. Local x of a
    trigger runs across the lanes. Where boxes overlap, lights come before signs, and each in the order of the town.
    """

    def __init__(self, lights: Sequence[TrafficLightSite], signs: Sequence[SignSite]) -> None:
        giving_way = [sign for sign in signs if sign.type_id in _GIVING_WAY]
        triggers = [site.trigger for site in lights] + [sign.trigger for sign in giving_way]
        self._lights = len(lights)
        self._stop_signs = StopSigns(giving_way)
        self._triggers = BoxSet.of(
            np.array([box.center_m for box in triggers], np.float64).reshape(-1, 3),
            np.array([box.extent_m for box in triggers], np.float64).reshape(-1, 3),
            np.array([math.radians(box.yaw_deg) for box in triggers], np.float64),
        )

    def seen_by(
        self, fleet: VehicleFleet, light_ids: np.ndarray, light_states: np.ndarray, elapsed_s: float
    ) -> tuple[np.ndarray, np.ndarray]:
        """What every vehicle sees.

        Args:
            fleet: the vehicles, N of them.
            light_ids: (n_lights,) uint32 actor ids of the town's lights.
            light_states: (n_lights,) uint8 of LightState.
            elapsed_s: time of the episode.

        Returns:
            (N,) uint32 id of the light that a vehicle is at, 0 for none; (N,) uint8 LightState that holds for it,
            GREEN where nothing holds it.
        """
        count = len(fleet)
        site, light_id = np.empty(count, np.int64), np.empty(count, np.uint32)
        light_state = np.empty(count, np.uint8)
        find_sites(fleet.rows, fleet.front_m, self._triggers, light_ids, light_states, site, light_id, light_state)
        if self._lights == len(self._triggers.center_m):
            return light_id, light_state
        at_sign = np.flatnonzero(site >= self._lights)
        if len(at_sign):
            poses = (fleet.actor_ids, fleet.position_m, fleet.heading)
            light_state[at_sign] = self._stop_signs.states(at_sign, site[at_sign] - self._lights, *poses, elapsed_s)
        else:
            self._stop_signs.forget()
        return light_id, light_state


@kernel(
    void(
        from_dtype(STATE_DTYPE)[::1],
        float64[::1],
        BOX_SET,
        uint32[::1],
        uint8[::1],
        int64[::1],
        uint32[::1],
        uint8[::1],
    )
)
def find_sites(cars, front_m, triggers, light_ids, light_states, site, light_id, light_state):
    """Find the trigger that each vehicle is in, and the light that belongs to it.

    Args:
        cars: (N,) of `STATE_DTYPE`.
        front_m: (N,) distance from the origin to the front bumper.
        triggers: `BoxSet` of the lights' triggers, then of others.
        light_ids, light_states: of the lights.
        site: (N,) row of the trigger, `NO_LIGHT` for none; written here.
        light_id, light_state: (N,) of the light, 0 and GREEN without one and at a green one; written here.
    """
    for row in range(len(cars)):
        at = _site_of(cars[row], front_m[row], triggers)
        site[row] = at
        if 0 <= at < len(light_ids) and light_states[at] != _GREEN:
            light_id[row], light_state[row] = light_ids[at], light_states[at]
        else:
            light_id[row], light_state[row] = 0, _GREEN


@compiled
def _site_of(car, front_m, triggers):
    """Row of the first trigger that a vehicle is in, `NO_LIGHT` for none."""
    center_m, extent_m, heading = triggers
    front_x, front_y = car.heading_x * front_m, car.heading_y * front_m
    for row in range(len(center_m)):
        x, y = car.x_m - center_m[row, 0], car.y_m - center_m[row, 1]
        reach_x, reach_y = extent_m[row, 0], extent_m[row, 1]
        if max(abs(x), abs(y)) > reach_x + reach_y + front_m:
            continue
        cosine, sine = heading[row, 0], heading[row, 1]
        inside = abs(x * cosine + y * sine) <= reach_x and abs(y * cosine - x * sine) <= reach_y
        x, y = x + front_x, y + front_y
        inside |= abs(x * cosine + y * sine) <= reach_x and abs(y * cosine - x * sine) <= reach_y
        along = abs(car.heading_y * cosine - car.heading_x * sine) > _MIN_ALIGNMENT
        level = abs(car.z_m - center_m[row, 2]) < extent_m[row, 2] + _HEIGHT_SLACK_M
        if inside and along and level:
            return row
    return NO_LIGHT
