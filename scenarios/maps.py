"""Maps by the name of their town: the shipped ones, and those of a folder."""

from __future__ import annotations

from collections.abc import Callable
from importlib.resources import files
from pathlib import Path

import carla

from scenarios.parameters import ScenarioError


def map_finder(map_dir: Path | None = None) -> Callable[[str], carla.Map | None]:
    """A function from a town's name to its map; `Town10HD_Opt` is `Town10HD`.

    Args:
        map_dir: folder of `.xodr` files besides the shipped towns.

    Raises:
        ScenarioError: the folder does not exist.
    """
    if map_dir is not None and not map_dir.is_dir():
        raise ScenarioError(f"--map-dir {map_dir} is not a folder")

    def find(town: str) -> carla.Map | None:
        name = town.split("/")[-1].removesuffix("_Opt")
        folders = [files("carla_server") / "towns", *([map_dir] if map_dir is not None else [])]
        for folder in folders:
            path = folder / f"{name}.xodr"
            if path.is_file():
                return carla.Map(town, path.read_text(encoding="utf-8"))
        return None

    return find
