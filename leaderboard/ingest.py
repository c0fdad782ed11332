"""Result files of every origin as one kind of record: ours, Leaderboard 1.0 and 2.x, and Bench2Drive.

The messages of official records are parsed back into events, so every formula can be applied to every file.
"""

from __future__ import annotations

import json
import math
import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from leaderboard.infractions import Infraction, InfractionKind
from leaderboard.results import FORMAT, DriveKey, DriveRecord, Results, ResultsError
from leaderboard.score import Metric

_PLACE = re.compile(r"\(x=([-+0-9.eE]+), y=([-+0-9.eE]+)(?:, z=([-+0-9.eE]+))?\)")
_OUTSIDE = re.compile(r"\(([-+0-9.eE]+)% of the completed route\)")
_SLOW = re.compile(r"([-+0-9.eE]+)% of the surrounding")
_ROUTE = re.compile(r"(?:RouteScenario_)?(\d+)(?:_rep(\d+))?")
UNKNOWN_PLACE = (math.nan, math.nan, math.nan)
"""Position of an event whose message names none."""

_NO_OUTCOME = ("Failed - Simulation crashed", "Failed - Agent's sensors were invalid")
"""What official files score with zero although nobody drove: such a drive counts as missing here."""
_METRICS = {"1.0": Metric.V1_0, "2.x": Metric.V2_0, "bench2drive": Metric.V2_0}


@dataclass(frozen=True)
class Ingested:
    """One result file.

    Attributes:
        path: where it is.
        origin: `syndiff`, `1.0`, `2.x` or `bench2drive`.
        records: by drive.
        missing: drives without a record, named if the file names them.
        missing_count: how many.
        scenario_types: of drives whose file names them (Bench2Drive).
        provenance: simulator, versions and hashes, as far as the file has them.
        doubts: what does not fit together in the file.
    """

    path: Path
    origin: str
    records: dict[DriveKey, DriveRecord]
    missing: tuple[str, ...]
    missing_count: int
    scenario_types: dict[DriveKey, str] = field(default_factory=dict)
    provenance: dict[str, Any] = field(default_factory=dict)
    doubts: tuple[str, ...] = ()


def read_result_file(path: Path) -> Ingested:
    """Read a result file of any origin.

    Raises:
        ResultsError: the file cannot be read, or is none of the known kinds.
    """
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise ResultsError(f"result file {path} cannot be read: {error}") from error
    if not isinstance(content, dict):
        raise ResultsError(f"{path} holds a {type(content).__name__}, expected an object")
    if content.get("format") == FORMAT:
        results = Results.read(path)
        missing = tuple(str(key) for key in results.missing())
        known = {**results.identity, "simulator": results.simulator}
        return Ingested(path, "syndiff", dict(results.records), missing, len(missing), provenance=known)
    return _official(path, content)


def _official(path: Path, content: Mapping[str, Any]) -> Ingested:
    checkpoint = content.get("_checkpoint")
    rows = checkpoint.get("records") if isinstance(checkpoint, dict) else None
    if not isinstance(rows, list):
        raise ResultsError(f"{path} is no result file: neither format {FORMAT!r} nor _checkpoint.records")
    origin = _origin(content, rows)
    records: dict[DriveKey, DriveRecord] = {}
    types: dict[DriveKey, str] = {}
    doubts: list[str] = []
    crashed: list[str] = []
    seen: Counter[tuple[int, str]] = Counter()
    for number, row in enumerate(rows):
        try:
            record = _record(row, seen)
            given = float(row["scores"]["score_composed"])
        except (KeyError, TypeError, ValueError) as error:
            raise ResultsError(f"{path}, record {number}: {type(error).__name__}: {error}") from error
        if record.status in _NO_OUTCOME:
            crashed.append(f"{record.key} ({record.status})")
            continue
        if record.key in records:
            raise ResultsError(f"{path} holds drive {record.key} twice")
        records[record.key] = record
        if row.get("scenario_name"):
            types[record.key] = re.sub(r"_\d+$", "", str(row["scenario_name"]))
        computed = record.score(_METRICS[origin]).driving_score
        if abs(computed - given) > 0.05 and not _is_2_1(record, given):
            doubts.append(f"{record.key}: the file says {given:g}, its events make {computed:.3f}")
    progress = checkpoint.get("progress") or [] if isinstance(checkpoint, dict) else []
    total = int(progress[1]) if len(progress) == 2 else len(rows)
    missing = max(0, total - len(rows)) + len(crashed)
    known = {"sensors": content.get("sensors", []), "entry_status": content.get("entry_status", "")}
    known |= _told_beside(path)
    return Ingested(path, origin, records, tuple(crashed), missing, types, known, tuple(doubts))


def _told_beside(path: Path) -> dict[str, Any]:
    """What `leaderboard_evaluator` wrote beside a file of the official form, which has no room for it."""
    beside = path.with_name(f"{path.name}.provenance.json")
    if not beside.exists():
        return {}
    try:
        told = json.loads(beside.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise ResultsError(f"{beside} cannot be read: {error}; delete it to do without") from error
    if not isinstance(told, dict) or not isinstance(told.get("simulator"), dict):
        raise ResultsError(f"{beside} names no simulator; delete it to do without")
    return told


def _origin(content: Mapping[str, Any], rows: list[Any]) -> str:
    if "driving score" in content or any(isinstance(row, dict) and "town_name" in row for row in rows):
        return "bench2drive"
    if any(isinstance(row, dict) and "num_infractions" not in row for row in rows):
        return "1.0"
    return "2.x"


def _is_2_1(record: DriveRecord, given: float) -> bool:
    return abs(record.score(Metric.V2_1).driving_score - given) <= 0.05


def _record(row: Mapping[str, Any], seen: Counter[tuple[int, str]]) -> DriveRecord:
    found = _ROUTE.fullmatch(str(row["route_id"]))
    if found is None:
        raise ValueError(f"route_id {row['route_id']!r} is not RouteScenario_<number>[_rep<number>]")
    route_id, condition = int(found.group(1)), _condition(row)
    repetition = int(found.group(2)) if found.group(2) else seen[route_id, condition]
    seen[route_id, condition] += 1
    meta = row["meta"]
    completion_pct = min(max(float(row["scores"]["score_route"]), 0.0), 100.0)
    infractions = []
    for name, messages in row["infractions"].items():
        kind = InfractionKind("stop_infraction" if name == "stop_sign" else name)
        infractions += [_event(kind, str(message)) for message in messages]
    return DriveRecord(
        DriveKey(route_id, condition, repetition),
        str(row["status"]),
        completion_pct,
        tuple(infractions),
        float(meta["route_length"]),
        float(meta["duration_game"]),
    )


def _condition(row: Mapping[str, Any]) -> str:
    weather = row.get("weather_id")
    return "of-the-route" if weather is None else f"weather-{weather}"


def _event(kind: InfractionKind, message: str) -> Infraction:
    place = _PLACE.search(message)
    position = UNKNOWN_PLACE if place is None else tuple(float(v) if v else 0.0 for v in place.groups())
    percentage = None
    if kind in (InfractionKind.OUTSIDE_LANES, InfractionKind.MIN_SPEED):
        pattern = _OUTSIDE if kind is InfractionKind.OUTSIDE_LANES else _SLOW
        found = pattern.search(message)
        if found is None:
            raise ValueError(f"no percentage in {message!r}")
        percentage = float(found.group(1))
    x, y, z = position
    return Infraction(kind, 0, math.nan, (x, y, z), message, percentage)
