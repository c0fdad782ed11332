"""`syndiff quality` through the command line: stores, plain folders, and what it refuses."""

from __future__ import annotations

import json
from pathlib import Path

import cv2
import numpy as np
import pytest

from syndiff.cli import EXIT_FAILED, main
from tests.augment.quality.conftest import FRAMES, fill

QUICK = ["--features", "segmenter", "--threads", "1"]


def test_a_store_becomes_figures_lines_and_a_page_that_needs_nothing_else(tmp_path: Path, capsys):
    fill(tmp_path / "store")
    arguments = ["quality", str(tmp_path / "store"), "--out", str(tmp_path / "report"), "--worst", "1", *QUICK]
    assert main(arguments) == 0
    assert "copy of the source" in capsys.readouterr().out
    result = json.loads((tmp_path / "report" / "quality.json").read_text())
    moved = next(g for g in result["groups"] if g["made_by"] == "moved")
    assert moved["guard"] == {"accepted": FRAMES // 2, "rejected (lane paint)": FRAMES // 2}
    assert moved["psnr_db"]["low"] < moved["psnr_db"]["value"] < moved["psnr_db"]["high"]
    assert result["absent"].keys() == {"lpips"}
    lines = [json.loads(line) for line in (tmp_path / "report" / "pictures.jsonl").read_text().splitlines()]
    assert len(lines) == 5 * FRAMES
    assert {line["made_by"] for line in lines if line["guard"]} == {"moved"}
    page = (tmp_path / "report" / "quality.html").read_text()
    assert page.count("data:image/jpeg;base64,") == 3, "one sheet at a glance, one of the condition, one worst case"
    assert "http" not in page.replace("http-equiv", "")
    assert "without lpips" in page


def test_two_plain_folders_are_compared(tmp_path: Path, capsys):
    rng = np.random.default_rng(0)
    for name, level in (("made", 90), ("true", 100)):
        (tmp_path / name / "deeper").mkdir(parents=True)
        for number in range(31):
            rgb = np.clip(rng.normal(level, 20, (32, 48 + 16 * (number % 2), 3)), 0, 255).astype(np.uint8)
            cv2.imwrite(str(tmp_path / name / "deeper" / f"{number}.jpg"), rgb)
    folders = ["--variants", str(tmp_path / "made"), "--reference", str(tmp_path / "true")]
    assert main(["quality", *folders, "--out", str(tmp_path / "report"), *QUICK]) == 0
    assert "kernel_segmenter" in capsys.readouterr().out
    result = json.loads((tmp_path / "report" / "quality.json").read_text())
    assert [f["name"] for f in result["folders"]] == ["variants", "random noise", "reference, every other one"]
    assert result["folders"][0]["distances"]["kernel_segmenter"]["value"] is not None
    assert "data:image/jpeg" in (tmp_path / "report" / "quality.html").read_text()


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        ([], "give stores"),
        (["--variants", "a"], "go together"),
        (["{tmp}/absent"], "is not a store"),
        (["{tmp}/absent", "--features", "clip"], "--clip"),
    ],
)
def test_what_cannot_be_measured_is_refused_with_what_to_do(tmp_path: Path, capsys, arguments, told):
    filled = [a.replace("{tmp}", str(tmp_path)) for a in arguments]
    assert main(["quality", *filled, "--out", str(tmp_path / "report"), "--threads", "1"]) == EXIT_FAILED
    assert not (tmp_path / "report").exists(), "the corrected command finds a free folder"
    assert told in " ".join(capsys.readouterr().err.split())
