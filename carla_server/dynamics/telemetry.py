"""What each wheel of one vehicle does, as carla.VehicleTelemetryData tells it."""

from __future__ import annotations

import math

from carla_server.dynamics.physics_control import CARLA_FRICTION_PER_UNIT, wheel_offsets_m
from carla_server.dynamics.spec import GRAVITY_MPS2, VehicleSpec
from carla_server.dynamics.vehicle import VehicleFleet
from carla_server.dynamics.vehicle_parameters import AIR_DENSITY_KGPM3

LEAST_SPEED_MPS = 0.5
"""Below this speed slip angles read 0."""


def wheel_telemetry(fleet: VehicleFleet, actor_id: int) -> list[list[float]]:
    """The 11 fields of carla.WheelTelemetryData of each wheel, in the order of `wheel_offsets_m`.

    The model has tyres by axle: an axle's force is the share of the vehicle's inertial force that its load carries,
    and its wheels share it by their load. Wheels roll without longitudinal slip.
    """
    row, spec = fleet.index_of(actor_id), fleet.spec_of(actor_id)
    yaw = float(fleet.rotation_rad[row, 1])
    cosine, sine = math.cos(yaw), math.sin(yaw)
    velocity_x, velocity_y, _ = fleet.velocity_mps[row].tolist()
    acceleration_x, acceleration_y, _ = fleet.acceleration_mps2[row].tolist()
    forward, right = velocity_x * cosine + velocity_y * sine, velocity_y * cosine - velocity_x * sine
    along = acceleration_x * cosine + acceleration_y * sine
    across = acceleration_y * cosine - acceleration_x * sine
    yaw_rate, steer = float(fleet.angular_velocity_radps[row, 2]), float(fleet.steer_rad[row])
    friction = spec.tyre_friction / CARLA_FRICTION_PER_UNIT * float(fleet.friction_scale[row])
    weight_n = spec.mass_kg * GRAVITY_MPS2
    wheels = []
    for rest_share, load_share, forward_m, right_m in _loads(spec, along, across):
        speed_mps = forward - yaw_rate * right_m
        sideways_mps = right + yaw_rate * forward_m
        slip = 0.0
        if abs(speed_mps) > LEAST_SPEED_MPS:
            slip = math.atan2(sideways_mps, abs(speed_mps)) - (steer if forward_m > 0.0 else 0.0)
        load_n = load_share * weight_n
        long_n, lat_n = spec.mass_kg * along * load_share, spec.mass_kg * across * load_share
        wheels.append(
            [
                friction,
                slip,
                0.0,
                speed_mps / spec.wheel_radius_m,
                load_n,
                load_share / rest_share,
                long_n * spec.wheel_radius_m,
                long_n,
                lat_n,
                long_n / max(load_n, 1.0),
                lat_n / max(load_n, 1.0),
            ]
        )
    return wheels


def drag_force_n(fleet: VehicleFleet, actor_id: int) -> float:
    """Aerodynamic drag at the vehicle's speed, N."""
    row, spec = fleet.index_of(actor_id), fleet.spec_of(actor_id)
    speed2 = float((fleet.velocity_mps[row, :2] ** 2).sum())
    return 0.5 * AIR_DENSITY_KGPM3 * spec.drag_coefficient_m2 * speed2


def _loads(spec: VehicleSpec, along_mps2: float, across_mps2: float) -> list[tuple[float, float, float, float]]:
    """Share of the weight at rest and now, and place, of each wheel; a vehicle never lifts more than one side."""
    places = wheel_offsets_m(spec)
    front_share = 1.0 - spec.cg_to_front_m / spec.wheelbase_m
    pitch = spec.cg_height_m * along_mps2 / (spec.wheelbase_m * GRAVITY_MPS2)
    roll = 0.0 if spec.is_two_wheeler else spec.cg_height_m * across_mps2 / (spec.track_m * GRAVITY_MPS2)
    loads = []
    for forward_m, right_m in places:
        rest = (front_share if forward_m > 0.0 else 1.0 - front_share) * 0.5
        axle = min(max((front_share - pitch) if forward_m > 0.0 else (1.0 - front_share + pitch), 0.0), 1.0)
        outer = -roll if right_m > 0.0 else roll  # cornering to the right presses on the left wheels
        side = min(max(0.5 + outer, 0.0), 1.0)
        loads.append((rest, axle * side, forward_m, right_m))
    return loads
