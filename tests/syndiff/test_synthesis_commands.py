"""Audit, plan and synthesis as a user runs them, on drawn scenes."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from augment.conditions import DOMINANT
from augment.synthesizers.check import drawn_scenes
from carla_agents.data.store import Store
from carla_agents.data.store_writer import StoreWriter
from carla_agents.simulator.frame import Command, Control, Frame
from syndiff.cli import EXIT_FAILED, EXIT_OK, EXIT_PARTIAL, main
from syndiff.planning import target_of
from syndiff.store_jobs import parse_shard
from syndiff.variant_making import make_captioner


def record(root: Path, metadata: dict[str, Any] | None = None) -> Path:
    scenes = drawn_scenes(3, (128, 64), DOMINANT)
    with StoreWriter.open(root) as store:
        store.begin_route("r0", metadata={"look": "embedded/default", **(metadata or {})})
        for i in range(3):
            frame = Frame(
                frame_id=i,
                elapsed_s=0.5 * i,
                rgb=scenes.rgb[i],
                seg=scenes.seg[i],
                depth_m=None if scenes.depth_m is None else scenes.depth_m[i],
                instance=None,
                speed_mps=5.0,
                ego_to_world=np.eye(4),
                command=Command.LANE_FOLLOW,
                target_point_in_ego_m=np.array([10.0, 0.0], np.float32),
                control=Control(),
                condition="clear-day",
            )
            store.append("r0", frame)
        store.finish_route("r0")
    return root


@pytest.fixture(autouse=True)
def wide_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "500")


def run(*arguments: str | Path) -> int:
    return main([str(a) for a in arguments])


def synthesize(*arguments: str | Path) -> int:
    return run("synthesize", "--threads", "1", *arguments)


def test_audit_plan_and_synthesis_are_one_command_each(tmp_path: Path, capsys):
    root, out, plan = record(tmp_path / "s"), tmp_path / "audit", tmp_path / "plan.json"
    assert run("audit", root, "--out", out, "--threads", "1") == EXIT_OK
    assert "rain-night" in capsys.readouterr().out
    assert "rain-night" in (out / "audit.html").read_text()
    measured = ("--measure", "procedural", "--threads", "1")
    assert run("plan", out, "--out", plan, "--count", "5", "--weights", "fog-day=1", *measured) == EXIT_OK
    assert "5 variants of 3 frames" in capsys.readouterr().out
    cost = json.loads(plan.read_text())["cost"]
    assert cost["seconds_per_variant"] > 0
    assert cost["bytes"] > 1000
    assert synthesize("--data", plan, "--synthesizer", "procedural") == EXIT_OK
    made = Store.read(root).variants()
    assert [v.condition for v in made] == ["fog-day"] * 5
    assert len({v.provenance["plan"] for v in made}) == 1
    assert synthesize("--data", plan, "--synthesizer", "procedural") == EXIT_OK
    assert "0 variants made now, 5 were there" in capsys.readouterr().out


def test_a_plan_follows_its_store_when_it_is_named_anew(tmp_path: Path, capsys):
    root, out, plan = record(tmp_path / "s"), tmp_path / "audit", tmp_path / "plan.json"
    assert run("audit", root, "--out", out) == run("plan", out, "--out", plan, "--ratio", "1") == EXIT_OK
    moved = root.rename(tmp_path / "moved")
    assert synthesize("--data", plan, "--synthesizer", "procedural") == EXIT_FAILED
    assert synthesize("--data", plan, "--synthesizer", "procedural", "--stores", moved) == EXIT_OK
    assert len(Store.read(moved).variants()) == 3
    assert synthesize("--data", plan, "--conditions", "fog-day", "--synthesizer", "procedural") == EXIT_FAILED
    assert "own conditions" in capsys.readouterr().err


def test_shards_are_parts_that_the_store_takes_in(tmp_path: Path, capsys):
    root = record(tmp_path / "s")
    flags = ("--data", root, "--conditions", "fog-day", "--synthesizer", "procedural")
    assert synthesize(*flags, "--shard", "1/2") == synthesize(*flags, "--shard", "2/2") == EXIT_OK
    parts = [tmp_path / f"s-part-{k}-of-2" for k in (1, 2)]
    assert Store.read(root).variants() == []
    assert synthesize("--data", root, "--merge", *parts) == EXIT_OK
    assert len(Store.read(root).variants()) == 3
    with pytest.raises(ValueError, match="k from 1 to n"):
        parse_shard("3/2")


def test_the_guards_verdict_decides_what_is_kept(tmp_path: Path):
    root = record(tmp_path / "s")
    flags = (
        "--data",
        root,
        "--conditions",
        "cloudy-day",
        "--synthesizer",
        "procedural",
        "--guard",
        "all",
        "--retries",
        "0",
    )
    status = synthesize(*flags)
    store = Store.read(root)
    made, failures = store.variants(), store.failures()
    assert len(made) + len(failures) == 3
    assert status == (EXIT_PARTIAL if failures else EXIT_OK)
    assert all(v.provenance["guard"]["accepted"] and v.provenance["calibration"] == "calibrated" for v in made)
    assert all(f.reason.startswith("rejected by the guard 1 times") for f in failures)


def test_a_store_of_another_look_is_refused_where_models_judge_it_unless_allowed(tmp_path: Path, capsys):
    root = record(tmp_path / "s", {"look": "carla-0.9.16"})
    flags = ("--data", root, "--conditions", "cloudy-day", "--synthesizer", "procedural")
    assert synthesize(*flags, "--guard", "all") == EXIT_FAILED
    assert "--allow-uncalibrated" in capsys.readouterr().err
    assert Store.read(root).variants() == []
    synthesize(*flags, "--guard", "all", "--allow-uncalibrated", "--retries", "0")
    assert {v.provenance["calibration"] for v in Store.read(root).variants()} <= {"uncalibrated"}
    assert synthesize(*flags, "--seed", "1") == EXIT_OK, "without models there is nothing to be calibrated"


def test_options_that_do_not_go_together_are_refused(tmp_path: Path, capsys):
    root = record(tmp_path / "s")
    flags = ("--data", root, "--conditions", "fog-day", "--synthesizer", "procedural")
    assert synthesize(*flags, "--fallback", "procedural") == EXIT_FAILED
    assert "nothing is judged" in capsys.readouterr().err
    assert synthesize("--data", root, "--synthesizer", "procedural") == EXIT_FAILED
    assert "name target conditions" in capsys.readouterr().err
    assert synthesize(*flags, "--captions", "llava-hf/none") == EXIT_FAILED
    assert "hf download" in capsys.readouterr().err
    assert run("plan", tmp_path, "--out", tmp_path / "p.json", "--count", "1") == EXIT_FAILED
    assert "syndiff audit" in capsys.readouterr().err


def test_targets_are_named_or_weighed_or_matched(tmp_path: Path):
    names = ("clear-day", "fog-day")
    assert target_of("uniform", (), names) == ("uniform", {"clear-day": 0.5, "fog-day": 0.5})
    assert target_of("uniform", ("fog-day=3", "clear-day=1"), names)[1] == {"clear-day": 0.25, "fog-day": 0.75}
    file = tmp_path / "mixture.json"
    file.write_text('{"fog-day": 1, "clear-day": 4}')
    assert target_of(f"match:{file}", (), names)[1] == {"clear-day": 0.8, "fog-day": 0.2}
    file.write_text('{"counts": {"fog-day": 1, "clear-day": 1, "rain-dusk": 7}}')
    assert target_of(f"match:{file}", (), names)[1] == {"clear-day": 0.5, "fog-day": 0.5}
    with pytest.raises(ValueError, match="match:FILE"):
        target_of("softmax", (), names)
    with pytest.raises(ValueError, match="condition=number"):
        target_of("uniform", ("fog-day",), names)


def test_a_caption_model_on_a_gpu_that_is_not_there_is_refused(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)
    with pytest.raises(ValueError, match="choose --device cpu"):
        make_captioner("llava-hf/none", "cuda:1")
