"""Side views of vehicle families, in fractions of length and height."""

from __future__ import annotations

from dataclasses import dataclass

Curve = tuple[tuple[float, float], ...]


@dataclass(frozen=True)
class VehicleProfile:
    """Side view of a car-like body. Positions along the body run from -1 (rear) to +1 (front), heights from 0 to 1.

    Attributes:
        belt: (along, height) of bonnet, window sill and boot from rear to front.
        roof: (along, height) of the cabin from the foot of the rear window to the foot of the windscreen.
        windscreen, rear_window: index of the roof segment that is glass, counted from the rear; -1: none.
        side_windows: (rear, front) ranges of side glass along the body; the gaps are pillars.
        roof_width: roof width over belt width.
        nose_width, tail_width: planform width at the two ends over full width.
        floor: height of the sill.
        axles: position of rear and front axle.
        wheel: wheel radius over vehicle height.
        tall_lamps: tail lamps stand upright (vans, buses) rather than lie flat.
        cargo: (rear, front, foot, top) of a box on the chassis, or None.
        light_bar: position along of a flashing light bar on the roof, or None.
        stripe_rgb: colour of the checked band of an emergency vehicle, or None.
        doors: (rear, front) ranges of the doors that swing on either side, from the front to the rear.
        door_foot: height where the doors begin; they end where the roof does.
        bonnet, boot: (rear, front) range of the lid in front of the cabin and of the one at the tail, or None.
    """

    belt: Curve
    roof: Curve
    windscreen: int
    rear_window: int
    side_windows: Curve
    roof_width: float = 0.76
    nose_width: float = 0.80
    tail_width: float = 0.86
    floor: float = 0.15
    axles: tuple[float, ...] = (-0.60, 0.60)
    wheel: float = 0.215
    tall_lamps: bool = False
    cargo: tuple[float, float, float, float] | None = None
    light_bar: float | None = None
    stripe_rgb: tuple[float, float, float] | None = None
    doors: Curve = ()
    door_foot: float = 0.0
    bonnet: tuple[float, float] | None = None
    boot: tuple[float, float] | None = None


SEDAN = VehicleProfile(
    belt=(
        (-1, 0.44),
        (-0.97, 0.66),
        (-0.86, 0.70),
        (-0.3, 0.66),
        (0.40, 0.645),
        (0.75, 0.59),
        (0.97, 0.53),
        (1, 0.47),
    ),
    roof=((-0.72, 0.69), (-0.40, 0.95), (-0.18, 1.0), (0.05, 0.985), (0.12, 0.955), (0.46, 0.635)),
    windscreen=4,
    rear_window=0,
    side_windows=((-0.56, -0.46), (-0.44, -0.15), (-0.12, 0.34)),
    doors=((-0.135, 0.40), (-0.42, -0.135)),
    bonnet=(0.5, 0.96),
    boot=(-0.98, -0.73),
)
HATCH = VehicleProfile(
    belt=(
        (-1, 0.36),
        (-0.985, 0.60),
        (-0.95, 0.66),
        (-0.2, 0.62),
        (0.42, 0.60),
        (0.78, 0.54),
        (0.97, 0.50),
        (1, 0.44),
    ),
    roof=((-0.97, 0.62), (-0.78, 0.93), (-0.40, 1.0), (0.05, 0.985), (0.14, 0.955), (0.54, 0.59)),
    windscreen=4,
    rear_window=0,
    side_windows=((-0.78, -0.50), (-0.47, -0.10), (-0.06, 0.42)),
    nose_width=0.82,
    tail_width=0.90,
    axles=(-0.64, 0.64),
    doors=((-0.08, 0.43), (-0.44, -0.08)),
    bonnet=(0.58, 0.96),
    boot=(-0.99, -0.79),
)
COUPE = VehicleProfile(
    belt=(
        (-1, 0.46),
        (-0.97, 0.68),
        (-0.8, 0.73),
        (-0.2, 0.66),
        (0.35, 0.645),
        (0.75, 0.60),
        (0.97, 0.53),
        (1, 0.47),
    ),
    roof=((-0.84, 0.72), (-0.36, 0.96), (-0.16, 1.0), (0.0, 0.98), (0.08, 0.94), (0.42, 0.645)),
    windscreen=4,
    rear_window=0,
    side_windows=((-0.52, -0.28), (-0.24, 0.30)),
    roof_width=0.70,
    wheel=0.245,
    doors=((-0.26, 0.39),),
    bonnet=(0.46, 0.96),
    boot=(-0.98, -0.85),
)
SUV = VehicleProfile(
    belt=(
        (-1, 0.36),
        (-0.985, 0.60),
        (-0.95, 0.64),
        (0.0, 0.62),
        (0.44, 0.61),
        (0.80, 0.565),
        (0.975, 0.53),
        (1, 0.47),
    ),
    roof=((-0.96, 0.63), (-0.86, 0.93), (-0.6, 1.0), (0.05, 0.99), (0.16, 0.965), (0.48, 0.61)),
    windscreen=4,
    rear_window=0,
    side_windows=((-0.84, -0.56), (-0.53, -0.15), (-0.11, 0.40)),
    roof_width=0.83,
    nose_width=0.86,
    tail_width=0.93,
    floor=0.19,
    wheel=0.22,
    doors=((-0.13, 0.42), (-0.43, -0.13)),
    bonnet=(0.52, 0.965),
    boot=(-0.99, -0.865),
)
JEEP = VehicleProfile(
    belt=(
        (-1, 0.40),
        (-0.99, 0.57),
        (-0.95, 0.60),
        (0.2, 0.60),
        (0.30, 0.585),
        (0.85, 0.565),
        (0.98, 0.54),
        (1, 0.49),
    ),
    roof=((-0.965, 0.60), (-0.95, 0.96), (-0.8, 1.0), (0.10, 1.0), (0.16, 0.975), (0.30, 0.59)),
    windscreen=4,
    rear_window=0,
    side_windows=((-0.90, -0.50), (-0.45, -0.10), (-0.05, 0.22)),
    roof_width=0.90,
    nose_width=0.82,
    tail_width=0.96,
    floor=0.24,
    wheel=0.23,
    doors=((-0.075, 0.29), (-0.43, -0.075)),
    bonnet=(0.34, 0.97),
    boot=(-0.993, -0.94),
)
VAN = VehicleProfile(
    belt=(
        (-1, 0.30),
        (-0.995, 0.50),
        (-0.98, 0.54),
        (0.4, 0.52),
        (0.70, 0.50),
        (0.90, 0.46),
        (0.98, 0.40),
        (1, 0.33),
    ),
    roof=((-0.99, 0.52), (-0.97, 0.93), (-0.9, 1.0), (0.30, 1.0), (0.42, 0.965), (0.78, 0.49)),
    windscreen=4,
    rear_window=0,
    side_windows=((0.10, 0.68),),
    roof_width=0.88,
    nose_width=0.86,
    tail_width=0.98,
    floor=0.12,
    axles=(-0.55, 0.62),
    wheel=0.145,
    tall_lamps=True,
    doors=((0.08, 0.62),),
    door_foot=0.35,
    bonnet=(0.8, 0.975),
    boot=(-0.999, -0.965),
)
MINIBUS = VehicleProfile(
    belt=(
        (-1, 0.28),
        (-0.995, 0.48),
        (-0.98, 0.54),
        (0.4, 0.54),
        (0.88, 0.53),
        (0.96, 0.50),
        (0.99, 0.42),
        (1, 0.33),
    ),
    roof=((-0.99, 0.52), (-0.97, 0.92), (-0.88, 1.0), (0.72, 1.0), (0.82, 0.96), (0.95, 0.52)),
    windscreen=4,
    rear_window=0,
    side_windows=((-0.90, -0.52), (-0.48, -0.06), (-0.02, 0.40), (0.45, 0.84)),
    roof_width=0.90,
    nose_width=0.90,
    tail_width=0.96,
    floor=0.14,
    axles=(-0.58, 0.60),
    wheel=0.17,
    tall_lamps=True,
    doors=((0.425, 0.86),),
    door_foot=0.39,
    boot=(-0.999, -0.965),
)
BUS = VehicleProfile(
    belt=(
        (-1, 0.26),
        (-0.998, 0.42),
        (-0.99, 0.48),
        (0.4, 0.48),
        (0.97, 0.48),
        (0.985, 0.46),
        (0.995, 0.38),
        (1, 0.26),
    ),
    roof=((-0.995, 0.48), (-0.985, 0.94), (-0.95, 1.0), (0.90, 1.0), (0.955, 0.96), (0.985, 0.47)),
    windscreen=4,
    rear_window=0,
    side_windows=((-0.92, -0.62), (-0.60, -0.32), (-0.30, -0.02), (0.0, 0.28), (0.30, 0.58), (0.62, 0.93)),
    roof_width=0.93,
    nose_width=0.95,
    tail_width=0.97,
    floor=0.11,
    axles=(-0.52, 0.60),
    wheel=0.15,
    tall_lamps=True,
)
TRUCK = VehicleProfile(
    belt=(
        (0.40, 0.30),
        (0.41, 0.44),
        (0.44, 0.46),
        (0.60, 0.46),
        (0.95, 0.46),
        (0.975, 0.43),
        (0.99, 0.36),
        (1, 0.25),
    ),
    roof=((0.42, 0.46), (0.43, 0.80), (0.50, 0.86), (0.75, 0.86), (0.83, 0.83), (0.965, 0.45)),
    windscreen=4,
    rear_window=-1,
    side_windows=((0.58, 0.90),),
    roof_width=0.92,
    nose_width=0.93,
    tail_width=0.96,
    floor=0.13,
    axles=(-0.70, -0.42, 0.68),
    wheel=0.145,
    tall_lamps=True,
    cargo=(-1.0, 0.37, 0.27, 1.0),
    doors=((0.56, 0.91),),
    door_foot=0.34,
)
WEDGE = VehicleProfile(
    belt=((-1, 0.42), (-0.99, 0.62), (-0.97, 0.66), (0.0, 0.60), (0.3, 0.57), (0.80, 0.50), (0.985, 0.47), (1, 0.43)),
    roof=((-0.98, 0.66), (-0.55, 0.82), (-0.02, 0.995), (0.0, 1.0), (0.02, 0.99), (0.62, 0.53)),
    windscreen=4,
    rear_window=-1,
    side_windows=((-0.45, -0.10), (-0.06, 0.40)),
    roof_width=0.70,
    nose_width=0.90,
    tail_width=0.95,
    floor=0.19,
    wheel=0.23,
    doors=((-0.08, 0.42), (-0.44, -0.08)),
    bonnet=(0.66, 0.975),
    boot=(-0.985, -0.6),
)
