"""`RecordingDisplay`: one progress line with ETA for a recording."""

from __future__ import annotations

from typing import Self

from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

from carla_agents.data.recording import RecordingStatus


class RecordingDisplay:
    """Context manager whose instance is given to `record` as `on_frame`."""

    def __init__(self) -> None:
        self._progress = Progress(
            TextColumn("recording {task.fields[drive]}"),
            BarColumn(),
            TextColumn("{task.percentage:>3.0f} %"),
            TextColumn("{task.fields[frames]} frames"),
            TimeElapsedColumn(),
            TextColumn("left"),
            TimeRemainingColumn(),
        )
        self._task = self._progress.add_task("recording", total=None, drive="", frames=0)

    def __call__(self, status: RecordingStatus) -> None:
        """Show a status."""
        self._progress.update(
            self._task,
            total=status.drives,
            completed=status.drives_done + status.completion,
            drive=status.drive.route_id,
            frames=status.frames,
        )

    def __enter__(self) -> Self:
        self._progress.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._progress.stop()
