"""What a vehicle is, mechanically: the numbers behind CARLA's `VehiclePhysicsControl`."""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import pairwise

from carla_server.dynamics.vehicle_families import (
    FAMILIES,
    FRONT_DRIVE,
    RPM_PER_RADPS,
    VehicleFigures,
    least_max_rpm,
    steer_for_circle_rad,
    torque_curve,
)

GRAVITY_MPS2 = 9.81
"""Standard gravity as CARLA's default physics scene has it."""

LEAST_FRICTION = 1e-6
"""Tyres without friction are computed with this much, so that a friction trigger can give them any."""

_CAR_STEERING_CURVE = ((0.0, 1.0), (20.0, 0.9), (60.0, 0.8), (120.0, 0.7))


@dataclass(frozen=True)
class VehicleSpec:
    """Mass, geometry, powertrain, brakes and tyres of one vehicle type.

    The model is a dynamic bicycle on tyres with a friction circle (Rajamani, Vehicle Dynamics and Control,
    2012, chapters 2 and 13); CARLA documentation, "VehiclePhysicsControl", names most of the values.
    """

    mass_kg: float
    """Mass in kilograms, above 0."""
    extent_m: tuple[float, float, float]
    """Half lengths of the bounding box (forward, right, up), metres, each above 0."""
    box_center_m: tuple[float, float, float]
    """Centre of the bounding box in the vehicle's frame (origin: on the ground, below the middle), metres."""
    wheelbase_m: float
    """Distance between the axles, metres."""
    cg_to_front_m: float
    """Distance from the centre of gravity forward to the front axle, metres, below the wheelbase."""
    cg_height_m: float
    """Height of the centre of gravity above the road; it shifts load between the axles when the vehicle pulls."""
    track_m: float
    """Distance between left and right wheels, metres; small for two-wheelers."""
    wheel_radius_m: float
    """Rolling radius of the tyres, metres."""
    max_steer_rad: float
    """Angle of the front wheels at steer = 1 and standstill, radians, within (0, pi/2)."""
    steering_curve: tuple[tuple[float, float], ...]
    """(speed in km/h, share of max_steer_rad) points with growing speed; linear between, constant outside."""
    steer_rate_per_s: float
    """How fast the steering input can change, full scale 1 per second."""
    torque_curve: tuple[tuple[float, float], ...]
    """(engine speed in rpm, torque in N m at full throttle) points with growing speed."""
    max_rpm: float
    """Engine speed at which torque ends, rpm."""
    gear_ratios: tuple[float, ...]
    """Forward gear ratios, first gear first; reverse uses the first."""
    final_ratio: float
    """Ratio of the final drive."""
    automatic_gearbox: bool
    """Whether gears change by themselves; otherwise they stay as commanded."""
    shift_up_fraction: float
    """Share of max_rpm above which the automatic gearbox shifts up."""
    shift_down_fraction: float
    """Share of max_rpm below which the automatic gearbox shifts down."""
    gear_switch_time_s: float
    """Time without drive torque during a gear change, seconds."""
    engine_inertia_kgm2: float
    """Moment of inertia of what turns with the engine (CARLA's moi), kg m^2."""
    full_throttle_damping_nms: float
    """Torque per engine speed that the engine loses at full throttle, N m s/rad."""
    engine_drag_nms: float
    """Engine braking torque per engine speed at zero throttle, N m s/rad."""
    wheel_damping_nms: float
    """Torque per wheel speed that slows each wheel, N m s/rad."""
    front_drive: float
    """Share of the drive torque that goes to the front axle, 0..1."""
    max_brake_torque_nm: float
    """Brake torque of one wheel at brake = 1, N m (four wheels share the work)."""
    max_handbrake_torque_nm: float
    """Hand brake torque of one rear wheel, N m (two wheels)."""
    tyre_friction: float
    """Coefficient of friction between tyre and dry road."""
    cornering_per_rad: float
    """Normalised cornering stiffness: lateral force per load and slip angle, 1/rad."""
    drag_coefficient_m2: float
    """Drag coefficient times frontal area, square metres."""
    rolling_resistance: float
    """Rolling resistance force per load."""

    def __post_init__(self) -> None:
        """Refuse values for which the model has no meaning."""
        for name in (
            "mass_kg",
            "wheelbase_m",
            "track_m",
            "wheel_radius_m",
            "max_rpm",
            "final_ratio",
        ):
            value = getattr(self, name)
            if not (math.isfinite(value) and value > 0.0):
                raise ValueError(f"VehicleSpec.{name} is {value}; it must be a finite number above 0")
        for name in (
            "cg_height_m",
            "tyre_friction",
            "drag_coefficient_m2",
            "engine_inertia_kgm2",
            "full_throttle_damping_nms",
            "engine_drag_nms",
            "wheel_damping_nms",
            "max_brake_torque_nm",
            "max_handbrake_torque_nm",
            "gear_switch_time_s",
        ):
            value = getattr(self, name)
            if not (math.isfinite(value) and value >= 0.0):
                raise ValueError(f"VehicleSpec.{name} is {value}; it must be a finite number, 0 or above")
        if not (math.isfinite(self.cornering_per_rad) and self.cornering_per_rad > 0.0):
            raise ValueError(
                f"VehicleSpec.cornering_per_rad is {self.cornering_per_rad}; it must be a finite number above 0"
            )
        for name in ("extent_m", "box_center_m"):
            if len(getattr(self, name)) != 3 or not all(math.isfinite(v) for v in getattr(self, name)):
                raise ValueError(f"VehicleSpec.{name} is {getattr(self, name)}; it must be three finite numbers")
        if not 0.0 < self.cg_to_front_m < self.wheelbase_m:
            raise ValueError(
                f"VehicleSpec.cg_to_front_m is {self.cg_to_front_m}; it must lie between 0 and {self.wheelbase_m}"
            )
        if not 0.0 < self.max_steer_rad < math.pi / 2:
            raise ValueError(f"VehicleSpec.max_steer_rad is {self.max_steer_rad}; it must lie between 0 and pi/2")
        if not 0.0 <= self.front_drive <= 1.0:
            raise ValueError(f"VehicleSpec.front_drive is {self.front_drive}; it must lie between 0 and 1")
        if not 1 <= len(self.gear_ratios) <= 16 or any(not ratio > 0.0 for ratio in self.gear_ratios):
            raise ValueError(f"VehicleSpec.gear_ratios is {self.gear_ratios}; it must hold 1 to 16 numbers above 0")
        for name in ("steering_curve", "torque_curve"):
            curve = getattr(self, name)
            if not curve or any(not later[0] > earlier[0] for earlier, later in pairwise(curve)):
                raise ValueError(f"VehicleSpec.{name} is {curve}; it must hold points with growing first value")

    @property
    def yaw_inertia_kgm2(self) -> float:
        """Moment of inertia about the vertical axis of a box of this size and mass, kg m^2."""
        length_m, width_m = 2.0 * self.extent_m[0], 2.0 * self.extent_m[1]
        return self.mass_kg * (length_m**2 + width_m**2) / 12.0

    @property
    def is_two_wheeler(self) -> bool:
        """Whether the wheels stand in one line, so that the vehicle leans instead of rolling with the ground."""
        return self.track_m < 0.5

    @staticmethod
    def from_extent(
        extent_m: tuple[float, float, float],
        mass_kg: float,
        base_type: str,
        *,
        electric: bool = False,
        figures: VehicleFigures | None = None,
    ) -> VehicleSpec:
        """Make a plausible vehicle of a size and mass.

        Args:
            extent_m: half lengths of the bounding box (forward, right, up), metres.
            mass_kg: mass in kilograms.
            base_type: CARLA's `base_type` attribute: car, van, truck, bus, motorcycle or bicycle ("" counts as car).
            electric: one gear and the torque of an electric motor (not for two-wheelers).
            figures: what is known of the model; the rest is typical of its kind.

        Returns:
            The specification.

        Raises:
            ValueError: unknown base_type, or a size or mass that is not above 0.
        """
        base_type = base_type.lower() or "car"
        if base_type not in FAMILIES:
            raise ValueError(f"base_type is {base_type!r}; known are {', '.join(sorted(FAMILIES))}")
        if not all(math.isfinite(half) and half > 0.0 for half in extent_m):
            raise ValueError(f"extent_m is {extent_m}; it must be three finite numbers above 0")
        if not (math.isfinite(mass_kg) and mass_kg > 0.0):
            raise ValueError(f"mass_kg is {mass_kg}; it must be a finite number above 0")
        figures = figures or VehicleFigures()
        kind = FAMILIES[base_type]
        two_wheels = base_type in ("motorcycle", "bicycle")
        motor = FAMILIES["electric"] if electric and not two_wheels else kind
        wheelbase_m = figures.wheelbase_m or 2.0 * extent_m[0] * kind.wheelbase_share
        track_m = figures.track_m or (0.2 if two_wheels else 1.6 * extent_m[1])
        max_steer_rad = math.radians(kind.max_steer_deg)
        if figures.turning_circle_m:
            max_steer_rad = steer_for_circle_rad(figures.turning_circle_m, wheelbase_m, track_m)
        power_kw = figures.power_kw or motor.power_kw_per_kg * mass_kg
        torque_nm = figures.torque_nm or motor.torque_nm_per_kg * mass_kg
        max_rpm = max(motor.max_rpm, least_max_rpm(power_kw, torque_nm))
        wheel_rpm = (figures.top_speed_kmh or motor.top_speed_kmh) / 3.6 / kind.wheel_radius_m * RPM_PER_RADPS
        final_ratio = 1.0 if base_type == "bicycle" else 0.95 * max_rpm / (wheel_rpm * motor.gears[-1])
        weight_n = mass_kg * GRAVITY_MPS2
        return VehicleSpec(
            mass_kg=mass_kg,
            extent_m=extent_m,
            box_center_m=(0.0, 0.0, extent_m[2]),
            wheelbase_m=wheelbase_m,
            cg_to_front_m=0.49 * wheelbase_m,
            cg_height_m=0.7 * extent_m[2] if base_type != "motorcycle" else 0.8 * extent_m[2],
            track_m=track_m,
            wheel_radius_m=kind.wheel_radius_m,
            max_steer_rad=max_steer_rad,
            steering_curve=_CAR_STEERING_CURVE,
            steer_rate_per_s=5.0,
            torque_curve=torque_curve(
                motor.efficiency * power_kw, motor.efficiency * torque_nm, max_rpm, electric=motor.electric
            ),
            max_rpm=max_rpm,
            gear_ratios=motor.gears,
            final_ratio=final_ratio,
            automatic_gearbox=True,
            shift_up_fraction=0.88,
            shift_down_fraction=0.42,
            gear_switch_time_s=0.2 if len(motor.gears) > 1 else 0.0,
            engine_inertia_kgm2=motor.engine_inertia_per_nm * torque_nm,
            full_throttle_damping_nms=0.0,
            engine_drag_nms=0.0 if base_type == "bicycle" else 0.1 * torque_nm / (max_rpm / RPM_PER_RADPS),
            wheel_damping_nms=kind.wheel_damping_nms,
            front_drive=FRONT_DRIVE.get(figures.driven, kind.front_drive),
            max_brake_torque_nm=kind.brake_g * weight_n * kind.wheel_radius_m / 4.0,
            max_handbrake_torque_nm=0.5 * weight_n * kind.wheel_radius_m / 2.0,
            tyre_friction=kind.friction,
            cornering_per_rad=13.0,
            drag_coefficient_m2=figures.drag_area_m2
            or kind.drag_area_factor * 4.0 * extent_m[1] * extent_m[2] * 0.85,
            rolling_resistance=0.005 if base_type == "bicycle" else 0.011,
        )
