"""The road map that Traffic Managers would otherwise sample from the OpenDRIVE themselves at every start."""

from __future__ import annotations

import tempfile
from functools import lru_cache
from pathlib import Path

import carla


@lru_cache(maxsize=4)
def cook_traffic_map(name: str, opendrive: str) -> bytes:
    """Sample a map's lanes in the client's own format.

    Args:
        name: of the map.
        opendrive: its text.

    Returns:
        Content of the file that `carla.Map.cook_in_memory_map` writes.
    """
    with tempfile.TemporaryDirectory(prefix="carla_server-") as folder:
        path = Path(folder) / "map.bin"
        carla.Map(name, opendrive).cook_in_memory_map(str(path))
        return path.read_bytes()
