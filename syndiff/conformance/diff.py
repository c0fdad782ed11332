"""Compares two conformance reports figure by figure."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from syndiff.conformance.figures import Figure

FORMAT = 1
MAP_PREFIX = "map/"
"""Figures below it describe the loaded map and are compared only between reports of the same map."""


@dataclass(frozen=True)
class Difference:
    """A figure that differs beyond its tolerance; `text` says how."""

    figure_id: str
    text: str


@dataclass(frozen=True)
class Comparison:
    """Outcome of a comparison.

    Attributes:
        differences: in the order of the reference's figures, then what only the other report has.
        compared: how many figures were compared.
        notes: what was left out and why.
    """

    differences: tuple[Difference, ...]
    compared: int
    notes: tuple[str, ...]


def read_report(path: Path) -> dict[str, Any]:
    """A report (or the folder that holds `report.json`) with its figures as `Figure`, part by part.

    Raises:
        ValueError: no report, or one of another format.
    """
    file = path / "report.json" if path.is_dir() else path
    try:
        report = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, json.JSONDecodeError) as error:
        raise ValueError(f"cannot read the conformance report {file}: {error}") from error
    if not isinstance(report, dict) or report.get("format") != FORMAT or not isinstance(report.get("figures"), dict):
        raise ValueError(
            f"{file} is not a conformance report of format {FORMAT}; write it with `syndiff conformance`"
        )
    parts = report["figures"].items()
    return report | {
        "figures": {part: {key: Figure.from_json(value) for key, value in found.items()} for part, found in parts}
    }


def compare(reference: dict[str, Any], other: dict[str, Any]) -> Comparison:
    """Compare `other` with `reference`, both as `read_report` gives them; the reference's tolerances count."""
    notes = []
    for which, report, against in (("first", reference, other), ("second", other, reference)):
        only = [part for part in report["figures"] if part not in against["figures"]]
        if only:
            notes.append(f"only the {which} report has the parts {', '.join(only)}; they are left out")
    shared = [part for part in reference["figures"] if part in other["figures"]]
    ours = {key: figure for part in shared for key, figure in reference["figures"][part].items()}
    theirs = {key: figure for part in shared for key, figure in other["figures"][part].items()}
    same_map = reference["server"]["map"] == other["server"]["map"]
    skipped = 0
    differences: list[Difference] = []
    compared = 0
    for key in [*ours, *(key for key in theirs if key not in ours)]:
        if key.startswith(MAP_PREFIX) and not same_map:
            skipped += 1
            continue
        figure, seen = ours.get(key), theirs.get(key)
        if not all(found.compared for found in (figure, seen) if found is not None):
            continue
        compared += 1
        text = _difference(figure, seen)
        if text:
            differences.append(Difference(key, text))
    if skipped:
        maps = f"{reference['server']['map']} and {other['server']['map']}"
        notes.append(f"{skipped} figures of the map left out: the maps differ ({maps}); give --map to compare them")
    return Comparison(tuple(differences), compared, tuple(notes))


def _difference(figure: Figure | None, seen: Figure | None) -> str:
    """How two figures differ beyond the tolerance; empty if they do not."""
    if figure is None or seen is None:
        return "only in the second report" if figure is None else "only in the first report"
    one, two = figure.value, seen.value
    if one is None or two is None:
        if one is two:
            return ""
        return f"{_show(figure)}, but {_show(seen)}"
    if isinstance(one, list) and isinstance(two, list):
        gone, new = sorted(set(one) - set(two)), sorted(set(two) - set(one))
        changes = ([f"without {', '.join(gone)}"] if gone else []) + ([f"with {', '.join(new)}"] if new else [])
        return "; ".join(changes)
    if _is_number(one) and _is_number(two):
        distance, allowed = abs(two - one), max(figure.absolute, figure.relative * abs(one))  # type: ignore[operator, arg-type]
        if distance <= allowed + 1e-9:
            return ""
        share = f" ({100.0 * (two - one) / abs(one):+.1f} %)" if one else ""  # type: ignore[operator, arg-type]
        return f"{_show(figure)}, but {_show(seen)}{share}; tolerated {allowed:.4g} {figure.unit}".rstrip()
    return "" if one == two else f"{_show(figure)}, but {_show(seen)}"


def _show(figure: Figure) -> str:
    if figure.value is None:
        return f"nothing ({figure.why})"
    if _is_number(figure.value):
        return f"{figure.value:.6g} {figure.unit}".rstrip()
    return repr(figure.value)


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
