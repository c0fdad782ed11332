"""Driving, lights, doors and physics of vehicles."""

from __future__ import annotations

import math
from typing import Any

from carla_server.api.actors import vehicle_of
from carla_server.api.simulator import Simulator
from carla_server.api.table import Returns, rows
from carla_server.dynamics import checked_physics_control, physics_control_of, spec_with_physics_control
from carla_server.dynamics.telemetry import drag_force_n, wheel_telemetry
from carla_server.wire.structs import (
    InvalidArgument,
    read_array,
    read_bool,
    read_float,
    read_int,
    read_vehicle_control,
)
from carla_server.world.doors import set_open_doors

_ALL_DOORS = 6
_DOORS = 6


def apply_control_to_vehicle(simulator: Simulator, actor_id: Any, control: Any) -> None:
    vehicle = vehicle_of(simulator, actor_id)
    world = simulator.world
    world.vehicles.set_control(vehicle.actor_id, read_vehicle_control(control))
    if vehicle.actor_id in world.ackermann:
        world.ackermann.pop(vehicle.actor_id).release()


def get_physics_control(simulator: Simulator, actor_id: Any) -> list:
    vehicle = vehicle_of(simulator, actor_id)
    fleet, pose = simulator.world.vehicles, simulator.world.pose_of(vehicle)
    spec = fleet.spec_of(vehicle.actor_id)
    friction_scale = float(fleet.friction_scale[fleet.index_of(vehicle.actor_id)])
    return physics_control_of(spec, pose[:3], math.radians(pose[4]), vehicle.physics_message, friction_scale)


def apply_physics_control(simulator: Simulator, actor_id: Any, control: Any) -> None:
    vehicle = vehicle_of(simulator, actor_id)
    fleet = simulator.world.vehicles
    try:
        fields = checked_physics_control(control)
        spec = spec_with_physics_control(fleet.spec_of(vehicle.actor_id), fields)
    except ValueError as error:
        raise InvalidArgument(f"physics control cannot be used: {error}") from error
    fleet.set_spec(vehicle.actor_id, spec)
    vehicle.physics_message = fields


def get_vehicle_light_state(simulator: Simulator, actor_id: Any) -> list[int]:
    return [vehicle_of(simulator, actor_id).light_state]


def set_vehicle_light_state(simulator: Simulator, actor_id: Any, state: Any) -> None:
    flags = state[0] if isinstance(state, list) and state else state
    vehicle_of(simulator, actor_id).light_state = read_int(flags, "light state", 0, (1 << 32) - 1)


def get_vehicle_light_states(simulator: Simulator) -> list:
    return [[vehicle.actor_id, vehicle.light_state] for vehicle in simulator.world.vehicle_actors]


def get_telemetry_data(simulator: Simulator, actor_id: Any) -> list:
    """carla.VehicleTelemetryData; drag is a force in N."""
    vehicle = vehicle_of(simulator, actor_id)
    fleet = simulator.world.vehicles
    row = fleet.index_of(vehicle.actor_id)
    throttle, steer, brake = (float(value) for value in fleet.control[row, :3])
    return [
        float(fleet.forward_speed_mps()[row]),
        steer,
        throttle,
        brake,
        float(fleet.rpm[row]),
        int(fleet.gear[row]),
        drag_force_n(fleet, vehicle.actor_id),
        wheel_telemetry(fleet, vehicle.actor_id),
    ]


def show_vehicle_debug_telemetry(simulator: Simulator, actor_id: Any, enabled: Any) -> None:
    """Accepted: there is no screen that could show it."""
    vehicle_of(simulator, actor_id)
    read_bool(enabled, "enabled")


def open_vehicle_door(simulator: Simulator, actor_id: Any, door: Any) -> None:
    vehicle = vehicle_of(simulator, actor_id)
    set_open_doors(simulator.world, vehicle, vehicle.open_doors | _door_bits(door))


def close_vehicle_door(simulator: Simulator, actor_id: Any, door: Any) -> None:
    vehicle = vehicle_of(simulator, actor_id)
    set_open_doors(simulator.world, vehicle, vehicle.open_doors & ~_door_bits(door))


def get_wheel_steer_angle(simulator: Simulator, actor_id: Any, wheel: Any) -> float:
    """Angle in degrees: as set by hand, else as the vehicle steers."""
    vehicle, number = vehicle_of(simulator, actor_id), _wheel(wheel)
    fleet = simulator.world.vehicles
    steered = number < (1 if fleet.spec_of(vehicle.actor_id).is_two_wheeler else 2)
    own_deg = math.degrees(float(fleet.steer_rad[fleet.index_of(vehicle.actor_id)])) if steered else 0.0
    return vehicle.wheel_steer_deg.get(number, own_deg)


def set_wheel_steer_direction(simulator: Simulator, actor_id: Any, wheel: Any, angle_deg: Any) -> None:
    """Turn a wheel by hand; as in CARLA it does not change how the vehicle drives."""
    vehicle, number = vehicle_of(simulator, actor_id), _wheel(wheel)
    vehicle.wheel_steer_deg[number] = read_float(angle_deg, "angle", -360.0, 360.0)
    simulator.world.turned_by_hand[vehicle.actor_id] = vehicle


def get_wheel_pitch_angle(simulator: Simulator, actor_id: Any, wheel: Any) -> float:
    """Angle in degrees that a wheel has rolled: as set by hand, else as the vehicle rolled."""
    vehicle, number = vehicle_of(simulator, actor_id), _wheel(wheel)
    fleet = simulator.world.vehicles
    own_deg = math.degrees(float(fleet.wheel_turn_rad[fleet.index_of(vehicle.actor_id)]))
    return vehicle.wheel_pitch_deg.get(number, own_deg)


def set_wheel_pitch_angle(simulator: Simulator, actor_id: Any, wheel: Any, angle_deg: Any) -> None:
    """Roll a wheel by hand; as in CARLA it does not change how the vehicle drives."""
    vehicle, number = vehicle_of(simulator, actor_id), _wheel(wheel)
    vehicle.wheel_pitch_deg[number] = read_float(angle_deg, "angle", -1e6, 1e6)
    simulator.world.turned_by_hand[vehicle.actor_id] = vehicle


def apply_vehicle_lights(simulator: Simulator, actor_id: Any, flags: Any) -> None:
    """Batch command VehicleLightState."""
    set_vehicle_light_state(simulator, actor_id, read_array([flags], "light state"))


def _wheel(wheel: Any) -> int:
    return read_int(wheel, "wheel", 0, 3)


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
        get_wheel_pitch_angle,
    ),
    **rows(
        Returns.VOID,
        apply_control_to_vehicle,
        apply_physics_control,
        set_vehicle_light_state,
        open_vehicle_door,
        close_vehicle_door,
        show_vehicle_debug_telemetry,
        set_wheel_steer_direction,
        set_wheel_pitch_angle,
    ),
}
