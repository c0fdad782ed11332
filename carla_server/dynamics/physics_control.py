"""`VehicleSpec` as CARLA's VehiclePhysicsControl, in the field order of the wire, and back."""

from __future__ import annotations

import dataclasses
import math
from typing import Any

from carla_server.dynamics.spec import LEAST_FRICTION, VehicleSpec

CARLA_FRICTION_PER_UNIT = 0.3
"""CARLA's tire_friction of 3.5 is a dry road; times 0.3 it is a coefficient of friction of 1.05."""

CARLA_STIFFNESS_PER_UNIT = 13.0 / 17.0
"""CARLA's default lat_stiff_value of 17 stands for the model's normal cornering stiffness."""

FREE_DAMPING = 0.35
CLUTCH_STRENGTH = 10.0
LATERAL_MAX_LOAD = 2.0
LONGITUDINAL_STIFFNESS = 1000.0


def _reference_area_m2(spec: VehicleSpec) -> float:
    return 4.0 * spec.extent_m[1] * spec.extent_m[2] * 0.85


def physics_control_of(
    spec: VehicleSpec,
    position_m: tuple[float, float, float] = (0.0, 0.0, 0.0),
    yaw_rad: float = 0.0,
    applied: list[Any] | None = None,
    friction_scale: float = 1.0,
) -> list[Any]:
    """What `get_physics_control` answers for a vehicle.

    Clutch strength, the damping of a disengaged clutch, the load limit of the lateral stiffness and the longitudinal
    stiffness are CARLA's defaults: the model has no such states. A client that sets them reads its own values back.

    Args:
        spec: the vehicle's mechanics.
        position_m: its position, because CARLA gives wheel positions in the world (in centimetres).
        yaw_rad: its heading.
        applied: the fields that a client set last (`spec` follows from them); None before that.
        friction_scale: what a friction trigger does to the tyres; as in CARLA the wheels then tell the trigger's
            friction.

    Returns:
        The 17 fields of VehiclePhysicsControl as nested lists, ready for msgpack. Wheels come in the order front
        left, front right, rear left, rear right; two-wheelers have four, too, as CARLA's do.
    """
    places_cm = _wheel_places_cm(spec, position_m, yaw_rad)
    if applied is not None:
        wheels = [[*wheel[:9], place] for wheel, place in zip(applied[15], places_cm, strict=True)]
    else:
        wheels = [
            [
                spec.tyre_friction / CARLA_FRICTION_PER_UNIT,
                spec.wheel_damping_nms,
                math.degrees(spec.max_steer_rad) if index < 2 else 0.0,
                spec.wheel_radius_m * 100.0,
                spec.max_brake_torque_nm,
                0.0 if index < 2 else spec.max_handbrake_torque_nm,
                LATERAL_MAX_LOAD,
                spec.cornering_per_rad / CARLA_STIFFNESS_PER_UNIT,
                LONGITUDINAL_STIFFNESS,
                place,
            ]
            for index, place in enumerate(places_cm)
        ]
    if friction_scale != 1.0:
        there = friction_scale * max(spec.tyre_friction, LEAST_FRICTION) / CARLA_FRICTION_PER_UNIT
        wheels = [[there, *wheel[1:]] for wheel in wheels]
    if applied is not None:
        return [*applied[:15], wheels, applied[16]]
    return [
        [[rpm, torque_nm] for rpm, torque_nm in spec.torque_curve],
        spec.max_rpm,
        spec.engine_inertia_kgm2,
        spec.full_throttle_damping_nms,
        spec.engine_drag_nms,
        FREE_DAMPING,
        spec.automatic_gearbox,
        spec.gear_switch_time_s,
        CLUTCH_STRENGTH,
        spec.final_ratio,
        [[ratio, spec.shift_down_fraction, spec.shift_up_fraction] for ratio in spec.gear_ratios],
        spec.mass_kg,
        spec.drag_coefficient_m2 / _reference_area_m2(spec),
        [0.5 * spec.wheelbase_m - spec.cg_to_front_m, 0.0, spec.cg_height_m],
        [[speed_kmh, share] for speed_kmh, share in spec.steering_curve],
        wheels,
        False,
    ]


def wheel_offsets_m(spec: VehicleSpec) -> list[tuple[float, float]]:
    """Forward and right of each wheel from the vehicle's origin, in the order of the message."""
    half_base_m, half_track_m = 0.5 * spec.wheelbase_m, 0.5 * spec.track_m
    return [(x, y) for x in (half_base_m, -half_base_m) for y in (-half_track_m, half_track_m)]


def _wheel_places_cm(spec: VehicleSpec, position_m: tuple[float, float, float], yaw_rad: float) -> list[list[float]]:
    cosine, sine = math.cos(yaw_rad), math.sin(yaw_rad)
    x_m, y_m, z_m = position_m
    return [
        [
            100.0 * (x_m + forward_m * cosine - right_m * sine),
            100.0 * (y_m + forward_m * sine + right_m * cosine),
            100.0 * (z_m + spec.wheel_radius_m),
        ]
        for forward_m, right_m in wheel_offsets_m(spec)
    ]


def checked_physics_control(fields: Any) -> list[Any]:
    """The 17 fields of VehiclePhysicsControl as finite floats and booleans, without what later versions append.

    Raises:
        ValueError: missing fields, or something that is no finite number where one belongs; the text names the field.
    """
    if not isinstance(fields, list) or len(fields) < len(_SHAPE):
        count = len(fields) if isinstance(fields, list) else "no"
        raise ValueError(f"VehiclePhysicsControl has {count} fields; it must have {len(_SHAPE)}")
    return [_checked(value, width, name) for value, (name, width) in zip(fields, _SHAPE, strict=False)]


_FLAG, _NUMBER, _VECTOR = -1, 0, -3
_SHAPE: tuple[tuple[str, int], ...] = (
    ("torque_curve", 2),
    ("max_rpm", _NUMBER),
    ("moi", _NUMBER),
    ("damping_rate_full_throttle", _NUMBER),
    ("damping_rate_zero_throttle_clutch_engaged", _NUMBER),
    ("damping_rate_zero_throttle_clutch_disengaged", _NUMBER),
    ("use_gear_autobox", _FLAG),
    ("gear_switch_time", _NUMBER),
    ("clutch_strength", _NUMBER),
    ("final_ratio", _NUMBER),
    ("forward_gears", 3),
    ("mass", _NUMBER),
    ("drag_coefficient", _NUMBER),
    ("center_of_mass", _VECTOR),
    ("steering_curve", 2),
    ("wheels", 10),
    ("use_sweep_wheel_collision", _FLAG),
)
"""Name of each field, and how many numbers each item of a list has."""


def _checked(value: Any, width: int, name: str) -> Any:
    if width == _FLAG:
        return bool(value)
    if width == _NUMBER:
        return _finite(value, name)
    if width == _VECTOR:
        return _numbers(value, 3, name)
    if not isinstance(value, list) or not value:
        raise ValueError(f"{name} is {value!r}; it must be a list with at least one item")
    if name == "wheels":
        return [[*_numbers(item, 9, name), _numbers(_item(item, 9, name), 3, name)] for item in value]
    return [_numbers(item, width, name) for item in value]


def _numbers(value: Any, width: int, name: str) -> list[float]:
    return [_finite(_item(value, index, name), name) for index in range(width)]


def _item(value: Any, index: int, name: str) -> Any:
    if not isinstance(value, list) or len(value) <= index:
        raise ValueError(f"{name} holds {str(value)[:80]}; it must be an array of more than {index} values")
    return value[index]


def _finite(value: Any, name: str) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise ValueError(f"{name} is {str(value)[:80]!r}; it must be a finite number")
    return float(value)


def spec_with_physics_control(spec: VehicleSpec, fields: list[Any]) -> VehicleSpec:
    """The vehicle that `apply_physics_control` asks for.

    Args:
        spec: the vehicle as it is; what the message cannot say (size, axles, driven wheels) stays.
        fields: what `checked_physics_control` returned.

    Returns:
        The changed specification.

    Raises:
        ValueError: another number of wheels than four, or values for which the model has no meaning.
    """
    wheels, gears = fields[15], fields[10]
    if len(wheels) != 4:
        raise ValueError(f"wheels holds {len(wheels)} wheels; it must hold 4")
    values = [wheel[:9] for wheel in wheels]
    friction, damping, steer_deg, radius_cm, brake_nm, hand_brake_nm, _, stiffness, _ = zip(*values, strict=True)
    return dataclasses.replace(
        spec,
        torque_curve=tuple((rpm, torque_nm) for rpm, torque_nm in fields[0]),
        max_rpm=fields[1],
        engine_inertia_kgm2=fields[2],
        full_throttle_damping_nms=fields[3],
        engine_drag_nms=fields[4],
        automatic_gearbox=fields[6],
        gear_switch_time_s=fields[7],
        final_ratio=fields[9],
        gear_ratios=tuple(gear[0] for gear in gears),
        shift_down_fraction=gears[0][1],
        shift_up_fraction=gears[0][2],
        mass_kg=fields[11],
        drag_coefficient_m2=fields[12] * _reference_area_m2(spec),
        cg_to_front_m=0.5 * spec.wheelbase_m - fields[13][0],
        cg_height_m=fields[13][2],
        steering_curve=tuple((speed_kmh, share) for speed_kmh, share in fields[14]),
        tyre_friction=CARLA_FRICTION_PER_UNIT * sum(friction) / 4.0,
        wheel_damping_nms=sum(damping) / 4.0,
        max_steer_rad=math.radians(max(steer_deg)),
        wheel_radius_m=sum(radius_cm) / 4.0 / 100.0,
        max_brake_torque_nm=sum(brake_nm) / 4.0,
        max_handbrake_torque_nm=sum(hand_brake_nm) / 2.0,
        cornering_per_rad=CARLA_STIFFNESS_PER_UNIT * sum(stiffness) / 4.0,
    )
