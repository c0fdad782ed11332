"""`RouteIndexer`: which drive is next, and where a stopped evaluation goes on."""

from __future__ import annotations

import copy
from pathlib import Path

from leaderboard.utils.checkpoint_tools import fetch_dict
from leaderboard.utils.route_parser import RouteParser, RouteScenarioConfiguration


class ResumeError(ValueError):
    """A result file cannot be continued; the message says why."""


class RouteIndexer:
    """Routes x repetitions in order.

    Args:
        routes_file: XML of 2.x or 1.0.
        repetitions: how often each route is driven.
        routes_subset: e.g. `0-4,7`; empty takes all.
        scenarios_file: the scenario file of 1.0.

    Attributes:
        index: the next drive.
        total: how many there are.
    """

    def __init__(
        self,
        routes_file: str | Path,
        repetitions: int,
        routes_subset: str = "",
        scenarios_file: str | Path | None = None,
    ) -> None:
        if repetitions < 1:
            raise ValueError(f"repetitions must be at least 1, got {repetitions}")
        self._configs: list[RouteScenarioConfiguration] = []
        for config in RouteParser.parse_routes_file(routes_file, routes_subset, scenarios_file):
            for repetition in range(repetitions):
                drive = copy.copy(config)
                drive.index, drive.repetition_index = len(self._configs), repetition
                self._configs.append(drive)
        self.index = 0
        self.total = len(self._configs)

    def peek(self) -> bool:
        """Whether there is a next drive."""
        return self.index < self.total

    def get_next_config(self) -> RouteScenarioConfiguration | None:
        """The next drive, or None."""
        if not self.peek():
            return None
        config = self._configs[self.index]
        self.index += 1
        return config

    def route_ids(self) -> list[str]:
        """`RouteScenario_<id>_rep<k>` of every drive."""
        return [f"{config.name}_rep{config.repetition_index}" for config in self._configs]

    def validate_and_resume(self, endpoint: str | Path) -> bool:
        """Go on where a result file ends; a drive during which the simulator crashed is driven again.

        Returns:
            Whether there is something to go on with.

        Raises:
            ResumeError: the file belongs to another evaluation.
        """
        content = fetch_dict(endpoint)
        if not content:
            return False
        try:
            total = content["_checkpoint"]["progress"][1]
            records = content["_checkpoint"]["records"]
            status = content["entry_status"]
            names = [record["route_id"] for record in records]
        except (KeyError, IndexError, TypeError):
            raise ResumeError(
                f"{endpoint} is not a result file of the Leaderboard; choose another or delete it"
            ) from None
        if status in ("", "Invalid"):
            return False
        if total != self.total:
            raise ResumeError(f"{endpoint} is of an evaluation of {total} drives, this one has {self.total}")
        known = self.route_ids()
        if len(names) > len(known):
            raise ResumeError(f"{endpoint} holds {len(names)} records, this evaluation has {len(known)} drives")
        for name, expected in zip(names, known, strict=False):
            if name != expected:
                raise ResumeError(
                    f"{endpoint} holds {name} where this evaluation drives {expected}; "
                    "it is of other routes or another order"
                )
        done = len(records)
        if status == "Crashed" and done and records[-1]["status"] == "Failed - Simulation crashed":
            done -= 1
        self.index = done
        return True
