"""Shapes for things a few pixels tall: the outline, colours, tags and lamps of the full shape in a few triangles."""

from __future__ import annotations

import numpy as np

from carla_server.render.shapes.parts import Part, with_pivot
from carla_server.render.shapes.solids import box, strip
from carla_server.render.shapes.vehicle_profiles import VehicleProfile
from carla_server.roads.mesh import Material, Mesh, MeshBuilder

_ANY_TAG = 0
_WHITE = (1.0, 1.0, 1.0)
_GLASS = (0.07, 0.085, 0.10)
_TRIM = (0.045, 0.045, 0.05)
_LAMP_GLASS, _RED, _AMBER = (0.92, 0.93, 0.90), (0.62, 0.02, 0.02), (0.95, 0.42, 0.03)


def vehicle_speck(profile: VehicleProfile, extent_m: tuple[float, float, float]) -> Mesh:
    """A vehicle as a loft of six cross-sections, with dark wheels and its lamps; origin on the ground."""
    half_length, half_width, height = extent_m[0], extent_m[1], 2.0 * extent_m[2]
    builder = MeshBuilder()
    belt_t, belt_z = np.array(profile.belt).T
    roof_t, roof_z = np.array(profile.roof).T
    flat = roof_t[roof_z > roof_z.max() - 0.05]
    along = np.array([belt_t[0], roof_t[0], flat.min(), flat.max(), roof_t[-1], belt_t[-1]])
    belt = np.interp(along, belt_t, belt_z)
    belt[[0, -1]] = belt_z[[1, -2]]
    roof = np.array([belt[0], belt[1], roof_z.max(), roof_z.max(), belt[4], belt[5]])
    across = 0.96 * np.array([profile.tail_width, 1.0, 1.0, 1.0, 1.0, profile.nose_width])
    top = np.where(roof > belt, profile.roof_width, across)

    def rail(side: float, width: np.ndarray, up: np.ndarray) -> np.ndarray:
        return np.c_[along * half_length, side * width * half_width, up * height]

    floor = np.full(6, profile.floor)
    for side in (-1.0, 1.0):
        low, middle, high = rail(side, across, floor), rail(side, across, belt), rail(side, top, roof)
        glass = strip(middle[1:5], high[1:5])
        paint = strip(low, middle)
        if side > 0:
            glass, paint = (part.reshape(-1, 3, 3)[:, ::-1].reshape(-1, 3) for part in (glass, paint))
        windowed = (profile.side_windows[-1][1] - profile.side_windows[0][0]) > 0.5 * np.ptp(roof_t)
        look = (_GLASS, Material.GLASS) if windowed else (_WHITE, Material.CAR_PAINT)
        builder.triangles(glass, *look, _ANY_TAG)
        builder.triangles(paint, _WHITE, Material.CAR_PAINT, _ANY_TAG)
    lid = strip(rail(-1.0, top, roof), rail(1.0, top, roof)).reshape(5, 6, 3)
    screens = np.array([profile.rear_window >= 0, profile.windscreen >= 0])
    for segments, look in (
        (np.array([1, 3])[screens], (_GLASS, Material.GLASS)),
        (np.r_[0, 2, 4, np.array([1, 3])[~screens]], (_WHITE, Material.CAR_PAINT)),
    ):
        builder.triangles(lid[segments].reshape(-1, 3), *look, _ANY_TAG)
    for end in (0, 5):
        left, right = across[end] * -half_width, across[end] * half_width
        x, z0, z1 = along[end] * half_length, profile.floor * height, belt[end] * height
        corners = np.array([(x, left, z0), (x, right, z0), (x, right, z1), (x, left, z1)])
        builder.quad(corners if end else corners[::-1], _WHITE, Material.CAR_PAINT, _ANY_TAG)
    if profile.cargo:
        rear, front, foot, roof_share = profile.cargo
        low_m = (rear * half_length, -half_width, foot * height)
        high_m = (front * half_length, half_width, roof_share * height)
        box(builder, low_m, high_m, _WHITE, Material.CAR_PAINT, _ANY_TAG, bottom=False)
    _wheels(builder, profile, half_length, half_width, height)
    _lamps(builder, profile, half_length, half_width, height)
    return builder.build()


def _wheels(
    builder: MeshBuilder, profile: VehicleProfile, half_length: float, half_width: float, height: float
) -> None:
    radius = profile.wheel * height
    for x in (position * half_length for position in profile.axles):
        for side in (-1.0, 1.0):
            y = side * 0.99 * half_width
            corners = np.array([(x - radius, y, 0.0), (x + radius, y, 0.0), (x + radius, y, 1.8 * radius)])
            corners = np.concatenate([corners, [(x - radius, y, 1.8 * radius)]])
            builder.quad(corners if side < 0 else corners[::-1], _TRIM, Material.RUBBER, _ANY_TAG)


def _lamps(
    builder: MeshBuilder, profile: VehicleProfile, half_length: float, half_width: float, height: float
) -> None:
    nose, tail = profile.belt[-1][1], profile.belt[0][1]
    for side in (-1.0, 1.0):
        blinker = Part.RIGHT_BLINKER if side > 0 else Part.LEFT_BLINKER
        for end, middle, split, color, part in (
            (1.0, nose - 0.02, 0.46, _LAMP_GLASS, Part.HEADLAMP),
            (-1.0, tail + 0.09, 0.50, _RED, Part.TAIL_LAMP),
        ):
            material = Material.HEADLAMP if part is Part.HEADLAMP else Material.TAIL_LAMP
            edge = 0.97 * (profile.nose_width if end > 0 else profile.tail_width)
            x, z0, z1 = end * (half_length + 0.006), (middle - 0.07) * height, (middle + 0.07) * height
            inner, outer = split + 0.7 * (edge - split), edge
            for (y0, y1), look, lens, number in (
                ((split, inner), color, material, part),
                ((inner, outer), _AMBER, Material.TAIL_LAMP, blinker),
            ):
                low, high = side * y0 * half_width, side * y1 * half_width
                corners = np.array([(x, low, z0), (x, high, z0), (x, high, z1), (x, low, z1)])
                lamp = MeshBuilder()
                lamp.quad(corners if side * end > 0 else corners[::-1], look, lens, _ANY_TAG)
                builder.append(with_pivot(lamp.build(), number, (x, (low + high) / 2, (z0 + z1) / 2)))


def walker_speck(height_m: float) -> Mesh:
    """A person as three boxes; origin in the middle of the bounding box."""
    builder = MeshBuilder()
    legs = (-0.05, -0.08, 0.0), (0.05, 0.08, 0.53)
    box(builder, *legs, (0.17, 0.18, 0.24), Material.MATTE, 0, bottom=False, part=int(Part.SECOND_COLOR))
    box(builder, (-0.055, -0.115, 0.50), (0.055, 0.115, 0.85), _WHITE, Material.CLOTH, 0, bottom=False)
    box(builder, (-0.055, -0.05, 0.85), (0.055, 0.05, 1.0), (0.78, 0.57, 0.45), Material.SKIN, 0, bottom=False)
    vertices = builder.build().vertices
    vertices["position_m"] *= np.float32(height_m)
    vertices["position_m"][:, 2] -= np.float32(height_m / 2)
    return Mesh(vertices)
