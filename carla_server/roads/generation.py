"""How a map becomes geometry: what a client may choose with `generate_opendrive_world`."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Generation:
    """Choices of `carla.OpendriveGenerationParameters`; the defaults here are those of shipped and served maps.

    `max_road_length` and `smooth_junctions` of CARLA have no counterpart: this server makes one mesh, cut into cells
    where it is drawn, and always paves the whole of a junction.

    Attributes:
        vertex_distance_m: largest distance of two cross-sections of a lane.
        wall_height_m: height of the walls along outer road edges that meet open land; 0 for none.
        additional_width_m: how much wider than in the map lanes in junctions are paved.
        visible: False leaves the ground out of cameras; vehicles still drive on it.
        walkers: False makes no navigation mesh.
    """

    vertex_distance_m: float = 2.5
    wall_height_m: float = 0.0
    additional_width_m: float = 0.0
    visible: bool = True
    walkers: bool = True
