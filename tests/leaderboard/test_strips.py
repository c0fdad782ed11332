"""Pictures around infractions, on the embedded simulator, and on the page that shows them."""

import json
from dataclasses import replace

import cv2
import pytest

from carla_agents.simulator.session import Session, SimulatorConfig
from leaderboard.blind_drivers import ConstantThrottle
from leaderboard.drive import DriveConfig
from leaderboard.evaluate import EvaluationConfig, evaluate
from leaderboard.infractions import InfractionKind
from leaderboard.strips import InfractionStrips, StripConfig, strip_path, strips_folder
from scenarios.generate import ROUTES_FOLDER
from scenarios.route_files import read_routes, write_routes
from syndiff.cli import main


@pytest.fixture(scope="module")
def config(tmp_path_factory) -> EvaluationConfig:
    """The beginning of one shipped route."""
    (spec,) = read_routes(ROUTES_FOLDER / "town_grid_eval.xml")[:1]
    path = tmp_path_factory.mktemp("routes") / "short.xml"
    path.write_text(write_routes([replace(spec, waypoints_m=spec.waypoints_m[:4])]))
    return EvaluationConfig(path, drive=DriveConfig(cars=3, blocked_limit_s=3.0, time_limit_s=30.0))


def embedded(rendering: bool) -> Session:
    return Session.embedded(SimulatorConfig(map_name="TownGrid", rendering=rendering))


def test_every_infraction_gets_a_strip_and_the_drive_is_the_one_without_strips(config, tmp_path):
    reckless = ConstantThrottle(0.8)
    out = tmp_path / "seen.json"
    plain = evaluate(lambda: embedded(False), reckless, "reckless", config, tmp_path / "plain.json")
    seen = evaluate(
        lambda: embedded(True), reckless, "reckless", config, out, strips=InfractionStrips(out, StripConfig(160, 90))
    )
    assert seen.records == plain.records
    (record,) = seen.records.values()
    events = [event for event in record.infractions if event.kind is not InfractionKind.MIN_SPEED]
    assert events
    for event in events:
        picture = cv2.imread(str(strip_path(out, record.key, event)))
        assert picture.shape[0] == 90 + 18 + 2
        assert picture.shape[1] % 164 == 0
        assert 2 <= picture.shape[1] // 164 <= 7
        assert picture.std() > 10.0
    assert len(list(strips_folder(out).rglob("*.jpg"))) == len({(e.frame_id, e.kind) for e in events})
    page = tmp_path / "page.html"
    assert main(["stats", str(out), "--baseline", str(tmp_path / "plain.json"), "--out", str(page)]) == 0
    text = page.read_text()
    assert text.count("data:image/jpeg") == len(events)
    assert events[0].message.split(" at (")[0] in text
    assert "<th>baseline</th><th>difference</th>" in text
    assert "strips" not in json.dumps(seen.identity)


def test_without_a_renderer_the_drive_is_left_open_with_the_reason(config, tmp_path):
    strips = InfractionStrips(tmp_path / "r.json")
    results = evaluate(lambda: embedded(False), ConstantThrottle(), "r", config, tmp_path / "r.json", strips=strips)
    assert len(results.missing()) == 1
    assert "sensor.camera.rgb" in results.crashes[0]["reason"]
