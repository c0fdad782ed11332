"""Traffic light heads and poles, and the faces of stop, yield and speed limit signs."""

from __future__ import annotations

from typing import Any

import numpy as np

from carla_server.render.shapes.parts import Part, with_pivot
from carla_server.render.shapes.solids import box, cylinder
from carla_server.roads.mesh import Material, Mesh, MeshBuilder
from carla_server.roads.town import TrafficLightSite
from carla_server.semantics import SemanticTag

_POLE = (0.20, 0.22, 0.22)
_HOUSING = (0.055, 0.06, 0.055)
_LENSES = (
    (0.30, (0.95, 0.04, 0.02), Part.SIGNAL_RED),
    (0.0, (1.0, 0.62, 0.02), Part.SIGNAL_YELLOW),
    (-0.30, (0.05, 0.92, 0.42), Part.SIGNAL_GREEN),
)
_LENS_RADIUS_M = 0.135
_FACE_RADIUS_M = 0.38
_FACE_HEIGHT_M = 2.3
_RED, _WHITE, _BLACK = (0.72, 0.03, 0.04), (0.93, 0.93, 0.91), (0.03, 0.03, 0.03)
# Seven segments (a top, b, c right, d bottom, e, f left, g middle) as strokes on a 1 x 2 cell.
_STROKES = {
    "a": ((0, 2), (1, 2)),
    "b": ((1, 2), (1, 1)),
    "c": ((1, 1), (1, 0)),
    "d": ((1, 0), (0, 0)),
    "e": ((0, 0), (0, 1)),
    "f": ((0, 1), (0, 2)),
    "g": ((0, 1), (1, 1)),
    "v": ((0.5, 2), (0.5, 0)),
}
_GLYPHS = {
    **dict(
        zip("0123456789", ("abcdef", "bc", "abged", "abgcd", "fgbc", "afgcd", "afgedc", "abc", "abcdefg", "abfgcd"))
    ),
    "S": "afgcd",
    "T": "av",
    "O": "abcdef",
    "P": "abfge",
}


def signal_head_mesh(detail: int) -> Mesh:
    """One three-lens housing with its back plate, lenses facing +x, origin in the middle."""
    builder, tag = MeshBuilder(), int(SemanticTag.TRAFFIC_LIGHT)
    box(builder, (-0.03, -0.30, -0.60), (-0.005, 0.30, 0.60), _HOUSING, Material.MATTE, tag)
    box(builder, (-0.20, -0.165, -0.47), (0.10, 0.165, 0.47), _HOUSING, Material.MATTE, tag)
    if detail == 3:
        for x in (-0.032, 0.0):
            _plate_edge(builder, x, tag)
    for z, color, part in _LENSES:
        lens = MeshBuilder()
        disc = _disc(0.11, (0.0, z), _LENS_RADIUS_M, (5, 6, 10, 16)[detail])
        lens.triangles(disc, color, Material.SIGNAL_LAMP, tag)
        # The pivot lets the shader swell a lit lens that would otherwise be smaller than a pixel or two.
        builder.append(with_pivot(lens.build(), part, (0.11, 0.0, z)))
        if detail < 2:
            continue
        angle = np.linspace(0.0, np.pi, 8)
        rim = np.c_[np.full(8, 0.10), 0.145 * np.cos(angle), z + 0.145 * np.sin(angle)]
        hood = rim + np.array([0.17, 0.0, -0.01])
        quads = np.stack([rim[:-1], rim[1:], hood[1:], hood[:-1]], 1)[:, [0, 1, 2, 0, 2, 3]].reshape(-1, 3)
        # Both windings: a hood is seen from above and from below.
        builder.triangles(np.concatenate([quads, quads[::-1]]), _HOUSING, Material.MATTE, tag)
    return builder.build()


def _plate_edge(builder: MeshBuilder, x: float, tag: int) -> None:
    color = (0.75, 0.72, 0.62)
    for y in (-0.30, 0.28):
        box(builder, (x - 0.002, y, -0.60), (x + 0.002, y + 0.02, 0.60), color, Material.MATTE, tag)
    for z in (-0.60, 0.58):
        box(builder, (x - 0.002, -0.30, z), (x + 0.002, 0.30, z + 0.02), color, Material.MATTE, tag)


def signal_pole_mesh(site: TrafficLightSite, instance: int) -> Mesh:
    """Pole and mast arms that carry a site's heads, in the world frame."""
    builder, tag = MeshBuilder(), int(SemanticTag.POLES)
    labels: dict[str, Any] = {"instance": instance, "sides": 8}
    x, y, z = site.position_m
    heads = [np.array(head[:3]) for head in site.heads]
    top = max([head[2] for head in heads], default=z + 3.2) + 0.45
    cylinder(builder, (x, y, z), (x, y, top), 0.095, _POLE, Material.METAL, tag, end_radius_m=0.07, **labels)
    for head, (_, _, _, yaw_deg) in zip(heads, site.heads):
        facing = np.array([np.cos(np.radians(yaw_deg)), np.sin(np.radians(yaw_deg)), 0.0])
        back = head - 0.16 * facing
        reach = float(np.hypot(back[0] - x, back[1] - y))
        if reach > 0.12:
            arm_z = head[2] + (0.40 if reach > 1.0 else 0.0)
            cylinder(builder, (x, y, arm_z), (back[0], back[1], arm_z), 0.05, _POLE, Material.METAL, tag, **labels)
            if reach > 1.0:
                low = (back[0], back[1], head[2] - 0.3)
                cylinder(builder, low, (back[0], back[1], arm_z + 0.03), 0.035, _POLE, Material.METAL, tag, **labels)
    return builder.build()


def sign_mesh(type_id: str, detail: int) -> Mesh:
    """Pole and face of a sign (`traffic.stop`, `traffic.yield`, `traffic.speed_limit.<km/h>`), facing +x.

    Text stands on it from detail 1 up.
    """
    builder, pole, face = MeshBuilder(), int(SemanticTag.POLES), int(SemanticTag.TRAFFIC_SIGNS)
    center = (0.0, _FACE_HEIGHT_M)
    cylinder(
        builder,
        (-0.05, 0, 0),
        (-0.05, 0, _FACE_HEIGHT_M + 0.25),
        0.035,
        (0.5, 0.51, 0.52),
        Material.METAL,
        pole,
        sides=6 if detail > 1 else 3,
    )
    corners, turn = {"traffic.stop": (8, np.pi / 8), "traffic.yield": (3, -np.pi / 2)}.get(
        type_id, ((7, 12, 20, 20)[detail], 0.0)
    )
    back = _disc(-0.012, center, _FACE_RADIUS_M, corners, turn).reshape(-1, 3, 3)[:, ::-1].reshape(-1, 3)
    builder.triangles(back, (0.42, 0.43, 0.44), Material.METAL, face)
    if type_id == "traffic.stop":
        layers = ((1.0, _WHITE), (0.92, _RED))
        text, color, size = "STOP", _WHITE, 0.105
    elif type_id == "traffic.yield":
        layers, text, color, size = ((1.0, _RED), (0.62, _WHITE)), "", _BLACK, 0.0
    else:
        layers = ((1.0, _RED), (0.78, _WHITE))
        text, color, size = type_id.rsplit(".", 1)[-1], _BLACK, 0.15
    for depth, (radius, layer_color) in enumerate(layers):
        disc = _disc(0.006 * depth, center, _FACE_RADIUS_M * radius, corners, turn)
        builder.triangles(disc, layer_color, Material.SIGN_FACE, face)
    if detail and text.isalnum() and text.upper() == text:
        _write(builder, text, size, color, face, detail)
    return builder.build()


def _write(
    builder: MeshBuilder, text: str, size: float, color: tuple[float, float, float], tag: int, detail: int
) -> None:
    pitch = size * 1.6
    for index, letter in enumerate(text):
        # Seen from +x, y (to the right when looking along +x) runs to the reader's left.
        left = (len(text) * pitch - (pitch - size)) / 2 - index * pitch
        for stroke in _GLYPHS.get(letter, ""):
            (u0, v0), (u1, v1) = _STROKES[stroke]
            ys = left - size * np.array([u0, u1])
            zs = _FACE_HEIGHT_M - size + size * np.array([v0, v1])
            half = 0.16 * size
            low = (0.013, ys.min() - half, zs.min() - half)
            high = (0.018, ys.max() + half, zs.max() + half)
            if detail > 2:
                box(builder, low, high, color, Material.SIGN_FACE, tag)
                continue
            corners = np.array([(low[1], low[2]), (high[1], low[2]), (high[1], high[2]), (low[1], high[2])])
            builder.quad(np.c_[np.full(4, high[0]), corners], color, Material.SIGN_FACE, tag)


def _disc(x: float, center: tuple[float, float], radius: float, corners: int, turn: float = 0.0) -> np.ndarray:
    angle = np.linspace(0, 2 * np.pi, corners + 1) + turn
    ring = np.c_[np.full(corners + 1, x), center[0] + radius * np.cos(angle), center[1] + radius * np.sin(angle)]
    hub = np.broadcast_to((x, *center), ring[:-1].shape)
    return np.stack([hub, ring[:-1], ring[1:]], 1).reshape(-1, 3)
