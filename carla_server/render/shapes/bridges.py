"""Bridges: slab and girders, edge beams with parapets, railings or guard rails, piers, ends, arches of steel."""

from __future__ import annotations

import numpy as np

from carla_server.render.shapes.solids import bars, cylinder, strip
from carla_server.roads.bridges import (
    ABUTMENT_HALF_M,
    COLUMN_HALF_M,
    DECK_M,
    EDGE_M,
    RAIL_ASIDE_M,
    columns_m,
    outward,
    wings_m,
)
from carla_server.roads.mesh import Material, Mesh, MeshBuilder
from carla_server.roads.town import BridgeSite, Pier, RailSite
from carla_server.semantics import SemanticTag

Color = tuple[float, float, float]
_CONCRETE: dict[str, Color] = {"brick": (0.42, 0.25, 0.19), "wood": (0.34, 0.25, 0.16)}
_PLAIN: Color = (0.55, 0.54, 0.51)
_LIGHT: Color = (0.60, 0.59, 0.56)
_SOFFIT: Color = (0.47, 0.465, 0.45)
_STEEL: Color = (0.10, 0.30, 0.30)
_RAILING: Color = (0.16, 0.19, 0.20)
_GALVANISED: Color = (0.60, 0.62, 0.63)
_SLAB_TOP_M, _SLAB_M = 0.25, 0.55
"""The slab's two sides below the road, which is drawn by itself: from afar the depth buffer must tell them apart."""

_GIRDER_HALF_M, _GIRDER_SPACING_M = 0.22, 2.6
_FASCIA_M = 0.6
_CAP_M = 0.8
_ARCH_SHARE, _LOWEST_ARCH_M, _HIGHEST_ARCH_M = 0.19, 6.8, 11.0
_ARCH_PIECES, _HANGER_M = 20, 4.0
_ARCH_ASIDE_M = EDGE_M + 0.28
_BRACE_M = 5.6
"""Height over the road from which beams may join the two arches."""
_BURIED_M = 1.0


def bridge_mesh(site: BridgeSite, instance: int) -> Mesh:
    """A stretch of a bridge, in the world's frame."""
    builder, labels = MeshBuilder(), {"instance": instance}
    concrete = _CONCRETE.get(site.kind, _PLAIN)
    _deck(builder, site, concrete, labels)
    for side in ("left", "right"):
        _edge(builder, site, side, concrete, labels)
    for pier in site.piers:
        _pier(builder, pier, concrete, labels)
    for end, foot in zip((0, -1), site.foot_m, strict=True):
        if foot is not None:
            _abutment(builder, site, end, foot, concrete, labels)
    if site.kind == "steel" and None not in site.foot_m:
        _arches(builder, site, labels)
    return builder.build()


def rail_mesh(site: RailSite, instance: int) -> Mesh:
    """A rail along a ramp, in the world's frame."""
    builder = MeshBuilder()
    add = _railing if site.for_people else _guard_rail
    add(builder, site.line_m[:-1], site.line_m[1:], {"instance": instance})
    return builder.build()


def _deck(builder: MeshBuilder, site: BridgeSite, concrete: Color, labels: dict) -> None:
    """Slab under the lanes, and girders under the slab."""
    tag = int(SemanticTag.BRIDGE)
    up = np.array([0.0, 0.0, 1.0])
    left, right = site.left_m, site.right_m
    top = strip(right - up * _SLAB_TOP_M, left - up * _SLAB_TOP_M)
    bottom = strip(left - up * _SLAB_M, right - up * _SLAB_M)
    builder.triangles(
        _facing(top, up), concrete, Material.CONCRETE, tag, normals=np.tile(up, (len(top), 1)), **labels
    )
    builder.triangles(
        _facing(bottom, -up), _SOFFIT, Material.CONCRETE, tag, normals=np.tile(-up, (len(bottom), 1)), **labels
    )
    width = float(np.linalg.norm((right - left)[:, :2], axis=1).mean())
    count = max(2, int(width / _GIRDER_SPACING_M))
    color, material = (_STEEL, Material.METAL) if site.kind == "steel" else (_SOFFIT, Material.CONCRETE)
    deep = (DECK_M - _SLAB_M) / 2
    for share in (np.arange(count) + 0.5) / count:
        line = left + (right - left) * share - up * (_SLAB_M + deep)
        bars(builder, line[:-1], line[1:], (_GIRDER_HALF_M, deep), color, material, tag, **labels)


def _facing(triangles: np.ndarray, direction: np.ndarray) -> np.ndarray:
    """Triangles wound so that they are seen from a direction."""
    corners = triangles.reshape(-1, 3, 3)
    normal = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    return np.where((normal @ direction < 0)[:, None, None], corners[:, ::-1], corners).reshape(-1, 3)


def _edge(builder: MeshBuilder, site: BridgeSite, side: str, concrete: Color, labels: dict) -> None:
    """Edge beam and what keeps cars and people on the bridge."""
    edge = site.left_m if side == "left" else site.right_m
    rise = site.left_rise_m if side == "left" else site.right_rise_m
    is_open = site.left_open if side == "left" else site.right_open
    away, up = outward(site, side), np.array([0.0, 0.0, 1.0])
    top = rise + (0.03 if rise > 0.0 else 0.16)
    tag = int(SemanticTag.BRIDGE)
    half = (top + _FASCIA_M) / 2
    beam = edge + away * (EDGE_M / 2) + up * (top - half)
    color = _STEEL if site.kind == "steel" else concrete if site.kind in _CONCRETE else _LIGHT
    material = Material.METAL if site.kind == "steel" else Material.CONCRETE
    bars(builder, beam[:-1][is_open], beam[1:][is_open], (EDGE_M / 2, half), color, material, tag, **labels)
    ends = [end for end, foot in zip((0, -1), site.foot_m, strict=True) if foot is not None]
    foot = min((foot for foot in site.foot_m if foot is not None), default=0.0) - _BURIED_M
    for wing, end in zip(wings_m(site, side), ends, strict=True):
        deep = (float(wing[:, 2].max()) + top - foot) / 2
        line = wing + away[end] * (EDGE_M / 2) + up * (top - deep)
        bars(builder, line[:1], line[1:], (EDGE_M / 2, deep), concrete, Material.CONCRETE, tag, **labels)
    rail = edge + away * RAIL_ASIDE_M + up * top
    runs = [(rail[:-1][is_open], rail[1:][is_open])]
    for wing, end in zip(wings_m(site, side), ends, strict=True):
        line = wing + away[end] * RAIL_ASIDE_M + up * top
        middle = line.mean(0)
        runs.append((np.stack([line[0], middle]), np.stack([middle, line[1]])))
    starts, stops = (np.concatenate(part) for part in zip(*runs, strict=True))
    if not len(starts):
        return
    if not site.has_sidewalk:
        _guard_rail(builder, starts, stops, labels)
    elif site.kind in ("steel", "wood"):
        _railing(builder, starts, stops, labels)
    else:
        _parapet(builder, starts, stops, concrete if site.kind in _CONCRETE else _LIGHT, labels)


def _parapet(builder: MeshBuilder, a: np.ndarray, b: np.ndarray, color: Color, labels: dict) -> None:
    """A low wall with pilasters and two rails on it."""
    up, tag = np.array([0.0, 0.0, 1.0]), int(SemanticTag.BRIDGE)
    bars(builder, a + up * 0.25, b + up * 0.25, (0.12, 0.25), color, Material.CONCRETE, tag, **labels)
    bars(builder, a, a + up * 1.08, (0.15, 0.13), color, Material.CONCRETE, tag, along=b - a, **labels)
    for height, half in ((0.75, 0.035), (1.0, 0.055)):
        bars(builder, a + up * height, b + up * height, (half, half), _RAILING, Material.METAL, tag, **labels)


def _railing(builder: MeshBuilder, a: np.ndarray, b: np.ndarray, labels: dict) -> None:
    up, tag = np.array([0.0, 0.0, 1.0]), int(SemanticTag.FENCES)
    for height, half in ((0.15, 0.022), (0.40, 0.022), (0.65, 0.022), (0.90, 0.022), (1.12, 0.05)):
        bars(builder, a + up * height, b + up * height, (half, half), _RAILING, Material.METAL, tag, **labels)
    for post in (a, (a + b) / 2):
        bars(builder, post, post + up * 1.1, (0.045, 0.045), _RAILING, Material.METAL, tag, along=b - a, **labels)


def _guard_rail(builder: MeshBuilder, a: np.ndarray, b: np.ndarray, labels: dict) -> None:
    up, tag = np.array([0.0, 0.0, 1.0]), int(SemanticTag.GUARD_RAIL)
    for height, thick in ((0.50, 0.05), (0.60, 0.025), (0.70, 0.05)):
        bars(builder, a + up * height, b + up * height, (thick, 0.06), _GALVANISED, Material.METAL, tag, **labels)
    bars(builder, a + up * 1.02, b + up * 1.02, (0.04, 0.04), _GALVANISED, Material.METAL, tag, **labels)
    bars(builder, a, a + up * 1.0, (0.05, 0.06), _GALVANISED, Material.METAL, tag, along=b - a, **labels)


def _pier(builder: MeshBuilder, pier: Pier, concrete: Color, labels: dict) -> None:
    tag, turn = int(SemanticTag.BRIDGE), np.deg2rad(pier.yaw_deg)
    x, y = pier.position_m
    across = np.array([-np.sin(turn), np.cos(turn), 0.0]) * 0.44 * pier.width_m
    cap_m = min(_CAP_M, 0.4 * (pier.top_m - pier.foot_m))
    middle = np.array([x, y, pier.top_m - cap_m / 2])
    ends = (middle - across)[None], (middle + across)[None]
    bars(builder, *ends, (0.62, cap_m / 2), concrete, Material.CONCRETE, tag, **labels)
    for column_x, column_y in columns_m(pier):
        low, high = (column_x, column_y, pier.foot_m - _BURIED_M), (column_x, column_y, pier.top_m - cap_m)
        cylinder(builder, low, high, COLUMN_HALF_M, concrete, Material.CONCRETE, tag, sides=12, **labels)


def _abutment(builder: MeshBuilder, site: BridgeSite, end: int, foot_m: float, concrete: Color, labels: dict) -> None:
    left, right = site.left_m[end], site.right_m[end]
    across = (right - left) * np.array([1.0, 1.0, 0.0])
    across /= max(float(np.linalg.norm(across)), 1e-9)
    top, low = min(left[2], right[2]) - _SLAB_TOP_M - 0.02, foot_m - _BURIED_M
    up = np.array([0.0, 0.0, (top + low) / 2])
    flat = np.array([1.0, 1.0, 0.0])
    a, b = left * flat - across * EDGE_M + up, right * flat + across * EDGE_M + up
    half = (ABUTMENT_HALF_M, (top - low) / 2)
    bars(builder, a[None], b[None], half, concrete, Material.CONCRETE, int(SemanticTag.BRIDGE), **labels)


def _arches(builder: MeshBuilder, site: BridgeSite, labels: dict) -> None:
    """Two arches that carry the deck by hangers, joined by beams where cars have room below."""
    tag, up = int(SemanticTag.BRIDGE), np.array([0.0, 0.0, 1.0])
    ribs = []
    for side, edge in (("left", site.left_m), ("right", site.right_m)):
        line = edge + outward(site, side) * _ARCH_ASIDE_M
        run = np.r_[0.0, np.cumsum(np.linalg.norm(np.diff(line[:, :2], axis=0), axis=1))]
        length = float(run[-1])
        rise = float(np.clip(_ARCH_SHARE * length, _LOWEST_ARCH_M, _HIGHEST_ARCH_M))
        share = np.linspace(0.0, 1.0, _ARCH_PIECES + 1)
        deck = np.stack([np.interp(share * length, run, line[:, k]) for k in range(3)], axis=-1)
        rib = deck + up * (4.0 * (rise + 0.8) * share * (1.0 - share) - 0.8)[:, None]
        bars(builder, rib[:-1], rib[1:], (0.27, 0.38), _STEEL, Material.METAL, tag, **labels)
        ribs.append((deck, rib))
        hangers = np.arange(_HANGER_M, length - _HANGER_M / 2, _HANGER_M) / length
        foot = np.stack([np.interp(hangers, share, deck[:, k]) for k in range(3)], axis=-1)
        head = np.stack([np.interp(hangers, share, rib[:, k]) for k in range(3)], axis=-1)
        along = np.tile(line[-1] - line[0], (len(foot), 1))
        bars(builder, foot - up * 0.3, head, (0.05, 0.05), _GALVANISED, Material.METAL, tag, along=along, **labels)
    (deck, rib), (_, other) = ribs
    high = np.flatnonzero(rib[:, 2] - deck[:, 2] > _BRACE_M)
    for index in high[::2]:
        bars(builder, rib[index][None], other[index][None], (0.16, 0.2), _STEEL, Material.METAL, tag, **labels)
    for first, second in zip(high[:-2:2], high[2::2], strict=True):
        for a, b in ((rib[first], other[second]), (other[first], rib[second])):
            bars(builder, a[None], b[None], (0.09, 0.09), _STEEL, Material.METAL, tag, **labels)
