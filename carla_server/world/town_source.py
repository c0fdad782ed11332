"""Where a world gets its maps from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Protocol

from carla_server.roads.generation import Generation
from carla_server.roads.opendrive import OpenDriveError
from carla_server.roads.town import Town
from carla_server.roads.towns import UnknownTownError, available_towns, load_town, town_from_opendrive
from carla_server.world.traffic_map import UnreadableMapError, cook_traffic_map

LAYERED_SUFFIX = "_Opt"
"""CARLA's `Town10HD_Opt` is `Town10HD` with layers that can be switched; the roads are the same."""


class TownSource(Protocol):
    """Maps by name."""

    def names(self) -> list[str]:
        """Names of the maps that can be loaded."""

    def load(self, name: str) -> Town:
        """Load a map; equal names give the same object as long as the map's file stays the same.

        Raises:
            ValueError: there is no such map (the message lists what there is) or it is invalid.
        """

    def build(self, name: str, opendrive: str, generation: Generation) -> Town:
        """Make a town from OpenDRIVE text.

        Raises:
            ValueError: the text is not a usable map.
        """


@dataclass
class ShippedTowns:
    """The towns that ship with the server and the `.xodr` files of a folder.

    A town is loaded under the name that was asked for: `Town10HD_Opt` is `Town10HD` by another name, and so is an
    alias. Clients look for the name that they asked for.

    Attributes:
        map_dir: folder with further maps; they win over shipped ones of the same name.
        aliases: further names -> names of maps, an explicit stand-in for maps that are not here.

    Raises:
        ValueError: the folder does not exist, or an alias is a map's own name or stands for no map.
    """

    map_dir: Path | None = None
    aliases: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._renamed: dict[str, tuple[Town, Town]] = {}
        if self.map_dir is not None and not self.map_dir.is_dir():
            raise ValueError(f"the map folder {self.map_dir} does not exist; name one with .xodr files")
        known = available_towns(self.map_dir)
        for alias, name in self.aliases.items():
            if not alias or "/" in alias or alias in known:
                reason = "is a map of its own" if alias in known else "is no name"
                raise ValueError(f"the map alias {alias}={name} cannot be used: {alias!r} {reason}")
            if name not in known:
                raise ValueError(f"the map alias {alias}={name} stands for no map; available: {', '.join(known)}")

    def names(self) -> list[str]:
        return sorted({*available_towns(self.map_dir), *self.aliases})

    def load(self, name: str) -> Town:
        known = available_towns(self.map_dir)
        original = name
        if name not in known:
            base = name.removesuffix(LAYERED_SUFFIX)
            original = self.aliases.get(name) or self.aliases.get(base) or base
        try:
            town = load_town(original, self.map_dir)
        except UnknownTownError:
            raise ValueError(
                f"no map named {name!r}; available: {', '.join(self.names())}. "
                "More maps: start the server with --map-dir DIR, or with --map-alias NAME=MAP"
            ) from None
        except OpenDriveError as error:
            raise ValueError(f"map {name!r} cannot be used: {error}") from error
        if self.map_dir is not None and (self.map_dir / f"{original}.xodr").is_file():
            _check_readable(name, town)
        return town if original == name else self._under(name, town)

    def build(self, name: str, opendrive: str, generation: Generation) -> Town:
        try:
            town = town_from_opendrive(name, opendrive, generation)
        except OpenDriveError as error:
            raise ValueError(str(error)) from error
        _check_readable(name, town)
        return town

    def _under(self, name: str, town: Town) -> Town:
        """The town by another name; the same object as before while the town is."""
        before = self._renamed.get(name)
        if before is None or before[0] is not town:
            self._renamed[name] = town, replace(town, name=name)
        return self._renamed[name][1]


def _check_readable(name: str, town: Town) -> None:
    """Refuse a foreign map that clients could not read; what was sampled of it is kept for Traffic Managers.

    Raises:
        ValueError: CARLA's own map library fails on it.
    """
    try:
        cook_traffic_map(town.opendrive)
    except UnreadableMapError as error:
        raise ValueError(f"map {name!r} cannot be used: {error}") from error
