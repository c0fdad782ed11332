"""The job behind `syndiff stats`: result files in, tables and a page out; no simulator needed."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path

from leaderboard.bench2drive import ability_rates, efficiency, is_success, speed_percentages
from leaderboard.infractions import InfractionKind
from leaderboard.ingest import Ingested, read_result_file
from leaderboard.results import EXIT_PARTIAL, DriveKey, DriveRecord, ResultsError
from leaderboard.score import Metric
from leaderboard.statistics import (
    Comparison,
    Interval,
    by_condition,
    compare,
    driving_score,
    interval,
    rates_by_condition,
)
from leaderboard.strips import strips_folder, strips_of
from syndiff.commands.stats import Stats
from syndiff.online import pictures_table, pictures_text
from syndiff.report.infraction_map import infraction_map
from syndiff.report.page import Page
from syndiff.report.road_lines import Line, NoRoads, road_lines_m

Records = dict[DriveKey, DriveRecord]
_MOST_STRIPS = 40


def run_stats(options: Stats) -> int:
    """Print tables and write the page.

    Returns:
        0, or 3 if drives are missing (then no headline is printed).

    Raises:
        ResultsError: a file cannot be used, or two files hold the same drive or come from different simulators.
    """
    if not options.files:
        raise ResultsError("syndiff stats needs at least one result file")
    files = [read_result_file(path) for path in options.files]
    records = joined(files)
    metric = Metric(options.metric)
    for file in files:
        for doubt in file.doubts[:5]:
            print(f"note: {file.path}: {doubt}", file=sys.stderr)
    missing = sum(file.missing_count for file in files)
    if missing:
        named = [name for file in files for name in file.missing][:5]
        told = f", among them {', '.join(named)}" if named else ""
        print(f"partial: {missing} drives have no record{told}; no score is printed", file=sys.stderr)
        return EXIT_PARTIAL
    if not records:
        raise ResultsError(f"{options.files[0]} holds no record")
    baseline = joined([read_result_file(options.baseline)]) if options.baseline is not None else None
    report = Report(records, baseline, metric, options.samples, options.seed, scenario_types(files))
    print(report.text())
    if options.out is not None:
        report.page(files, options.baseline, *_roads(files, options)).write(options.out)
        print(f"wrote {options.out}")
    return 0


def joined(files: Sequence[Ingested]) -> Records:
    """The records of several files of one agent.

    Raises:
        ResultsError: the files do not belong together.
    """
    if len({file.origin for file in files}) > 1:
        raise ResultsError(f"files of different origin do not mix: {[f'{f.path}: {f.origin}' for f in files]}")
    for name in ("simulator", "driver", "routes_sha256", "carla"):
        values = {str(file.provenance.get(name)) for file in files}
        if len(values) > 1:
            raise ResultsError(f"the files differ in {name}, so they are not one evaluation: {sorted(values)}")
    records: Records = {}
    for file in files:
        twice = sorted(set(records) & set(file.records))
        if twice:
            raise ResultsError(f"{file.path} holds drive {twice[0]}, which another file holds too")
        records.update(file.records)
    return records


def scenario_types(files: Sequence[Ingested]) -> dict[DriveKey, str]:
    """The scenario type of each drive whose file names it."""
    return {key: name for file in files for key, name in file.scenario_types.items()}


class Report:
    """The figures of one agent, perhaps beside a baseline."""

    def __init__(
        self,
        records: Records,
        baseline: Records | None,
        metric: Metric,
        samples: int,
        seed: int,
        types: Mapping[DriveKey, str],
    ) -> None:
        self._records, self._baseline, self._metric, self._types = records, baseline, metric, types
        value = driving_score(metric)
        self.overall = self._interval(records, samples, seed)
        self.conditions = by_condition(records, value, samples=samples, seed=seed)
        self.baseline_conditions: dict[str, Interval] = {}
        self.comparison: Comparison | None = None
        if baseline is not None:
            self.baseline_conditions = by_condition(baseline, value, samples=samples, seed=seed)
            self.comparison = compare(records, baseline, value, samples=samples, seed=seed)

    def _interval(self, records: Records, samples: int, seed: int) -> Interval:
        value = driving_score(self._metric)
        return interval({key: value(record) for key, record in records.items()}, samples=samples, seed=seed)

    def headline(self) -> str:
        """One sentence."""
        s, records = self.overall, list(self._records.values())
        successes = sum(is_success(record.status, record.infractions) for record in records)
        completion = sum(record.route_completion_pct for record in records) / len(records)
        return (
            f"driving score {s.mean:.2f} [{s.low:.2f}, {s.high:.2f}] (leaderboard {self._metric.value}; "
            f"95 % interval from {s.drives} drives of {s.routes} routes), route completion {completion:.2f} %, "
            f"{successes} of {len(records)} drives complete and clean"
        )

    def condition_table(self) -> tuple[list[str], list[list[str]]]:
        """Header and rows: one per condition."""
        header = ["condition", "drives", "driving score", "95 % interval"]
        if self._baseline is not None:
            header += ["baseline", "95 % interval"]
        rows = []
        for name, s in self.conditions.items():
            row = [name, str(s.drives), f"{s.mean:.2f}", f"[{s.low:.2f}, {s.high:.2f}]"]
            other = self.baseline_conditions.get(name)
            if self._baseline is not None:
                row += [f"{other.mean:.2f}", f"[{other.low:.2f}, {other.high:.2f}]"] if other else ["-", "-"]
            rows.append(row)
        return header, rows

    def infraction_table(self) -> tuple[list[str], list[list[str]]]:
        """Header and rows: infractions per kilometre, one row per kind that occurs, one column per condition."""
        rates = rates_by_condition(self._records)
        header = ["per km", *rates, *(["baseline, all"] if self._baseline is not None else [])]
        overall: dict[InfractionKind, float] = {}
        if self._baseline is not None:
            merged = {
                DriveKey(key.route_id, "all", number): record
                for number, (key, record) in enumerate(self._baseline.items())
            }
            overall = rates_by_condition(merged)["all"]
        rows = []
        for kind in InfractionKind:
            values = [rates[condition][kind] for condition in rates]
            if not any(values) and not overall.get(kind):
                continue
            cells = [f"{value:.3f}" for value in values]
            rows.append([kind.value, *cells, *([f"{overall[kind]:.3f}"] if self._baseline is not None else [])])
        return header, rows

    def comparison_text(self) -> str:
        """One sentence about the pairs."""
        c = self.comparison
        if c is None:
            return ""
        d = c.difference
        text = (
            f"compared drive by drive with the baseline: {d.mean:+.2f} [{d.low:+.2f}, {d.high:+.2f}] over {d.drives} "
            f"pairs; better in {c.better}, equal in {c.equal}, worse in {c.worse}"
        )
        if c.only_candidate or c.only_baseline:
            text += f"; {c.only_candidate} and {c.only_baseline} drives have no partner and do not count"
        return text

    def bench2drive_text(self) -> list[str]:
        """Abilities and efficiency, as far as the files name what they need."""
        lines = []
        if self._types:
            pairs = [
                (self._types[key], is_success(record.status, record.infractions))
                for key, record in self._records.items()
                if key in self._types
            ]
            shown = [f"{name} {good}/{count}" for name, (good, count) in ability_rates(pairs).items() if count]
            lines.append(f"abilities (successes/drives): {', '.join(shown)}")
        slow = [
            speed_percentages(event.message for event in record.infractions if event.kind is InfractionKind.MIN_SPEED)
            for record in self._records.values()
        ]
        pace = efficiency(slow)
        if pace is not None:
            lines.append(f"efficiency {pace:.1f} % of the surrounding traffic's speed")
        return lines

    def failures_text(self) -> str:
        """How many drives failed, by their status."""
        counts = Counter(record.status for record in self._records.values() if record.status.startswith("Failed"))
        return ", ".join(f"{count} x {status}" for status, count in counts.most_common())

    def text(self) -> str:
        """What goes to the terminal."""
        lines = [*_columns(*self.condition_table()), ""]
        header, rows = self.infraction_table()
        lines += [*_columns(header, rows), ""] if rows else ["no infractions", ""]
        lines += [line for line in (self.comparison_text(), *self.bench2drive_text(), self.failures_text()) if line]
        pictures = pictures_text(self._records.values())
        return "\n".join([*lines, *([pictures] if pictures else []), self.headline()])

    def page(
        self, files: Sequence[Ingested], baseline: Path | None, roads_m: Sequence[Line] = (), no_roads: str = ""
    ) -> Page:
        """The page.

        Args:
            files: where the records are from.
            baseline: where those of the baseline are from.
            roads_m: lines to draw below the infractions.
            no_roads: why there are none.
        """
        names = ", ".join(file.path.name for file in files)
        page = Page("Evaluation", f"{names}; formula of leaderboard {self._metric.value}")
        page.notice(self.headline())
        if self.comparison is not None:
            page.paragraph(f"{self.comparison_text()} (baseline: {baseline}).")
        if self.failures_text():
            page.paragraph(f"{self.failures_text()}.")
        page.heading("Per condition")
        page.table(*self.condition_table())
        pictures = pictures_table(self._records.values())
        if pictures is not None:
            page.heading("Pictures that the driver saw")
            page.paragraph(
                "Fresh: the variant of this very frame. Warped: an earlier variant moved to this view. Missed: the "
                "variant was not ready in time. Failed: it could not be made. Missed and failed frames showed a "
                "warped variant or the simulator's own picture (shown_source)."
            )
            page.table(*pictures)
        page.heading("Infractions per kilometre")
        header, rows = self.infraction_table()
        if rows:
            page.table(header, rows)
        else:
            page.paragraph("None.")
        events = [event for record in self._records.values() for event in record.infractions]
        drawing = infraction_map(events, roads_m)
        if drawing is not None:
            page.heading("Where")
            page.charts([drawing])
            if no_roads:
                page.paragraph(f"Without roads: {no_roads}.")
        _show_strips(page, files)
        for line in self.bench2drive_text():
            page.paragraph(line)
        page.heading("Drives")
        page.table(*self.drive_table())
        page.heading("Where this comes from")
        page.table(
            ["what", "value"], [[f"{f.path.name}: {k}", str(v)] for f in files for k, v in f.provenance.items()]
        )
        return page

    def drive_table(self) -> tuple[list[str], list[list[str]]]:
        """Header and rows: one per drive, beside the baseline's score on the same drive."""
        header = ["drive", "status", "completion %", "penalty", "driving score"]
        if self._baseline is not None:
            header += ["baseline", "difference"]
        rows = []
        for key, record in sorted(self._records.items()):
            s = record.score(self._metric)
            row = [str(key), record.status, f"{s.route_completion_pct:.1f}", f"{s.infraction_penalty:.3f}"]
            row.append(f"{s.driving_score:.2f}")
            other = self._baseline.get(key) if self._baseline is not None else None
            if other is not None:
                theirs = other.score(self._metric).driving_score
                row += [f"{theirs:.2f}", f"{s.driving_score - theirs:+.2f}"]
            elif self._baseline is not None:
                row += ["-", "-"]
            rows.append(row)
        return header, rows


def _roads(files: Sequence[Ingested], options: Stats) -> tuple[list[Line], str]:
    """Lines of the town's roads, and why there are none."""
    simulators = [file.provenance.get("simulator") or {} for file in files]
    named = {(simulator["map"], simulator.get("map_sha256")) for simulator in simulators if simulator.get("map")}
    if options.town is not None:
        named = {(options.town, None)}
    if len(named) != 1:
        return [], "the files name no town; give --town"
    ((town, digest),) = named
    try:
        return road_lines_m(town, options.map_dir, digest), ""
    except NoRoads as error:
        return [], str(error)


def _show_strips(page: Page, files: Sequence[Ingested]) -> None:
    """The pictures around infractions that `syndiff evaluate --strips` left beside the files."""
    strips = [strip for file in files for strip in strips_of(file.path, list(file.records.values()))]
    if not strips:
        return
    page.heading("What happened")
    page.paragraph("Seen from behind the ego; times are relative to the infraction, whose picture has a red edge.")
    for record, event, path in strips[:_MOST_STRIPS]:
        page.jpeg(path.read_bytes(), f"{record.key}, {event.elapsed_s:.1f} s: {event.message}")
    if len(strips) > _MOST_STRIPS:
        folders = ", ".join(str(strips_folder(file.path)) for file in files)
        page.paragraph(f"{len(strips) - _MOST_STRIPS} more lie in {folders}.")


def _columns(header: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    widths = [max(len(row[i]) for row in (header, *rows)) for i in range(len(header))]
    return [
        "  ".join(
            cell.ljust(w) if i == 0 else cell.rjust(w) for i, (cell, w) in enumerate(zip(row, widths, strict=True))
        )
        for row in (header, *rows)
    ]
