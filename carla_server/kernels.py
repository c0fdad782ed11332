"""All compiled kernels, so that a server can have them ready before its world runs.

`python -m carla_server.kernels` compiles them after an installation.
"""

from __future__ import annotations

from carla_server.dynamics.bodies import place_boxes
from carla_server.dynamics.touching import find_touching
from carla_server.dynamics.vehicle_motion import move
from carla_server.render import culling
from carla_server.roads.height_field import find_decks, find_heights
from carla_server.sensors.motion_blur import smeared
from carla_server.world.regulation import find_sites

CULLING = (
    culling.hiding_houses,
    culling.cells_in_sight,
    culling.instances_in_sight,
    culling.shadows_in_sight,
    culling.draws_of,
    culling.listed_indices,
)
PICTURES = (*CULLING, smeared)
MOTION = (move, place_boxes, find_touching, find_sites, find_heights, find_decks)


def prepare_kernels(*, rendering: bool = True) -> None:
    """Load the kernels' machine code, or make it on the first start.

    Args:
        rendering: whether those of the cameras are needed, too.
    """
    for kernel in (*MOTION, *PICTURES) if rendering else MOTION:
        kernel.prepare()


if __name__ == "__main__":
    prepare_kernels()
