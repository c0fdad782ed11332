"""The result file of CARLA Leaderboard 2.x, key for key, from our records; pure functions.

Rounding, order of keys and the special case of `outside_route_lanes` are those of the official file, because tools
parse them.
"""

from __future__ import annotations

import re
import statistics
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from leaderboard.infractions import InfractionKind
from leaderboard.results import DriveRecord
from leaderboard.score import Metric

INFRACTION_KEYS = tuple(kind.value for kind in InfractionKind)

LABELS: tuple[tuple[str, str], ...] = (
    ("Avg. driving score", ""),
    ("Avg. route completion", ""),
    ("Avg. infraction penalty", ""),
    ("Collisions with pedestrians", "collisions_pedestrian"),
    ("Collisions with vehicles", "collisions_vehicle"),
    ("Collisions with layout", "collisions_layout"),
    ("Red lights infractions", "red_light"),
    ("Stop sign infractions", "stop_infraction"),
    ("Off-road infractions", "outside_route_lanes"),
    ("Route deviations", "route_dev"),
    ("Route timeouts", "route_timeout"),
    ("Agent blocked", "vehicle_blocked"),
    ("Yield emergency vehicles infractions", "yield_emergency_vehicle_infractions"),
    ("Scenario timeouts", "scenario_timeouts"),
    ("Min speed infractions", "min_speed_infractions"),
)
"""Labels of the summary, and the infraction each stands for (none for the three scores)."""

_SCORES = ("score_composed", "score_route", "score_penalty")
_METRES = re.compile(r"for about ([-+0-9.eE]+) meters")


def record_json(
    record: DriveRecord,
    index: int,
    metric: Metric = Metric.V2_0,
    duration_system_s: float = 0.0,
    extra: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """One entry of `records`.

    Args:
        record: what happened.
        index: position of the drive in the evaluation.
        metric: whose penalties.
        duration_system_s: seconds on the clock on the wall.
        extra: further keys, such as Bench2Drive's `scenario_name`.
    """
    infractions: dict[str, list[str]] = {key: [] for key in INFRACTION_KEYS}
    for infraction in record.infractions:
        infractions[infraction.kind.value].append(infraction.message)
    score = record.score(metric)
    return {
        "index": index,
        "route_id": f"RouteScenario_{record.key.route_id}_rep{record.key.repetition}",
        "status": record.status,
        "num_infractions": len(record.infractions),
        "infractions": infractions,
        "scores": {
            "score_route": round(score.route_completion_pct, 6),
            "score_penalty": round(score.infraction_penalty, 6),
            "score_composed": round(max(score.driving_score, 0.0), 6),
        },
        "meta": {
            "route_length": round(record.route_length_m, 3),
            "duration_game": round(record.duration_s, 3),
            "duration_system": round(duration_system_s, 3),
        },
        **(extra or {}),
    }


def global_record_json(records: Sequence[Mapping[str, Any]], total: int) -> dict[str, Any]:
    """The `global_record`: means over all `total` drives, a missing one counting as zero.

    Args:
        records: entries of `records`.
        total: number of drives of the evaluation.

    Raises:
        ValueError: there are more records than drives, or no drive.
    """
    if total < 1 or len(records) > total:
        raise ValueError(f"{len(records)} records do not fit an evaluation of {total} drives")
    values = {name: [float(record["scores"][name]) for record in records] for name in _SCORES}
    mean = {name: round(sum(v) / total, 6) for name, v in values.items()}
    spread = {name: round(statistics.stdev(v), 3) if len(v) > 1 else 0 for name, v in values.items()}
    driven_km = sum(r["meta"]["route_length"] / 1000.0 * r["scores"]["score_route"] / 100.0 for r in records)
    driven_km = max(driven_km, 0.001)
    rates: dict[str, float] = {}
    for key in INFRACTION_KEYS:
        messages = [message for record in records for message in record["infractions"].get(key, [])]
        if key == InfractionKind.OUTSIDE_LANES.value:
            rates[key] = round(sum(outside_m(message) for message in messages) / 1000.0, 3)
        else:
            rates[key] = round(len(messages) / driven_km, 3)
    words = [str(record["status"]) for record in records]
    status = "Failed"
    if all(word in ("Perfect", "Completed") for word in words) and words:
        status = "Completed" if "Completed" in words else "Perfect"
    return {
        "index": -1,
        "route_id": -1,
        "status": status,
        "infractions": rates,
        "scores_mean": mean,
        "scores_std_dev": spread,
        "meta": {
            "total_length": round(sum(record["meta"]["route_length"] for record in records), 3),
            "duration_game": round(sum(record["meta"]["duration_game"] for record in records), 3),
            "duration_system": round(sum(record["meta"]["duration_system"] for record in records), 3),
            "exceptions": [
                [record["route_id"], record["index"], record["status"]]
                for record in records
                if str(record["status"]) not in ("Perfect", "Completed")
            ],
        },
    }


def outside_m(message: str) -> float:
    """Metres outside the lanes, as the official message has them; 0 if it has none."""
    found = _METRES.search(message)
    return float(found.group(1)) if found else 0.0


def labels_and_values(global_record: Mapping[str, Any]) -> tuple[list[str], list[str]]:
    """The fifteen labels and their values as text."""
    values = []
    for position, (_, key) in enumerate(LABELS):
        number = global_record["scores_mean"][_SCORES[position]] if not key else global_record["infractions"][key]
        values.append(str(number))
    return [label for label, _ in LABELS], values


def result_json(
    records: Iterable[Mapping[str, Any]],
    total: int,
    *,
    entry_status: str,
    sensors: Sequence[str],
    finished: bool,
    eligible: bool = True,
) -> dict[str, Any]:
    """The whole file.

    Args:
        records: entries of `records` in order of their index.
        total: number of drives of the evaluation.
        entry_status: Started, Finished, Rejected, Crashed or Invalid.
        sensors: words for the agent's sensors.
        finished: whether to compute the global record; else the file has none.
        eligible: False keeps a finished run from counting as official (track COLLECTION).
    """
    rows = [dict(record) for record in records]
    overall = global_record_json(rows, total) if finished else {}
    labels, values = labels_and_values(overall) if finished else ([], [])
    return {
        "_checkpoint": {"global_record": overall, "progress": [len(rows), total], "records": rows},
        "entry_status": entry_status,
        "eligible": eligible and entry_status == "Finished",
        "sensors": list(sensors),
        "values": values,
        "labels": labels,
    }
