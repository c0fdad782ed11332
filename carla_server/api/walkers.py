"""Walkers."""

from __future__ import annotations

from typing import Any

from carla_server.api.actors import walker_of
from carla_server.api.simulator import Simulator
from carla_server.api.table import Returns, rows
from carla_server.wire.structs import read_float, read_pose, read_walker_control


def apply_control_to_walker(simulator: Simulator, actor_id: Any, control: Any) -> None:
    wanted = read_walker_control(control)
    values = (*wanted.direction, wanted.speed_mps, float(wanted.jump))
    simulator.world.walkers.set_control(walker_of(simulator, actor_id).actor_id, values)


def apply_walker_state(simulator: Simulator, actor_id: Any, transform: Any, speed: Any) -> None:
    """Batch command WalkerState: a client's crowd puts a walker's feet somewhere."""
    walker = walker_of(simulator, actor_id)
    simulator.world.walkers.set_state(walker.actor_id, read_pose(transform), read_float(speed, "walker speed"))


PROCEDURES = rows(Returns.VOID, apply_control_to_walker)
