"""`syndiff evaluate --augment` from the command line to the report."""

import json
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from augment.online.config import OnlineConfig
from carla_agents.policies.aim import save_network
from carla_agents.policies.aim_network import AimConfig, AimNetwork
from scenarios.generate import ROUTES_FOLDER
from scenarios.route_files import read_routes, write_routes
from syndiff.cli import main
from syndiff.commands.evaluate import Evaluate
from syndiff.online import augmentation_identity, online_config
from tests.augment.export.tiny_models import write_translator

EYES = AimConfig(width_px=64, height_px=48, middle_px=(16, 8, 48, 40), channels=(4, 8), hidden=8)


@pytest.fixture
def policy(tmp_path: Path) -> Path:
    """An untrained policy with a small camera."""
    torch.manual_seed(0)
    save_network(AimNetwork(EYES), tmp_path / "policy", {})
    return tmp_path / "policy"


@pytest.fixture
def routes(tmp_path: Path) -> Path:
    """The beginning of one shipped route."""
    spec = read_routes(ROUTES_FOLDER / "town_grid_eval.xml")[0]
    path = tmp_path / "short.xml"
    path.write_text(write_routes([replace(spec, waypoints_m=spec.waypoints_m[:3])]))
    return path


def pictures(path: Path) -> dict[str, int]:
    (record,) = json.loads(path.read_text())["records"]
    return record["pictures"]


def test_rhythm_overlap_and_threads_reach_the_augmenter_and_are_part_of_the_identity() -> None:
    options = Evaluate(Path("r.json"), augment="rain-night", augment_every=2, overlap="warp", threads=3)
    assert online_config(options) == OnlineConfig(every=2, overlap="warp")
    told = augmentation_identity(options)
    assert told is not None
    assert (told["every"], told["overlap"], told["threads"]) == (2, "warp", 3)
    with pytest.raises(ValueError, match="needs every=1"):
        online_config(replace(options, overlap="one-tick-old"))


def test_the_weights_of_a_translator_are_part_of_the_identity(tmp_path: Path) -> None:
    told = [
        augmentation_identity(
            Evaluate(
                Path("r.json"),
                augment="rain-night",
                synthesizer="translator",
                augment_weights=write_translator(tmp_path / str(seed), seed),
            )
        )
        for seed in (0, 1)
    ]
    assert told[0] is not None
    assert told[0]["synthesizer"] == "translator"
    assert told[0] != told[1]
    with pytest.raises(ValueError, match="'translator' needs weights"):
        augmentation_identity(Evaluate(Path("r.json"), augment="rain-night", synthesizer="translator"))


@pytest.mark.slow
def test_an_augmented_evaluation_runs_from_the_command_line_to_the_page(policy, routes, tmp_path, capsys) -> None:
    given = ["--policy", str(policy), "--routes", str(routes), "--vehicles", "0", "--augment", "rain-night"]
    given += ["--synthesizer", "embedded", "--threads", "1"]
    page = tmp_path / "page.html"

    out = tmp_path / "overlap.json"
    assert main(["evaluate", "--out", str(out), *given, "--augment-every", "3", "--overlap", "warp"]) == 0
    counts = pictures(out)
    assert counts["frames"] == counts["fresh"] + counts["warped"] > 20
    assert counts["warped"] > counts["fresh"]
    assert counts["misses"] == 0
    assert f"{counts['warped']} warped" in capsys.readouterr().out

    out = tmp_path / "missed.json"
    assert main(["evaluate", "--out", str(out), *given, "--budget-ms", "0.001", "--on-miss", "source"]) == 0
    counts = pictures(out)
    assert counts["missed"] == counts["misses"] == counts["shown_source"] > 20
    assert f"{counts['misses']} misses" in capsys.readouterr().out
    assert main(["stats", str(out), "--out", str(page)]) == 0
    assert f"<td>{counts['misses']}</td>" in page.read_text()
