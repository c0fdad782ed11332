"""A town as the renderer keeps it: static meshes in cells, instanced furniture, street light on the ground."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from carla_server.render.actors import INSTANCE_DTYPE, rigid_instances
from carla_server.render.camera import rotation_matrix
from carla_server.render.indexing import shared_vertices
from carla_server.render.occlusion import Occluders
from carla_server.render.shapes import props, signals
from carla_server.render.shapes.bridges import bridge_mesh, rail_mesh
from carla_server.render.shapes.buildings import building_mesh
from carla_server.render.shapes.families import shape_builder
from carla_server.render.shapes.library import LEVELS, MeshLibrary
from carla_server.render.shapes.trees import BUSH, TREE_KINDS, tree_mesh
from carla_server.roads.mesh import joined
from carla_server.roads.town import Placement, PropKind, Town
from carla_server.semantics import SemanticTag

STATIC_INSTANCE_OFFSET = 0x8000
"""Added to `Placement.instance` so that scenery never shares an id with an actor."""
SIGN_INSTANCE_OFFSET = STATIC_INSTANCE_OFFSET + 20000
LIGHT_INSTANCE_OFFSET = SIGN_INSTANCE_OFFSET + 5000
BRIDGE_INSTANCE_OFFSET = LIGHT_INSTANCE_OFFSET + 5000
RAIL_INSTANCE_OFFSET = BRIDGE_INSTANCE_OFFSET + 1500
"""Added to the index of a sign, of a traffic light, of a bridge and of a ramp's rail in the town."""
_ABOVE_ALL_M = 1e6
CELL_M = 40.0
BREADTHS_M = (0.26, 0.6, 1.2)
"""Triangles narrower than the first are markings and kerb faces; than the last, parts of balconies and ledges."""
_STREET_TREES, _OPEN_GROUND_TREES = (0, 0, 0, 1, 2, 2), (0, 0, 1, 2, 3, 3, BUSH)
"""Kinds of trees along sidewalks and elsewhere, as often as they are listed."""
_WIDEST_STREET_TREE_M = 3.8
_BUSH_SPREAD, _BUSH_RISE = 0.6, 0.32
"""Share of a tree's crown and height; a bush must not reach over a road as crowns do."""
_LAMP_MAP_SIDE = 512
_LAMP_REACH_M = 16.0
_PARKED = ("vehicle.tesla.model3", "vehicle.audi.a2", "vehicle.nissan.patrol", "vehicle.mercedes.sprinter")
_PARKED_COLORS = np.array(
    [(205, 205, 208), (22, 22, 25), (120, 124, 130), (150, 20, 22), (24, 46, 98), (66, 72, 78), (168, 160, 140)],
    np.uint8,
)


@dataclass(frozen=True)
class CellMesh:
    """A static mesh sorted into square cells.

    Attributes:
        vertices: (3 T,) VERTEX_DTYPE, one cell after the other.
        first: (C,) int, first vertex of each cell; its broad triangles come first.
        counts: (C, 1 + len(BREADTHS_M)) int, vertices of all triangles, then of those broader than each of
            `BREADTHS_M`: all that is worth drawing far away.
        corner_m: (C, 2) lower corner of each cell's square; triangles may stand out of it.
        low_m, high_m: (C, 3) bounds of each cell.
    """

    vertices: np.ndarray
    first: np.ndarray
    counts: np.ndarray
    corner_m: np.ndarray
    low_m: np.ndarray
    high_m: np.ndarray

    @cached_property
    def indexed(self) -> tuple[np.ndarray, np.ndarray]:
        """Distinct vertices of each cell, and the index of each of `vertices` among them; see `shared_vertices`."""
        return shared_vertices(self.vertices, np.repeat(np.arange(len(self.first)), self.counts[:, 0]))

    @property
    def bounds_m(self) -> tuple[float, float, float, float]:
        """x0, y0, x1, y1 of all vertices; a unit square if there are none."""
        if not len(self.first):
            return 0.0, 0.0, 1.0, 1.0
        (x0, y0), (x1, y1) = self.low_m[:, :2].min(0), self.high_m[:, :2].max(0)
        return float(x0), float(y0), float(x1), float(y1)

    @classmethod
    def of(cls, vertices: np.ndarray) -> CellMesh:
        """Sort triangles by the cell their middle lies in."""
        triangles = vertices.reshape(-1, 3)
        middle = triangles["position_m"].mean(1)
        cell = np.floor(middle[:, :2] / CELL_M).astype(np.int64)
        key = cell[:, 0] * 100003 + cell[:, 1]
        # A pole's sides are narrow, yet it must stay whole.
        breadth_m = np.where(
            triangles["ids"][:, 0, 0] == SemanticTag.POLES, np.inf, _breadth_m(triangles["position_m"])
        )
        slim = len(BREADTHS_M) - np.searchsorted(BREADTHS_M, breadth_m, side="right")
        order = np.lexsort((slim, key))
        _, first = np.unique(key[order], return_index=True)
        triangles = triangles[order]
        if not len(triangles):
            nothing = np.zeros((0, 3))
            return cls(
                vertices, first, np.zeros((0, 1 + len(BREADTHS_M)), np.int64), nothing[:, :2], nothing, nothing
            )
        worth = np.arange(len(BREADTHS_M), -1, -1)
        counts = 3 * np.add.reduceat(slim[order][:, None] <= worth, first, dtype=np.int64)
        corner = cell[order][first] * CELL_M
        low = np.minimum.reduceat(triangles["position_m"].min(1), first)
        high = np.maximum.reduceat(triangles["position_m"].max(1), first)
        return cls(triangles.reshape(-1), first * 3, counts, corner, low, high)


def _breadth_m(corners_m: np.ndarray) -> np.ndarray:
    """(T,) height of each triangle over its longest side."""
    edges = np.linalg.norm(corners_m - np.roll(corners_m, 1, axis=1), axis=2)
    doubled_area = np.linalg.norm(
        np.cross(corners_m[:, 1] - corners_m[:, 0], corners_m[:, 2] - corners_m[:, 0]), axis=1
    )
    return doubled_area / np.maximum(edges.max(1), 1e-6)


@dataclass(frozen=True)
class Scenery:
    """Everything of a town that does not move.

    Attributes:
        surface, buildings: static meshes.
        furniture: (F,) INSTANCE_DTYPE of props, trees, lamps, signs.
        furniture_mesh: (F,) number in the mesh library.
        furniture_scale: (F,) largest scale of each instance.
        heads: (H,) INSTANCE_DTYPE of traffic light heads; head_site (H,) the site of each.
        lamp_map: (S, S, 2) float16: street light on the ground, height of the ground.
        lamp_frame: x0, y0 (m), 1 / width, 1 / height of the lamp map.
        bounds_m: x0, y0, x1, y1 of the town.
        occluders: houses that hide what is behind them.
    """

    surface: CellMesh
    buildings: CellMesh
    furniture: np.ndarray
    furniture_mesh: np.ndarray
    furniture_scale: np.ndarray
    heads: np.ndarray
    head_mesh: int
    head_site: np.ndarray
    lamp_map: np.ndarray
    lamp_frame: tuple[float, float, float, float]
    bounds_m: tuple[float, float, float, float]
    occluders: Occluders


def build_scenery(town: Town, library: MeshLibrary) -> Scenery:
    """Make the static scene of a town; its instanced meshes go into the library."""
    (made,) = filter(None, scenery_in_steps(town, library))
    return made


def scenery_in_steps(town: Town, library: MeshLibrary) -> Iterator[Scenery | None]:
    """As `build_scenery`, some milliseconds of work a step; the last one yields the scenery, all others None."""
    solid: list[np.ndarray] = []
    furniture = _Furniture(library)
    lamp_heads_m: list[tuple[float, float, float, float]] = []
    for placement in town.placements:
        if placement.kind is PropKind.BUILDING:
            solid.append(building_mesh(placement, placement.instance + STATIC_INSTANCE_OFFSET).vertices)
        else:
            furniture.place(placement)
        if placement.kind is PropKind.STREET_LAMP:
            lamp_heads_m.append(_lamp_head(placement))
        yield None
    for index, site in enumerate(town.traffic_lights):
        solid.append(signals.signal_pole_mesh(site, LIGHT_INSTANCE_OFFSET + index).vertices)
    yield None
    kinds = sorted({sign.type_id for sign in town.signs})
    faces = {kind: library.add(tuple(signals.sign_mesh(kind, detail) for detail in range(LEVELS))) for kind in kinds}
    for index, sign in enumerate(town.signs):
        furniture.add(
            faces[sign.type_id], sign.position_m, sign.yaw_deg, (1.0, 1.0, 1.0), SIGN_INSTANCE_OFFSET + index
        )
    for index, bridge in enumerate(town.bridges):
        solid.append(bridge_mesh(bridge, BRIDGE_INSTANCE_OFFSET + index).vertices)
    solid += [rail_mesh(rail, RAIL_INSTANCE_OFFSET + index).vertices for index, rail in enumerate(town.rails)]
    yield None
    heads, head_site = _heads(town)
    lamp_map, lamp_frame = _street_light(town, np.array(lamp_heads_m).reshape(-1, 4))
    instances, meshes, scales = furniture.arrays()
    yield None
    cells = []
    for vertices in (town.surface.vertices, joined(solid)):
        cells.append(CellMesh.of(vertices))
        yield None
    surface, buildings = cells
    for mesh in cells:
        mesh.indexed  # noqa: B018  # made now, kept in the mesh
        yield None
    yield Scenery(
        surface=surface,
        buildings=buildings,
        furniture=instances,
        furniture_mesh=meshes,
        furniture_scale=scales,
        heads=heads,
        head_mesh=library.add(tuple(signals.signal_head_mesh(detail) for detail in range(LEVELS))),
        head_site=head_site,
        lamp_map=lamp_map,
        lamp_frame=lamp_frame,
        bounds_m=town.bounds_m,
        occluders=Occluders(town.placements),
    )


class _Furniture:
    """Collects instances of props."""

    def __init__(self, library: MeshLibrary) -> None:
        self._library = library
        self._trees = [
            library.add(tuple(tree_mesh(kind, detail) for detail in range(LEVELS)), foliage=True)
            for kind in range(TREE_KINDS)
        ]
        self._lamp = library.add(tuple(props.street_lamp_mesh(detail) for detail in range(LEVELS)))
        self._sized: dict[tuple[object, ...], int] = {}
        self._rows: list[np.ndarray] = []
        self._meshes: list[int] = []
        self._scales: list[float] = []

    def place(self, placement: Placement) -> None:
        random = np.random.default_rng((placement.seed, 0xF00D))
        size, instance = placement.size_m, placement.instance + STATIC_INSTANCE_OFFSET
        if placement.kind is PropKind.TREE:
            number = int(random.choice(_STREET_TREES if size[0] < _WIDEST_STREET_TREE_M else _OPEN_GROUND_TREES))
            kind = self._trees[number]
            tint = np.clip(128 * random.uniform((0.75, 0.85, 0.6), (1.25, 1.15, 1.1)), 0, 255)
            across = min(size[0], size[2] * 0.9)
            scale = (across, across, size[2])
            if number == BUSH:
                scale = (_BUSH_SPREAD * across, _BUSH_SPREAD * across, _BUSH_RISE * size[2])
            self.add(kind, placement.position_m, random.uniform(0, 360), scale, instance, tint)
        elif placement.kind is PropKind.STREET_LAMP:
            rise = size[2] / props.STREET_LAMP_HEIGHT_M if size[2] > 2.0 else 1.0
            self.add(self._lamp, placement.position_m, placement.yaw_deg, (1.0, 1.0, rise), instance)
        elif placement.kind is PropKind.PARKED_CAR:
            blueprint = _PARKED[int(random.choice([0, 0, 1, 1, 2, 3]))] if size[2] < 1.8 else _PARKED[2]
            color = _PARKED_COLORS[random.integers(len(_PARKED_COLORS))]
            mesh = self._mesh(blueprint, size)
            tag = int(SemanticTag.CAR)
            self.add(mesh, placement.position_m, placement.yaw_deg, (1.0, 1.0, 1.0), instance, color, tag)
        else:
            mesh = self._mesh(placement.kind.value, size)
            self.add(mesh, placement.position_m, placement.yaw_deg, (1.0, 1.0, 1.0), instance)

    def add(
        self,
        mesh: int,
        position_m: tuple[float, float, float],
        yaw_deg: float,
        scale: tuple[float, float, float],
        instance: int,
        tint: np.ndarray | None = None,
        tag: int = int(SemanticTag.STATIC),
    ) -> None:
        rotation = rotation_matrix(np.array([[0.0, yaw_deg, 0.0]])) * np.asarray(scale)
        row = rigid_instances(np.asarray([position_m], np.float64), rotation)
        if tint is not None:
            row["tint"][0, :3] = tint
        row["ids"][0] = (tag, instance & 0xFF, instance >> 8 & 0xFF, 0)
        self._rows.append(row)
        self._meshes.append(mesh)
        self._scales.append(max(scale))

    def arrays(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        rows = np.concatenate(self._rows) if self._rows else np.zeros(0, INSTANCE_DTYPE)
        return rows, np.array(self._meshes, np.int64), np.array(self._scales)

    def _mesh(self, name: str, size_m: tuple[float, float, float]) -> int:
        key = (name, *np.round(size_m, 1))
        if key not in self._sized:
            extent = (size_m[0] / 2, size_m[1] / 2, size_m[2] / 2)
            build = shape_builder(name)
            self._sized[key] = self._library.add(tuple(build(extent, detail) for detail in range(LEVELS)))
        return self._sized[key]


def _heads(town: Town) -> tuple[np.ndarray, np.ndarray]:
    rows, sites = [], []
    for index, site in enumerate(town.traffic_lights):
        for x, y, z, yaw_deg in site.heads:
            rows.append((x, y, z, yaw_deg))
            sites.append(index)
    table = np.array(rows, np.float64).reshape(-1, 4)
    rotation = np.zeros((len(table), 3))
    rotation[:, 1] = table[:, 3]
    heads = rigid_instances(table[:, :3], rotation_matrix(rotation))
    heads["ids"][:, 0] = int(SemanticTag.TRAFFIC_LIGHT)
    return heads, np.array(sites, np.int64)


def _lamp_head(placement: Placement) -> tuple[float, float, float, float]:
    angle = np.radians(placement.yaw_deg)
    x, y, z = placement.position_m
    rise = placement.size_m[2] if placement.size_m[2] > 2.0 else props.STREET_LAMP_HEIGHT_M
    reach = props.STREET_LAMP_ARM_M
    return x + reach * float(np.cos(angle)), y + reach * float(np.sin(angle)), z, rise


def _street_light(town: Town, lamps: np.ndarray) -> tuple[np.ndarray, tuple[float, float, float, float]]:
    """Irradiance of all street lamps on the ground, baked once: one fetch a pixel however many lamps there are."""
    x0, y0, x1, y1 = town.bounds_m
    side = _LAMP_MAP_SIDE
    xs = x0 + (np.arange(side) + 0.5) / side * (x1 - x0)
    ys = y0 + (np.arange(side) + 0.5) / side * (y1 - y0)
    light = np.zeros((side, side), np.float32)
    for x, y, _, height in lamps:
        columns = np.flatnonzero(np.abs(xs - x) < _LAMP_REACH_M)
        rows = np.flatnonzero(np.abs(ys - y) < _LAMP_REACH_M)
        if not len(columns) or not len(rows):
            continue
        away2 = (xs[columns][None] - x) ** 2 + (ys[rows][:, None] - y) ** 2
        edge = np.clip(1.0 - away2 / _LAMP_REACH_M**2, 0.0, 1.0)
        pool = height**3 / (away2 + height**2) ** 1.5 * edge
        light[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1] += pool.astype(np.float32)
    grid_x, grid_y = np.meshgrid(xs, ys)
    above = np.full(side * side, _ABOVE_ALL_M)  # lamps on bridges light the deck
    ground = town.ground.height_m(grid_x.ravel(), grid_y.ravel(), above).reshape(side, side)
    out = np.stack([np.minimum(light, 4.0), ground], -1).astype(np.float16)
    return out, (x0, y0, 1.0 / (x1 - x0), 1.0 / (y1 - y0))
