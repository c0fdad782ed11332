"""The offline job for clips: cut recorded drives into clips and add a variant of each frame to the store.

Clips are cut by the place of a frame in its drive, never by the work left; a clip whose variants are all in the store
is not made again, so a killed job continues and ends with the files that an uninterrupted one writes.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace

import numpy as np

from augment.conditions import DOMINANT, Condition
from augment.frame_loading import load_frames
from augment.prompt import make_prompt
from augment.seeds import derive_seed
from augment.synthesizers.base import FrameBatch
from augment.synthesizers.clips import ClipSynthesizer
from carla_agents.data.records import StoredFrame
from carla_agents.data.store import Store
from carla_agents.data.store_writer import StoreWriter

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class ClipJobConfig:
    """Which clips to make."""

    conditions: tuple[str, ...]
    """Target conditions."""
    frames: int = 93
    """Frames of a clip; the last one of a drive may be shorter."""
    source: str = DOMINANT.name
    """Only frames recorded in this condition are used."""
    split: str = "train"
    """Only routes of this split are used."""
    seed: int = 0
    """Every seed of the job derives from it."""

    def __post_init__(self) -> None:
        if not self.conditions or len(set(self.conditions)) != len(self.conditions):
            raise ValueError(f"conditions is {self.conditions}; name at least one, each once")
        for name in (*self.conditions, self.source):
            Condition.parse(name)
        if not 1 <= self.frames <= 512:
            raise ValueError(f"frames is {self.frames}; expected 1 to 512")


@dataclass(frozen=True)
class ClipTask:
    """One clip to make.

    Attributes:
        frames: consecutive frames of one drive.
        target: the condition to show.
        seed: derived from (run seed, first frame's key, condition).
    """

    frames: tuple[StoredFrame, ...]
    target: Condition
    seed: int


@dataclass(frozen=True)
class ClipReport:
    """What a call did, in clips: made now, found from an earlier call, failed."""

    made: int
    kept: int
    failed: int


def plan_clips(store: Store, config: ClipJobConfig) -> list[ClipTask]:
    """The clips that the configuration asks for, drive by drive.

    Raises:
        ValueError: no frame of the store fits.
    """
    drives: dict[str, list[StoredFrame]] = {}
    for frame in store.frames(condition=config.source, split=config.split):
        drives.setdefault(frame.route_id, []).append(frame)
    if not drives:
        raise ValueError(f"no frame of {store.root} was recorded in {config.source} for split {config.split!r}")
    tasks = []
    for frames in drives.values():
        for run in _consecutive(sorted(frames, key=lambda f: f.ordinal)):
            for start in range(0, len(run), config.frames):
                clip = tuple(run[start : start + config.frames])
                for name in config.conditions:
                    seed = derive_seed(config.seed, "clip", clip[0].key, name)
                    tasks.append(ClipTask(clip, Condition.parse(name), seed))
    return tasks


def synthesize_clips(
    store: StoreWriter,
    synthesizer: ClipSynthesizer,
    config: ClipJobConfig,
    on_progress: Callable[[int, int, str], None] | None = None,
) -> ClipReport:
    """Make the planned clips that are missing and add their frames to the store with provenance.

    A clip that cannot be made is logged, recorded as failed for each of its frames, and skipped.

    Args:
        store: recorded frames, opened for writing.
        synthesizer: what makes the clips.
        config: which.
        on_progress: called after each clip with (done, planned, first frame's key).

    Raises:
        ValueError: nothing in the store fits the configuration.
        StoreError: the store cannot be written.
    """
    tasks = plan_clips(store, config)
    made = kept = failed = 0
    for done, task in enumerate(tasks, start=1):
        name = task.target.name
        missing = [
            frame for frame in task.frames if store.variant(frame.key, name, synthesizer.name, task.seed) is None
        ]
        if not missing:
            kept += 1
        else:
            try:
                clip = _load(task)
                variants = synthesizer(clip, task.target, task.seed)
                if variants.shape != clip.rgb.shape or variants.dtype != np.uint8:
                    raise ValueError(
                        f"{synthesizer.name} returned {variants.shape} {variants.dtype}, expected {clip.rgb.shape} "
                        "uint8; run check_clip_synthesizer on it"
                    )
            except MemoryError:
                raise
            except Exception as error:  # one bad clip, whatever is wrong with it, must not end a job of days
                reason = f"{type(error).__name__}: {error}"
                _log.warning("no %s clip from %s: %s", name, task.frames[0].key, reason)
                for frame in missing:
                    store.add_failure(frame.key, name, task.seed, synthesizer.name, reason)
                failed += 1
            else:
                _keep(store, synthesizer, task, clip, variants, missing, config)
                made += 1
        if on_progress is not None:
            on_progress(done, len(tasks), task.frames[0].key)
    return ClipReport(made, kept, failed)


def _load(task: ClipTask) -> FrameBatch:
    clip = load_frames(task.frames)
    prompts = tuple(
        make_prompt(seg, task.target, None if clip.depth_m is None else clip.depth_m[index])
        for index, seg in enumerate(clip.seg)
    )
    return replace(clip, prompts=prompts)


def _keep(
    store: StoreWriter,
    synthesizer: ClipSynthesizer,
    task: ClipTask,
    clip: FrameBatch,
    variants: np.ndarray,
    missing: list[StoredFrame],
    config: ClipJobConfig,
) -> None:
    wanted = {frame.key for frame in missing}
    for index, frame in enumerate(task.frames):
        if frame.key not in wanted:
            continue
        provenance = {
            "synthesizer": synthesizer.name,
            "made_with": synthesizer.provenance,
            "source": config.source,
            "weather": asdict(task.target.to_weather()),
            "prompt": None if clip.prompts is None else asdict(clip.prompts[index]),
            "clip": {"first": task.frames[0].key, "frames": len(task.frames), "index": index},
            "job_seed": config.seed,
        }
        store.add_variant(frame.key, task.target.name, task.seed, variants[index], provenance)


def _consecutive(frames: list[StoredFrame]) -> list[list[StoredFrame]]:
    """Runs without a gap: a frame that is not there would be a jump in the video."""
    runs: list[list[StoredFrame]] = []
    for frame in frames:
        if runs and frame.ordinal == runs[-1][-1].ordinal + 1:
            runs[-1].append(frame)
        else:
            runs.append([frame])
    return runs
