import json

from leaderboard.infractions import Infraction, InfractionKind
from leaderboard.official_results import record_json, result_json
from leaderboard.results import DriveKey, DriveRecord, Results
from syndiff.cli import main

HIT = Infraction(InfractionKind.COLLISION_VEHICLE, 90, 4.5, (12.0, 34.0, 0.0), "Agent <collided> at (x=12.0, y=34.0)")
PLANNED = [DriveKey(route, condition, 0) for route in (1, 2) for condition in ("clear-day", "rain-night")]


def ours(path, hits: bool, count: int = 4, version: str = "0.9.16") -> str:
    results = Results(path, {"driver": "aim", "routes_sha256": "ab"}, PLANNED)
    results.name_simulator({"kind": "embedded", "version": version, "map": "TownGrid"})
    for key in PLANNED[:count]:
        events = (HIT,) if hits and key.condition == "rain-night" else ()
        results.add(DriveRecord(key, "Completed" if events else "Perfect", 100.0, events, 200.0, 41.0))
    results.save()
    return str(path)


def test_tables_a_comparison_and_a_page_come_from_result_files(tmp_path, capsys):
    page = tmp_path / "page.html"
    candidate, baseline = ours(tmp_path / "a.json", False), ours(tmp_path / "b.json", True)
    assert main(["stats", candidate, "--baseline", baseline, "--out", str(page)]) == 0
    told = capsys.readouterr().out
    assert "driving score 100.00 [100.00, 100.00]" in told
    assert "with the baseline: +20.00 [" in told
    assert "over 4 pairs; better in 2, equal in 2, worse in 0" in told
    assert main(["stats", baseline, "--out", str(page)]) == 0
    told = capsys.readouterr().out
    assert "collisions_vehicle" in told
    text = page.read_text()
    assert "Agent &lt;collided&gt;" in text
    assert "embedded" in text
    assert "<script" not in text


def test_a_partial_run_prints_no_score(tmp_path, capsys):
    assert main(["stats", ours(tmp_path / "a.json", False, count=3)]) == 3
    captured = capsys.readouterr()
    assert "1 drives have no record, among them 2/rain-night/0" in captured.err
    assert "driving score" not in captured.out
    rows = [record_json(DriveRecord(DriveKey(1, "x", 0), "Perfect", 100.0, (), 10.0, 1.0), 0)]
    official = tmp_path / "o.json"
    official.write_text(json.dumps(result_json(rows, 5, entry_status="Started", sensors=[], finished=False)))
    assert main(["stats", str(official)]) == 3


def test_the_map_of_infractions_shows_the_roads_of_the_town_or_says_why_not(tmp_path, capsys):
    page = tmp_path / "page.html"
    driven = ours(tmp_path / "a.json", True)
    assert main(["stats", driven, "--out", str(page)]) == 0
    text = page.read_text()
    assert text.count("<polyline") > 100
    assert "Without roads" not in text
    assert main(["stats", driven, "--out", str(page), "--town", "Town99"]) == 0
    assert "Without roads: no map of Town99 is shipped" in page.read_text()
    other = json.loads((tmp_path / "a.json").read_text())
    other["simulator"]["map_sha256"] = "0" * 64
    (tmp_path / "b.json").write_text(json.dumps(other))
    assert main(["stats", str(tmp_path / "b.json"), "--out", str(page)]) == 0
    assert "is not the one of the drives" in page.read_text()
    rows = [record_json(DriveRecord(DriveKey(1, "x", 0), "Completed", 100.0, (HIT,), 10.0, 1.0), 0)]
    official = tmp_path / "o.json"
    official.write_text(json.dumps(result_json(rows, 1, entry_status="Finished", sensors=[], finished=True)))
    assert main(["stats", str(official), "--out", str(page)]) == 0
    assert "give --town" in page.read_text()
    assert main(["stats", str(official), "--out", str(page), "--town", "TownGrid"]) == 0
    assert page.read_text().count("<polyline") > 100


def test_a_drive_without_an_outcome_is_missing_and_not_a_zero(tmp_path, capsys):
    statuses = ("Perfect", "Failed - Simulation crashed")
    rows = [
        record_json(DriveRecord(DriveKey(n, "x", 0), status, 100.0 * (n == 0), (), 10.0, 1.0), n)
        for n, status in enumerate(statuses)
    ]
    official = tmp_path / "o.json"
    official.write_text(json.dumps(result_json(rows, 2, entry_status="Crashed", sensors=[], finished=True)))
    assert main(["stats", str(official)]) == 3
    told = capsys.readouterr()
    assert "1 drives have no record, among them 1/of-the-route/0 (Failed - Simulation crashed)" in told.err
    assert "driving score" not in told.out


def test_failed_drives_are_told_by_their_status(tmp_path, capsys):
    rows = [
        record_json(DriveRecord(DriveKey(n, "x", 0), "Failed - Agent crashed", 4.0, (), 10.0, 1.0), n)
        for n in range(2)
    ]
    official, page = tmp_path / "o.json", tmp_path / "page.html"
    official.write_text(json.dumps(result_json(rows, 2, entry_status="Finished", sensors=[], finished=True)))
    assert main(["stats", str(official), "--out", str(page)]) == 0
    assert "2 x Failed - Agent crashed" in capsys.readouterr().out
    assert "2 x Failed - Agent crashed" in page.read_text()


def test_files_that_do_not_belong_together_are_refused(tmp_path, capsys):
    first, second = ours(tmp_path / "a.json", False), ours(tmp_path / "b.json", False, version="0.9.15")
    assert main(["stats", first, second]) == 1
    assert "differ in simulator" in " ".join(capsys.readouterr().err.split())
    assert main(["stats", first, first]) == 1
    assert "another file holds too" in " ".join(capsys.readouterr().err.split())
