"""Variants of consecutive frames are compared; no kill, no worker and no shard changes what comes of it."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from augment.conditions import DOMINANT, Condition
from augment.drive_flicker import moments_before
from augment.synthesize import LocalEngine, SynthesizeConfig, plan_variants, synthesize
from augment.synthesizers.base import FrameBatch
from augment.synthesizers.check import drawn_scenes
from augment.synthesizers.procedural import ProceduralSynthesizer
from augment.variant_maker import MakingConfig, VariantMaker
from augment.variant_part import VariantPart, merge_parts
from augment.work import VariantTask
from augment.worker_pool import WorkerPool
from carla_agents.data.store import Store
from carla_agents.data.store_writer import StoreWriter
from carla_agents.simulator.frame import Command, Control, Frame

CONFIG = SynthesizeConfig(conditions=("rain-night", "fog-day"), seed=3)
CAMERA = {"width_px": 64, "height_px": 48, "fov_deg": 90.0, "position_in_ego_m": [1.5, 0.0, 2.0], "pitch_deg": 0.0}
LIMIT = 0.25


def record(root: Path, routes: int = 1, frames: int = 5, camera: bool = True) -> Path:
    """Drives of a car that stands still: whatever changes in their variants is flicker."""
    scene = drawn_scenes(1, (64, 48), DOMINANT)
    with StoreWriter.open(root) as store:
        for route in (f"r{number}" for number in range(routes)):
            store.begin_route(route, metadata={"camera": CAMERA} if camera else {})
            for index in range(frames):
                rgb, seg, depth_m = scene.rgb[0], scene.seg[0], None if scene.depth_m is None else scene.depth_m[0]
                command, control, target = Command.LANE_FOLLOW, Control(), np.array([10.0, 0.0], np.float32)
                picture = Frame(
                    index, 0.5 * index, rgb, seg, depth_m, None, 5.0, np.eye(4), command, target, control, "clear-day"
                )
                store.append(route, picture)
            store.finish_route(route)
    return root


@dataclass(frozen=True)
class Say:
    accepted: bool
    reason: str
    figures: dict[str, float]


class Credulous:
    """Accepts what comes."""

    def __init__(self) -> None:
        self.provenance: dict[str, Any] = {"guard": "credulous"}

    def __call__(self, frames: FrameBatch, variants: np.ndarray, targets: list[Condition]) -> Sequence[Say]:
        return [Say(True, "", {"pixel": 1.0}) for _ in variants]


class Flashing(ProceduralSynthesizer):
    """Shows the source, much darker for every third seed; only the first frame of a drive is always bright."""

    def __init__(self) -> None:
        super().__init__()
        self.name = "flashing-1"

    def __call__(self, frames: FrameBatch, targets: list[Condition], seeds: np.ndarray) -> np.ndarray:
        first = [key.endswith("/000000") for key in frames.frame_keys]
        dark = (seeds % 3 == 0) & ~np.array(first)
        return np.stack([rgb // (4 if d else 1) for rgb, d in zip(frames.rgb, dark, strict=True)])


class Blinking(Flashing):
    """Every other frame is dark, whatever the seed."""

    def __call__(self, frames: FrameBatch, targets: list[Condition], seeds: np.ndarray) -> np.ndarray:
        dark = [int(key.rpartition("/")[2]) % 2 for key in frames.frame_keys]
        return np.stack([rgb // (4 if d else 1) for rgb, d in zip(frames.rgb, dark, strict=True)])


def maker(guarded: bool = True) -> VariantMaker:
    return VariantMaker(Flashing(), MakingConfig(retries=4), guard=Credulous() if guarded else None)


def run(root: Path, makes: VariantMaker | None = None, on_progress: Any = None, **options: Any):
    with StoreWriter.open(root) as store:
        engine, tasks = LocalEngine(makes or maker(), store), plan_variants(store, CONFIG)
        return synthesize(store, store, tasks, engine, on_progress, most_flicker=LIMIT, **options)


def contents(root: Path) -> dict[str, bytes]:
    files = [root / "index.log", *sorted(root.rglob("variants/*.png"))]
    return {f.relative_to(root).as_posix(): f.read_bytes() for f in files}


def darkness(root: Path, condition: str) -> list[float]:
    return [float(v.load_rgb().mean()) for v in Store.read(root).variants(condition=condition)]


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    root = record(tmp_path_factory.mktemp("whole") / "store", routes=3)
    assert run(root).made == 30
    return contents(root)


def test_a_variant_that_flickers_is_made_again_until_it_goes_with_the_one_before(tmp_path: Path):
    root = record(tmp_path / "s")
    assert run(root).failed == 0
    variants = Store.read(root).variants(condition="rain-night")
    assert max(darkness(root, "rain-night")) < 1.1 * min(darkness(root, "rain-night"))
    for before, after in pairwise(variants):
        guard = after.provenance["guard"]
        assert guard["accepted"]
        assert guard["figures"]["flicker"] <= LIMIT
        assert guard["compared_with"] == {"frame": before.frame.key, "seed": before.seed}
    assert "flicker" not in variants[0].provenance["guard"]["figures"]
    rejected = [r for v in variants for r in v.provenance["guard"]["rejected_before"]]
    assert rejected, "with these seeds some first attempts flicker"
    assert all(r["figures"]["flicker"] > LIMIT and "flicker is" in r["reason"] for r in rejected)
    assert run(root).kept == 10


def test_a_job_killed_after_any_variant_goes_on_to_the_same_bytes(tmp_path: Path, whole: dict[str, bytes]):
    class Killed(Exception):
        pass

    def kill(at: int, done: int, planned: int, key: str) -> None:
        if done == at:
            raise Killed

    root = record(tmp_path / "s", routes=3)
    for at in range(1, 30, 4):
        with pytest.raises(Killed):
            run(root, on_progress=functools.partial(kill, at))
    run(root)
    assert contents(root) == whole


def test_batches_and_workers_leave_the_same_variants(tmp_path: Path, whole: dict[str, bytes]):
    batched, pooled = record(tmp_path / "batched", routes=3), record(tmp_path / "pooled", routes=3)
    run(batched, batch_size=4)
    assert contents(batched) == whole
    with StoreWriter.open(pooled) as store, WorkerPool(functools.partial(maker), pooled, 2) as pool:
        synthesize(store, store, plan_variants(store, CONFIG), pool, most_flicker=LIMIT)
    assert contents(pooled) == whole


def test_shards_keep_drives_whole_and_merge_to_the_same_bytes(tmp_path: Path, whole: dict[str, bytes]):
    root = record(tmp_path / "s", routes=3)
    store, parts = Store.read(root), []
    for number in (2, 1):
        parts.append(VariantPart.open(tmp_path / f"part-{number}", {"shard": f"{number}/2"}))
        engine, tasks = LocalEngine(maker(), store), plan_variants(store, CONFIG)
        report = synthesize(store, parts[-1], tasks, engine, shard=(number, 2), most_flicker=LIMIT)
        assert report.planned == 15, "a drive under one condition goes to one share"
    with StoreWriter.open(root) as writer:
        merge_parts(writer, parts)
    for part in parts:
        part.close()
    assert contents(root) == whole


def test_what_flickers_at_every_attempt_is_a_failure_and_nothing_is_compared_with_it(tmp_path: Path):
    root = record(tmp_path / "s")
    report = run(root, VariantMaker(Blinking(), MakingConfig(retries=2), guard=Credulous()))
    assert (report.made, report.failed) == (6, 4)
    store = Store.read(root)
    assert {v.frame.ordinal for v in store.variants()} == {0, 2, 4}
    assert all(f.reason.startswith("rejected by the guard 3 times") for f in store.failures())
    assert all(f.reason.count("flicker is") == 3 for f in store.failures())


def test_a_fallback_takes_over_and_its_other_look_is_no_flicker(tmp_path: Path):
    root = record(tmp_path / "s")
    fallback = ProceduralSynthesizer()
    report = run(root, VariantMaker(Blinking(), MakingConfig(retries=0), guard=Credulous(), fallback=fallback))
    assert (report.made, report.by_fallback, report.failed) == (10, 4, 0)
    by_fallback = Store.read(root).variants(synthesizer=fallback.name)
    assert {v.frame.ordinal for v in by_fallback} == {1, 3}
    assert all("flicker is" in v.provenance["guard"]["rejected_before"][0]["reason"] for v in by_fallback)
    assert all("flicker" not in v.provenance["guard"]["figures"] for v in by_fallback)


@pytest.mark.parametrize(("camera", "guarded"), [(False, True), (True, False)])
def test_without_a_camera_or_without_a_guard_nothing_is_compared(tmp_path: Path, camera: bool, guarded: bool):
    root = record(tmp_path / "s", camera=camera)
    assert run(root, maker(guarded)).made == 10
    assert max(darkness(root, "fog-day")) > 2 * min(darkness(root, "fog-day"))


def test_an_earlier_frame_that_cannot_be_read_costs_only_its_neighbour(tmp_path: Path):
    root = record(tmp_path / "s")
    with StoreWriter.open(root) as store:
        engine = LocalEngine(maker(), store)
        synthesize(store, store, plan_variants(store, CONFIG)[:2], engine, most_flicker=LIMIT)
        (root / store.frame("r0/000000").files["depth"].name).write_bytes(b"torn")
        report = synthesize(store, store, plan_variants(store, CONFIG), engine, most_flicker=LIMIT)
        failures = store.failures()
    assert (report.made, report.failed) == (6, 2)
    assert all(f.key == "r0/000001" and "flicker could not be judged" in f.reason for f in failures)


def test_pairs_are_the_moments_of_one_drive_under_one_condition():
    def task(key: str, condition: str = "fog-day", seed: int = 0) -> VariantTask:
        return VariantTask(key, condition, seed)

    tasks = [
        task("r0/000001", seed=1),
        task("r0/000001", seed=2),
        task("r0/000002", "rain-night"),
        task("r0/000002", seed=3),
        task("r0/000002", seed=4),
        task("r1/000003"),
        task("r0/000004"),
        task("photo-a"),
    ]
    assert moments_before(tasks) == [None, None, None, tasks[0], tasks[1], None, None, None]


def test_a_limit_that_nothing_can_keep_is_refused(tmp_path: Path):
    root = record(tmp_path / "s")
    with StoreWriter.open(root) as store, pytest.raises(ValueError, match=r"most is 0\.0"):
        synthesize(store, store, plan_variants(store, CONFIG), LocalEngine(maker(), store), most_flicker=0.0)
