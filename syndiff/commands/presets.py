"""`syndiff presets`."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from tyro.conf import Positional, arg


@dataclass(frozen=True)
class Presets:
    """List the public diffusion models that `synthesize --synthesizer diffusion --preset NAME` can use."""

    name: Annotated[Positional[str | None], arg(metavar="NAME")] = None
    """One preset: its parts, and the commands that download them."""
    weights: Path | None = None
    """Folder with one subfolder per part; without it the hub's cache is looked at."""

    def run(self) -> int:
        from syndiff.preset_list import show_preset, show_presets

        if self.name is None:
            show_presets(self.weights)
        else:
            show_preset(self.name, self.weights)
        return 0
