"""The job behind `syndiff guard`."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from augment.conditions import CONDITIONS, Condition
from augment.guard import Guard, Verdict
from augment.synthesizers.base import FrameBatch
from carla_agents.data.provenance import run_record, write_run_record
from carla_agents.data.records import StoredVariant
from carla_agents.data.store import Store
from carla_agents.policies.base import CameraSpec
from carla_agents.segmentation.carla_sets import CARLA_0_9_16
from carla_agents.segmentation.class_sets import translate
from carla_agents.segmentation.known_sets import class_set
from carla_agents.segmentation.source_pictures import read_labels, read_rgb
from syndiff.commands.guard import GuardVariants
from syndiff.progress import steps_bar
from syndiff.report.page import Page
from syndiff.report.sheets import color_tags, contact_sheet
from syndiff.variant_names import named_synthesizers

_BATCH = 8
_PICTURES = (".png", ".jpg", ".jpeg")


@dataclass(frozen=True, eq=False)
class _Judged:
    """One variant, its frame and what the guard says."""

    name: str
    condition: Condition
    made_by: str
    seed: int
    verdict: Verdict
    pictures: tuple[np.ndarray, np.ndarray, np.ndarray] | None

    def as_record(self) -> dict[str, Any]:
        names = {"frame": self.name, "condition": self.condition.name, "synthesizer": self.made_by, "seed": self.seed}
        return names | self.verdict.as_record()


@dataclass(frozen=True, eq=False)
class _Batch:
    """Variants of one condition; the first `repeated` of them were judged before and are here for flicker."""

    frames: FrameBatch
    variants: np.ndarray
    condition: Condition
    made_by: str
    seeds: tuple[int, ...]
    repeated: int


def run_guard(options: GuardVariants) -> int:
    """Judge what is there and write `guard.json` and `guard.html`; see `syndiff guard --help`.

    Returns:
        0, or 3 if a variant was rejected.

    Raises:
        ValueError: nothing to judge, or a folder that is not laid out as expected.
    """
    torch.set_num_threads(options.threads)
    guard = Guard()
    total, batches = _from_store(options) if (options.data / "store.json").exists() else _from_folder(options)
    judged: list[_Judged] = []
    shown = 0
    with steps_bar(f"guarding {options.data}", total) as show:
        for batch in batches:
            verdicts = guard(batch.frames, batch.variants, [batch.condition] * len(batch.frames))
            for i in range(batch.repeated, len(verdicts)):
                keep = not verdicts[i].accepted and shown < options.worst
                shown += keep
                pictures = (batch.frames.rgb[i], batch.variants[i], batch.frames.seg[i]) if keep else None
                name = batch.frames.frame_keys[i]
                judged.append(_Judged(name, batch.condition, batch.made_by, batch.seeds[i], verdicts[i], pictures))
            show(len(judged), batch.frames.frame_keys[-1])
    options.out.mkdir(parents=True, exist_ok=True)
    write_run_record(options.out, run_record(options, {}))
    result = {"guard": guard.provenance, "verdicts": [item.as_record() for item in judged]}
    path = options.out / "guard.json"
    temporary = path.with_suffix(".json.new")
    temporary.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
    temporary.replace(path)
    rows = _table(judged)
    _page(options, judged, rows).write(options.out / "guard.html")
    for row in rows:
        print(f"{row[0]:16} {row[1]:24} {row[2]:6} variants  {row[3]:6} accepted  {row[4]}")
    print(options.out / "guard.html")
    return 3 if any(not item.verdict.accepted for item in judged) else 0


def _from_store(options: GuardVariants) -> tuple[int, Iterator[_Batch]]:
    store = Store.read(options.data)
    makers = named_synthesizers([store], options.synthesizers)
    groups: dict[tuple[str, str, str, int], list[StoredVariant]] = {}
    made: Counter[tuple[str, str, str]] = Counter()
    for variant in store.variants():
        if variant.condition not in CONDITIONS or variant.frame.condition not in CONDITIONS:
            continue
        if makers and variant.synthesizer not in makers:
            continue
        if options.conditions and variant.condition not in options.conditions:
            continue
        if "seg" in variant.frame.files:
            same = variant.frame.key, variant.condition, variant.synthesizer
            made[same] += 1
            # Several variants of one frame go into several groups: each group shows a drive frame by frame.
            key = variant.frame.route_id, variant.condition, variant.synthesizer, made[same]
            groups.setdefault(key, []).append(variant)
    total = sum(len(group) for group in groups.values())
    if not total:
        have = sorted({(v.condition, v.synthesizer) for v in store.variants()})
        raise ValueError(
            f"{store.root} has no variant of a labelled frame to judge; it has (condition, by) {have[:12]}"
        )
    cameras = {route.route_id: _camera(route.metadata) for route in store.routes()}

    def batches() -> Iterator[_Batch]:
        for (route_id, condition, made_by, _), group in groups.items():
            group.sort(key=lambda variant: variant.frame.ordinal)
            for start in range(0, len(group), _BATCH):
                first = max(start - 1, 0)
                yield _stored_batch(
                    group[first : start + _BATCH], cameras[route_id], condition, made_by, start - first
                )

    return total, batches()


def _stored_batch(
    group: list[StoredVariant], camera: CameraSpec | None, condition: str, made_by: str, repeated: int
) -> _Batch:
    frames = [variant.frame for variant in group]
    with_depth = all("depth" in frame.files for frame in frames)
    batch = FrameBatch(
        np.stack([frame.load_rgb() for frame in frames]),
        np.stack([frame.load_seg() for frame in frames]),
        np.stack([frame.load_depth_m() for frame in frames]) if with_depth else None,
        tuple(Condition.parse(frame.condition) for frame in frames),
        tuple(frame.key for frame in frames),
        ego_to_world=np.stack([frame.ego_to_world for frame in frames]),
        camera=camera,
    )
    variants = np.stack([variant.load_rgb() for variant in group])
    seeds = tuple(variant.seed for variant in group)
    return _Batch(batch, variants, Condition.parse(condition), made_by, seeds, repeated)


def _camera(metadata: dict[str, Any]) -> CameraSpec | None:
    recorded = metadata.get("camera")
    if not isinstance(recorded, dict):
        return None
    try:
        return CameraSpec(**{**recorded, "position_in_ego_m": tuple(recorded["position_in_ego_m"])})
    except (TypeError, KeyError):
        return None  # recorded by another program: variants are judged without flicker


def _from_folder(options: GuardVariants) -> tuple[int, Iterator[_Batch]]:
    originals, labels, variants = (options.data / name for name in ("originals", "labels", "variants"))
    for folder in (originals, labels, variants):
        if not folder.is_dir():
            raise ValueError(
                f"{options.data} is no store (no store.json) and has no folder {folder.name}/: expected originals/, "
                "labels/ and variants/<condition>/ with files of one name each"
            )
    source, classes = Condition.parse(options.source), class_set(options.labels)
    found = []
    for folder in sorted(path for path in variants.iterdir() if path.is_dir()):
        condition = Condition.parse(folder.name)
        if not options.conditions or condition.name in options.conditions:
            found += [(path, condition) for path in sorted(folder.iterdir()) if path.suffix.lower() in _PICTURES]
    if not found:
        raise ValueError(f"{variants} has no pictures below folders named as conditions, e.g. {variants}/rain-night/")

    def batches() -> Iterator[_Batch]:
        for path, condition in found:
            rgb = read_rgb(_named(originals, path.stem))
            ids = read_labels(_named(labels, path.stem), classes)
            seg = translate(ids, classes, CARLA_0_9_16, str(path))
            seg = np.where(seg == 255, np.uint8(0), seg)
            frames = FrameBatch(rgb[None], seg[None], None, (source,), (path.stem,))
            yield _Batch(frames, read_rgb(path)[None], condition, "folder", (0,), 0)

    return len(found), batches()


def _named(folder: Path, stem: str) -> Path:
    for suffix in _PICTURES:
        path = folder / (stem + suffix)
        if path.is_file():
            return path
    raise ValueError(f"{folder} has no picture {stem}.png or .jpg, which a variant of that name needs")


def _table(judged: list[_Judged]) -> list[tuple[str, str, int, int, str]]:
    """Condition, synthesizer, variants, accepted, reasons; one row per group."""
    groups: dict[tuple[str, str], list[_Judged]] = {}
    for item in judged:
        groups.setdefault((item.condition.name, item.made_by), []).append(item)
    rows = []
    for (condition, made_by), items in sorted(groups.items()):
        reasons = Counter(part.split(" is ")[0] for item in items for part in item.verdict.reason.split("; ") if part)
        accepted = sum(item.verdict.accepted for item in items)
        rows.append(
            (condition, made_by, len(items), accepted, ", ".join(f"{k} {n}" for k, n in reasons.most_common()))
        )
    return rows


def _page(options: GuardVariants, judged: list[_Judged], rows: list[tuple[str, str, int, int, str]]) -> Page:
    accepted = sum(item.verdict.accepted for item in judged)
    page = Page("Guard", f"{options.data}: {accepted} of {len(judged)} variants accepted")
    page.notice(
        "Limits were read off true re-renders of the embedded simulator. They are not calibrated for "
        "pictures of another look."
    )
    page.heading("Conditions")
    page.table(("condition", "made by", "variants", "accepted", "reasons of the others"), rows)
    if any(item.pictures is not None for item in judged):
        page.heading("Rejected")
        for item in judged:
            if item.pictures is None:
                continue
            source, variant, seg = item.pictures
            row = [("source", source), (item.condition.name, variant), ("labels", color_tags(seg))]
            page.picture(
                contact_sheet([row]), f"{item.name}, {item.made_by}, seed {item.seed}: {item.verdict.reason}"
            )
    return page
