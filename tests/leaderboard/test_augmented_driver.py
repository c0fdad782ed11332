"""A policy is evaluated on variants of what the simulator shows, and the results say what became of its pictures."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest

from augment.conditions import DOMINANT, HELD_OUT
from augment.online.config import OnlineConfig
from augment.online.synthesis import SynthesisFailed
from augment.synthesizers.procedural import ProceduralSynthesizer
from carla_agents.policies.base import CameraSpec, Plan
from carla_agents.simulator.session import Session, SimulatorConfig
from leaderboard.augmented_driver import AugmentedPolicyDriver
from leaderboard.drive import DriveConfig
from leaderboard.drivers import PolicyDriver
from leaderboard.evaluate import EvaluationConfig, evaluate
from leaderboard.results import Results, ResultsError
from scenarios.generate import ROUTES_FOLDER
from scenarios.route_files import read_routes, write_routes
from syndiff.commands.evaluate import Evaluate
from syndiff.commands.stats import Stats
from syndiff.evaluation import driver_of
from syndiff.online import augmentation_identity
from syndiff.statistics import run_stats


class Watcher:
    """A policy that stands still and keeps what it sees."""

    waypoint_spacing_s = 0.5

    def __init__(self) -> None:
        self.seen: list[np.ndarray] = []

    def camera(self) -> CameraSpec:
        return CameraSpec(width_px=64, height_px=48)

    def reset(self, seed: int) -> None:
        self.seen = []

    def act(self, observation) -> Plan:
        self.seen.append(observation.rgb)
        return Plan(np.zeros((4, 2), np.float32), 0.0)


class Broken(ProceduralSynthesizer):
    """Fails on its third picture."""

    count = 0

    def __call__(self, frames, targets, seeds):
        self.count += 1
        if self.count == 3:
            raise FloatingPointError("no picture")
        return super().__call__(frames, targets, seeds)


@pytest.fixture(scope="module")
def session():
    with Session.embedded(SimulatorConfig(map_name="TownGrid")) as opened:
        yield opened


class Kept:
    def __init__(self, session: Session) -> None:
        self.session = session

    def __enter__(self) -> Session:
        return self.session

    def __exit__(self, *_) -> None:
        self.session.reset()


@pytest.fixture
def config(tmp_path) -> EvaluationConfig:
    """One short route on which a car that stands still fails after two seconds."""
    spec = read_routes(ROUTES_FOLDER / "town_grid_eval.xml")[0]
    path = tmp_path / "short.xml"
    path.write_text(write_routes([replace(spec, waypoints_m=spec.waypoints_m[:4])]))
    drive = DriveConfig(cars=0, blocked_limit_s=2.0, time_limit_s=30.0)
    return EvaluationConfig(path, drive=drive, augmentation={"target": "rain-night"})


def driver(synthesizer, **options) -> AugmentedPolicyDriver:
    return AugmentedPolicyDriver(Watcher(), synthesizer, DOMINANT, HELD_OUT, 2, config=OnlineConfig(**options))


def test_the_policy_sees_variants_and_the_result_file_and_the_page_count_them(session, config, tmp_path, capsys):
    seen = {}
    for name, made in (
        ("plain", PolicyDriver(Watcher())),
        ("relight", driver(None)),
        ("procedural", driver(ProceduralSynthesizer(), every=3)),
    ):
        results = evaluate(lambda: Kept(session), made, name, config, tmp_path / f"{name}.json")
        seen[name] = made.policy.seen
        (record,) = results.records.values()
        assert record.status == "Failed - Agent got blocked"
    for name in ("relight", "procedural"):
        assert abs(len(seen[name]) - len(seen["plain"])) <= 1
        assert np.mean(seen[name]) < 0.7 * np.mean(seen["plain"]), "it is night"
    counts = json.loads((tmp_path / "procedural.json").read_text())["records"][0]["pictures"]
    assert counts["frames"] == counts["fresh"] + counts["warped"] == len(seen["procedural"])
    assert counts["fresh"] == -(-counts["frames"] // 3)
    assert "pictures" not in json.loads((tmp_path / "plain.json").read_text())["records"][0]
    again = Results.read(tmp_path / "procedural.json").records
    assert next(iter(again.values())).pictures == counts
    run_stats(Stats((tmp_path / "procedural.json",), out=tmp_path / "page.html"))
    assert f"{counts['warped']} warped" in capsys.readouterr().out
    page = (tmp_path / "page.html").read_text()
    assert "Pictures that the driver saw" in page
    other = replace(config, augmentation={"target": "fog-day"})
    with pytest.raises(ResultsError, match="different: augmentation"):
        evaluate(lambda: Kept(session), PolicyDriver(Watcher()), "plain", other, tmp_path / "plain.json")


def test_a_synthesizer_that_fails_ends_the_evaluation_with_its_reason_or_is_counted(session, config, tmp_path):
    with pytest.raises(SynthesisFailed, match="FloatingPointError: no picture"):
        evaluate(lambda: Kept(session), driver(Broken()), "broken", config, tmp_path / "a.json")
    results = evaluate(
        lambda: Kept(session), driver(Broken(), on_error="source"), "broken", config, tmp_path / "b.json"
    )
    (record,) = results.records.values()
    assert (record.pictures["failed"], record.pictures["shown_source"]) == (1, 1)


def test_options_that_do_not_go_together_are_refused(tmp_path):
    out = tmp_path / "r.json"
    with pytest.raises(ValueError, match="--augment needs --policy or --agent"):
        driver_of(Evaluate(out=out, augment="rain-night"))
    with pytest.raises(ValueError, match="needs budget_ms"):
        augmentation_identity(Evaluate(out=out, augment="rain-night", synthesizer="procedural", on_miss="source"))
    with pytest.raises(ValueError, match="relight can make no late variant"):
        driver(None, budget_ms=5.0, on_miss="source")
    told = augmentation_identity(Evaluate(out=out, augment="rain-night", synthesizer="procedural", budget_ms=30.0))
    assert (told["target"], told["budget_ms"]) == ("rain-night", 30.0)
    assert augmentation_identity(Evaluate(out=out)) is None
