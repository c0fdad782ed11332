"""What a step needs of the vehicles' specifications, in the form in which it needs it."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from carla_server.dynamics import powertrain
from carla_server.dynamics.spec import GRAVITY_MPS2, LEAST_FRICTION, VehicleSpec

AIR_DENSITY_KGPM3 = 1.2

LOAD_SENSITIVITY = 0.3
"""Cornering stiffness grows with the load on an axle to the power of 1 minus this, so the laden axle slips more."""

REAR_STIFFNESS_FACTOR = 1.1
"""Rear tyres are a little stiffer than front tyres, which makes vehicles understeer."""


class Parameters(NamedTuple):
    """What the step needs of each specification, float64 arrays of one length or floats; forces are per mass.

    engine_fraction_s: share of the largest engine speed per rad/s. engine_drag: m^2/s, torque per rad/s and mass.
    engine_inertia_m2: the engine's moment of inertia per mass. wheel_damping_per_s: deceleration per speed.
    """

    mass_kg: Any
    to_front_m: Any
    to_rear_m: Any
    gyration2_m2: Any
    half_base_m: Any
    half_track_m: Any
    inverse_radius_per_m: Any
    steer_rate_per_s: Any
    max_rpm: Any
    engine_fraction_s: Any
    top_gear: Any
    shift_up: Any
    shift_down: Any
    switch_time_s: Any
    engine_inertia_m2: Any
    engine_drag: Any
    wheel_damping_per_s: Any
    front_drive: Any
    brake_mps2: Any
    handbrake_mps2: Any
    grip_mps2: Any
    front_stiffness_mps2: Any
    rear_stiffness_mps2: Any
    front_load: Any
    traction: Any
    drag_per_m: Any
    rolling_mps2: Any
    two_wheeler: Any

    @staticmethod
    def column(spec: VehicleSpec) -> list[float]:
        """Values of one vehicle, in field order."""
        load = spec.mass_kg * spec.wheel_radius_m
        front_load = 1.0 - spec.cg_to_front_m / spec.wheelbase_m
        # Pulling shifts load from the front axle to the rear; each axle slips at its own limit. With rear drive
        # alone the front formula is that of lifting the front wheels.
        shift = spec.tyre_friction * spec.cg_height_m / spec.wheelbase_m
        traction_front = front_load / max(spec.front_drive + shift, 1e-9)
        traction_rear = (1.0 - front_load) / max(1.0 - spec.front_drive - shift, 1e-9)
        stiffness = spec.cornering_per_rad * GRAVITY_MPS2 * 0.5**LOAD_SENSITIVITY
        kept = 1.0 - LOAD_SENSITIVITY
        return [
            spec.mass_kg,
            spec.cg_to_front_m,
            spec.wheelbase_m - spec.cg_to_front_m,
            spec.yaw_inertia_kgm2 / spec.mass_kg,
            0.5 * spec.wheelbase_m,
            0.5 * spec.track_m,
            1.0 / spec.wheel_radius_m,
            spec.steer_rate_per_s,
            spec.max_rpm,
            powertrain.RPM_PER_RADPS / spec.max_rpm,
            float(len(spec.gear_ratios)),
            spec.shift_up_fraction if spec.automatic_gearbox else np.inf,
            spec.shift_down_fraction if spec.automatic_gearbox else -np.inf,
            spec.gear_switch_time_s,
            spec.engine_inertia_kgm2 / spec.mass_kg,
            spec.engine_drag_nms / spec.mass_kg,
            4.0 * spec.wheel_damping_nms / (load * spec.wheel_radius_m),
            spec.front_drive,
            4.0 * spec.max_brake_torque_nm / load,
            2.0 * spec.max_handbrake_torque_nm / load,
            max(spec.tyre_friction, LEAST_FRICTION) * GRAVITY_MPS2,
            stiffness * front_load**kept,
            stiffness * (1.0 - front_load) ** kept * REAR_STIFFNESS_FACTOR,
            front_load,
            min(traction_front, traction_rear, 1.0),
            0.5 * AIR_DENSITY_KGPM3 * spec.drag_coefficient_m2 / spec.mass_kg,
            spec.rolling_resistance * GRAVITY_MPS2,
            float(spec.is_two_wheeler),
        ]


class EngineTables(NamedTuple):
    """Tables of `powertrain`: `Curves` of many vehicles or the lists of one."""

    steering: Any
    acceleration: Any
    lever: Any
