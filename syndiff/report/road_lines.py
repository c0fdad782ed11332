"""Roads as lines, to draw below what happened on them."""

from __future__ import annotations

import hashlib
from pathlib import Path

from carla_agents.driving.road_graph import RoadGraph
from scenarios.maps import map_finder

Line = list[tuple[float, float]]
_EVERY = 5
"""Of the waypoints of a lane, which lie about a metre apart."""


class NoRoads(LookupError):
    """There is no map to draw the roads from; the message says why."""


def road_lines_m(town: str, map_dir: Path | None = None, map_sha256: str | None = None) -> list[Line]:
    """The middle of every lane of a town.

    Args:
        town: its name; shipped, or a file of the folder.
        map_dir: folder of further OpenDRIVE maps.
        map_sha256: hash of the map that the drives were driven on, if it is known.

    Returns:
        (x, y) of each lane, in metres in the world.

    Raises:
        NoRoads: there is no such map, or it is not the one of the drives.
        ScenarioError: the folder does not exist.
    """
    found = map_finder(map_dir)(town)
    if found is None:
        raise NoRoads(f"no map of {town} is shipped; name the folder that holds it with --map-dir")
    if map_sha256 is not None and hashlib.sha256(found.to_opendrive().encode()).hexdigest() != map_sha256:
        raise NoRoads(f"the map of {town} that is here is not the one of the drives")
    lanes = RoadGraph(found).lanes.values()
    places = [[*lane.waypoints[::_EVERY], lane.waypoints[-1]] for lane in lanes]
    return [[(p.transform.location.x, p.transform.location.y) for p in line] for line in places]
