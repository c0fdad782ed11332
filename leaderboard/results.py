"""Results of an evaluation: one JSON file, written whole after every drive, resumed at the drive, never half a score.

A headline score exists only when every planned drive has a record. A drive during which the simulator died is noted
under `crashes` and stays planned: it is an outcome, not a score of zero. A dying simulator can take the evaluating
process with it (CARLA's Traffic Manager aborts), so the drive under way is in the file, and who finds it there when
resuming notes the crash.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from leaderboard.infractions import Infraction, InfractionKind
from leaderboard.score import Metric, RouteScore, Summary, infractions_per_km, is_success, score_route, summarise

FORMAT = "syndiff-results"
VERSION = 1
EXIT_PARTIAL = 3
"""Exit status of a command whose run has no headline score."""


class ResultsError(ValueError):
    """A result file cannot be used; the message says why and what to do."""


class PartialRun(Exception):
    """Planned drives have no record, so there is no headline score; the message names some of them."""


@dataclass(frozen=True, order=True)
class DriveKey:
    """One planned drive."""

    route_id: int
    condition: str
    repetition: int

    def __str__(self) -> str:
        return f"{self.route_id}/{self.condition}/{self.repetition}"

    @classmethod
    def parse(cls, text: str) -> DriveKey:
        """The inverse of `str`."""
        route, condition, repetition = text.split("/")
        return cls(int(route), condition, int(repetition))


@dataclass(frozen=True)
class DriveRecord:
    """What happened on one drive.

    Attributes:
        key: which drive.
        status: `Perfect`, `Completed` or `Failed - <reason>`, as in leaderboard files.
        route_completion_pct: 0..100.
        infractions: in order of time.
        route_length_m: planned length.
        duration_s: simulation time.
        pictures: what became of the driver's pictures if they were augmented: frames, counts per outcome, misses.
        skipped_scenarios: what of the route file did not happen, and why.
        failure: what the driver did that ended the drive, if it could not go on; else empty.
    """

    key: DriveKey
    status: str
    route_completion_pct: float
    infractions: tuple[Infraction, ...]
    route_length_m: float
    duration_s: float
    pictures: dict[str, int] | None = None
    skipped_scenarios: tuple[str, ...] = ()
    failure: str = ""

    def score(self, metric: Metric) -> RouteScore:
        """The drive's three numbers."""
        return score_route(self.route_completion_pct, self.infractions, metric)

    @property
    def success(self) -> bool:
        """Whether it reached the end cleanly."""
        return is_success(self.route_completion_pct, self.infractions)


_REASONS = {
    InfractionKind.ROUTE_TIMEOUT: "Failed - Agent timed out",
    InfractionKind.ROUTE_DEVIATION: "Failed - Agent deviated from the route",
    InfractionKind.BLOCKED: "Failed - Agent got blocked",
}


def drive_status(route_completion_pct: float, infractions: Iterable[Infraction]) -> str:
    """The status word of a leaderboard record."""
    kinds = [infraction.kind for infraction in infractions]
    if route_completion_pct >= 100.0:
        return "Completed" if kinds else "Perfect"
    return next((_REASONS[kind] for kind in kinds if kind in _REASONS), "Failed")


class Results:
    """The records of one evaluation and the file that holds them.

    Args:
        path: the JSON file.
        identity: configuration, seeds, hashes of route file and policy, versions; a file of another identity is
            never continued.
        planned: every drive of the evaluation.
        resume: go on with the file; False only looks at it, perhaps while another process goes on.

    Raises:
        ResultsError: the file exists and belongs to another evaluation, or is not readable.
    """

    def __init__(
        self, path: Path, identity: dict[str, Any], planned: Sequence[DriveKey], *, resume: bool = True
    ) -> None:
        self.path = path
        self.identity: dict[str, Any] = json.loads(json.dumps(identity))
        self.planned = tuple(planned)
        self.records: dict[DriveKey, DriveRecord] = {}
        self.crashes: list[dict[str, str]] = []
        self.simulator: dict[str, Any] | None = None
        self.under_way: DriveKey | None = None
        if path.exists():
            self._load()
            if resume and self.under_way is not None:
                self.add_crash(self.under_way, "the evaluation ended without a word during this drive")

    @classmethod
    def read(cls, path: Path) -> Results:
        """Open a result file to look at it.

        Raises:
            ResultsError: the file is missing or not of this format.
        """
        content = _read(path)
        return cls(path, content["identity"], [DriveKey.parse(text) for text in content["planned"]], resume=False)

    def missing(self) -> list[DriveKey]:
        """Planned drives without a record, in order."""
        return [key for key in self.planned if key not in self.records]

    def name_simulator(self, simulator: dict[str, Any]) -> None:
        """Note which simulator, version and map the drives are driven in.

        Raises:
            ResultsError: the records of the file come from another one; scores of two simulators do not mix.
        """
        told = json.loads(json.dumps(simulator))
        if self.simulator is not None and self.records and self.simulator != told:
            differs = sorted(n for n in {*told, *self.simulator} if told.get(n) != self.simulator.get(n))
            raise ResultsError(
                f"the records of {self.path} were driven in another simulator (different: {', '.join(differs)}: "
                f"{[self.simulator.get(n) for n in differs]} and {[told.get(n) for n in differs]}); "
                "choose another file"
            )
        self.simulator = told

    def begin(self, key: DriveKey) -> None:
        """Note that a drive begins, and write the file."""
        self.under_way = key
        self.save()

    def give_up(self) -> None:
        """Note that nobody drives any more, because the user stopped the evaluation, and write the file."""
        self.under_way = None
        self.save()

    def add(self, record: DriveRecord) -> None:
        """Keep a record and write the file.

        Raises:
            ValueError: the drive was not planned or has a record already.
        """
        if record.key not in self.planned or record.key in self.records:
            raise ValueError(f"drive {record.key} was not planned, or has a record already")
        self.records[record.key] = record
        self.under_way = None
        self.save()

    def add_crash(self, key: DriveKey, reason: str) -> None:
        """Note that the simulator died during a drive, and write the file; the drive stays planned."""
        self.crashes.append({"drive": str(key), "reason": reason[:1000]})
        self.under_way = None
        self.save()

    def summary(self, metric: Metric = Metric.V2_0) -> Summary:
        """The headline.

        Raises:
            PartialRun: a planned drive has no record.
        """
        self._require_complete()
        records = [self.records[key] for key in self.planned]
        return _summary(records, metric)

    def by_condition(self, metric: Metric = Metric.V2_0) -> dict[str, Summary]:
        """One summary per condition, in the order they were planned.

        Raises:
            PartialRun: a planned drive has no record.
        """
        self._require_complete()
        conditions = list(dict.fromkeys(key.condition for key in self.planned))
        groups = {c: [self.records[k] for k in self.planned if k.condition == c] for c in conditions}
        return {condition: _summary(records, metric) for condition, records in groups.items()}

    def rates_per_km(self) -> dict[InfractionKind, float]:
        """Infractions per kilometre driven.

        Raises:
            PartialRun: a planned drive has no record.
        """
        self._require_complete()
        records = [self.records[key] for key in self.planned]
        events = [infraction for record in records for infraction in record.infractions]
        lengths_m = [record.route_length_m for record in records]
        return infractions_per_km(events, lengths_m, [record.route_completion_pct for record in records])

    def save(self) -> None:
        """Write the file beside itself and rename it, so that it is whole at every moment."""
        content: dict[str, Any] = {
            "format": FORMAT,
            "version": VERSION,
            "identity": self.identity,
            "simulator": self.simulator,
            "planned": [str(key) for key in self.planned],
            "records": [record_to_json(self.records[key]) for key in self.planned if key in self.records],
            "crashes": self.crashes,
            "under_way": None if self.under_way is None else str(self.under_way),
            "complete": not self.missing(),
        }
        if not self.missing():
            content["summary"] = {m.value: asdict(self.summary(m)) for m in Metric}
            content["infractions_per_km"] = {kind.value: rate for kind, rate in self.rates_per_km().items()}
        self.path.parent.mkdir(parents=True, exist_ok=True)
        temporary = self.path.with_name(self.path.name + ".new")
        temporary.write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")
        os.replace(temporary, self.path)

    def _require_complete(self) -> None:
        missing = self.missing()
        if missing:
            names = ", ".join(str(key) for key in missing[:5])
            raise PartialRun(
                f"{len(missing)} of {len(self.planned)} planned drives have no record, the first of them {names}; "
                "run the same evaluation again to drive them"
            )

    def _load(self) -> None:
        content = _read(self.path)
        if content["identity"] != self.identity or content["planned"] != [str(key) for key in self.planned]:
            differs = sorted(
                name
                for name in {*self.identity, *content["identity"]}
                if self.identity.get(name) != content["identity"].get(name)
            )
            raise ResultsError(
                f"{self.path} belongs to another evaluation (different: {', '.join(differs) or 'planned drives'}); "
                "choose another file or delete it"
            )
        records = [record_from_json(record) for record in content["records"]]
        self.records = {record.key: record for record in records}
        if len(self.records) != len(records) or not set(self.records) <= set(self.planned):
            raise ResultsError(f"{self.path} holds a drive twice, or one that was not planned; delete it")
        self.crashes = list(content["crashes"])
        self.simulator = content.get("simulator")
        self.under_way = DriveKey.parse(content["under_way"]) if content["under_way"] else None


def _summary(records: Sequence[DriveRecord], metric: Metric) -> Summary:
    return summarise([record.score(metric) for record in records], [record.success for record in records])


def _read(path: Path) -> dict[str, Any]:
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise ResultsError(f"result file {path} cannot be read: {error}") from error
    if not isinstance(content, dict) or content.get("format") != FORMAT or content.get("version") != VERSION:
        raise ResultsError(f"{path} is not a result file of format {FORMAT} {VERSION}")
    needed = {"identity", "planned", "records", "crashes", "under_way"}
    if not needed <= set(content):
        raise ResultsError(f"{path} lacks {sorted(needed - set(content))}")
    return content


def record_to_json(record: DriveRecord) -> dict[str, Any]:
    """A record as plain values, with the scores of every formula."""
    scores = {metric.value: asdict(record.score(metric)) for metric in Metric}
    content = asdict(record)
    if record.pictures is None:
        del content["pictures"]
    return {**content, "key": str(record.key), "success": record.success, "scores": scores}


def record_from_json(content: dict[str, Any]) -> DriveRecord:
    """The inverse of `record_to_json`.

    Raises:
        ResultsError: a value is missing or wrong.
    """
    try:
        infractions = tuple(_infraction_from_json(infraction) for infraction in content["infractions"])
        return DriveRecord(
            DriveKey.parse(content["key"]),
            str(content["status"]),
            float(content["route_completion_pct"]),
            infractions,
            float(content["route_length_m"]),
            float(content["duration_s"]),
            content.get("pictures"),
            tuple(str(reason) for reason in content.get("skipped_scenarios", ())),
            str(content.get("failure", "")),
        )
    except (KeyError, TypeError, ValueError) as error:
        raise ResultsError(f"a record of the result file cannot be read: {error}") from error


def _infraction_from_json(content: dict[str, Any]) -> Infraction:
    x, y, z = (float(v) for v in content["position_in_world_m"])
    kind, percentage = InfractionKind(content["kind"]), content["percentage"]
    where = (int(content["frame_id"]), float(content["elapsed_s"]), (x, y, z))
    return Infraction(kind, *where, str(content["message"]), None if percentage is None else float(percentage))
