"""Four-wheeled vehicles: a side view lofted over the width, fitted to the blueprint's bounding box."""

from __future__ import annotations

from itertools import pairwise

import numpy as np

from carla_server.render.shapes.parts import Part, with_pivot
from carla_server.render.shapes.solids import Color, box, cylinder
from carla_server.render.shapes.specks import vehicle_speck
from carla_server.render.shapes.vehicle_body import LIGHT_BAR_M, add_body, tail_at
from carla_server.render.shapes.vehicle_profiles import VehicleProfile
from carla_server.roads.mesh import Material, Mesh, MeshBuilder

_ANY_TAG = 0
_TRIM = (0.045, 0.045, 0.05)
_WHITE = (1.0, 1.0, 1.0)
_LAMP_GLASS = (0.92, 0.93, 0.90)
_RED = (0.62, 0.02, 0.02)
_AMBER = (0.95, 0.42, 0.03)


def vehicle_mesh(profile: VehicleProfile, extent_m: tuple[float, float, float], detail: int) -> Mesh:
    """Build one vehicle.

    Args:
        profile: its family's side view.
        extent_m: half length, half width, height / 2, as CARLA's bounding boxes; origin on the ground in the middle.
        detail: 3 near, 2 middle, 1 far, 0 a few pixels tall.
    """
    if not detail:
        return vehicle_speck(profile, extent_m)
    half_length, half_width, height = extent_m[0], extent_m[1], 2.0 * extent_m[2]
    if profile.light_bar is not None:
        height -= LIGHT_BAR_M  # a bounding box covers what stands on the roof
    builder = MeshBuilder()
    add_body(builder, profile, half_length, half_width, height, detail)
    if profile.cargo:
        rear, front, foot, top = profile.cargo
        low = (rear * half_length, -half_width, foot * height)
        box(builder, low, (front * half_length, half_width, top * height), _WHITE, Material.CAR_PAINT, _ANY_TAG)
        beam = (rear * half_length + 0.1, -0.42 * half_width, profile.floor * height)
        box(builder, beam, (0.9 * half_length, 0.42 * half_width, foot * height), _TRIM, Material.MATTE, _ANY_TAG)
    _wheels(builder, profile, half_length, half_width, height, detail)
    _lamps(builder, profile, half_length, half_width, height, detail)
    if detail > 1:
        _trim(builder, profile, half_length, half_width, height)
    if profile.stripe_rgb is not None:
        _stripes(builder, profile, profile.stripe_rgb, half_length, half_width, height)
    if profile.light_bar is not None:
        _light_bar(builder, profile.light_bar * half_length, half_width, height)
    return builder.build()


def _wheels(
    builder: MeshBuilder, profile: VehicleProfile, half_length: float, half_width: float, height: float, detail: int
) -> None:
    radius, sides = profile.wheel * height, (6, 9, 20)[detail - 1]
    tread = min(0.42, 0.65 * radius + 0.04)
    for position in profile.axles:
        x = position * half_length
        part = Part.FRONT_WHEEL if position > 0 else Part.REAR_WHEEL
        for side in (-1.0, 1.0):
            outer, inner = side * (half_width * 0.985), side * (half_width * 0.985 - tread)
            wheel = MeshBuilder()
            _rim(wheel, x, outer + side * 0.032, radius, side, sides)
            if detail == 1:
                _rim(wheel, x, outer + side * 0.028, 1.5 * radius, side, sides, rubber=True)
                low, high = (x - 0.7 * radius, inner, 0.02), (x + 0.7 * radius, outer, radius)
                box(wheel, low, high, _TRIM, Material.RUBBER, _ANY_TAG)
                builder.append(wheel.build())
                continue
            arch = side * (half_width * 0.97 + 0.012)
            cylinder(
                builder,
                (x, arch - side * 0.02, radius * 1.04),
                (x, arch, radius * 1.04),
                radius * 1.17,
                _TRIM,
                Material.MATTE,
                _ANY_TAG,
                sides=sides,
                caps=True,
            )
            ends = ((x, inner, radius), (x, outer + side * 0.02, radius))
            cylinder(wheel, *ends, radius, (0.035, 0.035, 0.038), Material.RUBBER, _ANY_TAG, sides=sides, caps=True)
            builder.append(with_pivot(wheel.build(), part, (x, outer - side * tread / 2, radius)))


def _rim(
    wheel: MeshBuilder, x: float, y: float, radius: float, side: float, sides: int, *, rubber: bool = False
) -> None:
    angle = np.linspace(0, 2 * np.pi, sides + 1)
    height = radius / 1.5 if rubber else radius
    ring = np.c_[x + 0.66 * radius * np.cos(angle), np.full(sides + 1, y), height + 0.66 * radius * np.sin(angle)]
    hub = np.broadcast_to((x, y + side * 0.01, height), ring[:-1].shape)
    fan = np.stack([hub, ring[:-1], ring[1:]], 1)
    if side > 0:
        fan = fan[:, ::-1]
    if rubber:
        wheel.triangles(fan.reshape(-1, 3), _TRIM, Material.RUBBER, _ANY_TAG)
        return
    spoke = np.repeat(np.where(np.arange(sides) % 3 == 0, 0.12, 0.62), 3)[:, None] * np.ones(3)
    wheel.triangles(fan.reshape(-1, 3), spoke, Material.METAL, _ANY_TAG)


def _lamps(
    builder: MeshBuilder, profile: VehicleProfile, half_length: float, half_width: float, height: float, detail: int
) -> None:
    nose, tail = profile.belt[-1][1], profile.belt[0][1]
    cargo = profile.cargo is not None
    if profile.tall_lamps:
        low, high, inside = (0.18, 0.25, 0.62) if cargo else (tail - 0.02, tail + 0.26, 0.80)
    else:
        low, high, inside = tail + 0.01, tail + 0.17, 0.48
    middle = low + 0.62 * (high - low)
    tail_width = 1.0 if cargo else profile.tail_width
    for side in (-1.0, 1.0):
        blinker = Part.RIGHT_BLINKER if side > 0 else Part.LEFT_BLINKER

        def lamp(
            across: tuple[float, float],
            up: tuple[float, float],
            color: Color,
            part: Part,
            end: float,
            side: float = side,
        ) -> None:
            material = Material.HEADLAMP if color is _LAMP_GLASS else Material.TAIL_LAMP
            y0, y1 = (side * share * half_width for share in across)
            z0, z1 = (share * height for share in up)
            face = end * (half_length + 0.006)
            lens, pivot = MeshBuilder(), (face, (y0 + y1) / 2, (z0 + z1) / 2)
            if detail > 1:
                deep = face - end * 0.055 * half_length
                box(lens, (deep, y0, z0), (face, y1, z1), color, material, _ANY_TAG, bottom=False)
                builder.append(with_pivot(lens.build(), part, pivot))
                return
            corners = np.array([(face, y0, z0), (face, y1, z0), (face, y1, z1), (face, y0, z1)])
            lens.quad(corners if side * end > 0 else corners[::-1], color, material, _ANY_TAG)
            builder.append(with_pivot(lens.build(), part, pivot))

        edge = 0.99 * profile.nose_width
        split = 0.46 + 0.74 * (edge - 0.46)
        span = (max(nose - 0.09, profile.floor + 0.10), nose + 0.035)
        lamp((0.46, split), span, _LAMP_GLASS, Part.HEADLAMP, 1.0)
        lamp((split, edge), span, _AMBER, blinker, 1.0)
        edge, inner = 0.995 * tail_width, inside * tail_width
        split = inner + 0.45 * (edge - inner)
        lamp((inner, edge), (low, middle), _RED, Part.TAIL_LAMP, -1.0)
        lamp((split, edge), (middle, high), _AMBER, blinker, -1.0)
        lamp((inner, split), (middle, high), _LAMP_GLASS, Part.REVERSE_LAMP, -1.0)


def _trim(
    builder: MeshBuilder, profile: VehicleProfile, half_length: float, half_width: float, height: float
) -> None:
    nose, tail, floor = profile.belt[-1][1], profile.belt[0][1], profile.floor
    front, rear = half_length, -half_length
    grille = 0.44 * half_width
    box(
        builder,
        (front - 0.1, -grille, (nose - 0.08) * height),
        (front + 0.004, grille, (nose + 0.02) * height),
        _TRIM,
        Material.METAL,
        0,
    )
    for x, width in ((front - 0.02, profile.nose_width), (rear + 0.02, profile.tail_width)):
        end = x + np.sign(x) * 0.022
        box(
            builder,
            (x - np.sign(x) * 0.15, -width * 0.93 * half_width, floor * height),
            (end, width * 0.93 * half_width, (floor + 0.10) * height),
            _TRIM,
            Material.MATTE,
            0,
        )
    plate = (min(tail, 0.5) - 0.06) * height
    for x in (rear - 0.008, front + 0.008):
        box(
            builder,
            (x - 0.006, -0.26, plate - 0.055),
            (x + 0.006, 0.26, plate + 0.055),
            (0.82,) * 3,
            Material.MATTE,
            0,
        )
    mirror_x = (profile.roof[-1][0] - 0.10) * half_length
    mirror_z = (np.interp(profile.roof[-1][0] - 0.1, *np.array(profile.belt).T) + 0.03) * height
    for side in (-1.0, 1.0):
        low = (mirror_x - 0.08, side * half_width * 0.93, mirror_z)
        high = (mirror_x + 0.06, side * (half_width * 0.93 + 0.17), mirror_z + 0.14)
        box(builder, low, high, _WHITE, Material.CAR_PAINT, 0)


def _stripes(
    builder: MeshBuilder,
    profile: VehicleProfile,
    stripe_rgb: Color,
    half_length: float,
    half_width: float,
    height: float,
) -> None:
    """A band of squares in two colours along both sides and over the tail, as emergency vehicles wear it."""
    low = profile.floor + (0.30 if profile.cargo is None else 0.20)
    rear, front = (-0.92, 0.80) if profile.cargo is None else (profile.cargo[0], profile.cargo[1])
    edges = np.linspace(rear, front, 15) * half_length
    colors = (stripe_rgb, _WHITE)
    reach = half_width * (1.0 if profile.cargo is not None else 0.985)
    for side in (-1.0, 1.0):
        y0, y1 = side * (reach - 0.03), side * (reach + 0.012)
        for index, (x0, x1) in enumerate(pairwise(edges)):
            box(
                builder,
                (x0, min(y0, y1), low * height),
                (x1, max(y0, y1), (low + 0.07) * height),
                colors[index % 2],
                Material.MATTE,
                _ANY_TAG,
                bottom=False,
            )
    x = (profile.cargo[0] if profile.cargo else tail_at(profile, low + 0.12)) * half_length
    ys = np.linspace(-0.62, 0.62, 8) * half_width
    for index, (y0, y1) in enumerate(pairwise(ys)):
        box(
            builder,
            (x - 0.012, y0, (low + 0.12) * height),
            (x + 0.03, y1, (low + 0.19) * height),
            colors[index % 2],
            Material.MATTE,
            _ANY_TAG,
            bottom=False,
        )


def _light_bar(builder: MeshBuilder, x: float, half_width: float, height: float) -> None:
    for side, part, color in ((-1.0, Part.SPECIAL1, (0.05, 0.12, 0.85)), (1.0, Part.SPECIAL2, (0.8, 0.03, 0.03))):
        box(
            builder,
            (x - 0.14, side * 0.03, height - 0.02),
            (x + 0.14, side * 0.62 * half_width, height + LIGHT_BAR_M),
            color,
            Material.TAIL_LAMP,
            0,
            part=part,
        )
