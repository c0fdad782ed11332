"""The body of a car-like vehicle: its side view lofted over the width, from the sill to the roof."""

from __future__ import annotations

from itertools import pairwise

import numpy as np

from carla_server.render.shapes.solids import crease_normals, strip
from carla_server.render.shapes.vehicle_profiles import VehicleProfile
from carla_server.roads.mesh import Material, MeshBuilder

LIGHT_BAR_M = 0.12
"""A bounding box covers what stands on the roof; the body under a light bar is lower by this."""

_ANY_TAG = 0
_GLASS = (0.07, 0.085, 0.10)
_TRIM = (0.045, 0.045, 0.05)
_WHITE = (1.0, 1.0, 1.0)
LOOKS = ((_WHITE, Material.CAR_PAINT), (_GLASS, Material.GLASS), (_TRIM, Material.MATTE))
"""Colour and material of panels: painted, glazed, unpainted."""

PAINTED, GLAZED, UNPAINTED = range(3)


class SideView:
    """A profile at some places along the body.

    Attributes:
        rails: seven curves of one side from the sill to the middle of the roof, `line(side, *rails[i])`.
    """

    def __init__(
        self, profile: VehicleProfile, along: np.ndarray, half_length: float, half_width: float, height: float
    ) -> None:
        """Args: `along` is (A,) rising places in [-1, 1]; the rest as for `add_body`."""
        self.along = along
        self._size = half_length, half_width, height
        belt_t, belt_z = np.array(profile.belt).T
        roof_t, roof_z = np.array(profile.roof).T
        belt = np.interp(along, belt_t, belt_z)
        inside = (along >= roof_t[0]) & (along <= roof_t[-1])
        roof = np.where(inside, np.maximum(np.interp(along, roof_t, roof_z), belt), belt)
        end_width = np.where(along > 0, profile.nose_width, profile.tail_width)
        width = 1.0 - (1.0 - end_width) * np.abs(along) ** 7
        rise = np.clip((roof - belt) / (roof_z.max() - belt_z.max() + 1e-6), 0.0, 1.0)
        top_width = width * (1.0 - (1.0 - profile.roof_width) * rise) * np.where(rise > 0.02, 1.0, 0.92)
        crown = np.where(rise > 0.02, 0.0, 0.012)
        floor = profile.floor + 0.05 * np.abs(along) ** 8
        shoulder = np.minimum(belt - 0.03, profile.floor + 0.30 + 0 * belt)
        shoulder = np.maximum(shoulder, floor + 0.02)
        belt_edge = np.maximum(belt - 0.012, shoulder + 0.004)
        roof_edge = np.where(rise > 0.02, roof - 0.045 * rise, belt + crown * 0.5)
        top = np.maximum(roof + crown, roof_edge)
        self.rails = (
            (width * 0.90, floor),
            (width * 0.97, floor + 0.05),
            (width, shoulder),
            (width * 0.965, belt_edge),
            (top_width, roof_edge),
            (top_width * 0.86, top),
            (top_width * 0.0, top + 0.004 * (rise < 0.02)),
        )

    def line(self, side: float, across: np.ndarray, up: np.ndarray) -> np.ndarray:
        """(A, 3) metres from shares of half the width and of the height; side is -1 for left and 1 for right."""
        half_length, half_width, height = self._size
        return np.c_[self.along * half_length, side * across * half_width, up * height]

    def between(self, ranges: tuple[tuple[float, float], ...]) -> np.ndarray:
        """(A - 1,) bool: which panels lie in one of the (rear, front) ranges."""
        middle = (self.along[:-1] + self.along[1:]) / 2
        return np.any([(middle > rear) & (middle < front) for rear, front in ranges], axis=0)


def add_body(
    builder: MeshBuilder, profile: VehicleProfile, half_length: float, half_width: float, height: float, detail: int
) -> None:
    """Add the closed body.

    Args:
        profile: its family's side view.
        half_length, half_width, height: metres, without a light bar.
        detail: 3 near, 2 middle, 1 far.
    """
    belt_t, roof_t = np.array(profile.belt)[:, 0], np.array(profile.roof)[:, 0]
    windows = np.array(profile.side_windows)
    # Far away pillars are not worth their triangles.
    cuts = windows.ravel() if detail > 1 else np.array([windows.min(), windows.max()])
    along = np.unique(np.r_[belt_t if detail > 1 else belt_t[[0, 1, -3, -2, -1]], roof_t, cuts])
    view = SideView(profile, along, half_length, half_width, height)
    glass = view.between(profile.side_windows if detail > 1 else ((windows.min(), windows.max()),))
    screen = view.between(screens(profile))
    for side in (-1.0, 1.0):
        rails = [view.line(side, *rail) for rail in view.rails]
        kinds = np.full((len(rails) - 1, len(along) - 1), PAINTED)
        kinds[0] = UNPAINTED
        kinds[3][glass] = GLAZED
        kinds[4][screen] = GLAZED
        kinds[5][screen] = GLAZED
        if detail == 1:
            rails, kinds = [rails[i] for i in (1, 2, 3, 4, 6)], kinds[[1, 2, 3, 5]]
        add_panels(builder, rails, kinds, side)
        # Caps close nose and tail; the underside closes the floor.
        for index, direction in ((0, -1.0), (-1, 1.0)):
            ring = np.array([rail[index] for rail in rails])
            hub = np.array([ring[0, 0], 0.0, ring[:, 2].min()])
            fan = np.stack([np.broadcast_to(hub, ring[:-1].shape), ring[:-1], ring[1:]], 1)
            if side * direction < 0:
                fan = fan[:, ::-1]
            builder.triangles(fan.reshape(-1, 3), _WHITE, Material.CAR_PAINT, _ANY_TAG)
    low, back, front = profile.floor * height, along[0] * half_length, along[-1] * half_length
    corners = np.array([(back, -1, low), (back, 1, low), (front, 1, low), (front, -1, low)], float)
    corners[:, 1] *= half_width * 0.9
    builder.quad(corners, _TRIM, Material.MATTE, _ANY_TAG)


def add_panels(builder: MeshBuilder, rails: list[np.ndarray], kinds: np.ndarray, side: float) -> None:
    """Add the skin between rails, smooth where it bends little.

    Args:
        rails: R curves of (A, 3) metres, one above the other.
        kinds: (R - 1, A - 1) PAINTED, GLAZED or UNPAINTED of each panel.
        side: -1 if the skin faces left (y < 0), 1 if it faces right.
    """
    soup = np.concatenate([strip(low, high) for low, high in pairwise(rails)])
    if side > 0:
        soup = soup.reshape(-1, 3, 3)[:, ::-1].reshape(-1, 3)
    normals = crease_normals(soup)
    panel_kind = np.repeat(kinds.ravel(), 6)
    for kind, (color, material) in enumerate(LOOKS):
        chosen = panel_kind == kind
        if chosen.any():
            builder.triangles(soup[chosen], color, material, _ANY_TAG, normals=normals[chosen])


def tail_at(profile: VehicleProfile, height: float) -> float:
    """Place along the body, in [-1, 1], of the tail's skin at a share of the height."""
    along = np.linspace(-1.0, 0.0, 401)
    belt, roof = (np.interp(along, *np.array(curve).T) for curve in (profile.belt, profile.roof))
    top = np.where(along >= profile.roof[0][0], np.maximum(belt, roof), belt)
    return float(along[np.argmax(top >= height)])


def screens(profile: VehicleProfile) -> tuple[tuple[float, float], ...]:
    """Where windscreen and rear window are along the body."""
    segments = [segment for segment in (profile.windscreen, profile.rear_window) if segment >= 0]
    return tuple((profile.roof[segment][0], profile.roof[segment + 1][0]) for segment in segments)
