"""Bonnet and boot: lids that lift about an axle across the vehicle, and the dark bay that they uncover.

A lid is a length of the body's top between its two edges, hinged at the end next to the cabin. Like doors it is
drawn over the closed body. Numbers are those of `carla.VehicleDoor`: bonnet 4, boot 5. A boot that reaches up to the
roof is a tailgate and takes the rear window along.
"""

from __future__ import annotations

import numpy as np

from carla_server.render.shapes.doors import add_leaf
from carla_server.render.shapes.vehicle_body import (
    GLAZED,
    LIGHT_BAR_M,
    PAINTED,
    UNPAINTED,
    SideView,
    add_panels,
    screens,
)
from carla_server.render.shapes.vehicle_profiles import VehicleProfile
from carla_server.roads.mesh import Mesh, MeshBuilder

BONNET, BOOT = 4, 5

_EDGE_RAIL = 5
"""The rail that bounds a lid on either side; the one above it is the middle of the top."""

_BAY_M, _SKIN_M, _LINING_M = 0.016, 0.022, -0.030
"""How far outside the closed body the bay and the two sides of a lid lie; plates lie below both."""

_STRIPED_BAY_M = 0.036
"""The bay of a tail that wears an emergency vehicle's band covers it: the band goes with the lid."""


def has_lid(profile: VehicleProfile, number: int) -> bool:
    """Whether the shape has this lid."""
    return _range(profile, number) is not None


def lid_hinge_m(profile: VehicleProfile, extent_m: tuple[float, float, float], number: int) -> tuple[float, float]:
    """Where the middle of a lid's hinge is, x and z in the vehicle's frame.

    Raises:
        IndexError: the shape has no such lid.
    """
    rail = _rails(_view_of_lid(profile, extent_m, number), 0.0)[1]
    x, _, z = rail[0] if number == BONNET else rail[-1]
    return float(x), float(z)


def lid_mesh(profile: VehicleProfile, extent_m: tuple[float, float, float], number: int) -> Mesh:
    """The lid; origin at the middle of its hinge, turned as in the closed body.

    Args:
        profile: the vehicle's side view.
        extent_m: half lengths of the vehicle's box.
        number: `BONNET` or `BOOT`.
    """
    view = _view_of_lid(profile, extent_m, number)
    x, z = lid_hinge_m(profile, extent_m, number)
    outer, inner = ([rail - (x, 0.0, z) for rail in _rails(view, out_m)] for out_m in (_SKIN_M, _LINING_M))
    kinds = np.full((len(outer) - 1, len(view.along) - 1), PAINTED)
    kinds[:, view.between(screens(profile))] = GLAZED
    builder = MeshBuilder()
    add_leaf(builder, outer, inner, kinds, -1.0)
    return builder.build()


def bay_mesh(profile: VehicleProfile, extent_m: tuple[float, float, float], number: int) -> Mesh:
    """What is seen in the body where a lid is lifted, in the vehicle's frame; arguments as `lid_mesh`."""
    striped = number == BOOT and profile.stripe_rgb is not None
    rails = _rails(_view_of_lid(profile, extent_m, number), _STRIPED_BAY_M if striped else _BAY_M)
    builder = MeshBuilder()
    add_panels(builder, rails, np.full((len(rails) - 1, len(rails[0]) - 1), UNPAINTED), -1.0)
    return builder.build()


def _range(profile: VehicleProfile, number: int) -> tuple[float, float] | None:
    return {BONNET: profile.bonnet, BOOT: profile.boot}.get(number)


def _view_of_lid(profile: VehicleProfile, extent_m: tuple[float, float, float], number: int) -> SideView:
    ends = _range(profile, number)
    if ends is None:
        raise IndexError(f"the shape has no lid {number}")
    rear, front = ends
    breaks = np.array([t for t, _ in (*profile.belt, *profile.roof)])
    along = np.unique(np.r_[rear, front, breaks[(breaks > rear) & (breaks < front)]])
    height = 2.0 * extent_m[2] - (0.0 if profile.light_bar is None else LIGHT_BAR_M)
    return SideView(profile, along, extent_m[0], extent_m[1], height)


def _rails(view: SideView, out_m: float) -> list[np.ndarray]:
    """The lid's part of the top from its left edge over the middle to its right edge, moved outwards."""
    edge, middle = (view.line(-1.0, *rail) for rail in view.rails[_EDGE_RAIL:])
    along = np.gradient(middle[:, [0, 2]], axis=0)
    along /= np.linalg.norm(along, axis=1, keepdims=True)
    out = out_m * np.c_[-along[:, 1], np.zeros(len(along)), along[:, 0]]
    return [edge + out, middle + out, edge * (1.0, -1.0, 1.0) + out]
