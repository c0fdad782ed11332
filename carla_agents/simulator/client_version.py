"""Which version of the CARLA client Python imports here."""

from __future__ import annotations

from functools import lru_cache

import carla

_NOBODY_LISTENS = ("127.0.0.1", 1)


@lru_cache(maxsize=1)
def installed_client_version() -> str:
    """E.g. `0.9.16`.

    The library knows it; the name and version of its package do not always tell (the wheels of 0.9.15 for newer
    Pythons have others), and the package that is installed need not be the one that comes first on the path.
    """
    return str(carla.Client(*_NOBODY_LISTENS).get_client_version())
