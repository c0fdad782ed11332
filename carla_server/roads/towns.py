"""Loads a town by name: OpenDRIVE in, everything that the world and the renderer need out."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path

import numpy as np

from carla_server.roads.bridges import bridge_boxes, find_bridges, find_rails
from carla_server.roads.generation import Generation
from carla_server.roads.ground import GroundRaster
from carla_server.roads.lane_strips import lane_strips
from carla_server.roads.links import check_links
from carla_server.roads.markings import add_markings
from carla_server.roads.mesh import MeshBuilder
from carla_server.roads.navmesh import build_navmesh
from carla_server.roads.opendrive import OpenDriveError
from carla_server.roads.read_opendrive import MAX_TEXT_BYTES, parse_opendrive
from carla_server.roads.scenery import furnish
from carla_server.roads.spans import find_spans
from carla_server.roads.spawn_points import spawn_points
from carla_server.roads.surface import add_surface
from carla_server.roads.terrain import add_terrain
from carla_server.roads.town import Box, Town
from carla_server.roads.traffic_sites import traffic_sites
from carla_server.roads.walls import add_walls

SHIPPED_DIR = Path(__file__).resolve().parent.parent / "towns"
SERVED = Generation()


class UnknownTownError(LookupError):
    """No map of this name is shipped or lies in the map directory."""


def _map_files(map_dir: Path | None) -> dict[str, Path]:
    folders = [SHIPPED_DIR] + ([] if map_dir is None else [Path(map_dir)])
    return {path.stem: path for folder in folders for path in sorted(folder.glob("*.xodr"))}


def available_towns(map_dir: Path | str | None = None) -> list[str]:
    """Names that `load_town` accepts, sorted: shipped towns and the `.xodr` files of `map_dir`."""
    return sorted(_map_files(None if map_dir is None else Path(map_dir)))


def load_town(name: str, map_dir: Path | str | None = None) -> Town:
    """A town, built once for each content in this process.

    Args:
        name: a name from `available_towns`, with or without a path in front (`/Game/Carla/Maps/TownGrid`).
        map_dir: folder with further `.xodr` files; they win over shipped ones of the same name.

    Raises:
        UnknownTownError: there is no such map; the message names those that exist.
        OpenDriveError: the file is not a usable OpenDRIVE map.
    """
    files = _map_files(None if map_dir is None else Path(map_dir))
    short = name.rpartition("/")[2]
    if short not in files:
        raise UnknownTownError(f"no map named {name!r}; available: {', '.join(sorted(files))}")
    return town_from_opendrive(short, _read(files[short]))


def _read(path: Path) -> str:
    try:
        if path.stat().st_size > MAX_TEXT_BYTES:
            raise OpenDriveError(f"{path.name} has {path.stat().st_size} bytes, at most {MAX_TEXT_BYTES} are read")
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise OpenDriveError(f"{path.name} cannot be read as UTF-8 text: {error}") from error


@lru_cache(maxsize=6)
def town_from_opendrive(name: str, text: str, generation: Generation = SERVED) -> Town:
    """A town from OpenDRIVE text; equal arguments give the same object.

    Args:
        name: its name, which also seeds the scenery.
        text: OpenDRIVE XML.
        generation: how its roads become geometry.

    Raises:
        OpenDriveError: the text is not a usable map.
    """
    opendrive = parse_opendrive(text)
    check_links(opendrive)
    strips = lane_strips(opendrive, generation.vertex_distance_m, generation.additional_width_m)
    if not any(strip.kind == "driving" for strip in strips):
        raise OpenDriveError(f"the map {name!r} has no driving lane")
    spans = find_spans(strips)
    ground = GroundRaster(strips, spans)
    builder = MeshBuilder()
    if generation.visible:
        add_surface(builder, strips, ground)
        add_terrain(builder, ground)
        add_markings(builder, opendrive)
    walls: tuple[Box, ...] = ()
    if generation.wall_height_m > 0.0:
        walls = add_walls(builder, strips, ground, generation.wall_height_m)
    lights, signs = traffic_sites(opendrive, ground)
    points = spawn_points(strips)
    bridges = find_bridges(strips, spans, ground)
    rails = find_rails(strips, spans, ground)
    boxes, tags = bridge_boxes(bridges, rails)
    placements, obstacles = furnish(name, strips, ground, lights, signs, points)
    points.flags.writeable = False
    return Town(
        name=name,
        opendrive=text,
        surface=builder.build(),
        placements=placements,
        traffic_lights=lights,
        signs=signs,
        spawn_points=np.asarray(points),
        obstacles=obstacles + walls + tuple(boxes),
        ground=ground,
        navmesh=build_navmesh(opendrive, strips) if generation.walkers else b"",
        bounds_m=ground.bounds_m,
        bridges=bridges,
        rails=rails,
        bridge_boxes=tuple(boxes),
        bridge_tags=tuple(tags),
    )
