"""The drawn land: grass that follows the roads, fields beyond the town, finer where bridges and valleys shape it."""

from __future__ import annotations

import numpy as np

from carla_server.roads.ground import CELL_M, TERRAIN_DROP_M, GroundRaster
from carla_server.roads.mesh import Material, MeshBuilder
from carla_server.roads.surface import GRASS_RGB
from carla_server.roads.valleys import Valley
from carla_server.semantics import SemanticTag

_COUNTRY_RGB = (GRASS_RGB, (0.30, 0.29, 0.13), (0.11, 0.18, 0.07), (0.24, 0.30, 0.11), (0.33, 0.27, 0.17))
"""Meadow, grain, wood, pasture, plough land."""

_MUD_RGB, _BARE_RGB = (0.23, 0.20, 0.13), (0.31, 0.295, 0.265)
"""Beside water; under bridges, where no grass grows."""

_WATER_RGB = (0.055, 0.085, 0.075)

TERRAIN_CELL_M = 4.0
WIDEST_TERRAIN_CELL_M = 36.0
"""Below the cells into which renderers sort triangles: wider ones leave holes in what is drawn from afar."""

TERRAIN_MARGIN_M = 420.0
"""How far the terrain goes on beyond the town, so that the horizon is land."""

FINE_CELL_M, FINE_FAR_CELL_M = 2.0, 5.0
"""Largest cells of banks, in the town and beyond it."""

_BANK_REACH_M = 26.0
"""Distance from a valley's bed up to which the land beyond the town is finer."""

_SHORE_M = 0.5
_WAVE = 0.02
"""Slope of the waves on water."""

_WATER_STEP_M = 4.0
_ORDER = ((0, 0), (0, 1), (1, 1), (0, 0), (1, 1), (1, 0))
"""(row, column) of the corners of a cell's two triangles."""


class _Land:
    """Height and colour of the land at any point."""

    def __init__(self, ground: GroundRaster) -> None:
        self._ground = ground

    def outside_m(self, x: np.ndarray, y: np.ndarray) -> np.ndarray:
        """Distance from the town."""
        x0, y0, x1, y1 = self._ground.bounds_m
        return np.hypot(np.maximum(np.maximum(x0 - x, x - x1), 0), np.maximum(np.maximum(y0 - y, y - y1), 0))

    def height_m(self, x: np.ndarray, y: np.ndarray) -> np.ndarray:
        """Along the roads in the town, rolling gently beyond it."""
        z = self._ground.road_height_m(x, y) - TERRAIN_DROP_M
        outside = self.outside_m(x, y)
        if self._ground.valleys:
            z = np.where(outside > 0.0, self._ground.uncut_height_m(x, y) - TERRAIN_DROP_M, z)
        rolling = np.sin(0.013 * x + 0.7) * np.cos(0.011 * y - 0.4) + 0.6 * np.sin(0.023 * (x + y))
        z = (
            z
            + np.minimum(outside / 300.0, 1.0) * (6.0 + 6.0 * rolling)
            + 22.0 * np.clip(outside / 420.0, 0.0, 1.0) ** 2
        )
        for valley in self._ground.valleys:
            z = np.where(outside > 0.0, np.minimum(z, valley.height_m(x, y)), z)
        return z

    def color(self, x: np.ndarray, y: np.ndarray, z: np.ndarray) -> np.ndarray:
        """Grass; fields and woods outside the town, so that the horizon is no plain green."""
        shade = 1.0 + 0.10 * np.sin(0.31 * x) * np.cos(0.27 * y) + 0.06 * np.sin(0.11 * x + 0.17 * y)
        colors = np.asarray(GRASS_RGB) * shade[..., None]
        field = np.mod(np.floor(x / 130.0 + 0.2 * y / 130.0) * 7 + np.floor(y / 110.0) * 5, len(_COUNTRY_RGB))
        share = np.clip((self.outside_m(x, y) - 30.0) / 60.0, 0.0, 1.0)[..., None]
        colors = colors * (1.0 - share) + np.asarray(_COUNTRY_RGB)[field.astype(int)] * shade[..., None] * share
        for valley in self._ground.valleys:
            if valley.water_m is not None:
                shore = (z < valley.water_m + _SHORE_M) & (valley.distance_m(x, y) < valley.half_m + _BANK_REACH_M)
                colors = np.where(shore[..., None], np.asarray(_MUD_RGB) * shade[..., None], colors)
        bare = self._ground.below_deck(x, y)
        return np.where(bare[..., None], np.asarray(_BARE_RGB) * shade[..., None], colors) if bare.any() else colors


def _grid_lines(low: float, high: float) -> np.ndarray:
    """Even lines over the town, growing cells beyond it."""
    inside = np.arange(low, high + TERRAIN_CELL_M, TERRAIN_CELL_M)
    steps = np.minimum(TERRAIN_CELL_M * 1.45 ** np.arange(1, 40), WIDEST_TERRAIN_CELL_M)
    reach = np.cumsum(steps)
    reach = reach[: np.searchsorted(reach, TERRAIN_MARGIN_M) + 1]
    return np.r_[low - reach[::-1], inside, inside[-1] + reach]


def add_terrain(builder: MeshBuilder, ground: GroundRaster) -> None:
    """Add the land, left out where paving hides it, and the water in its valleys."""
    land = _Land(ground)
    x0, y0, x1, y1 = ground.bounds_m
    xs, ys = _grid_lines(x0, x1), _grid_lines(y0, y1)
    x, y = np.meshgrid(xs, ys)
    z = land.height_m(x, y)
    points = np.stack([x, y, z], axis=-1)
    dz_y, dz_x = np.gradient(z, ys, xs)
    normals = np.stack([-dz_x, -dz_y, np.ones_like(z)], axis=-1)
    normals /= np.linalg.norm(normals, axis=-1, keepdims=True)
    colors = land.color(x, y, z)
    covered = _covered(ground.tags == SemanticTag.TERRAIN, ground, xs, ys)
    fine = _shaped(ground, xs, ys)

    def soup(grid: np.ndarray) -> np.ndarray:
        views = [grid[r : grid.shape[0] - 1 + r, c : grid.shape[1] - 1 + c] for r, c in _ORDER]
        return np.stack(views, axis=2)[~covered & ~fine].reshape(-1, 3)

    _add(builder, soup(points), soup(colors), soup(normals))
    if fine.any():
        _add_fine(builder, land, ground, xs, ys, fine)
    _add_water(builder, ground)


def _add(builder: MeshBuilder, points: np.ndarray, colors: np.ndarray, normals: np.ndarray) -> None:
    uv = np.mod(points[:, :2], 512.0)
    builder.triangles(points, colors, Material.GRASS, SemanticTag.TERRAIN, normals=normals, uv_m=uv)


def _covered(wanted: np.ndarray, ground: GroundRaster, xs: np.ndarray, ys: np.ndarray) -> np.ndarray:
    """Cells between lines that lie in the town and hold no raster cell that is wanted, bool."""
    rows, columns = wanted.shape
    grass = np.zeros((rows + 1, columns + 1))
    grass[1:, 1:] = np.cumsum(np.cumsum(wanted, axis=0), axis=1)
    col = np.clip(((xs - ground.bounds_m[0]) / CELL_M).round().astype(int), -1, columns + 1)
    row = np.clip(((ys - ground.bounds_m[1]) / CELL_M).round().astype(int), -1, rows + 1)
    inside_x = (col[:-1] >= 0) & (col[1:] <= columns)
    inside_y = (row[:-1] >= 0) & (row[1:] <= rows)
    col, row = np.clip(col, 0, columns), np.clip(row, 0, rows)
    table = grass[np.ix_(row, col)]
    count = table[1:, 1:] - table[:-1, 1:] - table[1:, :-1] + table[:-1, :-1]
    return (count == 0) & inside_y[:, None] & inside_x[None, :]


def _shaped(ground: GroundRaster, xs: np.ndarray, ys: np.ndarray) -> np.ndarray:
    """Cells of the terrain grid in which bridges and valleys shape the land, bool."""
    fine = np.zeros((len(ys) - 1, len(xs) - 1), bool)
    if not ground.built_over.any():
        return fine
    x, y = np.meshgrid((xs[1:] + xs[:-1]) / 2, (ys[1:] + ys[:-1]) / 2)
    x0, y0, x1, y1 = ground.bounds_m
    inside = (x > x0) & (x < x1) & (y > y0) & (y < y1)
    fine |= inside & ~_covered(ground.built_over, ground, xs, ys)
    half = np.maximum(*np.meshgrid(np.diff(xs), np.diff(ys))) / 2
    for valley in ground.valleys:
        fine |= ~inside & (valley.distance_m(x, y) < valley.half_m + _BANK_REACH_M + half)
    return fine


def _add_fine(
    builder: MeshBuilder, land: _Land, ground: GroundRaster, xs: np.ndarray, ys: np.ndarray, fine: np.ndarray
) -> None:
    """Divide cells; where a neighbour is whole, the edge stays as straight as its own."""
    x0, y0, x1, y1 = ground.bounds_m
    parts_x = _parts(xs, x0, x1)
    parts_y = _parts(ys, y0, y1)
    padded = np.pad(fine, 1)
    rows, columns = np.nonzero(fine)
    for nx, ny in {(int(a), int(b)) for a, b in zip(parts_x[columns], parts_y[rows], strict=True)}:
        own = (parts_x[columns] == nx) & (parts_y[rows] == ny)
        row, column = rows[own], columns[own]
        u, v = np.linspace(0.0, 1.0, nx + 1), np.linspace(0.0, 1.0, ny + 1)
        x = np.repeat((xs[column][:, None] * (1 - u) + xs[column + 1][:, None] * u)[:, None], ny + 1, axis=1)
        y = np.repeat((ys[row][:, None] * (1 - v) + ys[row + 1][:, None] * v)[:, :, None], nx + 1, axis=2)
        z = land.height_m(x, y)
        step = 0.5
        dz_x = land.height_m(x + step, y) - land.height_m(x - step, y)
        dz_y = land.height_m(x, y + step) - land.height_m(x, y - step)
        normals = np.stack([-dz_x, -dz_y, np.full_like(z, 2 * step)], axis=-1)
        normals /= np.linalg.norm(normals, axis=-1, keepdims=True)
        colors = land.color(x, y, z)
        for down, right, edge, share in (
            (0, 1, np.s_[:, 0, :], u),
            (2, 1, np.s_[:, -1, :], u),
            (1, 0, np.s_[:, :, 0], v),
            (1, 2, np.s_[:, :, -1], v),
        ):
            line = z[edge]
            straight = line[:, :1] * (1 - share) + line[:, -1:] * share
            whole = ~padded[row + down, column + right]
            z[edge] = np.where(whole[:, None], straight, line)
        points = np.stack([x, y, z], axis=-1)

        def soup(grid: np.ndarray, ny: int = ny, nx: int = nx) -> np.ndarray:
            views = [grid[:, r : ny + r, c : nx + c] for r, c in _ORDER]
            return np.stack(views, axis=3).reshape(-1, 3)

        _add(builder, soup(points), soup(colors), soup(normals))


def _parts(lines: np.ndarray, low: float, high: float) -> np.ndarray:
    """Into how many parts the cells between lines are divided."""
    middle, size = (lines[1:] + lines[:-1]) / 2, np.diff(lines)
    largest = np.where((middle > low) & (middle < high), FINE_CELL_M, FINE_FAR_CELL_M)
    return np.ceil(size / largest - 1e-6).astype(int)


def _add_water(builder: MeshBuilder, ground: GroundRaster) -> None:
    x0, y0, x1, y1 = ground.bounds_m
    reach = TERRAIN_MARGIN_M - 10.0
    for valley in ground.valleys:
        if valley.water_m is None:
            continue
        along = np.arange(valley.from_m, valley.to_m, _WATER_STEP_M)
        line = valley.line_m(along)
        away = np.hypot(
            np.maximum(np.maximum(x0 - line[:, 0], line[:, 0] - x1), 0),
            np.maximum(np.maximum(y0 - line[:, 1], line[:, 1] - y1), 0),
        )
        _add_sheet(builder, valley, along[away < reach])


def _add_sheet(builder: MeshBuilder, valley: Valley, along: np.ndarray) -> None:
    """The surface of the water, wide enough to meet the banks, with a slow swell in its normals."""
    half = valley.half_m + valley.shore_m
    asides = np.linspace(-half, half, max(2, int(2 * half / _WATER_STEP_M) + 1))
    grid = np.stack([valley.line_m(along, aside) for aside in asides], axis=1)
    x, y = grid[..., 0], grid[..., 1]
    points = np.stack([x, y, np.full_like(x, valley.water_m or 0.0)], axis=-1)
    chance = np.mod(np.sin(x * 12.9898 + y * 78.233) * 43758.5453, 1.0)
    turn = 2.0 * np.pi * chance
    swell = np.stack([np.sin(turn), np.cos(turn), np.full_like(x, 1.0 / _WAVE)], axis=-1)
    normals = swell / np.linalg.norm(swell, axis=-1, keepdims=True)
    a, b = len(along) - 1, len(asides) - 1

    def soup(values: np.ndarray) -> np.ndarray:
        views = [values[r : a + r, c : b + c] for r, c in _ORDER]
        return np.stack(views, axis=2).reshape(-1, 3)

    builder.triangles(soup(points), _WATER_RGB, Material.GLASS, SemanticTag.WATER, normals=soup(normals))
