"""Files that clients fetch for a map and keep: the walkers' navigation mesh and the Traffic Manager's road map.

Clients store what they fetch under `$CARLA_CACHE_DIR` or `~/carlaCache`, by version and name, and never ask again for
a name they have. So every name holds a digest of what the file is made from.
"""

from __future__ import annotations

import hashlib
from typing import Any

from carla_server.api.simulator import Simulator
from carla_server.api.table import Returns, rows
from carla_server.roads.town import Town
from carla_server.wire.structs import InvalidArgument, read_str
from carla_server.world.traffic_map import cook_traffic_map

MAP_PREFIX = "Carla/Maps/"

_NAVIGATION = "Nav"
_TRAFFIC = "TM"
_DIGEST_LENGTH = 16


def get_required_files(simulator: Simulator, folder: Any) -> list[str]:
    """Files the client should fetch from a folder: `Nav` if the map has a navigation mesh, or `TM`."""
    wanted = read_str(folder, "folder").strip("/")
    town = simulator.world.town
    if wanted == _NAVIGATION and town.navmesh:
        return [_navigation_name(town)]
    return [_traffic_name(town)] if wanted == _TRAFFIC else []


def request_file(simulator: Simulator, name: Any) -> bytes:
    """Content of a file that `get_required_files` names."""
    wanted = read_str(name, "file name")
    town = simulator.world.town
    if wanted == _navigation_name(town):
        return town.navmesh
    if wanted == _traffic_name(town):
        return cook_traffic_map(town.opendrive)
    raise InvalidArgument(
        f"there is no file {wanted!r}; this server offers {_navigation_name(town)!r} and {_traffic_name(town)!r}"
    )


def get_navigation_mesh(simulator: Simulator) -> bytes:
    return simulator.world.town.navmesh


def _navigation_name(town: Town) -> str:
    return _name(_NAVIGATION, town, town.navmesh)


def _traffic_name(town: Town) -> str:
    return _name(_TRAFFIC, town, town.opendrive.encode())


def _name(folder: str, town: Town, source: bytes) -> str:
    return f"{MAP_PREFIX}{folder}/{town.name}-{hashlib.sha256(source).hexdigest()[:_DIGEST_LENGTH]}.bin"


PROCEDURES = rows(Returns.VALUE, get_required_files, request_file, get_navigation_mesh)
