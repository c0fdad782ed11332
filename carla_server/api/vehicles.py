"""Driving, lights, doors and physics of vehicles."""

from __future__ import annotations

import math
from typing import Any

from carla_server.api.actors import vehicle_of
from carla_server.api.simulator import Simulator
from carla_server.api.table import Returns, rows
from carla_server.dynamics import physics_control_of, spec_with_physics_control
from carla_server.wire.structs import InvalidArgument, read_array, read_int, read_vehicle_control

_ALL_DOORS = 6
_DOORS = 6


def apply_control_to_vehicle(simulator: Simulator, actor_id: Any, control: Any) -> None:
    vehicle = vehicle_of(simulator, actor_id)
    simulator.world.vehicles.set_control(vehicle.actor_id, read_vehicle_control(control))


def get_physics_control(simulator: Simulator, actor_id: Any) -> list:
    vehicle = vehicle_of(simulator, actor_id)
    pose = simulator.world.pose_of(vehicle)
    return physics_control_of(simulator.world.vehicles.spec_of(vehicle.actor_id), pose[:3], math.radians(pose[4]))


def apply_physics_control(simulator: Simulator, actor_id: Any, control: Any) -> None:
    vehicle = vehicle_of(simulator, actor_id)
    fleet = simulator.world.vehicles
    try:
        spec = spec_with_physics_control(fleet.spec_of(vehicle.actor_id), control)
    except (ValueError, TypeError, IndexError) as error:
        raise InvalidArgument(f"physics control cannot be used: {error}") from error
    fleet.set_spec(vehicle.actor_id, spec)


def get_vehicle_light_state(simulator: Simulator, actor_id: Any) -> list[int]:
    return [vehicle_of(simulator, actor_id).light_state]


def set_vehicle_light_state(simulator: Simulator, actor_id: Any, state: Any) -> None:
    flags = state[0] if isinstance(state, list) and state else state
    vehicle_of(simulator, actor_id).light_state = read_int(flags, "light state", 0, (1 << 32) - 1)


def get_vehicle_light_states(simulator: Simulator) -> list:
    return [[vehicle.actor_id, vehicle.light_state] for vehicle in simulator.world.vehicle_actors]


def get_telemetry_data(simulator: Simulator, actor_id: Any) -> list:
    """carla.VehicleTelemetryData; the wheels' forces are not modelled one by one and read 0."""
    vehicle = vehicle_of(simulator, actor_id)
    fleet = simulator.world.vehicles
    row = fleet.index_of(vehicle.actor_id)
    spec = fleet.spec_of(vehicle.actor_id)
    speed_mps = float(fleet.forward_speed_mps()[row])
    throttle, steer, brake = (float(value) for value in fleet.control[row, :3])
    load_n = spec.mass_kg * 9.81 / 4.0
    wheel = [spec.tyre_friction, 0.0, 0.0, speed_mps / spec.wheel_radius_m, load_n, 1.0, 0.0, 0.0, 0.0, 0.0, 0.0]
    rpm, gear = float(fleet.rpm[row]), int(fleet.gear[row])
    return [speed_mps, steer, throttle, brake, rpm, gear, spec.drag_coefficient_m2, [list(wheel) for _ in range(4)]]


def open_vehicle_door(simulator: Simulator, actor_id: Any, door: Any) -> None:
    vehicle_of(simulator, actor_id).open_doors |= _door_bits(door)


def close_vehicle_door(simulator: Simulator, actor_id: Any, door: Any) -> None:
    vehicle_of(simulator, actor_id).open_doors &= ~_door_bits(door)


def get_wheel_steer_angle(simulator: Simulator, actor_id: Any, wheel: Any) -> float:
    vehicle = vehicle_of(simulator, actor_id)
    if read_int(wheel, "wheel", 0, 3) > 1:
        return 0.0
    fleet = simulator.world.vehicles
    return math.degrees(float(fleet.steer_rad[fleet.index_of(vehicle.actor_id)]))


def apply_vehicle_lights(simulator: Simulator, actor_id: Any, flags: Any) -> None:
    """Batch command VehicleLightState."""
    set_vehicle_light_state(simulator, actor_id, read_array([flags], "light state"))


def _door_bits(door: Any) -> int:
    number = read_int(door, "door", 0, _ALL_DOORS)
    return (1 << _DOORS) - 1 if number == _ALL_DOORS else 1 << number


PROCEDURES = {
    **rows(
        Returns.VALUE,
        get_physics_control,
        get_vehicle_light_state,
        get_vehicle_light_states,
        get_telemetry_data,
        get_wheel_steer_angle,
    ),
    **rows(
        Returns.VOID,
        apply_control_to_vehicle,
        apply_physics_control,
        set_vehicle_light_state,
        open_vehicle_door,
        close_vehicle_door,
    ),
}
