"""`apply_batch`: many commands in one call, each answered by itself."""

from __future__ import annotations

from collections.abc import Callable, Container
from typing import Any

from carla_server.api import ackermann, actors, lights, vehicles, walkers
from carla_server.api.simulator import Simulator
from carla_server.api.table import AfterTick, Procedure, Returns
from carla_server.dynamics import VehicleFleet
from carla_server.wire.structs import (
    InvalidArgument,
    VehicleControl,
    read_array,
    read_bool,
    read_int,
    read_optional,
    read_vehicle_control,
)

_SPAWN_ACTOR = 0
_VEHICLE_CONTROL = 2
_FUTURE_ACTOR = 0

_COMMANDS: dict[int, Callable[..., Any]] = {
    1: actors.destroy_actor,
    2: vehicles.apply_control_to_vehicle,
    3: ackermann.apply_ackermann_control_to_vehicle,
    4: walkers.apply_control_to_walker,
    5: vehicles.apply_physics_control,
    6: actors.set_actor_transform,
    7: walkers.apply_walker_state,
    8: actors.set_actor_target_velocity,
    9: actors.set_actor_target_angular_velocity,
    10: actors.add_actor_impulse,
    11: actors.add_actor_force,
    12: actors.add_actor_angular_impulse,
    13: actors.add_actor_torque,
    14: actors.set_actor_simulate_physics,
    15: actors.set_actor_enable_gravity,
    16: actors.set_actor_autopilot,
    17: vehicles.show_vehicle_debug_telemetry,
    18: vehicles.apply_vehicle_lights,
    19: actors.set_actor_location,
    21: lights.set_traffic_light_state,
}
"""Index of the command's variant -> handler; all take the actor's id first."""

_UNSUPPORTED = {20: "ConsoleCommand"}

_BESIDE_CONTROLS = frozenset((_VEHICLE_CONTROL, 6, 7, 8, 9, 18))
"""Commands that neither look at nor change what is commanded to other vehicles: controls need not be set before."""


def apply_batch(simulator: Simulator, commands: Any, do_tick: Any) -> AfterTick | list:
    """Run the commands in order; one that fails does not stop the others.

    Returns:
        One `Response<actor id>` a command: `[[1, id]]` or `[[0, [text]]]`.
    """
    answers: list[list] = []
    controls: dict[int, VehicleControl] = {}
    fleet, drivers = simulator.world.vehicles, simulator.world.ackermann
    for command in read_array(commands, "commands"):
        steered = _steered(fleet, drivers, command)
        if steered is not None:
            actor_id, control = steered
            controls[actor_id] = control
            answers.append([[1, actor_id]])
            continue
        if controls and _kind(command) not in _BESIDE_CONTROLS:
            fleet.set_controls(list(controls), list(controls.values()))
            controls = {}
        answers.append(_answer(simulator, command))
    if controls:
        fleet.set_controls(list(controls), list(controls.values()))
    return AfterTick(lambda: answers) if read_bool(do_tick, "do_tick") else answers


def _steered(fleet: VehicleFleet, drivers: Container[int], command: Any) -> tuple[int, VehicleControl] | None:
    """Vehicle and control of a good ApplyVehicleControl, of which Traffic Managers send one per car and tick."""
    try:
        kind, (actor_id, control) = command[0]
        if kind == _VEHICLE_CONTROL and type(actor_id) is int and actor_id in fleet and actor_id not in drivers:
            return actor_id, read_vehicle_control(control)
    except (InvalidArgument, LookupError, TypeError, ValueError):
        pass  # it is answered like any other command, which finds out what is wrong
    return None


def _kind(command: Any) -> Any:
    """Which command it is; None where it is not even one."""
    try:
        kind = command[0][0]
    except (LookupError, TypeError):
        return None
    return kind if type(kind) is int else None


def _answer(simulator: Simulator, command: Any) -> list:
    try:
        return [[1, _run(simulator, command, _FUTURE_ACTOR)]]
    except InvalidArgument as error:
        return [[0, [str(error)]]]


def _run(simulator: Simulator, command: Any, future_actor: int) -> int:
    variant = read_array(command, "command", 1)[0]
    kind, fields = read_array(variant, "command", 2)[:2]
    fields = read_array(fields, "command fields", 1)
    if kind == _SPAWN_ACTOR:
        return _spawn(simulator, fields)
    handler = _COMMANDS.get(read_int(kind, "command kind"))
    if handler is None:
        name = _UNSUPPORTED.get(kind, f"number {kind}")
        raise InvalidArgument(f"batch command {name} is not supported by this server")
    if future_actor and fields[0] == _FUTURE_ACTOR:
        fields = [future_actor, *fields[1:]]
    try:
        handler(simulator, *fields)
    except TypeError as error:
        raise InvalidArgument(f"batch command {kind} has {len(fields)} fields: {error}") from error
    return fields[0]


def _spawn(simulator: Simulator, fields: list) -> int:
    if simulator.world.layout.spawn_has_attachment:
        description, transform, parent, attachment, socket, do_after = read_array(fields, "SpawnActor", 6)[:6]
    else:
        description, transform, parent, do_after = read_array(fields, "SpawnActor", 4)[:4]
        attachment, socket = 0, ""
    parent_id = read_optional(parent, "parent") or 0
    actor = actors.spawn(simulator, description, transform, parent_id, attachment, socket)
    for command in read_array(do_after, "commands after SpawnActor"):
        _run(simulator, command, actor.actor_id)
    return actor.actor_id


PROCEDURES = {"apply_batch": Procedure.of(apply_batch, Returns.BARE)}
