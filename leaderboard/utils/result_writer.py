"""`ResultOutputProvider`: the outcome of one drive as a table on the terminal."""

from __future__ import annotations

from typing import Any

from rich.console import Console
from rich.table import Table

from leaderboard.official_results import INFRACTION_KEYS


class ResultOutputProvider:
    """Prints a record when made.

    Args:
        data: an entry of `records` in a result file.
    """

    def __init__(self, data: dict[str, Any]) -> None:
        self._data = data
        self.create_output_text()

    def create_output_text(self) -> None:
        """Print the table."""
        data = self._data
        table = Table(
            "criterion", "result", "value", title=f"{data['route_id']}: {data['status']}", title_justify="left"
        )
        scores = data["scores"]
        table.add_row("route completion", "", f"{scores['score_route']:.2f} %")
        for key in INFRACTION_KEYS:
            count = len(data["infractions"].get(key, []))
            table.add_row(key, "[red]failure[/]" if count else "[green]success[/]", str(count))
        table.add_row("infraction penalty", "", f"{scores['score_penalty']:.3f}")
        table.add_row("driving score", "", f"{scores['score_composed']:.2f}")
        Console().print(table)
