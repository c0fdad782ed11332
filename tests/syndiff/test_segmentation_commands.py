"""import, train-seg and test-seg through the command line, from folders of pictures to a page."""

import json
import re
import subprocess
import sys

import cv2
import numpy as np
import pytest

from carla_agents.segmentation.weights import load_segmenter
from syndiff.cli import EXIT_FAILED, main

LINE = 24  # road line in CARLA 0.9.16


def data_set(root, count, seed):
    """Grey road with a bright line at a random place."""
    rng = np.random.default_rng(seed)
    for name in ("rgb", "seg"):
        (root / name).mkdir(parents=True)
    for number in range(count):
        seg = np.full((32, 48), 1, np.uint8)
        left = int(rng.integers(2, 40))
        seg[:, left : left + 6] = LINE
        rgb = np.where((seg == LINE)[..., None], 220, 80) + rng.integers(0, 9, (32, 48, 3))
        cv2.imwrite(str(root / "rgb" / f"{number:03d}.png"), rgb.astype(np.uint8))
        cv2.imwrite(str(root / "seg" / f"{number:03d}.png"), seg)


def test_from_folders_to_a_tested_segmenter(tmp_path, capsys):
    data_set(tmp_path / "a" / "train", 8, 0)
    data_set(tmp_path / "b" / "val", 31, 1)
    for name, split in (("a", "train"), ("b", "val")):
        arguments = ["--source", tmp_path / name, "--out", tmp_path / f"store-{name}", "--labels", "carla-0.9.16"]
        assert main(["import", *map(str, arguments), "--split", split, "--condition", "clear-day"]) == 0
    for name, steps in (("short", 1), ("long", 12)):
        arguments = ["--data", tmp_path / "store-a", "--out", tmp_path / name, "--steps", steps, "--threads", 1]
        assert main(["train-seg", *map(str, arguments), "--batch-size", "4", "--learning-rate", "0.01"]) == 0
    arguments = ["--data", tmp_path / "store-b", "--weights", tmp_path / "short", "--compare", tmp_path / "long"]
    assert (
        main(["test-seg", *map(str, arguments), "--out", str(tmp_path / "report"), "--worst", "2", "--threads", "1"])
        == 0
    )
    result = json.loads((tmp_path / "report" / "segmentation.json").read_text())
    assert result["groups"][0]["images"] == 31
    assert result["compared"]["second_minus_first"][0]["difference"] > 0.0
    page = (tmp_path / "report" / "segmentation.html").read_text()
    assert page.count("<img") == 2
    assert not re.findall(r'(?:src|href)="(?!data:)', page)
    assert "31 pictures" in capsys.readouterr().out


@pytest.mark.slow
def test_two_processes_train_one_segmenter_into_one_folder(tmp_path):
    data_set(tmp_path / "a" / "train", 8, 0)
    arguments = ["--source", tmp_path / "a", "--out", tmp_path / "store", "--labels", "carla-0.9.16"]
    assert main(["import", *map(str, arguments), "--split", "train", "--condition", "clear-day"]) == 0
    out = tmp_path / "out"
    launch = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]
    train = ["-m", "syndiff.cli", "train-seg", "--data", tmp_path / "store", "--out", out, "--threads", "1"]
    sizes = ["--batch-size", "4", "--checkpoint-every", "3"]
    for steps in ("6", "6"):  # the second time there is nothing left to do
        subprocess.run([*map(str, [*launch, *train, *sizes]), "--steps", steps], check=True, timeout=240)
    assert json.loads((out / "run.json").read_text())["config"]["training"]["steps"] == 6
    assert [json.loads(line)["step"] for line in (out / "train.jsonl").read_text().splitlines()] == [6]
    assert load_segmenter(out).classes.name == "groups12"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["test-seg", "--data", "{}/store", "--weights", "{}/nothing", "--out", "{}/r"], "syndiff train-seg"),
        (["train-seg", "--data", "{}/nothing", "--out", "{}/o"], "is not a store"),
        (
            ["train-seg", "--data", "{}", "--out", "{}/o", "--model", "x"],
            "--model names a network of --backend transformers",
        ),
        (
            ["train-seg", "--data", "{}", "--out", "{}/o", "--config", "x"],
            "--config names a network of --backend mmseg",
        ),
        (["import", "--source", "{}/nothing", "--out", "{}/s", "--labels", "waymo"], "not a folder"),
    ],
)
def test_what_is_missing_is_named_without_a_traceback(tmp_path, capsys, arguments, message):
    assert main([a.format(tmp_path) for a in arguments]) == EXIT_FAILED
    assert message in " ".join(capsys.readouterr().err.split())
