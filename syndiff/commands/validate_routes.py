"""`syndiff validate-routes`."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import tyro


@dataclass(frozen=True)
class ValidateRoutes:
    """Check route files without a simulator: ways, triggers, scenarios, weather. Exits with 1 if any is wrong."""

    files: Annotated[tuple[Path, ...], tyro.conf.Positional, tyro.conf.arg(metavar="FILES")]
    """Route files in the leaderboard's 2.x format."""
    map_dir: Path | None = None
    """Folder of further OpenDRIVE maps."""

    def run(self) -> int:
        from scenarios.maps import map_finder
        from scenarios.validate import validate_file

        if not self.files:
            raise ValueError("name at least one route file")
        find_map = map_finder(self.map_dir)
        wrong = 0
        for path in self.files:
            problems = validate_file(path, find_map)
            wrong += len(problems)
            for problem in problems:
                print(f"{path}: {problem}")
            if not problems:
                print(f"{path}: nothing wrong")
        return 1 if wrong else 0
