"""The job behind `syndiff quality`."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch

from augment.quality.folder_quality import FolderQuality, measure_folders
from augment.quality.ruler import Ruler
from augment.quality.store_quality import GroupQuality, MeasuredPicture, QualityConfig, measure_store, own_miou
from carla_agents.data.provenance import run_record, write_run_record
from carla_agents.data.store import Store
from carla_agents.segmentation.weights import load_segmenter
from syndiff.commands.quality import Quality
from syndiff.progress import steps_bar
from syndiff.report.quality_page import folder_page, store_page
from syndiff.variant_names import named_synthesizers

FORMAT, VERSION = "syndiff-quality", 1


def run_quality(options: Quality) -> int:
    """Measure and write `quality.json`, `quality.html` and, for stores, `pictures.jsonl`.

    Returns:
        0.

    Raises:
        ValueError: neither stores nor two folders, or nothing to measure.
        StoreError: a store or a picture is damaged.
    """
    if bool(options.data) == (options.variants is not None):
        raise ValueError("give stores, or --variants and --reference, not both: `syndiff quality STORE --out DIR`")
    if (options.variants is None) != (options.reference is None):
        raise ValueError("--variants and --reference go together: distances are between two folders")
    torch.set_num_threads(options.threads)
    ruler = Ruler(
        segmenter=None if options.segmenter is None else load_segmenter(options.segmenter),
        wanted=options.features,
        clip_folder=options.clip,
        inception_weights=options.inception,
    )
    if options.variants is not None and not ruler.features:
        raise ValueError("folders are compared by features: name some with --features")
    for name, why in ruler.absent.items():
        print(f"without {name}: {why}")
    result: dict[str, Any] = {
        "format": FORMAT,
        "version": VERSION,
        "features": {name: network.description for name, network in ruler.features.items()},
        "absent": ruler.absent,
        "seed": options.seed,
    }
    return _of_folders(options, ruler, result) if options.variants is not None else _of_stores(options, ruler, result)


def _of_stores(options: Quality, ruler: Ruler, result: dict[str, Any]) -> int:
    stores = [Store.read(root) for root in options.data]
    config = QualityConfig(
        synthesizers=named_synthesizers(stores, options.synthesizers),
        conditions=options.conditions,
        split=options.split,
        most=options.most,
        seed=options.seed,
    )
    with steps_bar("measuring frames", 1) as show:
        quality = measure_store(stores, ruler, config, lambda done, total: show(done, "", total))
    result["groups"] = [asdict(group) for group in quality.groups]
    _write_result(options, result)
    lines = [json.dumps(picture_record(picture)) for picture in quality.pictures]
    _write(options.out / "pictures.jsonl", "\n".join(lines) + "\n")
    store_page(options, quality, ruler).write(options.out / "quality.html")
    print(store_table(quality.groups))
    print(options.out / "quality.html")
    return 0


def _of_folders(options: Quality, ruler: Ruler, result: dict[str, Any]) -> int:
    assert options.variants is not None  # noqa: S101  # `run_quality` has looked
    assert options.reference is not None  # noqa: S101
    with steps_bar("measuring pictures", 1) as show:
        found = measure_folders(
            options.variants,
            options.reference,
            ruler,
            options.sources,
            most=options.most,
            seed=options.seed,
            on_picture=lambda done, total: show(done, "", total),
        )
    result["folders"] = [asdict(folder) for folder in found]
    _write_result(options, result)
    folder_page(options, found, ruler).write(options.out / "quality.html")
    print(folder_table(found))
    print(options.out / "quality.html")
    return 0


def picture_record(picture: MeasuredPicture) -> dict[str, Any]:
    """One line of `pictures.jsonl`."""
    like = picture.likeness
    return {
        "store": picture.frame.store.root.name,
        "key": picture.frame.key,
        "condition": picture.condition,
        "made_by": picture.made_by,
        "seed": None if picture.variant is None else picture.variant.seed,
        "miou": round(own_miou(picture), 4),
        "condition_read": picture.condition_read,
        "squared_error": None if like is None else round(like.squared_error, 2),
        "ssim": None if like is None else round(like.ssim, 4),
        "lpips": None if like is None else like.lpips,
        "guard": picture.guard,
    }


def store_table(groups: list[GroupQuality]) -> str:
    """What goes to the terminal: one row a group."""
    rows: list[tuple[str, ...]] = [
        ("condition", "made by", "n", "PSNR dB", "SSIM", "mIoU", "of true", "condition read")
    ]
    for g in groups:
        figures = (g.psnr_db, g.ssim, g.miou, g.of_true, g.condition_rate)
        cells = ["-" if f is None or f.value is None else f"{f.value:.3g}" for f in figures]
        rows.append((g.condition, g.made_by, str(g.pictures), *cells))
    return _columns(rows)


def folder_table(folders: list[FolderQuality]) -> str:
    """What goes to the terminal: one row a folder."""
    names = list(folders[0].distances)
    rows: list[tuple[str, ...]] = [("pictures", "n", *names)]
    for f in folders:
        values = [f.distances[name].value for name in names]
        rows.append((f.name, str(f.pictures), *("-" if v is None else f"{v:.3g}" for v in values)))
    return _columns(rows)


def _columns(rows: list[tuple[str, ...]]) -> str:
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    return "\n".join("  ".join(cell.ljust(w) for cell, w in zip(row, widths, strict=True)).rstrip() for row in rows)


def _write_result(options: Quality, result: dict[str, Any]) -> None:
    """Only now, so that a command that failed does not claim the folder."""
    options.out.mkdir(parents=True, exist_ok=True)
    write_run_record(options.out, run_record(options, {"quality": options.seed}))
    _write(options.out / "quality.json", json.dumps(result, indent=1) + "\n")


def _write(path: Path, text: str) -> None:
    temporary = path.with_name(path.name + ".new")
    temporary.write_text(text, encoding="utf-8")
    temporary.replace(path)
