"""Exports of a store as folders that other training code reads."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path

from carla_agents.data import images
from carla_agents.data.disk import Disk, write_file
from carla_agents.data.errors import StoreError, disk_error
from carla_agents.data.records import StoredFile, StoredFrame
from carla_agents.data.store import Store
from carla_server.semantics import PALETTE_RGB, SemanticTag


def export_mmseg(
    store: Store,
    folder: str | os.PathLike[str],
    *,
    variants: bool = True,
    where: Callable[[StoredFrame], bool] | None = None,
    disk: Disk | None = None,
) -> int:
    """Write pictures and labels in the folder layout of mmsegmentation's `BaseSegDataset`.

    `img_dir/<split>/<name>.png|jpg`, `ann_dir/<split>/<name>.png` (one CARLA tag per pixel, 0 to 28), and
    `meta_info.json` with `classes` and `palette` for the data set's `metainfo`. Pictures are copied byte for byte.
    A repeated export skips files that are there with the right size.

    Args:
        store: where from.
        folder: where to; created if absent.
        variants: also export synthesized pictures, each with the labels of its frame.
        where: which frames; None takes all.
        disk: where writing calls go.

    Returns:
        number of pictures with labels.

    Raises:
        StoreError: a frame has no seg, a file is damaged, or the disk refused it.

    Source: mmsegmentation documentation, "Customize datasets".
    """
    disk, root = disk or Disk(), Path(folder)
    count = 0
    meta = {
        "classes": [tag.name.lower() for tag in SemanticTag],
        "palette": PALETTE_RGB.tolist(),
        "img_suffix": ".jpg" if store.rgb_codec == "jpeg" else ".png",
        "seg_map_suffix": ".png",
    }
    try:
        for frame in store.frames(where):
            if "seg" not in frame.files:
                raise StoreError(
                    f"frame {frame.key} has no seg: record with the seg camera, or leave it out by `where`"
                )
            name = f"{frame.route_id}_{frame.ordinal:06d}"
            pictures = [(name, frame.files["rgb"])]
            if variants:
                pictures += [
                    (f"{name}_{v.condition}_{v.synthesizer}_{v.seed}", v.file) for v in store.variants(frame.key)
                ]
            for picture_name, file in pictures:
                target = root / "img_dir" / frame.split / f"{picture_name}{meta['img_suffix']}"
                _copy(store, disk, file, target, reencode=store.rgb_codec == "jpeg" and file.name.endswith(".png"))
                _copy(store, disk, frame.files["seg"], root / "ann_dir" / frame.split / f"{picture_name}.png")
                count += 1
        disk.make_directory(root)
        target = root / "meta_info.json"
        _write(disk, target, (json.dumps(meta, indent=1) + "\n").encode())
    except OSError as error:
        raise disk_error(f"export to {root}", error) from error
    return count


def _copy(store: Store, disk: Disk, file: StoredFile, target: Path, *, reencode: bool = False) -> None:
    if target.exists() and (reencode or target.stat().st_size == file.size_bytes):
        return
    data = store.read_bytes(file)
    if reencode:
        # mmsegmentation takes one suffix for a whole data set, and variants are kept as PNG.
        size_px = images.picture_size_px(data, file.name)
        data = images.encode_rgb(images.decode_rgb(data, file.name, size_px), "jpeg")
    disk.make_directory(target.parent)
    _write(disk, target, data)


def _write(disk: Disk, target: Path, data: bytes) -> None:
    write_file(disk, target, data, temporary=target.with_name(target.name + ".part"), durable=False)
