"""Ackermann control of vehicles."""

from __future__ import annotations

import math
from typing import Any

from carla_server.api.actors import vehicle_of
from carla_server.api.simulator import Simulator
from carla_server.api.table import Returns, rows
from carla_server.dynamics.ackermann import AckermannGains, AckermannTarget
from carla_server.wire.structs import FASTEST_MPS, read_array, read_float


def apply_ackermann_control_to_vehicle(simulator: Simulator, actor_id: Any, control: Any) -> None:
    """carla.VehicleAckermannControl; drives the vehicle until the next pedal command."""
    vehicle = vehicle_of(simulator, actor_id)
    steer, steer_speed, speed, acceleration, jerk = read_array(control, "Ackermann control", 5)[:5]
    target = AckermannTarget(
        read_float(steer, "steer", -math.pi, math.pi),
        read_float(steer_speed, "steer_speed", 0.0, 1e3),
        read_float(speed, "speed", -FASTEST_MPS, FASTEST_MPS),
        read_float(acceleration, "acceleration", -1e3, 1e3),
        abs(read_float(jerk, "jerk", -1e6, 1e6)),
    )
    vehicle.ackermann.command(target)
    simulator.world.ackermann[vehicle.actor_id] = vehicle.ackermann


def get_ackermann_controller_settings(simulator: Simulator, actor_id: Any) -> list[float]:
    gains = vehicle_of(simulator, actor_id).ackermann.gains
    return [
        gains.speed_kp,
        gains.speed_ki,
        gains.speed_kd,
        gains.acceleration_kp,
        gains.acceleration_ki,
        gains.acceleration_kd,
    ]


def apply_ackermann_controller_settings(simulator: Simulator, actor_id: Any, settings: Any) -> None:
    """carla.AckermannControllerSettings."""
    vehicle = vehicle_of(simulator, actor_id)
    values = [read_float(value, "gain", -1e6, 1e6) for value in read_array(settings, "Ackermann settings", 6)[:6]]
    vehicle.ackermann.gains = AckermannGains(*values)


PROCEDURES = {
    **rows(Returns.VALUE, get_ackermann_controller_settings),
    **rows(Returns.VOID, apply_ackermann_control_to_vehicle, apply_ackermann_controller_settings),
}
