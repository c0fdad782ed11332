"""The page of `syndiff quality`: contact sheets, figures with their baselines, and the worst cases."""

from __future__ import annotations

import re
from collections.abc import Sequence

import numpy as np

from augment.quality.distances import Distance
from augment.quality.folder_quality import FolderQuality, picture_files
from augment.quality.intervals import Figure
from augment.quality.ruler import Ruler
from augment.quality.store_quality import (
    BESIDE,
    COPY,
    TRUE,
    GroupQuality,
    MeasuredPicture,
    StoreQuality,
    own_miou,
)
from carla_agents.data.true_variants import true_variant
from carla_agents.segmentation.class_sets import IGNORED, color_ids
from carla_agents.segmentation.metrics import MIN_IMAGES
from carla_agents.segmentation.source_pictures import read_rgb
from syndiff.commands.quality import Quality
from syndiff.report.page import Page
from syndiff.report.sheets import contact_sheet

_SHEET_PX = 1120
_CAPTION_PX = 8
"""About the width of a letter of a caption."""
_SHOWN = 3
"""Frames of each condition that are shown."""


def store_page(options: Quality, quality: StoreQuality, ruler: Ruler) -> Page:
    """The page of stores."""
    conditions = list(dict.fromkeys(g.condition for g in quality.groups))
    makers = list(dict.fromkeys(g.made_by for g in quality.groups if g.made_by not in BESIDE))
    variants = sum(g.pictures for g in quality.groups if g.made_by in makers)
    page = Page(
        "Quality of synthesized pictures",
        f"{', '.join(str(root) for root in options.data)}: {', '.join(makers)}; "
        f"{variants} variants under {len(conditions)} conditions",
    )
    page.notice(
        "Read figures beside their baselines. A copy of the source keeps its labels readable and shows no other "
        "weather; noise is what a broken synthesizer makes; the simulator's true re-render of the same instant is "
        f"what a perfect one would make. Groups under {MIN_IMAGES} pictures are listed without a number; brackets "
        "are 95 % intervals over pictures, narrower than intervals over drives would be."
    )
    page.heading("At a glance")
    page.picture(
        contact_sheet([_row(_middle(quality, c)) for c in conditions], tile_width_px=_tile_px(len(makers) + 2)),
        "One frame of each condition. First its source, last the simulator's true re-render where there is one.",
    )
    page.table(*_summary(quality, conditions, makers))
    page.paragraph(
        "Of each synthesizer: mean IoU that the segmenter reads, as a share of what it reads off the true pictures "
        "of the same frames (off their sources where there are no true ones), and the share of its pictures whose "
        "condition the classifier names as the target's. Only both together mean a usable picture."
    )
    for condition in conditions:
        _condition(page, quality, condition, ruler)
    if options.worst:
        page.heading("Worst pictures")
        page.paragraph(
            "Of each condition those that lose most: what the segmenter reads off them, less what it reads off the "
            "true (or source) picture of the same frame. Red: read wrongly."
        )
        for condition in conditions:
            for picture in quality.worst(condition, options.worst):
                page.picture(_strip(picture, ruler), _told(picture))
    _how(page, ruler, _PAIRED)
    page.paragraph(
        "For distances, true pictures are re-renders of the measured frames and frames recorded under the condition."
    )
    return page


def folder_page(options: Quality, folders: Sequence[FolderQuality], ruler: Ruler) -> Page:
    """The page of two plain folders."""
    page = Page(
        "Quality of synthesized pictures",
        f"{options.variants} beside {options.reference}: two sets of pictures, not compared instant by instant",
    )
    page.notice(
        "Distances say how far two sets of pictures are apart for one network; only rows of one column and of "
        "equally many pictures are comparable. Whether labels survived they do not say: that takes a store."
    )
    rows = []
    for name, folder in (
        ("variants", options.variants),
        ("reference", options.reference),
        ("sources", options.sources),
    ):
        if folder is not None:
            files = picture_files(folder)
            chosen = [files[i] for i in np.linspace(0, len(files) - 1, min(4, len(files))).astype(int)]
            rows.append((name, [(path.stem, read_rgb(path)) for path in chosen]))
    # A sheet's pictures share their shape; folders may not.
    for name, row in rows:
        page.picture(
            np.concatenate(
                [contact_sheet([[tile]], tile_width_px=_tile_px(4)) for tile in _same_height(row)], axis=1
            ),
            f"{name}: pictures spread evenly over the folder; nobody chose them.",
        )
    page.heading("Distances to the reference")
    _distances(page, [(f.name, f.pictures, f.distances) for f in folders])
    page.heading("Conditions that the classifier names")
    named = list(dict.fromkeys(name for f in folders for name in f.conditions))
    page.table(
        ("pictures", *named),
        [(f.name, *(f"{100 * f.conditions.get(name, 0.0):.0f} %" for name in named)) for f in folders],
    )
    _how(page, ruler)
    return page


def _summary(
    quality: StoreQuality, conditions: Sequence[str], makers: Sequence[str]
) -> tuple[list[str], list[list[str]]]:
    table = {(g.condition, g.made_by): g for g in quality.groups}
    header = ["condition"]
    for name in (*makers, COPY):
        header += [f"{short_name(name)}: IoU kept", "condition read"]
    rows = []
    for condition in conditions:
        row = [condition]
        for name in (*makers, COPY):
            group = table.get((condition, name))
            kept = None if group is None else group.of_true or group.of_source
            row += [_percent(kept), _percent(None if group is None else group.condition_rate)]
        rows.append(row)
    return header, rows


def _condition(page: Page, quality: StoreQuality, condition: str, ruler: Ruler) -> None:
    groups = [g for g in quality.groups if g.condition == condition]
    page.heading(condition)
    rows = [_row(pictures) for pictures in _examples(quality, condition, _SHOWN)]
    page.picture(
        contact_sheet(rows, tile_width_px=_tile_px(max(len(row) for row in rows))),
        "Frames spread evenly over the set; nobody chose them.",
    )
    columns: list[tuple[str, str, list[Figure | None]]] = [
        ("PSNR, dB", ".1f", [g.psnr_db for g in groups]),
        ("SSIM", ".2f", [g.ssim for g in groups]),
        ("LPIPS", ".2f", [g.lpips for g in groups]),
        ("mIoU", ".2f", [g.miou for g in groups]),
        ("of true", ".2f", [g.of_true for g in groups]),
        ("of source", ".2f", [g.of_source for g in groups]),
        ("condition read", ".2f", [g.condition_rate for g in groups]),
    ]
    shown = [c for c in columns if any(f is not None and f.value is not None for f in c[2])]
    page.table(
        ("made by", "n", *(name for name, _, _ in shown)),
        [
            (short_name(group.made_by), group.pictures, *(_cell(figures[i], form) for _, form, figures in shown))
            for i, group in enumerate(groups)
        ],
    )
    _distances(page, [(g.made_by, g.pictures, g.distances) for g in groups])
    with_classes = [g for g in groups if g.class_iou]
    if with_classes:
        page.table(
            ("IoU of class", *(short_name(g.made_by) for g in with_classes)),
            [
                (c.name, *("-" if (v := g.class_iou[c.name]) is None else f"{v:.2f}" for g in with_classes))
                for c in ruler.segmenter.classes.classes
                if any(g.class_iou[c.name] for g in with_classes)
            ],
        )
    for line in _verdicts(groups):
        page.paragraph(line)


def _verdicts(groups: Sequence[GroupQuality]) -> list[str]:
    lines = []
    for g in groups:
        if g.guard:
            told = ", ".join(f"{count} x {what}" for what, count in sorted(g.guard.items()))
            lines.append(f"Guard's verdicts recorded with {g.made_by}: {told}.")
    return lines


def _distances(page: Page, rows: Sequence[tuple[str, int, dict[str, Distance]]]) -> None:
    """Distances that have a number, and why others have none."""
    names = list(rows[0][2])
    known = [name for name in names if any(distances[name].value is not None for _, _, distances in rows)]
    shown = []
    for name, count, distances in rows:
        label = "every other true picture to the rest" if name == TRUE else short_name(name)
        n = distances[known[0]].pictures if known else count
        shown.append([label, str(n), *(_distance(distances[c]) for c in known)])
    if known:
        page.table(["distance to true pictures", "n", *known], shown)
    for name in names:
        if name not in known:
            page.paragraph(f"No {name}: {rows[0][2][name].why_none}.")


def _middle(quality: StoreQuality, condition: str) -> list[MeasuredPicture]:
    return _examples(quality, condition, 1)[0]


def _examples(quality: StoreQuality, condition: str, count: int) -> list[list[MeasuredPicture]]:
    """Frames spread evenly over a condition, each with its pictures; one seed of each synthesizer."""
    by_frame: dict[tuple[str, str], dict[str, MeasuredPicture]] = {}
    for picture in quality.pictures:
        if picture.condition == condition:
            by_frame.setdefault(picture.instant, {}).setdefault(picture.made_by, picture)
    frames = list(by_frame.values())
    places = (np.arange(min(count, len(frames))) + 0.5) / min(count, len(frames)) * len(frames)
    return [list(frames[int(place)].values()) for place in places]


def _row(pictures: Sequence[MeasuredPicture]) -> list[tuple[str, np.ndarray]]:
    """Source, variants, true picture of one frame."""
    frame, condition = pictures[0].frame, pictures[0].condition
    made = sorted((p for p in pictures if p.variant is not None and p.made_by != TRUE), key=lambda p: p.made_by)
    true = true_variant(frame, condition)
    row = [(f"source, {frame.condition}", frame.load_rgb())]
    row += [(f"{condition}, {short_name(p.made_by)}", p.variant.load_rgb()) for p in made if p.variant is not None]
    if true is not None:
        row.append((f"{condition}, simulator", true.load_rgb()))
    limit = _tile_px(len(row)) // _CAPTION_PX
    return [(_short(name, limit), rgb) for name, rgb in row]


def _strip(picture: MeasuredPicture, ruler: Ruler) -> np.ndarray:
    frame, variant = picture.frame, picture.variant
    assert variant is not None  # noqa: S101  # baselines are never among the worst
    rgb = variant.load_rgb()
    labels = ruler.labels(frame.load_seg(), frame.key)
    read = ruler.classes_of(rgb[None])[0]
    wrong = np.where(((read != labels) & (labels != IGNORED))[..., None], np.array([230, 30, 30]), rgb // 2)
    true = true_variant(frame, picture.condition)
    classes = ruler.segmenter.classes
    row = [(f"source, {frame.condition}", frame.load_rgb()), (short_name(picture.made_by), rgb)]
    if true is not None:
        row.append((f"true {picture.condition}", true.load_rgb()))
    row += [("labels", color_ids(labels, classes)), ("read off it", color_ids(read, classes))]
    row.append(("wrong", wrong.astype(np.uint8)))
    width = _tile_px(len(row))
    return contact_sheet([[(_short(name, width // _CAPTION_PX), tile) for name, tile in row]], tile_width_px=width)


def _told(picture: MeasuredPicture) -> str:
    seed = "" if picture.variant is None else f", seed {picture.variant.seed}"
    text = (
        f"{picture.frame.key}, {picture.condition} by {picture.made_by}{seed}: mIoU {own_miou(picture):.2f}, "
        f"read as {picture.condition_read}"
    )
    if picture.likeness is not None:
        text += f", SSIM {picture.likeness.ssim:.2f}"
    verdict = picture.verdict
    return text if verdict is None else f"{text}; guard: {verdict}"


_PAIRED = (
    ("mIoU", "one confusion matrix summed over the group: classes read by a frozen segmenter against the labels"),
    ("of true, of source", "mIoU divided by that of the true re-renders, or of the sources, of the same frames"),
    ("condition read", "share of pictures of which a frozen classifier names the target condition first"),
    ("PSNR, SSIM", "against the true re-render of the same instant; PSNR of the mean squared error"),
)


def _how(page: Page, ruler: Ruler, further: Sequence[tuple[str, str]] = ()) -> None:
    page.heading("How this was measured")
    rows = [
        *further,
        ("frechet_*", "Frechet distance of Gaussians; grows as pictures get fewer: compare equal n only"),
        ("kernel_*", "squared maximum mean discrepancy, cubic kernel, unbiased (may be below 0)"),
        *((f"*_{name}", network.description) for name, network in ruler.features.items()),
        *((f"without {name}", why) for name, why in ruler.absent.items()),
    ]
    page.table(("figure", "meaning"), rows, words=True)
    page.paragraph("Only Inception's distances are called fid and kid.")


def _same_height(row: Sequence[tuple[str, np.ndarray]]) -> list[tuple[str, np.ndarray]]:
    """Cut to the flattest shape of the row, in the middle."""
    flattest = min(rgb.shape[0] / rgb.shape[1] for _, rgb in row)
    cut = []
    for name, rgb in row:
        height = max(1, int(rgb.shape[1] * flattest))
        top = (rgb.shape[0] - height) // 2
        cut.append((name[-(_tile_px(4) // _CAPTION_PX) :], rgb[top : top + height]))
    return cut


def short_name(made_by: str) -> str:
    """The name of a synthesizer with hashes of weights cut to six digits; `quality.json` has it whole."""
    return re.sub(r"\b[0-9a-f]{12,}\b", lambda found: found[0][:6], made_by)


def _tile_px(columns: int) -> int:
    return min(320, _SHEET_PX // columns - 4)


def _short(text: str, limit: int) -> str:
    return text if len(text) <= limit else text[: limit - 2] + ".."


def _cell(value: Figure | None, form: str) -> str:
    if value is None or value.value is None:
        return "-"
    return f"{value.value:{form}} [{value.low:{form}}, {value.high:{form}}]"


def _distance(value: Distance) -> str:
    if value.value is None:
        return "-"
    text = f"{value.value:.3g}"
    return text if value.low is None else f"{text} [{value.low:.3g}, {value.high:.3g}]"


def _percent(value: Figure | None) -> str:
    return "-" if value is None or value.value is None else f"{100.0 * value.value:.0f} %"
