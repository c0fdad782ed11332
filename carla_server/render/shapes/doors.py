"""Doors that swing: the leaf beside the body, and the dark doorway it leaves in the body's side.

Vehicles are built with closed sides. An open door is drawn over that: a doorway a hand's breadth of nothing deep,
just in front of the skin, and a leaf on its hinge. Numbers are those of `carla.VehicleDoor`: front left 0, front
right 1, rear left 2, rear right 3.
"""

from __future__ import annotations

import numpy as np

from carla_server.render.shapes.solids import strip
from carla_server.render.shapes.vehicle_body import (
    GLAZED,
    LIGHT_BAR_M,
    LOOKS,
    PAINTED,
    UNPAINTED,
    SideView,
    add_panels,
)
from carla_server.render.shapes.vehicle_profiles import VehicleProfile
from carla_server.roads.mesh import Mesh, MeshBuilder

SWING_DOORS = 4
_FIRST_RAIL, _END_RAIL = 1, 5
"""A door reaches from the rail above the sill to the edge of the roof."""

_DOORWAY_M, _SKIN_M, _LINING_M = 0.020, 0.026, -0.055
"""How far outside the closed body the doorway and the two sides of a leaf lie."""

_ANY_TAG = 0


def has_door(profile: VehicleProfile, number: int) -> bool:
    """Whether the shape has this door."""
    return 0 <= number // 2 < len(profile.doors)


def hinge_m(profile: VehicleProfile, extent_m: tuple[float, float, float], number: int) -> tuple[float, float]:
    """Where a door's hinge stands, x and y in the vehicle's frame.

    Raises:
        IndexError: the shape has no such door.
    """
    view, side = _view_of_door(profile, extent_m, number)
    across = view.rails[2][0][-1]
    return float(view.along[-1] * extent_m[0]), float(side * across * extent_m[1])


def leaf_length_m(profile: VehicleProfile, extent_m: tuple[float, float, float], number: int) -> float:
    """How long a door is from its hinge to its edge."""
    rear, front = profile.doors[number // 2]
    return (front - rear) * extent_m[0]


def leaf_mesh(profile: VehicleProfile, extent_m: tuple[float, float, float], number: int) -> Mesh:
    """The closed leaf; origin on the ground below its hinge.

    Args:
        profile: the vehicle's side view.
        extent_m: half lengths of the vehicle's box.
        number: which door.
    """
    view, side = _view_of_door(profile, extent_m, number)
    x, y = hinge_m(profile, extent_m, number)
    outer, inner = (
        [rail - (x, y, 0.0) for rail in _rails(view, profile, side, out_m)] for out_m in (_SKIN_M, _LINING_M)
    )
    kinds = np.full((len(outer) - 1, len(view.along) - 1), PAINTED)
    kinds[-1][view.between(profile.side_windows)] = GLAZED
    builder = MeshBuilder()
    add_leaf(builder, outer, inner, kinds, side)
    return builder.build()


def add_leaf(
    builder: MeshBuilder, outer: list[np.ndarray], inner: list[np.ndarray], kinds: np.ndarray, side: float
) -> None:
    """Add a closed leaf: an outside, a lining of the same rails farther in, and borders; see `add_panels`."""
    add_panels(builder, outer, kinds, side)
    add_panels(builder, inner, np.where(kinds == PAINTED, UNPAINTED, kinds), -side)
    edges = [(np.array([rail[end] for rail in outer]), np.array([rail[end] for rail in inner])) for end in (0, -1)]
    edges += [(outer[end], inner[end]) for end in (0, -1)]
    for outside, inside in edges:
        border = strip(outside, inside)
        both = np.concatenate([border, border.reshape(-1, 3, 3)[:, ::-1].reshape(-1, 3)])
        builder.triangles(both, *LOOKS[PAINTED], _ANY_TAG)


def doorway_mesh(profile: VehicleProfile, extent_m: tuple[float, float, float], number: int) -> Mesh:
    """What is seen in the body's side where a door stands open, in the vehicle's frame; arguments as `leaf_mesh`."""
    view, side = _view_of_door(profile, extent_m, number)
    rails = _rails(view, profile, side, _DOORWAY_M)
    builder = MeshBuilder()
    add_panels(builder, rails, np.full((len(rails) - 1, len(view.along) - 1), UNPAINTED), side)
    return builder.build()


def _view_of_door(
    profile: VehicleProfile, extent_m: tuple[float, float, float], number: int
) -> tuple[SideView, float]:
    rear, front = profile.doors[number // 2]
    breaks = np.r_[[t for t, _ in profile.belt], [t for t, _ in profile.roof], np.ravel(profile.side_windows)]
    along = np.unique(np.r_[rear, front, breaks[(breaks > rear) & (breaks < front)]])
    height = 2.0 * extent_m[2] - (0.0 if profile.light_bar is None else LIGHT_BAR_M)
    return SideView(profile, along, extent_m[0], extent_m[1], height), -1.0 if number % 2 == 0 else 1.0


def _rails(view: SideView, profile: VehicleProfile, side: float, out_m: float) -> list[np.ndarray]:
    """The door's part of the side, moved outwards."""
    rails = [
        view.line(side, across, np.maximum(up, profile.door_foot)) for across, up in view.rails[_FIRST_RAIL:_END_RAIL]
    ]
    return [rail + np.array((0.0, side * out_m, 0.0)) for rail in rails]
