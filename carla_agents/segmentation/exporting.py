"""`export_set`: a segmentation set as the folders that other training code reads, labels in the set's numbers."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Literal

from carla_agents.data import images
from carla_agents.data.disk import Disk, write_file
from carla_agents.data.errors import disk_error
from carla_agents.segmentation.segmentation_set import SegmentationSample, SegmentationSet


def export_set(data: SegmentationSet, folder: Path, layout: Literal["mmseg", "cityscapes"] = "mmseg") -> int:
    """Write every picture and its labels; pictures are copied byte for byte.

    mmseg: `img_dir/<split>/<name>.png|jpg`, `ann_dir/<split>/<name>.png`, `meta_info.json` (classes, palette).
    cityscapes: `leftImg8bit/<split>/<route>/<name>_leftImg8bit.png|jpg`, `gtFine/<split>/<route>/
    <name>_gtFine_labelTrainIds.png`.

    Args:
        data: what to write.
        folder: where to; created if absent.
        layout: which folders.

    Returns:
        number of pictures.

    Raises:
        StoreError: a file is damaged, or the disk refused it.

    Sources: mmsegmentation documentation, "Customize datasets"; cityscapesScripts README.
    """
    disk = Disk()
    try:
        for number, sample in enumerate(data.samples):
            frame = sample.frame
            file = frame.files["rgb"] if sample.variant is None else sample.variant.file
            suffix = Path(file.name).suffix
            name = _name(sample)
            if layout == "mmseg":
                picture = folder / "img_dir" / frame.split / f"{name}{suffix}"
                labels = folder / "ann_dir" / frame.split / f"{name}.png"
            else:
                picture = folder / "leftImg8bit" / frame.split / frame.route_id / f"{name}_leftImg8bit{suffix}"
                labels = folder / "gtFine" / frame.split / frame.route_id / f"{name}_gtFine_labelTrainIds.png"
            _write(disk, picture, frame.store.read_bytes(file))
            _write(disk, labels, images.encode_ids(data.load(number)[1]))
        meta = {
            "classes": [c.name for c in data.classes.classes],
            "palette": [list(c.rgb) for c in data.classes.classes],
            "class_set": data.classes.name,
            "ignore_index": 255,
        }
        _write(disk, folder / "meta_info.json", (json.dumps(meta, indent=1) + "\n").encode())
    except OSError as error:
        raise disk_error(f"export to {folder}", error) from error
    return len(data)


def _name(sample: SegmentationSample) -> str:
    name = f"{sample.frame.route_id}_{sample.frame.ordinal:06d}"
    if sample.variant is not None:
        name += f"_{sample.variant.condition}_{sample.variant.synthesizer}_{sample.variant.seed}"
    return re.sub(r"[^A-Za-z0-9._-]", "_", name)


def _write(disk: Disk, target: Path, data: bytes) -> None:
    disk.make_directory(target.parent)
    write_file(disk, target, data, temporary=target.with_name(target.name + ".part"), durable=False)
