from __future__ import annotations

from pathlib import Path

import pytest

from augment.synthesize_clips import ClipJobConfig, ClipReport, plan_clips, synthesize_clips
from augment.synthesizers.clips import PerFrameClips
from augment.synthesizers.procedural import ProceduralSynthesizer
from carla_agents.data.store import Store
from carla_agents.data.store_writer import StoreWriter
from tests.augment.drawn_store import record_drawn

CONFIG = ClipJobConfig(("rain-night", "fog-day"), frames=2)


class Killed(Exception):
    pass


def run(root: Path, clips=None, on_progress=None) -> ClipReport:
    with StoreWriter.open(root) as store:
        return synthesize_clips(store, clips or PerFrameClips(ProceduralSynthesizer()), CONFIG, on_progress)


def pictures(root: Path) -> dict[str, bytes]:
    return {p.relative_to(root).as_posix(): p.read_bytes() for p in sorted(root.rglob("variants/**/*.png"))}


def test_clips_are_cut_by_place_and_hold_every_frame_once(tmp_path: Path):
    tasks = plan_clips(Store.read(record_drawn(tmp_path, 5)), CONFIG)
    assert [len(task.frames) for task in tasks if task.target.name == "fog-day"] == [2, 2, 1]
    assert len({task.seed for task in tasks}) == len(tasks) == 6


def test_a_killed_job_goes_on_and_leaves_the_bytes_of_an_uninterrupted_one(tmp_path: Path):
    def kill(done: int, planned: int, key: str) -> None:
        if done == 2:
            raise Killed

    whole, broken = (record_drawn(tmp_path / name) for name in ("whole", "broken"))
    assert run(whole) == ClipReport(made=4, kept=0, failed=0)
    with pytest.raises(Killed):
        run(broken, on_progress=kill)
    assert run(broken) == ClipReport(made=2, kept=2, failed=0)
    assert pictures(whole) == pictures(broken)
    assert len(pictures(whole)) == 6
    variant = Store.read(whole).variants(condition="fog-day")[1]
    assert variant.provenance["clip"] == {"first": "r0/000000", "frames": 2, "index": 1}
    assert "fog" in variant.provenance["prompt"]["positive"]


def test_a_clip_that_fails_is_recorded_for_each_frame_and_the_job_goes_on(tmp_path: Path):
    class Fails:
        name, provenance = "fails", {}

        def __call__(self, clip, target, seed):
            if target.name == "fog-day":
                raise RuntimeError("no fog")
            return clip.rgb.copy()

    root = record_drawn(tmp_path)
    assert run(root, Fails()) == ClipReport(made=2, kept=0, failed=2)
    assert sorted(f.key for f in Store.read(root).failures()) == ["r0/000000", "r0/000001", "r0/000002"]


def test_a_store_without_fitting_frames_is_named(tmp_path: Path):
    with pytest.raises(ValueError, match="no frame of"):
        plan_clips(Store.read(record_drawn(tmp_path)), ClipJobConfig(("fog-day",), source="rain-day"))
    with pytest.raises(ValueError, match="expected 1 to 512"):
        ClipJobConfig(("fog-day",), frames=0)
