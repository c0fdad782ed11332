"""`syndiff serve`."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Literal


@dataclass(frozen=True)
class Serve:
    """Run the embedded simulator until Ctrl-C; any CARLA 0.9.16 client can connect to it."""

    port: int = 2000
    """RPC port; streaming uses the next one. 0 picks free ports."""
    host: str = "127.0.0.1"
    """Address to listen on. There is no authentication: anything but loopback is open to whoever reaches it."""
    map: str = "TownGrid"
    """Map to load."""
    map_dir: Path | None = None
    """Folder with further OpenDRIVE maps (`<name>.xodr`)."""
    map_alias: tuple[str, ...] = ()
    """Further names of maps, each NAME=MAP, for clients that ask for a map that is not here."""
    seed: int = 0
    """Same seed and same commands: same world, same pixels."""
    recorder_dir: Path | None = None
    """Folder of all recordings that clients make and replay; the working directory if absent."""
    rendering: bool = True
    """False serves no cameras and opens no OpenGL."""
    style: Literal["default", "painted"] = "default"
    """Art style of colour cameras: no shipped weight was trained on `painted`; labels are the same."""

    def run(self) -> int:
        from carla_server.__main__ import main

        arguments = ["--port", str(self.port), "--host", self.host, "--map", self.map, "--seed", str(self.seed)]
        if self.map_dir is not None:
            arguments += ["--map-dir", str(self.map_dir)]
        for alias in self.map_alias:
            arguments += ["--map-alias", alias]
        if self.recorder_dir is not None:
            arguments += ["--recorder-dir", str(self.recorder_dir)]
        if not self.rendering:
            arguments.append("--no-rendering")
        arguments += ["--style", self.style]
        print("serving CARLA 0.9.16's protocol; stop with Ctrl-C", file=sys.stderr)
        return main(arguments)
