"""`import_folders`: existing rgb, label and depth pictures become routes of a store, by hard links where possible."""

from __future__ import annotations

import csv
import gzip
import json
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from carla_agents.data.errors import StoreError
from carla_agents.data.records import check_id
from carla_agents.data.store_writer import StoreConfig, StoreWriter
from carla_agents.segmentation.carla_sets import CARLA_0_9_16
from carla_agents.segmentation.class_sets import IGNORED, translate
from carla_agents.segmentation.folder_layouts import Layout, SourcePicture, SourceRoute, find_routes
from carla_agents.segmentation.known_sets import class_set
from carla_agents.segmentation.source_pictures import read_depth_m, read_labels, read_rgb
from carla_agents.simulator.frame import Command, Control, Frame
from carla_server.semantics import SemanticTag

MAX_NOTES_BYTES = 8 << 20


@dataclass(frozen=True)
class ImportConfig:
    """How an existing data set is read."""

    layout: Layout = "plain"
    """Folder layout, see `find_routes`."""
    labels: str = "carla-0.9.16"
    """Class set of the label pictures, e.g. carla-0.9.13; a wrong one gives plausible, wrong labels."""
    camera: str = "front"
    """Which camera of neat and bench2drive."""
    split: str = "train"
    """Split of layouts that name none."""
    condition: str = "unknown"
    """Weather and light of pictures that the table of conditions does not name."""
    depth: bool = True
    """Take depth pictures where there are any."""
    require_labels: bool = True
    """Refuse pictures without labels; otherwise they are imported without."""
    period_s: float = 0.5
    """Time between two pictures of a drive."""

    def __post_init__(self) -> None:
        class_set(self.labels)
        for name in ("split", "condition", "camera"):
            check_id(getattr(self, name), name)
        if not self.period_s > 0.0:
            raise ValueError(f"period_s is {self.period_s}; expected above 0")


@dataclass(frozen=True)
class ImportReport:
    """What an import did.

    Attributes:
        routes, frames: imported now.
        kept_routes: routes that an earlier run of the same import had finished.
        linked, copied: picture files shared with the originals by hard link; copied because the file system cannot.
    """

    routes: int
    frames: int
    kept_routes: int
    linked: int
    copied: int


def read_conditions(path: Path) -> dict[str, str]:
    """A CSV file with the columns `name,condition`; a name is a route, a file name without suffix, or `route/file`.

    Raises:
        ValueError: unreadable, or without these columns.
    """
    try:
        with path.open(encoding="utf-8", newline="") as file:
            return {row["name"]: check_id(row["condition"], "condition") for row in csv.DictReader(file)}
    except (OSError, KeyError, UnicodeDecodeError) as error:
        raise ValueError(
            f"{path} is no table of conditions ({error}): it needs the columns name,condition"
        ) from error


def import_folders(
    source: Path,
    store_root: Path,
    config: ImportConfig,
    conditions: Mapping[str, str] | None = None,
    on_frame: Callable[[int, int], None] | None = None,
) -> ImportReport:
    """Bring a data set into a store; a killed import goes on with the route in flight.

    Pictures that a store would read as they are become hard links to the originals; label pictures in other numbers
    are written anew in CARLA 0.9.16's tags, ignored pixels as tag 0. Poses are not known: they are the identity.

    Args:
        source: the data set's folder.
        store_root: the store; created with the codec of the pictures if absent.
        config: how.
        conditions: name -> condition, see `read_conditions`.
        on_frame: called with pictures done and their total.

    Raises:
        ValueError: nothing found, or label ids outside the named set; names the file.
        StoreError: a picture is damaged, lacks its labels or has another size; names the file.
    """
    suffix = "labelIds" if config.labels == "cityscapes-label-ids" else "labelTrainIds"
    routes = find_routes(source, config.layout, config.camera, suffix)
    total = sum(len(route.pictures) for route in routes)
    jpeg = routes[0].pictures[0].rgb.suffix.lower() in (".jpg", ".jpeg")
    new = not (store_root / "store.json").exists()
    done = imported = kept = 0
    with StoreWriter.open(store_root, StoreConfig("jpeg" if jpeg else "png") if new else None) as store:
        ours = {route.route_id for route in routes}
        for route_there in store.routes():
            if route_there.route_id in ours and route_there.outcome is None:
                store.discard_route(route_there.route_id)
        there = {route.route_id: route for route in store.routes()}
        for route in routes:
            if route.route_id in there:
                _check_same(there[route.route_id].metadata, route, source, config)
                kept += 1
                done += len(route.pictures)
                continue
            store.begin_route(
                route.route_id, split=route.split or config.split, metadata=_metadata(route, source, config)
            )
            for number, picture in enumerate(route.pictures):
                frame, originals = _frame(picture, number, route, config, conditions or {}, store.rgb_codec)
                store.append(route.route_id, frame, originals)
                done += 1
                if on_frame is not None:
                    on_frame(done, total)
            store.finish_route(route.route_id, {"status": "imported"})
            imported += 1
        frames = sum(len(r.pictures) for r in routes if r.route_id not in there)
        return ImportReport(imported, frames, kept, store.linked_files, store.copied_files)


def _frame(
    picture: SourcePicture,
    number: int,
    route: SourceRoute,
    config: ImportConfig,
    conditions: Mapping[str, str],
    codec: str,
) -> tuple[Frame, dict[str, Path]]:
    """The frame of one source picture and the files that may be linked instead of written."""
    rgb = read_rgb(picture.rgb)
    originals: dict[str, Path] = {}
    if (codec == "jpeg") == (picture.rgb.suffix.lower() in (".jpg", ".jpeg")):
        originals["rgb"] = picture.rgb
    seg = depth_m = None
    if picture.seg is not None:
        classes = class_set(config.labels)
        ids = read_labels(picture.seg, classes)
        seg = translate(ids, classes, CARLA_0_9_16, str(picture.seg))
        seg[seg == IGNORED] = SemanticTag.NONE
        _check_size(picture.seg, ids, rgb)
        if _is_grey(picture.seg) and np.array_equal(ids, seg):
            originals["seg"] = picture.seg
    elif config.require_labels:
        raise StoreError(
            f"{picture.rgb} has no label picture: add it, check --layout and --camera, or import without labels "
            "(--no-require-labels)"
        )
    if picture.depth is not None and config.depth:
        depth_m = read_depth_m(picture.depth)
        _check_size(picture.depth, depth_m, rgb)
        originals["depth"] = picture.depth
    stem = picture.rgb.name.split(".")[0]
    names = (f"{route.route_id}/{stem}", stem, stem.removesuffix("_leftImg8bit"), route.route_id)
    condition = next((conditions[name] for name in names if name in conditions), config.condition)
    notes = _notes(picture.measurements)
    frame = Frame(
        frame_id=number,
        elapsed_s=round(number * config.period_s, 6),
        rgb=rgb,
        seg=seg,
        depth_m=depth_m,
        instance=None,
        speed_mps=_number(notes, "speed"),
        ego_to_world=np.eye(4),
        command=_command(notes),
        target_point_in_ego_m=np.zeros(2, np.float32),
        control=Control(_clipped(notes, "steer", -1.0), _clipped(notes, "throttle"), _clipped(notes, "brake")),
        condition=condition,
    )
    return frame, originals


def _metadata(route: SourceRoute, source: Path, config: ImportConfig) -> dict[str, Any]:
    first = route.pictures[0].rgb
    return {
        "imported_as": config.layout,
        "labels": config.labels,
        "first_picture": first.relative_to(source).as_posix(),
        "pictures": len(route.pictures),
        "pose_known": False,
    }


def _check_same(there: Mapping[str, Any], route: SourceRoute, source: Path, config: ImportConfig) -> None:
    if dict(there) != _metadata(route, source, config):
        raise StoreError(
            f"the store has another route {route.route_id} (imported as {there.get('imported_as')} with labels "
            f"{there.get('labels')}, {there.get('pictures')} pictures): import this data set into a store of its own"
        )


def _check_size(path: Path, plane: np.ndarray, rgb: np.ndarray) -> None:
    if plane.shape != rgb.shape[:2]:
        raise StoreError(
            f"{path} has {plane.shape[1]}x{plane.shape[0]} pixels, its picture {rgb.shape[1]}x{rgb.shape[0]}: "
            "labels and depth must be drawn at the picture's size"
        )


def _is_grey(path: Path) -> bool:
    with path.open("rb") as file:
        header = file.read(26)
    return header[24:26] == b"\x08\x00"  # 8 bits, greyscale


def _notes(path: Path | None) -> dict[str, Any]:
    if path is None:
        return {}
    try:
        with path.open("rb") as file:
            data = file.read(MAX_NOTES_BYTES)
        if path.suffix == ".gz":
            with gzip.open(path) as packed:
                data = packed.read(MAX_NOTES_BYTES)
        notes = json.loads(data)
    except (OSError, EOFError, ValueError) as error:
        raise StoreError(f"{path} cannot be read as JSON ({error}): restore it, or remove the folder") from error
    return notes if isinstance(notes, dict) else {}


def _number(notes: Mapping[str, Any], name: str) -> float:
    value = notes.get(name, 0.0)
    return float(value) if isinstance(value, int | float) and math.isfinite(value) else 0.0


def _clipped(notes: Mapping[str, Any], name: str, low: float = 0.0) -> float:
    return min(1.0, max(low, _number(notes, name)))


def _command(notes: Mapping[str, Any]) -> Command:
    value = int(_number(notes, "command"))
    return Command(value) if value in set(Command) else Command.LANE_FOLLOW
