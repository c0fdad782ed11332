from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from augment.conditions import DOMINANT, Condition
from augment.synthesize import SynthesizeConfig, plan_variants, synthesize
from augment.synthesizers.base import FrameBatch
from augment.synthesizers.check import drawn_scenes
from augment.synthesizers.procedural import ProceduralSynthesizer
from augment.training.stored_pairs import load_pairs
from carla_agents.data.store import Store
from carla_agents.data.store_writer import StoreWriter
from carla_agents.simulator.frame import Command, Control, Frame

CONFIG = SynthesizeConfig(conditions=("rain-night", "fog-day"), seed=3)


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
        store.begin_route("r0")
        for index in range(3):
            store.append("r0", frame(scenes, index, condition, east_m))
        store.finish_route("r0")
    return root


def pictures(root: Path) -> dict[str, bytes]:
    return {f.relative_to(root).as_posix(): f.read_bytes() for f in sorted(root.rglob("variants/*.png"))}


class Killed(Exception):
    pass


def test_job_interrupted_and_resumed_leaves_the_bytes_of_an_uninterrupted_one(tmp_path: Path):
    def kill(done: int, planned: int, key: str) -> None:
        if done == 2:
            raise Killed

    whole, broken = record(tmp_path / "whole"), record(tmp_path / "broken")
    with StoreWriter.open(whole) as store:
        report = synthesize(store, ProceduralSynthesizer(), CONFIG)
    assert (report.planned, report.made, report.failed) == (6, 6, 0)
    with StoreWriter.open(broken) as store, pytest.raises(Killed):
        synthesize(store, ProceduralSynthesizer(), CONFIG, kill)
    with StoreWriter.open(broken) as store:
        report = synthesize(store, ProceduralSynthesizer(), CONFIG)
    assert (report.made, report.kept) == (4, 2)
    assert pictures(whole) == pictures(broken)
    assert len(pictures(whole)) == 6
    assert (whole / "index.log").read_bytes() == (broken / "index.log").read_bytes()


def test_every_variant_says_how_it_was_made(tmp_path: Path):
    with StoreWriter.open(record(tmp_path / "s")) as store:
        synthesize(store, ProceduralSynthesizer(), CONFIG)
    variant = Store.read(tmp_path / "s").variants("r0/000001", condition="rain-night")[0]
    assert variant.synthesizer == "procedural-1"
    assert variant.provenance["source"] == "clear-day"
    assert "rain" in variant.provenance["prompt"]["positive"]
    assert variant.provenance["weather"]["sun_altitude_angle"] < 0
    assert variant.provenance["job_seed"] == 3


class Choosy(ProceduralSynthesizer):
    def __call__(self, frames: FrameBatch, targets: list[Condition], seeds: np.ndarray) -> np.ndarray:
        if frames.frame_keys[0] == "r0/000001":
            raise RuntimeError("this frame hurts")
        return super().__call__(frames, targets, seeds)


def test_a_failing_frame_is_recorded_and_skipped_and_tried_again_only_on_request(tmp_path: Path, caplog: Any):
    root = record(tmp_path / "s")
    with StoreWriter.open(root) as store:
        report = synthesize(store, Choosy(), CONFIG)
    assert (report.made, report.failed) == (4, 2)
    assert "this frame hurts" in caplog.text
    assert {f.reason for f in Store.read(root).failures()} == {"RuntimeError: this frame hurts"}
    with StoreWriter.open(root) as store:
        assert synthesize(store, ProceduralSynthesizer(), CONFIG).failed_earlier == 2
    with StoreWriter.open(root) as store:
        assert synthesize(store, ProceduralSynthesizer(), replace(CONFIG, retry_failed=True)).made == 2


def test_seeds_do_not_depend_on_what_else_is_planned(tmp_path: Path):
    store = Store.read(record(tmp_path / "s"))
    both = {(p.frame.key, p.target.name): p.seed for p in plan_variants(store, CONFIG)}
    one = {
        (p.frame.key, p.target.name): p.seed for p in plan_variants(store, replace(CONFIG, conditions=("fog-day",)))
    }
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
