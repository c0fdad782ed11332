"""What a step needs of the vehicles' specifications, in the form in which it needs it."""

from __future__ import annotations

import numpy as np

from carla_server.dynamics import powertrain
from carla_server.dynamics.spec import GRAVITY_MPS2, LEAST_FRICTION, VehicleSpec

AIR_DENSITY_KGPM3 = 1.2

LOAD_SENSITIVITY = 0.3
"""Cornering stiffness grows with the load on an axle to the power of 1 minus this, so the laden axle slips more."""

REAR_STIFFNESS_FACTOR = 1.1
"""Rear tyres are a little stiffer than front tyres, which makes vehicles understeer."""


PARAMETERS_DTYPE = np.dtype(
    [
        (name, np.float64)
        for name in (
            "mass_kg",
            "to_front_m",
            "to_rear_m",
            "gyration2_m2",
            "half_base_m",
            "half_track_m",
            "inverse_radius_per_m",
            "steer_rate_per_s",
            "max_rpm",
            "engine_fraction_s",
            "top_gear",
            "shift_up",
            "shift_down",
            "switch_time_s",
            "engine_inertia_m2",
            "engine_drag",
            "wheel_damping_per_s",
            "front_drive",
            "brake_mps2",
            "handbrake_mps2",
            "grip_mps2",
            "front_stiffness_mps2",
            "rear_stiffness_mps2",
            "front_load",
            "traction",
            "drag_per_m",
            "rolling_mps2",
            "two_wheeler",
        )
    ],
    align=True,
)
"""What the step needs of each specification; forces are per mass.

engine_fraction_s: share of the largest engine speed per rad/s. engine_drag: m^2/s, torque per rad/s and mass.
engine_inertia_m2: the engine's moment of inertia per mass. wheel_damping_per_s: deceleration per speed.
"""


def parameters_of(spec: VehicleSpec) -> tuple[float, ...]:
    """Values of one vehicle, in the order of `PARAMETERS_DTYPE`."""
    load = spec.mass_kg * spec.wheel_radius_m
    front_load = 1.0 - spec.cg_to_front_m / spec.wheelbase_m
    # Pulling shifts load from the front axle to the rear; each axle slips at its own limit. With rear drive
    # alone the front formula is that of lifting the front wheels.
    shift = spec.tyre_friction * spec.cg_height_m / spec.wheelbase_m
    traction_front = front_load / max(spec.front_drive + shift, 1e-9)
    traction_rear = (1.0 - front_load) / max(1.0 - spec.front_drive - shift, 1e-9)
    stiffness = spec.cornering_per_rad * GRAVITY_MPS2 * 0.5**LOAD_SENSITIVITY
    kept = 1.0 - LOAD_SENSITIVITY
    return (
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
    )
