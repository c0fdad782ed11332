"""`syndiff import`."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal


@dataclass(frozen=True)
class ImportData:
    """Bring existing pictures, labels and depth into a store, by hard links where the file system can."""

    source: Path
    """Folder of the data set."""
    out: Path
    """Store; created if absent, and an interrupted import into it is continued."""
    labels: Literal[
        "carla-0.9.16",
        "carla-0.9.13",
        "carla-0.9.5",
        "neat",
        "cityscapes",
        "cityscapes-label-ids",
        "bdd100k",
        "waymo",
        "ade20k",
        "ade20k-annotations",
    ]
    """Class set of the label pictures. carla-0.9.16 serves 0.9.14 to 0.9.16, carla-0.9.13 serves 0.9.10 to 0.9.13,
    carla-0.9.5 serves everything before."""
    layout: Literal["plain", "cityscapes", "bdd", "neat", "bench2drive"] = "plain"
    """How the folders are arranged; plain has rgb/, seg/ and perhaps depth/."""
    camera: str = "front"
    """Which camera of neat and bench2drive."""
    split: str = "train"
    """Split of layouts that name none."""
    condition: str = "unknown"
    """Weather and light of pictures that --conditions does not name."""
    conditions: Path | None = None
    """CSV file with the columns name,condition; a name is a route, a file or route/file."""
    depth: bool = True
    """Take depth pictures where there are any."""
    require_labels: bool = True
    """Refuse pictures without labels."""
    period_s: float = 0.5
    """Time between two pictures of a drive."""

    def run(self) -> int:
        from carla_agents.segmentation.folder_layouts import find_routes
        from carla_agents.segmentation.importing import ImportConfig, import_folders, read_conditions
        from syndiff.progress import steps_bar

        config = ImportConfig(
            layout=self.layout,
            labels=self.labels,
            camera=self.camera,
            split=self.split,
            condition=self.condition,
            depth=self.depth,
            require_labels=self.require_labels,
            period_s=self.period_s,
        )
        conditions = {} if self.conditions is None else read_conditions(self.conditions)
        total = sum(len(route.pictures) for route in find_routes(self.source, self.layout, self.camera))
        with steps_bar(f"importing {self.source}", total) as show:
            report = import_folders(self.source, self.out, config, conditions, lambda done, _: show(done, ""))
        print(
            f"{self.out}: {report.frames} frames of {report.routes} routes imported now, {report.kept_routes} routes "
            f"were there; {report.linked} files are hard links to the originals, {report.copied} had to be copied"
        )
        return 0
