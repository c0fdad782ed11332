"""The official Leaderboard's scores and record format against ours; used by `official_leaderboard`.

Three comparisons. *Random event logs* go through the official `StatisticsManager`, in the official interpreter, and
through `leaderboard.official_results.record_json`. *Result files* of the official evaluator are read back and scored
anew. *Formats*: a file of our evaluator has the keys, types and sentences of an official one.
"""

from __future__ import annotations

import json
import random
import re
import subprocess
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from leaderboard.infractions import ENDS_ROUTE, Infraction, InfractionKind
from leaderboard.ingest import read_result_file
from leaderboard.official_results import record_json
from leaderboard.results import DriveKey, DriveRecord, drive_status
from leaderboard.score import Metric

_NUMBER = re.compile(r"-?\d+(?:\.\d+)?(?:e-?\d+)?")
_TYPED = re.compile(r"type=[\w.]+")
_MESSAGE_ROUNDS_PCT = 0.005
"""The message of an excursion off the lanes gives its share to two digits; the official score knows it better."""

SCORER = '''
"""Runs in the official interpreter: event logs on standard input, official route records on standard output."""
import json, sys
from types import SimpleNamespace
from leaderboard.utils.statistics_manager import PENALTY_NAME_DICT, StatisticsManager
from srunner.scenariomanager.traffic_events import TrafficEvent, TrafficEventType
kinds = {name: kind for kind, name in PENALTY_NAME_DICT.items()}
records = []
for log in json.load(sys.stdin):
    manager = StatisticsManager(log["scratch"], log["scratch"])
    manager.create_route_data(log["route_id"], 0)
    events = [
        TrafficEvent(kinds[name], 0, message, {"percentage": percentage})
        for name, message, percentage in log["events"] if name != "route_timeout"
    ]
    events.append(TrafficEvent(TrafficEventType.ROUTE_COMPLETION, 0, "", {"route_completed": log["completion_pct"]}))
    timed_out = any(name == "route_timeout" for name, _, _ in log["events"])
    manager._scenario = SimpleNamespace(
        timeout_node=SimpleNamespace(timeout=timed_out), get_criteria=lambda: [SimpleNamespace(events=events)]
    )
    manager._route_length = log["route_length_m"]
    manager.compute_route_statistics(0, log["duration_s"], log["duration_s"])
    records.append(manager._results.checkpoint.records[0].to_json())
json.dump(records, sys.stdout)
'''


def random_drives(count: int, seed: int = 0) -> list[DriveRecord]:
    """Drives with events of all twelve kinds, as criteria would note them: at most one ends the drive, at its end."""
    dice = random.Random(seed)
    passing = [kind for kind in InfractionKind if kind not in ENDS_ROUTE]
    ending = [kind for kind in InfractionKind if kind in ENDS_ROUTE]
    drives = []
    for number in range(count):
        events = []
        for kind in dice.choices(passing, k=dice.randrange(6)):
            if kind is not InfractionKind.OUTSIDE_LANES or all(event.kind is not kind for event in events):
                events.append(_random_event(kind, dice))
        completion_pct = dice.choice((100.0, round(dice.uniform(0.0, 99.99), 2)))
        if completion_pct < 100.0 and dice.random() < 0.8:
            events.append(_random_event(dice.choice(ending), dice))
        key = DriveKey(number, "clear-day", 0)
        length_m, duration_s = round(dice.uniform(50.0, 2000.0), 3), round(dice.uniform(1.0, 900.0), 3)
        status = drive_status(completion_pct, events)
        drives.append(DriveRecord(key, status, completion_pct, tuple(events), length_m, duration_s))
    return drives


def _random_event(kind: InfractionKind, dice: random.Random) -> Infraction:
    percentage = None
    message = f"{kind.value} at (x={dice.uniform(-200.0, 200.0):.3f}, y=0.0, z=0.0)"
    if kind is InfractionKind.OUTSIDE_LANES:
        percentage = dice.uniform(0.0, 100.0)
        message = f"for about {dice.uniform(0.1, 90.0):.3f} meters ({round(percentage, 2)}% of the completed route)"
    elif kind is InfractionKind.MIN_SPEED:
        percentage = round(dice.uniform(0.0, 99.99), 2)
        message = f"Average speed is {percentage}% of the surrounding traffic's one"
    elif kind is InfractionKind.ROUTE_TIMEOUT:
        message = "Route timeout."
    return Infraction(kind, 0, 0.0, (0.0, 0.0, 0.0), message, percentage)


def compare_random_logs(python: str, environment: Mapping[str, str], folder: Path, count: int) -> list[str]:
    """Score random event logs by both codes and print the result; returns how the records differ.

    Args:
        python: interpreter in which the official packages run.
        environment: finds them.
        folder: for what the official code writes.
        count: how many drives.
    """
    drives = random_drives(count)
    logs = [
        {
            "scratch": str(folder / "scratch.json"),
            "route_id": f"RouteScenario_{drive.key.route_id}_rep0",
            "events": [(event.kind.value, event.message, event.percentage) for event in drive.infractions],
            "completion_pct": drive.route_completion_pct,
            "route_length_m": drive.route_length_m,
            "duration_s": drive.duration_s,
        }
        for drive in drives
    ]
    scorer = folder / "scorer.py"  # in a folder of its own, so that `leaderboard` is not the package beside us
    scorer.write_text(SCORER, encoding="utf-8")
    done = subprocess.run(
        [python, str(scorer)],
        input=json.dumps(logs),
        capture_output=True,
        text=True,
        env=dict(environment),
        check=False,
    )
    if done.returncode:
        raise SystemExit(f"the official StatisticsManager could not be used: {done.stderr[-2000:]}")
    problems = []
    for drive, theirs in zip(drives, json.loads(done.stdout), strict=True):
        ours = record_json(drive, 0, Metric.V2_0, drive.duration_s)
        same_digits = all(f"{ours['scores'][k]:.6f}" == f"{theirs['scores'][k]:.6f}" for k in theirs["scores"])
        if not same_digits or {**ours, "scores": 0} != {**theirs, "scores": 0}:
            problems.append(f"drive {drive.key.route_id}: ours {ours}, theirs {theirs}")
    print(
        f"random event logs: {count - len(problems)} of {count} records equal in every key, scores to six digits "
        "(StatisticsManager against leaderboard.official_results)"
    )
    return problems[:3]


def compare_scores(results: Path) -> list[str]:
    """Score the drives of an official result file anew, print each, and return where the scores differ."""
    given = json.loads(results.read_text(encoding="utf-8"))["_checkpoint"]["records"]
    problems = []
    for drive, row in zip(read_result_file(results).records.values(), given, strict=True):
        ours, theirs = record_json(drive, row["index"])["scores"], row["scores"]
        rounded = any(event.kind is InfractionKind.OUTSIDE_LANES for event in drive.infractions)
        allowed = 1.01 * _MESSAGE_ROUNDS_PCT if rounded else 0.5e-6
        equal = all(abs(ours[name] - theirs[name]) <= allowed for name in theirs)
        note = ", equal within the message's two digits of the way off the lanes" if rounded else ""
        print(
            f"    {row['route_id']} from its {row['num_infractions']} events: {_six(ours)}, the file: {_six(theirs)}"
            f"{note if equal else ': DIFFERENT'}"
        )
        if not equal:
            problems.append(f"{row['route_id']}: ours {ours}, the file {theirs}")
    return problems


def _six(scores: Mapping[str, float]) -> str:
    return " ".join(f"{scores[name]:.6f}" for name in ("score_composed", "score_route", "score_penalty"))


def compare_formats(theirs: Path, ours: Path) -> list[str]:
    """Compare the shape of two result files of the same routes; print the count of keys, return the differences."""
    official = dict(_shape(json.loads(theirs.read_text(encoding="utf-8"))))
    own = dict(_shape(json.loads(ours.read_text(encoding="utf-8"))))
    differ = sorted(key for key in {*official, *own} if official.get(key) != own.get(key))
    problems = [f"{key}: official {official.get(key)}, ours {own.get(key)}" for key in differ]
    sentences = _sentences(theirs), _sentences(ours)
    for kind in sorted(set(sentences[0]) & set(sentences[1])):
        if sentences[0][kind].isdisjoint(sentences[1][kind]):
            problems.append(f"sentences of {kind}: official {sentences[0][kind]}, ours {sentences[1][kind]}")
    shared = ", ".join(sorted(set(sentences[0]) & set(sentences[1]))) or "no kind"
    verdict = "DIFFERENT" if problems else "equal"
    print(f"    formats: {len(official)} keys with their types and order, and the sentences of {shared}: {verdict}")
    return problems


def _shape(value: Any, path: str = "") -> Iterator[tuple[str, str]]:
    """Every key with the type of its value; numbers are one type, texts in lists count once."""
    if isinstance(value, dict):
        yield path, f"object of {', '.join(value)}"
        for key, inner in value.items():
            yield from _shape(inner, f"{path}/{key}")
    elif isinstance(value, list) and any(isinstance(inner, dict) for inner in value):
        yield path, "list"
        for number, inner in enumerate(value):
            yield from _shape(inner, f"{path}/{number}")
    else:
        yield (
            path,
            "number" if isinstance(value, int | float) and not isinstance(value, bool) else type(value).__name__,
        )


def _sentences(path: Path) -> dict[str, set[str]]:
    """The messages of each kind of infraction with their numbers and type names taken out."""
    found: dict[str, set[str]] = {}
    for record in json.loads(path.read_text(encoding="utf-8"))["_checkpoint"]["records"]:
        for kind, messages in record["infractions"].items():
            for message in messages:
                found.setdefault(kind, set()).add(_NUMBER.sub("#", _TYPED.sub("type=#", message)))
    return found
