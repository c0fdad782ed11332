"""The road map that Traffic Managers would otherwise sample from the OpenDRIVE themselves at every start.

CARLA's map library ends its process on some faulty maps, so it reads foreign maps in a process of their own.
Run as a program, this module reads OpenDRIVE text from standard input and writes the sampled map to standard output.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from functools import lru_cache
from pathlib import Path

COOK_TIMEOUT_S = 20.0


class UnreadableMapError(ValueError):
    """CARLA's map library does not get through the map, and neither would any client."""


@lru_cache(maxsize=6)
def cook_traffic_map(opendrive: str) -> bytes:
    """Sample a map's lanes in the client's own format.

    Args:
        opendrive: text of the map.

    Returns:
        Content of the file that `carla.Map.cook_in_memory_map` writes.

    Raises:
        UnreadableMapError: the library crashes on the map, refuses it or takes too long.
    """
    command = [sys.executable, "-m", "carla_server.world.traffic_map"]
    try:
        done = subprocess.run(  # noqa: S603  this module, run by this interpreter
            command, input=opendrive.encode(), capture_output=True, timeout=COOK_TIMEOUT_S
        )
    except subprocess.TimeoutExpired:
        raise UnreadableMapError(f"CARLA's map library has not read it within {COOK_TIMEOUT_S:g} s") from None
    if done.returncode < 0:
        raise UnreadableMapError(
            "CARLA's map library crashes on it, as every client would: a link between lanes or a lane's type is wrong"
        )
    if done.returncode or not done.stdout:
        lines = done.stderr.decode(errors="replace").strip().splitlines()
        raise UnreadableMapError(f"CARLA's map library refuses it: {lines[-1] if lines else 'no reason given'}")
    return done.stdout


def _main() -> None:
    import carla

    with tempfile.TemporaryDirectory(prefix="carla_server-") as folder:
        path = Path(folder) / "map.bin"
        carla.Map("map", sys.stdin.buffer.read().decode()).cook_in_memory_map(str(path))
        sys.stdout.buffer.write(path.read_bytes())


if __name__ == "__main__":
    _main()
