"""`OnlineAugmenter`: a synthesizer in the driving loop, with a rhythm, a budget and an account of every frame.

A *lane* is one stream of frames: an environment, or a camera. All lanes share the synthesizer and its batch. In each
call every lane given takes one step:

    its condition and seed are derived from the episode's seed, never from the order of work
    is a variant due?  (first frame, another condition, every k-th step)
    due frames are synthesized together: inline; or in a thread within the budget; or, overlapped, they are begun now
        and what was begun before is taken
    what is shown is decided for each frame, and said in its account
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from augment.conditions import Condition
from augment.online.account import FrameAccount, Outcome, Shown, Totals
from augment.online.config import OnlineConfig
from augment.online.keyframe import Keyframe
from augment.online.schedule import Schedule
from augment.online.synthesis import Job, SynthesisFailed, Worker
from augment.online.view_warp import View, ViewWarp
from augment.seeds import derive_seed
from augment.synthesizers.base import FrameBatch, Synthesizer
from carla_agents.policies.base import CameraSpec


@dataclass
class _Lane:
    seed: int = 0
    episode: int = 0
    step: int = -1
    began_s: float = 0.0
    keyframe: Keyframe | None = None
    totals: Totals = field(default_factory=Totals)


@dataclass(frozen=True)
class _Wanted:
    """What one frame of a call should become."""

    lane: int
    target: Condition
    seed: int
    due: bool
    unchanged: bool


@dataclass(frozen=True)
class _Choice:
    """What is shown of one frame."""

    outcome: Outcome
    seed: int
    shown: Shown = Shown.SOURCE
    age_ticks: int = 0
    warped_share: float = 0.0


class OnlineAugmenter:
    """Variants for frames as they come.

    Args:
        synthesizer: makes the variants. With a budget other than `wait`, or overlapped, it is called from another
            thread, though never from two at a time.
        schedule: which condition an episode shows.
        config: rhythm, budget and fallbacks.
        lanes: streams of frames, each with an episode of its own.
    """

    def __init__(
        self, synthesizer: Synthesizer, schedule: Schedule, config: OnlineConfig | None = None, lanes: int = 1
    ) -> None:
        if lanes < 1:
            raise ValueError(f"lanes is {lanes}; expected at least 1")
        self.config = config if config is not None else OnlineConfig()
        self.schedule = schedule
        self._synthesizer = synthesizer
        self._lanes = [_Lane() for _ in range(lanes)]
        self._worker = Worker(synthesizer)
        self._warp: ViewWarp | None = None
        self._fallback_s = 0.0
        self._failed_lanes: set[int] = set()
        self._reason = ""

    @property
    def provenance(self) -> dict[str, Any]:
        """Who makes the variants, of what."""
        return {"synthesizer": self._synthesizer.name, "made_with": self._synthesizer.provenance}

    def reset(self, seed: int, lane: int = 0) -> Condition:
        """Begin an episode in a lane; what another episode has seen is forgotten, what was counted stays.

        Returns:
            The condition of its first frame.
        """
        before = self._lanes[lane]
        self._lanes[lane] = _Lane(seed=seed, episode=before.episode + 1, totals=before.totals)
        return self.schedule.at(seed, 0, 0.0)

    def totals(self, lane: int | None = None) -> Totals:
        """Counts of one lane, or of all, over every episode so far."""
        if lane is not None:
            return self._lanes[lane].totals
        return Totals.sum_of(one.totals for one in self._lanes)

    def close(self) -> None:
        """Wait for a variant that is being made, and end the thread."""
        self._worker.close()

    def __call__(
        self,
        frames: FrameBatch,
        lanes: Sequence[int] | None = None,
        elapsed_s: Sequence[float] | None = None,
    ) -> tuple[np.ndarray, list[FrameAccount]]:
        """The next frame of each lane.

        Args:
            frames: at most one frame a lane; the arrays belong to the augmenter from now on.
            lanes: which lane each frame is of; None takes lanes 0, 1, 2...
            elapsed_s: simulated time of each frame; None counts 0.05 s a step.

        Returns:
            (N, H, W, 3) uint8 what is to be shown, newly allocated, and N accounts.

        Raises:
            SynthesisFailed: the synthesizer failed and `on_error` is `raise`. The step has been taken.
            ValueError: frames lack what warping needs, or lanes do not fit.
        """
        began_s = time.perf_counter()
        numbers = tuple(range(len(frames))) if lanes is None else tuple(int(lane) for lane in lanes)
        self._check(frames, numbers)
        wanted = [self._step(frames, i, lane, elapsed_s) for i, lane in enumerate(numbers)]
        self._failed_lanes, self._reason = set(), ""
        missed = self._synthesize(frames, wanted, [i for i, want in enumerate(wanted) if want.due], began_s)
        shown = np.empty_like(frames.rgb)
        choices = []
        show_s = time.perf_counter()
        for i, want in enumerate(wanted):
            shown[i], choice = self._show(frames, i, want, i in missed)
            choices.append(choice)
        if missed:
            self._fallback_s = time.perf_counter() - show_s
        latency_ms = 1e3 * (time.perf_counter() - began_s)
        return shown, [self._account(*pair, latency_ms) for pair in zip(wanted, choices, strict=True)]

    def _check(self, frames: FrameBatch, lanes: tuple[int, ...]) -> None:
        if len(lanes) != len(frames) or len(set(lanes)) != len(lanes):
            raise ValueError(f"{len(frames)} frames need as many different lanes, got {lanes}")
        if lanes and not 0 <= min(lanes) <= max(lanes) < len(self._lanes):
            raise ValueError(f"lanes is {lanes}; this augmenter has lanes 0 to {len(self._lanes) - 1}")
        if not self.config.warps:
            return
        lacks = [name for name in ("depth_m", "ego_to_world", "camera") if getattr(frames, name) is None]
        if lacks:
            raise ValueError(
                f"frames lack {', '.join(lacks)}: warping a variant to another view (every={self.config.every}, "
                f"on_miss={self.config.on_miss!r}, overlap={self.config.overlap!r}) needs depth and motion"
            )
        if self._warp is None or self._warp.camera != frames.camera:
            self._warp = ViewWarp(frames.camera if frames.camera is not None else CameraSpec())

    def _step(self, frames: FrameBatch, i: int, number: int, elapsed_s: Sequence[float] | None) -> _Wanted:
        lane = self._lanes[number]
        lane.step += 1
        now_s = 0.05 * lane.step if elapsed_s is None else float(elapsed_s[i])
        if lane.step == 0:
            lane.began_s = now_s
        target = self.schedule.at(lane.seed, lane.step, now_s - lane.began_s)
        names: tuple[str | int, ...] = (lane.seed, target.name)
        if self.config.seed_per == "frame":
            names = (lane.seed, frames.frame_keys[i], target.name)
        unchanged = target == frames.sources[i]
        due = not unchanged and (not self._usable(lane, target) or lane.step % self.config.every == 0)
        return _Wanted(number, target, derive_seed(*names), due, unchanged)

    @staticmethod
    def _usable(lane: _Lane, target: Condition) -> bool:
        return lane.keyframe is not None and lane.keyframe.condition == target

    def _synthesize(self, frames: FrameBatch, wanted: list[_Wanted], due: list[int], began_s: float) -> set[int]:
        """Bring the keyframes up to date; returns the frames whose variant is not there in time."""
        worker, lanes = self._worker, self._lanes
        until_s: float | None = None
        if self.config.on_miss != "wait" and self.config.budget_ms is not None:
            # Falling back takes time too; it comes out of the same budget.
            until_s = began_s + self.config.budget_ms / 1e3 - self._fallback_s
        if self.config.overlap == "off":
            if until_s is None:
                if due:
                    self._finish(self._job(frames, wanted, due))
                return set()
            # A late variant is taken as soon as it is there: it is the newest to warp from.
            if worker.job is not None and not self._take(0.0):
                return set(due)
            if due:
                worker.start(self._job(frames, wanted, due))
            return set() if not due or self._take(_left_s(until_s)) else set(due)
        if not due or (worker.job is not None and not self._take(_left_s(until_s))):
            return set(due)
        first = [i for i in due if not self._usable(lanes[wanted[i].lane], wanted[i].target)]
        if first:
            worker.start(self._job(frames, wanted, first))
            if not self._take(_left_s(until_s)):
                return set(due)
        others = [i for i in due if i not in first]
        if others:
            worker.start(self._job(frames, wanted, others))
        return set()

    def _job(self, frames: FrameBatch, wanted: list[_Wanted], chosen: list[int]) -> Job:
        wants = [wanted[i] for i in chosen]
        lanes = [self._lanes[want.lane] for want in wants]
        return Job(
            tuple(want.lane for want in wants),
            tuple(lane.episode for lane in lanes),
            tuple(lane.step for lane in lanes),
            frames.select(chosen),
            tuple(want.target for want in wants),
            tuple(want.seed for want in wants),
        )

    def _finish(self, job: Job) -> None:
        """Run a job inline and keep what it made."""
        try:
            made, took_ms = job.run(self._synthesizer)
        except SynthesisFailed as error:
            self._note(job, error)
        else:
            self._keep(job, made, took_ms)

    def _take(self, timeout_s: float | None) -> bool:
        """Keep what the worker made; False if it is still at work."""
        job = self._worker.job
        try:
            done = self._worker.take(timeout_s)
        except SynthesisFailed as error:
            assert job is not None  # noqa: S101 - it has just failed
            self._note(job, error)
            return True
        if done is None:
            return False
        self._keep(*done)
        return True

    def _note(self, job: Job, error: SynthesisFailed) -> None:
        if self.config.on_error == "raise":
            raise error
        self._failed_lanes |= {
            number
            for number, episode in zip(job.lanes, job.episodes, strict=True)
            if self._lanes[number].episode == episode
        }
        self._reason = str(error.__cause__)

    def _keep(self, job: Job, made: np.ndarray, took_ms: float) -> None:
        for i, (number, episode) in enumerate(zip(job.lanes, job.episodes, strict=True)):
            lane = self._lanes[number]
            if lane.episode == episode:
                view = _view(job.frames, i)
                lane.keyframe = Keyframe(made[i], job.targets[i], job.seeds[i], job.steps[i], took_ms, view)

    def _show(self, frames: FrameBatch, i: int, want: _Wanted, missed: bool) -> tuple[np.ndarray, _Choice]:
        lane, config = self._lanes[want.lane], self.config
        if want.unchanged:
            return frames.rgb[i], _Choice(Outcome.UNCHANGED, want.seed)
        key = lane.keyframe if self._usable(lane, want.target) else None
        if key is not None and key.step == lane.step:
            return key.variant, _Choice(Outcome.FRESH, key.seed, Shown.VARIANT, 0, 1.0)
        fallback: str = "warp-last"
        if want.lane in self._failed_lanes:
            outcome, fallback = Outcome.FAILED, config.on_error
        elif missed or key is None:
            outcome, fallback = Outcome.MISSED, config.on_miss
        elif config.overlap == "one-tick-old":
            return key.variant, _Choice(Outcome.DELAYED, key.seed, Shown.VARIANT, lane.step - key.step, 1.0)
        else:
            outcome = Outcome.WARPED
        if fallback != "warp-last" or key is None:
            return frames.rgb[i], _Choice(outcome, want.seed)
        view = _view(frames, i)
        assert view is not None and self._warp is not None  # noqa: S101, PT018 - `_check` has looked
        picture, share = key.seen_from(view, self._warp)
        return picture, _Choice(outcome, key.seed, Shown.WARP, lane.step - key.step, share)

    def _account(self, want: _Wanted, choice: _Choice, latency_ms: float) -> FrameAccount:
        budget_ms = self.config.budget_ms
        late = budget_ms is not None and latency_ms > budget_ms
        totals = self._lanes[want.lane].totals
        totals.add(choice.outcome, choice.shown, late)
        return FrameAccount(
            condition=want.target.name,
            synthesizer=self._synthesizer.name,
            seed=choice.seed,
            outcome=choice.outcome,
            shown=choice.shown,
            late=late,
            age_ticks=choice.age_ticks,
            warped_share=choice.warped_share,
            latency_ms=latency_ms,
            misses=totals.misses,
            failures=totals.outcomes[Outcome.FAILED],
            reason=self._reason if want.lane in self._failed_lanes else "",
        )


def _left_s(until_s: float | None) -> float | None:
    return None if until_s is None else max(0.0, until_s - time.perf_counter())


def _view(frames: FrameBatch, i: int) -> View | None:
    if frames.depth_m is None or frames.ego_to_world is None or frames.camera is None:
        return None
    return View.of(frames.rgb[i], frames.seg[i], frames.depth_m[i], frames.ego_to_world[i])
