"""Stand-ins for two packages that agents import and nobody packages: CARLA's `agents` and ScenarioRunner's `srunner`.

`import leaderboard` calls `offer_missing_packages`. The stand-ins are found only where no real package of that name
is on the import path, so a checkout that the user has on PYTHONPATH always wins.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from importlib.machinery import ModuleSpec, PathFinder
from importlib.util import spec_from_file_location
from pathlib import Path
from types import ModuleType

SHIMMED = ("agents", "srunner")
"""Names of the packages that have a stand-in here."""

_FOLDER = Path(__file__).resolve().parent


class ShimFinder:
    """A meta path finder that knows the stand-ins; it stands last, so everybody else is asked first."""

    def find_spec(
        self, fullname: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """The stand-in's spec if `fullname` names one; submodules are then found through its `__path__`."""
        if path is not None or fullname not in SHIMMED:
            return None
        folder = _FOLDER / fullname
        return spec_from_file_location(fullname, folder / "__init__.py", submodule_search_locations=[str(folder)])


def offer_missing_packages() -> None:
    """Let `import agents` and `import srunner` work where they otherwise would not; safe to call twice."""
    if not any(isinstance(finder, ShimFinder) for finder in sys.meta_path):
        sys.meta_path.append(ShimFinder())


def resolved_file(name: str) -> str | None:
    """The file that `import name` would load now, or None if nothing of that name is found.

    Args:
        name: a top-level package.
    """
    spec = PathFinder.find_spec(name) or ShimFinder().find_spec(name)
    if spec is None:
        return None
    if spec.origin is not None:
        return spec.origin
    return next(iter(spec.submodule_search_locations or ()), None)
