from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from augment.conditions import DOMINANT, Condition
from augment.frame_loading import load_frames
from augment.job_ledger import TIMES_FILE
from augment.synthesize import LocalEngine, SynthesizeConfig, SynthesizeReport, plan_variants, synthesize
from augment.synthesizers.base import FrameBatch, Synthesizer
from augment.synthesizers.check import drawn_scenes
from augment.synthesizers.procedural import ProceduralSynthesizer
from augment.training.stored_pairs import load_pairs
from augment.variant_maker import OUT_OF_MEMORY, MakingConfig, VariantMaker
from carla_agents.data.check import check_store
from carla_agents.data.store import Store
from carla_agents.data.store_writer import StoreWriter
from carla_agents.policies.base import CameraSpec
from carla_agents.simulator.frame import Command, Control, Frame

CONFIG = SynthesizeConfig(conditions=("rain-night", "fog-day"), seed=3)
CAMERA = {"width_px": 64, "height_px": 48, "fov_deg": 90.0, "position_in_ego_m": [1.5, 0.0, 2.0], "pitch_deg": 0.0}


def frame(scenes: FrameBatch, index: int, condition: str, east_m: float = 0.0) -> Frame:
    pose = np.eye(4)
    pose[:3, 3] = index, east_m, 0.0
    darkness = 1 if condition == "clear-day" else 3
    return Frame(
        frame_id=10 * index,
        elapsed_s=0.5 * index,
        rgb=scenes.rgb[index] // darkness,
        seg=scenes.seg[index],
        depth_m=None if scenes.depth_m is None else scenes.depth_m[index],
        instance=None,
        speed_mps=5.0,
        ego_to_world=pose,
        command=Command.LANE_FOLLOW,
        target_point_in_ego_m=np.array([10.0, 0.0], np.float32),
        control=Control(),
        condition=condition,
    )


def record(root: Path, condition: str = "clear-day", east_m: float = 0.0) -> Path:
    scenes = drawn_scenes(3, (64, 48), DOMINANT)
    with StoreWriter.open(root) as store:
        store.begin_route("r0", metadata={"camera": CAMERA})
        for index in range(3):
            store.append("r0", frame(scenes, index, condition, east_m))
        store.finish_route("r0")
    return root


def run(root: Path, synthesizer: Synthesizer | None = None, on_progress: Any = None, **options: Any):
    """The job of CONFIG on a store, with options of VariantMaker or of synthesize()."""
    mine = {name: options.pop(name) for name in ("guard", "fallback", "config", "marks") if name in options}
    maker = VariantMaker(synthesizer or ProceduralSynthesizer(), **mine)
    with StoreWriter.open(root) as store:
        return synthesize(
            store, store, plan_variants(store, CONFIG), LocalEngine(maker, store), on_progress, **options
        )


def pictures(root: Path) -> dict[str, bytes]:
    return {f.relative_to(root).as_posix(): f.read_bytes() for f in sorted(root.rglob("variants/*.png"))}


def index_of(root: Path) -> bytes:
    return (root / "index.log").read_bytes()


class Killed(Exception):
    pass


def test_job_interrupted_and_resumed_leaves_the_bytes_of_an_uninterrupted_one(tmp_path: Path):
    def kill(done: int, planned: int, key: str) -> None:
        if done == 2:
            raise Killed

    whole, broken = record(tmp_path / "whole"), record(tmp_path / "broken")
    assert run(whole) == SynthesizeReport(planned=6, made=6, kept=0, failed=0, failed_earlier=0)
    with pytest.raises(Killed):
        run(broken, on_progress=kill)
    report = run(broken)
    assert (report.made, report.kept) == (4, 2)
    assert pictures(whole) == pictures(broken)
    assert len(pictures(whole)) == 6
    assert index_of(whole) == index_of(broken)
    assert check_store(whole).variants == 6


def test_times_are_kept_apart_from_what_is_the_same_in_every_run(tmp_path: Path):
    root = record(tmp_path / "s")
    run(root)
    lines = [json.loads(line) for line in (root / TIMES_FILE).read_text().splitlines()]
    assert len(lines) == 6
    assert all(line["seconds"] > 0 and line["made"] for line in lines)
    assert "seconds" not in json.dumps([v.provenance for v in Store.read(root).variants()])


def test_every_variant_says_how_it_was_made(tmp_path: Path):
    root = record(tmp_path / "s")
    run(root, marks={"job_seed": 3})
    variant = Store.read(root).variants("r0/000001", condition="rain-night")[0]
    assert variant.synthesizer == ProceduralSynthesizer.name
    assert variant.provenance["source"] == "clear-day"
    assert "rain" in variant.provenance["prompt"]["positive"]
    assert variant.provenance["caption"]["by"] == "labels-1"
    assert variant.provenance["weather"]["sun_altitude_angle"] < 0
    assert variant.provenance["guard"] is None
    assert variant.provenance["job_seed"] == 3


def test_frames_come_with_pose_camera_and_prompts(tmp_path: Path):
    store = Store.read(record(tmp_path / "s"))
    batch = load_frames(store.frames())
    assert batch.camera == CameraSpec(64, 48, 90.0, (1.5, 0.0, 2.0), 0.0)
    assert batch.ego_to_world is not None
    assert batch.ego_to_world[:, 0, 3].tolist() == [0.0, 1.0, 2.0]
    assert batch.prompts is None
    seen: list[FrameBatch] = []

    class Watching(ProceduralSynthesizer):
        def __call__(self, frames: FrameBatch, targets: list[Condition], seeds: np.ndarray) -> np.ndarray:
            seen.append(frames)
            return super().__call__(frames, targets, seeds)

    run(tmp_path / "s", Watching())
    assert all(f.prompts is not None and len(f.prompts) == 1 and f.camera == batch.camera for f in seen)


class Choosy(ProceduralSynthesizer):
    def __call__(self, frames: FrameBatch, targets: list[Condition], seeds: np.ndarray) -> np.ndarray:
        if "r0/000001" in frames.frame_keys:
            raise RuntimeError("this frame hurts")
        return super().__call__(frames, targets, seeds)


@pytest.mark.parametrize("batch_size", [1, 4])
def test_a_failing_frame_is_recorded_and_skipped_and_tried_again_only_on_request(
    tmp_path: Path, caplog: Any, batch_size: int
):
    root = record(tmp_path / "s")
    report = run(root, Choosy(), batch_size=batch_size)
    assert (report.made, report.failed) == (4, 2)
    assert "this frame hurts" in caplog.text
    assert {f.reason for f in Store.read(root).failures()} == {"RuntimeError: this frame hurts"}
    assert run(root, batch_size=batch_size).failed_earlier == 2
    assert run(root, batch_size=batch_size, retry_failed=True).made == 2


class BatchMarking(ProceduralSynthesizer):
    """A network whose pixels depend on the batch they were in, as those of real ones do in their last bits."""

    def __call__(self, frames: FrameBatch, targets: list[Condition], seeds: np.ndarray) -> np.ndarray:
        variants = super().__call__(frames, targets, seeds)
        variants[..., 0] = np.arange(len(frames))[:, None, None] + 10 * len(frames)
        return variants


def test_a_batch_is_the_same_whatever_of_it_was_made_before(tmp_path: Path):
    def kill(done: int, planned: int, key: str) -> None:
        if done == 3:
            raise Killed

    whole, broken = record(tmp_path / "whole"), record(tmp_path / "broken")
    run(whole, BatchMarking(), batch_size=4)
    with pytest.raises(Killed):
        run(broken, BatchMarking(), kill, batch_size=4)
    run(broken, BatchMarking(), batch_size=4)
    assert pictures(whole) == pictures(broken)
    assert index_of(whole) == index_of(broken)


class Forgetful(ProceduralSynthesizer):
    def __call__(self, frames: FrameBatch, targets: list[Condition], seeds: np.ndarray) -> np.ndarray:
        raise MemoryError("could not allocate 9 GiB")


class Undefined(ProceduralSynthesizer):
    def __call__(self, frames: FrameBatch, targets: list[Condition], seeds: np.ndarray) -> np.ndarray:
        return np.full(frames.rgb.shape, np.nan, np.float32)


@pytest.mark.parametrize(("synthesizer", "told"), [(Forgetful(), OUT_OF_MEMORY), (Undefined(), "NaN")])
def test_lack_of_memory_and_nan_are_failures_with_advice_and_nothing_else_is_tried(tmp_path: Path, synthesizer, told):
    root = record(tmp_path / "s")
    report = run(root, synthesizer, batch_size=2)
    assert (report.made, report.failed) == (0, 6)
    assert all(told in failure.reason for failure in Store.read(root).failures())


@dataclass(frozen=True)
class Say:
    accepted: bool
    reason: str
    figures: dict[str, float]


class ParityGuard:
    """Accepts variants whose first pixel is even; judges nothing else."""

    def __init__(self, limit: int = 100) -> None:
        self.provenance = {"guard": "parity", "limit": limit}
        self._limit = limit

    def __call__(self, frames: FrameBatch, variants: np.ndarray, targets: list[Condition]) -> Sequence[Say]:
        first = [int(v[0, 0, 0]) for v in variants]
        return [Say(n % 100 < self._limit, f"pixel is {n}", {"pixel": float(n), "unknown": np.nan}) for n in first]


class SeedPainted(ProceduralSynthesizer):
    """The first pixel is the seed modulo 100."""

    def __call__(self, frames: FrameBatch, targets: list[Condition], seeds: np.ndarray) -> np.ndarray:
        variants = super().__call__(frames, targets, seeds)
        variants[:, 0, 0, 0] = seeds % 100
        return variants

    def __init__(self) -> None:
        super().__init__()
        self.name = "painted-1"


def test_what_the_guard_rejects_is_made_again_with_another_seed_and_every_verdict_is_kept(tmp_path: Path):
    root = record(tmp_path / "s")
    report = run(root, SeedPainted(), guard=ParityGuard(60), config=MakingConfig(retries=12))
    assert (report.made, report.failed) == (6, 0)
    store = Store.read(root)
    planned = {task.seed for task in plan_variants(store, CONFIG)}
    retried = [v for v in store.variants() if v.seed not in planned]
    assert retried, "with these seeds some first attempts are rejected"
    for variant in store.variants():
        guard = variant.provenance["guard"]
        assert guard["accepted"]
        assert guard["with"] == {"guard": "parity", "limit": 60}
        assert guard["figures"] == {"pixel": variant.seed % 100, "unknown": None}
        assert all(r["seed"] % 100 >= 60 and not r["accepted"] for r in guard["rejected_before"])
    assert all(v.provenance["guard"]["rejected_before"] for v in retried)
    assert run(root, SeedPainted(), guard=ParityGuard(60), config=MakingConfig(retries=12)).kept == 6


def test_what_the_guard_always_rejects_is_a_failure_with_its_reasons(tmp_path: Path):
    root = record(tmp_path / "s")
    report = run(root, SeedPainted(), guard=ParityGuard(0), config=MakingConfig(retries=1))
    assert (report.made, report.failed) == (0, 6)
    reason = Store.read(root).failures()[0].reason
    assert reason.startswith("rejected by the guard 2 times: seed ")
    assert "pixel is" in reason
    assert run(root, SeedPainted(), guard=ParityGuard(0), config=MakingConfig(retries=1)).failed_earlier == 6


class OnlyProcedural(ParityGuard):
    def __call__(self, frames: FrameBatch, variants: np.ndarray, targets: list[Condition]) -> Sequence[Say]:
        seeds_pixel = [int(v[0, 0, 0]) for v in variants]
        return [Say(n != 77, f"pixel is {n}", {}) for n in seeds_pixel]


class Broken(SeedPainted):
    def __call__(self, frames: FrameBatch, targets: list[Condition], seeds: np.ndarray) -> np.ndarray:
        variants = super().__call__(frames, targets, seeds)
        variants[:, 0, 0, 0] = 77
        return variants


def test_a_fallback_is_stored_under_its_own_name_and_says_for_whom(tmp_path: Path):
    root = record(tmp_path / "s")
    options = {"guard": OnlyProcedural(), "fallback": ProceduralSynthesizer(), "config": MakingConfig(retries=1)}
    report = run(root, Broken(), **options)
    assert (report.made, report.by_fallback, report.failed) == (6, 6, 0)
    store = Store.read(root)
    assert store.variants(synthesizer="painted-1") == []
    for variant in store.variants(synthesizer=ProceduralSynthesizer.name):
        assert variant.provenance["fallback_for"] == "painted-1"
        assert len(variant.provenance["guard"]["rejected_before"]) == 2
    assert all(f"made by {ProceduralSynthesizer.name} instead" in f.reason for f in store.failures())
    again = run(root, Broken(), **options)
    assert (again.kept, again.made, again.failed_earlier) == (6, 0, 0)


def test_a_fallback_without_a_guard_or_equal_to_the_synthesizer_is_refused():
    with pytest.raises(ValueError, match="there is no guard"):
        VariantMaker(ProceduralSynthesizer(), fallback=ProceduralSynthesizer())
    with pytest.raises(ValueError, match="choose another"):
        VariantMaker(ProceduralSynthesizer(), guard=ParityGuard(), fallback=ProceduralSynthesizer())


def test_seeds_do_not_depend_on_what_else_is_planned(tmp_path: Path):
    store = Store.read(record(tmp_path / "s"))
    both = {(p.key, p.condition): p.seed for p in plan_variants(store, CONFIG)}
    one = {(p.key, p.condition): p.seed for p in plan_variants(store, replace(CONFIG, conditions=("fog-day",)))}
    assert one.items() <= both.items()
    assert len(set(both.values())) == 6


def test_a_store_without_fitting_frames_says_what_it_has(tmp_path: Path):
    store = Store.read(record(tmp_path / "s"))
    with pytest.raises(ValueError, match=r"clear-day.*train"):
        plan_variants(store, replace(CONFIG, split="val"))


def test_pairs_join_the_drives_of_one_seed_and_refuse_drives_that_drifted_apart(tmp_path: Path):
    night = Condition("rain", "night")
    stores = {
        DOMINANT: Store.read(record(tmp_path / "day")),
        night: Store.read(record(tmp_path / "night", "rain-night")),
    }
    pairs = load_pairs(stores)
    assert len(pairs) == 3
    assert np.array_equal(pairs.rgb[night], pairs.rgb[DOMINANT] // 3)
    assert len(load_pairs(stores, most=2)) == 2
    elsewhere = Store.read(record(tmp_path / "elsewhere", "rain-night", east_m=2.0))
    with pytest.raises(ValueError, match="same seed and route"):
        load_pairs({DOMINANT: stores[DOMINANT], night: elsewhere})
