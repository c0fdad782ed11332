"""`StatisticsManager` and `RouteRecord`: the result file as an object, for tools that merge and inspect files."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

from leaderboard.official_results import INFRACTION_KEYS, global_record_json, labels_and_values, result_json
from leaderboard.utils.checkpoint_tools import fetch_dict, save_dict

ENTRY_STATUS_VALUES = ("Started", "Finished", "Rejected", "Crashed", "Invalid")
ELIGIBLE_VALUES = {"Started": False, "Finished": True, "Rejected": False, "Crashed": False, "Invalid": False}


class RouteRecord:
    """One entry of `records`."""

    def __init__(self) -> None:
        self.index = -1
        self.route_id: str | None = None
        self.status = "Started"
        self.num_infractions = 0
        self.infractions: dict[str, list[str]] = {key: [] for key in INFRACTION_KEYS}
        self.scores = {"score_route": 0.0, "score_penalty": 0.0, "score_composed": 0.0}
        self.meta = {"route_length": 0.0, "duration_game": 0.0, "duration_system": 0.0}
        self.extra: dict[str, Any] = {}

    def to_json(self) -> dict[str, Any]:
        """The entry as plain values."""
        named = {key: value for key, value in vars(self).items() if key != "extra"}
        return {**named, **self.extra}


def to_route_record(record_dict: dict[str, Any]) -> RouteRecord:
    """The inverse of `RouteRecord.to_json`; keys that only Bench2Drive has are kept."""
    record = RouteRecord()
    for key, value in record_dict.items():
        if key in vars(record) and key != "extra":
            setattr(record, key, value)
        else:
            record.extra[key] = value
    return record


def compute_route_length(route: Sequence[tuple[Any, Any]]) -> float:
    """Length in metres of a route of (transform, option) pairs."""
    places = [transform.location for transform, _ in route]
    return float(sum(a.distance(b) for a, b in pairwise(places)))


class StatisticsManager:
    """Collects records and writes the file.

    Args:
        endpoint: the result file.
        debug_endpoint: kept for callers; live results are not written.
    """

    def __init__(self, endpoint: str | Path, debug_endpoint: str | Path | int = "") -> None:
        self._endpoint = Path(endpoint)
        self._debug_endpoint = debug_endpoint
        self._records: list[RouteRecord] = []
        self._total = 0
        self._entry_status = "Started"
        self._sensors: list[str] = []
        self._global: dict[str, Any] = {}

    @property
    def records(self) -> list[RouteRecord]:
        """The records in their order."""
        return self._records

    def add_file_records(self, endpoint: str | Path) -> None:
        """Append the records of another result file.

        Raises:
            ValueError: the file holds no records.
        """
        content = fetch_dict(endpoint)
        if not content:
            return
        try:
            rows = content["_checkpoint"]["records"]
        except (KeyError, TypeError) as error:
            raise ValueError(f"{endpoint} is not a result file of the Leaderboard: it has no _checkpoint") from error
        self._records += [to_route_record(row) for row in rows]

    def clear_records(self) -> None:
        """Forget all records."""
        self._records = []

    def sort_records(self) -> None:
        """Order by index, and number them anew from 0 if indices occur twice."""
        self._records.sort(key=lambda record: record.index)
        if len({record.index for record in self._records}) < len(self._records):
            for index, record in enumerate(self._records):
                record.index = index

    def save_sensors(self, sensors: Sequence[str]) -> None:
        """Words for the agent's sensors."""
        self._sensors = list(sensors)

    def save_entry_status(self, entry_status: str) -> None:
        """Status of the whole evaluation.

        Raises:
            ValueError: no such status.
        """
        if entry_status not in ENTRY_STATUS_VALUES:
            raise ValueError(f"entry status is {entry_status!r}, allowed {', '.join(ENTRY_STATUS_VALUES)}")
        self._entry_status = entry_status

    def save_progress(self, route_index: int, total_routes: int) -> None:
        """How many drives there are in all; those done are counted from the records."""
        self._total = total_routes

    def compute_global_statistics(self) -> None:
        """Means, deviations and rates over all drives."""
        rows = [record.to_json() for record in self._records]
        self._global = global_record_json(rows, max(self._total, len(rows), 1))

    def validate_and_write_statistics(self, sensors_initialized: bool, crashed: bool) -> None:
        """Settle the status of the evaluation and write the file."""
        complete = 0 < self._total == len(self._records)
        if crashed:
            self._entry_status = "Crashed"
        elif not sensors_initialized:
            self._entry_status = "Rejected"
        elif complete and all(record.status != "Started" for record in self._records):
            self._entry_status = "Finished"
        else:
            self._entry_status = "Invalid"
        self.write_statistics()

    def write_statistics(self) -> None:
        """Write the file whole; records in progress (index -1) are left out."""
        rows = [record.to_json() for record in self._records if record.index != -1]
        content = result_json(
            rows, self._total, entry_status=self._entry_status, sensors=self._sensors, finished=False
        )
        content["_checkpoint"]["global_record"] = self._global
        if self._global:
            content["labels"], content["values"] = labels_and_values(self._global)
        save_dict(self._endpoint, content)
