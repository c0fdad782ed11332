"""Where existing data sets keep their pictures: five folder layouts, each read into the same list of routes."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

Layout = Literal["plain", "cityscapes", "bdd", "neat", "bench2drive"]
_RGB_SUFFIXES = (".png", ".jpg", ".jpeg")


@dataclass(frozen=True)
class SourcePicture:
    """One frame's files; None where the data set has none."""

    rgb: Path
    seg: Path | None
    depth: Path | None
    measurements: Path | None


@dataclass(frozen=True)
class SourceRoute:
    """Pictures that belong together, in order, and the split that the data set gives them (None: it gives none)."""

    route_id: str
    split: str | None
    pictures: tuple[SourcePicture, ...]


def find_routes(root: Path, layout: Layout, camera: str = "front", label_suffix: str = "") -> list[SourceRoute]:
    """List what a folder holds; no picture is opened.

    Args:
        root: the data set's folder.
        layout:
            plain: any folders with `rgb/`, `seg/` and perhaps `depth/` inside, paired by file name;
            cityscapes: `leftImg8bit/<split>/<city>/` and `gtFine/<split>/<city>/`;
            bdd: `images[/10k]/<split>/` with `labels/sem_seg/masks/<split>/` or `labels/<split>/*_train_id.png`;
            neat: any folders with `rgb_<camera>/`, `seg_<camera>/`, `depth_<camera>/`, `measurements/`;
            bench2drive: any folders with `camera/rgb_<camera>/`, `camera/semantic_<camera>/`, ... and `anno/`.
        camera: which camera of neat and bench2drive.
        label_suffix: end of Cityscapes' label files, `labelTrainIds` or `labelIds`.

    Returns:
        routes by name, each with at least one picture.

    Raises:
        ValueError: nothing is there in this layout, or two routes would get one name.
    """
    if not root.is_dir():
        raise ValueError(f"{root} is not a folder: give the folder of the data set")
    if layout == "cityscapes":
        routes = _cityscapes(root, label_suffix or "labelTrainIds")
    elif layout == "bdd":
        routes = _bdd(root)
    elif layout == "neat":
        names = (f"rgb_{camera}", f"seg_{camera}", f"depth_{camera}", "measurements")
        routes = _drives(root, root.rglob(names[0]), names, up=1)
    elif layout == "bench2drive":
        names = (f"rgb_{camera}", f"semantic_{camera}", f"depth_{camera}", "../anno")
        routes = _drives(root, root.rglob(f"camera/{names[0]}"), names, up=2)
    else:
        routes = _drives(root, root.rglob("rgb"), ("rgb", "seg", "depth", "measurements"), up=1)
    routes = sorted((r for r in routes if r.pictures), key=lambda r: r.route_id)
    if not routes:
        raise ValueError(
            f"{root} holds no pictures in the layout {layout!r}: check the folder, --layout and --camera"
        )
    names_seen = [r.route_id for r in routes]
    doubled = sorted({name for name in names_seen if names_seen.count(name) > 1})
    if doubled:
        raise ValueError(f"{root}: several folders would become the route {doubled[0]}: import them one by one")
    return routes


def _drives(root: Path, folders: Iterable[Path], names: tuple[str, str, str, str], up: int) -> list[SourceRoute]:
    """Drives whose planes lie in sibling folders and pair by file name."""
    routes = []
    for rgb_folder in sorted(p for p in folders if p.is_dir()):
        parent = rgb_folder.parent
        drive = parent if up == 1 else parent.parent
        seg, depth, notes = (_by_stem(parent / name) for name in names[1:])
        pictures = tuple(
            SourcePicture(path, seg.get(stem), depth.get(stem), notes.get(stem))
            for stem, path in sorted(_by_stem(rgb_folder).items())
            if path.suffix.lower() in _RGB_SUFFIXES
        )
        routes.append(SourceRoute(_route_id(drive.relative_to(root).parts or (root.name,)), None, pictures))
    return routes


def _cityscapes(root: Path, label_suffix: str) -> list[SourceRoute]:
    routes = []
    for city in sorted(p for p in (root / "leftImg8bit").glob("*/*") if p.is_dir()):
        split = city.parent.name
        pictures = []
        for rgb in sorted(p for p in city.iterdir() if p.suffix.lower() in _RGB_SUFFIXES):
            stem = rgb.stem.removesuffix("_leftImg8bit")
            seg = root / "gtFine" / split / city.name / f"{stem}_gtFine_{label_suffix}.png"
            pictures.append(SourcePicture(rgb, seg if seg.exists() else None, None, None))
        routes.append(SourceRoute(_route_id((split, city.name)), split, tuple(pictures)))
    return routes


def _bdd(root: Path) -> list[SourceRoute]:
    images = next((p for p in (root / "images/10k", root / "images/100k", root / "images") if p.is_dir()), None)
    if images is None:
        return []
    routes = []
    for folder in sorted(p for p in images.iterdir() if p.is_dir()):
        masks = _by_stem(root / "labels/sem_seg/masks" / folder.name)
        masks |= {k.removesuffix("_train_id"): v for k, v in _by_stem(root / "labels" / folder.name).items()}
        pictures = tuple(
            SourcePicture(path, masks.get(stem), None, None)
            for stem, path in sorted(_by_stem(folder).items())
            if path.suffix.lower() in _RGB_SUFFIXES
        )
        routes.append(SourceRoute(_route_id((folder.name,)), folder.name, pictures))
    return routes


def _by_stem(folder: Path) -> dict[str, Path]:
    if not folder.is_dir():
        return {}
    return {p.name.split(".")[0]: p for p in sorted(folder.iterdir()) if p.is_file() and not p.name.startswith(".")}


def _route_id(parts: tuple[str, ...]) -> str:
    return re.sub(r"[^A-Za-z0-9.-]+", "_", "_".join(parts))[-80:].lstrip(".") or "route"
