"""One call of a synthesizer in the loop: inline or in a thread, its result checked."""

from __future__ import annotations

import time
from concurrent.futures import Future, ThreadPoolExecutor
from concurrent.futures import TimeoutError as FutureTimeoutError
from dataclasses import dataclass

import numpy as np

from augment.conditions import Condition
from augment.synthesizers.base import FrameBatch, Synthesizer


class SynthesisFailed(RuntimeError):
    """A synthesizer raised or returned no picture; the simulator is as it was after its last tick."""


@dataclass(frozen=True)
class Job:
    """Frames to synthesize together.

    Attributes:
        lanes: where each frame comes from.
        episodes, steps: of each lane when the frame was taken.
        frames, targets, seeds: the synthesizer's arguments.
    """

    lanes: tuple[int, ...]
    episodes: tuple[int, ...]
    steps: tuple[int, ...]
    frames: FrameBatch
    targets: tuple[Condition, ...]
    seeds: tuple[int, ...]

    def run(self, synthesizer: Synthesizer) -> tuple[np.ndarray, float]:
        """The variants, and how many milliseconds they took.

        Raises:
            SynthesisFailed: with the synthesizer's reason.
        """
        began_s = time.perf_counter()
        try:
            made = synthesizer(self.frames, list(self.targets), np.array(self.seeds, np.uint64))
            _check(made, self.frames)
        except Exception as error:
            what = f"{self.frames.frame_keys[0]} for {self.targets[0].name}"
            more = f" and {len(self.frames) - 1} others" if len(self.frames) > 1 else ""
            raise SynthesisFailed(
                f"{synthesizer.name} failed on frame {what}{more}: {type(error).__name__}: {error}; the simulator is "
                "unharmed, so reset() begins a new episode; on_error='source' or 'warp-last' goes on instead"
            ) from error
        return made, 1e3 * (time.perf_counter() - began_s)


class Worker:
    """One thread that runs one job at a time.

    Args:
        synthesizer: called from this thread only while it works.
    """

    def __init__(self, synthesizer: Synthesizer) -> None:
        self._synthesizer = synthesizer
        self._thread: ThreadPoolExecutor | None = None
        self._under_way: tuple[Job, Future[tuple[np.ndarray, float]]] | None = None

    @property
    def job(self) -> Job | None:
        """The job whose result nobody has taken yet."""
        return None if self._under_way is None else self._under_way[0]

    def start(self, job: Job) -> None:
        """Begin a job; the last one's result must have been taken."""
        if self._under_way is not None:
            raise RuntimeError("the last job's result has not been taken")
        if self._thread is None:
            self._thread = ThreadPoolExecutor(1, thread_name_prefix="synthesis")
        self._under_way = (job, self._thread.submit(job.run, self._synthesizer))

    def take(self, timeout_s: float | None) -> tuple[Job, np.ndarray, float] | None:
        """The finished job, its variants and their milliseconds; None if it is not ready in time.

        Args:
            timeout_s: how long to wait; None waits until it is ready.

        Raises:
            SynthesisFailed: it failed; the next job may begin.
        """
        if self._under_way is None:
            raise RuntimeError("no job is under way")
        job, future = self._under_way
        try:
            made, took_ms = future.result(timeout_s)
        except FutureTimeoutError:
            if not future.done():
                return None
            made, took_ms = future.result()
        except SynthesisFailed:
            self._under_way = None
            raise
        self._under_way = None
        return job, made, took_ms

    def close(self) -> None:
        """Wait for the job under way and end the thread."""
        if self._thread is not None:
            self._thread.shutdown(wait=True)
            self._thread = None
        self._under_way = None


def _check(made: object, frames: FrameBatch) -> None:
    if not isinstance(made, np.ndarray):
        raise ValueError(f"returned {type(made).__name__}, expected an array")
    if np.issubdtype(made.dtype, np.floating) and not np.isfinite(made).all():
        raise ValueError(f"returned {int((~np.isfinite(made)).sum())} numbers that are NaN or infinite")
    if made.shape != frames.rgb.shape or made.dtype != np.uint8:
        raise ValueError(f"returned {made.shape} {made.dtype}, expected {frames.rgb.shape} uint8")
