"""One progress line with ETA for jobs that count steps."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn


@contextmanager
def steps_bar(title: str, total: int) -> Iterator[Callable[..., None]]:
    """Show a bar while the block runs.

    Args:
        title: what is being done.
        total: number of steps.

    Yields:
        A function of (steps done, short note) and, where it is known only now, the number of steps.
    """
    columns = (
        TextColumn(title),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[note]}"),
        TimeElapsedColumn(),
        TextColumn("left"),
        TimeRemainingColumn(),
    )
    with Progress(*columns) as progress:
        task = progress.add_task(title, total=total, note="")

        def show(done: int, note: str, of: int | None = None) -> None:
            progress.update(task, completed=done, note=note, total=of)

        yield show
