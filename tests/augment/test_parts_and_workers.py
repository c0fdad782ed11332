"""Shards written apart and merged, and worker processes, give the bytes of one job."""

from __future__ import annotations

import functools
import os
import signal
from pathlib import Path

import numpy as np
import pytest

from augment.conditions import DOMINANT, Condition
from augment.synthesize import LocalEngine, SynthesizeConfig, plan_variants, synthesize
from augment.synthesizers.base import FrameBatch
from augment.synthesizers.check import drawn_scenes
from augment.synthesizers.procedural import ProceduralSynthesizer
from augment.variant_maker import VariantMaker
from augment.variant_part import VariantPart, merge_parts
from augment.worker_pool import WorkerError, WorkerPool
from carla_agents.data.check import check_store
from carla_agents.data.errors import StoreError
from carla_agents.data.store import Store
from carla_agents.data.store_writer import StoreWriter
from carla_agents.simulator.frame import Command, Control, Frame

CONFIG = SynthesizeConfig(conditions=("rain-night", "fog-day", "snow-day"), seed=4)


def record(root: Path, frames: int = 3) -> Path:
    scenes = drawn_scenes(frames, (64, 48), DOMINANT)
    with StoreWriter.open(root) as store:
        store.begin_route("r0")
        for i in range(frames):
            command, control, target = Command.LANE_FOLLOW, Control(), np.array([10.0, 0.0], np.float32)
            depth_m = None if scenes.depth_m is None else scenes.depth_m[i]
            picture = Frame(
                i, 0.5 * i, scenes.rgb[i], scenes.seg[i], depth_m, None, 5.0, np.eye(4), command, target, control,
                "clear-day",
            )  # fmt: skip
            store.append("r0", picture)
        store.finish_route("r0")
    return root


def contents(root: Path) -> dict[str, bytes]:
    files = [root / "index.log", *sorted(root.rglob("variants/*.png"))]
    return {f.relative_to(root).as_posix(): f.read_bytes() for f in files}


class Hurt(ProceduralSynthesizer):
    """Cannot show the second frame."""

    def __call__(self, frames: FrameBatch, targets: list[Condition], seeds: np.ndarray) -> np.ndarray:
        if "r0/000001" in frames.frame_keys:
            raise RuntimeError("this frame hurts")
        return super().__call__(frames, targets, seeds)


class Deadly(ProceduralSynthesizer):
    """The kernel ends the process that asks for the second frame under fog; for rain, only the first time."""

    def __init__(self, mark: Path) -> None:
        super().__init__()
        self._mark = mark

    def __call__(self, frames: FrameBatch, targets: list[Condition], seeds: np.ndarray) -> np.ndarray:
        if frames.frame_keys[0] == "r0/000001" and targets[0].weather in ("fog", "rain"):
            first = not self._mark.exists()
            self._mark.touch()
            if first or targets[0].weather == "fog":
                os.kill(os.getpid(), signal.SIGKILL)
        return super().__call__(frames, targets, seeds)


def hurt_maker() -> VariantMaker:
    return VariantMaker(Hurt())


def deadly_maker(mark: Path) -> VariantMaker:
    return VariantMaker(Deadly(mark))


def weightless_maker() -> VariantMaker:
    raise ValueError("the weights are not there; fetch them")


def run_whole(root: Path) -> dict[str, bytes]:
    with StoreWriter.open(record(root)) as store:
        synthesize(store, store, plan_variants(store, CONFIG), LocalEngine(hurt_maker(), store))
    return contents(root)


def run_shard(root: Path, number: int, of: int) -> Path:
    store = Store.read(root)
    folder = root.with_name(f"part-{number}")
    with VariantPart.open(folder, {"job": "j", "shard": f"{number}/{of}"}) as part:
        tasks = plan_variants(store, CONFIG)
        synthesize(store, part, tasks, LocalEngine(hurt_maker(), store), batch_size=1, shard=(number, of))
    return folder


def merge(root: Path, folders: list[Path]) -> int:
    parts = [VariantPart.open(folder) for folder in folders]
    try:
        with StoreWriter.open(root) as store:
            return merge_parts(store, parts)
    finally:
        for part in parts:
            part.close()


def test_shards_merged_in_any_order_leave_the_bytes_of_one_job(tmp_path: Path):
    whole = run_whole(tmp_path / "whole")
    root = record(tmp_path / "sharded")
    folders = [run_shard(root, number, 2) for number in (2, 1)]
    assert run_shard(root, 1, 2) in folders, "a shard that is there is not made again"
    assert merge(root, folders) == 6
    assert contents(root) == whole
    assert merge(root, folders) == 0, "a repeated merge adds nothing"
    assert contents(root) == whole
    assert check_store(root).failures == 3


def test_parts_of_other_jobs_missing_shards_and_strange_folders_are_refused(tmp_path: Path):
    root = record(tmp_path / "s")
    first = run_shard(root, 1, 2)
    with pytest.raises(ValueError, match=r"missing \['2/2'\]"):
        merge(root, [first])
    with pytest.raises(StoreError, match="another job"):
        VariantPart.open(first, {"job": "k", "shard": "1/2"})
    with pytest.raises(StoreError, match="no part of variants"):
        VariantPart.open(root)
    with VariantPart.open(first), pytest.raises(StoreError, match="another process"):
        VariantPart.open(first)
    second = run_shard(root, 2, 2)
    victim = next((second / "variants").glob("*.png"))
    victim.write_bytes(victim.read_bytes()[:-1] + b"x")
    with pytest.raises(StoreError, match="anew"):
        merge(root, [first, second])


def test_workers_give_the_bytes_of_one_process_and_survive_a_bad_frame(tmp_path: Path):
    whole = run_whole(tmp_path / "whole")
    root = record(tmp_path / "pooled")
    with StoreWriter.open(root) as store, WorkerPool(hurt_maker, root, 2) as pool:
        report = synthesize(store, store, plan_variants(store, CONFIG), pool)
    assert (report.made, report.failed) == (6, 3)
    assert contents(root) == whole


def test_a_worker_that_dies_is_replaced_and_its_unit_tried_once_more(tmp_path: Path):
    root = record(tmp_path / "s")
    recipe = functools.partial(deadly_maker, tmp_path / "mark")
    with StoreWriter.open(root) as store, WorkerPool(recipe, root, 1) as pool:
        report = synthesize(store, store, plan_variants(store, CONFIG), pool)
        assert (report.made, report.failed) == (8, 1)
        failure = store.failures()[0]
    assert (failure.key, failure.condition) == ("r0/000001", "fog-day")
    assert "SIGKILL" in failure.reason
    assert "out of memory" in failure.reason


def test_a_worker_without_weights_says_why(tmp_path: Path):
    with pytest.raises(WorkerError, match="fetch them"):
        WorkerPool(weightless_maker, record(tmp_path / "s"), 1)
