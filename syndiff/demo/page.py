"""The demo's report: what was recorded, synthesized, learned and driven, on one page."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from augment.conditions import DOMINANT
from carla_agents.data.store import Store
from leaderboard.results import Results
from syndiff.demo.plan import TARGETS, DemoPlan
from syndiff.demo.quality import DemoQuality
from syndiff.demo.strip import FrameStrip
from syndiff.report.charts import bar_chart, line_chart
from syndiff.report.page import Page
from syndiff.report.sheets import color_tags, contact_sheet
from syndiff.training import read_losses


@dataclass(frozen=True)
class DemoOutcome:
    """Everything the page shows.

    Attributes:
        folder: the demo's folder.
        plan, seed: what was asked for.
        store: recorded frames and their variants.
        controlnet_losses: one per step.
        quality: label agreement.
        results: driver -> its evaluation.
        strip: what the policy saw.
        took_s: step -> seconds.
    """

    folder: Path
    plan: DemoPlan
    seed: int
    store: Store
    controlnet_losses: list[float]
    quality: DemoQuality
    results: dict[str, Results]
    strip: FrameStrip
    took_s: dict[str, float]


def write_demo_page(path: Path, outcome: DemoOutcome) -> None:
    """Write the page."""
    page = Page(
        "SynDiff-AD demo",
        f"Recorded, synthesized, trained and driven on the embedded simulator, seed {outcome.seed}, "
        f"{sum(outcome.took_s.values()):.0f} s.",
    )
    page.notice(
        "A small demonstration, not a result: a few routes of one generated town, networks trained for minutes on a "
        "CPU, one run. It shows that every part of the loop works together. Another seed changes every figure."
    )
    _recorded(page, outcome)
    _synthesized(page, outcome)
    _learned(page, outcome)
    _driven(page, outcome)
    page.heading("Where the time went")
    page.table(["step", "seconds"], [[name, round(seconds)] for name, seconds in outcome.took_s.items()])
    page.details("run.json: configuration, versions, seeds", (outcome.folder / "run.json").read_text("utf-8"))
    page.write(path)


def _recorded(page: Page, outcome: DemoOutcome) -> None:
    page.heading("1. Recorded by the expert")
    frames = outcome.store.frames()
    made = Counter((variant.condition, variant.synthesizer.rsplit("-", 1)[0]) for variant in outcome.store.variants())
    real = Counter((frame.condition, "recorded, " + frame.split) for frame in frames)
    page.table(
        ["condition", "kind", "frames"],
        [[condition, kind, n] for (condition, kind), n in sorted((real + made).items())],
    )
    train = [frame for frame in frames if frame.split == "train"]
    chosen = [train[i * (len(train) - 1) // 3] for i in range(4)]
    rows = [
        [(f"rgb {frame.key.split('/')[0]}", frame.load_rgb()) for frame in chosen],
        [("seg (CARLA tags)", color_tags(frame.load_seg())) for frame in chosen],
    ]
    page.picture(contact_sheet(rows), "Frames of the training drives and their labels from the same rendering pass.")


def _synthesized(page: Page, outcome: DemoOutcome) -> None:
    page.heading("2. Synthesized")
    quality, shown = outcome.quality, outcome.quality.pictures
    rows = [[(f"source, {DOMINANT.name}", shown["source"]), ("seg", color_tags(quality.seg))]]
    names = list(dict.fromkeys(name for name, _ in quality.figures))
    for target in TARGETS:
        row = [(f"{name}, {target.name}", shown[f"{name} {target.name}"]) for name in names]
        rows.append([*row, (f"simulator, {target.name}", shown[f"true {target.name}"])])
    page.picture(
        contact_sheet(rows),
        "A held-out moment. The embedded variants come from a small ControlNet (diffusers' classes, four "
        "million parameters) that this demo trained for minutes on one drive; the last column is the same instant "
        "rendered by the simulator.",
    )
    page.paragraph(
        "Label agreement: a small segmenter, trained on true frames of the condition, reads the picture; its reading "
        "is compared with the labels (mIoU over label groups, higher is better). "
        f"{quality.moments} held-out moments are behind each figure."
    )
    page.table(
        ["synthesizer", "condition", "variant", "copy of the source", "random noise", "true frame"],
        [
            [name, condition, *(_fixed(a.miou) for a in (q.variant, q.copy_source, q.random_noise)), _true(q.target)]
            for (name, condition), q in quality.figures.items()
        ],
    )


def _learned(page: Page, outcome: DemoOutcome) -> None:
    page.heading("3. Learned")
    losses = outcome.controlnet_losses
    smooth = [sum(losses[max(0, i - 9) : i + 1]) / len(losses[max(0, i - 9) : i + 1]) for i in range(len(losses))]
    log = outcome.folder / "policy" / "train.jsonl"
    page.charts(
        [
            line_chart(
                "ControlNet: loss (mean of 10 steps)", "step", "loss", {"train": (range(1, len(smooth) + 1), smooth)}
            ),
            line_chart("Policy: path error", "step", "m", {"train": read_losses(log, "path_error_m")}),
            line_chart("Policy: speed error", "step", "m/s", {"train": read_losses(log, "speed_error_mps")}),
        ]
    )


def _driven(page: Page, outcome: DemoOutcome) -> None:
    page.heading("4. Driven in closed loop")
    page.paragraph(
        "Routes that share no street with a recorded drive, ten other cars. Driving score = route completion x "
        "infraction penalty (leaderboard 2.0). The blank camera is a control: the same policy, seeing only black."
    )
    rows, bars = [], {}
    for name, results in outcome.results.items():
        if results.missing():
            rows.append([name, "partial: no score", len(results.missing()), "", "", "", ""])
            continue
        for condition, s in results.by_condition().items():
            kinds = Counter(
                infraction.kind.value
                for key, record in results.records.items()
                if key.condition == condition
                for infraction in record.infractions
            )
            rows.append(
                [
                    name,
                    condition,
                    s.count,
                    s.driving_score_mean,
                    s.route_completion_pct_mean,
                    _fixed(s.infraction_penalty_mean),
                    ", ".join(f"{n} x {kind}" for kind, n in sorted(kinds.items())) or "none",
                ]
            )
            bars[f"{name.replace('policy with a ', '')}, {condition}"] = {"driving score": s.driving_score_mean}
    page.table(["driver", "condition", "n", "driving score", "completion %", "penalty", "infractions"], rows)
    if bars:
        page.charts([bar_chart("Mean driving score", "0-100", bars)])
    for key in outcome.strip.pictures:
        seen = outcome.strip.evenly(key, 8)
        if seen:
            page.picture(
                contact_sheet([seen[:4], seen[4:]]), f"What the policy saw on route {key.route_id}, {key.condition}."
            )


def _fixed(value: float) -> str:
    return f"{value:.2f}"


def _true(agreement: object) -> str:
    miou = getattr(agreement, "miou", None)
    return "-" if miou is None else _fixed(miou)
