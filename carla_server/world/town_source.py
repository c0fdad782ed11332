"""Where a world gets its maps from."""

from __future__ import annotations

from pathlib import Path
from typing import Protocol

from carla_server.roads.opendrive import OpenDriveError
from carla_server.roads.town import Town
from carla_server.roads.towns import UnknownTownError, available_towns, load_town, town_from_opendrive


class TownSource(Protocol):
    """Maps by name."""

    def names(self) -> list[str]:
        """Names of the maps that can be loaded."""

    def load(self, name: str) -> Town:
        """Load a map.

        Raises:
            ValueError: there is no such map (the message lists what there is) or it is invalid.
        """

    def build(self, name: str, opendrive: str) -> Town:
        """Make a town from OpenDRIVE text.

        Raises:
            ValueError: the text is not a usable map.
        """


class ShippedTowns:
    """The towns that ship with the server and the `.xodr` files of a folder."""

    def __init__(self, map_dir: Path | None = None) -> None:
        self._map_dir = map_dir

    def names(self) -> list[str]:
        return available_towns(self._map_dir)

    def load(self, name: str) -> Town:
        try:
            return load_town(name, self._map_dir)
        except (UnknownTownError, OpenDriveError) as error:
            raise ValueError(str(error.args[0]) if error.args else str(error)) from error

    def build(self, name: str, opendrive: str) -> Town:
        try:
            return town_from_opendrive(name, opendrive)
        except OpenDriveError as error:
            raise ValueError(str(error)) from error
