"""Every example runs, as its docstring says, and leaves what it promises."""

import json
import os
import socket
import subprocess
import sys
from pathlib import Path

import cv2
import pytest

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"


def run(name: str, *arguments: str) -> str:
    command = [sys.executable, str(EXAMPLES / name), *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=170)
    assert done.returncode == 0, done.stderr[-3000:]
    return done.stdout


# A plain script cannot guard itself against the client's Traffic Manager losing a wake-up (see
# docs/carla-compatibility.md), so a rare hang must not fail everybody's build.
@pytest.mark.slow
def test_a_plain_carla_script_runs_against_the_embedded_server(fresh_server, tmp_path):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        tm_port = free.getsockname()[1]
    ports = ("--port", str(fresh_server().port), "--tm-port", str(tm_port))
    out = run("plain_carla_client.py", *ports, "--out", str(tmp_path), "--ticks", "60")
    assert "mean speed of 10 cars" in out
    pictures = sorted(tmp_path.glob("*.png"))
    assert len(pictures) == 3
    assert len({tuple(c) for c in cv2.imread(str(pictures[0])).reshape(-1, 3)}) > 4, "several classes are in view"


def test_the_gymnasium_example_drives(tmp_path):
    assert "progress" in run("gym_loop.py", "--steps", "60", "--cars", "2")


@pytest.mark.slow
def test_twelve_drives_of_one_seed_have_the_same_labels(tmp_path):
    sheet = tmp_path / "sheet.jpg"
    out = run("same_drive_twelve_weathers.py", "--out", str(sheet), "--ticks", "60", "--width", "160")
    assert "12 of 12 drives" in out
    assert cv2.imread(str(sheet)).shape[1] > 1400


@pytest.mark.slow
def test_ppo_learns_from_pictures_of_other_weather():
    pytest.importorskip("stable_baselines3", reason="stable-baselines3 is an extra: pip install 'syndiff-ad[rl]'")
    out = run(
        "ppo_online_augmentation.py", "--steps", "32", "--rollout", "8", "--envs", "2", "--conditions", "fog-day"
    )
    assert "fog-day       warped" in out
    assert "steps/s, updates included" in out


@pytest.mark.slow
def test_a_clear_day_policy_is_shown_both_nights_side_by_side(tmp_path):
    small = ("--drives", "1", "--steps", "5", "--routes", "1", "--patience-s", "2")
    out = run("clear_day_policy_at_night.py", "--out", str(tmp_path), *small)
    assert len(list(tmp_path.glob("results-*.json"))) == 3
    assert "mean difference to the true night" in out
    assert cv2.imread(str(tmp_path / "pictures.jpg")).shape[0] > 500


@pytest.mark.slow
@pytest.mark.timeout(1700)
def test_the_augmentation_chain_runs_from_drives_to_two_tested_segmenters(tmp_path):
    script = ["bash", str(EXAMPLES / "augmentation_chain.sh"), str(tmp_path / "chain"), "1", "2"]
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    done = subprocess.run(
        script, capture_output=True, text=True, check=False, timeout=1600, env={**os.environ, "PATH": path}
    )
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-3000:]
    made = json.loads((tmp_path / "chain" / "quality" / "quality.json").read_text())
    # Of two drives one is in fog, so that the plan asks for no more of it.
    assert {g["condition"] for g in made["groups"]} == {"clear-night", "rain-night"}
    assert {"true re-render", "copy of the source", "random noise"} < {g["made_by"] for g in made["groups"]}
    compared = json.loads((tmp_path / "chain" / "comparison" / "segmentation.json").read_text())
    assert {g["source"] for g in compared["groups"]} == {"real", "relight"}
    assert compared["compared"]["second_minus_first"]
    assert (tmp_path / "chain" / "guard" / "guard.html").is_file()
