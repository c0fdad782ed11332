"""`syndiff carla-root`."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from tyro.conf import Positional, arg


@dataclass(frozen=True)
class CarlaRoot:
    """Write a folder whose `CarlaUE4.sh` starts the embedded server, for scripts that start CARLA themselves."""

    directory: Annotated[Positional[Path], arg(metavar="DIRECTORY")]
    """Folder to write; set CARLA_ROOT to it."""
    host: str = "127.0.0.1"
    """Address to listen on at every start; anything but loopback is open to whoever reaches it."""
    map: str = "TownGrid"
    """Map to load where the command line names none."""
    map_dir: Path | None = None
    """Folder with further OpenDRIVE maps (`<name>.xodr`)."""
    map_alias: tuple[str, ...] = ()
    """Further names of maps, each NAME=MAP, for scripts that ask for a map that is not here."""
    seed: int = 0
    """Seed of every start."""

    def run(self) -> int:
        from carla_server.launcher import write_carla_root

        options = ["--host", self.host, "--map", self.map, "--seed", str(self.seed)]
        if self.map_dir is not None:
            options += ["--map-dir", str(self.map_dir.resolve())]
        for alias in self.map_alias:
            options += ["--map-alias", alias]
        script = write_carla_root(self.directory, options)
        print(f"wrote {script}; export CARLA_ROOT={self.directory.resolve()}")
        return 0
