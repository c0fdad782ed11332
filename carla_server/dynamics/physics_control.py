"""`VehicleSpec` as CARLA's VehiclePhysicsControl, in the field order of the wire, and back."""

from __future__ import annotations

import dataclasses
import math
from typing import Any

from carla_server.dynamics.spec import VehicleSpec

CARLA_FRICTION_PER_UNIT = 0.3
"""CARLA's tire_friction of 3.5 is a dry road; times 0.3 it is a coefficient of friction of 1.05."""

CARLA_STIFFNESS_PER_UNIT = 13.0 / 17.0
"""CARLA's default lat_stiff_value of 17 stands for the model's normal cornering stiffness."""

ENGINE_INERTIA = 1.0
FULL_THROTTLE_DAMPING = 0.15
FREE_DAMPING = 0.35
CLUTCH_STRENGTH = 10.0
WHEEL_DAMPING = 0.25
LATERAL_MAX_LOAD = 2.0
LONGITUDINAL_STIFFNESS = 1000.0


def _reference_area_m2(spec: VehicleSpec) -> float:
    return 4.0 * spec.extent_m[1] * spec.extent_m[2] * 0.85


def physics_control_of(
    spec: VehicleSpec, position_m: tuple[float, float, float] = (0.0, 0.0, 0.0), yaw_rad: float = 0.0
) -> list[Any]:
    """What `get_physics_control` answers for a vehicle.

    Engine inertia, clutch strength and damping other than at zero throttle are CARLA's defaults: the model
    has no such states.

    Args:
        spec: the vehicle's mechanics.
        position_m: its position, because CARLA gives wheel positions in the world (in centimetres).
        yaw_rad: its heading.

    Returns:
        The 17 fields of VehiclePhysicsControl as nested lists, ready for msgpack.
    """
    area_m2 = _reference_area_m2(spec)
    half_track_m = 0.5 * spec.track_m
    front_m, rear_m = 0.5 * spec.wheelbase_m, -0.5 * spec.wheelbase_m
    wheels = []
    for forward_m, right_m in (
        (front_m, -half_track_m),
        (front_m, half_track_m),
        (rear_m, -half_track_m),
        (rear_m, half_track_m),
    ):
        steers = forward_m > 0.0
        x_m = position_m[0] + forward_m * math.cos(yaw_rad) - right_m * math.sin(yaw_rad)
        y_m = position_m[1] + forward_m * math.sin(yaw_rad) + right_m * math.cos(yaw_rad)
        wheels.append(
            [
                spec.tyre_friction / CARLA_FRICTION_PER_UNIT,
                WHEEL_DAMPING,
                math.degrees(spec.max_steer_rad) if steers else 0.0,
                spec.wheel_radius_m * 100.0,
                spec.max_brake_torque_nm,
                0.0 if steers else spec.max_handbrake_torque_nm,
                LATERAL_MAX_LOAD,
                spec.cornering_per_rad / CARLA_STIFFNESS_PER_UNIT,
                LONGITUDINAL_STIFFNESS,
                [100.0 * x_m, 100.0 * y_m, 100.0 * (position_m[2] + spec.wheel_radius_m)],
            ]
        )
    return [
        [[rpm, torque_nm] for rpm, torque_nm in spec.torque_curve],
        spec.max_rpm,
        ENGINE_INERTIA,
        FULL_THROTTLE_DAMPING,
        spec.engine_drag_nms,
        FREE_DAMPING,
        spec.automatic_gearbox,
        spec.gear_switch_time_s,
        CLUTCH_STRENGTH,
        spec.final_ratio,
        [[ratio, spec.shift_down_fraction, spec.shift_up_fraction] for ratio in spec.gear_ratios],
        spec.mass_kg,
        spec.drag_coefficient_m2 / area_m2,
        [0.5 * spec.wheelbase_m - spec.cg_to_front_m, 0.0, 0.4],
        [[speed_kmh, share] for speed_kmh, share in spec.steering_curve],
        wheels,
        False,
    ]


def spec_with_physics_control(spec: VehicleSpec, fields: list[Any]) -> VehicleSpec:
    """The vehicle that `apply_physics_control` asks for.

    Args:
        spec: the vehicle as it is; what the message cannot say (size, axles, driven wheels) stays.
        fields: the 17 fields of VehiclePhysicsControl in wire order.

    Returns:
        The changed specification.

    Raises:
        ValueError: missing fields, no wheels, or values for which the model has no meaning.
    """
    if len(fields) < 17:
        raise ValueError(f"VehiclePhysicsControl has {len(fields)} fields; it must have 17")
    wheels, gears = fields[15], fields[10]
    if not wheels or any(len(wheel) < 10 for wheel in wheels):
        raise ValueError("VehiclePhysicsControl.wheels is empty or incomplete; each wheel must have 10 fields")
    if not gears or any(len(gear) < 3 for gear in gears):
        raise ValueError("VehiclePhysicsControl.forward_gears is empty or incomplete; each gear must have 3 fields")
    steered_deg = max(wheel[2] for wheel in wheels)
    center_x_m = float(fields[13][0])
    count = len(wheels)
    return dataclasses.replace(
        spec,
        torque_curve=tuple((float(rpm), float(torque_nm)) for rpm, torque_nm in fields[0]),
        max_rpm=float(fields[1]),
        engine_drag_nms=float(fields[4]),
        automatic_gearbox=bool(fields[6]),
        gear_switch_time_s=float(fields[7]),
        final_ratio=float(fields[9]),
        gear_ratios=tuple(float(gear[0]) for gear in gears),
        shift_down_fraction=float(gears[0][1]),
        shift_up_fraction=float(gears[0][2]),
        mass_kg=float(fields[11]),
        drag_coefficient_m2=float(fields[12]) * _reference_area_m2(spec),
        cg_to_front_m=0.5 * spec.wheelbase_m - center_x_m,
        steering_curve=tuple((float(speed_kmh), float(share)) for speed_kmh, share in fields[14]),
        tyre_friction=CARLA_FRICTION_PER_UNIT * sum(float(wheel[0]) for wheel in wheels) / count,
        max_steer_rad=math.radians(float(steered_deg)),
        wheel_radius_m=sum(float(wheel[3]) for wheel in wheels) / count / 100.0,
        max_brake_torque_nm=sum(float(wheel[4]) for wheel in wheels) / count,
        max_handbrake_torque_nm=max(float(wheel[5]) for wheel in wheels),
        cornering_per_rad=CARLA_STIFFNESS_PER_UNIT * sum(float(wheel[7]) for wheel in wheels) / count,
    )
